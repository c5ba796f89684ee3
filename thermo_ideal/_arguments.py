"""Checks of arguments: an error says what came, what was expected and what to type.

Values that JAX is tracing have no content yet and pass; the public constructors check again outside `jit`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Check = Callable[[str, Any], Any]
"""A function of an argument's name and value that raises ValueError where the value is out of its range."""


def _concrete(value: Any) -> np.ndarray | None:
    return None if isinstance(value, jax.core.Tracer) else np.asarray(value)


def require_real(name: str, value: Any) -> None:
    """Raises ValueError for text, complex numbers and what is no array at all."""
    try:
        dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    except (TypeError, ValueError):  # rows of different lengths, or tracers in a list, which later checks see
        return
    if not (jnp.issubdtype(dtype, np.floating) or jnp.issubdtype(dtype, np.integer) or dtype == np.bool):
        raise ValueError(f"{name}: got {value!r}, expected real numbers")


def _describe(array: np.ndarray, bad: np.ndarray | np.bool, form: str = "") -> str:
    worst = array[bad].flat[0] if array.ndim else array[()]
    where = f" at index {tuple(int(i) for i in np.argwhere(bad)[0])}" if array.ndim else ""
    return f"{worst:{form}}{where}"


def require_finite(name: str, value: Any, hint: str = "") -> None:
    """Raises ValueError where `value` is NaN or infinite."""
    require_real(name, value)
    array = _concrete(value)
    if array is not None and not np.isfinite(array).all():
        found = _describe(array, ~np.isfinite(array))
        raise ValueError(f"{name}: got {found}, expected finite numbers" + (f"; {hint}" if hint else ""))


def as_positive(name: str, value: Any) -> jax.Array:
    """`value` as an array of floats, every element finite and above zero in that precision.

    Raises:
        ValueError: it is not, or is no number at all.
    """
    return as_number(name, value, lambda x: x > 0, f"a number > 0, as in {name}=0.01")


def as_nonnegative(name: str, value: Any) -> jax.Array:
    """`value` as an array of floats, every element finite and not below zero.

    Raises:
        ValueError: it is not, or is no number at all.
    """
    return as_number(name, value, lambda x: x >= 0, f"a number ≥ 0, as in {name}=0.01")


def require_dimension(name: str, value: Any, minimum: int = 2) -> None:
    """Raises ValueError unless every element is a whole number of at least `minimum`; below 2 nothing can rotate."""
    _require(name, value, lambda x: (x >= minimum) & (x == np.floor(x)), f"a whole number ≥ {minimum}, as in {name}=3")


def require_real_dimension(name: str, value: Any, minimum: int = 2) -> None:
    """Raises ValueError unless every element is finite and at least `minimum`; between whole numbers formulas go on."""
    _require(name, value, lambda x: x >= minimum, f"a number ≥ {minimum}, as in {name}=3")


def as_unit(name: str, value: Any, *, batched: bool = True) -> jax.Array:
    """`value` as vectors of norm 1 along the last axis: errors of rounding are corrected, larger ones are refused.

    Vectors that are being traced are divided by their norms, so that derivatives are along the sphere.

    Args:
        name: the argument's name, for the error.
        value: one vector, or an array of them with the axes of the batch first.
        batched: False where one vector is needed.

    Raises:
        ValueError: no vector of at least two components, several where one is needed, or a norm that is not 1 to
            single precision, with the place of that vector in the batch.
    """
    require_real(name, value)
    array = _concrete(value)
    shape = np.shape(value)
    if not shape or shape[-1] < 2 or (len(shape) > 1 and not batched):
        expected = "unit vectors along the last axis, each" if batched else "one vector"
        raise ValueError(
            f"{name}: got shape {shape}, expected {expected} of at least 2 components, as in {name}=jnp.eye(3)[0]"
        )
    if array is None:
        vectors = jnp.asarray(value, dtype=float)
        return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    # One at a time: the norm of a vector must not depend in its last digit on the batch that it comes in.
    rows = array.astype(np.float64).reshape(-1, shape[-1])
    norm = np.array([np.linalg.norm(row) for row in rows]).reshape(shape[:-1])
    wrong = ~(np.abs(norm - 1) < 1e-5)
    if wrong.any():
        raise ValueError(
            f"{name}: got a vector of norm {_describe(norm, wrong, '.6g')}, expected norm 1; divide it by "
            f"its norm, as in {name}={name} / jnp.linalg.norm({name}, axis=-1, keepdims=True)"
        )
    # In the array's own precision: a vector of single precision is not rounded twice.
    norm = norm.astype(np.result_type(array.dtype, 1.0))
    return jnp.asarray(array / norm[..., None], dtype=float)


