"""Chunk after chunk of a simulation, and what a user sees of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._checkpoint import Checkpoint
from thermo_ideal.integrators._checkpoint_file import CheckpointFile
from thermo_ideal.integrators._chunk import run_chunk
from thermo_ideal.integrators._divergence import Divergence, nan_where
from thermo_ideal.integrators._histogram import DepthHistogram, Histogram
from thermo_ideal.integrators._layout import Layout
from thermo_ideal.integrators._panels import BLOCK
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.integrators._request import Request
from thermo_ideal.integrators._save import EDGES, ODDS
from thermo_ideal.integrators._streaming_moments import Covariance, Moments
from thermo_ideal.integrators._trajectory import Trajectory


class Loop:
    """Chunk after chunk. `whole` is the run after the last whole chunk, from which it can be resumed."""

    def __init__(
        self, request: Request, found: Checkpoint | None, workers: ThreadPoolExecutor, on_divergence: str
    ) -> None:
        self.request, self.layout, self._workers = request, request.layout, workers
        self._raises = on_divergence == "raise"
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
        self, num_steps: int, stop: Callable[[Trajectory], bool] | None, file: CheckpointFile, bar: ProgressBar
    ) -> Trajectory:
        """Makes the steps that are left, or fewer where `stop` says so or no run is left.

        A run to go on from is asked first whether it ends there, as it would have been had it not been interrupted.
        """
        size = self.layout.chunk_size
        self._judge(self.whole)
        while True:
            made = self.whole.chunks * size
            if made and self._divergence(self.whole).of().all():
                return self.trajectory(self.whole, made)
            if stop is not None and made > self.request.burn_in:
                trajectory = self.trajectory(self.whole, made, looked=True)
                if stop(trajectory):
                    return trajectory
            if made == num_steps:
                return self.trajectory(self.whole, num_steps)
            length = min(size, num_steps - made)
            after = self.after(self.whole, length)
            bar.advance(length * self.layout.runs)
            if length == size:
                self.whole = after
                file.update(after)
            self._judge(after)
            if length < size:
                return self.trajectory(after, num_steps)

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
        """Makes a chunk of every block on its device, as many at a time as there are threads."""
        request, run = self.request, self.request.batch.integrator

        def work(block: int) -> tuple[Any, Any]:
            """The state and the results of a block. JAX's settings are those of a thread, and this is another one."""
            # A draw's keys need no counter of 64 bits; without it a random word costs half as much.
            with jax.enable_x64(request.batch.dtype == np.float64), jax.threefry_partitionable(False):
                arrays, values, key = self._fixed[block]
                combined = eqx.combine(arrays, run)
                given = values, scheduled[block], key, before.state[block], where
                result = run_chunk(self.layout, request.statistics, combined, *given)
                return result.pop("state"), jax.device_get(result)

        states, blocks = zip(*self._workers.map(work, range(self.layout.blocks)), strict=True)
        return states, blocks

    def _merge(
        self, before: Checkpoint, states: tuple[Any, ...], blocks: tuple[Any, ...], begin: int, where: dict[str, Any]
    ) -> Checkpoint:
        """Statistics and samples with those of one more chunk."""
        layout, request = self.layout, self.request

        def join(name: str, axis: int = -1) -> Any:
            return jax.tree.map(lambda *x: layout.join(x, axis), *(block[name] for block in blocks))

        of = join("separate")
        first_bad = {name: x.pop("first_bad") for name, x in of.items()}
        lost = self._divergence(before).after(first_bad, layout.strides, begin, layout.stride)
        burn_in, end = int(where["burn_in"]), int(where["end"])
        empty = Moments.empty(layout.runs, min(BLOCK, layout.panel))
        samples = before.samples
        if request.every:
            saved = max(0, int(where["saved"]) + end) // request.every
            samples = (*samples, join("positions", axis=1)[:saved].copy())
        counts = {key: x.astype(np.int64) for key, x in join("histograms").items()}
        cross = [x.astype(np.float64) for x in join("covariances")]
        double = {name: {key: x.astype(np.float64) for key, x in own.items()} for name, own in of.items()}
        kept = {name: lost.without(x, name) for name, x in double.items()}
        with np.errstate(over="ignore", invalid="ignore"):  # of runs that are about to diverge
            moments = {name: before.moments.get(name, empty).merge(burn_in, end, x) for name, x in kept.items()}
            covariances = {
                (a, b): own.merge(end - burn_in, kept[a], kept[b], lost.without({"cross": products}, a, b)["cross"])
                for ((a, b), own), products in zip(before.covariances.items(), cross, strict=True)
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
