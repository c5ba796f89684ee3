"""Samples of a test: what no standard error can be taken from is refused, and so is a series that hides being one."""

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from thermo_ideal._arguments import require_finite
from thermo_ideal.estimators import effective_sample_size

FEWEST = 8
"""Samples whose mean is near normal, unless they are very skewed."""

_BATCHES, _FEWEST_BATCHES = 32, 8
_BATCH = 20.0  # correlation times; neighbouring means of a batch of 20 are correlated by 1/40
_GAP = 3.0  # correlation times between samples that are taken for independent: e^{-6} of the correlation is left
_INDEPENDENT = 6.5  # standard errors of a correlation that may be chance, once in 10^10


class MeanOfSamples(NamedTuple):
    """The mean of each column of samples, with its standard error and the degrees of freedom of that."""

    value: np.ndarray
    standard_error: np.ndarray
    freedom: int

    def quantile(self, probability: float) -> float:
        """What Student's `|t|` exceeds with this probability.

        Args:
            probability: of both tails.
        """
        return float(stats.t.isf(probability / 2, self.freedom))


def as_table(samples: Any, fewest: int = FEWEST) -> np.ndarray:
    """Samples in double precision, `(n, columns)`.

    Args:
        samples: `n` along the first axis.
        fewest: how many there must be.

    Raises:
        ValueError: no finite real numbers, too few of them, or a column that is a constant.
    """
    require_finite("samples", samples)
    array = np.asarray(samples, np.float64)
    count = array.shape[0] if array.ndim else 1
    if count < fewest:
        raise ValueError(
            f"samples: got {count} along the first axis, expected at least {fewest}, whose mean is near normal; draw "
            "more, or move their axis, as in np.moveaxis(samples, -1, 0)"
        )
    table = array.reshape(count, -1)
    constant = table.max(axis=0) == table.min(axis=0)
    if constant.any():
        value = float(table[0, np.argmax(constant)])
        raise ValueError(
            f"samples: got {count} times {value:.6g}, whose standard error is 0, expected samples that vary; compare "
            f"the number itself, as in assert np.isclose(samples[0], {value:.6g})"
        )
    return table


def mean_of(samples: Any, correlated: bool) -> MeanOfSamples:
    """Mean and standard error: of independent samples, or of a stationary series by the means of its batches.

    Args:
        samples: `n` along the first axis.
        correlated: whether the first axis is time.

    Raises:
        ValueError: as `as_table`; samples that are correlated and not said to be, or too few of a series.
    """
    table = as_table(samples)
    if correlated:
        table = _batches(table)
    else:
        require_independence(table)
    n = len(table)
    # From departures, which are exact where the mean is far from 0.
    apart = table - table[0]
    return MeanOfSamples(table[0] + apart.mean(axis=0), apart.std(axis=0, ddof=1) / np.sqrt(n), n - 1)


def thinned(samples: Any, correlated: bool) -> np.ndarray:
    """Independent samples: all of them, or of a series those that are three correlation times apart.

    Args:
        samples: `n` along the first axis.
        correlated: whether the first axis is time.

    Raises:
        ValueError: as `mean_of`.
    """
    table = as_table(samples)
    if not correlated:
        require_independence(table)
        return table
    step = int(np.ceil(_GAP * _correlation_time(table)))
    kept = table[::step]
    if len(kept) < FEWEST:
        raise _too_short(len(table), FEWEST * step)
    return kept


def require_independence(table: np.ndarray) -> None:
    """Raises ValueError where neighbouring samples are correlated beyond chance.

    Args:
        table: `(n, columns)`.
    """
    apart = table - table.mean(axis=0)
    correlation = np.sum(apart[1:] * apart[:-1], axis=0) / np.sum(apart**2, axis=0)
    score = np.max(np.abs(correlation)) * np.sqrt(len(table))
    if score > _INDEPENDENT:
        raise ValueError(
            f"samples: got neighbours with a correlation of {correlation[np.argmax(np.abs(correlation))]:.2f}, "
            "expected independent samples; if the first axis is time, add correlated=True"
        )


def _batches(table: np.ndarray) -> np.ndarray:
    time = _correlation_time(table)
    count = int(min(_BATCHES, len(table) / (_BATCH * time)))
    if count < _FEWEST_BATCHES:
        raise _too_short(len(table), int(np.ceil(_FEWEST_BATCHES * _BATCH * time)))
    length = len(table) // count
    # What is left over at the beginning is the least equilibrated.
    kept = table[len(table) - count * length :]
    return kept[0] + (kept - kept[0]).reshape(count, length, -1).mean(axis=1)


def _correlation_time(table: np.ndarray) -> float:
    return float(np.max(len(table) / effective_sample_size(table, axis=0)))


def _too_short(found: int, expected: int) -> ValueError:
    return ValueError(
        f"samples: got a series of {found}, expected at least {expected} for its correlation time; run it for longer"
    )
