"""Where the stationary part of a run begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thermo_ideal._arguments import require_finite
from thermo_ideal._display import with_error
from thermo_ideal.estimators._effective_sample_size import effective_sample_size
from thermo_ideal.estimators._samples import as_samples, in_units

_CANDIDATES = 512  # beginnings that are tried
_LEAST_KEPT = 0.1  # of the run
_TIMES_KEPT = 50  # correlation times of the second half that are kept, or else that half
_FEWEST = 16  # draws


@dataclass(frozen=True, repr=False)
class Equilibration:
    """The cut after which the mean of what is left has the smallest error.

    Args:
        start: the number of draws to drop; the stationary part is `series[..., start:]`.
        draws: of the whole run.
        mean: of the stationary part, over all replicas.
        standard_error: of that mean, from windows of `√n` draws or from the effective sample size, whichever is larger.
        drift: the second half of the stationary part less the first, over the standard error of that: large where the
            run is not stationary after any cut.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import equilibration
        >>> noise = np.random.default_rng(0).normal(size=2000)
        >>> equilibration(noise + 20 * np.exp(-np.arange(2000) / 50))
        Equilibration: drop 197 of 2000 draws; mean = -0.02(3), drift = 0.5 standard errors
    """

    start: int
    draws: int
    mean: float
    standard_error: float
    drift: float

    def __repr__(self) -> str:
        mean = with_error(self.mean, self.standard_error)
        kept = f"drop {self.start} of {self.draws} draws"
        return f"Equilibration: {kept}; mean = {mean}, drift = {self.drift:.1f} standard errors"


def equilibration(series: ArrayLike) -> Equilibration:
    r"""The beginning `n₀` of the stationary part: the one after which the mean has the smallest standard error.

    .. math:: n_0 = \arg\min_n \frac{1}{N - n} \sum_{|k| < w} \left(1 - \frac{|k|}{w}\right) c_k(n),
              \qquad w = \sqrt{N - n}

    with `c_k(n)` the autocovariance of the draws from `n` on about their mean: a transient makes it larger, a cut
    leaves fewer draws. The sum with these weights is the variance of means over windows of `√N` draws, and is taken
    from these. Replicas are averaged first, so that a transient that they share is seen at the precision of their mean.
    At least a tenth of the run is kept, and 50 correlation times or a half.

    Args:
        series: `(draws,)` or `(replicas, draws)`, in the order of time.

    Returns:
        An `Equilibration`; a `start` at half of the run or later, or a large `drift`, says that the run is too short.

    Raises:
        ValueError: samples that are no finite numbers, fewer than 16 draws, fewer draws than replicas, or a constant.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import equilibration
        >>> noise = np.random.default_rng(0).normal(size=(8, 1000))
        >>> found = equilibration(noise + 5 * (np.arange(1000) < 100))
        >>> 100 <= found.start < 150, abs(found.drift) < 5
        (True, True)

    Source: Clark, Cole & Michel, J. Chem. Theory Comput. 21, 88 (2025), the window of `√N`; Meketon & Schmeiser, Proc.
        Winter Simulation Conference (1984), overlapping batch means for the triangular weights.
    """
    values = np.atleast_2d(as_samples("series", series))
    if values.ndim != 2 or not values.shape[1] >= max(_FEWEST, values.shape[0]):
        raise ValueError(
            f"series: got shape {np.shape(series)}, expected (replicas, draws) with at least {_FEWEST} draws, and no "
            "fewer than replicas; one quantity at a time, as in equilibration(series[0]) or equilibration(series.T)"
        )
    require_finite("series", values)
    if values.max() == values.min():
        raise ValueError("series: got a constant, whose stationary part is all of it; leave it out")
    flat, unit = in_units(values.reshape(-1))
    apart, spread = in_units(flat - flat[0])
    x = apart.reshape(values.shape).mean(axis=0)
    n = x.size
    # Of a part of few correlation times the error is so uncertain that the smallest of many is far too small.
    late = x[n // 2 :]
    time = late.size / _worth(late)
    last = int(min((1 - _LEAST_KEPT) * n, max(n / 2, n - _TIMES_KEPT * time)))
    starts = np.unique(np.linspace(0, last, min(last + 1, _CANDIDATES)).astype(int))
    total = np.concatenate([[0.0], np.cumsum(x - x.mean())])
    variances = np.array([_variance_of_mean(total[start:]) for start in starts])
    start = int(starts[np.argmin(variances)])
    kept = x[start:]
    # A window shorter than the correlation time sees too little of it.
    variance = max(float(variances.min()), float(kept.var(ddof=1)) / _worth(kept))
    half = kept.size // 2
    change = float(kept[-half:].mean() - kept[:half].mean())
    # Halves have twice the variance of the whole, that about a line: a drift must not be part of its own error.
    line = np.polynomial.Polynomial.fit(np.arange(kept.size), kept, 1)(np.arange(kept.size))
    about = _variance_of_mean(np.concatenate([[0.0], np.cumsum(kept - line)]))
    drift = change / np.sqrt(max(4 * about, np.finfo(float).tiny)) if change else 0.0
    scale = float(unit * spread)
    mean = float(values[0, 0]) + scale * float(x[start:].mean())
    return Equilibration(start, n, mean, scale * float(np.sqrt(variance)), float(drift))


def _worth(x: np.ndarray) -> float:
    """The effective sample size; of a constant the size."""
    return float(effective_sample_size(x)) if x.max() > x.min() else float(x.size)


def _variance_of_mean(total: np.ndarray) -> float:
    """From running totals, that before the first draw included: the variance of means over windows of `√n`."""
    n = total.size - 1
    window = max(1, round(np.sqrt(n)))
    means = (total[window:] - total[:-window]) / window
    apart = means - (total[-1] - total[0]) / n
    # Means over windows of w have 1/w of the long-run variance, less that of the whole mean.
    return float(np.mean(apart**2) * window / n / (1 - window / n))
