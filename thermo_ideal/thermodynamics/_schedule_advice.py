"""Whether the radius of an optimiser follows a schedule of its learning rate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal.dynamics import AbstractProtocol, AbstractUpdateRule
from thermo_ideal.thermodynamics._radius_of_update_rule import growth_rate, radius_relaxation_rate

_POINTS = 2_001
_QUASI_STATIC = 0.1
_SHORTEST = 1 / 256  # of the run, the longest step of the integration, which must not pass over a jump
_RATES = ("learning_rate", "effective_learning_rate")


@dataclass(frozen=True, eq=False, repr=False)
class ScheduleAdvice:
    """A schedule beside what the radius can follow, in the limit of small steps.

    The slowness is `|d log V*/dn|` over the rate at which the radius relaxes, and with a curvature of the loss also
    `|d log T*/dn|` over that of the loss: much less than 1 is quasi-static. The radius itself follows
    `d log r/dn = η_eff²τ/2 − k`.

    Args:
        num_steps: of the run.
        step: `(points,)`.
        learning_rate: at each.
        slowness: at each; NaN where the learning rate is 0.
        stationary_radius: `r*` of each learning rate, in units of that at the optimiser's own.
        radius: as it is, in the same units.
        stationary_temperature: `T` at each `r*`, in units of that at the optimiser's own learning rate.
        temperature: as it is, in the same units.
        relaxation_times: of the radius that the run has; infinite where the radius is fixed.

    Example:
        >>> from thermo_ideal.dynamics import FixedLearningRate, HeavyBall
        >>> from thermo_ideal.thermodynamics import advise
        >>> from thermo_ideal.thermodynamics.processes import cosine
        >>> sgd = FixedLearningRate(0.1, 5e-4), HeavyBall(0.9)
        >>> advise(*sgd, dimension=11e6, schedule=cosine(0.1, 0.0), num_steps=90_000).schedule
        Schedule of 90,000 steps: 90 relaxation times of the radius; quasi-static in 72 % of them
          frozen from step 78,204 on: there r = 1.24 r*, r = 0.561 and T = 0.133 of those at the optimiser's own rate
    """

    num_steps: int
    step: np.ndarray
    learning_rate: np.ndarray
    slowness: np.ndarray
    stationary_radius: np.ndarray
    radius: np.ndarray
    stationary_temperature: np.ndarray
    temperature: np.ndarray
    relaxation_times: float

    @property
    def quasi_static_share(self) -> float:
        """The share of the steps whose slowness is below 0.1, with a radius that has followed: `|log V/V*| < 0.1`."""
        moves = np.isfinite(self.slowness)
        lag = 2 * np.abs(np.log(self.radius[moves] / self.stationary_radius[moves]))
        return float(np.sum((self.slowness[moves] < _QUASI_STATIC) & (lag < _QUASI_STATIC)) / moves.size)

    @property
    def frozen_at(self) -> int | None:
        """The step from which on the slowness is 1 or more up to the end; None where it ends below."""
        follows = np.flatnonzero(self.slowness < 1)
        if not follows.size:
            return 0
        last = int(follows[-1])
        moving = np.flatnonzero(np.isfinite(self.slowness))[-1]
        if last == moving:
            return None
        around = slice(last, last + 2)
        return int(np.interp(0.0, np.log(self.slowness[around]), self.step[around]))

    @property
    def _curves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.radius, self.stationary_radius, self.temperature

    def to_dict(self) -> dict[str, Any]:
        """The summary, without the curves.

        Returns:
            Plain numbers; None for what is infinite.
        """
        last = np.flatnonzero(self.learning_rate > 0)[-1]
        return {
            "num_steps": self.num_steps,
            "relaxation_times": self.relaxation_times if np.isfinite(self.relaxation_times) else None,
            "quasi_static_share": self.quasi_static_share,
            "largest_slowness": float(np.nanmax(self.slowness)),
            "frozen_at": self.frozen_at,
            "last_radius": float(self.radius[last]),
            "last_stationary_radius": float(self.stationary_radius[last]),
            "last_temperature": float(self.temperature[last]),
            "last_stationary_temperature": float(self.stationary_temperature[last]),
        }

    def __repr__(self) -> str:
        held = np.isfinite(self.relaxation_times)
        times = f"{self.relaxation_times:.3g} relaxation times of the radius" if held else "the radius is fixed"
        lines = [
            f"Schedule of {self.num_steps:,} steps: {times}; quasi-static in "
            f"{100 * self.quasi_static_share:.0f} % of them"
        ]
        frozen = self.frozen_at
        where = "at the end" if frozen is None else f"frozen from step {frozen:,} on: there"
        at = self.step[self.learning_rate > 0][-1] if frozen is None else frozen
        radius, settled, heat = (np.interp(at, self.step, x) for x in self._curves)
        lines.append(
            f"{where} r = {radius / settled:.3g} r*, r = {radius:.3g} and T = {heat:.3g} of those at the optimiser's "
            "own rate"
        )
        return "\n  ".join(lines)


def schedule_advice(
    rule: AbstractUpdateRule,
    protocol: AbstractProtocol,
    sigma: float,
    dimension: float,
    schedule: Callable[[Any], Any],
    num_steps: int,
    norm: float | None,
    curvature: float | None,
) -> ScheduleAdvice:
    """Follows the radius through a schedule of the learning rate.

    Args:
        rule: of the steps.
        protocol: with numbers, whose learning rate is replaced.
        sigma: `σ`.
        dimension: `d`.
        schedule: the learning rate at a fraction of the run.
        num_steps: of the run.
        norm: at the start; the stationary one of the protocol if None.
        curvature: of the loss on the unit sphere.

    Raises:
        ValueError: a protocol without a learning rate, or a schedule with values that are none.
    """
    names = [name for name in _RATES if name in protocol.hyperparameters()]
    if not names:
        raise ValueError(
            f"schedule: got one for {type(protocol).__name__}, expected a protocol with a learning rate, as in "
            "FixedLearningRate(0.1, weight_decay=5e-4)"
        )

    def at(rate: Any) -> AbstractProtocol:
        given = {name: jnp.broadcast_to(x, jnp.shape(rate)) for name, x in protocol.constants.items()}
        return protocol.replace(**given | {names[0]: jnp.asarray(rate)})

    s = np.linspace(0.0, 1.0, _POINTS)
    rate = np.broadcast_to(np.asarray(schedule(jnp.asarray(s)), np.float64), s.shape)
    if not (np.isfinite(rate) & (rate >= 0)).all() or not (rate > 0).any():
        raise ValueError(
            f"schedule: got learning rates from {rate.min():.6g} to {rate.max():.6g}, expected numbers ≥ 0, as in "
            "schedule=cosine(0.1, 0.0)"
        )
    own = rule.stationary_radius(protocol, sigma, dimension)
    own_temperature = rule.small_steps(protocol, own, sigma, dimension).effective_learning_rate
    moves = rate > 0
    shape = rate[moves].shape
    full = jnp.full(shape, sigma), jnp.full(shape, float(dimension))
    radius = rule.stationary_radius(at(rate[moves]), *full)
    relaxation = np.asarray(radius_relaxation_rate(rule, at(rate[moves]), radius, *full))
    effective = np.asarray(rule.small_steps(at(rate[moves]), radius, *full).effective_learning_rate)
    steps = s[moves] * num_steps
    slowness = 2 * np.abs(np.gradient(np.log(np.asarray(radius)), steps)) / relaxation
    if curvature is not None:
        slowness = np.maximum(slowness, np.abs(np.gradient(np.log(effective), steps)) / (2 * effective * curvature))

    growth = jax.jit(
        lambda rate, x: growth_rate(rule, at(rate), jnp.exp(x), jnp.asarray(sigma), jnp.asarray(dimension))
    )

    def drift(step: float, log_radius: np.ndarray) -> np.ndarray:
        now = float(schedule(jnp.asarray(min(step / num_steps, 1.0))))
        return np.asarray(growth(now, log_radius[0]))[None]

    path = np.full(s.shape, float(own))
    if not protocol.fixes_radius:
        start = [np.log(float(own) if norm is None else norm)]
        solved = scipy.integrate.solve_ivp(
            drift, (0, num_steps), start, "LSODA", s * num_steps, rtol=1e-6, atol=1e-8, max_step=_SHORTEST * num_steps
        )
        path = np.exp(solved.y[0])
    everywhere = jnp.full(s.shape, sigma), jnp.full(s.shape, float(dimension))
    actual = np.asarray(rule.small_steps(at(rate), jnp.asarray(path), *everywhere).effective_learning_rate)

    def spread(values: Any, fill: float) -> np.ndarray:
        spread = np.full(s.shape, fill)
        spread[moves] = values
        return spread

    return ScheduleAdvice(
        num_steps=num_steps,
        step=s * num_steps,
        learning_rate=rate,
        slowness=spread(slowness, np.nan),
        stationary_radius=spread(np.asarray(radius / own), 0.0),
        radius=path / float(own),
        stationary_temperature=spread(effective / float(own_temperature), 0.0),
        temperature=actual / float(own_temperature),
        relaxation_times=float(np.trapezoid(spread(relaxation, 0.0), s * num_steps)),
    )
