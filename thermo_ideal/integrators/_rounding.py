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
from math import prod
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermo_ideal.dynamics import SGD, AbstractProtocol
from thermo_ideal.integrators._parameters import constants, with_parameters, with_values
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
    numbers = {name: np.asarray(x) for name, (x, axes) in constants(integrator).items() if axes == 0}
    integrator = with_values(
        integrator, {name: jax.device_put(np.broadcast_to(x, batch)) for name, x in numbers.items()}
    )
    position = jax.device_put(np.broadcast_to(position, (*batch, position.shape[-1])))
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
    d, spacing = position.shape[-1], float(jnp.finfo(position.dtype).eps)
    first = sgd.at(0)
    radius, directions, rounded = _starts(first.protocol, position, first.loss.minimizer)
    rounded = [*map(np.float64, rounded), *([np.asarray(1 - 1 / d)] if len(directions) == 1 else [])]
    trace = _traces(sgd, directions, looked_at)
    times = np.broadcast_to(lengths * dt, (len(looked_at), *position.shape[:-1]))
    radii, last = _radii(sgd, np.asarray(radius, np.float64), trace, looked_at, times)
    rate = _each(_effective_learning_rate, sgd, looked_at, radii)
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


@eqx.filter_jit
def _starts(protocol: AbstractProtocol, position: Array, minimizer: Array | None) -> tuple[Array, list[Array], Any]:
    """The radius of the first step, its direction and where the loss is least, and `1 − Σ w̄_i⁴` there."""
    position = protocol.constrain(position).astype(position.dtype)
    radius = norm(position)
    directions = [position / per_vector(radius, position)]
    if minimizer is not None:
        directions.append(spread(minimizer, position.shape[:-1]))
    return radius, directions, [1 - inner(w**2, w**2) for w in directions]


def _each(
    function: Callable[..., Array], sgd: SGD, looked_at: np.ndarray, *arguments: np.ndarray, shared: Any = ()
) -> np.ndarray:
    """A function of SGD at each of some steps, and of arguments for each and for all of them."""
    # Farther, none are scheduled.
    steps = jax.device_put(np.minimum(looked_at, np.iinfo(np.int32).max).astype(np.int32))
    values = {
        name: jax.vmap(lambda step, own=own: jnp.asarray(own(step), float))(steps)
        for name, own in sgd.schedules.items()
    }
    return np.asarray(
        _vectorized(function, sgd.at(0), values, steps, [*map(jnp.asarray, arguments)], shared), np.float64
    )


@eqx.filter_jit
def _vectorized(
    function: Callable[..., Array],
    sgd: SGD,
    values: dict[str, Array],
    steps: Array,
    arguments: list[Array],
    shared: Any,
) -> Array:
    # The steps themselves are there for functions of SGD without schedules.
    return jax.vmap(lambda _, now, own: function(with_parameters(sgd, now), *own, *shared))(steps, values, arguments)


def _effective_learning_rate(sgd: SGD, radius: Array) -> Array:
    return sgd.protocol.effective_learning_rate_at(radius)


def _draws_of_noise(sgd: SGD, w: Array, normals: Array) -> Array:
    return jax.vmap(lambda normal: sgd.noise.apply(w, normal))(normals)


@eqx.filter_jit
def _radius_drift(protocol: AbstractProtocol, radius: Array, noise_trace: Array) -> Array:
    return protocol.radius_drift(radius, noise_trace)


def _traces(sgd: SGD, directions: Sequence[Array], looked_at: np.ndarray) -> np.ndarray:
    """`Tr Σ_w̄` at each step, the largest at some directions: noise that vanishes at the minimum is no lost step.

    From a draw for each unit normal, or from random ones where there are many, squared in double precision.
    """
    *batch, d = directions[0].shape
    n, numbers = sgd.noise.num_normals(d), prod(batch) * max(d, sgd.noise.num_normals(d))
    exact = n <= _EXACT and n * numbers <= _NUMBERS
    draws = n if exact else max(1, min(_DRAWS, _NUMBERS // numbers))
    normals = jax.device_put(np.eye(n) if exact else np.random.default_rng(0).standard_normal((draws, n)))
    most = max(2, min(_TRACES, _NUMBERS // (draws * numbers))) if sgd.noise.schedules else 1
    coarse = looked_at[:: -(-len(looked_at) // most)]
    drawn = [_each(_draws_of_noise, sgd, coarse, shared=(w, normals)) for w in directions]
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
            rate = [np.asarray(_radius_drift(protocol, *jax.device_put((r, trace[index])))) / r for r in near]
            with np.errstate(over="ignore", invalid="ignore"):
                bend = np.minimum(np.nan_to_num((rate[1] - rate[0]) / _NEAR * time), -_NEAR)
                change = np.nan_to_num(rate[0] * time * np.expm1(bend) / bend)
            radius = np.clip(radius * np.exp(np.clip(change, -_FARTHEST, _FARTHEST)), 1 / farthest, farthest)
    return np.stack(found)[np.searchsorted(coarse, np.arange(len(looked_at)), side="right") - 1], np.asarray(radius)
