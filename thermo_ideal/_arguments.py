"""Checks of arguments: an error says what came, what was wanted and what to type.

Values that JAX is tracing have no content yet and pass; the public constructors check again outside `jit`.
"""

from typing import Any

import jax
import numpy as np


def _concrete(value: Any) -> np.ndarray | None:
    return None if isinstance(value, jax.core.Tracer) else np.asarray(value)


def _describe(array: np.ndarray, bad: np.ndarray | np.bool) -> str:
    worst = array[bad].flat[0] if array.ndim else array[()]
    where = f" at index {tuple(int(i) for i in np.argwhere(bad)[0])}" if array.ndim else ""
    return f"{worst}{where}"


def require_finite(name: str, value: Any, hint: str = "") -> None:
    """Raises ValueError where `value` is NaN or infinite."""
    array = _concrete(value)
    if array is not None and not np.isfinite(array).all():
        found = _describe(array, ~np.isfinite(array))
        raise ValueError(f"{name}: got {found}, wanted finite numbers" + (f"; {hint}" if hint else ""))


def require_positive(name: str, value: Any) -> None:
    """Raises ValueError unless every element is finite and above zero."""
    _require(name, value, lambda x: x > 0, f"a number > 0, as in {name}=0.01")


def require_nonnegative(name: str, value: Any) -> None:
    """Raises ValueError unless every element is finite and not below zero."""
    _require(name, value, lambda x: x >= 0, f"a number ≥ 0, as in {name}=0.01")


def require_dimension(name: str, value: Any, least: int = 2) -> None:
    """Raises ValueError unless every element is a whole number of at least `least`; below 2 nothing can rotate."""
    _require(name, value, lambda x: (x >= least) & (x == np.floor(x)), f"a whole number ≥ {least}, as in {name}=3")


def require_unit(name: str, value: Any) -> None:
    """Raises ValueError unless `value` is a vector of at least two components and norm 1 to single precision."""
    array = _concrete(value)
    if array is None:
        return
    if array.ndim != 1 or array.size < 2:
        raise ValueError(f"{name}: got shape {array.shape}, wanted one vector of at least 2 components")
    norm = float(np.linalg.norm(array.astype(np.float64)))
    if not abs(norm - 1) < 1e-5:
        raise ValueError(f"{name}: got a vector of norm {norm:.6g}, wanted norm 1; divide it by its norm")


def _require(name: str, value: Any, holds: Any, wanted: str) -> None:
    array = _concrete(value)
    if array is None:
        return
    good = np.isfinite(array) & holds(array)
    if not good.all():
        raise ValueError(f"{name}: got {_describe(array, ~good)}, wanted {wanted}")
