"""Entropy estimators on exact samples of laws with known entropy."""

import jax
import mpmath
import numpy as np
import pytest
from scipy import stats

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

ANGLES = np.linspace(0.1, 3.0, 200).reshape(2, 100)


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
    x, _, exact, _ = directions(3, 2e4, mean=np.array(mean), shape=(256, 1000))
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


def kept_twice(x, share=1.0):
    """Samples of which a share was kept twice, `(replicas, samples, …)`."""
    return np.concatenate([x, x[:, : int(share * x.shape[1])]], axis=1)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("spacing", [3, 10])
def test_samples_that_were_kept_twice_are_refused(share, spacing):
    x, mu, exact, _ = directions(3, 20.0)
    depth = ((x - mu) ** 2).sum(-1) / 2
    assert_estimate(zonal_entropy(depth, 3, spacing), exact)
    with pytest.raises(ValueError, match=r"depth: got \d+% of the samples equal to another, expected at most 10%"):
        zonal_entropy(kept_twice(depth, share), 3, spacing)
    with pytest.raises(ValueError, match="of the samples equal to another"):  # in one point of a grid
        zonal_entropy(np.stack([depth, kept_twice(depth[:, :500])]), 3, spacing)
    for k in (1, 4):
        with pytest.raises(ValueError, match="that repeat, expected distinct samples"):
            spherical_entropy(kept_twice(x, share), k)
    with pytest.raises(ValueError, match="that repeat"):  # replicas that share their random numbers
        spherical_entropy(np.concatenate([x, x]))


def test_a_few_samples_kept_twice_move_the_estimate_less_than_is_said():
    x, mu, _, _ = directions(3, 20.0)
    depth = ((x - mu) ** 2).sum(-1) / 2
    few = zonal_entropy(kept_twice(depth, 0.045), 3)
    assert abs(few.value - zonal_entropy(depth, 3).value) < 0.03
    with pytest.raises(ValueError, match="equal to another"):
        zonal_entropy(kept_twice(depth, 0.06), 3)


@pytest.mark.parametrize("k", [1, 4])
def test_coincidences_by_rounding_are_borne(k):
    """On a lattice so coarse that some samples coincide; a coarser one is refused."""
    x = np.random.default_rng(7).normal(size=(20_000, 2))
    exact = np.log(2 * np.pi * np.e)

    def check(cell):
        return kozachenko_leonenko(np.round(x / cell) * cell, k)

    rounded = check(5e-4)
    assert np.isfinite(rounded).all()
    assert_mean(rounded, exact, bias=0.03)
    assert abs(rounded.mean() - kozachenko_leonenko(x, k).mean()) < 0.03
    with pytest.raises(ValueError, match="that repeat"):
        check(3e-3)


def test_one_coincidence_in_single_precision_does_not_cost_the_batch():
    x, _, exact, _ = directions(3, 20.0)
    x = x.copy()
    x[3, 10] = x[5, 700]
    assert_estimate(spherical_entropy(x), exact)


def test_one_sample_at_the_pole_does_not_cost_the_batch():
    x, mu, exact, _ = directions(3, 20.0)
    depth = np.array(((x - mu) ** 2).sum(-1) / 2)
    depth[0, 0] = 0.0
    assert_estimate(zonal_entropy(depth, 3), exact)


@pytest.mark.parametrize(("d", "kappa"), [(2, 20.0), (3, 5.0), (3, 2000.0), (5, 100.0)])
def test_an_overlap_is_no_depth(d, kappa):
    x, mu, _, _ = directions(d, kappa)
    with pytest.raises(ValueError, match=r"depth: .*expected 1 − m|depth: got values from -"):
        zonal_entropy(x @ mu, d)


