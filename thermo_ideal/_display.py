"""Numbers as text, for `repr`, `print` and notebooks."""

from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np


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


def html_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table for a notebook.

    Args:
        headings: of the columns.
        rows: the cells of each row.

    Example:
        >>> html_table(["T"], [["< 1"]])
        '<table><tr><th>T</th></tr><tr><td>&lt; 1</td></tr></table>'
    """
    lines = [("th", headings), *(("td", row) for row in rows)]
    cells = ("".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) for tag, row in lines)
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
