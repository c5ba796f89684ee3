"""Streaming statistics against the same from everything kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects, assert_variance
from tests.support.systems import toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.estimators import Estimate
from thermo_ideal.integrators import DepthHistogram, EulerMaruyama, Save, ZonalEulerMaruyama, simulate
from thermo_ideal.integrators._histogram import EdgeBins, OddsBins
from thermo_ideal.integrators._streaming_moments import Level, Moments

KEY = jax.random.key(31)
MU = np.eye(3)[0]


def test_moments_are_those_of_all_observations():
    run = EulerMaruyama(toy(dyn.FixedEffectiveLearningRate(0.1, 0.1), mean_direction=MU))
    result = simulate(KEY, run, jnp.ones((5, 3)), 500, burn_in=37, save=Save(positions=1, histogram=64), chunk_size=64)
    w = result.samples.astype(np.float64)
    assert len(w) == 463
    radius = np.linalg.norm(w, axis=-1)
    series = {
        "loss": ((w / radius[..., None] - MU) ** 2).sum(-1) / 2,
        "radius": radius,
        "log_radius": np.log(radius),
        "volume": radius**2 / 2,
    }
    for name, x in series.items():
        np.testing.assert_allclose(result.mean(name), x.mean(0), rtol=2e-6)
        np.testing.assert_allclose(result.variance(name), x.var(0), rtol=1e-4)
        np.testing.assert_allclose(result.minimum(name), x.min(0), rtol=1e-5)
        np.testing.assert_allclose(result.maximum(name), x.max(0), rtol=1e-5)
    loss, volume = (series[name] - series[name].mean(0) for name in ("loss", "volume"))
    np.testing.assert_allclose(result.covariance("loss", "volume"), (loss * volume).mean(0), rtol=1e-3, atol=1e-7)
    assert result.histogram.counts.sum() == w.shape[0] * w.shape[1]
    for p in (0.01, 0.5, 0.99):
        wanted = np.quantile(series["loss"], p, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(result.histogram.quantile(p), wanted, rtol=2 ** (1 / 64) - 1)
    with pytest.raises(ValueError, match=r"observable: got 'energy', expected one of .*'loss'"):
        result.mean("energy")


def autoregression(correlation, runs, length):
    rng = np.random.default_rng(3)
    x = np.empty((length, runs))
    x[0] = rng.normal(size=runs)
    noise = rng.normal(size=(length, runs)) * np.sqrt(1 - correlation**2)
    for i in range(1, length):
        x[i] = correlation * x[i - 1] + noise[i]
    return x


def streamed(x, chunk=1000):
    """The moments of a series, in pieces whose lengths do not fit the blocks."""
    moments = Moments.empty(x.shape[1], 16)
    for i in range(0, len(x), chunk):
        part = x[i : i + chunk]
        padded = np.concatenate([part, np.zeros((-len(part) % 16, x.shape[1]))])
        sums = {
            "reference": np.zeros(x.shape[1]),
            "total": part.sum(0),
            "unit": np.ones(x.shape[1]),
            "squares": (part**2).sum(0),
            "minimum": part.min(0),
            "maximum": part.max(0),
            "blocks": padded.reshape(-1, 16, x.shape[1]).mean(1),
            "level_sums": np.zeros((0, x.shape[1])),
            "level_squares": np.zeros((0, x.shape[1])),
        }
        moments = moments.merge(0, len(part), sums)
    return moments


@pytest.mark.parametrize("correlation", [0.0, 0.9, 0.99])
def test_autocorrelation_time_and_error_of_the_mean(correlation):
    """`g = (1 + ρ)/(1 − ρ)`, and scores of the means with the errors so found are standard normal."""
    x = autoregression(correlation, 400, 40_000)
    moments = streamed(x)
    exact = (1 + correlation) / (1 - correlation)
    # Blocks are a few times the correlation time, which leaves out a share 1/B^{2/3} of g.
    g = Estimate(moments.inefficiency)
    assert abs(float(g.value) / exact - 1) < 0.1 + 5 * float(g.standard_error) / exact
    assert_rejects(assert_estimate, g, 1.3 * exact)
    assert_variance(moments.mean / moments.standard_error, minimum=1 / 1.2, maximum=1.2)
    assert_rejects(assert_variance, moments.mean / (0.7 * moments.standard_error))


def test_a_run_too_short_to_tell_has_no_error():
    moments = streamed(autoregression(0.999, 3, 2000))
    assert np.isinf(moments.standard_error).all()
    still = Moments.empty(2, 16)
    assert still.count == 0
    assert Level.empty(2).sample_variance.tolist() == [0, 0]


def test_what_does_not_move_has_no_error():
    """The radius of the fixed sphere."""
    run = EulerMaruyama(toy(dyn.FixedSphere(0.1, 1.0), mean_direction=MU))
    result = simulate(KEY, run, jnp.ones((2, 3)), 4000)
    assert np.all(result.standard_error("radius") < 1e-7)
    assert np.all(np.isfinite(result.standard_error("loss")))
    # Δ(1 + 2Σρ) of the loss, whose correlation is about e^{−2·0.1 k}.
    assert np.all((result.autocorrelation_time("loss") > 5) & (result.autocorrelation_time("loss") < 20))


@pytest.mark.parametrize("temperature", [1e-10, 1e-2, 1e3])
def test_histogram_is_as_fine_at_any_temperature(temperature):
    chain = ZonalEulerMaruyama(
        toy(dyn.FixedSphere(0.01, 1.0), float(np.sqrt(200 * temperature))),
        5,
    )
    save = Save(positions=16, histogram=32)
    result = simulate(KEY, chain, chain.start(jnp.ones(4), depth=1e-9), 8000, burn_in=4000, stride=16, save=save)
    x, y = np.moveaxis(result.samples.astype(np.float64), -1, 0)
    depth = y**2 / (np.hypot(x, y) * (np.hypot(x, y) + x))
    for p in (0.1, 0.5, 0.9):
        wanted = np.quantile(depth, p, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(result.histogram.quantile(p), wanted, rtol=2 ** (1 / 32) - 1)
    assert list(result.histogram.edges[[0, -1]]) == [0, 2]


def test_what_a_histogram_refuses():
    histogram = DepthHistogram(np.zeros((128, 1), np.int64), 1)
    with pytest.raises(ValueError, match="counts: got a run without observations"):
        histogram.quantile(0.5)
    with pytest.raises(ValueError, match="probability: got 1, expected a number between"):
        histogram.quantile(1)
    loss = dyn.ScaleInvariantLoss(lambda w: w[0] / jnp.linalg.norm(w))
    run = EulerMaruyama(dyn.SGD(loss, dyn.IsotropicNoise(), dyn.FixedSphere(0.1, 1.0)))
    with pytest.raises(ValueError, match="histogram: got 'depth', expected one of"):
        simulate(KEY, run, jnp.ones((2, 3)), 8, save=Save(histogram=8))
    with pytest.raises(ValueError, match="histogram: got 0"):
        Save(histogram=0)
    with pytest.raises(ValueError, match="save: got 0"):
        Save(positions=0)


def test_depth_is_measured_beside_another_zonal_loss():
    chain = ZonalEulerMaruyama(
        dyn.SGD(dyn.ZonalLoss(lambda m: m**3), dyn.IsotropicNoise(), dyn.FixedSphere(0.05, 1.0)), 4
    )
    result = simulate(KEY, chain, chain.start(jnp.ones(2), 0.5), 64, save=1)
    x, y = np.moveaxis(result.samples.astype(np.float64), -1, 0)
    overlap = x / np.hypot(x, y)
    np.testing.assert_allclose(result.mean("depth"), (1 - overlap).mean(0), rtol=1e-5)
    np.testing.assert_allclose(result.mean("loss"), (overlap**3).mean(0), rtol=1e-4, atol=1e-5)


def test_inside_of_a_bin_and_at_its_edges():
    """A quantile lies at its share of the bin, in the logarithm of the odds; an edge belongs to the bin above."""
    counts = np.zeros((128, 2), np.int64)
    counts[63], counts[66] = (3, 0), (1, 8)
    histogram = DepthHistogram(counts, 1)
    for p, log_odds in ((0.25, [-2 / 3, 2.25]), (0.5, [-1 / 3, 2.5]), (0.75, [0.0, 2.75])):
        odds = 2.0 ** np.array(log_odds)
        np.testing.assert_allclose(histogram.quantile(p), 2 * odds / (1 + odds), rtol=1e-12)
    edges = EdgeBins((0.0, 0.5, 1.0))
    np.testing.assert_array_equal(edges.index(jnp.array([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0])), [0, 1, 1, 2, 3, 3])
    odds = 2.0 ** ((np.arange(100, 160) + 0.5) / 2 - 64)  # in the middle of bins 100 … 159
    np.testing.assert_array_equal(
        OddsBins(2).index(jnp.asarray(2 * odds / (1 + odds), jnp.float32)), np.arange(100, 160)
    )


def test_counts_are_those_of_numpy():
    run = EulerMaruyama(toy(dyn.FixedEffectiveLearningRate(0.1, 0.1), mean_direction=MU))
    edges = np.array([0.5, 0.9, 1.0, 1.1, 1.3])
    save = Save(positions=4, histograms={"radius": edges})
    result = simulate(KEY, run, jnp.ones((5, 3)), 2000, burn_in=100, stride=4, save=save, chunk_size=64)
    radius, histogram = np.linalg.norm(result.samples, axis=-1), result.histograms["radius"]
    for i in range(5):
        counts, _ = np.histogram(radius[:, i], edges)
        assert np.abs(histogram.counts[:, i] - counts).max() <= 1  # on an edge in one precision
        assert abs(histogram.below[i] - (radius[:, i] < 0.5).sum()) <= 1
        assert abs(histogram.above[i] - (radius[:, i] >= 1.3).sum()) <= 1
    assert (histogram.counts.sum(axis=0) > 50).all()
