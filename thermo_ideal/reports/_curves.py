"""Radius or pressure, energy and entropy against the hyperparameters: points with error bars, theory as lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal.reports._drawing import (
    Comparisons,
    DataTable,
    agreement,
    measured,
    name_of,
    plain_symbol,
    points,
    ranges,
    symbol,
)
from thermo_ideal.reports._style import MARKERS, SERIES, ink, panels
from thermo_ideal.verification import Comparison, MeasuredQuantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from thermo_ideal.reports._notebook import NotebookFigure

_HEADROOM = 0.4  # for a legend, where curves fill a panel


def draw_equation_of_state(comparisons: Comparisons) -> NotebookFigure:
    """The stationary radius, or where it is fixed the pressure, against the second hyperparameter."""
    figure, axes = panels(1, len(comparisons))
    for ax, comparison in zip(axes[0], comparisons.values(), strict=True):
        quantity = comparison.mechanical
        _curves(ax, comparison, quantity, along=1)
        ax.set(xscale="log", yscale="log")
        # Out of the way of what falls or rises; matplotlib's own search for the best place is slow, and warns of it.
        falls = quantity.predicted[0, -1] < quantity.predicted[0, 0]
        ax.legend(loc="upper right" if falls else "upper left")
    return figure


def describe_equation_of_state(comparisons: Comparisons) -> str:
    """In words."""
    return " ".join(
        f"{name}, {ranges(one)}: {one.mechanical.symbol} on logarithmic axes, simulation as points with error bars on "
        f"the lines of pV = RT. {agreement(one, one.mechanical)}."
        for name, one in comparisons.items()
    )


def tabulate_equation_of_state(comparisons: Comparisons) -> list[DataTable]:
    """The curves."""
    return [_table(one, one.mechanical, chosen(one.axes[0][1])) for one in comparisons.values()]


def draw_entropy(comparisons: Comparisons) -> NotebookFigure:
    """The entropy against either hyperparameter."""
    figure, axes = panels(2, len(comparisons))
    for column, comparison in zip(axes.T, comparisons.values(), strict=True):
        for ax, along in zip(column, (1, 0), strict=True):
            _curves(ax, comparison, comparison.quantities["S"], along)
            low, high = ax.get_ylim()
            ax.set(xscale="log", ylim=(low, high + _HEADROOM * (high - low)))
            ax.legend(loc="upper left", ncols=2)
    return figure


def describe_entropy(comparisons: Comparisons) -> str:
    """In words."""
    return " ".join(
        f"{name}, {ranges(one)}: entropy S in nats against {plain_symbol(one.axes[1][0])}, and below against "
        f"{plain_symbol(one.axes[0][0])}, simulation as points with error bars on the lines of thermodynamics. "
        f"{agreement(one, one.quantities['S'])}."
        for name, one in comparisons.items()
    )


def tabulate_entropy(comparisons: Comparisons) -> list[DataTable]:
    """The curves of both panels."""
    return [
        _table(one, one.quantities["S"], chosen(one.axes[0][1]), chosen(one.axes[1][1])) for one in comparisons.values()
    ]


def draw_energy_and_entropy(comparisons: Comparisons, symbols: tuple[str, ...] = ("U", "S_dir")) -> NotebookFigure:
    """`U` and `S_dir` against the effective learning rate, and below what is left after the SDE's prediction."""
    figure, axes = panels(2, len(symbols))
    for column, of in zip(axes.T, symbols, strict=True):
        for i, comparison in enumerate(comparisons.values()):
            quantity = comparison.quantities[of]
            marker, colour = MARKERS[i % len(MARKERS)], SERIES[i % len(SERIES)]
            order = np.argsort(comparison.effective_learning_rate, axis=None)
            eta, value, error, theory, exact = (
                array.ravel()[order]
                for array in (
                    comparison.effective_learning_rate,
                    quantity.simulated.value,
                    quantity.simulated.standard_error,
                    quantity.predicted,
                    quantity.exact,
                )
            )
            relative = _relative(of, theory)
            points_style = {"fmt": marker, "ms": 3, "color": colour, "alpha": 0.6, "lw": 0.7}
            column[0].errorbar(eta, value, error, label=comparison.protocol.name, **points_style)
            column[0].plot(eta, theory, color=ink(), lw=0.8)
            column[1].errorbar(eta, relative(value), error / (theory if of == "U" else 1), **points_style)
            column[1].plot(eta, relative(exact), color=colour, lw=1)
        column[0].set(xscale="log", yscale="log" if of == "U" else "linear", ylabel=name_of(of))
        label = "U/U(SDE) − 1" if of == "U" else f"{name_of(of)} − {name_of(of)}(SDE)"
        column[1].set(xscale="log", xlabel=symbol("effective_learning_rate"), ylabel=label)
        column[1].axhline(0, color=ink(), lw=0.8)
        column[0].legend(loc="upper left")
    figure.suptitle("points: simulation; thin line: SDE;\ncoloured lines: exact law of discrete SGD", fontsize="small")
    return figure


