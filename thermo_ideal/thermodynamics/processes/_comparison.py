"""Schedules side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from thermo_ideal._arguments import as_positive, require_count
from thermo_ideal._display import html_table
from thermo_ideal.thermodynamics._step_law import AbstractStepLaw
from thermo_ideal.thermodynamics.processes._optimal_schedule import (
    OptimalSchedule,
    checked_rates,
    require_single,
    step_law,
)

_LONGEST = 64  # times `num_steps`, that a schedule may be stretched to reach an energy


@dataclass(frozen=True, repr=False, eq=False)
class ScheduleComparison:
    """What schedules of the effective learning rate do to a gas in the same number of steps.

    Attributes:
        names: of the schedules.
        effective_learning_rate: `η_eff` of each step by name, `(steps,)` each.
        internal_energy: `U` before each step and after the last by name, `(steps + 1,)` each.
        final_energy: `U` at the end, one for each.
        excess_energy: what of it is out of equilibrium: `U` less that in which SGD settles at the last `η_eff`.
        entropy_production: in nats.
        steps_to_energy: how many steps the schedule needs, stretched, to end at the energy that was asked for; infinite
            where 64 times as many are not enough, NaN where none was asked for or a table cannot be stretched.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> from thermo_ideal.thermodynamics.processes import compare_schedules, cosine, fastest_cooling, linear
        >>> start = State(CaloricallyPerfectGas(201), effective_learning_rate=0.1, radius=1.0, noise_scale=0.01)
        >>> usual = {"cosine": cosine(0.1, 0.0), "linear": linear(0.1, 0.0)}
        >>> comparison = compare_schedules(start, {"fastest": fastest_cooling(start, 1000), **usual}, 1000)
        >>> [round(float(x), 2) for x in comparison.final_energy / comparison.final_energy[0]]
        [1.0, 3.71, 4.53]
    """

    names: tuple[str, ...]
    effective_learning_rate: Mapping[str, np.ndarray]
    internal_energy: Mapping[str, np.ndarray]
    final_energy: np.ndarray
    excess_energy: np.ndarray
    entropy_production: np.ndarray
    steps_to_energy: np.ndarray

    def _rows(self) -> list[list[str]]:
        best = self.final_energy.min()
        return [
            [
                name,
                f"{self.final_energy[i]:.5g}",
                f"{self.final_energy[i] / best:.4g}",
                f"{self.excess_energy[i]:.4g}",
                f"{self.entropy_production[i]:.5g}",
                f"{self.steps_to_energy[i]:.0f}" if np.isfinite(self.steps_to_energy[i]) else "–",
            ]
            for i, name in enumerate(self.names)
        ]

    def __repr__(self) -> str:
        rows = [list(_HEADINGS), *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_table("Schedules", _HEADINGS, self._rows())


_HEADINGS = ("schedule", "final U", "over the lowest", "out of equilibrium", "Σ [nat]", "steps to U")


def compare_schedules(state: Any, schedules: Any, num_steps: int, *, energy: float | None = None) -> ScheduleComparison:
    """Final energy, entropy production and cost of schedules of the effective learning rate from one start.

    The law of the direction is taken from step to step without simulation; see `fastest_cooling`. Step `n` of a
    function has the fraction `(n + 1)/num_steps`.

    Args:
        state: the start, one state; the direction has the law in which SGD settles there.
        schedules: by name: a function of the fraction of the run, such as `cosine(0.1, 0.0)`, an `OptimalSchedule`, or
            a table with `η_eff` of each step.
        num_steps: how many steps.
        energy: a mean loss; if given, it is worked out in how many steps each schedule ends at it.

    Returns:
        A `ScheduleComparison`.

    Raises:
        ValueError: not one state, no schedules, a table of another length, numbers out of their range, or a gas that
            does not know its loss.
        ArithmeticError: a law that cannot be followed.

    Example:
        >>> from thermo_ideal.thermodynamics import HarmonicGas, State
        >>> from thermo_ideal.thermodynamics.processes import compare_schedules, cosine, warmup_stable_decay
        >>> start = State(HarmonicGas([1.0, 0.03], counts=[50, 50]), effective_learning_rate=0.1, radius=1.0)
        >>> wsd = warmup_stable_decay(0.1, 0.1, 0.0, warmup=0.01, decay=0.2)
        >>> compare_schedules(start, {"cosine": cosine(0.1, 0.0), "WSD": wsd}, 1000, energy=0.5)
        schedule  final U  over the lowest  out of equilibrium  Σ [nat]  steps to U
        cosine    0.80405  1                0.804               75.245   2526
        WSD       1.2904   1.605            1.29                28.818   11273
    """
    require_single(state, f"compare_schedules(State(gas, effective_learning_rate=0.1, radius=1.0), …, {num_steps})")
    require_count("num_steps", num_steps)
    if not isinstance(schedules, Mapping) or not schedules:
        raise ValueError(f"schedules: got {schedules!r}, expected some by name, as in {{'cosine': cosine(0.1, 0.0)}}")
    wanted = None if energy is None else float(as_positive("energy", energy))
    law, tables, runs, costs = step_law(state), {}, {}, []
    for name, schedule in schedules.items():
        given = schedule.effective_learning_rate if isinstance(schedule, OptimalSchedule) else schedule
        tables[name] = checked_rates(name, given, num_steps)
        runs[name] = law.run(tables[name])
        costs.append(np.nan if wanted is None else _cost(law, name, given, num_steps, wanted))
    last = np.array([run.energy[-1] for run in runs.values()])
    settled = np.array([law.stationary_energy(float(table[-1])) for table in tables.values()])
    return ScheduleComparison(
        names=tuple(schedules),
        effective_learning_rate=tables,
        internal_energy={name: run.energy for name, run in runs.items()},
        final_energy=last,
        excess_energy=last - settled,
        entropy_production=np.array([law.entropy_production(table) for table in tables.values()]),
        steps_to_energy=np.array(costs),
    )


def _cost(law: AbstractStepLaw, name: str, given: Any, num_steps: int, energy: float) -> float:
    """The smallest number of steps after which a schedule ends at or below an energy, by bisection."""
    if not callable(given):
        return np.nan

    def reaches(steps: int) -> bool:
        return bool(law.run(checked_rates(name, given, steps)).energy[-1] <= energy)

    low, high = 0, num_steps
    while not reaches(high):
        low, high = high, 2 * high
        if high > _LONGEST * num_steps:
            return np.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return float(high)
