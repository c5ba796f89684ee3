"""Scores of many points: the rate of false alarms is the one that is declared, and each kind of departure is seen."""

import numpy as np
import pytest

from tests.support.statistics import Z_MAX
from thermo_ideal.verification import ScoreTest

REPEATS = 4000


def share_below(p_values, level):
    """How far the share of p-values below a level is above it, in standard errors."""
    error = np.sqrt(level * (1 - level) / len(p_values))
    return (np.mean(np.asarray(p_values) < level) - level) / error


@pytest.mark.parametrize("count", [1, 9, 81])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_false_alarms_are_no_more_than_declared(count, level):
    """Three tests with a third of the level each; they overlap, so that it is a little less together."""
    scores = np.random.default_rng(count).normal(size=(REPEATS, count))
    excess = share_below([ScoreTest.of(z).p_value for z in scores], level)
    assert excess < Z_MAX
    if count > 1:
        assert share_below([ScoreTest.of(1.1 * z).p_value for z in scores], level) > Z_MAX


def test_what_all_points_share_their_spread_and_a_single_point_are_seen():
    z = np.random.default_rng(0).normal(size=81)
    assert ScoreTest.of(z).p_value > 0.05
    assert ScoreTest.of(z + 0.7).p_value < 1e-6
    assert ScoreTest.of(1.6 * z).p_value < 1e-6
    assert ScoreTest.of(0.5 * z).p_value < 1e-6  # errors that are stated twice too large
    one = z.copy()
    one[40] = 6.0
    assert ScoreTest.of(one).p_value < 1e-5


def test_an_error_that_all_share_widens_their_sum_alone():
    """What all scores were compared with is off by half of each error, in one direction."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(REPEATS, 81)) + 0.5 * rng.normal(size=(REPEATS, 1))
    assert share_below([ScoreTest.of(z, 0.5).p_value for z in scores], 0.05) < Z_MAX
    assert share_below([ScoreTest.of(z).p_value for z in scores], 0.05) > Z_MAX


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_do_not_pass(bad):
    assert ScoreTest.of(np.array([0.1, bad])).p_value == 0
    assert ScoreTest.of(np.array([0.1, 0.2]), bad).p_value == 0
    assert ScoreTest.of(np.array([])).p_value == 0
