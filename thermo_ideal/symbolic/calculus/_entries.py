"""Numbers, lists, matrices and arrays, as they are given for a state, a drift or a diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

import sympy as sp
from sympy import Expr


def listed(value: Any) -> Any:
    """SymPy's matrices and NumPy's arrays as lists, also in a list; anything else as it is."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return [sp.flatten(listed(row)) if hasattr(row, "shape") and row.shape else row for row in value]


def is_scalar(value: Any) -> bool:
    """Whether it is one expression or number."""
    return isinstance(value, Expr | Number)


def flat(value: Any) -> Any:
    """The components in one list, from one of them, a list, a row or a column; anything else as it is."""
    entries = listed(value)
    if is_scalar(entries):
        return [entries]
    return sp.flatten(entries) if isinstance(entries, Sequence) and not isinstance(entries, str) else entries
