"""Fits: the stated error is the true one; streams and weights; goodness of fit."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import FAILURE_RATE, assert_mean, assert_rejects, assert_variance
from thermo_ideal.distributions import DirectionalStatistics, UniformSphere, VonMisesFisher, goodness_of_fit


def north(d):
    return jnp.eye(1, d)[0]


def fits(d, kappa, count, seeds, **options):
    law = VonMisesFisher(north(d), kappa)

    @jax.jit
    def fit(key):
        return VonMisesFisher.fit(law.sample(key, (count,)), **options)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(fit, jax.random.split(jax.random.key(0), seeds)))


def scores(results, kappa):
    """(estimate − κ)/standard error."""
    return np.array([(float(fit.concentration) - kappa) / float(fit.standard_error) for fit in results])


def test_error_in_high_dimension():
    """At the dimension of the paper's ResNet-18 on CIFAR-10."""
    z = scores(fits(43_692, 43_692.0, 1_000, 100), 43_692.0)
    assert_mean(z, 0.0)
    assert_variance(z)
    assert_rejects(assert_mean, z * 1.0 + 0.03 * 43_692 / 13, 0.0)


@pytest.mark.parametrize(
    ("d", "kappa", "count", "bias"), [(3, 20.0, 400, 0.1), (50, 20.0, 400, 0.0), (1_000, 200.0, 300, 0.0)]
)
def test_error(d, kappa, count, bias):
    """The unbiased `Â²` leaves a bias of `κ` of order 1/n, a small part of the error where `n` is large."""
    results = fits(d, kappa, count, 400)
    z = scores(results, kappa)
    assert_mean(z, 0.0, bias=bias)
    assert_variance(z, minimum=0.85, maximum=1.15)
    assert_rejects(assert_variance, z / 2)


def test_maximum_likelihood_is_biased_in_high_dimension():
    z = scores(fits(1_000, 200.0, 300, 100, bias_correction=False), 200.0)
    assert_rejects(assert_mean, z, 0.0)


@pytest.mark.parametrize(
    ("d", "kappa", "count", "seeds"), [(6, 30.0, 200, 400), (1_000, 1_000.0, 2, 20), (1_000, 200.0, 20, 20)]
)
def test_direction_error(d, kappa, count, seeds):
    """In each of the `d − 1` directions across, also where those outweigh the signal."""
    results = fits(d, kappa, count, seeds)
    z = np.array([np.asarray(fit.law.mean_direction[1:]) / float(fit.direction_error) for fit in results]).ravel()
    assert_mean(z, 0.0)
    assert_variance(z, minimum=0.93, maximum=1.07)


@pytest.mark.parametrize("kind", ["squares", "one heavy"])
def test_error_with_unequal_weights(kind):
    """The heavy one counts for nearly all of the mean, and for less of what the mean says of `κ`."""
    d, kappa, count = 100, 100.0, 200
    weights = np.ones(count)
    if kind == "squares":
        weights = np.random.default_rng(0).exponential(size=count) ** 2
    else:
        weights[0] = 100.0
    z = scores(fits(d, kappa, count, 400, weights=weights), kappa)
    assert_mean(z, 0.0)
    assert_variance(z, minimum=0.9, maximum=1.1)


def test_the_scale_of_weights_does_not_matter():
    x = VonMisesFisher(north(5), 3.0).sample(jax.random.key(9), (50,))
    plain = VonMisesFisher.fit(x)
    for scale in (1e-30, 1e20, 1e35):
        fit = VonMisesFisher.fit(x, np.full(50, scale))
        assert np.isclose(fit.concentration, plain.concentration, rtol=1e-5)
        assert np.isclose(fit.standard_error, plain.standard_error, rtol=1e-4)


def test_inside_jit():
    x = VonMisesFisher(north(5), 3.0).sample(jax.random.key(10), (50,))
    outside = VonMisesFisher.fit(x).concentration
    assert np.isclose(jax.jit(lambda x: VonMisesFisher.fit(x).concentration)(x), outside, rtol=1e-5)
    assert np.isclose(jax.jit(lambda: VonMisesFisher.fit(x).concentration)(), outside, rtol=1e-5)
    assert np.isnan(jax.jit(lambda x: VonMisesFisher.fit(x).concentration)(x.at[0].set(jnp.nan)))


