"""How laws and fits print their numbers: rounded, and only the ends of long arrays."""

import re
from typing import Any

import jax
import numpy as np

from thermo_ideal._display import equation

_LONG = 8  # elements, beyond which only the ends of an array are shown


def show(value: Any) -> str:
    """A number, an array or anything else, in one line."""
    if isinstance(value, jax.core.Tracer):
        return f"traced, of shape {value.shape}"
    if not isinstance(value, jax.Array | np.ndarray | np.generic | float | int):
        return repr(value)
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array[()]:.6g}"
    text = np.array2string(
        array, threshold=_LONG, edgeitems=2, separator=", ", formatter={"float_kind": "{:.5g}".format}
    )
    return re.sub(r"\s+", " ", text).replace("...", "…")


def listing(name: str, *entries: tuple[str, Any]) -> str:
    """`name(label = value, …)`, in the order of the entries; text stands for itself."""
    parts = (equation(label, value if isinstance(value, str) else show(value)) for label, value in entries)
    return f"{name}({', '.join(parts)})"
