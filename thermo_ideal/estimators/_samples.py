"""Samples as they came, in double precision, and in units in which their squares are numbers."""

from typing import Any

import numpy as np


def as_samples(name: str, value: Any) -> np.ndarray:
    """`value` as an array of double precision.

    Raises:
        ValueError: it is complex, a text, ragged, or no number at all.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"{name}: got {type(value).__name__} of {array.dtype}, expected an array of real numbers")
    return array.astype(np.float64)


def in_units(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values over the power of two below the largest of the last axis, and that: squares stay in range, digits stay.

    Args:
        values: finite, `(*batch, n)`.

    Returns:
        `(*batch, n)`, at most 2, and `(*batch,)`; the unit of zeros is ½.
    """
    unit = np.asarray(np.ldexp(1.0, np.frexp(np.abs(values).max(axis=-1))[1] - 1))
    return values / unit[..., None], unit
