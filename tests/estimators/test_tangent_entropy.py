"""Entropies from tangent coordinates against closed forms, and samples that bear their assumptions out or do not."""

import numpy as np
import pytest

from tests.support.directions import normal_directions, von_mises_fisher
from tests.support.statistics import assert_estimate, assert_rejects
from thermo_ideal.estimators import gaussian_entropy, radial_entropy


@pytest.mark.parametrize(("d", "samples"), [(3, 300), (10, 300), (50, 300), (200, 300)])
@pytest.mark.parametrize("estimator", [gaussian_entropy, radial_entropy])
def test_von_mises_fisher(estimator, d, samples):
    """At T(d − 1) = 0.05, where the law is normal in the tangent plane but for a thousandth of its entropy."""
    directions, exact = von_mises_fisher(d, 0.05 / (d - 1), (8, samples), seed=d)
    estimate = estimator(directions)
    assert_estimate(estimate, exact)
    assert estimate.holds
    wrong = von_mises_fisher(d, 0.1 / (d - 1), (8, samples), seed=d)[1]
    assert_rejects(assert_estimate, estimate, wrong)


def test_the_radial_entropy_at_a_thousand_dimensions():
    directions, exact = von_mises_fisher(1000, 0.3 / 999, (8, 60), seed=0)
    assert_estimate(radial_entropy(directions), exact)


def test_a_uniform_law_is_radial():
    x = np.random.default_rng(1).normal(size=(8, 500, 4))
    directions = x / np.linalg.norm(x, axis=-1, keepdims=True)
    # The mean direction of uniform samples is nothing, and its angle's law is known whatever it is.
    assert_estimate(radial_entropy(directions), np.log(2 * np.pi**2))


def test_an_anisotropic_normal_law():
    """The covariance is nothing to one estimator, and an error that the other finds itself."""
    variances = 1e-6 * np.geomspace(0.2, 5, 12)
    directions = normal_directions(variances, np.random.default_rng(2))
    exact = 6 * np.log(2 * np.pi * np.e) + np.log(variances).sum() / 2
    full, radial = gaussian_entropy(directions), radial_entropy(directions)
    assert_estimate(full, exact)
    assert full.holds
    assert not radial.holds
    assert_rejects(assert_estimate, radial, exact)


def test_a_law_that_is_not_normal_is_found():
    rng = np.random.default_rng(3)
    x = 1e-3 * rng.standard_t(5, size=(8, 400, 6))
    directions = np.concatenate([np.sqrt(1 - (x**2).sum(axis=-1, keepdims=True)), x], axis=-1)
    assert not gaussian_entropy(directions).holds


def test_the_formula_is_unbiased_where_samples_are_few():
    """12 samples in 8 dimensions, whose plug-in entropy is 5 nats too small."""
    rng, exact = np.random.default_rng(4), 4 * np.log(2 * np.pi * np.e * 1e-8)
    directions = normal_directions(np.full(8, 1e-8), rng, shape=(400, 4, 6))
    estimates = gaussian_entropy(directions).value
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    assert abs(estimates.mean() - exact) < 5 * error
    assert error < 0.2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_entropy(np.ones((2, 5, 10)) / 10**0.5), "expected more than 10 samples without any"),
        (lambda: gaussian_entropy(np.ones((2, 50, 10))), "norms from 3.16228"),
        (
            lambda: radial_entropy(np.ones((50, 10))),
            r"got shape \(50, 10\), expected \(\*batch, replicas, samples, d\)",
        ),
        (lambda: radial_entropy(np.ones((1, 50, 3)) / 3**0.5), "with two replicas"),
        (lambda: gaussian_entropy(normal_directions(np.array([1e-6, 0.0]), np.random.default_rng(0))), "in a plane"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
