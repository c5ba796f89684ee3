"""Declared failure rates and powers, measured on thousands of synthetic datasets; what cannot be judged is refused."""

import numpy as np
import pytest
from scipy import signal, stats

from thermo_ideal import testing
from thermo_ideal.distributions import UniformSphere, VonMisesFisher
from thermo_ideal.estimators import Estimate

RATE, DATASETS = 0.02, 4000
RNG = np.random.default_rng


def failures(check, datasets):
    """How many of the datasets a check fails on."""
    count = 0
    for samples in datasets:
        try:
            check(samples)
        except AssertionError:
            count += 1
    return count


def p_of_rate(count, total, rate):
    return stats.binomtest(count, total, rate).pvalue


def normal(seed=0, count=40, total=DATASETS):
    return RNG(seed).normal(size=(total, count))


def autoregressive(total, length=1600, memory=0.5, seed=0):
    """Series of variance 1 and a correlation time of `(1 + φ)/(1 − φ) = 3`."""
    noise = RNG(seed).normal(size=(total, length + 50)) * np.sqrt(1 - memory**2)
    return signal.lfilter([1], [1, -memory], noise, axis=-1)[:, 50:]


def mean_is_0(samples):
    testing.assert_mean(samples, 0.0, failure_rate=RATE)


def series_mean_is_0(samples):
    testing.assert_mean(samples, 0.0, failure_rate=RATE, correlated=True)


def test_the_mean_of_few_normal_samples_fails_at_the_declared_rate():
    count = failures(mean_is_0, normal(count=8))
    assert p_of_rate(count, DATASETS, RATE) > 1e-6
    assert p_of_rate(count, DATASETS, 2 * RATE) < 1e-6


def test_skewed_samples_fail_at_about_the_declared_rate():
    count = failures(mean_is_0, RNG(1).exponential(size=(DATASETS, 400)) - 1)
    assert RATE / 1.5 < count / DATASETS < 1.5 * RATE


def test_a_correlated_series_fails_at_the_declared_rate():
    """And not without the batches: the errors are √3 too small then, and the rate 0.18."""
    series = autoregressive(DATASETS)
    assert p_of_rate(failures(series_mean_is_0, series), DATASETS, RATE) > 1e-6
    t = stats.ttest_1samp(series[:1000], 0.0, axis=1).pvalue
    assert np.mean(t < RATE) > 5 * RATE
    with pytest.raises(ValueError, match=r"neighbours with a correlation of 0\.\d+, .* add correlated=True"):
        mean_is_0(series[0])


def test_columns_share_a_failure_rate():
    columns = normal(2).reshape(500, 40, 8)
    count = failures(mean_is_0, columns)
    assert p_of_rate(count, 500, RATE) > 1e-6
    each = stats.ttest_1samp(columns, 0.0, axis=1).pvalue.min(axis=1)
    assert p_of_rate(int(np.sum(each < RATE)), 500, RATE) < 1e-6


def test_assertions_of_one_test_share_a_failure_rate():
    @testing.shared_failure_rate(0.1)
    def check(samples):
        for part in samples.reshape(5, 8):
            testing.assert_mean(part, 0.0)

    def unshared(samples):
        for part in samples.reshape(5, 8):
            testing.assert_mean(part, 0.0, failure_rate=0.1)

    datasets = normal(3, total=1000)
    # Independent shares of five: 1 − Π(1 − α/k(k + 1)) of α = 0.1.
    expected = 1 - np.prod([1 - 0.1 / (k * (k + 1)) for k in range(1, 6)])
    assert p_of_rate(failures(check, datasets), 1000, expected) > 1e-6
    assert failures(unshared, datasets) > 300


def test_laws_fail_at_the_declared_rate():
    datasets = RNG(4).uniform(size=(2000, 100))
    uniform = lambda p: testing.assert_uniform(p, failure_rate=0.05)  # noqa: E731
    assert p_of_rate(failures(uniform, datasets), 2000, 0.05) > 1e-6
    assert failures(uniform, datasets[:100] ** 3) == 100
    series = stats.norm.cdf(autoregressive(1000, seed=5))
    later = lambda p: testing.assert_uniform(p, failure_rate=0.05, correlated=True)  # noqa: E731
    assert p_of_rate(failures(later, series), 1000, 0.05) > 1e-6
    assert np.mean([stats.kstest(p, "uniform").pvalue < 0.05 for p in series[:200]]) > 0.2


def test_directions_have_a_law():
    x = RNG(6).normal(size=(60, 50, 3))
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    count = failures(lambda w: testing.assert_law(w, UniformSphere(3), failure_rate=0.1), x)
    assert p_of_rate(count, 60, 0.1) > 1e-6
    testing.assert_rejects(testing.assert_law, x.reshape(-1, 3), VonMisesFisher(np.eye(3)[0], 0.2))


