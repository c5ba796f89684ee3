"""Whether the steps of a run are large enough for the precision of its weights, along all of its schedule.

Each step rounds the weights a few times. Where it is not much larger than their last place, rounding adds to what the
noise does, as a noise of its own, and below the last place the step is lost. The tangent part of that noise has the
variance `ρ² = c ε² (1 − Σ w̄_i⁴)` in units of the radius, with `ε` the relative spacing of numbers: it vanishes on an
axis of the coordinates, where all tangent components are small. A step has the variance `s² = η_eff² Tr Σ_w̄ dt`, and
`ρ²/s²` is the relative error of the temperature.

A schedule may end at 0, as a cosine does: its last steps are lost and nothing is missed, since they would have done
nothing. So the errors of steps are averaged over the memory of the gas, which forgets at the rate `η_eff`:
`b' = b + η_eff dt (min(ρ²/s², 1) − b)`, compared with what a constant error would make of it by the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermo_ideal.dynamics import SGD
from thermo_ideal.integrators._parameters import constants, with_values
from thermo_ideal.numerics import inner, norm, per_vector, spread

_LARGEST_ERROR = 2e-3  # of the temperature
# Three roundings a step of `ulp²/12`, averaged over mantissas: `∫ 4^{−y} dy = 3/(4 log 4)` for `ulp = ε 2^{−y} |w|`.
_ROUNDING = 3 * 3 / (4 * np.log(4)) / 12
_EXACT, _DRAWS = 64, 8  # up to so many normals a trace is exact; beyond, so many draws estimate it
_NUMBERS = 2**22  # that are in memory together
_LOOKED_AT = {False: 64, True: 1024}  # steps, spread over the run, without schedules and with them
_TRACES, _RADII = 64, 64  # of these, at which a noise with schedules is asked, and the radius is followed
_NEAR, _FARTHEST = 1e-2, 5.0  # differences of `log r`: for a derivative, and at most from one of these to the next


class _Steps(NamedTuple):
    """What matters of some steps of a batch, `(steps, *batch)` each.

    Args:
        radius: `r`, as expected, after the last one too.
        size: `s (d/(d − 1))^{1/2}`, in units of a typical weight.
        error: `ρ²/s²`, at most 1; 0 for a step that does nothing.
        forgets: `η_eff dt`.
    """

    radius: np.ndarray
    size: np.ndarray
    error: np.ndarray
    forgets: np.ndarray


def require_steps_that_count(
    integrator: Any, position: Float[Array, "*batch d"], num_steps: int
) -> tuple[float, float]:
    """Raises ValueError where rounding would make the temperature wrong.

    Args:
        integrator: of whole vectors, with its schedules.
        position: where it starts.
        num_steps: of the run.

    Returns:
        The smallest and the largest radius that the runs are expected to have.
    """
    dtype, batch = position.dtype, jnp.broadcast_shapes(position.shape[:-1], integrator.at(0).batch_shape)
    # Arrays of one shape: a user's parameters may be numbers of Python, whose quotients raise where those of arrays are
    # infinite.
    numbers = {name: jnp.asarray(x) for name, (x, axes) in constants(integrator).items() if axes == 0}
    integrator = with_values(integrator, {name: jnp.broadcast_to(x, batch) for name, x in numbers.items()})
    position = integrator.at(0).sgd.protocol.constrain(spread(position, batch)).astype(dtype)
    most = max(8, min(_LOOKED_AT[bool(integrator.sgd.schedules)], _NUMBERS // prod(batch)))
    looked_at = np.unique(np.linspace(0, num_steps - 1, most).astype(np.int64))
    lengths = np.diff(looked_at, append=num_steps).reshape(-1, *(1,) * len(batch))
    steps = _steps(integrator.sgd, np.asarray(integrator.dt), position, looked_at, lengths)
    forgets = steps.forgets * lengths
    wrong = ~(_remembered(steps.error, forgets) <= _LARGEST_ERROR * -np.expm1(-forgets.sum(axis=0)))
    if not wrong.any():
        return float(steps.radius.min()), float(steps.radius.max())
    index = np.unravel_index(wrong.argmax(), wrong.shape)
    size, spacing = float(steps.size[index]), float(jnp.finfo(position.dtype).eps)
    run = f"run {tuple(int(i) for i in index[1:])}, " if batch else ""
    raise ValueError(
        f"sgd: got steps of {size:.2g} of a weight, {'below' if size < spacing else 'near'} the last place of "
        f"{position.dtype} ({run}step {looked_at[index[0]]}), where rounding makes {float(steps.error[index]):.1%} of "
        "the temperature, expected larger ones; raise the effective learning rate, use float64, or "
        "ZonalEulerMaruyama, which loses none"
    )


def _remembered(error: np.ndarray, forgets: np.ndarray) -> np.ndarray:
    """`b` after each step."""
    b, found = np.zeros(error.shape[1:]), np.empty(error.shape)
    for i, (own, kept) in enumerate(zip(error, np.exp(-forgets), strict=True)):
        b = found[i] = own + (b - own) * kept
    return found


def _steps(sgd: SGD, dt: np.ndarray, position: Array, looked_at: np.ndarray, lengths: np.ndarray) -> _Steps:
    """Steps at the directions where a run is: where it starts, and where its loss is least, or anywhere."""
    d, radius = position.shape[-1], norm(position)
    spacing = float(jnp.finfo(position.dtype).eps)
    directions, rounded = [position / per_vector(radius, position)], [np.asarray(1 - 1 / d)]
    minimizer = sgd.at(0).loss.minimizer
    if minimizer is not None:
        directions.append(spread(minimizer, position.shape[:-1]))
        rounded = []
    rounded += [np.asarray(1 - inner(w**2, w**2), np.float64) for w in directions]
    trace = _traces(sgd, directions, looked_at)
    times = np.broadcast_to(lengths * dt, (len(looked_at), *position.shape[:-1]))
    radii, last = _radii(sgd, np.asarray(radius, np.float64), trace, looked_at, times)
    rate = _each(sgd, looked_at, lambda now, r: now.protocol.effective_learning_rate_at(r), radii)
    square = rate**2 * trace * dt
    size = np.sqrt(square * d / (d - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.minimum(_ROUNDING * spacing**2 * np.max(np.broadcast_arrays(*rounded), axis=0) / square, 1.0)
    return _Steps(
        np.concatenate([radii, last[None]]),
        size,
        np.where(rate > 0, np.where(size < spacing, 1.0, error), 0.0),
        rate * dt,
    )


def _each(sgd: SGD, looked_at: np.ndarray, function: Callable[..., Array], *arguments: np.ndarray) -> np.ndarray:
    """A function of SGD at each of some steps."""
    steps = jnp.asarray(np.minimum(looked_at, np.iinfo(np.int32).max).astype(np.int32))  # farther, none are scheduled
    found = jax.vmap(lambda step, *own: function(sgd.at(step), *own))(steps, *map(jnp.asarray, arguments))
    return np.asarray(found, np.float64)


def _traces(sgd: SGD, directions: Sequence[Array], looked_at: np.ndarray) -> np.ndarray:
    """`Tr Σ_w̄` at each step, the largest at some directions: noise that vanishes at the minimum is no lost step.

    From a draw for each unit normal, or from random ones where there are many, squared in double precision.
    """
    *batch, d = directions[0].shape
    n, numbers = sgd.noise.num_normals(d), prod(batch) * max(d, sgd.noise.num_normals(d))
    exact = n <= _EXACT and n * numbers <= _NUMBERS
    draws = n if exact else max(1, min(_DRAWS, _NUMBERS // numbers))
    normals = jnp.eye(n) if exact else jax.random.normal(jax.random.key(0), (draws, n))
    most = max(2, min(_TRACES, _NUMBERS // (draws * numbers))) if sgd.noise.schedules else 1
    coarse = looked_at[:: -(-len(looked_at) // most)]

    def draw(now: SGD, w: Array) -> Array:
        return jax.vmap(lambda normal: now.noise.apply(w, normal))(normals)

    drawn = [_each(sgd, coarse, partial(draw, w=w)) for w in directions]
    found = np.max([(x**2).sum(axis=(1, -1)) for x in drawn], axis=0) / (1 if exact else draws)
    return np.asarray(found[np.searchsorted(coarse, looked_at, side="right") - 1])


def _radii(
    sgd: SGD, start: np.ndarray, trace: np.ndarray, looked_at: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The radius at each step and after them all, by the exponential Euler method on `log r`.

    Of a run that diverges it stays where squares are numbers.
    """
    farthest = float(jnp.finfo(jnp.result_type(float)).max) ** 0.5
    coarse = np.arange(len(looked_at))[:: -(-len(looked_at) // _RADII)]
    radius, found = start, []
    for index, time in zip(coarse, np.add.reduceat(times, coarse), strict=True):
        protocol = sgd.at(looked_at[index]).protocol
        if protocol.fixes_radius:
            radius = np.broadcast_to(np.asarray(protocol.stationary_radius(trace[index]), np.float64), start.shape)
        found.append(radius)
        if not protocol.fixes_radius:
            near = [radius, radius * np.exp(_NEAR)]
            rate = [np.asarray(protocol.radius_drift(jnp.asarray(r), jnp.asarray(trace[index]))) / r for r in near]
            with np.errstate(over="ignore", invalid="ignore"):
                bend = np.minimum(np.nan_to_num((rate[1] - rate[0]) / _NEAR * time), -_NEAR)
                change = np.nan_to_num(rate[0] * time * np.expm1(bend) / bend)
            radius = np.clip(radius * np.exp(np.clip(change, -_FARTHEST, _FARTHEST)), 1 / farthest, farthest)
    return np.stack(found)[np.searchsorted(coarse, np.arange(len(looked_at)), side="right") - 1], np.asarray(radius)
