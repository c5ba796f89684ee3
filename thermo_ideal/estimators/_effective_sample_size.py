"""How many independent samples a correlated series is worth."""

import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal._arguments import require_finite
from thermo_ideal.estimators._samples import as_samples, in_units


def effective_sample_size(series: np.ndarray, *, axis: int | None = None) -> np.ndarray:
    """`n/(1 + 2 Σ_t ρ_t)`, with the autocorrelations summed by Geyer's initial positive sequence.

    Args:
        series: samples in the order of time along one axis; the other axes are separate series.
        axis: of time. If None it is the first, which must then be the longest, so that replicas are not taken for time.

    Returns:
        The effective sample size of each series, at most its length.

    Raises:
        ValueError: fewer than four samples, samples that are no finite numbers, a series that is a constant, or a first
            axis that is shorter than another where `axis` is not given.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import effective_sample_size
        >>> white = np.random.default_rng(0).normal(size=4000)
        >>> bool(effective_sample_size(white) > 3000)
        True
        >>> bool(effective_sample_size(np.repeat(white, 10)) < 5000)
        True
        >>> effective_sample_size(white.reshape(4, 1000), axis=1).shape
        (4,)

    Source: Geyer, Statistical Science 7, 473 (1992).
    """
    series = as_samples("series", series)
    series = np.moveaxis(series, _time_axis(series.shape, axis), 0)
    n = series.shape[0]
    if n < 4:
        raise ValueError(
            f"series: got {n} samples along the axis of time, expected at least 4 to tell their correlation; say which "
            "axis it is, as in effective_sample_size(series, axis=0)"
        )
    require_finite("series", series)
    constant = series.max(axis=0) == series.min(axis=0)
    if constant.any():
        where = f" at index {tuple(int(i) for i in np.argwhere(constant)[0])}" if constant.ndim else ""
        raise ValueError(f"series: got a constant{where}, whose correlation is undefined; leave it out")
    series = np.moveaxis(in_units(np.moveaxis(series, 0, -1))[0], -1, 0)
    series = np.moveaxis(in_units(np.moveaxis(series - series[0], 0, -1))[0], -1, 0)
    centred = series - series.mean(axis=0)
    size = scipy.fft.next_fast_len(2 * n, real=True)  # a length with a large prime factor costs several times as much
    spectrum = np.fft.rfft(centred, size, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=0)[:n] / n
    correlation = covariance / covariance[0]
    even = n - n % 2
    pairs = correlation[0:even:2] + correlation[1:even:2]
    # Sums of adjacent correlations of a reversible chain are positive and fall; from the first that is not, all is
    # noise.
    kept = np.minimum.accumulate(np.where(np.logical_and.accumulate(pairs > 0, axis=0), pairs, 0.0), axis=0)
    time = 2 * kept.sum(axis=0) - 1
    return np.asarray(n / np.maximum(time, 1.0))


def _time_axis(shape: tuple[int, ...], axis: int | None) -> int:
    if not shape or (axis is not None and not -len(shape) <= axis < len(shape)):
        raise ValueError(f"series: got shape {shape}, expected samples along axis {axis or 0}")
    if axis is None and shape[0] < max(shape):
        longest = shape.index(max(shape))
        raise ValueError(
            f"series: got shape {shape}, whose first axis is not the longest; say which axis is that of time, as in "
            f"effective_sample_size(series, axis={longest})"
        )
    return 0 if axis is None else axis
