"""Equally many samples at different spacings, so that the bias of an estimator at their number cancels."""

from __future__ import annotations

import numpy as np


def equally_many(samples: np.ndarray, spacing: int, widest: int, axis: int) -> np.ndarray:
    """All sets of samples at one spacing that are as long as the widest spacing allows.

    At every spacing that divides the widest there are as many sets, which are made of the same samples.

    Args:
        samples: with time along `axis`.
        spacing: of the samples in each set.
        widest: the widest spacing; a set has one sample of so many.
        axis: which.

    Returns:
        The sets along a new first axis: those of one stretch of time after each other.
    """
    samples = np.moveaxis(samples, axis, 0)
    count, stretches = len(samples) // widest, widest // spacing
    kept = samples[: stretches * count * spacing]
    sets = kept.reshape(stretches, count, spacing, *samples.shape[1:]).swapaxes(1, 2)
    return np.moveaxis(sets.reshape(stretches * spacing, count, *samples.shape[1:]), 1, axis + 1)
