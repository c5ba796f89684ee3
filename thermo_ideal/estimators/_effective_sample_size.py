"""How many independent samples a correlated series is worth."""

import numpy as np
from scipy.fft import next_fast_len

from thermo_ideal._arguments import require_finite


def effective_sample_size(series: np.ndarray) -> np.ndarray:
    """`n/(1 + 2 Σ_t ρ_t)`, with the autocorrelations summed by Geyer's initial positive sequence.

    Args:
        series: samples along the first axis; the other axes are separate series.

    Returns:
        The effective sample size of each series, at most its length.

    Raises:
        ValueError: fewer than four samples, samples that are not finite, or a constant.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import effective_sample_size
        >>> white = np.random.default_rng(0).normal(size=4000)
        >>> bool(effective_sample_size(white) > 3000)
        True
        >>> bool(effective_sample_size(np.repeat(white, 10)) < 5000)
        True

    Source: Geyer, Statistical Science 7, 473 (1992).
    """
    series = np.asarray(series, np.float64)
    n = series.shape[0]
    if n < 4:
        raise ValueError(f"series: got {n} samples, expected at least 4 to tell their correlation")
    require_finite("series", series)
    if not (series.var(axis=0) > 0).all():
        raise ValueError("series: got a constant, whose correlation is undefined; leave it out")
    centred = series - series.mean(axis=0)
    size = next_fast_len(2 * n, real=True)  # a length with a large prime factor costs several times as much
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
