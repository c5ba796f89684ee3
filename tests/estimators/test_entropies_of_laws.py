"""Entropies by a fitted law, along the sphere and of low rank, and the calibration, against closed forms."""

import mpmath
import numpy as np
import pytest
from scipy import stats

from tests.support.directions import normal_directions, von_mises_fisher
from tests.support.statistics import (
    assert_distribution,
    assert_estimate,
    assert_mean,
    assert_rejects,
    assert_variance,
)
from thermo_ideal.distributions import VonMisesFisher, Zonal
from thermo_ideal.estimators import (
    calibrated_entropy,
    entropy_calibration,
    gaussian_entropy,
    geodesic_entropy,
    low_rank_entropy,
    neighbour_scan,
    radial_entropy,
    von_mises_fisher_entropy,
)
from thermo_ideal.estimators._entropy_calibration import _correlated
from thermo_ideal.estimators._geodesic_entropy import log_ball_volume
from thermo_ideal.estimators._low_rank_entropy import _spectra
from thermo_ideal.estimators._von_mises_fisher_entropy import _entropy_of


def uniform(d, rng, shape):
    x = rng.normal(size=(*shape, d))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def log_area(d):
    return float(mpmath.log(2 * mpmath.pi ** (mpmath.mpf(d) / 2) / mpmath.gamma(mpmath.mpf(d) / 2)))


RNG = np.random.default_rng(0)

# By a fitted law.


@pytest.mark.parametrize("d", [2, 3, 10, 200, 1000])
def test_the_entropy_of_a_fitted_law(d):
    """At T(d − 1) = 0.3; the law of twice the temperature is not that."""
    directions, exact = von_mises_fisher(d, 0.3 / (d - 1), (8, 200), seed=d)
    estimate = von_mises_fisher_entropy(directions)
    assert_estimate(estimate, exact)
    assert estimate.holds
    assert_rejects(assert_estimate, estimate, von_mises_fisher(d, 0.6 / (d - 1), (1, 1), seed=d)[1])


def test_few_samples_in_many_dimensions_have_no_bias():
    """A plain fit to 40 samples at d = 200 is off by 2 nats, since the mean of the samples is too long."""
    directions, exact = von_mises_fisher(200, 0.02, (25, 4, 10), seed=1)
    estimate = von_mises_fisher_entropy(directions)
    assert_mean(estimate.value, exact)
    assert abs(estimate.value.mean() - exact) < 0.5
    lengths = np.linalg.norm(directions.mean(axis=(1, 2)), axis=-1)
    plain = [_entropy_of(200, 1 - length**2)[1] for length in lengths]
    assert_rejects(assert_mean, plain, exact)


def test_the_stated_error_and_the_bias_at_the_uniform_law():
    """Where `A²` is negative half of the time, and the delta method overstates."""
    directions = uniform(5, np.random.default_rng(2), (40, 6, 40))
    estimate = von_mises_fisher_entropy(directions)
    assert_mean(estimate.value, log_area(5))
    assert_variance(estimate.z_score(log_area(5)), minimum=0.3, maximum=1.0)
    assert (np.abs(estimate.score) < 4).all()


@pytest.mark.parametrize("law", ["heavy", "anisotropic"])
def test_another_law_is_no_fitted_one(law):
    rng = np.random.default_rng(3)
    if law == "heavy":
        x = 1e-2 * rng.standard_t(4, size=(8, 400, 6))
        directions = np.concatenate([np.sqrt(1 - (x**2).sum(axis=-1, keepdims=True)), x], axis=-1)
    else:
        directions = normal_directions(1e-4 * np.geomspace(0.5, 2, 6), rng)
    assert not von_mises_fisher_entropy(directions).holds


# Along the sphere.


@pytest.mark.parametrize("d", [2, 3, 50, 1000, 5000])
def test_the_volume_of_a_geodesic_ball(d):
    """Against incomplete beta functions of 30 digits, on both sides of the equator; at d = 3 it is `2π(1 − cos θ)`."""
    chords = np.array([1e-3, 0.3, 1.0, 1.5, 1.99])
    with mpmath.workdps(30):
        half = mpmath.mpf(d - 1) / 2
        exact = []
        for chord in chords:
            square = mpmath.mpf(float(chord)) ** 2
            share = mpmath.betainc(half, 0.5, 0, square * (1 - square / 4), regularized=True) / 2
            exact.append(float(mpmath.log(share if square <= 2 else 1 - share)) + log_area(d))
    found = log_ball_volume(d, chords)
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-12)
    if d == 3:
        np.testing.assert_allclose(found, np.log(np.pi * chords**2), rtol=1e-12)


@pytest.mark.parametrize(("d", "window"), [(2, 0), (3, 0), (3, 7), (5, 0)])
def test_geodesic_neighbours(d, window):
    directions, exact = von_mises_fisher(d, 0.3 / (d - 1), (8, 600), seed=10 + d)
    estimate = geodesic_entropy(directions, 4, window)
    assert_estimate(estimate, exact)
    assert_rejects(assert_estimate, estimate, von_mises_fisher(d, 0.5 / (d - 1), (1, 1), seed=0)[1])
    alone = geodesic_entropy(directions, 4, window, pooled=False, outside="allow")
    assert_estimate(alone, exact)


