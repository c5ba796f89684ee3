"""Since when a series is stationary: a cut that keeps the most independent samples, and a test of what it keeps."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from thermo_ideal.estimators._effective_sample_size import effective_sample_size

_ROWS = 4096  # to which a longer series is averaged: a cut needs no finer clock
_CUTS = np.linspace(0.0, 0.6, 25)  # candidates, as shares of the series
_BLOCKS = (8, 32)  # of the test for a trend, least and most
_LENGTH = 4  # of a block, in independent samples
_LEVEL = 1e-3  # probability with which a stationary series is refused
FEWEST = 16
"""Independent samples below which nothing is said."""


@dataclass(frozen=True)
class Stationarity:
    """Where the stationary part of a series begins, and whether there is one.

    Args:
        start: the first row that is kept.
        stationary: whether what is kept has no trend and is long enough to tell.
        probability: of a trend as large as that of the rows kept, were they stationary; NaN where they are too few.
        effective_samples: how many independent samples the rows kept are worth; infinite for a constant.
        reason: in words, where it is not stationary.
    """

    start: int
    stationary: bool
    probability: float
    effective_samples: float
    reason: str = ""


def stationarity(series: np.ndarray) -> Stationarity:
    """The cut after which most independent samples are left, and a test for a trend in them.

    The trend is the slope of 8 to 32 means of blocks against their number, by Student's law.

    Args:
        series: finite numbers in the order of time, one axis.

    Returns:
        The cut and the verdict.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).normal(size=1000)
        >>> stationarity(noise).stationary, stationarity(noise + np.linspace(0, 9, 1000)).stationary
        (True, False)

    Source: Chodera, J. Chem. Theory Comput. 12, 1799 (2016), for the cut.
    """
    series = np.asarray(series, np.float64)
    if len(series) < FEWEST:
        return Stationarity(0, False, np.nan, np.nan, f"{len(series)} rows are fewer than {FEWEST}")
    if series.max() == series.min():
        return Stationarity(0, True, 1.0, np.inf)
    stride = -(-len(series) // _ROWS)
    coarse = block_means(series, len(series) // stride) if stride > 1 else series
    best, most = 0, -1.0
    for start in np.unique((_CUTS * len(coarse)).astype(int)):
        worth = _worth(coarse[start:])
        if worth > most:
            best, most = int(start), worth
    kept = coarse[best:]
    # Averages over a stride of rows are worth at most as many samples as there are averages.
    finer = _worth(series[best * stride :]) if stride > 1 else most
    if most < FEWEST:
        reason = f"what is kept is worth {most:.0f} independent samples, fewer than {FEWEST}"
        return Stationarity(best * stride, False, np.nan, most, reason)
    blocks = int(np.clip(most / _LENGTH, *_BLOCKS))
    means = block_means(kept, blocks)
    probability = 1.0 if means.max() == means.min() else float(stats.linregress(np.arange(blocks), means).pvalue)
    stationary = probability > _LEVEL
    reason = "" if stationary else f"the rows kept still have a trend (p = {probability:.1e})"
    return Stationarity(best * stride, stationary, probability, finer, reason)


def block_means(series: np.ndarray, blocks: int) -> np.ndarray:
    """Means over blocks of equal length in the order of time; rows left over at the beginning are dropped."""
    length = len(series) // blocks
    return np.asarray(series[len(series) - blocks * length :].reshape(blocks, length, *series.shape[1:]).mean(axis=1))


def _worth(series: np.ndarray) -> float:
    return float(effective_sample_size(series)) if series.max() > series.min() else float(len(series))
