"""The chunked loop: a jitted chunk of steps on the device, streaming statistics on the host."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray
from rich.console import Console

from thermo_ideal._arguments import require_count, require_finite
from thermo_ideal.integrators._euler_maruyama import EulerMaruyama
from thermo_ideal.integrators._moments import Moments
from thermo_ideal.integrators._progress import ProgressBar

# Normals drawn at once: many enough that the draw and the return to Python cost little, few enough for 4 MB.
_NORMALS_PER_CHUNK = 2**20
# Steps in one loop body: on a CPU the loop itself costs as much as a small step.
_UNROLL = 4


@dataclass(frozen=True)
class Trajectory:
    """What is left of a batch of runs. `*batch` is the shape of the batch.

    Args:
        position: the last positions, `(*batch, d)`.
        num_steps: how many steps were made.
        moments: mean and variance over time, after the burn-in, of "loss" `L`, "radius" `r`, "log_radius" `log r`,
            "volume" `r²/2` and, on the fixed sphere, "effective_weight_decay" `(|w'| − r)/(η_eff r³)` with `w'` before
            the rescaling.
        samples: thinned positions, `(samples, *batch, d)`, if they were asked for.
    """

    position: np.ndarray
    num_steps: int
    moments: Mapping[str, Moments]
    samples: np.ndarray | None

    def mean(self, observable: str) -> np.ndarray:
        """Mean over time of an observable, for each run."""
        return self.moments[observable].mean

    def variance(self, observable: str) -> np.ndarray:
        """Variance over time of an observable, for each run."""
        return self.moments[observable].variance


def simulate(
    key: PRNGKeyArray,
    integrator: EulerMaruyama,
    position: Float[ArrayLike, "*batch d"],
    num_steps: int,
    *,
    burn_in: int = 0,
    save: int | None = None,
    stride: int = 1,
    chunk_size: int | None = None,
    progress: ProgressBar | bool = False,
) -> Trajectory:
    """Runs a batch of independent SGD processes.

    Every field of the protocol and of the noise is broadcast against `*batch`, so a grid of hyperparameters with
    replicas is one call. Chunk `i` of the noise is drawn from `fold_in(key, i)`: the same key, batch and chunk size
    give the same result. Memory does not grow with `num_steps`, except for samples that were asked for.

    Args:
        key: a JAX key.
        integrator: the process and its step.
        position: where to start, `(*batch, d)`; on the fixed sphere, rescaled to its radius.
        num_steps: how many steps to make.
        burn_in: how many of them to leave out of moments and samples.
        save: keep the position after every `save`-th step after the burn-in; None keeps none.
        stride: measure every `stride`-th step only. Steps closer than the relaxation time say the same thing twice, and
            measuring costs as much as stepping. Every other number of steps must be a multiple of it.
        chunk_size: steps from one return to Python to the next; chosen by the size of the batch if None.
        progress: True for a progress bar, or one that is shared with other calls.

    Returns:
        A `Trajectory`.

    Raises:
        ValueError: a start that is not finite or is the origin, or numbers of steps that do not fit.
        FloatingPointError: a run left the finite numbers; the message names the run and the step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import EulerMaruyama, simulate
        >>> protocol = FixedEffectiveLearningRate(jnp.array([0.05, 0.1]), weight_decay=0.01)
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), protocol)
        >>> start = jnp.ones((2, 3))
        >>> trajectory = simulate(jax.random.key(0), EulerMaruyama(sgd), start, 4000, burn_in=1000)
        >>> trajectory.mean("radius").round(1)
        array([2.3, 3.2])
    """
    position = jnp.asarray(position, dtype=float)
    _check_multiples(stride, num_steps=num_steps, burn_in=burn_in, save=save, chunk_size=chunk_size)
    _check(position, num_steps, burn_in, integrator.sgd.loss.dimension)
    if save is not None and save > num_steps - burn_in:
        raise ValueError(f"save: got {save}, wanted at most the {num_steps - burn_in} steps after the burn-in")
    *batch, dimension = position.shape
    lanes = int(np.prod(batch))
    size = min(num_steps, chunk_size or _chunk_size(lanes * dimension, stride))

    run = _broadcast(integrator, tuple(batch))
    # On the fixed sphere a start off the sphere would make its first step at another learning rate.
    constrain = jax.vmap(lambda r, w: r.sgd.protocol.constrain(w), in_axes=(_lane_axes(run), -1), out_axes=-1)
    state = constrain(run, position.reshape(lanes, dimension).T)
    moments: dict[str, Moments] = {}
    samples = []
    with _progress(progress, num_steps * lanes) as bar:
        for index, begin in enumerate(range(0, num_steps, size)):
            length = min(size, num_steps - begin)
            skip = min(max(burn_in - begin, 0), length)
            chunk_key = jax.random.fold_in(key, index)
            state, path, chunk = _run_chunk(
                run, chunk_key, state, length // stride, stride, jnp.asarray(skip // stride)
            )
            _require_finite(chunk, begin, length, tuple(batch))
            for name, (mean, squares) in chunk.items():
                count = (length - skip) // stride
                moments[name] = moments.get(name, Moments.empty(lanes)).merge(
                    count, np.asarray(mean), np.asarray(squares)
                )
            if save is not None:
                samples.append(_thin(path, begin // stride, burn_in // stride, save // stride))
            bar.advance(length * lanes)

    return Trajectory(
        position=np.asarray(state).T.reshape(position.shape),
        num_steps=num_steps,
        moments={name: m.reshape(tuple(batch)) for name, m in moments.items()},
        samples=None if save is None else np.moveaxis(np.concatenate(samples), 1, 2).reshape(-1, *batch, dimension),
    )


def _progress(progress: ProgressBar | bool, total: int) -> AbstractContextManager[ProgressBar]:
    """The caller's bar as it is, or one of our own."""
    if isinstance(progress, ProgressBar):
        return nullcontext(progress)
    return ProgressBar("simulating", total, None if progress else Console(quiet=True))