def require_one_of(name: str, value: Any, other_name: str, other: Any, line: str) -> None:
    """Raises ValueError unless exactly one of the two arguments is given."""
    if (value is None) == (other is None):
        found = "neither it nor" if value is None else "both it and"
        raise ValueError(f"{name}: got {found} {other_name}, expected one of them, as in {line}")


def require_count(name: str, value: Any, minimum: int = 1) -> None:
    """Raises ValueError unless `value` is an integer of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name}: got {value!r}, expected a whole number ≥ {minimum}")


def as_number(name: str, value: Any, holds: Any, expected: str) -> jax.Array:
    """`value` as an array of floats, every element finite and such that `holds`; only 0 itself becomes 0.

    Raises:
        ValueError: it is not, or is no number at all.
    """
    try:
        # At least single precision: half is kept neither by the random numbers nor by the special functions.
        value = np.asarray(value) if isinstance(value, list | tuple) else value
        dtype = jnp.promote_types(jnp.result_type(float, value), jnp.float32)
        if not jnp.issubdtype(dtype, jnp.floating):
            raise TypeError(f"{dtype} is not real")
        with np.errstate(over="ignore"):  # what overflows is refused below
            array = jnp.asarray(value, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: got {value!r}, expected {expected}") from error
    found, kept = _concrete(value), _concrete(array)
    if kept is not None and found is not None:
        good = np.isfinite(kept) & holds(kept) & ((kept != 0) | (found == 0))
        if not good.all():
            lost = " (in single precision)" if (np.isfinite(found) & holds(found)).all() else ""
            raise ValueError(f"{name}: got {_describe(found, ~good)}{lost}, expected {expected}")
    return array


def in_double_precision(value: Any) -> np.ndarray:
    """`value` in double precision; numbers in single precision are read in their shortest decimal form, 0.05 as 0.05.

    Args:
        value: a number or an array.

    Example:
        >>> import numpy as np
        >>> float(np.float64(np.float32(0.05))), float(in_double_precision(np.float32(0.05)))
        (0.05000000074505806, 0.05)
    """
    array = np.asarray(value)
    if array.dtype == np.float64 or not jnp.issubdtype(array.dtype, jnp.floating):
        return array.astype(np.float64)
    return array.astype(np.float32).astype(str).astype(np.float64)


def _require(name: str, value: Any, holds: Any, expected: str) -> None:
    require_real(name, value)
    array = _concrete(value)
    if array is None:
        return
    good = np.isfinite(array) & holds(array)
    if not good.all():
        raise ValueError(f"{name}: got {_describe(array, ~good)}, expected {expected}")


def broadcast_batch(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The common shape of the batches of several arguments.

    Args:
        shapes: the shape of each argument's batch, by its name.

    Raises:
        ValueError: two of them do not broadcast, with their names and shapes.
    """
    batch: tuple[int, ...] = ()
    for name, shape in shapes.items():
        try:
            batch = np.broadcast_shapes(batch, shape)
        except ValueError as error:
            other = next(other for other, theirs in shapes.items() if not _broadcast(shape, theirs))
            raise ValueError(
                f"{name}: got shape {shape}, expected one that broadcasts with {shapes[other]} of {other}; for a grid "
                f"of both give each an axis of its own, as in {other}[:, None]"
            ) from error
    return batch


def _broadcast(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True
