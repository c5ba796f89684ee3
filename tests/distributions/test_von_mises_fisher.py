"""Statistics against mpmath, derivatives against each other, samples against the law."""

import functools

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from tests.support.statistics import assert_distribution, assert_mean, assert_rejects
from thermo_ideal.distributions import VonMisesFisher
from thermo_ideal.distributions import von_mises_fisher as vmf

DIMENSIONS = [2, 3, 4, 5, 10, 51, 52, 53, 100, 316, 1000]
CONCENTRATIONS = [1e-6, 1e-2, 0.5, 1.0, 3.0, 10.0, 30.0, 100.0, 103.0, 105.0, 300.0, 2000.0, 1e4, 1e6]


def reference(name, d, kappa):
    l, k = mpmath.mpf(d) / 2, mpmath.mpf(kappa)
    A = mpmath.besseli(l, k) / mpmath.besseli(l - 1, k)
    log_c = (l - 1) * mpmath.log(k) - l * mpmath.log(2 * mpmath.pi) - mpmath.log(mpmath.besseli(l - 1, k))
    return {
        "mean_resultant_length": A,
        "one_minus_mean_resultant_length": 1 - A,
        "mean_resultant_length_derivative": 1 - A**2 - (d - 1) * A / k,
        "log_normalizer": log_c,
        "log_normalizer_scaled": log_c + k,
        "entropy": -log_c - k * A,
    }[name]


@functools.cache
def table(name):
    with mpmath.workdps(60):
        return np.array([[float(reference(name, d, kappa)) for kappa in CONCENTRATIONS] for d in DIMENSIONS])


@pytest.mark.parametrize(
    "name",
    ["mean_resultant_length", "one_minus_mean_resultant_length", "mean_resultant_length_derivative"],
)
def test_relative_error(x64, name):
    ours = getattr(vmf, name)(np.array(DIMENSIONS)[:, None], np.array(CONCENTRATIONS)[None, :])
    np.testing.assert_allclose(ours, table(name), rtol=3e-14)


@pytest.mark.parametrize("name", ["log_normalizer", "log_normalizer_scaled", "entropy"])
def test_error_relative_to_the_larger_of_one_and_the_value(x64, name):
    ours = getattr(vmf, name)(np.array(DIMENSIONS)[:, None], np.array(CONCENTRATIONS)[None, :])
    exact = table(name)
    np.testing.assert_array_less(np.abs(ours - exact) / np.maximum(1, np.abs(exact)), 3e-14)


@pytest.mark.parametrize(
    "name",
    ["mean_resultant_length", "one_minus_mean_resultant_length", "mean_resultant_length_derivative"],
)
def test_single_precision(name):
    kappa = np.array(CONCENTRATIONS, np.float32)
    ours = np.asarray(getattr(vmf, name)(np.array(DIMENSIONS)[:, None], kappa[None, :]))
    assert ours.dtype == np.float32
    with mpmath.workdps(60):
        exact = [[float(reference(name, d, float(k))) for k in kappa] for d in DIMENSIONS]
    np.testing.assert_allclose(ours, exact, rtol=1e-5)


def test_uniform_limit(x64):
    assert float(vmf.mean_resultant_length(7, 0.0)) == 0
    assert np.isclose(vmf.mean_resultant_length_derivative(7, 0.0), 1 / 7, rtol=1e-15)
    assert np.isclose(vmf.entropy(3, 0.0), np.log(4 * np.pi), rtol=1e-15)


@given(d=st.integers(2, 1000), log_kappa=st.floats(-8, 14))
def test_derivatives_are_the_closed_forms(d, log_kappa):
    with jax.enable_x64(True):
        kappa = jnp.exp(log_kappa)
        slope = vmf.mean_resultant_length_derivative(d, kappa)
        assert jnp.isclose(jax.grad(lambda k: vmf.mean_resultant_length(d, k))(kappa), slope, rtol=1e-14)
        assert jnp.isclose(jax.grad(lambda k: vmf.entropy(d, k))(kappa), -kappa * slope, rtol=1e-14)
        resultant = vmf.mean_resultant_length(d, kappa)
        assert jnp.isclose(jax.grad(lambda k: vmf.log_normalizer(d, k))(kappa), -resultant, rtol=1e-14)
        # Second order, by the Riccati equation's own derivative where that does not cancel.
        bend = jax.grad(lambda k: vmf.mean_resultant_length_derivative(d, k))(kappa)
        exact = -2 * resultant * slope - (d - 1) * (slope / kappa - resultant / kappa**2)
        scale = 2 * resultant * slope + (d - 1) * (slope / kappa + resultant / kappa**2)
        assert abs(bend - exact) < 1e-12 * scale


@given(d=st.integers(2, 1000), log_kappa=st.floats(-8, 14))
def test_amos_bounds(d, log_kappa):
    """`κ/(ν + ½ + √((ν+3/2)² + κ²)) ≤ A ≤ κ/(ν + √((ν+2)² + κ²))` with ν = d/2 − 1 (Amos 1974, equation 9)."""
    with jax.enable_x64(True):
        kappa, nu = np.exp(log_kappa), d / 2 - 1
        A = float(vmf.mean_resultant_length(d, kappa))
        lower = kappa / (nu + 0.5 + np.hypot(nu + 1.5, kappa))
        upper = kappa / (nu + np.hypot(nu + 2, kappa)) if nu > 0 else 1.0
        assert lower * (1 - 1e-14) <= A <= upper * (1 + 1e-14)