def test_double_precision_samples_keep_it_without_64_bit_mode():
    """Cold samples about an oblique axis, whose spread is below single precision's rounding."""
    mu = np.full(20, 20**-0.5)
    with jax.enable_x64(True):
        x = np.asarray(VonMisesFisher(mu, 1e16).sample(jax.random.key(11), (2_000,)))
    fit = VonMisesFisher.fit(x)
    assert abs(float(fit.concentration) - 1e16) < 4 * float(fit.standard_error)


def test_no_signal():
    """From uniform vectors: `κ` is 0 half the time, and the error says how little is known."""
    d, count = 100, 50
    keys = jax.random.split(jax.random.key(1), 200)
    results = [VonMisesFisher.fit(UniformSphere(d).sample(key, (count,))) for key in keys]
    kappa = np.array([float(fit.concentration) for fit in results])
    error = np.array([float(fit.standard_error) for fit in results])
    assert 0.3 < np.mean(kappa == 0) < 0.7
    assert np.isfinite(error).all()
    assert np.mean(kappa > 5 * error) < 0.02


def test_cold_samples_keep_their_digits():
    """In single precision `1 − |x̄|` has no digits at `κ = 10¹⁰`; the scatter has all."""
    fit = VonMisesFisher.fit(VonMisesFisher(north(20), 1e10).sample(jax.random.key(2), (5_000,)))
    assert abs(float(fit.concentration) - 1e10) < 4 * float(fit.standard_error)
    assert float(fit.standard_error) < 0.01e10


def test_streams_add_up(x64):
    x = VonMisesFisher(north(8), 15.0).sample(jax.random.key(3), (1_000,))
    weights = jax.random.uniform(jax.random.key(4), (1_000,))
    whole = DirectionalStatistics.of(x, weights)
    parts = [DirectionalStatistics.of(x[i : i + 300], weights[i : i + 300]) for i in range(0, 1_000, 300)]
    merged = sum(parts[1:], start=parts[0])
    for ours, theirs in zip(jax.tree.leaves(merged), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="other: got statistics of dimension 3, expected 8"):
        whole + DirectionalStatistics.of(jnp.eye(3))


def test_whole_weights_are_repetitions(x64):
    """For the estimate of maximum likelihood; the sample size is another, since repetitions are not independent."""
    x = VonMisesFisher(north(5), 8.0).sample(jax.random.key(5), (200,))
    weights = np.arange(200) % 3
    repeated = jnp.repeat(x, weights, axis=0)
    ours, theirs = (VonMisesFisher.fit(*data, bias_correction=False) for data in ((x, weights), (repeated,)))
    assert np.isclose(ours.concentration, theirs.concentration, rtol=1e-12)
    np.testing.assert_allclose(ours.law.mean_direction, theirs.law.mean_direction, rtol=1e-11, atol=1e-13)
    assert np.isclose(ours.sample_size, weights.sum() ** 2 / (weights**2).sum())
    assert ours.standard_error > theirs.standard_error


def test_maximum_likelihood_is_a_maximum(x64):
    x = VonMisesFisher(north(4), 3.0).sample(jax.random.key(6), (100,))
    fit = VonMisesFisher.fit(x, bias_correction=False)
    slope = jax.grad(lambda kappa: VonMisesFisher(fit.law.mean_direction, kappa).log_prob(x).sum())(fit.concentration)
    assert abs(slope) < 1e-9
    assert np.isclose(fit.temperature, 1 / fit.concentration)


