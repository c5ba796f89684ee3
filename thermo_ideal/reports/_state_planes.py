"""The states that were visited, in the planes of pressure and volume and of temperature and entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.reports._curves import chosen
from thermo_ideal.reports._drawing import Comparisons, DataTable, agreement, measured, plain_symbol, points, symbol
from thermo_ideal.reports._style import MARKERS, SERIES, panels
from thermo_ideal.verification import Comparison, MeasuredQuantity

if TYPE_CHECKING:
    from thermo_ideal.reports._notebook import NotebookFigure


def draw_state_planes(comparisons: Comparisons) -> NotebookFigure:
    """Curves at some values of the first hyperparameter: measured states as points, those of theory as lines."""
    figure, axes = panels(2, len(comparisons))
    for (mechanical, thermal), comparison in zip(axes.T, comparisons.values(), strict=True):
        state, entropy = comparison.state, comparison.quantities["S"]
        name, values = comparison.axes[0]
        for colour, marker, row in zip(SERIES, MARKERS, chosen(values), strict=False):
            style = {"fmt": marker, "ms": 3.5, "color": colour, "label": f"{symbol(name)} = {values[row]:.2g}"}
            volume, pressure, errors = _measured_state(comparison, row)
            mechanical.plot(state["volume"][row], state["pressure"][row], color=colour, lw=1)
            mechanical.errorbar(volume, pressure, **errors, **style)
            thermal.plot(entropy.predicted[row], state["temperature"][row], color=colour, lw=1)
            value, error = entropy.simulated.value[row], entropy.simulated.standard_error[row]
            thermal.errorbar(value, state["temperature"][row], xerr=error, **style)
        mechanical.set(xscale="log", yscale="log", xlabel=_label("volume"), ylabel=_label("pressure"))
        mechanical.set_title(comparison.protocol.name)
        mechanical.legend(loc="lower left")
        thermal.set(yscale="log", xlabel=_label("entropy"), ylabel=_label("temperature"))
    return figure


def describe_state_planes(comparisons: Comparisons) -> str:
    """In words."""
    return " ".join(
        f"{name}: pressure against volume on logarithmic axes, and temperature against entropy, a curve for each of "
        f"{len(chosen(one.axes[0][1]))} values of {plain_symbol(one.axes[0][0])}. Measured states lie on the lines of "
        f"thermodynamics: {agreement(one, _mechanical(one))}; {agreement(one, one.quantities['S'])}."
        for name, one in comparisons.items()
    )


def tabulate_state_planes(comparisons: Comparisons) -> list[DataTable]:
    """The states of the curves."""
    tables = []
    for name, one in comparisons.items():
        rows, of, state = set(chosen(one.axes[0][1])), _mechanical(one), one.state
        given = "pressure" if of.symbol == "V" else "volume"
        keys = [plain_symbol(axis) for axis, _ in one.axes]
        tables.append(
            DataTable(
                f"{name}: measured {of.symbol} and S beside the {given} and the temperature that are set",
                [*keys, DICTIONARY[given].symbol, of.symbol, f"{of.symbol} by pV = RT", "T", "S", "S by theory"],
                [
                    [
                        *values,
                        f"{state[given][at]:.4g}",
                        measured(of, at),
                        f"{of.predicted[at]:.4g}",
                        f"{state['temperature'][at]:.4g}",
                        measured(one.quantities["S"], at),
                        f"{one.quantities['S'].predicted[at]:.4g}",
                    ]
                    for at, values in points(one)
                    if at[0] in rows
                ],
                keys=2,
            )
        )
    return tables


def _mechanical(comparison: Comparison) -> MeasuredQuantity:
    return comparison.quantities["p" if comparison.protocol.fixes_radius else "V"]


def _measured_state(comparison: Comparison, row: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Volume and pressure, of which one is set and the other measured, and the error of that."""
    simulated = _mechanical(comparison).simulated
    value, error = simulated.value[row], simulated.standard_error[row]
    if comparison.protocol.fixes_radius:
        return comparison.state["volume"][row], value, {"yerr": error}
    return value, comparison.state["pressure"][row], {"xerr": error}


def _label(word: str) -> str:
    return f"{word} {DICTIONARY[word].label}".replace("^2", "²")
