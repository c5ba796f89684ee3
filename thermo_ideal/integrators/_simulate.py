"""The loop over chunks: a chunk of steps on the devices, streaming statistics and everything else on the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray
from rich.console import Console

from thermo_ideal._files import require_free
from thermo_ideal.dynamics import VonMisesFisherLoss
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._chunk import Layout, run_chunk
from thermo_ideal.integrators._histogram import DepthHistogram
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.integrators._request import Request
from thermo_ideal.integrators._streaming_moments import BLOCK, Covariance, Moments
from thermo_ideal.integrators._trajectory import Checkpoint, Save, Trajectory

_SECONDS_BETWEEN_CHECKPOINTS = 60.0


def simulate(
    key: PRNGKeyArray,
    integrator: AbstractIntegrator,
    position: Float[ArrayLike, "*batch p"],
    num_steps: int,
    *,
    burn_in: int = 0,
    stride: int = 1,
    save: Save | int | None = None,
    stop: Callable[[Trajectory], bool] | None = None,
    resume: Trajectory | None = None,
    checkpoint: str | Path | None = None,
    devices: Sequence[jax.Device] | None = None,
    chunk_size: int | None = None,
    progress: ProgressBar | bool = False,
) -> Trajectory:
    """Runs a batch of independent SGD processes.

    Every field of the protocol, and the scale of the noise, is broadcast against `*batch`, so a grid of hyperparameters
    with replicas is one call. Random numbers are drawn from `fold_in`s of the key: the same key, arguments and kind of
    device give the same result, bit for bit, however many devices there are and however often the run is interrupted
    and resumed. Memory does not grow with `num_steps`, except for samples that were asked for.

    Args:
        key: a JAX key.
        integrator: the process and its step.
        position: where to start, `(*batch, p)`; on the fixed sphere, rescaled to its radius.
        num_steps: how many steps to make.
        burn_in: how many of them to leave out of statistics and samples.
        stride: measure every `stride`-th step only. Steps closer than the relaxation time say the same thing twice, and
            measuring costs as much as stepping. Every other number of steps must be a multiple of it.
        save: what to keep besides moments, a `Save`; a number is short for `Save(positions=number)`.
        stop: asked with the trajectory so far after every chunk past the burn-in; True ends the run there.
        resume: a trajectory to go on from, made by the same call with fewer steps.
        checkpoint: a file in which the run is kept every minute, and when it ends or is interrupted, as far as whole
            chunks go; if it is there already, the run goes on from it.
        devices: which share the batch; all of `jax.devices()` if None. The cores of a CPU are so many devices after
            `jax.config.update("jax_num_cpu_devices", 8)`, before anything else is done with JAX.
        chunk_size: steps from one return to Python to the next; chosen by the size of the batch if None.
        progress: True for a progress bar, or one that is shared with other calls.

    Returns:
        A `Trajectory`.

    Raises:
        ValueError: a start that is not finite or is the origin, a loss that is not scale-invariant, hyperparameters
            that do not fit the batch, numbers of steps that do not fit, or a run to resume that began with other
            arguments.
        FloatingPointError: a run left the finite numbers; the message names the run and the step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import EulerMaruyama, simulate
        >>> protocol = FixedEffectiveLearningRate(jnp.array([0.05, 0.1]), weight_decay=0.01)
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), protocol)
        >>> start = jnp.ones((2, 3))
        >>> trajectory = simulate(jax.random.key(0), EulerMaruyama(sgd), start, 20_000, burn_in=4000)
        >>> trajectory.mean("radius").round(1)
        array([2.3, 3.2])
    """
    if not isinstance(save, Save):
        save = Save(positions=save)
    request = Request(key, integrator, position, burn_in, stride, save, chunk_size, devices)
    request.require_steps(num_steps)
    if not (stop is None or callable(stop)):
        raise ValueError(f"stop: got {stop!r}, expected a function of the trajectory, as in lambda trajectory: False")
    if not (resume is None or isinstance(resume, Trajectory)):
        raise ValueError(f"resume: got a {type(resume).__name__}, expected a Trajectory; for a file, use checkpoint=…")
    file = None if checkpoint is None else Path(checkpoint)
    found = None if resume is None else resume.checkpoint
    if file is not None:
        require_free(file.parent, [file.name], overwrite=True)
        if file.exists():
            if resume is not None:
                raise ValueError(f"resume: got a trajectory and {file}, which is there, expected one run to go on from")
            found = Checkpoint.load(file)
    made = 0
    if found is not None:
        found.require(request.fingerprint)
        made = found.chunks * request.layout.chunk_size
        if made > num_steps:
            raise ValueError(
                f"num_steps: got {num_steps}, expected at least the {made} that the run to resume has made"
            )
    workers = ThreadPoolExecutor(len(set(request.devices)))
    with workers, _progress(progress, num_steps * request.layout.lanes) as bar:
        bar.advance(made * request.layout.lanes)
        loop = _Loop(request, found, workers)
        try:
            return loop.run(num_steps, stop, file, bar)
        finally:
            if file is not None and loop.whole is not found and loop.whole.chunks:
                loop.whole.save(file)


def _progress(progress: ProgressBar | bool, total: int) -> AbstractContextManager[ProgressBar]:
    """The caller's bar as it is, or one of our own."""
    if isinstance(progress, ProgressBar):
        return nullcontext(progress)
    return ProgressBar("simulating", total, None if progress else Console(quiet=True))


