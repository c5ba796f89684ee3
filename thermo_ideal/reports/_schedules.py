"""A figure of schedules side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.reports._style import empty_figure, styled
from thermo_ideal.thermodynamics.processes import ScheduleComparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def schedule_figure(comparison: ScheduleComparison) -> Figure:
    """Effective learning rates and mean losses of schedules, step by step, both on logarithmic axes.

    Args:
        comparison: made by `compare_schedules`.

    Returns:
        The figure; at the end of a notebook's cell it is shown.

    Example:
        >>> from thermo_ideal.reports import schedule_figure
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> from thermo_ideal.thermodynamics.processes import compare_schedules, cosine, fastest_cooling
        >>> start = State(CaloricallyPerfectGas(101), effective_learning_rate=0.1, radius=1.0)
        >>> schedules = {"fastest": fastest_cooling(start, 100), "cosine": cosine(0.1, 0.0)}
        >>> [axes.get_ylabel() for axes in schedule_figure(compare_schedules(start, schedules, 100)).axes]
        ['effective learning rate η_eff [1/loss]', 'internal energy U [loss]']
    """
    figure = empty_figure(10, 4.2)
    rates, energies = figure.subplots(1, 2)
    for name in comparison.names:
        rate = comparison.effective_learning_rate[name]
        rates.plot(np.where(rate > 0, rate, np.nan), label=name)
        energies.plot(comparison.internal_energy[name], label=name)
    for axes, word in ((rates, "effective_learning_rate"), (energies, "internal_energy")):
        entry = DICTIONARY[word]
        axes.set(xlabel="step", ylabel=f"{entry.word.replace('_', ' ')} {entry.label}", yscale="log")
        axes.legend(fontsize="small")
    return figure
