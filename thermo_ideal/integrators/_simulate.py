"""The loop over chunks: a chunk of steps on the devices, streaming statistics and everything else on the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray
from rich.console import Console

from thermo_ideal._files import require_free
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._checkpoint import Checkpoint
from thermo_ideal.integrators._chunk import run_chunk
from thermo_ideal.integrators._divergence import Divergence, nan_where
from thermo_ideal.integrators._histogram import DepthHistogram, Histogram
from thermo_ideal.integrators._layout import Layout
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.integrators._request import Request
from thermo_ideal.integrators._save import EDGES, ODDS, Save
from thermo_ideal.integrators._streaming_moments import BLOCK, Covariance, Moments
from thermo_ideal.integrators._trajectory import Trajectory

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
    observe: Mapping[str, Any] | None = None,
    stop: Callable[[Trajectory], bool] | None = None,
    resume: Trajectory | None = None,
    checkpoint: str | Path | None = None,
    devices: Sequence[jax.Device] | None = None,
    chunk_size: int | None = None,
    on_divergence: str = "nan",
    progress: ProgressBar | bool = False,
) -> Trajectory:
    """Runs a batch of independent SGD processes.

    The batch is that of the positions and of every parameter of the process, broadcast: learning rates of shape
    `(289,)` with one start make 289 runs, and `(40, 1, 1)` with weight decays `(1, 30, 1)` and starts `(8, d)` make
    `(40, 30, 8)`, a grid with replicas. Random numbers are drawn from `fold_in`s of the key: the same key, arguments
    and kind of device give the same result, bit for bit, however many devices there are and however often the run is
    interrupted and resumed. Memory does not grow with `num_steps`, except for samples that were asked for.

    Args:
        key: a JAX key.
        integrator: the process and its step.
        position: where to start, `(*batch, p)`; on the fixed sphere, rescaled to its radius.
        num_steps: how many steps to make.
        burn_in: how many of them to leave out of statistics and samples.
        stride: measure every `stride`-th step only. Steps closer than the relaxation time say the same thing twice, and
            measuring costs as much as stepping. Every other number of steps must be a multiple of it.
        save: what to keep besides moments, a `Save`; a number is short for `Save(positions=number)`.
        observe: observables of one's own, by name: JAX functions of one position that return a number, as in
            `observe={"first": lambda w: w[0]}`. They are followed like those of the integrator.
        stop: asked with the trajectory so far after every chunk past the burn-in; True ends the run there. Standard
            errors of trajectories that it sees are widened: a run that ends where its error is small ends where it is
            too small by chance.
        resume: a trajectory to go on from, made by the same call with fewer steps.
        checkpoint: a file in which the run is kept every minute, and when it ends or is interrupted, as far as whole
            chunks go; if it is there already, the run goes on from it.
        devices: which share the batch; all of `jax.devices()` if None. The cores of a CPU are so many devices after
            `jax.config.update("jax_num_cpu_devices", 8)`, before anything else is done with JAX.
        chunk_size: steps from one return to Python to the next; chosen by the size of the batch if None.
        on_divergence: "nan" gives runs that become NaN or infinite the result NaN, with the step and the reason in
            `Trajectory.diverged_at` and `divergences`, and the others go on; if all have, the simulation ends. "raise"
            ends it at the first.
        progress: True for a progress bar, or one that is shared with other calls.

    Returns:
        A `Trajectory`.

    Raises:
        ValueError: a start that is not finite or is the origin, a loss that is not scale-invariant, parameters
            whose shapes do not broadcast, numbers of steps that do not fit, or a run to resume that began with other
            arguments.
        FloatingPointError: `on_divergence="raise"`, and a run became NaN or infinite; the message names the run and the
            step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import EulerMaruyama, simulate
        >>> protocol = FixedEffectiveLearningRate(jnp.array([0.05, 0.1]), weight_decay=0.01)
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), protocol)
        >>> trajectory = simulate(jax.random.key(0), EulerMaruyama(sgd), jnp.ones(3), 20_000, burn_in=4000)
        >>> trajectory.mean("radius").round(1)
        array([2.3, 3.2])
    """
    save = save if isinstance(save, Save) else Save(positions=save)
    request = Request(key, integrator, position, burn_in, stride, save, observe, chunk_size, devices)
    request.require_steps(num_steps)
    if not (stop is None or callable(stop)):
        raise ValueError(f"stop: got {stop!r}, expected a function of the trajectory, as in lambda trajectory: False")
    if on_divergence not in ("nan", "raise"):
        raise ValueError(f'on_divergence: got {on_divergence!r}, expected "nan" or "raise"')
    file = None if checkpoint is None else Path(checkpoint)
    found = _found(resume, file)
    made = 0
    if found is not None:
        found.require(request.fingerprint)
        made = found.chunks * request.layout.chunk_size
        if made > num_steps:
            raise ValueError(
                f"num_steps: got {num_steps}, expected at least the {made} that the run to resume has made"
            )
    workers = ThreadPoolExecutor(len(set(request.devices)))
    with workers, _progress(progress, num_steps * request.layout.runs) as bar:
        bar.advance(made * request.layout.runs)
        loop = _Loop(request, found, workers, on_divergence)
        try:
            return loop.run(num_steps, stop, file, bar)
        finally:
            if file is not None and loop.whole is not found and loop.whole.chunks:
                loop.whole.save(file)


def _found(resume: Trajectory | None, file: Path | None) -> Checkpoint | None:
    """What there is to go on from."""
    if not (resume is None or isinstance(resume, Trajectory)):
        raise ValueError(f"resume: got a {type(resume).__name__}, expected a Trajectory; for a file, use checkpoint=…")
    if file is not None:
        require_free(file.parent, [file.name], overwrite=True)
        if file.exists():
            if resume is not None:
                raise ValueError(f"resume: got a trajectory and {file}, which is there, expected one run to go on from")
            return Checkpoint.load(file)
    return None if resume is None else resume.checkpoint


def _progress(progress: ProgressBar | bool, total: int) -> AbstractContextManager[ProgressBar]:
    """The caller's bar as it is, or one of our own."""
    if isinstance(progress, ProgressBar):
        return nullcontext(progress)
    return ProgressBar("simulating", total, None if progress else Console(quiet=True))