class _Loop:
    """Chunk after chunk. `whole` is the run after the last whole chunk, from which it can be resumed."""

    def __init__(self, request: Request, found: Checkpoint | None, workers: ThreadPoolExecutor) -> None:
        self.request, self.layout, self._workers = request, request.layout, workers
        self._devices = list(dict.fromkeys(request.devices))
        beginning = request.beginning()
        state = tuple(beginning) if found is None else found.states(jax.tree.structure(beginning[0]))
        empty = Covariance.empty(request.layout.lanes)
        self.whole = found or Checkpoint(0, (), {}, empty, None, (), request.fingerprint)
        self.whole = replace(self.whole, state=tuple(map(jax.device_put, state, request.devices)))
        # What does not change from chunk to chunk is brought to the devices once.
        keys = [jax.random.fold_in(request.key, block) for block in range(request.layout.blocks)]
        self._fixed = [
            jax.device_put((eqx.filter(request.run, eqx.is_array), values, key), device)
            for values, key, device in zip(request.values, keys, request.devices, strict=True)
        ]

    def run(
        self, num_steps: int, stop: Callable[[Trajectory], bool] | None, file: Path | None, bar: ProgressBar
    ) -> Trajectory:
        size, kept = self.layout.chunk_size, time.monotonic()
        while (made := self.whole.chunks * size) < num_steps:
            length = min(size, num_steps - made)
            after = self.after(self.whole, length)
            bar.advance(length * self.layout.lanes)
            if length < size:
                return self.trajectory(after, num_steps)
            self.whole = after
            if file is not None and time.monotonic() - kept > _SECONDS_BETWEEN_CHECKPOINTS:
                self.whole.save(file)
                kept = time.monotonic()
            if stop is not None and made + length > self.request.burn_in:
                trajectory = self.trajectory(self.whole, made + length)
                if stop(trajectory):
                    return trajectory
        return self.trajectory(self.whole, num_steps)

    def after(self, before: Checkpoint, length: int) -> Checkpoint:
        """The run after one more chunk, of which `length` steps are made."""
        layout, request = self.layout, self.request
        begin = before.chunks * layout.chunk_size
        burn_in = min(max(request.burn_in - begin, 0), length) // layout.stride
        end = length // layout.stride
        passed = (begin - request.burn_in) // layout.stride  # strides since the burn-in
        if request.every and passed > 0:
            passed %= request.every
        where: dict[str, Any] = {"burn_in": burn_in, "end": end, "every": request.every, "saved": passed}
        where = {name: np.int32(x) for name, x in where.items()}
        where["draw"] = np.uint32(before.chunks * layout.draws % 2**32)
        scheduled = request.scheduled(begin, length)

        def work(device: jax.Device) -> dict[int, Any]:
            """The blocks of a device, by number. JAX's settings are those of a thread, and this is one of its own."""
            done = {}
            # A draw's keys need no counter of 64 bits; without it a random word costs half as much.
            with jax.enable_x64(request.dtype == np.float64), jax.threefry_partitionable(False):
                for block in [block for block, own in enumerate(request.devices) if own == device]:
                    arrays, values, key = self._fixed[block]
                    run = eqx.combine(arrays, request.run)
                    result = run_chunk(layout, run, values, scheduled[block], key, before.state[block], where)
                    done[block] = result.pop("state"), jax.device_get(result)
            return done

        done = {block: result for part in self._workers.map(work, self._devices) for block, result in part.items()}
        states, blocks = zip(*(done[block] for block in range(layout.blocks)), strict=True)

        def join(name: str, axis: int = -1) -> Any:
            return jax.tree.map(lambda *x: layout.join(x, axis), *(block[name] for block in blocks))

        of, together = join("separate"), join("together")
        self._require_finite(together["first_bad"], begin)
        first = layout.panel * np.arange(layout.panels)[:, None]
        counted = np.clip(np.array([[burn_in, end]]) - first, 0, layout.panel)
        empty = Moments.empty(layout.lanes, min(BLOCK, layout.panel))
        samples, histogram = before.samples, before.histogram
        if request.every:
            saved = max(0, passed + end) // request.every
            samples = (*samples, join("positions", axis=1)[:saved].copy())
        if layout.bins_per_octave:
            found = join("histogram").astype(np.int64)
            histogram = found if histogram is None else histogram + found
        return replace(
            before,
            chunks=before.chunks + 1,
            state=states,
            moments={name: before.moments.get(name, empty).merge(counted, x) for name, x in of.items()},
            covariance=before.covariance.merge(counted, of["loss"], of["volume"], together["cross"]),
            histogram=histogram,
            samples=samples,
        )

    def _require_finite(self, first_bad: np.ndarray, begin: int) -> None:
        """`first_bad` is `(panels, lanes)`."""
        layout = self.layout
        if (first_bad == layout.panel).all():
            return
        observation = first_bad + layout.panel * np.arange(layout.panels)[:, None]
        observation[first_bad == layout.panel] = layout.strides
        panel, lane = np.unravel_index(observation.argmin(), observation.shape)
        run = tuple(int(i) for i in np.unravel_index(lane, self.request.batch))
        at = [f"{name} = {x:.4g}" for name, x in self.request.hyperparameters(int(lane)).items()]
        last = begin + (int(observation[panel, lane]) + 1) * layout.stride
        steps = f"at step {last}" if layout.stride == 1 else f"between steps {last - layout.stride + 1} and {last}"
        raise FloatingPointError(
            f"run {run} ({', '.join(at)}) left the finite numbers {steps}; lower its learning rate or start nearer to "
            "its stationary radius"
        )

    def trajectory(self, at: Checkpoint, num_steps: int) -> Trajectory:
        """What a user sees of the run at a checkpoint."""
        request, batch = self.request, self.request.batch
        samples, bins = None, request.save.histogram
        if request.every:
            samples = np.concatenate(at.samples)
            samples = samples.reshape(len(samples), *batch, -1)
        moments = {name: moments.reshape(batch) for name, moments in at.moments.items()}
        if isinstance(request.run.sgd.loss, VonMisesFisherLoss) and moments:
            moments["depth"] = moments["loss"]
        histogram = None
        if bins is not None and at.histogram is not None:
            histogram = DepthHistogram(at.histogram.reshape(-1, *batch), bins)
        position = self.layout.join([np.asarray(_end(self.layout, request.run, state)) for state in at.state], axis=0)
        return Trajectory(
            position=position.reshape(*batch, -1),
            num_steps=num_steps,
            stride=self.layout.stride,
            moments=moments,
            covariance=at.covariance.value.reshape(batch),
            histogram=histogram,
            samples=samples,
            checkpoint=self.whole,
        )


@eqx.filter_jit
def _end(layout: Layout, run: AbstractIntegrator, state: Any) -> Array:
    """The positions of a block's state, `(width, p)`."""
    return jax.vmap(run.end, in_axes=layout.axis)(state)
