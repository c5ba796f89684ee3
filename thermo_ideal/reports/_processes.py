"""Diagrams of processes: the path of equilibrium states as a curve, simulations as points with error bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.estimators import Estimate, ProcessRun
from thermo_ideal.reports._style import empty_figure, styled
from thermo_ideal.thermodynamics.processes import Process

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 65  # of a leg's curve


@styled
def process_diagram(process: Process, runs: Mapping[str, ProcessRun] | None = None) -> Figure:
    """The `p`–`V` and `T`–`S` diagrams of a process.

    Args:
        process: the path; each leg is a curve.
        runs: simulations of it, by label, whose records are drawn as points with error bars: the measured mean volume
            and pressure, the temperature of the schedule and the entropy of the ensemble.

    Returns:
        The figure; at the end of a notebook's cell it is shown.

    Example:
        >>> from thermo_ideal.reports import process_diagram
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import carnot
        >>> cycle = carnot(State(VonMisesFisherGas(3), temperature=0.4, volume=1.0), volume=2.0, temperature=0.1)
        >>> [axes.get_xlabel() for axes in process_diagram(cycle).axes]
        ['volume V [weight^2]', 'entropy S [nat]']
    """
    figure = empty_figure(10, 4.2)
    mechanical, thermal = figure.subplots(1, 2)
    ends = np.concatenate([[0.0], np.cumsum(process.shares)])
    for kind, first, last in zip(process.kinds, ends[:-1], ends[1:], strict=True):
        # Just inside the leg: at a common end the next one would begin, where a schedule jumps.
        inside = np.clip(np.linspace(first, last, _POINTS), first + 1e-9, min(last, 1.0))
        states = process.state(inside)
        mechanical.plot(states.volume, states.pressure, label=kind)
        thermal.plot(states.entropy, states.temperature, label=kind)
    for label, run in (runs or {}).items():
        record = run.record
        drawn = np.isfinite(record.pressure).all(axis=-1)  # on the fixed sphere there is none before the first step
        _points(mechanical, label, record.mean("volume"), record.mean("pressure"), drawn)
        _points(thermal, label, run.entropy(), record.mean("temperature"), np.ones_like(drawn))
    mechanical.set(xlabel=_title("volume"), ylabel=_title("pressure"))
    thermal.set(xlabel=_title("entropy"), ylabel=_title("temperature"))
    for axes in (mechanical, thermal):
        axes.legend(fontsize="small")
    return figure


def _title(word: str) -> str:
    return f"{word} {DICTIONARY[word].label}"


def _points(axes: Axes, label: str, x: Estimate, y: Estimate, drawn: np.ndarray) -> None:
    axes.errorbar(
        x.value[drawn],
        y.value[drawn],
        xerr=x.standard_error[drawn],
        yerr=y.standard_error[drawn],
        fmt="o",
        markersize=3,
        capsize=2,
        label=label,
    )
