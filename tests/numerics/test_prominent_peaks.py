"""Peaks of a scan: those of SciPy, and none for a wrong prominence."""

import numpy as np
import pytest
from scipy.signal import find_peaks

from thermo_ideal.numerics import prominent_peaks


def scans():
    draw = np.random.default_rng(0)
    for size in (3, 4, 10, 200):
        for levels in (3, 10, 10**9):  # of few levels: plateaus, also at the ends
            yield draw.integers(0, levels, size) / levels
            yield np.cumsum(draw.integers(-levels, levels + 1, size)) / levels


@pytest.mark.parametrize("prominence", [0.0, 0.3, 2.0])
def test_peaks_are_those_of_scipy(prominence):
    found = [(prominent_peaks(x, prominence), find_peaks(x, prominence=prominence)[0]) for x in scans()]
    for ours, theirs in found:
        np.testing.assert_array_equal(ours, theirs)
    assert sum(theirs.size for _, theirs in found) > 3


def test_another_prominence_is_noticed():
    assert any(prominent_peaks(x, 0.3).size != find_peaks(x, prominence=0.2)[0].size for x in scans())


def test_scans_without_peaks():
    for heights in (np.zeros(5), np.arange(5.0), np.arange(5.0)[::-1], np.array([1.0, 0.0, 1.0])):
        assert prominent_peaks(heights, 0.0).size == 0
