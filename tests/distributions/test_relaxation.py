"""Relaxation rates: against continued fractions in many digits, Rayleigh–Ritz in polynomials, and known limits."""

import dataclasses

import mpmath
import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy import special

from thermo_ideal.distributions import Relaxation, Zonal, _relaxation, zonal_relaxation
from thermo_ideal.distributions import von_mises_fisher as vmf


def eigenvalue(diagonal, product, guess, digits=40, terms=250):
    """That of a tridiagonal matrix nearest to the guess, from its continued fraction.

    Args:
        diagonal: its entries, by `k = 0, 1, …`.
        product: of the two entries beside it that join `k` and `k + 1`.
    """
    with mpmath.workdps(digits):

        def fraction(x):
            tail = mpmath.mpf(0)
            for k in range(terms, 0, -1):
                tail = product(k - 1) / (diagonal(k) - x - tail)
            return diagonal(0) - x - tail

        guess = mpmath.mpf(guess)
        return mpmath.findroot(fraction, (guess, guess * (1 + mpmath.mpf("1e-6"))), verify=False)


def linear_zonal(d, T, guess):
    """`f = 1 − m` in Gegenbayer polynomials of degree `n ≥ 1`, which are 1 at `m = 1`."""
    c = lambda n: mpmath.mpf(n * (n + d - 2)) / (2 * n + d - 2)  # noqa: E731
    return eigenvalue(lambda k: mpmath.mpf(T) * (k + 1) * (k + d - 1), lambda k: -c(k + 1) * c(k + 2), guess)


def linear_transverse(d, T, guess):
    """`f = 1 − m`, for `sin θ` times the Gegenbayer polynomials of dimension `d + 2`."""
    up = lambda k: mpmath.mpf((k + 1) * (k + d)) / (2 * k + d)  # noqa: E731
    down = lambda k: -mpmath.mpf(k * (k + d - 1)) / (2 * k + d)  # noqa: E731
    return eigenvalue(lambda k: mpmath.mpf(T) * (k * (k + d) + d - 1), lambda k: up(k) * down(k + 1), guess)


def double_well(d, T, guess, **precision):
    """`f = −m²` in odd powers of `m`."""
    n = lambda k: 2 * k + 1  # noqa: E731
    return eigenvalue(
        lambda k: n(k) * (mpmath.mpf(T) * (n(k) + d - 2) - 2),
        lambda k: -2 * n(k) * mpmath.mpf(T) * (n(k) + 2) * (n(k) + 1),
        guess,
        **precision,
    )


def ring(d, T, guess, **precision):
    """`f = m²` in `sin kθ`, `k` odd, in the plane; elsewhere in `sin θ` times even powers of `m`."""
    T = mpmath.mpf(T)
    if d == 2:
        diagonal, product = lambda k: T * (2 * k + 1) ** 2 - (k == 0) / mpmath.mpf(2), lambda k: -(k + 0.5) * (k + 1.5)
    else:
        diagonal = lambda k: 2 * k * (T * (2 * k + d) + 2) + T * (d - 1)  # noqa: E731
        product = lambda k: (4 * k + 2) * T * (2 * k + 2) * (2 * k + 1)  # noqa: E731
    return eigenvalue(diagonal, product, guess, **precision)


def rayleigh_ritz(f, d, T, degree=80, nodes=250):
    """Both gaps and the energy time, in polynomials orthonormal for the Gibbs law, by Gauss–Jacobi rules in `m`."""
    m, rule = special.roots_jacobi(nodes, (d - 3) / 2, (d - 3) / 2)
    weight = rule * np.exp(-(f(m) - f(m).min()) / T)

    def orthonormal(weight):
        p, slope = np.zeros((degree, nodes)), np.zeros((degree, nodes))
        p[0] = 1 / np.sqrt(weight.sum())
        for k in range(1, degree):
            new, new_slope = m * p[k - 1], p[k - 1] + m * slope[k - 1]
            for _ in range(2):
                overlap = p[:k] @ (weight * new)
                new, new_slope = new - overlap @ p[:k], new_slope - overlap @ slope[:k]
            norm = np.sqrt(np.sum(weight * new**2))
            p[k], slope[k] = new / norm, new_slope / norm
        return p, slope

    p, slope = orthonormal(weight)
    generator = T * (slope * weight * (1 - m**2)) @ slope.T
    loss = (p @ (weight * f(m)))[1:]
    time = loss @ np.linalg.solve(generator[1:, 1:], loss) / (loss @ loss)
    p, slope = orthonormal(weight * (1 - m**2))
    turn = m * p - (1 - m**2) * slope  # d(φ sin θ)/dθ
    transverse = T * ((turn * weight) @ turn.T + (d - 2) * (p * weight) @ p.T)
    return np.linalg.eigvalsh(generator)[1], np.linalg.eigvalsh(transverse)[0], time


def assert_close(ours, exact, rtol=1e-11):
    assert abs(float(ours / exact - 1)) < rtol