def _check(position: Array, num_steps: int, burn_in: int, dimension: int | None) -> None:
    if position.ndim == 0 or position.shape[-1] < 2:
        raise ValueError(f"position: got shape {position.shape}, wanted (*batch, d) with d ≥ 2")
    if dimension is not None and position.shape[-1] != dimension:
        raise ValueError(f"position: got vectors of {position.shape[-1]} components, wanted {dimension} as in the loss")
    if position.size == 0:
        raise ValueError(f"position: got shape {position.shape}, wanted at least one run")
    require_finite("position", position, "start every run at a finite point")
    if not bool(jnp.all(jnp.sum(position**2, axis=-1) > 0)):
        raise ValueError(
            "position: got the origin, or a point whose squared norm is lost in this precision; start where |w|² > 0"
        )
    if not 0 <= burn_in < num_steps:
        raise ValueError(f"burn_in: got {burn_in}, wanted 0 ≤ burn_in < num_steps = {num_steps}")


def _check_multiples(stride: int, **steps: int | None) -> None:
    require_count("stride", stride)
    for name, value in steps.items():
        least = 0 if name == "burn_in" else stride
        if value is None:
            continue
        require_count(name, value, least=min(least, 1))
        if value < least or value % stride:
            multiple = max(least, round(value / stride) * stride)
            raise ValueError(f"{name}: got {value}, wanted a multiple of stride = {stride}, as in {name}={multiple}")


def _chunk_size(numbers_per_step: int, stride: int) -> int:
    """About as many steps as their normals fit, a power of two of strides, and at least one unrolled body."""
    strides = _NORMALS_PER_CHUNK / (numbers_per_step * stride)
    return stride * int(2 ** max(np.ceil(np.log2(_UNROLL / stride)), np.floor(np.log2(strides)), 0))


