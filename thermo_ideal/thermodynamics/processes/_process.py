"""Thermodynamic processes: paths of equilibrium states, and the schedules of hyperparameters that follow them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import require_count
from thermo_ideal.distributions import zonal_relaxation
from thermo_ideal.dynamics import AbstractProtocol, TabulatedSchedule
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.numerics import gauss_legendre
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._state import State

# To rounding on the smooth legs, and fine enough for schedules with kinks.
_PANELS, _ORDER = 64, 8
_NODES, _WEIGHTS = gauss_legendre(_ORDER, panels=_PANELS)
# Relaxation times are looked up where they are smooth functions of the temperature.
_TEMPERATURES = 17
# Fractions that a leg is evaluated at in one call: it is compiled once, whatever the length of a schedule.
_BLOCK = _PANELS * _ORDER
_GIVING = ("temperature", "volume", "noise_scale")  # a state
_HYPERPARAMETERS = ("learning_rate", "effective_learning_rate", "weight_decay", "radius")
_JUMP = 0.01  # of log T or log V, that the rates of change do not add up to


class Leg(eqx.Module):
    """A stretch of a process: two properties as functions of the fraction of it that is done."""

    kind: str = eqx.field(static=True)
    gas: AbstractHelmholtzEnergy
    noise_scale: Array
    properties: dict[str, Callable[[Array], Array]]

    def state(self, s: Array) -> State:
        given = {name: jnp.broadcast_to(f(s), s.shape) for name, f in self.properties.items()}
        return State(self.gas, noise_scale=jnp.broadcast_to(self.noise_scale, s.shape), **given)


@eqx.filter_jit
def _block(leg: Leg, s: Array) -> dict[str, Array]:
    """What is known along a leg, and the rates of change of `S`, `V`, `log T` and `log V`."""

    def path(s: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        state = leg.state(s)
        moving = {"S": state.entropy, "V": state.volume}
        moving |= {"log_T": jnp.log(state.temperature), "log_V": jnp.log(state.volume)}
        names = (*_GIVING, "pressure", "heat_capacity_volume", *_HYPERPARAMETERS)
        return moving, {name: getattr(state, name) for name in names}

    _, slopes, known = jax.jvp(path, (s,), (jnp.ones_like(s),), has_aux=True)
    return slopes | known


def _along(leg: Leg, s: np.ndarray) -> dict[str, Array]:
    """The same at a vector of fractions of the leg, of any length but 0."""
    padded = np.pad(s, (0, -len(s) % _BLOCK), mode="edge").reshape(-1, _BLOCK)
    blocks = [_block(leg, jnp.asarray(block, leg.noise_scale.dtype)) for block in padded]
    return {name: jnp.concatenate([block[name] for block in blocks])[: len(s)] for name in blocks[0]}


@dataclass(frozen=True)
class Process:
    """A path of equilibrium states, made of legs one after another; `+` joins two.

    Work is what the gas does, `W = ∫p dV`, heat what it takes up, `Q = ∫T dS`, both along equilibrium states: what a
    schedule does that is slow against the relaxation times. `protocol` makes the schedule. A schedule that jumps has
    both ends and can be run, but no path: its work, heat and slowness raise ValueError.

    Args:
        legs: made by `isothermal`, `isobaric`, `isochoric`, `isentropic`, `polytropic` and `scheduled`.
        shares: the part of the duration that each leg takes, adding up to 1.

    Example:
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isobaric
        >>> start = State(VonMisesFisherGas(dimension=11), temperature=0.01, pressure=0.1)
        >>> heating = isobaric(start, temperature=0.02)
        >>> f"W = {heating.work:.4f}, Q = {heating.heat:.4f}, ΔU = {heating.energy_change:.4f}"  # W = RΔT
        'W = 0.0500, Q = 0.0969, ΔU = 0.0469'
        >>> heating.protocol("fixed-lr", num_steps=1000).learning_rate.values.shape
        (1000,)
    """

    legs: tuple[Leg, ...]
    shares: tuple[float, ...]

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
        """
        if len(shares) != len(self.legs) or not all(share > 0 for share in shares):
            raise ValueError(f"shares: got {shares}, expected {len(self.legs)} numbers > 0, one for each leg")
        return Process(self.legs, tuple(share / sum(shares) for share in shares))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each leg, in words."""
        return tuple(leg.kind for leg in self.legs)

    def state(self, s: ArrayLike) -> State:
        """The states at fractions of the duration.

        Args:
            s: from 0 to 1, any shape.

        Raises:
            ValueError: a fraction out of its range, or none.
        """
        s = np.asarray(s, np.float64)
        return self._states({name: x.reshape(s.shape) for name, x in self._evaluated(s.reshape(-1)).items()})

    def _states(self, known: Mapping[str, ArrayLike]) -> State:
        return State(self.legs[0].gas, **{name: known[name] for name in _GIVING})

    def _evaluated(self, s: np.ndarray) -> dict[str, Array]:
        """What is known at a vector of fractions of the duration."""
        if not (s.size and ((s >= 0) & (s <= 1)).all()):
            got = f"{s.min():g} to {s.max():g}" if s.size else "none"
            raise ValueError(f"s: got {got}, expected fractions of the duration from 0 to 1")
        ends = np.cumsum(self.shares)
        which = np.minimum(np.searchsorted(ends, s - 1e-12), len(ends) - 1)
        inside = np.clip((s - (ends - self.shares)[which]) / np.asarray(self.shares)[which], 0.0, 1.0)
        parts = [_along(leg, inside[which == i]) for i, leg in enumerate(self.legs) if (which == i).any()]
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
    def _path(self) -> list[dict[str, np.ndarray]]:
        """Each leg at the nodes of the quadrature."""
        path = []
        for leg in self.legs:
            found = {name: np.asarray(x, np.float64) for name, x in _along(leg, _NODES).items()}
            ends = _along(leg, np.array([0.0, 1.0]))
            gaps = {"log_T": np.log(ends["temperature"]), "log_V": np.log(ends["volume"])}
            if any(abs(float(np.diff(x)[0]) - _WEIGHTS @ found[name]) > _JUMP for name, x in gaps.items()):
                raise ValueError(
                    f"process: got a {leg.kind} leg that jumps, expected a path of states, as in "
                    f"exponential(0.1, 0.01); "
                    "what a jump does, run_process measures"
                )
            path.append(found)
        return path

    @cached_property
    def leg_work(self) -> np.ndarray:
        """`∫p dV` of each leg."""
        return np.array([_WEIGHTS @ (leg["pressure"] * leg["V"]) for leg in self._path])

    @cached_property
    def leg_heat(self) -> np.ndarray:
        """`∫T dS` of each leg."""
        return np.array([_WEIGHTS @ (leg["temperature"] * leg["S"]) for leg in self._path])

    @property
    def work(self) -> float:
        """`W = ∫p dV`, what the gas does."""
        return float(self.leg_work.sum())

    @property
    def heat(self) -> float:
        """`Q = ∫T dS`, what it takes up: `ΔU = Q − W`."""
        return float(self.leg_heat.sum())

    @property
    def energy_change(self) -> float:
        """`ΔU`."""
        return float(self.end.internal_energy - self.start.internal_energy)

    @property
    def entropy_change(self) -> float:
        """`ΔS`."""
        return float(self.end.entropy - self.start.entropy)

    @property
    def heat_taken(self) -> float:
        """The heat of the legs that take it up."""
        return float(np.maximum(self.leg_heat, 0).sum())

    @property
    def efficiency(self) -> float:
        """`W` over the heat that is taken up; of a Carnot cycle, `1 − T_cold/T_hot`.

        Raises:
            ValueError: the path does not close, so that it could be repeated.
        """
        if not (abs(self.entropy_change) < 1e-3 and np.isclose(self.start.volume, self.end.volume, rtol=1e-3)):
            raise ValueError(
                "efficiency: got a path that does not end where it starts, expected a cycle, as in carnot(…)"
            )
        return self.work / self.heat_taken

    def protocol(self, name: str, num_steps: int, *, hold: int = 0) -> AbstractProtocol:
        """The schedule that follows this path: step `n` has the hyperparameters of the fraction `(n + 1)/num_steps`.

        Args:
            name: "fixed-lr", "fixed-elr" or "fixed-sphere".
            num_steps: how many steps the path takes.
            hold: steps that stay at its end, in which the last of it is made up for.

        Raises:
            ValueError: an unknown protocol, or numbers that are no counts.
        """
        kind = protocol_class(name)
        require_count("num_steps", num_steps, least=len(self.legs))
        require_count("hold", hold, least=0)
        found = self._evaluated(np.minimum(np.arange(1, num_steps + hold + 1) / num_steps, 1.0))
        return kind(**{field: TabulatedSchedule(found[field]) for field in kind.hyperparameters()})

    def initial(self, name: str) -> AbstractProtocol:
        """The protocol whose stationary state the path starts in.

        Args:
            name: "fixed-lr", "fixed-elr" or "fixed-sphere".
        """
        return self.start.protocol(name)

    def slowness(self, name: str, duration: float) -> float:
        """The fastest change of `log T` and `log V` along the path, against the rate at which they follow.

        Much less than 1 is quasi-static. The direction follows at the rate of its energy, `η_eff` over its correlation
        time; the radius at that of the protocol.

        Args:
            name: "fixed-lr", "fixed-elr" or "fixed-sphere".
            duration: in steps; at a step `dt` other than 1, their number times `dt`.
        """
        worst = 0.0
        for leg, share, lag in zip(self._path, self.shares, self._lags, strict=True):
            pull = np.asarray(self._states(leg).radius_relaxation_rate(name), np.float64)
            fastest = np.maximum(np.abs(leg["log_T"]) * lag, np.abs(leg["log_V"]) / pull)
            worst = max(worst, float(fastest.max() / (share * duration)))
        return worst

    def entropy_production(self, name: str, duration: float) -> float:
        """What a schedule of this duration dissipates, to first order in 1/duration, in nats.

            Σ = ∫ [C_V (d log T/dt)² τ_L/η_eff + (1 − δ) V (d log V/dt)²/(2ηT)] dt

        The first term is the direction's, with `τ_L` the correlation time of the loss; the second the radius's, whose
        entropy production `2ηV(RT/V − λ)²/T` is exact (δ = 1 on the fixed sphere, where nothing of it lags). Their
        square root is a length: the thermodynamic one.

        Args:
            name: "fixed-lr", "fixed-elr" or "fixed-sphere".
            duration: in steps; at a step `dt` other than 1, their number times `dt`.

        Source: Sivak & Crooks, Phys. Rev. Lett. 108, 190602 (2012).
        """
        total = 0.0
        for leg, share, lag in zip(self._path, self.shares, self._lags, strict=True):
            rate = leg["heat_capacity_volume"] * leg["log_T"] ** 2 * lag
            if not protocol_class(name).fixes_radius:
                rate = rate + leg["volume"] * leg["log_V"] ** 2 / (2 * leg["learning_rate"] * leg["temperature"])
            total += float(_WEIGHTS @ rate) / (share * duration)
        return total

    @cached_property
    def _lags(self) -> list[np.ndarray]:
        """The correlation time of the loss along each leg, in steps."""
        gas, found = self.legs[0].gas, []
        for leg in self._path:
            T = np.log(leg["temperature"])
            low, high = T.min(), T.max()
            nodes = np.linspace(low, high, _TEMPERATURES if high - low > 1e-9 else 1)
            times = [zonal_relaxation(gas.law(float(np.exp(x)))).energy_time for x in nodes]
            found.append(np.interp(T, nodes, times) / leg["effective_learning_rate"])
        return found