@pytest.mark.parametrize(("d", "kappa"), [(2, 1.0), (3, 0.5), (3, 5.0), (5, 3.0), (100, 30.0)])
def test_a_depth_is_no_overlap_however_warm(d, kappa):
    """Nor is `2 − u`, that of the opposite pole, whose entropy is the same."""
    x, mu, exact, _ = directions(d, kappa)
    depth = ((x - mu) ** 2).sum(-1) / 2
    assert_estimate(zonal_entropy(depth, d), exact)
    assert_estimate(zonal_entropy(2 - depth, d), exact)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_no_square_leaves_the_range(scale):
    """Estimates, scores and effective sample sizes know no unit."""
    values = np.random.default_rng(8).normal(size=(5, 16)) + 0.3
    one, other = Estimate(values), Estimate(scale * values)
    np.testing.assert_allclose(other.value, scale * one.value, rtol=1e-14)
    np.testing.assert_allclose(other.standard_error, scale * one.standard_error, rtol=1e-12)
    np.testing.assert_allclose(other.z_score(0.0), one.z_score(0.0), rtol=1e-9)
    np.testing.assert_allclose(
        other.z_score_between(Estimate(2 * scale * values)), one.z_score_between(Estimate(2 * values)), rtol=1e-9
    )
    np.testing.assert_allclose(effective_sample_size(scale * values.T), effective_sample_size(values.T), rtol=1e-9)
    np.testing.assert_allclose(
        kozachenko_leonenko(scale * values.reshape(-1, 1)) - np.log(scale),
        kozachenko_leonenko(values.reshape(-1, 1)),
        atol=1e-9,
    )


def test_a_score_far_beyond_all_doubt_is_a_number():
    """`P(t > 10²⁰⁰)` of 7 degrees of freedom is about `10⁻¹³⁹⁷`."""
    t = Estimate(1e200 + 1e-10 * np.arange(8.0))
    assert t.standard_error == 0  # the replicas differ by less than a digit
    values = np.random.default_rng(1).normal(size=8)
    values = (values - values.mean()) / values.std(ddof=1) * np.sqrt(8)  # error 1
    z = Estimate(values).z_score(np.array([-1e200, 1e200, -1e300]))
    with mpmath.workdps(30):
        tail = mpmath.betainc(3.5, 0.5, 0, 7 / mpmath.mpf(10) ** 400, regularized=True) / 2
        exact = mpmath.findroot(lambda z: mpmath.log(mpmath.ncdf(-z) / tail), 79.5)
    assert np.isclose(z[0], float(exact), rtol=1e-6)
    assert z[1] == -z[0]
    assert z[0] < z[2] < 1e3


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, 1e300, 0.0, -7.7])
def test_replicas_that_are_all_the_same_have_no_error(value):
    """Exactly: the mean of eight times 0.1 is 0.1."""
    estimate = Estimate(np.full((2, 8), value))
    assert (estimate.value == value).all()
    assert (estimate.standard_error == 0).all()
    assert (estimate.z_score(value) == 0).all()
    assert (estimate.z_score(value - 1e300) == np.inf).all()
    assert (estimate.z_score_between(Estimate(np.full(3, value))) == 0).all()
    assert (estimate.z_score_between(Estimate(np.full(3, 1e305))) == -np.inf).all()
    with pytest.raises(ValueError, match="series: got a constant"):
        effective_sample_size(np.full(100, value))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_replica_that_is_no_number_has_no_mean_and_no_score(bad):
    values = np.random.default_rng(3).normal(size=(3, 8))
    good = Estimate(values)
    values = values.copy()
    values[1, 2] = bad
    estimate = Estimate(values)
    for found in (estimate.value, estimate.standard_error, estimate.z_score(0.0), estimate.z_score_between(good)):
        assert np.isnan(found[1])
        assert np.isfinite(found[[0, 2]]).all()
    assert np.isnan(good.z_score(np.nan)).all()
    assert np.isnan(Estimate(np.ones(4)).z_score(np.nan))