@pytest.mark.parametrize(
    ("d", "T"),
    [(2, 0.003), (2, 0.05), (2, 1), (3, 0.02), (3, 0.3), (10, 0.01), (10, 1), (50, 0.02), (50, 1e6), (10**9, 1e-9)],
)
def test_the_linear_loss(d, T):
    ours = zonal_relaxation(Zonal.linear(d, T))
    assert_close(ours.zonal_gap, linear_zonal(d, T, ours.zonal_gap))
    assert_close(ours.transverse_gap, linear_transverse(d, T, ours.transverse_gap))
    for wrong in (linear_zonal(d, 1.001 * T, ours.zonal_gap), linear_transverse(d + 1, T, ours.transverse_gap)):
        if d < 10**9:
            assert abs(ours.zonal_gap / wrong - 1) > 1e-9
            assert ours.transverse_gap != pytest.approx(float(wrong), rel=1e-9)


@pytest.mark.parametrize("d", [2, 3, 10, 1_000, 10**6, 10**9])
def test_hot_and_cold(d):
    hot = zonal_relaxation(Zonal.linear(d, 1e6))
    for rate in (hot.zonal_gap, hot.transverse_gap, 1 / hot.energy_time):
        assert_close(rate, 1e6 * (d - 1), 2e-9)
    cold = zonal_relaxation(Zonal.linear(d, 1e-3 / d**2))
    for rate, exact in ((cold.zonal_gap, 2), (cold.transverse_gap, 1), (1 / cold.energy_time, 2)):
        assert_close(rate, exact, 2e-3)
    assert cold.gap == cold.transverse_gap < cold.zonal_gap


@pytest.mark.parametrize("d", [2, 3, 40, 10**6])
def test_an_ornstein_uhlenbeck_process(d):
    """The slope of a cold loss at its pole: the rates `a` and `2a`, and `a + O(T)`."""
    ours = zonal_relaxation(Zonal(lambda u: 7 * u + 100 * u**2, d, 1e-12, argument="depth"))
    assert_close(ours.transverse_gap, 7, 1e-3 if d == 10**6 else 1e-8)
    assert_close(ours.zonal_gap, 14, 1e-3 if d == 10**6 else 1e-8)
    assert_close(ours.energy_time, 1 / 14, 1e-3 if d == 10**6 else 1e-8)


@pytest.mark.parametrize(("d", "T"), [(2, 0.1), (3, 1e-10), (3, 0.5), (20, 0.1), (10**6, 1e-6), (10**9, 1e-9)])
def test_the_variational_bound_of_a_rotated_law(x64, d, T):
    A = float(vmf.mean_resultant_length(d, temperature=T))
    bound = (1 - T * A) / A
    rate = zonal_relaxation(Zonal.linear(d, T)).transverse_gap
    assert T * (d - 2) <= rate <= bound * (1 + 1e-10)
    assert rate > bound * 0.9


@pytest.mark.parametrize(("d", "T", "digits"), [(3, 0.1, 50), (2, 0.01, 120), (10, 0.01, 120), (50, 0.02, 80)])
def test_exponentially_slow(d, T, digits):
    precision = {"digits": digits, "terms": 400}
    ours = zonal_relaxation(Zonal(lambda m: -(m**2), d, T))
    exact = double_well(d, T, ours.zonal_gap, **precision)
    assert_close(ours.zonal_gap, exact)
    low, high = ours.zonal_gap_bounds
    assert low < exact < high < low * (1 + 1e-10)
    assert not low < double_well(d, T * (1 + 1e-9), ours.zonal_gap, **precision) < high
    assert ours.gap == ours.zonal_gap < 0.1 * ours.transverse_gap


@pytest.mark.parametrize(("d", "T"), [(2, 0.1), (2, 0.01), (3, 0.01), (10, 0.05)])
def test_rings(d, T):
    ours = zonal_relaxation(Zonal(lambda m: m**2, d, T))
    exact = ring(d, T, ours.transverse_gap, digits=120)
    assert_close(ours.transverse_gap, exact)
    assert abs(ours.transverse_gap / ring(d, T * (1 + 1e-9), exact, digits=120) - 1) > 1e-10
    assert ours.gap == ours.transverse_gap


@pytest.mark.parametrize("T", [1.0, 0.1, 0.004])
def test_a_quarter_turn_of_the_plane_exchanges_the_sectors(T):
    ours, turned = (zonal_relaxation(Zonal(lambda m, sign=sign: sign * m**2, 2, T)) for sign in (1, -1))
    assert_close(ours.transverse_gap, turned.zonal_gap)
    assert_close(ours.zonal_gap, turned.transverse_gap)
    assert_close(ours.energy_time, turned.energy_time, 1e-10)


POLYNOMIALS = [
    (2, 0.2, (0, 1, -1, 0.5)),
    (3, 0.15, (0, 0.05, -1)),
    (3, 0.1, (0, 0.3, 3, 0, -3)),  # three wells
    (10, 0.3, (0, 0.2, 0, -4)),
    (50, 0.1, (0, 1, 2, 0, -9)),
    (300, 2.0, (0, 5, -400)),
]