def test_intervals_cover_as_often_as_they_say():
    """A count is discrete, so that the rate is at most the declared one."""
    x = normal(7, count=100, total=1500)
    check = lambda x: testing.assert_covers(x - 1.645, x + 1.645, 0.0, level=0.9, failure_rate=RATE)  # noqa: E731
    count = failures(check, x)
    assert stats.binomtest(count, 1500, RATE, alternative="greater").pvalue > 1e-6
    assert count > 1500 * RATE / 4
    testing.assert_rejects(testing.assert_covers, *(x[:10].reshape(-1) + w for w in (-1.2, 1.2)), 0.0, level=0.9)


def test_estimates_fail_at_the_declared_rate():
    grids = normal(8).reshape(DATASETS, 5, 8)
    count = failures(lambda x: testing.assert_estimate(Estimate(x), 0.0, failure_rate=RATE), grids)
    assert p_of_rate(count, DATASETS, RATE) > 1e-6
    testing.assert_rejects(testing.assert_estimate, Estimate(np.array([[np.nan, 1.0, 2.0]])), 1.0)


@pytest.mark.parametrize("power", [0.8, 0.99])
@pytest.mark.parametrize("correlated", [False, True])
def test_a_negative_control_of_the_detectable_shift_has_the_declared_power(power, correlated):
    """The shift from one dataset, planted in others: its own error makes the power a little less."""
    datasets = autoregressive(1000, seed=9) if correlated else normal(9, count=200, total=1000)
    options = {"failure_rate": 1e-4, "correlated": correlated}
    shift = np.mean([testing.detectable_shift(x, power=power, **options) for x in datasets[:100]])
    found = 0
    for x in datasets:
        try:
            testing.assert_rejects(testing.assert_mean, x, shift, **options)
            found += 1
        except AssertionError as error:
            assert "assert_mean passes what it should reject" in str(error)  # noqa: PT017
    assert power - 0.05 < found / 1000 < power + 0.5 * (1 - power) + 0.04


def test_rejections_take_no_share_and_let_errors_through():
    x = normal(10, count=100, total=1)[0]
    with testing.shared_failure_rate(1e-3):
        first = testing.detectable_shift(x)
        testing.assert_rejects(testing.assert_mean, x, 9.0)
        assert testing.detectable_shift(x) == first
        testing.assert_mean(x, 0.0)
        assert testing.detectable_shift(x) > first
    with pytest.raises(ValueError, match="samples: got nan"):
        testing.assert_rejects(testing.assert_mean, [np.nan] * 9, 0.0)


X = normal(11, count=100, total=1)[0]


def within(rate, call):
    with testing.shared_failure_rate(rate):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: testing.assert_mean([1.0, np.inf] * 5, 0.0), r"samples: got inf at index \(1,\), expected finite"),
        (lambda: testing.assert_mean([0.5] * 20, 0.5), r"samples: got 20 times 0\.5, whose standard error is 0"),
        (lambda: testing.assert_mean([1.0, 2.0, 3.0], 2.0), "samples: got 3 along the first axis, expected at least 8"),
        (lambda: testing.assert_mean(3.0, 2.0), "samples: got 1 along"),
        (lambda: testing.assert_mean(["a"] * 9, 2.0), "samples: got .*, expected real numbers"),
        (lambda: testing.assert_mean(X, np.nan), "exact: got nan"),
        (lambda: testing.assert_mean(X[:, None], [0, 0, 0]), r"exact: got shape \(3,\), expected .* \(1,\)"),
        (lambda: testing.assert_mean(X, 0.0, failure_rate=0.0), r"failure_rate: got 0\.0, expected .* failure_rate="),
        (lambda: testing.assert_mean(X, 0.0, failure_rate=1.5), "failure_rate: got 1.5"),
        (lambda: testing.assert_mean(np.cumsum(X), 0.0, correlated=True), "samples: got a series of 100, expected"),
        (lambda: testing.assert_law(np.cumsum(X), stats.norm, correlated=True), "samples: got a series of 100"),
        (lambda: testing.assert_law(X, "normal"), "law: got 'normal', expected a cumulative distribution function"),
        (lambda: testing.assert_law(X.reshape(50, 2), stats.norm), r"samples: got shape \(50, 2\), expected \(n,\)"),
        (lambda: testing.assert_covers(X, X - 1, 0.0, level=0.9), "lower: got the interval from .* at index 0"),
        (lambda: testing.assert_covers(X, X, 0.0, level=90), "level: got 90, expected"),
        (lambda: testing.assert_covers(0.0, 1.0, 0.0, level=0.9), r"lower: got shape \(\), expected \(n,\)"),
        (lambda: testing.detectable_shift(X, power=0.5), r"power: got 0\.5, expected"),
        (lambda: within(0.1, lambda: testing.assert_mean(X, 0.0, failure_rate=0.1)), "failure_rate: got 0.1 inside"),
        (lambda: within(0.1, lambda: within(0.1, print)), "shared_failure_rate: got 0.1 inside another one"),
        (lambda: within(2.0, print), "failure_rate: got 2.0, expected"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_failures_say_where_and_by_how_much():
    columns = np.stack([X, X + 5], axis=-1)
    with pytest.raises(AssertionError, match=r"mean: got .* at index \(1,\), expected 0: t = .*, allowed 5\.\d at the"):
        testing.assert_mean(columns, 0.0)
    testing.assert_mean(columns, [0.0, 5.1], bias=0.3)