def _broadcast(integrator: EulerMaruyama, batch: tuple[int, ...]) -> EulerMaruyama:
    """One number for each run in every field of protocol and noise."""

    def spread(path: Any, leaf: Array) -> Array:
        try:
            return jnp.broadcast_to(leaf, batch).reshape(-1)
        except ValueError as error:
            raise ValueError(
                f"{jax.tree_util.keystr(path).lstrip('.')}: got shape {leaf.shape}, wanted one that broadcasts "
                f"against the batch {batch} of position"
            ) from error

    def where(run: EulerMaruyama) -> Any:
        return run.sgd.protocol, run.sgd.noise

    return eqx.tree_at(where, integrator, jax.tree_util.tree_map_with_path(spread, where(integrator)))


def _lane_axes(run: EulerMaruyama) -> EulerMaruyama:
    """For `jax.vmap`: protocol and noise have a number for each lane, all else is shared."""
    shared = jax.tree.map(lambda _: None, run)
    return eqx.tree_at(
        lambda r: (r.sgd.protocol, r.sgd.noise), shared, replace=(0, 0), is_leaf=lambda node: node is None
    )


@eqx.filter_jit
def _run_chunk(
    run: EulerMaruyama, key: PRNGKeyArray, state: Float[Array, "d lanes"], length: int, stride: int, skip: Array
) -> tuple[Array, Array, dict[str, tuple[Array, Array]]]:
    """`length` strides of all lanes; lanes are the last axis, along which a CPU vectorises."""
    axes = _lane_axes(run)
    step = jax.vmap(lambda r, w, xi: r.step(w, xi), in_axes=(axes, -1, -1), out_axes=-1)

    def body(w: Array, normals: Array) -> tuple[Array, tuple[Array, Array]]:
        for xi in normals:
            before, w = w, step(run, w, xi)
        return w, (before, w)

    normals = jax.random.normal(key, (length, stride, *state.shape), state.dtype)
    state, (before, path) = lax.scan(body, state, normals, unroll=-(-_UNROLL // stride))

    radius = jnp.linalg.norm(path, axis=1)
    values = {
        "loss": jax.vmap(jax.vmap(run.sgd.loss, in_axes=-1))(path / radius[:, None]),
        "radius": radius,
        "log_radius": jnp.log(radius),
        "volume": radius**2 / 2,
    }
    if run.sgd.protocol.rescales:
        pressure = jax.vmap(lambda r, w, xi: r.effective_weight_decay(w, xi), in_axes=(axes, -1, -1))
        values["effective_weight_decay"] = jax.vmap(pressure, in_axes=(None, 0, 0))(run, before, normals[:, -1])
    counted = (jnp.arange(length) >= skip)[:, None]
    count = jnp.maximum(length - skip, 1)
    return state, path, {name: _central_moments(x, counted, count) for name, x in values.items()}


def _central_moments(x: Array, counted: Array, count: Array) -> tuple[Array, Array]:
    """Mean and summed squared departures from it, about the last value so that single precision is enough."""
    departure = jnp.where(counted, x - x[-1:], 0.0)
    mean = jnp.sum(departure, axis=0) / count
    squares = jnp.sum(jnp.where(counted, (departure - mean[None]) ** 2, 0.0), axis=0)
    return x[-1] + mean, squares


def _require_finite(chunk: Mapping[str, tuple[Array, Array]], begin: int, length: int, batch: tuple[int, ...]) -> None:
    finite = [np.isfinite(np.asarray(moment)) for moments in chunk.values() for moment in moments]
    bad = np.flatnonzero(~np.logical_and.reduce(finite))
    if bad.size:
        run = tuple(int(i) for i in np.unravel_index(bad[0], batch))
        raise FloatingPointError(
            f"run {run} left the finite numbers between steps {begin + 1} and {begin + length}; "
            "lower its learning rate or start nearer to its stationary radius"
        )


def _thin(path: Array, begin: int, burn_in: int, save: int) -> np.ndarray:
    """Every `save`-th position after the burn-in; all numbers count strides."""
    first = -(begin - burn_in + 1) % save if begin >= burn_in else burn_in - begin + save - 1
    return np.asarray(path)[first::save].copy()