def test_goodness_of_fit_accepts_the_law_and_rejects_others():
    mu = north(30)
    x = VonMisesFisher(mu, 20.0).sample(jax.random.key(7), (2_000,))
    assert min(goodness_of_fit(x, VonMisesFisher(mu, 20.0))) > 1e-3
    assert goodness_of_fit(x, VonMisesFisher(mu, 26.0)).overlap < FAILURE_RATE
    turned = mu.at[1].set(0.2) / jnp.sqrt(1.04)
    assert goodness_of_fit(x, VonMisesFisher(turned, 20.0)).polarity < FAILURE_RATE
    # The right overlaps, but squeezed to one axis across.
    squeezed = np.array(x)
    squeezed[:, 1] *= 1.5
    squeezed[:, 1:] *= (np.sqrt(1 - squeezed[:, 0] ** 2) / np.linalg.norm(squeezed[:, 1:], axis=1))[:, None]
    verdict = goodness_of_fit(squeezed, VonMisesFisher(mu, 20.0))
    assert verdict.axiality < FAILURE_RATE < verdict.overlap
    assert verdict.polarity > FAILURE_RATE


@pytest.mark.parametrize(("d", "count"), [(2, 300), (3, 300), (40, 100), (1_000, 50)])
def test_p_values_are_uniform(d, count):
    law = VonMisesFisher(north(d), float(d))
    keys = jax.random.split(jax.random.key(8), 150)
    p = np.array([goodness_of_fit(law.sample(key, (count,)), law) for key in keys])
    for column in p.T[: 3 if d > 2 else 2]:
        assert_mean(column, 0.5, bias=0.03)
        assert 0.01 < np.mean(column < 0.1) < 0.2


def test_reprs_show_numbers():
    """Rounded, in a few lines, at any dimension and size."""
    x = VonMisesFisher(north(3), 50.0).sample(jax.random.key(12), (10_000,))
    fit = VonMisesFisher.fit(x)
    error = f"{float(fit.concentration):.6g} ± {float(fit.standard_error):.6g}"
    assert repr(fit).startswith(f"VonMisesFisherFit(d = 3, κ = {error}, μ = [")
    assert repr(fit).endswith("rad, n = 10000)")
    tests = goodness_of_fit(x, VonMisesFisher(north(3), 50.0))
    assert repr(tests).startswith(f"GoodnessOfFit(p(overlap) = {tests.overlap:.6g}, p(polarity) = ")
    long = DirectionalStatistics.of(UniformSphere(1_000).sample(jax.random.key(13), (20,)))
    assert repr(long).startswith("DirectionalStatistics(d = 1000, n = 20, x̄ = [")
    for result in (fit, tests, long):
        assert len(repr(result)) < 200
        assert "f32[" not in repr(result)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VonMisesFisher.fit(np.ones(3)), r"samples: got shape \(3,\), expected \(n, d\)"),
        (
            lambda: VonMisesFisher.fit(np.ones((5, 3))),
            "samples: got a vector of norm 1.73205 in row 0, expected norm 1",
        ),
        (
            lambda: VonMisesFisher.fit(np.array([[1.0, 0.0], [np.nan, 0.0]])),
            "samples: got a vector of norm nan in row 1",
        ),
        (lambda: VonMisesFisher.fit(np.eye(3)[:1]), r"samples: got 1 \(effective\), expected at least 2"),
        (lambda: VonMisesFisher.fit(np.eye(3)[[0, 0]]), "samples: got vectors that are all the same"),
        (
            lambda: goodness_of_fit(np.eye(4), VonMisesFisher(north(4), 1.0)),
            "samples: got the mean direction itself in row 0",
        ),
        (lambda: VonMisesFisher.fit(np.eye(3), [1.0, 2.0]), r"weights: got shape \(2,\), expected \(3,\)"),
        (lambda: VonMisesFisher.fit(np.eye(3), [1.0, 2.0, -1.0]), "weights: got -1.0"),
        (lambda: VonMisesFisher.fit(np.eye(3), [0.0, 0.0, 0.0]), "weights: got a sum of 0"),
        (
            lambda: VonMisesFisher.fit(DirectionalStatistics.of(np.eye(3)), np.ones(3)),
            "weights: got them beside statistics",
        ),
        (
            lambda: goodness_of_fit(np.eye(3), VonMisesFisher(north(4), 1.0)),
            r"samples: got shape \(3, 3\), expected \(n, 4\)",
        ),
    ],
)
def test_wrong_samples(call, message):
    with pytest.raises(ValueError, match=message):
        call()
