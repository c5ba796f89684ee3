"""The one style of all figures, on white and on black.

The colours of curves and points are those of Okabe and Ito that stand out from both backgrounds, at a contrast of 3 or
more, and that colour-blind readers tell apart; markers differ as well. Maps run from dark to light, and those of scores
from blue by grey to red.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from thermo_ideal.reports._notebook import NotebookFigure


INK = {"light": "#1b1f24", "dark": "#e6e8eb"}
"""Of text, frames and theory."""
PAPER = {"light": "#ffffff", "dark": "#14171c"}
"""Of the background."""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a7f87")
"""Of curves and points, on either background."""
MARKERS = "os^Dv"
SEQUENTIAL, DIVERGING = "viridis", "coolwarm"
PANEL = (4.6, 3.6)
"""Width and height of a panel, in inches."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def style(*, dark: bool = False) -> AbstractContextManager[None]:
    """The settings of matplotlib under which figures are made and saved.

    Args:
        dark: whether the background is dark.
    """
    import matplotlib as mpl
    from matplotlib.rcsetup import cycler

    scheme = "dark" if dark else "light"
    ink, paper = INK[scheme], PAPER[scheme]
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "legend.labelcolor")
    papered = ("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor")
    settings: dict[Any, Any] = dict.fromkeys(inked, ink) | dict.fromkeys(papered, paper)
    settings |= {
        "axes.prop_cycle": cycler(color=SERIES),
        "axes.titlesize": "medium",
        "font.size": 10,
        "legend.edgecolor": ink,
        "legend.fontsize": 8.5,
        "legend.framealpha": 0.85,
        "legend.fancybox": False,
        "savefig.dpi": 150,
        # Texts as outlines: they look the same wherever they are read.
        "svg.fonttype": "path",
        "svg.hashsalt": "thermo_ideal",
    }
    return mpl.rc_context(settings)


def styled(draw: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function that draws, in the style on white."""

    @wraps(draw)
    def drawn(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with style():
            return draw(*args, **kwargs)

    return drawn


def empty_figure(width: float, height: float) -> NotebookFigure:
    """A figure without panels yet.

    Args:
        width: in inches.
        height: in inches.
    """
    from thermo_ideal.reports._notebook import NotebookFigure

    return NotebookFigure(figsize=(width, height), layout="constrained")


def ink() -> str:
    """The colour of text, frames and theory in the style that is set."""
    import matplotlib as mpl

    return str(mpl.rcParams["text.color"])


def panels(rows: int, columns: int, height: float = PANEL[1]) -> tuple[NotebookFigure, np.ndarray]:
    """A figure of so many panels, and their axes in an array of that shape.

    Args:
        rows: of panels.
        columns: of panels.
        height: of one, in inches.
    """
    figure = empty_figure(PANEL[0] * columns, height * rows)
    axes: np.ndarray = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        keep_ticks(ax)
    return figure, axes


def keep_ticks(ax: Axes) -> None:
    """Has ticks that are made when the figure is saved look as those that are made now."""
    import matplotlib as mpl

    colour = mpl.rcParams["xtick.color"]
    ax.tick_params(which="both", color=colour, labelcolor=colour, labelsize=mpl.rcParams["font.size"] * 0.9)
