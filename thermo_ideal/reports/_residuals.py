"""How far every measurement is from the exact law of discrete SGD, in standard errors, as maps over the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal.reports._drawing import Comparisons, DataTable, matrix, name_of, symbol
from thermo_ideal.reports._style import DIVERGING, empty_figure, keep_ticks
from thermo_ideal.verification import Comparison

if TYPE_CHECKING:
    from thermo_ideal.reports._notebook import NotebookFigure

_COLUMNS, _BOUND = 2, 4.0  # of a protocol's maps; end of the scale of colours
_SIZE = (4.6, 1.9)  # of a row of maps, in inches


def draw_residuals(comparisons: Comparisons) -> NotebookFigure:
    """A map of scores for each quantity: two columns of maps for each protocol."""
    rows = max(-(-len(comparison.quantities) // _COLUMNS) for comparison in comparisons.values())
    size = _SIZE[0] * len(comparisons), _SIZE[1] * rows + 0.6
    figure = empty_figure(*size)
    parts = figure.subfigures(1, len(comparisons), squeeze=False)[0]
    for part, comparison in zip(parts, comparisons.values(), strict=True):
        axes = part.subplots(rows, _COLUMNS, squeeze=False, sharex=True, sharey=True)
        (y_name, y), (x_name, x) = comparison.axes
        for ax in axes.flat[len(comparison.quantities) :]:
            ax.set_axis_off()
        for number, (ax, (name, quantity)) in enumerate(zip(axes.flat, comparison.quantities.items(), strict=False)):
            keep_ticks(ax)
            scores = np.where(comparison.stationary, quantity.z_score, np.nan)
            mesh = ax.pcolormesh(x, y, scores, cmap=DIVERGING, vmin=-_BOUND, vmax=_BOUND, rasterized=True)
            ax.set(xscale="log", yscale="log")
            ax.minorticks_off()  # they take most of the time of drawing
            ax.set_title(name_of(name), pad=3)
            if number % _COLUMNS == 0:
                ax.set_ylabel(symbol(y_name))
            if number + _COLUMNS >= len(comparison.quantities):
                ax.set_xlabel(symbol(x_name))
                ax.tick_params(labelbottom=True)
        part.suptitle(comparison.protocol.name, fontsize="medium")
        part.colorbar(mesh, ax=axes, location="bottom", shrink=0.7, aspect=30, label="z")
    return figure


def describe_residuals(comparisons: Comparisons) -> str:
    """In words."""
    texts = []
    for name, comparison in comparisons.items():
        scores = _scores(comparison)
        largest = max(scores, key=lambda of: np.abs(scores[of]).max(initial=0.0))
        total = np.concatenate([values.ravel() for values in scores.values()])
        total = total[np.isfinite(total)]
        texts.append(
            f"{name}: maps of z, measured against the exact law of discrete SGD, for {', '.join(scores)}. Colours from "
            f"blue, {-_BOUND:g}, by grey to red, {_BOUND:g}. Of {total.size} scores {np.mean(np.abs(total) < 2):.0%} "
            f"are within ±2, 95% are expected; the largest, {np.abs(total).max(initial=0.0):.1f}, is of {largest}."
        )
    return " ".join(texts)


def tabulate_residuals(comparisons: Comparisons) -> list[DataTable]:
    """A table for each map."""
    return [
        matrix(comparison, f"{name}: z of {of}", quantity.z_score, "+.1f")
        for name, comparison in comparisons.items()
        for of, quantity in comparison.quantities.items()
    ]


def _scores(comparison: Comparison) -> dict[str, np.ndarray]:
    use = comparison.stationary
    return {name: quantity.z_score[use] for name, quantity in comparison.quantities.items()}