@pytest.mark.parametrize(("d", "T", "coefficients"), POLYNOMIALS)
def test_rayleigh_ritz(d, T, coefficients):
    f = Polynomial(coefficients)
    ours = zonal_relaxation(Zonal(f, d, T))
    zonal, transverse, time = rayleigh_ritz(f, d, T)
    for mine, theirs in ((ours.zonal_gap, zonal), (ours.transverse_gap, transverse), (ours.energy_time, time)):
        assert_close(mine, theirs, 1e-10)  # what the eigenvalues lose to the largest one
    wrong = rayleigh_ritz(Polynomial(coefficients) * 1.001, d, T)
    assert abs(ours.zonal_gap / wrong[0] - 1) > 1e-8
    assert abs(ours.transverse_gap / wrong[1] - 1) > 1e-8


def test_kramers():
    """Asymmetric wells at the poles of `S²`: the rate of leaving the shallow one, in the limit of high barriers."""
    T, f = 2e-3, Polynomial((0, 0.2, -1))
    top = 0.1
    # In the plane of m: a flux ∝ T(1 − m²) e^{−f/T} through the top, from a mass e^{−f/T} T/|f′| at a pole.
    flux = T * (1 - top**2) / np.sqrt(2 * np.pi * T / 2)
    escape = flux * np.exp((f(1) - f(top)) / T) * abs(f.deriv()(1)) / T
    ours = zonal_relaxation(Zonal(f, 3, T))
    assert ours.zonal_gap == pytest.approx(escape, rel=5 * T)
    assert ours.zonal_gap < 1e-170


@pytest.mark.parametrize(("d", "sign"), [(2, 1), (5, -1)])
def test_a_shallow_well_is_followed_only_until_it_is_left(monkeypatch, d, sign):
    law = Zonal(lambda m: -(m**2) + sign * m / 2, d, 0.002)
    whole = zonal_relaxation(law)
    monkeypatch.setattr(_relaxation, "_CLIMB", 150.0)
    arcs = _relaxation._arcs(law)
    assert sorted(arc.open for arc in arcs) == sorted([(False, False), (sign < 0, sign > 0)])
    parted = zonal_relaxation(law)
    for name in ("zonal_gap", "transverse_gap", "energy_time"):
        assert_close(getattr(parted, name), getattr(whole, name))


def test_wells_that_never_meet():
    even = zonal_relaxation(Zonal(lambda u: -((1 - u) ** 2), 10, 1e-6, argument="depth"))
    assert even.gap == even.zonal_gap == 0
    assert even.zonal_gap_bounds == (0, 0)
    assert_close(even.transverse_gap, 2, 1e-5)
    assert_close(even.energy_time, 1 / 4, 1e-5)  # an even loss does not see them
    odd = zonal_relaxation(Zonal(lambda m: -(m**2) + 2e-5 * m, 10, 1e-5))
    assert odd.gap == 0
    assert odd.energy_time == np.inf
    assert zonal_relaxation(Zonal(lambda m: m**2, 2, 1e-6)).transverse_gap == 0


def test_walls():
    inside = zonal_relaxation(Zonal(lambda m: np.where(np.abs(m) < 0.5, 0, np.inf), 2, 0.1))
    assert_close(inside.zonal_gap, 0.1 * 3**2, 1e-8)  # T (π/L)², L = π/3
    assert inside.transverse_gap == 0  # no way past the poles
    outside = zonal_relaxation(Zonal(lambda m: np.where(np.abs(m) > 0.5, 0, np.inf), 2, 0.1))
    assert outside.zonal_gap == 0
    assert_close(outside.transverse_gap, 0.1 * 1.5**2, 1e-8)  # absorbed at the pole, reflected π/3 from it


def test_a_constant_loss_and_the_container():
    ours = zonal_relaxation(Zonal(lambda m: 0 * m, 7, 0.5))
    assert_close(ours.zonal_gap, 3)
    assert_close(ours.transverse_gap, 3)
    assert np.isnan(ours.energy_time)
    assert isinstance(ours, Relaxation)
    assert [type(x) for x in dataclasses.astuple(ours)] == [float, tuple, float, float]
    assert repr(ours).startswith("Relaxation(zonal_gap = 3 (within ")
    assert repr(ours).endswith("transverse_gap = 3, energy_time = nan)")
    with pytest.raises(dataclasses.FrozenInstanceError):
        ours.zonal_gap = 1.0


def test_a_law_that_the_cells_do_not_resolve(monkeypatch):
    monkeypatch.setattr(_relaxation, "_MAXIMUM_CELLS", 30)
    with pytest.raises(ArithmeticError, match=r'^f: 48 cells .* argument="depth"'):
        zonal_relaxation(Zonal(lambda m: -(m**2), 10, 0.01))