def describe_energy_and_entropy(comparisons: Comparisons, symbols: tuple[str, ...] = ("U", "S_dir")) -> str:
    """In words."""
    texts = [
        f"{of} against the effective learning rate, all protocols on one curve, and below the departure from the SDE, "
        "where the points follow the exact law of discrete SGD. "
        + "; ".join(f"{name}: {agreement(one, one.quantities[of])}" for name, one in comparisons.items())
        for of in symbols
    ]
    return ". ".join(texts) + "."


def tabulate_energy_and_entropy(comparisons: Comparisons, symbols: tuple[str, ...] = ("U", "S_dir")) -> list[DataTable]:
    """All points."""
    tables = []
    for of in symbols:
        for comparison in comparisons.values():
            tables.append(_table(comparison, comparison.quantities[of], range(len(comparison.axes[0][1]))))
    return tables


def chosen(values: np.ndarray, curves: int = 5) -> list[int]:
    """Which values of a hyperparameter have a curve: so many, evenly over all."""
    return list(map(int, np.unique(np.linspace(0, len(values) - 1, curves).round())))


def _curves(ax: Axes, comparison: Comparison, quantity: MeasuredQuantity, along: int) -> None:
    """One quantity against one hyperparameter, a curve for some values of the other."""
    (x_name, x), (other_name, other) = comparison.axes[along], comparison.axes[1 - along]

    def turn(values: np.ndarray) -> np.ndarray:
        return values if along == 1 else values.T

    value, error, theory = map(turn, (quantity.simulated.value, quantity.simulated.standard_error, quantity.predicted))
    for colour, marker, row in zip(SERIES, MARKERS, chosen(other), strict=False):
        ax.plot(x, theory[row], color=colour, lw=1)
        label = f"{symbol(other_name)} = {other[row]:.2g}"
        ax.errorbar(x, value[row], error[row], fmt=marker, ms=3.5, color=colour, label=label)
    ax.set(xlabel=symbol(x_name), ylabel=name_of(quantity.symbol), title=comparison.protocol.name)


def _table(
    comparison: Comparison, quantity: MeasuredQuantity, rows: Sequence[int], columns: Sequence[int] = ()
) -> DataTable:
    """A quantity at the points of some rows and some columns of the grid."""
    (first, _), (second, _) = comparison.axes
    of = quantity.symbol
    return DataTable(
        f"{comparison.protocol.name}: {of}, simulated, by thermodynamics and by the exact law of discrete SGD",
        [plain_symbol(first), plain_symbol(second), of, "SDE", "discrete", "z"],
        [
            [
                *keys,
                measured(quantity, at),
                f"{quantity.predicted[at]:.5g}",
                f"{quantity.exact[at]:.5g}",
                f"{quantity.z_score[at]:+.1f}",
            ]
            for at, keys in points(comparison)
            if at[0] in rows or at[1] in columns
        ],
        keys=2,
    )


def _relative(of: str, theory: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return (lambda values: values / theory - 1) if of == "U" else (lambda values: values - theory)