def test_student_and_welch_are_those_of_scipy():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(20, 6)), 0.7 + 2 * rng.normal(size=(20, 4))
    for alternative, score in (
        (stats.ttest_1samp(a, 0.4, axis=1, alternative="greater").pvalue, Estimate(a).z_score(0.4)),
        (
            stats.ttest_ind(a, b, axis=1, equal_var=False, alternative="greater").pvalue,
            Estimate(a).z_score_between(Estimate(b)),
        ),
    ):
        np.testing.assert_allclose(stats.norm.sf(score), alternative, rtol=1e-9)
    np.testing.assert_allclose(Estimate(a).standard_error, stats.sem(a, axis=1), rtol=1e-13)


def test_time_is_the_axis_that_was_said():
    rng = np.random.default_rng(3)
    series = np.cumsum(rng.normal(size=(500, 8)), axis=0) * 0.1 + rng.normal(size=(500, 8))
    expected = effective_sample_size(series)
    np.testing.assert_array_equal(effective_sample_size(series.T, axis=1), expected)
    np.testing.assert_array_equal(effective_sample_size(series.T, axis=-1), expected)
    assert effective_sample_size(series.T, axis=0).shape == (500,)
    with pytest.raises(
        ValueError, match=r"shape \(8, 500\), whose first axis .*effective_sample_size\(series, axis=1\)"
    ):
        effective_sample_size(series.T)
    constant = series.copy()
    constant[:, 5] = 0.1
    with pytest.raises(ValueError, match=r"series: got a constant at index \(5,\)"):
        effective_sample_size(constant)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Estimate(np.array([1j, 2])), "values: got ndarray of complex128, expected an array of real numbers"),
        (lambda: Estimate(np.array(["a", "b"])), "values: got ndarray of <U1"),
        (lambda: Estimate(np.zeros((9, 1))), r"values: got shape \(9, 1\).*np.moveaxis\(values, 0, -1\)"),
        (lambda: Estimate(np.zeros((9, 4))).z_score(np.zeros(4)), r"exact: got shape \(4,\).*grid \(9,\)"),
        (lambda: Estimate(np.zeros((9, 4))).z_score_between(Estimate(np.zeros((4, 9)))), r"other: got shape \(4,\)"),
        (lambda: effective_sample_size(np.zeros((3, 4)), axis=2), r"series: got shape \(3, 4\)"),
        (lambda: effective_sample_size(np.array(1.0)), r"series: got shape \(\)"),
        (
            lambda: kozachenko_leonenko(np.stack([np.arange(99.0), np.ones(99)], 1)),
            "got 99 in a plane of dimension 1, expected",
        ),
        (
            lambda: spherical_entropy(np.stack([np.cos(ANGLES), np.sin(ANGLES), 0 * ANGLES], -1)),
            "directions: got a plane of dimension 2, expected directions that fill all 3",
        ),
        (lambda: zonal_entropy(np.zeros((2, 99), complex), 3), "depth: got ndarray of complex128"),
    ],
)
def test_one_rule_for_each(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zonal_entropy(np.full((2, 100), 3.0), 3), "depth: got values from 3 to 3"),
        (lambda: zonal_entropy(np.full((2, 100), 0.5), 3), "depth: got more than 5 samples that are equal"),
        (lambda: zonal_entropy(np.full((2, 100), np.nan), 3), "depth: got nan"),
        (lambda: zonal_entropy(np.random.default_rng(0).uniform(size=(2, 2)), 3), "depth: got 2 samples a replica"),
        (
            lambda: zonal_entropy(np.random.default_rng(0).uniform(size=(1, 99)), 3),
            r"depth: got shape \(1, 99\), expected at least 2 replicas",
        ),
        (lambda: kozachenko_leonenko(np.zeros((100, 2))), "samples: got 100 of 100 that repeat"),
        (lambda: kozachenko_leonenko(np.zeros(100)), "samples: got shape"),
        (lambda: kozachenko_leonenko(np.random.default_rng(0).normal(size=(1000, 9))), "at least 7127782 for"),
        (lambda: kozachenko_leonenko(np.zeros((9, 2000))), r"at least 10\^1523 for"),
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
