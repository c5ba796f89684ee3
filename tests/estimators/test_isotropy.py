"""The participation ratio, dense and by probing, against the covariance written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_mean, assert_rejects
from thermo_ideal.dynamics import AnisotropicNoise, CustomNoise, IsotropicNoise
from thermo_ideal.estimators import isotropy


def sphere(d, *shape):
    x = np.random.default_rng(0).normal(size=(*shape, d))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def factored(d, scale=1.0):
    rng = np.random.default_rng(1)
    return AnisotropicNoise(rng.uniform(size=d), rng.normal(size=(d, 2)), scale)


@pytest.mark.parametrize("d", [2, 50])
def test_isotropic_noise_has_ratio_one(d):
    found = isotropy(IsotropicNoise(2.0), sphere(d, 4, 5))
    assert found.trace.shape == found.participation_ratio.shape == (4, 5)
    assert np.allclose(found.participation_ratio, 1, rtol=1e-5)
    assert np.isclose(found.mean_trace, 4 * (d - 1))
    assert np.isclose(found.noise_scale, 2)


@pytest.mark.parametrize("probes", [None, 8])
def test_noise_of_one_direction_has_the_least_ratio(probes):
    """Exact by probing too: all products of draws are then products of their lengths."""
    d = 40
    noise = AnisotropicNoise(np.zeros(d), np.random.default_rng(2).normal(size=(d, 1)))
    found = isotropy(noise, sphere(d, 6), key=jax.random.key(0), probes=probes)
    assert np.allclose(found.participation_ratio, 1 / (d - 1), rtol=1e-4)


@pytest.mark.parametrize(
    ("d", "noise"),
    [
        (12, factored(12)),
        (5, CustomNoise(lambda w, xi: (1 - w[0]) * xi[:5] + w * xi[5], size=6)),
    ],
)
def test_dense_is_the_covariance(d, noise):
    directions = sphere(d, 7)
    found = isotropy(noise, directions)
    for i, direction in enumerate(directions):
        covariance = np.asarray(noise.covariance(jnp.asarray(direction)), np.float64)
        trace = np.trace(covariance)
        assert np.isclose(found.trace[i], trace, rtol=1e-5)
        ratio = trace**2 / ((d - 1) * np.trace(covariance @ covariance))
        assert np.isclose(found.participation_ratio[i], ratio, rtol=1e-5)


def test_probing_agrees_with_dense():
    d, probes = 20, 64
    directions = sphere(d, 300)
    exact = isotropy(factored(d), directions)

    def check(noise, bias):
        found = isotropy(noise, directions, key=jax.random.key(1), probes=probes)
        assert_mean(found.trace / exact.trace, 1.0)
        assert_mean(found.participation_ratio / exact.participation_ratio, 1.0, bias=bias)

    check(factored(d), 1 / probes)
    assert_rejects(check, factored(d, scale=1.05), 1 / probes)
    assert_rejects(check, IsotropicNoise(exact.noise_scale), 1 / probes)


def test_large_dimensions_are_probed():
    d = 3000
    found = isotropy(IsotropicNoise(), sphere(d, 20), key=jax.random.key(3))
    assert_mean(found.participation_ratio, 1.0, bias=1 / 64**2)
    assert_mean(found.trace, d - 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: isotropy(IsotropicNoise(), np.ones(3)), "directions: got norms from 1.73"),
        (lambda: isotropy(IsotropicNoise(), np.ones(1)), r"directions: got shape \(1,\)"),
        (lambda: isotropy(IsotropicNoise(), np.full(3, np.nan)), "directions: got nan"),
        (lambda: isotropy(IsotropicNoise(np.ones(2)), np.eye(3)), r"noise: got scales of shape \(2,\)"),
        (lambda: isotropy(IsotropicNoise(), np.eye(300)), "key: got None for probing d = 300"),
        (lambda: isotropy(IsotropicNoise(), np.eye(3), probes=1), "probes: got 1"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("probes", [None, 8])
@pytest.mark.parametrize("power", [-100, 100])
def test_variances_whose_squares_are_no_numbers(power, probes):
    """1e±30: the ratio is that of the same variances near 1, and the trace in proportion."""
    d, directions, scale = 20, sphere(20, 5), 2.0**power
    variance = np.random.default_rng(4).uniform(size=d)
    found, near = (
        isotropy(AnisotropicNoise(s * variance), directions, key=jax.random.key(0), probes=probes) for s in (scale, 1.0)
    )
    np.testing.assert_allclose(found.participation_ratio, near.participation_ratio, rtol=1e-5)
    np.testing.assert_allclose(found.trace, scale * near.trace, rtol=1e-5)
    assert np.isclose(found.noise_scale, scale**0.5 * near.noise_scale, rtol=1e-5)


@pytest.mark.parametrize("probes", [2, 3, 8])
def test_no_ratio_is_above_one(probes):
    found = isotropy(IsotropicNoise(), sphere(40, 50), key=jax.random.key(5), probes=probes)
    assert (found.participation_ratio <= 1).all()
    assert (found.participation_ratio > 0).all()
