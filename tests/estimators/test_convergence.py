"""R̂, effective sample sizes and the equilibration cut, against processes whose correlation time is known."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_mean, assert_rejects, assert_variance
from thermo_ideal.estimators import convergence, effective_sample_size, equilibration, sweep_effective_sample_size

GENERATOR = np.random.default_rng(0)


def autoregressive(phi, *shape, generator=GENERATOR):
    """Stationary, of variance 1 and correlations `φ^t`: `n` draws are worth `n (1 − φ)/(1 + φ)`."""
    x = generator.normal(size=shape)
    for t in range(1, shape[-1]):
        x[..., t] = phi * x[..., t - 1] + np.sqrt(1 - phi**2) * x[..., t]
    return x


def split_rhat(x):
    """Of the source's equations, written out with SciPy's ranks: the larger of location and scale."""
    from scipy import stats

    n = x.shape[1] // 2
    halves = np.concatenate([x[:, :n], x[:, -n:]])

    def of(values):
        z = stats.norm.ppf((stats.rankdata(values).reshape(values.shape) - 0.375) / (values.size + 0.25))
        within, between = z.var(axis=1, ddof=1).mean(), n * z.mean(axis=1).var(ddof=1)
        return np.sqrt(((n - 1) / n * within + between / n) / within)

    return max(of(halves), of(np.abs(halves - np.median(halves))))


def test_rhat_is_that_of_the_equations():
    x = autoregressive(0.7, 3, 4, 200)
    x[1] += 0.5 * np.arange(4)[:, None]
    x[2] *= 1 + 0.5 * np.arange(4)[:, None]
    found = convergence(x)
    np.testing.assert_allclose(found.split_rhat, [split_rhat(one) for one in x], rtol=1e-3)  # ties of rounding
    assert found.split_rhat.shape == found.bulk_ess.shape == found.mean.shape == (3,)
    assert (found.split_rhat[1:] > 1.05).all()  # other places, and other scales: both are seen


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_effective_sample_sizes_and_errors(phi):
    n = 400
    found = convergence(autoregressive(phi, 60, 4, n))
    exact = 4 * n * (1 - phi) / (1 + phi)
    assert_mean(found.bulk_ess / exact, 1.0, bias=0.1)  # of order correlation time over n
    assert_mean(found.standard_error / exact**-0.5, 1.0, bias=0.08)
    assert_mean(found.mean / found.standard_error, 0.0)
    assert_variance(found.mean / found.standard_error, maximum=1.1)
    assert_rejects(assert_variance, 2 * found.mean / found.standard_error, 1.0, 1.1)
    assert (found.tail_ess < 1.5 * 4 * n).all()


@pytest.mark.parametrize(("unit", "centre"), [(1e-30, 0.0), (1e-6, 1.0), (1e150, 0.0), (1e150, -1e150)])
def test_units_and_offsets_do_not_matter(unit, centre):
    x = autoregressive(0.5, 4, 300)
    one, other = convergence(x), convergence(centre + unit * x)
    for name in ("split_rhat", "bulk_ess", "tail_ess"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-3)
    np.testing.assert_allclose(other.standard_error, unit * one.standard_error, rtol=1e-6)
    np.testing.assert_allclose(other.mean, centre + unit * one.mean, rtol=1e-6)
    cut, moved = equilibration(x), equilibration(centre + unit * x)
    assert (cut.start, round(cut.drift, 4)) == (moved.start, round(moved.drift, 4))


def test_nested_rhat_of_many_short_replicas():
    """Groups that started apart and have not forgotten it, against groups that have."""
    x = GENERATOR.normal(size=(64, 8))
    groups = np.arange(64) // 16
    mixed, apart = convergence(x, superchains=groups), convergence(x + groups[:, None], superchains=groups)
    assert mixed.nested_rhat < 1.1 < 1.3 < apart.nested_rhat
    # By its definition, on plain numbers whose ranks are nearly normal scores already.
    halves = np.concatenate([x[:, :4], x[:, 4:]])
    both = np.tile(groups, 2)
    means = np.array([halves[both == k].mean() for k in range(4)])
    within = np.mean(
        [halves[both == k].var(axis=1, ddof=1).mean() + halves[both == k].mean(axis=1).var(ddof=1) for k in range(4)]
    )
    assert abs(mixed.nested_rhat - np.sqrt(1 + means.var(ddof=1) / within)) < 0.02
    labels = convergence(x, superchains=[f"start {k}" for k in groups])
    assert labels.nested_rhat == mixed.nested_rhat


def test_one_replica_and_replicas_that_stand_still():
    trend = GENERATOR.normal(size=1000) + np.linspace(0, 3, 1000)
    assert convergence(trend).split_rhat > 1.1 > 1.02 > convergence(GENERATOR.normal(size=1000)).split_rhat
    still = convergence(np.repeat(np.arange(4.0)[:, None], 50, axis=1))
    assert still.split_rhat == np.inf
    assert still.bulk_ess < 20
    assert "R̂ = inf" in repr(still)


def test_many_systems_are_those_of_the_library():
    """One program for all, against arviz-stats one by one; also through blocks, and at 1e±30."""
    from arviz_stats.base import array_stats

    x = np.concatenate([autoregressive(phi, 20, 3, 250) for phi in (-0.5, 0.0, 0.8, 0.97)])
    x[::5] += np.arange(3)[:, None]
    for rank_normalised, method in ((False, "mean"), (True, "bulk")):
        found = sweep_effective_sample_size(x, rank_normalised=rank_normalised)
        np.testing.assert_allclose(found, array_stats.ess(x, method=method), rtol=1e-3)
    np.testing.assert_allclose(
        sweep_effective_sample_size(1 + 1e-9 * x)[1], sweep_effective_sample_size(x)[1], rtol=1e-4
    )
    on_device = jnp.asarray(1e30 * x, jnp.float32)
    np.testing.assert_allclose(sweep_effective_sample_size(on_device), sweep_effective_sample_size(x), rtol=1e-4)
    for unit in (1e-30, 1e150):
        np.testing.assert_allclose(sweep_effective_sample_size(unit * x), sweep_effective_sample_size(x), rtol=1e-4)


def test_many_systems_in_blocks(monkeypatch):
    from thermo_ideal.estimators import _sweep_effective_sample_size as module

    x = autoregressive(0.6, 10, 7, 3, 250)
    whole = sweep_effective_sample_size(x)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 16 * 3 * 250)
    np.testing.assert_allclose(sweep_effective_sample_size(x), whole, rtol=1e-5)
    assert whole.shape == (10, 7)
    broken = x.copy()
    broken[2, 3, 1, 7], broken[4, 5] = np.nan, 2.0
    found = sweep_effective_sample_size(broken)
    assert np.argwhere(np.isnan(found)).tolist() == [[2, 3], [4, 5]]
    np.testing.assert_allclose(found[0], whole[0], rtol=1e-5)


def test_one_series_is_worth_the_same_by_both():
    x = autoregressive(0.8, 50, 2000)
    alone = effective_sample_size(x, axis=1)
    together = sweep_effective_sample_size(x[:, None])
    assert_mean(alone / together, 1.0, bias=0.03)


def test_cut_after_the_transient():
    generator = np.random.default_rng(5)
    time = np.arange(2000)
    found = [
        equilibration(autoregressive(0.5, 4, 2000, generator=generator) + 10 * np.exp(-time / 40)) for _ in range(40)
    ]
    starts = np.array([x.start for x in found])
    # 10 e^{−t/40} falls below the error of the mean, 0.02, after 250 steps.
    assert np.median(starts) > 100
    assert (starts < 800).all()
    score = np.array([x.mean / x.standard_error for x in found])
    assert_mean(score, 0.0, bias=0.3)
    assert_variance(score, maximum=1.6)  # the error of a window of √N is short of it by the correlation time over √N
    kept = [equilibration(autoregressive(0.5, 4, 2000, generator=generator)).start for _ in range(20)]
    assert np.median(kept) < 200
    late = equilibration(autoregressive(0.5, 4, 2000, generator=generator) + 10 * time / 2000)
    assert late.start >= 1000
    assert abs(late.drift) > 5


def test_standard_error_after_the_cut_is_that_of_overlapping_windows():
    """Against the sum over lags with triangular weights, written out."""
    x = autoregressive(0.5, 900)
    found = equilibration(x)
    kept = x[found.start :]
    n, w = kept.size, round(np.sqrt(kept.size))
    centred = kept - kept.mean()
    covariance = [centred[k:] @ centred[: n - k] / n for k in range(w)]
    variance = covariance[0] + 2 * sum((1 - k / w) * covariance[k] for k in range(1, w))
    geyer = kept.var(ddof=1) / effective_sample_size(kept)
    np.testing.assert_allclose(found.standard_error, np.sqrt(max(variance / n, geyer)), rtol=0.1)


WHITE = GENERATOR.normal(size=(4, 100))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convergence(WHITE.T), r"got 100 replicas of 4 draws, expected .*np.swapaxes\(series, -1, -2\)"),
        (lambda: convergence(WHITE[:, :3]), r"series: got shape \(4, 3\), expected .* at least 4 draws"),
        (lambda: convergence(np.full((2, 50), 0.1)), "series: got a constant, whose convergence is undefined"),
        (lambda: convergence(np.stack([WHITE, 0 * WHITE])), "series: got a constant at index"),
        (lambda: convergence(WHITE[[0, 1, 0]]), "series: got replica 2 that is a copy of replica 0"),
        (lambda: convergence(np.where(WHITE > 2, np.nan, WHITE)), "series: got nan at index"),
        (lambda: convergence(WHITE, superchains=[0, 0, 0, 1]), r"superchains: got .*np.arange\(4\) // 1"),
        (lambda: convergence("text"), "series: got str of <U4, expected an array of real numbers"),
        (lambda: equilibration(WHITE.T), r"series: got shape \(100, 4\), expected \(replicas, draws\)"),
        (lambda: equilibration(WHITE[0, :10]), "at least 16 draws"),
        (lambda: equilibration(np.ones(100)), "series: got a constant"),
        (lambda: equilibration(np.where(WHITE > 2, np.inf, WHITE)), "series: got inf"),
        (lambda: sweep_effective_sample_size(WHITE[0]), r"series\[:, None\]"),
        (lambda: sweep_effective_sample_size(WHITE.T), r"series: got shape \(100, 4\)"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
