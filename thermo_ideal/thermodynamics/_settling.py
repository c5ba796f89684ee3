"""How long a run that starts anywhere takes to settle: the mean step of the chain of radius and overlap."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import as_number, as_positive
from thermo_ideal.dynamics import SGD, AbstractZonalLoss
from thermo_ideal.thermodynamics._properties import AbstractState
from thermo_ideal.thermodynamics._settled_protocol import spread_hyperparameters

_ITERATIONS = 20_000
_CHANGE = 0.02  # of log V, and of what grows, in one stretch
_STIFF = 0.3  # relaxation times of the depth in one stretch, unless the depth follows the temperature
_LARGEST = 1e30
_SETTLED = 20.0  # relaxation times of both, after which nothing moves


class Start(NamedTuple):
    """What one run is: its start, its protocol and its loss, as functions on the host."""

    radius: float
    depth: float
    noise_trace: float
    learning_rate: Callable[[float], float]  # at a radius
    weight_decay: Callable[[float], float]
    fixes_radius: bool
    loss: Callable[[float], float]  # at a depth
    slope: Callable[[float], float]


def settling(
    sgd: SGD,
    state: AbstractState,
    rates: tuple[np.ndarray, np.ndarray],
    gaps: np.ndarray,
    radius: ArrayLike | None,
    overlap: ArrayLike | None,
) -> Callable[[np.ndarray, float], np.ndarray]:
    """Steps until mean loss and radius are settled to tolerances of both, for each run of a batch.

    Args:
        sgd: the process, with a loss of the overlap.
        state: where it settles.
        rates: at which radius and direction relax in the end, per step, in the shape of the state.
        gaps: the slowest rates of the direction, per unit of `∫η_eff dt`.
        radius: at the start; that of the state if None.
        overlap: at the start; −1 if None.

    Raises:
        ValueError: a loss that is no function of the overlap, or a start out of its range.
    """
    if not isinstance(sgd.loss, AbstractZonalLoss):
        raise ValueError(
            f"overlap: got a start for {type(sgd.loss).__name__}, expected a loss of the overlap, as in "
            "VonMisesFisherLoss(); leave radius and overlap out"
        )
    loss = sgd.loss
    m = as_number("overlap", -1.0 if overlap is None else overlap, lambda x: abs(x) <= 1, "a number from −1 to 1")
    r = state.radius if radius is None or sgd.protocol.fixes_radius else as_positive("radius", radius)
    shape = np.broadcast_shapes(np.shape(state.temperature), np.shape(r), np.shape(m))
    protocol = spread_hyperparameters(sgd.protocol, shape)
    columns = [
        np.broadcast_to(np.asarray(x, np.float64), shape).ravel()
        for x in (r, 1 - np.asarray(m, np.float64), state.dimension, state.noise_scale, *rates, gaps)
    ]

    def steps(tolerance: np.ndarray, radius_tolerance: float) -> np.ndarray:
        tolerances = np.broadcast_to(tolerance, shape).ravel()
        found = []
        for i, (r0, depth, d, sigma, rate, other, gap) in enumerate(zip(*columns, strict=True)):
            one = protocol.replace(**{name: np.ravel(x)[i] for name, x in protocol.constants.items()})
            start = Start(
                radius=r0,
                depth=depth,
                noise_trace=(d - 1) * sigma**2,
                learning_rate=_on_host(one.learning_rate_at),
                weight_decay=_on_host(one.weight_decay_at),
                fixes_radius=one.fixes_radius,
                loss=_on_host(loss.at_depth),
                slope=_on_host(loss.slope),
            )
            found.append(settling_steps(start, (rate, other), gap, float(tolerances[i]), radius_tolerance))
        return np.array(found).reshape(shape)

    return steps


def _on_host(function: Callable[[Array], Array]) -> Callable[[float], float]:
    return lambda x: float(function(jnp.asarray(x)))


def settling_steps(
    start: Start, rates: tuple[float, float], gap: float, tolerance: float, radius_tolerance: float
) -> float:
    """Steps after which mean loss and radius are as near to their stationary values as wanted.

    `V = r²/2` and the depth `u = 1 − m` follow the mean of one step of the chain,

        V'/V = (1 − ηλ)² + η_eff² (G² + τ),   1 − u' = ((1 − ηλ)(1 − u) + η_eff f′ u(2 − u)) / √(V'/V),

    with `G² = f′² u(2 − u)`, in stretches over which they hardly change. So the temperature is that of the moment, and
    the direction waits for the radius. What the mean step does not know is how the law of the direction spreads: since
    half of the way to its stationary loss the direction has the time `∫η_eff dt` that its slowest mode takes.

    Args:
        start: the run.
        rates: at which radius and direction relax in the end, per step.
        gap: the slowest rate of the direction, per unit of `∫η_eff dt`.
        tolerance: of the mean loss.
        radius_tolerance: of the radius; infinite if it does not matter.

    Raises:
        ValueError: a start from which the radius grows without a bound.
    """
    steps, volume, depth, effective = _path(start, rates)
    loss = np.array([start.loss(u) for u in depth])
    off = np.abs(loss - loss[-1])
    late = np.abs(np.sqrt(2 * volume) - np.sqrt(2 * volume[-1])) > radius_tolerance
    settled = steps[_after(late | (off > tolerance / 2))]
    half = _after(off > off.max() / 2)
    with np.errstate(divide="ignore"):
        wanted = np.log(max(4 * off.max() / tolerance, 1.0)) / np.float64(gap)
    rotation = effective[half:] - effective[half]
    if rotation[-1] >= wanted:
        relaxed = float(np.interp(wanted, rotation, steps[half:]))
    else:
        relaxed = steps[-1] + (wanted - rotation[-1]) * gap / rates[1]
    return max(float(settled), relaxed)


def _after(late: np.ndarray) -> int:
    """The first point from which on nothing is late."""
    return min(int(np.flatnonzero(late)[-1]) + 1, late.size - 1) if late.any() else 0


def _path(start: Start, rates: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps, volume, depth and `∫η_eff dt`, each stretch of the path."""
    volume, depth = start.radius**2 / 2, start.depth
    n, rotation, still = 0.0, 0.0, 0.0
    path = [(n, volume, depth, rotation)]
    slowest = min(rate for rate in rates if rate > 0)
    for _ in range(_ITERATIONS):
        growth, change, effective = _mean_step(start, volume, depth)
        small = 1e-4 * min(depth, 2 - depth) + 1e-12
        decay = (change - _mean_step(start, volume, depth + small)[1]) / small  # > 0 where the depth is stable
        stretch = min(_CHANGE / max(abs(growth), 1e-300), _CHANGE * 5 / slowest)
        if decay < 0:
            stretch = min(stretch, _CHANGE * 5 / -decay)
        elif decay > 0 and abs(change) > 0.05 * decay * depth:
            stretch = min(stretch, _STIFF / decay)
        stretch = max(stretch, 1.0)
        x = decay * stretch
        along = stretch if stretch == 1.0 or abs(x) < 1e-9 else float(-np.expm1(-x)) / decay
        depth = float(np.clip(depth + change * along, 1e-300, 2.0))
        volume *= float(np.exp(growth * stretch))
        if not 0 < volume < _LARGEST:
            raise ValueError(
                f"radius: got {start.radius:.6g}, from where the radius goes to {np.sqrt(2 * volume):.3g} in {n:.0f} "
                f"steps, expected one from where it settles: a learning rate times the weight decay of "
                f"{start.learning_rate(start.radius) * start.weight_decay(start.radius):.3g} at the start is too much; "
                "lower one of them, or start nearer to the stationary radius"
            )
        n, rotation = n + stretch, rotation + effective * stretch
        path.append((n, volume, depth, rotation))
        moving = abs(growth) > 1e-3 * slowest or abs(change) > 1e-3 * slowest * depth
        still = 0.0 if moving else still + stretch * slowest
        if still > _SETTLED / 2:
            break
    return tuple(np.array(column) for column in zip(*path, strict=True))  # type: ignore[return-value]


def _mean_step(start: Start, volume: float, depth: float) -> tuple[float, float, float]:
    """The change of `log V` and of the depth in one step, and the effective learning rate."""
    radius = np.sqrt(2 * volume)
    rate, decay = start.learning_rate(radius), start.weight_decay(radius)
    effective, kept = rate / (2 * volume), 1 - rate * decay
    slope, across = start.slope(depth), depth * (2 - depth)
    ratio = kept**2 + effective**2 * (slope**2 * across + start.noise_trace)
    # 1 − m' without the cancellation: (√ratio − kept m − η f′ s²)/√ratio.
    root = np.sqrt(ratio)
    beyond = (ratio - kept**2) / (root + kept) if kept > 0 else root - kept
    apart = beyond + kept * depth - effective * slope * across
    growth = 0.0 if start.fixes_radius else np.log(ratio)
    return float(growth), float(apart / root - depth), float(effective)