def test_a_uniform_law_has_no_bias_in_any_dimension():
    directions = uniform(20, np.random.default_rng(4), (16, 100))
    estimate = geodesic_entropy(directions, outside="allow")
    assert_estimate(estimate, log_area(20))
    assert estimate.holds


def test_no_frame():
    directions, _ = von_mises_fisher(3, 0.1, (4, 200), seed=5)
    frame = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    np.testing.assert_allclose(
        geodesic_entropy(directions @ frame).values, geodesic_entropy(directions).values, rtol=1e-10
    )


def test_the_scan_of_neighbours():
    """A density that a hundred neighbours see to be uneven, and a few do not."""
    directions, _ = von_mises_fisher(3, 0.05, (32, 60), seed=6)
    few, many = (neighbour_scan(directions, k) for k in ((1, 2, 4, 8), (8, 1200)))
    assert few.is_flat
    assert "flat, it moves by" in repr(few)
    assert not many.is_flat
    assert "NOT flat" in repr(many)
    assert not geodesic_entropy(directions, 300).holds
    np.testing.assert_array_equal(few.entropies.values[2], geodesic_entropy(directions, 4).values)


# Of low rank.


VARIANCES = 1e-6 * np.r_[40.0, 20.0, 10.0, np.ones(117)]


def entropy_of(variances):
    return len(variances) / 2 * np.log(2 * np.pi * np.e) + np.log(variances).sum() / 2


def test_fewer_samples_than_dimensions():
    """64 samples in 120 dimensions, three of which are wide; without the correction of the eigenvalues 2 nats more."""
    estimate = low_rank_entropy(normal_directions(VARIANCES, np.random.default_rng(7), (25, 8, 8)))
    assert_mean(estimate.value, entropy_of(VARIANCES))
    assert "isotropic but for 3 directions" in estimate.assumption
    assert_variance(estimate.z_score(entropy_of(VARIANCES)))
    assert_variance(estimate.score)
    assert_rejects(
        assert_mean,
        low_rank_entropy(normal_directions(1.05 * VARIANCES, np.random.default_rng(8), (25, 8, 8))).value,
        entropy_of(VARIANCES),
    )


def test_a_rank_that_is_too_small_is_found():
    directions = normal_directions(VARIANCES, np.random.default_rng(9), (8, 50))
    assert low_rank_entropy(directions, rank=3).holds
    assert not low_rank_entropy(directions, rank=1).holds
    assert not low_rank_entropy(
        normal_directions(1e-6 * np.geomspace(0.2, 5, 120), np.random.default_rng(9), (8, 50))
    ).holds


def test_lengths_that_are_not_normal_are_found():
    rng = np.random.default_rng(10)
    x = 1e-3 * rng.normal(size=(8, 10, 120)) * rng.gamma(8, 1 / 8, size=(8, 10, 1))
    directions = np.concatenate([np.sqrt(1 - (x**2).sum(axis=-1, keepdims=True)), x], axis=-1)
    assert not low_rank_entropy(directions, rank=0).holds


def test_with_many_samples_it_is_the_entropy_of_all_variances():
    variances = VARIANCES[:20]
    directions = normal_directions(variances, np.random.default_rng(11), (8, 200))
    low, full = low_rank_entropy(directions), gaussian_entropy(directions)
    assert_estimate(low, entropy_of(variances))
    assert abs(low.value - full.value) < full.standard_error


@pytest.mark.parametrize("D", [5, 30])
def test_spectra_are_those_of_the_covariance(D):
    x = np.random.default_rng(12).normal(size=(3, 6, D)) + 1.0
    for r, found in enumerate(_spectra(x)):
        own = np.delete(x, r - 1, axis=0) if r else x
        exact = np.linalg.eigvalsh(np.cov(own.reshape(-1, D).T))[::-1]
        most = min(found.size, D)
        np.testing.assert_allclose(found[:most], exact[:most], atol=1e-12)


# Calibration.


def test_series_of_a_calibration_have_the_law_and_are_worth_what_is_said():
    law = VonMisesFisher(np.eye(4)[0], 20.0)
    directions = _correlated(law, (200, 100), 20.0, np.random.default_rng(13))
    depth = 1 - directions[..., 0]
    exact = Zonal.linear(4, 1 / 20)
    assert_distribution(depth[:, 50], exact.depth_cdf)
    assert_distribution(np.arctan2(directions[:, 50, 2], directions[:, 50, 1]), stats.uniform(-np.pi, 2 * np.pi).cdf)
    worth = exact.overlap_variance / depth.mean(axis=1).var(ddof=1)
    assert 15 < worth < 30  # 20 of the normal series, a little more of its quantiles


WORTH = {"effective_samples": 75.0, "repetitions": 6}  # of 80 samples