class _Loop:
    """Chunk after chunk. `whole` is the run after the last whole chunk, from which it can be resumed."""

    def __init__(
        self, request: Request, found: Checkpoint | None, workers: ThreadPoolExecutor, on_divergence: str
    ) -> None:
        self.request, self.layout, self._workers = request, request.layout, workers
        self._raises = on_divergence == "raise"
        self._devices = list(dict.fromkeys(request.devices))
        beginning = request.beginning()
        state = tuple(beginning) if found is None else found.states(jax.tree.structure(beginning[0]))
        covariances = {pair: Covariance.empty(self.layout.runs) for pair in request.statistics.covariances}
        self.whole = found or Checkpoint(0, (), {}, covariances, {}, (), {}, request.fingerprint)
        self.whole = replace(self.whole, state=tuple(map(jax.device_put, state, request.devices)))
        # What does not change from chunk to chunk is brought to the devices once.
        keys = [jax.random.fold_in(request.key, block) for block in range(self.layout.blocks)]
        self._fixed = [
            jax.device_put((eqx.filter(request.batch.integrator, eqx.is_array), values, key), device)
            for values, key, device in zip(request.values(), keys, request.devices, strict=True)
        ]

    def run(
        self, num_steps: int, stop: Callable[[Trajectory], bool] | None, file: Path | None, bar: ProgressBar
    ) -> Trajectory:
        size, kept = self.layout.chunk_size, time.monotonic()
        self._judge(self.whole)
        while (made := self.whole.chunks * size) < num_steps:
            length = min(size, num_steps - made)
            after = self.after(self.whole, length)
            bar.advance(length * self.layout.runs)
            if length == size:
                self.whole = after
            self._judge(after)
            if length < size:
                return self.trajectory(after, num_steps)
            if file is not None and time.monotonic() - kept > _SECONDS_BETWEEN_CHECKPOINTS:
                self.whole.save(file)
                kept = time.monotonic()
            if self._divergence(self.whole).of().all():
                return self.trajectory(self.whole, made + length)
            if stop is not None and made + length > self.request.burn_in:
                trajectory = self.trajectory(self.whole, made + length, looked=True)
                if stop(trajectory):
                    return trajectory
        return self.trajectory(self.whole, num_steps)

    def after(self, before: Checkpoint, length: int) -> Checkpoint:
        """The run after one more chunk, of which `length` steps are made."""
        begin = before.chunks * self.layout.chunk_size
        where = self._where(before, begin, length)
        states, blocks = self._execute(before, self.request.scheduled(begin, length), where)
        return self._merge(before, states, blocks, begin, where)

    def _where(self, before: Checkpoint, begin: int, length: int) -> dict[str, Any]:
        """Where a chunk begins and ends among all steps; see `run_chunk`."""
        layout, request = self.layout, self.request
        passed = (begin - request.burn_in) // layout.stride  # strides since the burn-in
        if request.every and passed > 0:
            passed %= request.every
        burn_in = min(max(request.burn_in - begin, 0), length) // layout.stride
        counts = {"burn_in": burn_in, "end": length // layout.stride, "every": request.every, "saved": passed}
        where: dict[str, Any] = {name: np.int32(x) for name, x in counts.items()}
        return where | {"draw": np.uint32(before.chunks * layout.draws % 2**32)}

    def _execute(
        self, before: Checkpoint, scheduled: list[dict[str, Array]], where: dict[str, Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Makes a chunk of every block on its device: the states after it, and the results."""
        request, run = self.request, self.request.batch.integrator

        def work(device: jax.Device) -> dict[int, Any]:
            """The blocks of a device, by number. JAX's settings are those of a thread, and this is one of its own."""
            done = {}
            # A draw's keys need no counter of 64 bits; without it a random word costs half as much.
            with jax.enable_x64(request.batch.dtype == np.float64), jax.threefry_partitionable(False):
                for block in [block for block, own in enumerate(request.devices) if own == device]:
                    arrays, values, key = self._fixed[block]
                    combined = eqx.combine(arrays, run)
                    given = values, scheduled[block], key, before.state[block], where
                    result = run_chunk(self.layout, request.statistics, combined, *given)
                    done[block] = result.pop("state"), jax.device_get(result)
            return done

        done = {block: result for part in self._workers.map(work, self._devices) for block, result in part.items()}
        states, blocks = zip(*(done[block] for block in range(self.layout.blocks)), strict=True)
        return states, blocks

    def _merge(
        self, before: Checkpoint, states: tuple[Any, ...], blocks: tuple[Any, ...], begin: int, where: dict[str, Any]
    ) -> Checkpoint:
        """Statistics and samples with those of one more chunk."""
        layout, request = self.layout, self.request

        def join(name: str, axis: int = -1) -> Any:
            return jax.tree.map(lambda *x: layout.join(x, axis), *(block[name] for block in blocks))

        of, together = join("separate"), join("together")
        first_bad = {name: x.pop("first_bad") for name, x in of.items()}
        lost = self._divergence(before).after(first_bad, layout.panel, begin, layout.stride)
        first = layout.panel * np.arange(layout.panels)[:, None]
        counted = np.clip(np.array([[int(where["burn_in"]), int(where["end"])]]) - first, 0, layout.panel)
        empty = Moments.empty(layout.runs, min(BLOCK, layout.panel))
        samples = before.samples
        if request.every:
            saved = max(0, int(where["saved"]) + int(where["end"])) // request.every
            samples = (*samples, join("positions", axis=1)[:saved].copy())
        counts = {key: x.astype(np.int64) for key, x in join("histograms").items()}
        crosses = zip(before.covariances.items(), together["cross"], strict=True)
        kept = {name: lost.without(x, name) for name, x in of.items()}
        with np.errstate(over="ignore", invalid="ignore"):  # of runs that are about to diverge
            moments = {name: before.moments.get(name, empty).merge(counted, x) for name, x in kept.items()}
            covariances = {
                (a, b): own.merge(counted, kept[a], kept[b], lost.without({"cross": cross}, a, b)["cross"])
                for ((a, b), own), cross in crosses
            }
        return replace(
            before,
            chunks=before.chunks + 1,
            state=states,
            moments=moments,
            covariances=covariances,
            histograms={key: before.histograms.get(key, 0) + x for key, x in counts.items()},
            samples=samples,
            diverged=lost.steps,
        )

    def _divergence(self, at: Checkpoint) -> Divergence:
        own = tuple(name for name, _ in self.request.statistics.observables.own)
        return Divergence(self.layout.runs, own, at.diverged)

    def _judge(self, at: Checkpoint) -> None:
        """Raises FloatingPointError where something is NaN or infinite, if that was asked for."""
        if self._raises and (first := self._divergence(at).first()):
            raise FloatingPointError(self._reason(*first))

    def _reason(self, name: str, number: int, step: int) -> str:
        """Which run became NaN or infinite, or which observable of the user's, and when."""
        stride, batch = self.layout.stride, self.request.batch
        run = tuple(int(i) for i in np.unravel_index(number, batch.shape))
        steps = f"at step {step}" if stride == 1 else f"between steps {step - stride + 1} and {step}"
        of = f"run {run} ({batch.describe(number)})"
        if name in dict(self.request.statistics.observables.own):
            return f"observe[{name!r}] of {of} became NaN or infinite {steps}; it must be finite wherever the run goes"
        return f"{of} became NaN or infinite {steps}; lower its learning rate or start nearer to its stationary radius"

    def trajectory(self, at: Checkpoint, num_steps: int, looked: bool = False) -> Trajectory:
        """What a user sees of the run at a checkpoint.

        Args:
            at: the checkpoint.
            num_steps: how many steps are made.
            looked: whether it is for `stop` to look at.
        """
        layout, batch, observables = self.layout, self.request.batch.shape, self.request.statistics.observables
        lost = self._divergence(at)
        moments = {
            name: replace(lost.moments(name, moments).reshape(batch), looked=looked)
            for name, moments in at.moments.items()
        }
        moments |= {alias: moments[name] for alias, name in observables.aliases if name in moments}
        positions = [np.asarray(_end(layout, self.request.batch.integrator, state)) for state in at.state]
        position = layout.join(positions, axis=0)
        return Trajectory(
            position=nan_where(lost.of()[:, None], position).reshape(*batch, -1),
            num_steps=num_steps,
            stride=layout.stride,
            moments=moments,
            covariances=self._covariances(at),
            histogram=self._depth_histogram(at),
            histograms=self._histograms(at),
            samples=self._samples(at),
            diverged_at=lost.at.reshape(batch),
            divergences=self._reasons(lost),
            checkpoint=self.whole,
        )

    def _samples(self, at: Checkpoint) -> np.ndarray | None:
        """Saved positions, with NaN from where a run became NaN or infinite."""
        if not self.request.every:
            return None
        samples, since = np.concatenate(at.samples), self._divergence(at).at
        steps = self.request.burn_in + self.layout.stride * self.request.every * np.arange(1, len(samples) + 1)
        lost = (since > 0) & (steps[:, None] >= since)
        return nan_where(lost[..., None], samples).reshape(len(samples), *self.request.batch.shape, -1)

    def _reasons(self, lost: Divergence) -> dict[tuple[int, ...], str]:
        """Why runs, or a user's observables of them, are NaN."""
        found: dict[tuple[int, ...], str] = {}
        steps = {"": lost.at} | {name: lost.steps[name] for name in lost.own if name in lost.steps}
        for name, since in steps.items():
            for number in np.flatnonzero(since):
                run = tuple(int(i) for i in np.unravel_index(number, self.request.batch.shape))
                found.setdefault(run, self._reason(name, int(number), int(since[number])))
        return found

    def _covariances(self, at: Checkpoint) -> dict[tuple[str, str], np.ndarray]:
        """By pair of names, under every name that an observable has."""
        names, lost = self.request.statistics.observables.names_of, self._divergence(at)
        return {
            pair: nan_where(lost.of(a, b), own.value).reshape(self.request.batch.shape)
            for (a, b), own in at.covariances.items()
            for pair in product(names(a), names(b))
        }

    def _depth_histogram(self, at: Checkpoint) -> DepthHistogram | None:
        bins = self.request.save.histogram
        if bins is None or ODDS not in at.histograms:
            return None
        return DepthHistogram(self._counts(at, ODDS).reshape(-1, *self.request.batch.shape), bins)

    def _histograms(self, at: Checkpoint) -> dict[str, Histogram]:
        found = {}
        for name, edges in self.request.save.histograms:
            if EDGES + name in at.histograms:
                counts = self._counts(at, EDGES + name).reshape(-1, *self.request.batch.shape)
                found[name] = Histogram(counts[1:-1], np.array(edges), counts[0], counts[-1])
        return found

    def _counts(self, at: Checkpoint, key: str) -> np.ndarray:
        """Of a histogram, `(bins, runs)`; those of runs that have no statistics are 0."""
        name = next(name for own, name, _ in self.request.statistics.histograms if own == key)
        return np.where(self._divergence(at).of(name), 0, at.histograms[key])


@eqx.filter_jit
def _end(layout: Layout, run: AbstractIntegrator, state: Any) -> Array:
    """The positions of a block's state, `(width, p)`."""
    return jax.vmap(run.end, in_axes=layout.axis)(state)
