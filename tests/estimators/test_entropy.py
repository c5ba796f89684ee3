"""Entropy estimators on exact samples of laws with known entropy."""

import jax
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_mean, assert_rejects, assert_variance
from thermo_ideal.distributions import VonMisesFisher
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.estimators import (
    Estimate,
    effective_sample_size,
    kozachenko_leonenko,
    spherical_entropy,
    zonal_entropy,
)


def directions(d, kappa, mean=None, shape=(16, 1000)):
    mean = np.ones(d) / np.sqrt(d) if mean is None else mean
    with jax.enable_x64(True):
        samples = VonMisesFisher(mean, kappa).sample(jax.random.key(5), shape)
        return np.asarray(samples), mean, float(vmf.entropy(d, kappa)), float(vmf.entropy(d, kappa / 1.21))


@pytest.mark.parametrize(("d", "kappa"), [(2, 5.0), (3, 0.0), (3, 2000.0), (10, 40.0), (100, 300.0)])
def test_zonal_entropy(d, kappa):
    x, mu, exact, hot = directions(d, kappa)
    estimate = zonal_entropy(((x - mu) ** 2).sum(-1) / 2, d)
    assert_estimate(estimate, exact)
    if kappa:
        assert_rejects(assert_estimate, estimate, hot)


@pytest.mark.parametrize(("d", "kappa"), [(2, 5.0), (3, 20.0), (3, 2000.0)])
def test_spherical_entropy(d, kappa):
    x, _, exact, hot = directions(d, kappa)
    estimate = spherical_entropy(x)
    assert_estimate(estimate, exact)
    assert_rejects(assert_estimate, estimate, hot)


@pytest.mark.parametrize("mean", [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.6, -0.8]])
def test_spherical_entropy_around_poles_and_cuts(mean):
    """Poles of the angles and the azimuth's cut: the estimate must be that of any other frame."""
    x, _, exact, _ = directions(3, 2e4, mean=np.array(mean), shape=(64, 1000))
    estimate = spherical_entropy(x)
    assert_estimate(estimate, exact)
    assert abs(float(estimate.value) - exact) < 0.02


def test_batches_are_separate():
    x, mu, _, _ = directions(3, 20.0, shape=(3, 4, 200))
    depth = ((x - mu) ** 2).sum(-1) / 2
    assert np.allclose(zonal_entropy(depth, 3).value, [zonal_entropy(run, 3).value for run in depth])
    assert np.allclose(spherical_entropy(x).value, [spherical_entropy(run).value for run in x])


def test_kozachenko_leonenko_scales():
    """`h(aX) = h(X) + D log a`, exactly."""
    x = np.random.default_rng(0).normal(size=(2000, 2))
    assert np.isclose(kozachenko_leonenko(3 * x).mean() - kozachenko_leonenko(x).mean(), 2 * np.log(3))
    assert_mean(kozachenko_leonenko(x), np.log(2 * np.pi * np.e))


@pytest.mark.parametrize("kappa", [0.0, 0.5, 20.0, 2000.0])
def test_standard_error_is_true_or_too_large(kappa):
    """Over many repetitions the z-score has mean 0 and variance 1; near the uniform law, down to 0.3 as documented."""
    x, mu, exact, _ = directions(3, kappa, shape=(400, 8, 300))
    z = zonal_entropy(((x - mu) ** 2).sum(-1) / 2, 3).z_score(exact)
    assert_mean(z, 0.0, bias=0.2)
    assert_variance(z, minimum=1.0 if kappa > 1 else 0.3, maximum=1.0)


def test_standard_error_of_nearest_neighbours_is_true_to_a_sixth():
    x, _, exact, _ = directions(3, 20.0, shape=(400, 8, 300))
    z = spherical_entropy(x).z_score(exact)
    assert_variance(z, minimum=1.0, maximum=1.36)


def test_z_score_of_few_replicas_is_normal():
    values = np.random.default_rng(1).normal(size=(4000, 3))
    z = Estimate(values).z_score(0.0)
    assert_variance(z)
    assert np.all(np.isfinite(Estimate(1 + 1e-9 * values).z_score(0.0)))
    steps = Estimate(1 + 1e-3 * np.random.default_rng(2).normal(size=8)).z_score(np.linspace(0, 1, 50))
    assert np.all(np.diff(steps) < 0)  # monotone also where the probability underflows


def test_score_between_two_estimates():
    a, b = np.random.default_rng(4).normal(size=(2, 4000, 4))
    assert_variance(Estimate(a).z_score_between(Estimate(3 * b)), minimum=0.8)
    assert (Estimate(a).z_score_between(Estimate(b + 30)) < -4).mean() > 0.7


def test_no_spread():
    assert Estimate(np.ones(4)).z_score(1.0) == 0
    assert Estimate(np.ones(4)).z_score(0.0) > 1e100


def test_effective_sample_size_of_an_autoregression():
    """For AR(1) it is `n(1−φ)/(1+φ)`."""
    rng, phi, n = np.random.default_rng(3), 0.9, 20_000
    series = np.zeros((n, 4))
    for i in range(1, n):
        series[i] = phi * series[i - 1] + rng.normal(size=4)
    assert np.allclose(effective_sample_size(series), n * 0.1 / 1.9, rtol=0.25)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zonal_entropy(np.full((2, 100), 3.0), 3), "depth: got values from 3 to 3"),
        (lambda: zonal_entropy(np.full((2, 100), 0.5), 3), "depth: got more than 3 samples that are equal"),
        (lambda: zonal_entropy(np.full((2, 100), np.nan), 3), "depth: got nan"),
        (lambda: zonal_entropy(np.random.default_rng(0).uniform(size=(2, 2)), 3), "depth: got 2 samples a replica"),
        (
            lambda: zonal_entropy(np.random.default_rng(0).uniform(size=(1, 99)), 3),
            r"values: got shape \(1,\), expected at least 2 replicas",
        ),
        (lambda: kozachenko_leonenko(np.zeros((100, 2))), "samples: got 100 of 100 that repeat"),
        (lambda: kozachenko_leonenko(np.zeros(100)), "samples: got shape"),
        (lambda: kozachenko_leonenko(np.random.default_rng(0).normal(size=(1000, 9))), "use zonal_entropy"),
        (lambda: spherical_entropy(np.zeros((2, 5, 1))), "directions: got shape"),
        (lambda: spherical_entropy(np.ones((5, 3))), "directions: got shape"),
        (lambda: spherical_entropy(np.zeros((2, 99, 3))), "directions: got norms from 0 to 0"),
        (lambda: zonal_entropy(np.ones(5), 3), "depth: got shape"),
        (lambda: zonal_entropy(np.linspace(0, 1, 100).reshape(2, 50), 3), "depth: got 0 or 2"),
        (lambda: zonal_entropy(np.ones((2, 50)), 3, spacing=0), "spacing: got 0"),
        (lambda: kozachenko_leonenko(np.zeros((100, 2)), k=0), "k: got 0"),
        (lambda: effective_sample_size(np.array([np.nan, 1, 2, 3])), "series: got nan"),
        (lambda: effective_sample_size(np.ones(10)), "series: got a constant"),
        (lambda: effective_sample_size(np.zeros(3)), "series: got 3 samples"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
