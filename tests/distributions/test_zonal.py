"""Zonal laws: against von Mises–Fisher, against closed forms, and where a naive quadrature breaks."""

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import integrate, special, stats

from tests.support.statistics import assert_distribution, assert_mean, assert_rejects
from thermo_ideal.distributions import UniformSphere, VonMisesFisher, Zonal, goodness_of_fit
from thermo_ideal.distributions import von_mises_fisher as vmf

EXTREMES = [(2, 1e-10), (2, 1.0), (3, 0.5), (10, 0.05), (1_000, 1e8), (10**6, 1e-10), (10**6, 1e-6), (10**9, 1e-9)]


@pytest.mark.parametrize(("d", "T"), EXTREMES)
def test_the_linear_loss_is_von_mises_fisher(x64, d, T):
    law, kappa = Zonal.linear(d, T), 1 / T
    assert np.isclose(law.mean_depth, vmf.one_minus_mean_resultant_length(d, kappa), rtol=1e-13)
    assert np.isclose(law.mean_overlap, vmf.mean_resultant_length(d, kappa), rtol=1e-13, atol=1e-14)
    assert np.isclose(law.overlap_variance, vmf.energy_variance(d, kappa), rtol=1e-12)
    assert np.isclose(law.heat_capacity, vmf.heat_capacity(d, kappa), rtol=1e-12)
    assert np.isclose(law.entropy(), vmf.entropy(d, kappa), rtol=1e-14, atol=1e-13)
    assert np.isclose(law.log_normalizer, vmf.log_normalizer_scaled(d, kappa), rtol=1e-14, atol=1e-13)
    assert law.mean_loss == pytest.approx(law.mean_depth, rel=1e-14)
    assert law.loss(0.25) == 0.25


@pytest.mark.parametrize(("d", "T"), EXTREMES)
def test_a_given_loss_loses_only_its_own_rounding(d, T):
    ours, exact = Zonal(lambda u: u, d, T, argument="depth"), Zonal.linear(d, T)
    rounding = 1e-12 + 1e-15 * exact.mean_depth / T
    assert np.isclose(ours.mean_depth, exact.mean_depth, rtol=rounding)
    assert np.isclose(ours.entropy(), exact.entropy(), rtol=1e-13, atol=10 * rounding)
    np.testing.assert_allclose(
        ours.depth_quantile([0.01, 0.5, 0.99]), exact.depth_quantile([0.01, 0.5, 0.99]), rtol=rounding
    )


@pytest.mark.parametrize("d", [2, 3, 4, 11])
def test_a_double_well_against_scipy(d):
    """`f = −m²`: two peaks, integrated directly in the angle."""
    T = 0.3
    law = Zonal(lambda m: -(m**2), d, T)
    weight = lambda angle: np.exp(np.cos(angle) ** 2 / T) * np.sin(angle) ** (d - 2)  # noqa: E731
    total = integrate.quad(weight, 0, np.pi, epsabs=0, epsrel=1e-13)[0]
    square = integrate.quad(lambda a: np.cos(a) ** 2 * weight(a), 0, np.pi, epsabs=0, epsrel=1e-13)[0] / total
    area = np.log(2) + (d - 1) / 2 * np.log(np.pi) - special.gammaln((d - 1) / 2)
    assert np.isclose(law.overlap_variance, square, rtol=1e-12)
    assert np.isclose(law.mean_loss, -square, rtol=1e-12)
    assert np.isclose(law.log_normalizer, -np.log(total) - area, rtol=1e-12)
    assert np.isclose(law.entropy(), np.log(total) + area - square / T, rtol=1e-12)
    assert abs(law.mean_overlap) < 1e-13
    assert law.expectation(lambda u: (1 - u) ** 2) == pytest.approx(square, rel=1e-12)
    below = integrate.quad(weight, np.arccos(0.4), np.pi, epsabs=0, epsrel=1e-13)[0] / total
    assert np.isclose(law.cdf(0.4), below, rtol=1e-11)
    assert np.isclose(law.pdf(0.4), weight(np.arccos(0.4)) / np.sqrt(1 - 0.4**2) / total, rtol=1e-12)
    assert np.isclose(law.quantile(below), 0.4, rtol=1e-11)


