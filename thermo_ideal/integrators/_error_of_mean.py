"""The error of a mean over correlated observations, from the spread of the means of blocks of them.

Blocks that are too short are correlated, and blocks that are long are few. An autoregression of first order is fitted
to the share of the variance that averaging over blocks leaves: it says by how much the spread of short blocks is too
small, which vanishes for long ones, whatever the process. The spread of few blocks is often too small by chance. Then
the fit to shorter and more blocks counts if it gives the larger error. Whether a run is long enough is told by the more
blocks as well, not by the spread that is the error: else runs would be called long enough where it is too small.

Sources: Flyvbjerg & Petersen, J. Chem. Phys. 91, 461 (1989), blocks; Lee, Conduit, Nemec, López Ríos & Drummond, Phys.
Rev. E 83, 066706 (2011), the length of block; Priestley, Spectral Analysis and Time Series (1981), §5.3, the variance
of a mean over an autoregression.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy  # whose parts load when they are used

_FEWEST_BLOCKS = 4  # whose spread is an error
_ENOUGH_BLOCKS = 8  # for a length to be chosen by its bias, and for anything to be told
_MANY_BLOCKS = 16  # which say whether the run is long enough
# Independent observations that a run must have by the many blocks, and by the few; more by the many where its length
# was chosen by a look at the error.
_LONG_ENOUGH, _LONG_ENOUGH_TO_STOP, _NOT_ABSURD = 7.0, 10.0, 3.0
# The fit itself is uncertain: it may give the mean a variance that is too small by a factor 1 − 5 g/N.
_UNCERTAINTY = 5.0
# A run that ends when its error is small ends where that is too small by a share of its spread, 1/√2(k−1) for k blocks.
_BY_LOOKING = 0.6
_SMALLEST, _POINTS = 1e-3, 400  # of a table of inefficiencies
_CONFIDENCE = 0.95


def error_of_mean(
    total: int, variance: np.ndarray, length: int, blocks: Sequence[tuple[int, np.ndarray]], looked: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The inefficiency of observations and the standard error of their mean, for each run.

    Args:
        total: how many observations there are.
        variance: the unbiased estimate of their variance.
        length: observations in the shortest block.
        blocks: of `length`, `2 length`, `4 length` … observations, how many there are, and the unbiased estimate of the
            variance of their means.
        looked: whether the error was looked at again and again to decide where the run ends, for which it is widened.

    Returns:
        `g = 1 + 2Σ_k ρ_k`, with `ρ_k` the autocorrelation at lag `k`, and the error, such that 95 % of means are within
        1.96 errors. Both are infinite where a run is too short to tell, of less than about ten `g`, and NaN where the
        variance is.
    """
    moves = variance != 0
    unit = np.where(moves, variance, 1.0)
    levels = [
        _Level(length * 2**i, count, of_means / unit, total)
        for i, (count, of_means) in enumerate(blocks)
        if count >= _FEWEST_BLOCKS
    ]
    if not levels or levels[0].count < _ENOUGH_BLOCKS:
        unknown = np.where(np.isnan(variance), np.nan, np.inf)
        return np.where(moves, unknown, 1.0), np.where(moves, unknown, 0.0)
    many = ([level for level in levels if level.count >= _MANY_BLOCKS] or levels[:1])[-1]
    g, error = levels[-1].g, levels[-1].error(many, looked)
    for level in reversed(levels):
        if level.count >= _ENOUGH_BLOCKS:
            unbiased = level.length**3 > 2 * total * level.g**2
            g, error = np.where(unbiased, level.g, g), np.where(unbiased, level.error(many, looked), error)
    enough = _LONG_ENOUGH_TO_STOP if looked else _LONG_ENOUGH
    too_short = (many.g * enough > total) | (g * _NOT_ABSURD > total)
    g, error = (np.where(too_short, np.inf, x) for x in (g, error))
    return np.where(moves, g, 1.0), np.where(moves, error * np.sqrt(variance), 0.0)


class _Level:
    """What blocks of one length say of a run of `total` observations; `share` is their variance in units of theirs."""

    def __init__(self, length: int, count: int, share: np.ndarray, total: int) -> None:
        self.length, self.count = length, count
        table = np.geomspace(_SMALLEST, total, _POINTS)
        of_mean = _variance_of_mean(table, total)
        spread = _variance_of_mean(table, length) - _variance_of_mean(table, length * count)
        spread *= count / (count - 1)
        left = np.maximum.accumulate(spread * (total - 1) / (total * (1 - of_mean)))
        self.g = np.exp(np.interp(share, left, np.log(table), right=np.inf))
        bound = of_mean / (1 - _UNCERTAINTY * np.minimum(table / total, 1 / _LONG_ENOUGH))
        self._square = np.interp(share, left, bound, right=np.inf)

    def error(self, many: _Level, looked: bool) -> np.ndarray:
        """Of the mean, in units of the observations' standard deviation.

        Args:
            many: the longest blocks that are many.
            looked: as in `error_of_mean`.
        """
        widened = 1 + looked * _BY_LOOKING / np.sqrt(2 * (self.count - 1))
        if self.length > many.length:
            return np.asarray(widened * np.sqrt(np.maximum(self._square, many._square)))
        student = scipy.stats.t.ppf((1 + _CONFIDENCE) / 2, self.count - 1) / scipy.stats.norm.ppf((1 + _CONFIDENCE) / 2)
        return np.asarray(widened * student * np.sqrt(self._square))


def _variance_of_mean(g: np.ndarray, n: int) -> np.ndarray:
    """Of `n` observations of an autoregression of variance 1 and inefficiency `g`.

    `[g − ρ(1 + g)²(1 − ρⁿ)/2n]/n` with `ρ = (g − 1)/(g + 1)`.
    """
    correlation = (g - 1) / (g + 1)
    return np.asarray((g - correlation * (1 + g) ** 2 * (1 - correlation**n) / (2 * n)) / n)