def overlap_cdf(d, kappa):
    """By integration of `e^{κm}(1−m²)^{(d−3)/2}` on a fine grid in the angle."""
    theta = np.linspace(0, np.pi, 200_001)
    with np.errstate(divide="ignore"):
        log_density = (
            kappa * (np.cos(theta) - 1) + (d - 2) * np.log(np.sin(theta)) if d > 2 else kappa * (np.cos(theta) - 1)
        )
    density = np.exp(log_density - log_density[1:-1].max())
    mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return lambda m: 1 - np.interp(np.arccos(np.clip(m, -1, 1)), theta, mass / mass[-1])


@pytest.mark.parametrize(("d", "kappa"), [(2, 3.0), (3, 0.0), (3, 0.5), (3, 40.0), (10, 20.0), (100, 50.0)])
def test_samples(d, kappa):
    mu = np.zeros(d)
    mu[0] = 0.6
    mu[1] = 0.8
    samples = np.asarray(VonMisesFisher(mu, kappa).sample(jax.random.key(1), (20_000,)), np.float64)
    np.testing.assert_allclose(np.linalg.norm(samples, axis=-1), 1, atol=1e-6)
    overlap = samples @ mu
    assert_distribution(overlap, overlap_cdf(d, kappa))
    with jax.enable_x64(True):
        assert_mean(overlap, float(vmf.mean_resultant_length(d, kappa)))
        variance = float(vmf.mean_resultant_length_derivative(d, kappa))
    assert_mean((overlap - overlap.mean()) ** 2, variance)
    across = samples @ np.concatenate([[0.8, -0.6], np.zeros(d - 2)])
    assert_mean(across, 0.0)
    if kappa:
        assert_rejects(assert_distribution, overlap, overlap_cdf(d, 1.2 * kappa))


@pytest.mark.parametrize("kappa", [1e6, 1e8, 1e10, 1e16])
@pytest.mark.parametrize("d", [2, 3, 10])
def test_cold_samples_in_single_precision(d, kappa):
    """`2κu` is `χ²_{d−1}` up to `O(1/κ)`: overlaps near 1 would have lost every digit of it."""
    mu = np.eye(d)[0]
    samples = np.asarray(VonMisesFisher(mu, kappa).sample(jax.random.key(3), (20_000,)), np.float64)
    square = kappa * (samples[:, 1:] ** 2).sum(-1)
    assert_mean(square, d - 1)
    assert_distribution(square, stats.chi2(d - 1).cdf)
    assert_rejects(assert_mean, 1.1 * square, d - 1)


@pytest.mark.parametrize("d", [2, 11, 1000])
def test_heat_capacity_does_not_overflow(d):
    for kappa in (1e-30, 1.0, 1e19, 1e30):
        ours = float(vmf.heat_capacity(d, kappa))
        limit = kappa**2 / d if kappa < 1 else (d - 1) / 2
        if kappa != 1.0:
            assert np.isclose(ours, limit, rtol=1e-5)
    with jax.enable_x64(True):
        kappa = 3.7
        exact = kappa**2 * vmf.mean_resultant_length_derivative(d, kappa)
        assert np.isclose(vmf.heat_capacity(d, kappa), exact, rtol=1e-14)
        slope = jax.grad(lambda k: vmf.heat_capacity(d, k))(kappa)
        product = jax.grad(lambda k: k**2 * vmf.mean_resultant_length_derivative(d, k))(kappa)
        assert np.isclose(slope, product, rtol=1e-12)


def test_half_precision_is_promoted():
    assert vmf.entropy(3, jnp.float16(3)).dtype == jnp.float32


def test_what_single_precision_cannot_hold_is_refused():
    with pytest.raises(ValueError, match=r"concentration: got 1e\+40 \(in single precision\)"):
        vmf.entropy(3, 1e40)


def test_sample_shapes():
    law = VonMisesFisher(np.eye(5)[0], 2.0)
    assert law.sample(jax.random.key(0)).shape == (5,)
    assert law.sample(jax.random.key(0), (2, 3)).shape == (2, 3, 5)


def test_density_is_scipys():
    mu = np.array([0.0, 0.6, 0.8])
    x = np.asarray(VonMisesFisher(mu, 1.0).sample(jax.random.key(2), (50,)), np.float64)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    with jax.enable_x64(True):
        ours = VonMisesFisher(mu, 7.0)
        theirs = stats.vonmises_fisher(mu, 7.0)
        np.testing.assert_allclose(ours.log_prob(jnp.asarray(x)), theirs.logpdf(x), rtol=1e-12)
        assert np.isclose(ours.entropy(), theirs.entropy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 1.0], 1.0), "mean_direction: got a vector of norm 1.41421, wanted norm 1"),
        (([[1.0, 0.0]], 1.0), r"mean_direction: got shape \(1, 2\)"),
        (([1.0, 0.0], -1.0), "concentration: got -1.0, wanted a number ≥ 0"),
        (([np.nan, 0.0], 1.0), "mean_direction: got a vector of norm nan"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        VonMisesFisher(np.array(arguments[0]), arguments[1])


def test_one_concentration_only():
    with pytest.raises(ValueError, match=r"concentration: got shape \(2,\)"):
        VonMisesFisher(np.eye(3)[0], np.ones(2))


def test_wrong_dimension():
    with pytest.raises(ValueError, match="dimension: got 1, wanted a whole number ≥ 2"):
        vmf.entropy(1, 1.0)
