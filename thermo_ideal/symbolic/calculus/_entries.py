"""Numbers, lists, matrices and arrays, as they are given for a state, a drift or a diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from sympy import Expr

Entries: TypeAlias = Expr | int | float | Sequence[Any] | sp.MatrixBase | np.ndarray


def listed(value: Any) -> Any:
    """SymPy's matrices and NumPy's arrays and numbers as Python's, also in a list; anything else as it is."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return [_row(each) for each in value]


def _row(value: Any) -> Any:
    """An entry, or a row, which a matrix in a list is."""
    entries = listed(value)
    return sp.flatten(entries) if hasattr(value, "tolist") and isinstance(entries, list) else entries


def _is_scalar(value: Any) -> bool:
    return isinstance(value, Expr | Number)


def column(value: Any, size: int) -> Any:
    """The entries of a column of that size, which need no list if there is one; anything else as it is."""
    entries = listed(value)
    return [entries] if size == 1 and _is_scalar(entries) else entries


def rows(value: Any, size: int) -> Any:
    """The rows of a matrix with so many of them, which needs no lists if it is a number; anything else as it is."""
    entries = listed(value)
    return [[entries]] if size == 1 and _is_scalar(entries) else entries


def flat(value: Any) -> Any:
    """The components in one list, from one of them, a list, a row or a column; anything else as it is."""
    entries = listed(value)
    if _is_scalar(entries):
        return [entries]
    return sp.flatten(entries) if isinstance(entries, Sequence) and not isinstance(entries, str) else entries
