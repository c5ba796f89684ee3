"""Numbers as text, for `repr`, `print` and notebooks."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import jax
import numpy as np

_LONG = 8  # elements, beyond which only the ends of an array are shown
_SMALL = 1e-4  # smaller numbers are written with an exponent


def span(values: Any) -> str:
    """A number, or the smallest and the largest of several, as in "0.001 … 0.1".

    Args:
        values: numbers, any shape.

    Example:
        >>> span(0.123456), span([3.0, 1.0, 2.0])
        ('0.1235', '1 … 3')
    """
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    ends = [finite.min(), finite.max()] if finite.size else values.reshape(-1)[:1]
    return " … ".join(dict.fromkeys(f"{end:.4g}" for end in ends))


def equation(symbol: str, number: str, unit: str = "1") -> str:
    """A quantity with its unit, as in "T = 0.05 loss".

    Args:
        symbol: of the quantity.
        number: as text.
        unit: "1" for a pure number.

    Example:
        >>> equation("T", "0.05", "loss"), equation("η_eff", "0.1", "1/loss"), equation("d", "3")
        ('T = 0.05 loss', 'η_eff = 0.1 /loss', 'd = 3')
    """
    return f"{symbol} = {number}" + ("" if unit == "1" else f" {unit.removeprefix('1')}")


def html_table(caption: str, headings: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table for a notebook.

    Args:
        caption: above the table.
        headings: of the columns; may be empty.
        rows: the cells of each row.

    Example:
        >>> html_table("Cold", ["T"], [["< 1"]])
        '<table><caption>Cold</caption><tr><th>T</th></tr><tr><td>&lt; 1</td></tr></table>'
    """
    lines = [*([("th", headings)] if headings else []), *(("td", row) for row in rows)]
    cells = ("".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) for tag, row in lines)
    table = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table><caption>{escape(caption)}</caption>{table}</table>"


def with_error(value: float, error: float) -> str:
    """`value` with its standard error in units of the last digit, as in 0.00503(4).

    Args:
        value: the number.
        error: its standard error.

    Example:
        >>> with_error(0.0050312, 0.000042), with_error(5.0312e-9, 4.2e-11)
        ('0.00503(4)', '5.03(4)e-9')
    """
    if not (np.isfinite(error) and error > 0):
        return f"{value:.6g}"
    size = max(abs(value), error)
    power = int(np.floor(np.log10(size))) if size < _SMALL else 0
    value, error = value / 10.0**power, error / 10.0**power
    digits = max(-int(np.floor(np.log10(float(f"{error:.0e}")))), 0)  # 0.0096 rounds to 0.01: one digit fewer
    text = f"{value:.{digits}f}"
    text = text if float(text) else text.removeprefix("-")
    return f"{text}({error * 10**digits:.0f})" + (f"e{power}" if power else "")


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
    parts = (f"{label} = {value if isinstance(value, str) else show(value)}" for label, value in entries)
    return f"{name}({', '.join(parts)})"
