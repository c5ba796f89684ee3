"""`mean ± 1.96 standard_error` covers the exact mean in 95 of 100 repeated runs, also of short ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from tests.support.statistics import assert_rejects
from tests.support.systems import chain
from thermo_ideal import dynamics as dyn
from thermo_ideal.integrators import simulate
from thermo_ideal.integrators._error_of_mean import error_of_mean
from thermo_ideal.verification import stationary_law

CORRELATION_TIME, LENGTH = 12.0, 16
INEFFICIENCY = 1 / np.tanh(0.5 / CORRELATION_TIME)


def autoregression(independent, runs, transform=lambda x: x):
    """`independent·g` observations of each run, in their stationary law, and its mean 0."""
    rng, n, rho = np.random.default_rng(7), round(independent * INEFFICIENCY), np.exp(-1 / CORRELATION_TIME)
    noise = rng.normal(size=(runs, n))
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    return transform(lfilter([1], [1, -rho], noise, axis=1))


def mean_and_error(x, **how):
    """By block means of the series itself."""

    def level(length):
        means = x[:, : x.shape[1] // length * length].reshape(len(x), -1, length).mean(2)
        return means.shape[1], means.var(1, ddof=1)

    blocks = [level(LENGTH * 2**i) for i in range(30) if 2 * LENGTH * 2**i <= x.shape[1]]
    return x.mean(1), error_of_mean(*level(1), LENGTH, blocks, **how)[1]


def assert_covers(departure, error, low=0.93, high=0.97):
    finite = np.isfinite(error)
    share = np.mean(np.abs(departure[finite]) < stats.norm.ppf(0.975) * error[finite])
    assert low < share < high, f"{share:.3f} of {finite.sum()}"


@pytest.mark.parametrize("independent", [10, 12, 16, 20, 33, 60, 109, 300])
def test_coverage(independent):
    mean, error = mean_and_error(autoregression(independent, 4000))
    assert np.isfinite(error).mean() > 0.75
    assert_covers(mean, error)
    assert_rejects(assert_covers, mean, 0.8 * error)
    assert_rejects(assert_covers, mean, 1.25 * error)


@pytest.mark.parametrize(("independent", "share"), [(1, 0.05), (3, 0.2), (5, 0.4)])
def test_a_short_run_says_so(independent, share):
    assert np.isfinite(mean_and_error(autoregression(independent, 4000))[1]).mean() < share


@pytest.mark.parametrize("independent", [33, 109, 300])
def test_coverage_of_a_skew_observable(independent):
    """The square of an autoregression, whose correlation time is half, as the loss of a cold gas."""
    mean, error = mean_and_error(autoregression(independent / 2, 4000, lambda x: x**2 - 1))
    assert_covers(mean, error, low=0.88)


def test_white_noise_and_alternating_signs():
    rng = np.random.default_rng(2)
    white = rng.normal(size=(4000, 600))
    assert_covers(*mean_and_error(white))
    moving = rng.normal(size=(4000, 601))
    alternating = moving[:, 1:] - 0.8 * moving[:, :-1]  # the variance of its mean is 1/40 of that of white noise
    mean, error = mean_and_error(alternating)
    assert_covers(mean, error, high=1.0)
    assert np.median(error) < 0.4 * np.sqrt(1.64 / 600)


@pytest.mark.parametrize("wanted", [15, 35])
def test_coverage_where_a_run_ends_by_its_error(wanted):
    """It is looked at every two correlation times and ends once its error is that of `wanted` observations."""
    x, target = autoregression(3 * wanted, 800), wanted**-0.5
    found = np.full((2, 2, len(x)), np.nan)  # plain and widened: mean and error
    for n in range(round(4 * INEFFICIENCY), x.shape[1], round(INEFFICIENCY)):
        (mean, plain), (_, widened) = mean_and_error(x[:, :n]), mean_and_error(x[:, :n], looked=True)
        for i, error in enumerate((plain, widened)):
            now = (error < target) & np.isnan(found[i, 0])
            found[i][:, now] = mean[now], error[now]
    assert np.isnan(found[1, 0]).mean() < 0.1
    found = found[:, :, ~np.isnan(found[1, 0])]
    assert_covers(*found[1])
    assert_rejects(assert_covers, *found[0])


@pytest.mark.parametrize("independent", [10, 16, 33, 109])
def test_coverage_of_the_radius(independent):
    """Repeated runs of SGD; `τ = 2/(4 η_eff λ)` of the radius, in steps."""
    rate, decay, d = 0.02, 0.05, 20
    run = chain(dyn.FixedEffectiveLearningRate(rate, decay), d)
    law = stationary_law(run.sgd, d)
    tau = 2 / float(run.sgd.protocol.radius_relaxation_rate(d - 1.0))
    stride = 10
    steps, burn_in = (stride * round(n * tau / stride) for n in (independent + 4, 4))
    start = run.start(radius=jnp.full(1000, float(law.mean_radius)), depth=float(law.mean_loss))
    result = simulate(jax.random.key(5), run, start, steps, burn_in=burn_in, stride=stride)
    departure, error = result.mean("radius") - law.mean_radius, result.standard_error("radius")
    assert np.isfinite(error).mean() > 0.75
    assert_covers(departure, error, low=0.92)
    assert_rejects(assert_covers, departure, 0.75 * error)
    assert_rejects(assert_covers, departure, 1.4 * error)