@pytest.mark.parametrize(
    ("estimator", "dimensions"),
    [
        (von_mises_fisher_entropy, (2, 10, 50)),
        (radial_entropy, (3, 20, 200)),
        (gaussian_entropy, (10, 50)),
        (geodesic_entropy, (2, 3, 4)),
    ],
)
def test_calibrated_estimates_are_right_in_their_range(estimator, dimensions):
    """At T(d − 1) = 0.3."""
    for d in dimensions:
        directions, exact = von_mises_fisher(d, 0.3 / (d - 1), (8, 80), seed=20 + d)
        estimate = calibrated_entropy(estimator, directions, temperature=0.3 / (d - 1), **WORTH)
        assert_estimate(estimate, exact)
        assert_rejects(assert_estimate, estimate, exact + 40 * float(estimate.standard_error))


@pytest.mark.parametrize(
    ("estimator", "d", "message"),
    [
        (radial_entropy, 2, "d ≥ 3"),
        (gaussian_entropy, 3, "from the mean direction, expected all within π/2"),
        (gaussian_entropy, 700, "expected more than 700 samples"),
        (geodesic_entropy, 10, "nearest neighbours are biased by more than 0.03"),
    ],
)
def test_estimators_refuse_by_themselves_outside_their_range(estimator, d, message):
    directions, _ = von_mises_fisher(d, 0.3 / (d - 1), (8, 80), seed=20 + d)
    with pytest.raises(ValueError, match=message):
        calibrated_entropy(estimator, directions, temperature=0.3 / (d - 1), **WORTH)


def test_a_large_bias_is_refused_and_taken_off_when_asked():
    directions, exact = von_mises_fisher(20, 0.3 / 19, (8, 80), seed=31)

    def neighbours(x):
        return geodesic_entropy(x, outside="allow")

    known = {"temperature": 0.3 / 19, **WORTH}
    with pytest.raises(ValueError, match=r"estimator: got a bias of .* at d = 20.* at most 0\.19; take another"):
        calibrated_entropy(neighbours, directions, **known)
    estimate = calibrated_entropy(neighbours, directions, **known, outside="allow")
    assert_estimate(estimate, exact)
    assert abs(float(neighbours(directions).value) - exact) > 0.2
    assert "less a bias of" in repr(estimate)


def test_what_samples_are_worth_is_told_from_them():
    """A queue that is worth a quarter of its samples; the error of a cold entropy at d = 3 is `1/√N` of those."""
    law = VonMisesFisher(np.eye(3)[0], 20.0)
    queue = _correlated(law, (8, 400), 100.0, np.random.default_rng(14))
    found = calibrated_entropy(von_mises_fisher_entropy, queue, temperature=0.05, repetitions=16).calibration
    assert 60 < found.effective_samples < 160
    assert "samples worth" in repr(found)
    assert 0.7 < found.spread * np.sqrt(8 * found.effective_samples) < 1.5
    assert found.spread > 1.3 / np.sqrt(8 * 400)


def test_laws_beside_the_calibrated_one():
    """A uniform law by neighbours, and a normal one that is cold."""
    of_uniform = uniform(3, np.random.default_rng(15), (8, 80))
    assert_estimate(calibrated_entropy(geodesic_entropy, of_uniform, temperature=100.0, **WORTH), log_area(3))
    variances = 1e-6 * np.geomspace(0.5, 2, 9)
    normal = normal_directions(variances, np.random.default_rng(16), (8, 80))
    estimate = calibrated_entropy(gaussian_entropy, normal, temperature=1e-6, **WORTH)
    assert_estimate(estimate, entropy_of(variances))
    assert_rejects(assert_estimate, estimate, entropy_of(2 * variances))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: von_mises_fisher_entropy(np.ones((2, 5, 3)) / 3**0.5), "directions that are all the same"),
        (lambda: von_mises_fisher_entropy(np.ones((1, 5, 3)) / 3**0.5), r"with two replicas and d ≥ 2"),
        (lambda: geodesic_entropy(np.ones((2, 500, 3)) / 3**0.5), "1000 of 1000 samples that repeat"),
        (lambda: geodesic_entropy(uniform(3, RNG, (2, 500)), outside="no"), "outside: got 'no'"),
        (lambda: neighbour_scan(uniform(3, RNG, (2, 500)), (4, 1)), r"neighbours: got \(4, 1\)"),
        (lambda: low_rank_entropy(uniform(3, RNG, (2, 50))), "from the mean direction"),
        (
            lambda: low_rank_entropy(normal_directions(VARIANCES, RNG, (2, 5)), rank=3),
            "rank: got 3 with 5",
        ),
        (lambda: entropy_calibration(gaussian_entropy, 3, 0.1, replicas=1, samples=9), "replicas: got 1"),
        (
            lambda: entropy_calibration(gaussian_entropy, 3, 0.1, replicas=2, samples=9, effective_samples=10),
            "effective_samples: got 10, expected a number from 0 to 9",
        ),
        (lambda: calibrated_entropy(gaussian_entropy, np.ones((2, 5, 3)), outside="no"), "outside: got 'no'"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
