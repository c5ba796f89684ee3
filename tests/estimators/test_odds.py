"""The regression of a run on its numbers, with and without weights."""

import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from thermo_ideal.estimators import Estimate
from thermo_ideal.estimators._odds import slope_of_odds


def test_normal_laws_of_one_width():
    """The logarithm of the ratio of `N(1, ½²)` and `N(0, ½²)` has the slope 4."""
    rng = np.random.default_rng(0)
    found = slope_of_odds(1 + rng.normal(size=3000) / 2, rng.normal(size=2000) / 2)
    estimate = Estimate(found.slope + found.influence)
    assert_estimate(estimate, 4.0)
    assert_rejects(assert_estimate, estimate, 5.0)


def test_weights_are_repetitions():
    rng = np.random.default_rng(1)
    first, second = rng.gamma(5, size=40), rng.gamma(7, size=30)
    counts = rng.integers(1, 5, 40), rng.integers(1, 5, 30)
    weighted = slope_of_odds(first, second, *(x.astype(float) for x in counts))
    repeated = slope_of_odds(np.repeat(first, counts[0]), np.repeat(second, counts[1]))
    assert weighted.slope == pytest.approx(repeated.slope, rel=1e-10)
    assert weighted.slope != pytest.approx(slope_of_odds(first, second).slope, rel=1e-3)


def test_a_shift_and_a_unit_are_no_matter():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=300), 0.5 + rng.normal(size=200)
    slope = slope_of_odds(first, second).slope
    assert slope_of_odds(1e6 + 1e-3 * first, 1e6 + 1e-3 * second).slope == pytest.approx(1e3 * slope, rel=1e-6)
    assert slope_of_odds(second, first).slope == pytest.approx(-slope, rel=1e-10)


@pytest.mark.parametrize("second", [np.arange(9.0) + 20, np.ones(9), np.full(9, np.nan)])
def test_no_maximum(second):
    with pytest.raises(ArithmeticError, match="the regression of the run"):
        slope_of_odds(np.arange(9.0) if second[0] != 1 else np.ones(9), second)
