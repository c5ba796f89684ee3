"""Peaks of a scan that stand out from its noise."""

import numpy as np


def prominent_peaks(heights: np.ndarray, prominence: float) -> np.ndarray:
    """The peaks from which every way to a higher point leads down by that much.

    Args:
        heights: of a scan, `(n,)`.
        prominence: the least depth of the valleys on both sides, up to higher points or the ends of the scan.

    Returns:
        The places of the peaks, increasing; of a flat one its middle. The ends of the scan are none.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.numerics import prominent_peaks
        >>> prominent_peaks(np.array([0.0, 3.0, 2.9, 3.1, 0.0, 1.0, 1.0, 0.0]), prominence=0.5)
        array([3, 5])

    Source: the prominence is that of topography; `scipy.signal.find_peaks` has the same, and takes a second to load.
    """
    ends = np.flatnonzero(np.diff(heights) != 0)
    begin, end = np.append(0, ends + 1), np.append(ends, heights.size - 1)  # of pieces on one level
    level = heights[begin]
    tops = 1 + np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] > level[2:]))
    peaks = (begin[tops] + end[tops]) // 2
    return peaks[np.array([_prominence(heights, peak) >= prominence for peak in peaks.tolist()], bool)]


def _prominence(heights: np.ndarray, peak: int) -> float:
    """How far the higher one of the deepest points on its two sides is below a peak."""
    higher = heights > heights[peak]
    left, right = np.flatnonzero(higher[:peak]), np.flatnonzero(higher[peak:])
    first = left[-1] + 1 if left.size else 0
    last = peak + right[0] if right.size else heights.size
    return float(heights[peak] - max(heights[first : peak + 1].min(), heights[peak:last].min()))
