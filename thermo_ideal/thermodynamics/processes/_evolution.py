"""The law of a gas that is taken through a schedule, at any speed: of its radius, and of the overlap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal._display import listing
from thermo_ideal.distributions._moving_basis import Frame, MovingBasis
from thermo_ideal.dynamics import AbstractProtocol

POLYNOMIALS = 16
_TOLERANCE = 1e-8
_TIMES = 129  # at which an evolution is kept, in each part without a jump
_INTEGRALS = 4
_FLOOR = 1e-3  # of `1 + g`, in the nodes' flux


@dataclass(frozen=True, repr=False, eq=False)
class Evolution:
    """A gas along a schedule, in the limit of small steps, as functions of time.

    The radius follows `dV/dt = 2ηV(RT/V − λ)`, or the protocol where that fixes it. The law of the direction follows
    its Fokker–Planck equation, `∂ρ/∂t = η_eff ∇·(ρ∇L + T∇ρ)`. With the bath at `T = η_eff σ²/2` and the pressure `λ`,
    heat is `δQ = dU + λ dV`, and what is produced is `Σ = ΔS − ∫δQ/T`, which is also

        Σ = (2/σ²) ∫ [E|∇L + T∇ log ρ|² + 4V²(RT/V − λ)²] dt.

    Both are worked out; how far they are apart is `error`.

    Attributes:
        time: in steps, `(n,)`; a time at which the schedule jumps comes twice.
        temperature: `T`, of the bath.
        effective_temperature: `θ`, at which the gas in equilibrium has the mean loss that this one has.
        volume: `V`.
        internal_energy: the mean loss.
        entropy: `S`, that of the direction and of the radius, in nats.
        work: `∫p dV` from the start on, in units of the loss.
        heat: `ΔU + W`, from the start on.
        entropy_production: `Σ` from the start on, in nats.
        error: of the last of these, in nats.
        relaxation: what the direction would still produce, if the bath stayed as it is, in nats; infinite at `T = 0`.

    Example:
        >>> from thermo_ideal.dynamics import FixedSphere
        >>> from thermo_ideal.thermodynamics import VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import linear, scheduled
        >>> decay = scheduled(VonMisesFisherGas(11), temperature=linear(0.1, 0.02), volume=0.5, noise_scale=1.0)
        >>> evolution = decay.evolve(FixedSphere, duration=100.0)
        >>> f"{evolution.effective_temperature[-1]:.4f} {evolution.entropy_production[-1]:.3f}"
        '0.0277 0.607'

    Source: U. Seifert, Rep. Prog. Phys. 75, 126001 (2012), section 2.
    """

    time: np.ndarray
    temperature: np.ndarray
    effective_temperature: np.ndarray
    volume: np.ndarray
    internal_energy: np.ndarray
    entropy: np.ndarray
    work: np.ndarray
    heat: np.ndarray
    entropy_production: np.ndarray
    error: float
    relaxation: float

    def __repr__(self) -> str:
        return listing(
            "Evolution",
            ("time", f"{self.time[0]:g} to {self.time[-1]:g} steps"),
            ("T", f"{self.temperature[0]:.4g} to {self.temperature[-1]:.4g} loss"),
            ("θ", f"{self.effective_temperature[0]:.4g} to {self.effective_temperature[-1]:.4g} loss"),
            ("V", f"{self.volume[0]:.4g} to {self.volume[-1]:.4g} weight^2"),
            ("U", f"{self.internal_energy[0]:.4g} to {self.internal_energy[-1]:.4g} loss"),
            ("W", f"{self.work[-1]:.4g} loss"),
            ("Q", f"{self.heat[-1]:.4g} loss"),
            ("Σ", f"{self.entropy_production[-1]:.6g} nat (within {self.error:.1g})"),
        )


class Part(NamedTuple):
    """A part of a schedule without a jump.

    Args:
        time: in steps, increasing.
        values: hyperparameters at these times, by name.
    """

    time: np.ndarray
    values: dict[str, np.ndarray]


class Gas(NamedTuple):
    """What evolves.

    Args:
        basis: of the overlap's laws.
        dimension: `d`.
        noise_scale: `σ`.
        protocol: whose hyperparameters are scheduled.
        temperature: `θ` at the start.
        volume: `V` at the start.
    """

    basis: MovingBasis
    dimension: float
    noise_scale: float
    protocol: AbstractProtocol
    temperature: float
    volume: float


def evolve(gas: Gas, parts: list[Part]) -> Evolution:
    """Takes a gas through the parts of a schedule.

    Args:
        gas: at the start.
        parts: one after another.

    Raises:
        ArithmeticError: the law departs so far from equilibrium that polynomials do not follow it.
    """
    rates = _rates(gas.protocol)
    trace = gas.noise_scale**2 * (gas.dimension - 1)
    y = np.zeros(POLYNOMIALS + 1 + _INTEGRALS)
    y[0], y[1] = np.log(gas.volume), np.log(gas.temperature)
    kept = []
    for part in parts:
        motion = _Motion(gas, part, rates, trace)
        y = motion.begun(y)
        times = np.linspace(part.time[0], part.time[-1], _TIMES)
        found = scipy.integrate.solve_ivp(
            motion,
            (part.time[0], part.time[-1]),
            y,
            method="LSODA",
            t_eval=times,
            rtol=_TOLERANCE,
            atol=_TOLERANCE,
            max_step=(part.time[-1] - part.time[0]) / 64,
        )
        if not found.success:
            raise ArithmeticError(
                f"process: the law of the direction was followed up to step {found.t[-1] if found.t.size else 0:g} "
                f"only ({found.message}), expected one that stays near equilibrium; give the process a longer duration"
            )
        y = found.y[:, -1]
        kept += [motion.at(t, state) for t, state in zip(times, found.y.T, strict=True)]
    columns = {name: np.array([row[name] for row in kept]) for name in kept[0]}
    energy, flow, flux = columns["internal_energy"], columns.pop("flow"), columns.pop("flux")
    radial = (gas.dimension - 1) / 2 * np.log(columns["volume"] / columns["volume"][0])
    direction = columns.pop("direction_entropy")
    dissipated = columns.pop("dissipated")
    production = direction - direction[0] - flow + dissipated
    relaxation = _relaxation(gas.basis, columns["temperature"][-1], y[1], energy[-1], direction[-1])
    return Evolution(
        entropy=direction + radial + (gas.dimension - 1) / 2 * np.log(2 * columns["volume"][0]),
        heat=energy - energy[0] + columns["work"],
        entropy_production=production,
        error=float(abs(production[-1] - flux[-1] - dissipated[-1])),
        relaxation=relaxation,
        **columns,
    )


def _relaxation(basis: MovingBasis, T: float, log_theta: float, energy: float, entropy: float) -> float:
    if T == 0:
        return np.inf
    settled = basis.at(float(np.log(T)))
    return float(settled.entropy - entropy - (float(settled.energy) * T - energy) / T)


def _rates(protocol: AbstractProtocol) -> Callable[[dict[str, Any], float], tuple[Any, Any, Any]]:
    """`(η, λ, r*)` of a protocol with these hyperparameters at a radius."""

    @jax.jit
    def rates(values: dict[str, Any], radius: Any, trace: Any) -> tuple[Any, Any, Any]:
        now = protocol.replace(**values)
        return now.learning_rate_at(radius), now.weight_decay_at(radius), now.stationary_radius(trace)

    return rates


class _Motion:
    """The equations of motion: of `log V`, `log θ`, `c_1 …`, and of the integrals of what is exchanged."""

    def __init__(self, gas: Gas, part: Part, rates: Callable[..., Any], trace: float) -> None:
        self._gas, self._trace, self._rates = gas, trace, rates
        self._names = list(part.values)
        table = np.stack(list(part.values.values()), axis=1)
        self._values = scipy.interpolate.PchipInterpolator(part.time, table)
        self._fixed = gas.protocol.fixes_radius
        if self._fixed:
            radius = [float(rates(self._named(t), 1.0, trace)[2]) for t in part.time]
            self._log_volume = scipy.interpolate.PchipInterpolator(part.time, 2 * np.log(radius) - np.log(2.0))
            self._slope = self._log_volume.derivative()

    def _named(self, t: float) -> dict[str, float]:
        return dict(zip(self._names, (float(x) for x in self._values(t)), strict=True))

    def begun(self, y: np.ndarray) -> np.ndarray:
        """The state at the beginning: a radius that the protocol fixes jumps with it, at no cost but its work."""
        y, t = y.copy(), float(self._log_volume.x[0]) if self._fixed else 0.0
        if self._fixed:
            now = float(self._log_volume(t))
            R, T = (self._gas.dimension - 1) / 2, self._bath(t, now)[2]
            y[-2], y[0] = y[-2] + R * T * (now - y[0]), now
        return y

    def at(self, t: float, y: np.ndarray) -> dict[str, float]:
        """What is known of the gas at a time."""
        log_V, _, T, _ = self._bath(t, y[0])
        frame, theta = self._gas.basis.at(y[1]), float(np.exp(y[1]))
        density = np.maximum(frame.values @ np.concatenate([[1.0], y[2 : 1 + POLYNOMIALS]]), _FLOOR)
        divergence = frame.weights @ (density * np.log(density) - density + 1)
        flow, flux, work, dissipated = y[-_INTEGRALS:]
        return {
            "time": t,
            "temperature": T,
            "effective_temperature": theta,
            "volume": float(np.exp(log_V)),
            "internal_energy": float(frame.energy) * theta,
            "direction_entropy": float(frame.entropy - divergence),
            "work": work,
            "flow": flow,
            "flux": flux,
            "dissipated": dissipated,
        }

    def _bath(self, t: float, log_V: float) -> tuple[float, float, float, float]:
        """`log V`, `d log V/dt`, `T` and `λ`."""
        log_V = float(self._log_volume(t)) if self._fixed else log_V
        V = np.exp(log_V)
        eta, decay, _ = (float(x) for x in self._rates(self._named(t), np.sqrt(2 * V), self._trace))
        T = max(eta, 0.0) * self._gas.noise_scale**2 / (4 * V)  # rounding, where the schedule ends in 0
        change = float(self._slope(t)) if self._fixed else eta * (eta * self._trace / (4 * V * V) - 2 * decay)
        return log_V, change, T, decay

    def __call__(self, t: float, y: np.ndarray) -> np.ndarray:
        log_V, change, T, decay = self._bath(t, y[0])
        frame, c = self._gas.basis.at(y[1]), np.concatenate([[1.0], y[2 : 1 + POLYNOMIALS]])
        ratio, sigma2, V = T / np.exp(y[1]), self._gas.noise_scale**2, np.exp(log_V)
        speed = 2 * T / sigma2  # η_eff
        settling = (ratio - 1) * (frame.drift @ c) - ratio * (frame.diffusion @ c)
        turning = frame.motion @ c
        gain = frame.loss[1:] @ settling[1:]
        drift = -gain / (frame.loss[1:] @ turning[1:] + frame.loss_motion[1:] @ c[1:])
        flow = 2 / sigma2 * np.exp(y[1]) * gain  # of dU/T
        flux = 2 / sigma2 * np.exp(y[1]) * self._dissipation(frame, c, ratio)
        dot = np.empty_like(y)
        dot[0], dot[1] = change, speed * drift
        dot[2 : 1 + POLYNOMIALS] = speed * (settling + drift * turning)[1:]
        R = (self._gas.dimension - 1) / 2
        pressure = R * T / V if self._fixed else decay
        dissipated = 0.0 if self._fixed else 8 / sigma2 * (R * T - decay * V) ** 2
        dot[-_INTEGRALS:] = flow, flux, pressure * V * change, dissipated
        return dot

    def _dissipation(self, frame: Frame, c: np.ndarray, ratio: float) -> float:
        """`E D (f′ + T ∂ log ρ)²` over `θ`, of `log ρ = −f/θ + log(1 + g)`."""
        density, slope = frame.values @ c, frame.slopes @ c
        third = frame.weights @ (slope**2 / np.maximum(density, _FLOOR))
        away = 1 - ratio
        # The drift's first column is E D f′ p_n′.
        return away**2 * (frame.steepness @ c) + 2 * ratio * away * (frame.drift[:, 0] @ c) + ratio**2 * third
