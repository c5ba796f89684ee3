"""What a path costs that is gone through in a finite time."""

from __future__ import annotations

import abc
from dataclasses import replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from thermo_ideal._arguments import as_positive
from thermo_ideal.distributions._moving_basis import MovingBasis
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind, require_kind
from thermo_ideal.numerics import gauss_legendre
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics.processes._evolution import POLYNOMIALS, Evolution, Gas, Part, evolve
from thermo_ideal.thermodynamics.processes._leg import BLOCK, Leg, correlation_time

# Of order 8: exact to rounding on smooth legs, and fine enough for schedules with kinks.
NODES, WEIGHTS = gauss_legendre(8, panels=BLOCK // 8)
_SCHEDULE = 2_048  # intervals in which a schedule is looked at
_JUMP = 0.01  # of the largest value: a change within one of them that may be a jump
_NARROW = 1e-6  # fraction of the duration: a change within that is one


def _doubled(leaf: Any) -> Any:
    """In double precision, in which a schedule is smooth."""
    return leaf.astype(np.float64) if hasattr(leaf, "dtype") and np.issubdtype(leaf.dtype, np.floating) else leaf


class FiniteTime(abc.ABC):
    """A path of states that a schedule follows in a number of steps."""

    legs: tuple[Leg, ...]
    shares: tuple[float, ...]

    @property
    @abc.abstractmethod
    def start(self) -> State:
        """The first state."""

    @property
    @abc.abstractmethod
    def _path(self) -> list[dict[str, np.ndarray]]:
        """Each leg at the nodes of the quadrature."""

    @abc.abstractmethod
    def _states(self, known: Any) -> State:
        """States of these properties."""

    @abc.abstractmethod
    def _settled(self, kind: ProtocolKind, s: np.ndarray) -> AbstractProtocol:
        """The protocols that settle in the states at a vector of fractions of the duration."""

    def slowness(self, kind: ProtocolKind, duration: float) -> float:
        """The fastest change of `log T` and `log V` along the path, relative to the rate at which the gas follows.

        Much less than 1 is quasi-static. The direction follows at the rate of its energy, `η_eff` over its correlation
        time; the radius at that of the protocol.

        Args:
            kind: a class of protocols, as in `FixedLearningRate`, or a protocol whose static fields are kept.
            duration: in steps; at a step `dt` other than 1, their number times `dt`.

        Returns:
            A pure number.

        Raises:
            ValueError: no protocol, a gas that does not know its loss, or a path that jumps.

        Example:
            >>> from thermo_ideal.dynamics import FixedLearningRate
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> from thermo_ideal.thermodynamics.processes import isothermal
            >>> cold = State(VonMisesFisherGas(11), temperature=1e-4, volume=1.0)
            >>> compress = isothermal(cold, volume=0.5)  # log 2/(4ηλ) steps
            >>> f"{compress.slowness(FixedLearningRate, duration=1e7):.3f}"
            '0.087'
        """
        require_kind(kind, f"process.slowness({{}}, {duration})")
        as_positive("duration", duration)
        maximum = 0.0
        for leg, share, lag in zip(self._path, self.shares, self._lags, strict=True):
            states = self._states(leg)
            rate = np.asarray(states.radius_relaxation_rate(states.protocol(kind)), np.float64)
            fastest = np.maximum(np.abs(leg["log_T"]) * lag, np.abs(leg["log_V"]) / rate)
            maximum = max(maximum, float(fastest.max() / (share * duration)))
        return maximum

    def evolve(
        self, kind: ProtocolKind, duration: float, *, hold: float = 0.0, start: State | None = None
    ) -> Evolution:
        """Takes the law of the weights through the schedule, without simulation, exact at any speed for small steps.

        The law of the overlap is a Gibbs law times a polynomial, `ρ_θ(1 + Σ c_m p_m)`, with `θ` the temperature at
        which a gas in equilibrium has the same mean loss. A cold law keeps `c = 0` at any speed; `Evolution.error`
        tells how far 16 polynomials are from enough.

        Args:
            kind: a class of protocols, as in `FixedLearningRate`, or a protocol whose static fields are kept.
            duration: in steps; at a step `dt` other than 1, their number times `dt`.
            hold: how long the last hyperparameters are kept after that, in steps.
            start: the equilibrium that it starts from; that at the start of the path if None.

        Returns:
            An `Evolution`: temperatures, volume, energy, entropy, work, heat and entropy production over time.

        Raises:
            ValueError: no protocol, a gas that does not know its loss, or a path that starts at rest without `start`.
            ArithmeticError: the law departs so far from equilibrium that polynomials do not follow it.

        Example:
            A temperature that falls to a tenth at once, at a fixed radius: `θ` follows with the rate `2η_eff`.

            >>> from thermo_ideal.dynamics import FixedSphere
            >>> from thermo_ideal.thermodynamics import VonMisesFisherGas
            >>> from thermo_ideal.thermodynamics.processes import scheduled, step
            >>> quench = scheduled(VonMisesFisherGas(1001), temperature=step(1e-5, 1e-6), volume=0.5, noise_scale=1.0)
            >>> evolution = quench.evolve(FixedSphere, duration=1e6)
            >>> f"{evolution.effective_temperature[-1]:.4g}"  # 1e-6 + 9e-6 exp(−2 · 2e-6 · 5e5)
            '2.218e-06'
        """
        require_kind(kind, f"process.evolve({{}}, {duration})")
        as_positive("duration", duration)
        if not 0 <= hold < np.inf:
            raise ValueError(f"hold: got {hold}, expected a number of steps ≥ 0, as in hold=1000")
        beginning = self._beginning() if start is None else start
        with jax.enable_x64(True):
            path = replace(self, legs=jax.tree.map(_doubled, self.legs))  # type: ignore[type-var]
            parts = path._parts(kind, float(duration))
            if hold:
                last = {name: np.full(2, values[-1]) for name, values in parts[-1].values.items()}
                parts.append(Part(np.array([duration, duration + hold]), last))
            middle = path._settled(kind, np.array([0.5]))
            gas = Gas(
                MovingBasis(self.legs[0].gas.law, POLYNOMIALS),
                float(beginning.dimension),
                float(beginning.noise_scale),
                middle.replace(**{name: values[0] for name, values in parts[0].values.items()}),
                float(beginning.temperature),
                float(beginning.volume),
            )
            return evolve(gas, parts)

    def entropy_production(self, kind: ProtocolKind, duration: float) -> float:
        """The entropy that a schedule of this duration produces, `Σ = ΔS − ∫δQ/T ≥ 0`, in nats.

        The radius and the law of the direction are followed exactly, as by `evolve`. What a jump at the very end would
        produce later is not counted.

        Args:
            kind: a class of protocols, as in `FixedLearningRate`, or a protocol whose static fields are kept.
            duration: in steps; at a step `dt` other than 1, their number times `dt`.

        Returns:
            The entropy production in nats, to 1 % or 1e-6 nats at least.

        Raises:
            ValueError: no protocol, a gas that does not know its loss, or a path that starts at rest.
            ArithmeticError: the law departs so far from equilibrium that polynomials do not follow it.

        Example:
            >>> from thermo_ideal.dynamics import FixedLearningRate
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> from thermo_ideal.thermodynamics.processes import isothermal
            >>> compress = isothermal(State(VonMisesFisherGas(11), temperature=1e-4, volume=1.0), volume=0.5)
            >>> slow, fast = (compress.entropy_production(FixedLearningRate, duration) for duration in (1e7, 1e6))
            >>> f"{slow:.2f} {fast:.2f}"  # at first order in 1/duration 0.60 and 6.01
            '0.57 0.89'

        Source: U. Seifert, Rep. Prog. Phys. 75, 126001 (2012), section 2.
        """
        require_kind(kind, f"process.entropy_production({{}}, {duration})")
        evolution = self.evolve(kind, duration)
        produced = float(evolution.entropy_production[-1])
        if not evolution.error <= 0.01 * abs(produced) + 1e-6:
            raise ArithmeticError(
                f"process: got an entropy production of {produced:.4g} within {evolution.error:.1g} nats, expected a "
                f"law that stays near an equilibrium; evolve({kind.name}, {duration:g}) gives both, and run_process "
                "simulates"
            )
        return produced

    def slow_entropy_production(self, kind: ProtocolKind, duration: float) -> float:
        """The entropy production of a slow schedule, to first order in 1/duration, in nats; see `entropy_production`.

            Σ = ∫ [C_V (d log T/dt)² τ_L/η_eff + (1 − δ) V (d log V/dt)²/(2ηT)] dt

        The first term is that of the direction, with `τ_L` the correlation time of the loss. The second is that of the
        radius, whose entropy production `2ηV(RT/V − λ)²/T` is exact; δ is 1 where the protocol fixes the radius, which
        then does not lag, and 0 otherwise. The square root of `Σ` is proportional to the thermodynamic length of the
        path.

        Args:
            kind: a class of protocols, as in `FixedLearningRate`, or a protocol whose static fields are kept.
            duration: in steps; at a step `dt` other than 1, their number times `dt`.

        Returns:
            The entropy production in nats.

        Raises:
            ValueError: no protocol, a gas that does not know its loss, or a path that jumps.

        Example:
            >>> from thermo_ideal.dynamics import FixedLearningRate
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> from thermo_ideal.thermodynamics.processes import isothermal
            >>> compress = isothermal(State(VonMisesFisherGas(11), temperature=1e-4, volume=1.0), volume=0.5)
            >>> f"{compress.slow_entropy_production(FixedLearningRate, duration=1e7):.3f}"
            '0.601'

        Source: Sivak & Crooks, Phys. Rev. Lett. 108, 190602 (2012).
        """
        require_kind(kind, f"process.entropy_production({{}}, {duration})")
        as_positive("duration", duration)
        total = 0.0
        for leg, share, lag in zip(self._path, self.shares, self._lags, strict=True):
            rate = leg["heat_capacity_volume"] * leg["log_T"] ** 2 * lag
            if not kind.fixes_radius:
                rate = rate + leg["volume"] * leg["log_V"] ** 2 / (2 * leg["learning_rate"] * leg["temperature"])
            total += float(WEIGHTS @ rate) / (share * duration)
        return total

    def _beginning(self) -> State:
        try:
            return self.start
        except ValueError as error:
            raise ValueError(
                "start: got a path that starts at rest, T = 0, expected the equilibrium to start from, as in "
                "process.evolve(kind, duration, start=State(gas, temperature=0.1, volume=1.0))"
            ) from error

    def _parts(self, kind: ProtocolKind, duration: float) -> list[Part]:
        """The schedule between its jumps."""
        s = np.union1d(np.linspace(0.0, 1.0, _SCHEDULE + 1), np.cumsum(self.shares)[:-1])
        for _ in range(64):
            values = self._values(kind, s)
            table = np.stack(list(values.values()))
            changes = np.abs(np.diff(table)) / np.abs(table).max(axis=1, keepdims=True)
            jumps = (changes > _JUMP).any(axis=0)
            wide = jumps & (np.diff(s) > _NARROW)
            if not wide.any():
                break
            s = np.sort(np.concatenate([s, (s[:-1] + s[1:])[wide] / 2]))
        cuts = 1 + np.flatnonzero(jumps)
        parts = []
        for index in np.split(np.arange(s.size), cuts):
            if index.size > 1:
                parts.append(Part(s[index] * duration, {name: x[index] for name, x in values.items()}))
        return parts

    def _values(self, kind: ProtocolKind, s: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.asarray(x, np.float64) for name, x in self._settled(kind, s).constants.items()}

    @cached_property
    def _lags(self) -> list[np.ndarray]:
        """The correlation time of the loss along each leg, in steps."""
        return [correlation_time(self.legs[0].gas, leg) for leg in self._path]
