"""Zonal laws of losses that jump, have kinks or narrow wells: the reference is each side of a break alone."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special

from thermo_ideal.distributions import VonMisesFisher, Zonal, zonal_relaxation

PLACES = np.random.default_rng(0).uniform(-0.98, 0.98, 12)


def integral(f, d, T, breaks, g=lambda m: 1.0):
    """`∫ g e^{−f/T}` over the sphere, in the angle, between the breaks."""
    edges = np.arccos(np.clip([1.0, *sorted(breaks, reverse=True), -1.0], -1, 1))
    part = lambda a: g(np.cos(a)) * np.exp(-f(np.cos(a)) / T) * np.sin(a) ** (d - 2)  # noqa: E731
    total = sum(integrate.quad(part, *ends, epsabs=0, epsrel=1e-13, limit=200)[0] for ends in pairwise(edges))
    return total * 2 * np.pi ** ((d - 1) / 2) / special.gamma((d - 1) / 2)


def step(where, down=False):
    return lambda m: np.where((m > where) != down, 1.0, 0.0)


def hinge(where):
    return lambda m: np.maximum(0.0, where - m)


def test_the_audits_values():
    """At `d = 3` the overlap is uniform, and both integrals are elementary."""
    down = Zonal(step(0.25, down=True), 3, 0.05)
    assert down.log_normalizer == pytest.approx(-np.log(2 * np.pi * (0.75 + 1.25 * np.exp(-20))), rel=1e-12)
    assert round(-down.log_normalizer, 7) == 1.5501950
    kink = Zonal(hinge(0.2), 3, 1e-3)
    assert kink.log_normalizer == pytest.approx(-np.log(2 * np.pi * (0.8 + 1e-3 * -np.expm1(-1200))), rel=1e-12)
    assert round(-kink.log_normalizer, 7) == 1.6159827
    waves = Zonal(lambda m: np.sin(5 * m), 1000, 1e-8)
    # −25 (m + π/10) = 997 m T/(1 − m²) to first order in T, and half of the cubic term of the exponent
    m0 = -np.pi / 10
    assert waves.mean_overlap == pytest.approx(m0 - 1e-8 / 25 * 997 * m0 / (1 - m0**2), abs=1e-12)
    assert round(waves.mean_overlap, 6) == -0.314159


@pytest.mark.parametrize("given", [False, True], ids=["found", "given"])
@pytest.mark.parametrize(("d", "T"), [(2, 0.3), (3, 0.05), (7, 0.02), (200, 1e-3)])
def test_steps_and_kinks_anywhere(d, T, given):
    """The error that is stated is no smaller than the one that is made."""
    for where in PLACES[: 3 if d == 2 else 6]:
        for f in (step(where), step(where, down=True), hinge(where), lambda m, a=where: abs(m - a) ** 1.5):
            law = Zonal(f, d, T, breakpoints=[where] if given else [])
            exact = np.log(integral(f, d, T, [where]))
            assert abs(-law.log_normalizer - exact) < law.quadrature_error + 5e-13 * max(1.0, abs(exact)), where
            assert law.quadrature_error < 1e-9


def test_a_break_that_is_given_costs_no_cells():
    found, given = (Zonal(step(0.25), 3, 0.05, breakpoints=b) for b in ([], [0.25]))
    assert given._quadrature.s.size < found._quadrature.s.size
    depth = Zonal(lambda u: np.where(u < 0.75, 1.0, 0.0), 3, 0.05, argument="depth", breakpoints=0.75)
    assert np.isclose(depth.log_normalizer, given.log_normalizer, rtol=1e-13)


@pytest.mark.parametrize("T", [1e-2, 1.0, 1e3, 1e8])
def test_hot_laws_see_the_kinks_of_the_loss_itself(T):
    """Where `f/T` is small the density hardly shows a kink, and `E f` and `Var f` do all the same."""
    for f, where in ((hinge(0.2), 0.2), (step(-0.3), -0.3)):
        law = Zonal(f, 3, T)
        total = integral(f, 3, T, [where])
        mean = integral(f, 3, T, [where], f) / total
        spread = integral(f, 3, T, [where], lambda m, f=f, mean=mean: (f(m) - mean) ** 2) / total
        assert np.isclose(law.mean_loss, mean, rtol=1e-11)
        assert np.isclose(law.heat_capacity, spread / T**2, rtol=1e-10)


def test_expectations_of_what_jumps():
    law = Zonal.linear(5, 0.3)
    for depth in (0.1, 0.3, 1.2345):
        assert law.expectation(lambda u, depth=depth: u < depth) == pytest.approx(law.depth_cdf(depth), rel=1e-11)
    assert law.expectation(lambda u: abs(u - 0.3)) == pytest.approx(
        law.mean_depth - 0.3 + 2 * law.expectation(lambda u: np.maximum(0.3 - u, 0)), rel=1e-11
    )


def well(low, high, depth=1.0):
    return lambda m: np.where((m > low) & (m < high), -depth, 0.0)


@pytest.mark.parametrize("low", [-0.7231, 0.0, 0.3, 0.91])
@pytest.mark.parametrize("width", [3e-2, 1e-3, 3e-4])
def test_wells_narrower_than_the_cells(low, width):
    """Nothing else shows where they are; half of the mass, or nearly all of it, is in them."""
    for T in (1 / np.log(2 / width), 0.02):
        law = Zonal(well(low, low + width), 3, T)
        exact = np.log(2 * np.pi * (2 - width + width * np.exp(1 / T)))
        assert -law.log_normalizer == pytest.approx(exact, rel=1e-11)


def test_a_well_that_only_its_owner_knows():
    low, width, T = 0.3, 1e-7, 0.05
    law = Zonal(well(low, low + width), 3, T, breakpoints=[low, low + width])
    assert -law.log_normalizer == pytest.approx(np.log(2 * np.pi * (2 - width + width * np.exp(20))), rel=1e-8)
    assert Zonal(well(low, low + width), 3, T).quadrature_error < 1e-9  # and is wrong: hence the argument


@pytest.mark.parametrize(("waves", "d", "T"), [(5, 1000, 1e-8), (40, 200, 1e-7), (40, 3, 0.05), (300, 50, 1e-3)])
def test_the_deepest_of_many_wells(waves, d, T):
    """Equal in depth, they differ by the area of the sphere there, far less than from point to point of a scan."""
    law = Zonal(lambda m: np.sin(waves * m), d, T)
    centres = (-np.pi / 2 + 2 * np.pi * np.arange(-waves, waves)) / waves
    centres = centres[abs(centres) < 1]
    if T < 1e-5:  # normal wells, of the same width
        weights = (1 - centres**2) ** ((d - 3) / 2)
        assert law.mean_overlap == pytest.approx(weights @ centres / weights.sum(), abs=1e-5)
    else:
        edges = np.arange(-1, 1, 0.1 / waves * 10)
        exact = 1 / T + np.log(integral(lambda m: 1 + np.sin(waves * m), d, T, edges[1:]))
        assert -law.log_normalizer == pytest.approx(exact, rel=1e-11)
    assert law.quadrature_error < 1e-9 + law.rounding


def test_the_mode_is_the_deepest_well():
    """One of width 0.002, beside a broad one that is nearly as deep."""
    loss = lambda m: np.minimum((m + 0.5) ** 2 - 0.999, ((m - 0.3141) / 1e-3) ** 2 - 1)  # noqa: E731
    law = Zonal(loss, 4, 0.1)
    assert law.mode_depth == pytest.approx(1 - 0.3141, abs=1e-9)


def test_a_kink_between_two_wells_is_crossed():
    """`zonal_relaxation` looks at the same points; `|m|` has its barrier in the kink."""
    rates = zonal_relaxation(Zonal(lambda m: -abs(m), 3, 0.3, breakpoints=0.0))
    low, high = rates.zonal_gap_bounds
    assert 0 < low <= rates.zonal_gap <= high < np.inf


def test_divergences_of_laws_with_kinks():
    p, q = VonMisesFisher(np.eye(3)[0], 3.0), Zonal(hinge(0.2), 3, 0.1, mean_direction=np.eye(3)[0])
    f = lambda m: -m / (1 / 3.0)  # noqa: E731
    total = integral(f, 3, 1.0, [0.2])
    ratio = lambda m: 3 * m + float(np.asarray(hinge(0.2)(m))) / 0.1  # noqa: E731
    exact = integral(f, 3, 1.0, [0.2], ratio) / total - np.log(total) - q.log_normalizer
    assert p.kl_divergence(q) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Zonal(np.cos, 3, breakpoints=[0.1, 1.0]), "breakpoints: got 1, expected numbers between -1 and 1"),
        (lambda: Zonal(np.cos, 3, breakpoints=np.nan), "breakpoints: got nan"),
        (lambda: Zonal(np.cos, 3, argument="depth", breakpoints=-0.1), "breakpoints: got -0.1, .* between 0 and 2"),
    ],
)
def test_wrong_breakpoints(call, message):
    with pytest.raises(ValueError, match=message):
        call()
