"""Thermodynamic processes: paths of equilibrium states, and the schedules of hyperparameters that follow them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import require_count
from thermo_ideal.dynamics import AbstractProtocol, TabulatedSchedule
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind, require_kind
from thermo_ideal.thermodynamics._settled_protocol import settled_protocol
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics._state_display import equations
from thermo_ideal.thermodynamics.processes._finite_time import NODES, WEIGHTS, FiniteTime
from thermo_ideal.thermodynamics.processes._leg import RATES, STATE, Leg, along

_JUMP = 0.01  # a change of log T or log V that is not the integral of its rate of change


@dataclass(frozen=True, repr=False)
class Process(FiniteTime):
    """A path of equilibrium states, made of legs one after another; `+` joins two processes.

    `W = ∫p dV` is the work that the gas does and `Q = ∫T dS` the heat that it takes up, both along equilibrium states:
    the limits for a schedule that is slow against the relaxation times. `protocol` makes the schedule. A schedule that
    jumps has both ends and can be run, but no path: its work, heat and slowness raise ValueError.

    Args:
        legs: made by `isothermal`, `isobaric`, `isochoric`, `isentropic`, `polytropic` and `scheduled`.
        shares: the part of the duration that each leg takes, adding up to 1.

    Example:
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isobaric
        >>> start = State(VonMisesFisherGas(dimension=11), temperature=0.01, pressure=0.1)
        >>> heating = isobaric(start, temperature=0.02)
        >>> heating  # W = RΔT
        Process: isobaric
          from T = 0.01 loss, V = 0.5 weight^2, p = 0.1 loss/weight^2
          to   T = 0.02 loss, V = 1 weight^2, p = 0.1 loss/weight^2
          W = 0.05 loss, Q = 0.09694 loss, ΔU = 0.04694 loss, ΔS = 6.727 nat
        >>> heating.protocol(FixedLearningRate, num_steps=1000).learning_rate.values.shape
        (1000,)
    """

    legs: tuple[Leg, ...]
    shares: tuple[float, ...]

    def __repr__(self) -> str:
        at_rest = [not float(self._evaluated(np.array([s]))["temperature"][0]) for s in (0.0, 1.0)]
        if any(at_rest):
            ends = " and ".join(name for name, rests in zip(("begins", "ends"), at_rest, strict=True) if rests)
            return f"Process: {', '.join(self.kinds)}\n  {ends} at rest, T = 0"
        start, end = self.start, self.end
        shown = "temperature", "volume", "pressure"
        work = "" if self._jump else f"W = {self.work:.4g} loss, Q = {self.heat:.4g} loss, "
        return (
            f"Process: {', '.join(self.kinds)}\n  from {equations(start, *shown)}\n  to   {equations(end, *shown)}\n  "
            f"{work}ΔU = {self.energy_change:.4g} loss, ΔS = {self.entropy_change:.4g} nat"
        )

    def __add__(self, other: Process) -> Process:
        a, b = len(self.legs), len(other.legs)
        end, start = self.end, other.start
        for name in ("temperature", "volume", "noise_scale"):
            if not np.isclose(getattr(end, name), getattr(start, name), rtol=1e-4):
                raise ValueError(
                    f"process: got a second part that starts at {name} = {getattr(start, name):.6g}, expected "
                    f"{getattr(end, name):.6g}, where the first ends, as in first + isochoric(first.end, …)"
                )
        shares = [x * a / (a + b) for x in self.shares] + [x * b / (a + b) for x in other.shares]
        return Process(self.legs + other.legs, tuple(shares))

    def timed(self, *shares: float) -> Process:
        """The same path with other shares of the duration for its legs.

        Args:
            shares: one positive number for each leg; their sum does not matter.

        Raises:
            ValueError: not one positive number for each leg.

        Example:
            Three quarters of the time for the first leg:

            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> from thermo_ideal.thermodynamics.processes import isobaric, isochoric
            >>> heating = isobaric(State(VonMisesFisherGas(11), temperature=0.1, pressure=1.0), temperature=0.2)
            >>> process = heating + isochoric(heating.end, temperature=0.1)
            >>> process.shares, process.timed(3, 1).shares
            ((0.5, 0.5), (0.75, 0.25))
        """
        if len(shares) != len(self.legs) or not all(0 < share < np.inf for share in shares):
            raise ValueError(f"shares: got {shares}, expected {len(self.legs)} numbers > 0, one for each leg")
        return Process(self.legs, tuple(share / sum(shares) for share in shares))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each leg, as in "isothermal"."""
        return tuple(leg.kind for leg in self.legs)

    def state(self, s: ArrayLike) -> State:
        """The states at fractions of the duration.

        Args:
            s: from 0 to 1, any shape.

        Returns:
            A `State` of the shape of the fractions.

        Raises:
            ValueError: a fraction out of its range, or none.
        """
        s = np.asarray(s, np.float64)
        return self._states({name: x.reshape(s.shape) for name, x in self._evaluated(s.reshape(-1)).items()})

    def _states(self, known: Mapping[str, Any]) -> State:
        return State(self.legs[0].gas, **{name: known[name] for name in STATE})

    def _evaluated(self, s: np.ndarray) -> dict[str, Array]:
        """Properties at a vector of fractions of the duration."""
        if not (s.size and ((s >= 0) & (s <= 1)).all()):
            got = f"{s.min():g} to {s.max():g}" if s.size else "none"
            raise ValueError(f"s: got {got}, expected fractions of the duration from 0 to 1")
        ends = np.cumsum(self.shares)
        which = np.minimum(np.searchsorted(ends, s - 1e-12), len(ends) - 1)
        inside = np.clip((s - (ends - self.shares)[which]) / np.asarray(self.shares)[which], 0.0, 1.0)
        parts = [along(leg, inside[which == i]) for i, leg in enumerate(self.legs) if (which == i).any()]
        order = np.argsort(np.argsort(which, kind="stable"))  # of the parts, in that of `s`
        return {name: jnp.concatenate([part[name] for part in parts])[order] for name in parts[0]}

    @property
    def start(self) -> State:
        """The first state."""
        return self.state(0.0)

    @property
    def end(self) -> State:
        """The last state."""
        return self.state(1.0)

    @cached_property
    def _nodes(self) -> list[dict[str, np.ndarray]]:
        """Each leg at the nodes of the quadrature."""
        legs = [{name: np.asarray(x, np.float64) for name, x in along(leg, NODES).items()} for leg in self.legs]
        for leg, found in zip(self.legs, legs, strict=True):
            for name in STATE:
                good = np.isfinite(found[name]) & (found[name] > 0)
                if not good.all():
                    raise ValueError(
                        f"process: got a {leg.kind} leg with {name} = {found[name][~good][0]:.6g} after a fraction of "
                        f"{NODES[~good][0]:.4g}, expected numbers > 0 all along, as in exponential(0.1, 0.01)"
                    )
        return legs

    @cached_property
    def _jump(self) -> str:
        """The kind of the first leg that jumps; empty where none does."""
        for leg, found in zip(self.legs, self._nodes, strict=True):
            ends = along(leg, np.array([0.0, 1.0]))
            changes = {"log_T": np.asarray(ends["temperature"]), "log_V": np.asarray(ends["volume"])}
            # To rest, where both are 0, they fall without a jump.
            changes = {name: np.log(x) for name, x in changes.items() if (x > 0).all()}
            if any(abs(float(np.diff(x)[0]) - WEIGHTS @ found[name]) > _JUMP for name, x in changes.items()):
                return leg.kind
        return ""

    @property
    def _path(self) -> list[dict[str, np.ndarray]]:
        """Each leg at the nodes of the quadrature, where the legs are paths."""
        if self._jump:
            raise ValueError(
                f"process: got a {self._jump} leg that jumps, expected a path of states, as in exponential(0.1, 0.01); "
                "run_process measures the work and heat of a jump"
            )
        return self._nodes

    @cached_property
    def leg_work(self) -> np.ndarray:
        """`∫p dV` of each leg, `(legs,)`, in units of the loss."""
        return np.array([WEIGHTS @ (leg["pressure"] * leg["V"]) for leg in self._path])

    @cached_property
    def leg_heat(self) -> np.ndarray:
        """`∫T dS` of each leg, `(legs,)`, in units of the loss."""
        return np.array([WEIGHTS @ (leg["temperature"] * leg["S"]) for leg in self._path])

    @property
    def work(self) -> float:
        """`W = ∫p dV`, the work that the gas does, in units of the loss."""
        return float(self.leg_work.sum())

    @property
    def heat(self) -> float:
        """`Q = ∫T dS`, the heat that the gas takes up, in units of the loss: `ΔU = Q − W`."""
        return float(self.leg_heat.sum())

    @property
    def energy_change(self) -> float:
        """`ΔU` between both ends, in units of the loss."""
        return float(self.end.internal_energy - self.start.internal_energy)

    @property
    def entropy_change(self) -> float:
        """`ΔS` between both ends, in nats."""
        return float(self.end.entropy - self.start.entropy)

    @property
    def heat_taken(self) -> float:
        """The heat of the legs that take heat up, in units of the loss."""
        return float(np.maximum(self.leg_heat, 0).sum())

    @property
    def efficiency(self) -> float:
        """The work over the heat that is taken up; of a Carnot cycle, `1 − T_cold/T_hot`.

        Raises:
            ValueError: the path is no cycle, since it does not end where it starts, or it takes work up.
        """
        self._require_cycle("efficiency")
        if not self.work > 0:
            raise ValueError(
                f"efficiency: got a cycle that takes up the work {-self.work:.4g}, expected an engine; of a "
                "refrigerator ask for process.coefficient_of_performance"
            )
        return self.work / self.heat_taken

    @property
    def coefficient_of_performance(self) -> float:
        """The heat that a reversed cycle takes up over the work put in; of Carnot's, `T_cold/(T_hot − T_cold)`.

        Raises:
            ValueError: the path is no cycle, or it does work.

        Example:
            >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
            >>> from thermo_ideal.thermodynamics.processes import carnot
            >>> cold = State(CaloricallyPerfectGas(3), temperature=0.1, volume=1.0)
            >>> f"{carnot(cold, volume=2.0, temperature=0.4).coefficient_of_performance:.4f}"
            '0.3333'
        """
        self._require_cycle("coefficient_of_performance")
        if not self.work < 0:
            raise ValueError(
                f"coefficient_of_performance: got a cycle that does the work {self.work:.4g}, expected one that takes "
                "work up; of an engine ask for process.efficiency"
            )
        return self.heat_taken / -self.work

    def _require_cycle(self, what: str) -> None:
        if not (abs(self.entropy_change) < 1e-3 and np.isclose(self.start.volume, self.end.volume, rtol=1e-3)):
            raise ValueError(f"{what}: got a path that does not end where it starts, expected a cycle, as in carnot(…)")

    def protocol(self, kind: ProtocolKind, num_steps: int, *, hold: int = 0) -> AbstractProtocol:
        """The schedule that follows this path: step `n` has the hyperparameters of the fraction `(n + 1)/num_steps`.

        Args:
            kind: a class of protocols, as in `FixedLearningRate`, or a protocol whose static fields are kept.
            num_steps: how many steps the path takes.
            hold: how many steps stay at the end of the path, in which the gas can settle.

        Returns:
            The protocol, whose hyperparameters are schedules of `num_steps + hold` steps.

        Raises:
            ValueError: no protocol, one that does not settle in the states of the path, or numbers that are no counts.

        Example:
            >>> from thermo_ideal.dynamics import FixedSphere
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> from thermo_ideal.thermodynamics.processes import isochoric
            >>> heating = isochoric(State(VonMisesFisherGas(11), temperature=0.1, radius=2.0), temperature=0.2)
            >>> protocol = heating.protocol(FixedSphere, num_steps=100)
            >>> round(float(protocol.at(99).effective_learning_rate), 4), float(protocol.at(99).radius)
            (0.4, 2.0)
        """
        require_kind(kind, f"process.protocol({{}}, num_steps={num_steps})")
        require_count("num_steps", num_steps, minimum=len(self.legs))
        require_count("hold", hold, minimum=0)
        settled = self._settled(kind, np.minimum(np.arange(1, num_steps + hold + 1) / num_steps, 1.0))
        return settled.replace(**{name: TabulatedSchedule(value) for name, value in settled.constants.items()})

    def _settled(self, kind: ProtocolKind, s: np.ndarray) -> AbstractProtocol:
        """The protocols that settle in the states at a vector of fractions of the duration."""
        found = self._evaluated(s)
        moves = np.flatnonzero(found["temperature"] > 0)
        alive = {name: x[moves] for name, x in found.items()}
        settled = settled_protocol(kind, self._states(alive), alive)
        # At a learning rate of 0 there is no state: all else stays as in the last one before, or is as in the first.
        nearest = np.maximum(np.searchsorted(moves, np.arange(s.size), side="right") - 1, 0)
        rests = found["temperature"] == 0
        values = {
            name: jnp.where(rests & (name in RATES), 0.0, value[nearest]) for name, value in settled.constants.items()
        }
        return settled.replace(**values)

    def initial(self, kind: ProtocolKind) -> AbstractProtocol:
        """The protocol whose stationary state is the start of the path.

        Args:
            kind: a class of protocols, as in `FixedLearningRate`, or a protocol whose static fields are kept.

        Raises:
            ValueError: no protocol, or one that does not settle in the start.
        """
        require_kind(kind, "process.initial({})")
        return self.start.protocol(kind)
