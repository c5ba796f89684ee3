"""Schedules that thermodynamics prescribes: of the effective learning rate, and of plain SGD's learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from thermo_ideal._arguments import as_nonnegative, as_positive, in_double_precision, require_count
from thermo_ideal._display import listing
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere, TabulatedSchedule
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics._step_law import AbstractStepLaw


def require_single(state: Any, line: str) -> None:
    """Raises ValueError unless this is one state.

    Args:
        state: what came.
        line: that may be typed instead.
    """
    if not isinstance(state, State) or state.temperature.ndim:
        came = f"states of shape {state.temperature.shape}" if isinstance(state, State) else repr(state)
        raise ValueError(f"state: got {came}, expected one State, as in {line}")


def step_law(state: State) -> AbstractStepLaw:
    """The law of the direction from step to step, from a state on.

    Args:
        state: one.
    """
    return state.gas.step_law(float(state.temperature), float(state.noise_scale))


@dataclass(frozen=True, repr=False, eq=False)
class OptimalSchedule:
    """A table of effective learning rates, what it does to the gas, and the schedules of SGD that have it.

    Attributes:
        purpose: "fastest cooling" or "least dissipation".
        start: the state that it starts from; the direction has the law that SGD settles in there.
        effective_learning_rate: `η_eff` of each step, `(steps,)`.
        internal_energy: the mean loss before each step and after the last, `(steps + 1,)`.
        squared_gradient: `E|∇L|²` on the unit sphere before each step, `(steps,)`.

    Example:
        A cold gas loses energy fastest at half its own temperature:

        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> from thermo_ideal.thermodynamics.processes import fastest_cooling
        >>> start = State(CaloricallyPerfectGas(1001), effective_learning_rate=0.1, radius=1.0, noise_scale=0.1)
        >>> schedule = fastest_cooling(start, num_steps=1000)
        >>> f"{schedule.internal_energy[-1] / schedule.internal_energy[0]:.7f}"  # 1/(1 + 1000 · 0.1/1.9)
        '0.0186457'
        >>> schedule.fixed_learning_rate("radius").weight_decay.values.shape
        (1000,)
    """

    purpose: str
    start: State
    effective_learning_rate: np.ndarray
    internal_energy: np.ndarray
    squared_gradient: np.ndarray
    _law: AbstractStepLaw

    @classmethod
    def of(cls, purpose: str, start: State, law: AbstractStepLaw, rates: np.ndarray) -> OptimalSchedule:
        """The schedule of these rates.

        Args:
            purpose: what it is for.
            start: where it starts.
            law: of the direction, from there on.
            rates: `η_eff` of each step.

        Returns:
            The schedule with what it does.
        """
        run = law.run(rates)
        return cls(purpose, start, rates, run.energy, run.squared_gradient, law)

    def __repr__(self) -> str:
        rates, U = self.effective_learning_rate, self.internal_energy
        return listing(
            "OptimalSchedule",
            ("purpose", self.purpose),
            ("steps", f"{rates.size}"),
            ("η_eff", f"{rates[0]:.4g} to {rates[-1]:.4g} /loss"),
            ("T", f"{self.temperature[0]:.4g} to {self.temperature[-1]:.4g} loss"),
            ("U", f"{U[0]:.4g} to {U[-1]:.4g} loss"),
            ("Σ", f"{self.entropy_production:.4g} nat"),
        )

    @property
    def temperature(self) -> np.ndarray:
        """`T = η_eff σ²/2` of the bath in each step, `(steps,)`."""
        return self.effective_learning_rate * float(self.start.noise_scale) ** 2 / 2

    @cached_property
    def entropy_production(self) -> float:
        """Of all steps, `ΔS − Σ_n ΔU_n/T_n` in nats, with `T_n` the temperature that steps of that length settle at.

        It is `η_eff σ²/2` where they are small.
        """
        return self._law.entropy_production(self.effective_learning_rate)

    def fixed_sphere(self) -> FixedSphere:
        """The schedule at the radius of the start.

        Returns:
            `FixedSphere` with a table of effective learning rates.
        """
        return FixedSphere(TabulatedSchedule(self.effective_learning_rate), float(self.start.radius))

    def fixed_effective_learning_rate(self) -> FixedEffectiveLearningRate:
        """The schedule at the weight decay of the start; what the radius does is of no matter to the direction.

        Returns:
            `FixedEffectiveLearningRate` with a table of effective learning rates.
        """
        table = TabulatedSchedule(self.effective_learning_rate)
        return FixedEffectiveLearningRate(table, float(self.start.pressure))

    def fixed_learning_rate(self, hold: str = "weight_decay") -> FixedLearningRate:
        """Learning rate and weight decay of plain SGD for which `η/r²` is this schedule while the radius moves.

        With `q = E|∇L|² + τ`, a step takes the mean of `r²` to `r² [(1 − ηλ)² + η_eff² q]`. Held are, from the start on

        - "weight_decay": `η = η_eff r²`, with `r` from that recursion: the lag of the radius is made up for;
        - "radius": `1 − ηλ = √(1 − η_eff² q)`, so that the radius stays;
        - "learning_rate": `r² = η/η_eff` itself, which the weight decay is made to follow.

        Args:
            hold: what stays as it is in the start.

        Returns:
            `FixedLearningRate` with a table for each that changes.

        Raises:
            ValueError: another name, or a radius that no weight decay ≥ 0 gives.

        Example:
            >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
            >>> from thermo_ideal.thermodynamics.processes import least_dissipation
            >>> start = State(CaloricallyPerfectGas(101), learning_rate=0.1, weight_decay=0.01)
            >>> schedule = least_dissipation(start, to=start.temperature / 2, num_steps=10_000)
            >>> slow = schedule.fixed_learning_rate("learning_rate")
            >>> f"{slow.weight_decay.values[-1]:.4f}"  # T ∝ √(ηλ)
            '0.0025'
        """
        eta, trace = self.effective_learning_rate, 2 * float(self.start.gas_constant * self.start.noise_scale**2)
        noise, squared = eta**2 * (self.squared_gradient + trace), float(self.start.radius) ** 2
        if hold == "weight_decay":
            decay, volumes = float(self.start.pressure), np.empty(eta.size)
            for n in range(eta.size):
                volumes[n] = squared
                squared *= (1 - eta[n] * decay * squared) ** 2 + noise[n]
            return FixedLearningRate(TabulatedSchedule(eta * volumes), decay)
        if hold not in ("radius", "learning_rate"):
            raise ValueError(
                f"hold: got {hold!r}, expected what stays, 'weight_decay', 'radius' or 'learning_rate', as in "
                "schedule.fixed_learning_rate('radius')"
            )
        if not (eta > 0).all():
            raise ValueError(
                f"hold: got {hold!r} for a schedule with η_eff = 0, expected numbers > 0; type "
                "schedule.fixed_learning_rate('weight_decay')"
            )
        rate = float(self.start.learning_rate)
        volumes = np.full(eta.size + 1, squared) if hold == "radius" else rate / np.append(eta, eta[-1])
        kept = volumes[1:] / volumes[:-1] - noise  # (1 − ηλ)²
        good = (kept >= 0) & (kept <= 1)
        if not good.all():
            n = int(np.flatnonzero(~good)[0])
            raise ValueError(
                f"hold: got {hold!r}, which asks for r² to change by a factor {volumes[n + 1] / volumes[n]:.6g} in "
                f"step {n}, expected between {noise[n]:.6g} and {1 + noise[n]:.6g}, as weight decay ≥ 0 can; "
                "type schedule.fixed_learning_rate('weight_decay')"
            )
        rates = eta * volumes[:-1]
        decays = (1 - np.sqrt(kept)) / rates
        table = TabulatedSchedule(rates) if hold == "radius" else rate
        return FixedLearningRate(table, TabulatedSchedule(decays))


def checked_rates(name: str, rates: Any, num_steps: int) -> np.ndarray:
    """A table of effective learning rates, `(steps,)`.

    Args:
        name: of the schedule, for messages.
        rates: a table or a function of the fraction of the run that is done.
        num_steps: how many steps.

    Raises:
        ValueError: another shape, or a number that is negative or not finite.
    """
    require_count("num_steps", num_steps)
    given = rates(np.arange(1, num_steps + 1) / num_steps) + np.zeros(num_steps) if callable(rates) else rates
    table = in_double_precision(as_nonnegative(name, given))
    if table.shape != (num_steps,):
        raise ValueError(
            f"{name}: got shape {table.shape}, expected one effective learning rate for each of {num_steps} steps, or "
            "a function of the fraction of the run, as in cosine(0.1, 0.0)"
        )
    as_positive(f"{name}, its largest", table.max())
    return np.asarray(given, np.float64)