def test_two_wells_far_apart_in_height_and_width():
    """A narrow well and a broad one with the same weight; a scan from one peak alone would miss half."""
    d, T = 50, 1e-4
    law = Zonal(lambda m: np.minimum(20 * (m - 0.5) ** 2, 0.2 * (m + 0.5) ** 2), d, T)
    share = float(law.cdf(0.0))
    assert np.isclose(share, 10 / 11, atol=0.01)  # widths 1/√20 and 1/√0.2
    assert law.quadrature_error < 1e-9


def test_the_law_at_three_dimensions():
    kappa, u = 2.0, np.linspace(0.01, 1.99, 9)
    law = Zonal.linear(3, 1 / kappa)
    scale = 1 - np.exp(-2 * kappa)
    np.testing.assert_allclose(law.depth_pdf(u), kappa * np.exp(-kappa * u) / scale, rtol=1e-13)
    np.testing.assert_allclose(law.depth_cdf(u), -np.expm1(-kappa * u) / scale, rtol=1e-13)
    np.testing.assert_allclose(law.depth_sf(u), (np.exp(-kappa * u) - np.exp(-2 * kappa)) / scale, rtol=1e-12)
    np.testing.assert_array_equal(law.depth_pdf([-1.0, 2.5]), 0)
    np.testing.assert_array_equal(law.depth_cdf([-1.0, 0.0, 2.0, 3.0]), [0, 0, 1, 1])
    np.testing.assert_array_equal(law.quantile([0.0, 1.0]), [-1, 1])


def test_tails_at_a_million_dimensions():
    """A cold law is a gamma law in `κu`, with shape `(d−1)/2`, as far out as 10⁻²⁰."""
    d, kappa = 10**6, 1e14
    law, gamma = Zonal.linear(d, 1 / kappa), stats.gamma((d - 1) / 2)
    p = np.array([1e-20, 1e-8, 0.1, 0.5])
    np.testing.assert_allclose(law.depth_quantile(p) * kappa, gamma.ppf(p), rtol=1e-7)
    np.testing.assert_allclose(law.depth_quantile(p, upper=True) * kappa, gamma.isf(p), rtol=1e-7)
    np.testing.assert_allclose(law.depth_cdf(law.depth_quantile(p)), p, rtol=1e-9)
    np.testing.assert_allclose(law.depth_sf(law.depth_quantile(p, upper=True)), p, rtol=1e-9)


@given(d=st.floats(2, 1e6), log_T=st.floats(-20, 5), a=st.floats(-3, 3), p=st.floats(0.001, 0.999))
@settings(max_examples=25)
def test_identities_of_any_gas(d, log_T, a, p):
    """`S = (U − F)/T`, quantiles invert, and `T ∂U/∂T = T C_V`, for a loss that is not linear."""
    T = np.exp(log_T)
    loss = lambda u: u + a * u**2 + u**3  # noqa: E731
    law = Zonal(loss, d, T, argument="depth")
    rounding = 1e-10 + 1e-14 * abs(law.mean_loss) / T
    free = law.log_normalizer  # −F/T is its negative
    assert np.isclose(law.entropy(), law.mean_loss / T - free, rtol=1e-12, atol=1e-10 + rounding)
    assert np.isclose(law.depth_cdf(law.depth_quantile(p)), p, rtol=100 * rounding)
    assert np.isclose(law.quantile(p), 1 - law.depth_quantile(1 - p), rtol=1e-9)
    step = 1e-4 * T
    slope = (
        Zonal(loss, d, T + step, argument="depth").mean_loss - Zonal(loss, d, T - step, argument="depth").mean_loss
    ) / (2 * step)
    assert np.isclose(law.heat_capacity, slope, rtol=1e-5 + 1e4 * rounding)


def test_samples():
    law = Zonal(lambda m: jnp.cos(6 * m), 7, 0.4)  # JAX's functions run in double precision
    m = np.asarray(law.sample_overlap(jax.random.key(0), (50_000,)), np.float64)
    assert_mean(m, law.mean_overlap)
    assert_mean((m - law.mean_overlap) ** 2, law.overlap_variance)
    assert_distribution(m, law.cdf)
    assert_rejects(assert_distribution, m, Zonal(lambda m: jnp.cos(6 * m), 7, 0.45).cdf)


def test_directions():
    mu = jnp.array([0.6, 0.0, -0.8, 0.0])
    law, samples = (
        VonMisesFisher(mu, 12.0),
        Zonal.linear(4, 1 / 12, mu).sample(jax.random.key(1), (20, 1_000)),
    )
    assert samples.shape == (20, 1_000, 4)
    assert min(goodness_of_fit(samples.reshape(-1, 4), law)) > 1e-3


