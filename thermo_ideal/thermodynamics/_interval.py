"""Intervals of temperatures."""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from thermo_ideal.thermodynamics._types import FloatArray


def as_interval(name: str, interval: Any) -> tuple[float, float]:
    """Two temperatures, the lower first.

    Args:
        name: the argument's name, for the error.
        interval: two numbers.

    Raises:
        ValueError: no such numbers.
    """
    try:
        low, high = (float(end) for end in interval)
    except (TypeError, ValueError):
        low = high = math.nan
    if not 0 < low < high < math.inf:
        raise ValueError(f"{name}: got {interval!r}, expected a lower and a higher one, as in {name}=(1e-3, 10.0)")
    return low, high


def within(interval: tuple[Any, Any], temperature: FloatArray) -> Array:
    """Whether temperatures are in a closed interval, to rounding."""
    slack = 8 * jnp.finfo(temperature.dtype).eps
    return (temperature >= interval[0] * (1 - slack)) & (temperature <= interval[1] * (1 + slack))
