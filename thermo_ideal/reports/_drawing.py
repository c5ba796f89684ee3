"""What a figure of a report is: how it is drawn, what it shows in words, and its data as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import span, with_error
from thermo_ideal.verification import Comparison, MeasuredQuantity

if TYPE_CHECKING:
    from thermo_ideal.reports._notebook import NotebookFigure

Comparisons = Mapping[str, Comparison]
"""By the names of their protocols."""


@dataclass(frozen=True)
class DataTable:
    """The data of a figure.

    Args:
        caption: what they are.
        headings: of the columns.
        rows: cells, as text.
        keys: how many cells at the start of a row say what it is of.
        note: how to read it.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    keys: int = 1
    note: str = ""


@dataclass(frozen=True)
class Drawing:
    """A figure of a verdict.

    Args:
        draw: makes the figure of some of the comparisons.
        describe: says what such a figure shows.
        tables: its data.
        together: whether all protocols are in one picture; else a report has one for each.
    """

    draw: Callable[[Comparisons], NotebookFigure]
    describe: Callable[[Comparisons], str]
    tables: Callable[[Comparisons], list[DataTable]]
    together: bool = False

    def parts(self, comparisons: Comparisons) -> Iterator[tuple[str, Comparisons]]:
        """What the pictures in a report are of, by name.

        Args:
            comparisons: all of them.
        """
        if self.together:
            yield "all protocols", comparisons
        else:
            yield from ((name, {name: comparison}) for name, comparison in comparisons.items())


def symbol(word: str) -> str:
    """As matplotlib sets it; a quantity that is not in the dictionary by its name."""
    return f"${DICTIONARY[word].latex}$" if word in DICTIONARY else word


def name_of(quantity: str) -> str:
    """A measured quantity's symbol as matplotlib sets it, S_dir as "S" with an index."""
    base, underscore, index = quantity.partition("_")
    return rf"${base}_\mathrm{{{index}}}$" if underscore else quantity


def plain_symbol(word: str) -> str:
    """In Unicode, as in "η_eff"."""
    return DICTIONARY[word].symbol if word in DICTIONARY else word


def points(comparison: Comparison) -> Iterator[tuple[tuple[int, int], list[str]]]:
    """The points of the grid, with the values of the two hyperparameters as text."""
    (_, first), (_, second) = comparison.axes
    for i, j in np.ndindex(len(first), len(second)):
        yield (i, j), [f"{first[i]:.4g}", f"{second[j]:.4g}"]


def matrix(comparison: Comparison, caption: str, values: np.ndarray, form: str) -> DataTable:
    """Numbers over the grid: a row for each value of the first hyperparameter, a column for each of the second."""
    (first_name, first), (second_name, second) = comparison.axes
    corner = f"{plain_symbol(first_name)} ↓, {plain_symbol(second_name)} →"
    rows = [[f"{x:.3g}", *(f"{value:{form}}" for value in row)] for x, row in zip(first, values, strict=True)]
    return DataTable(caption, [corner, *(f"{y:.3g}" for y in second)], rows)


def measured(quantity: MeasuredQuantity, at: tuple[int, ...]) -> str:
    """As in 0.0503(4)."""
    return with_error(float(quantity.simulated.value[at]), float(quantity.simulated.standard_error[at]))


def agreement(comparison: Comparison, quantity: MeasuredQuantity) -> str:
    """How far measurements are from their laws, in words."""
    use = comparison.stationary
    if not use.any():
        return f"{quantity.symbol} at no stationary point"
    departure = np.abs(quantity.departure[use])
    largest = f"{departure.max():.2g} nat" if quantity.symbol.startswith("S") else f"{departure.max():.2%}"
    scores = np.abs(quantity.z_score[use])
    return (
        f"{quantity.symbol} departs from thermodynamics by {largest} at most, and from the exact law of discrete SGD "
        f"by {np.sqrt((scores**2).mean()):.2g} standard errors in the root mean square, {scores.max():.2g} at most"
    )


def ranges(comparison: Comparison) -> str:
    """The two hyperparameters, as in "η_eff = 0.001 … 0.1, λ = 0.001 … 0.1"."""
    return ", ".join(f"{plain_symbol(name)} = {span(values)}" for name, values in comparison.axes)