def test_cold_draws_keep_their_digits_in_single_precision():
    d, T = 10**6, 1e-10
    law = Zonal.linear(d, T)
    u = np.asarray(law.sample_depth(jax.random.key(2), (20_000,)), np.float64)
    assert_mean(u, law.mean_depth)
    assert_distribution(u, law.depth_cdf)
    assert_rejects(assert_mean, u, law.mean_depth * 1.0001)


def test_the_uniform_law(x64):
    law = Zonal(lambda m: 0 * m, 5)
    assert np.isclose(law.entropy(), UniformSphere(5).entropy(), rtol=1e-14)
    assert law.heat_capacity == 0
    np.testing.assert_allclose(law.cdf([-0.5, 0.2]), stats.beta(2, 2, loc=-1, scale=2).cdf([-0.5, 0.2]), rtol=1e-13)
    assert np.isclose(VonMisesFisher(np.eye(5)[0], 0.0).overlap_law().cdf(0.2), law.cdf(0.2), rtol=1e-14)


def test_a_loss_with_a_kink_converges():
    law = Zonal(lambda m: np.abs(m - 0.37), 6, 0.1)
    weight = lambda m: np.exp(-np.abs(m - 0.37) / 0.1) * (1 - m**2) ** 1.5  # noqa: E731
    parts = [integrate.quad(weight, *ends, epsabs=0, epsrel=1e-13)[0] for ends in ((-1, 0.37), (0.37, 1))]
    assert np.isclose(law.cdf(0.37), parts[0] / sum(parts), rtol=1e-10)


@pytest.mark.parametrize(("d", "T"), [(2, 1e-16), (2, 1e-30), (4, 1e-70), (10**9, 1e-30)])
def test_extreme_cold(d, T):
    law = Zonal.linear(d, T)
    assert np.isclose(law.mean_depth, (d - 1) / 2 * T, rtol=1e-12, atol=0)
    assert np.isclose(law.heat_capacity, (d - 1) / 2, rtol=1e-9)


@pytest.mark.parametrize(("d", "T"), [(10**6, 1e-10), (10, 1e-12), (2, 1e-30)])
def test_a_cold_loss_of_the_overlap_is_refused(d, T):
    """`m` has no digits left there, and the depth has."""
    with pytest.raises(ArithmeticError, match="a cold law needs f as a function of the depth"):
        Zonal(lambda m: 1 - m, d, T)


def test_quantiles_beside_a_gap():
    law = Zonal(lambda m: np.where(np.abs(m) < 0.5, np.inf, 0.0), 5, 1.0)
    p = np.array([0.49, 0.499, 0.5, 0.501, 0.51])
    np.testing.assert_allclose(law.cdf(law.quantile(p)), p, rtol=1e-9)
    assert (np.diff(law.quantile(p)) > 0).all()
    assert np.isnan(law.cdf(np.nan))
    assert np.isnan(law.pdf(np.nan))


def test_forbidden_regions():
    """A loss of +∞ is a wall."""
    law = Zonal(lambda m: np.where(m > 0, np.inf, m), 4, 0.5)
    assert law.cdf(1e-9) == pytest.approx(1, abs=1e-6)
    assert float(law.quantile(0.999999)) < 1e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Zonal(np.cos, 1), "dimension: got 1, expected one number ≥ 2"),
        (lambda: Zonal(np.cos, np.nan), "dimension: got nan, expected finite"),
        (lambda: Zonal(np.cos, 3, 0.0), "temperature: got 0.0, expected one number > 0"),
        (lambda: Zonal(np.cos, 3, np.ones(2)), "temperature: got"),
        (lambda: Zonal(np.cos, 3, argument="angle"), "argument: got 'angle', expected 'overlap'"),
        (lambda: Zonal(lambda m: np.nan * m, 3), "f: got NaN or −∞ at overlap"),
        (lambda: Zonal(lambda m: np.inf + 0 * m, 3), "f: got no finite value"),
        (lambda: Zonal(np.cos, 3).quantile(1.5), r"probability: got 1\.5, expected a number from 0 to 1"),
        (
            lambda: Zonal(np.cos, 3).about(np.eye(4)[0]),
            "mean_direction: got 4 components, expected 3",
        ),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
