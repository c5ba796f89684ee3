"""Blocks on the workers of Dask. Workers simulate; the process that asked for it writes."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.sweeps._block import Block, Surroundings
from thermo_ideal.sweeps._block_arrays import Measured
from thermo_ideal.sweeps._execute import execute
from thermo_ideal.sweeps._folder import SweepFolder
from thermo_ideal.sweeps._registry import Experiment, experiment_named

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE = 60.0  # seconds that a pool without workers may take to come back
_LOOK = 1.0  # seconds from one look at the pool to the next
_turn = itertools.count()


def run_on_cluster(
    folder: SweepFolder, todo: list[int], client: Client, interval: float | None, bar: ProgressBar
) -> list[int]:
    """Simulates blocks on the workers of a client, and returns those that are left if the pool is gone for good.

    A worker that dies costs the block that it had, which another begins anew, or goes on with where both see the
    folder.
    """
    _require_no_fork()
    from distributed import as_completed  # an extra; whoever has a client has it

    own = experiment_named(folder.sweep.experiment)
    left = set(todo)
    lost: dict[int, int] = {}

    def submit(number: int) -> Any:
        checkpoint = None if interval is None else folder.checkpoint(number).resolve()
        return client.submit(
            _work,
            *(own, folder.layout.block(number), checkpoint, interval),
            pure=False,
            key=f"sweep-{folder.sweep.digest}-{number}-{lost.get(number, 0)}",
        )

    tasks = {submit(number): number for number in todo}
    running = as_completed(list(tasks))
    seen = time.monotonic()
    try:
        while left:
            if client.scheduler_info()["workers"]:
                seen = time.monotonic()
            elif time.monotonic() - seen > _PATIENCE:
                return [number for number in todo if number in left]
            if not running.has_ready():
                time.sleep(_LOOK / 20 if len(left) < 4 else _LOOK / 5)
                continue
            future = next(running)
            number = tasks.pop(future)
            error = future.exception()
            if error is not None and type(error).__name__ in ("KilledWorker", "FutureCancelledError"):
                lost[number] = lost.get(number, 0) + 1
                again = submit(number)
                tasks[again] = number
                running.add(again)
                continue
            if error is not None:
                raise error
            folder.write(number, future.result())
            left.discard(number)
            bar.advance(float(folder.layout.costs[number]))
            bar.describe(
                f"{folder.sweep.experiment}, {len(folder.finished)}/{folder.blocks} blocks, "
                f"{len(client.scheduler_info()['workers'])} workers"
            )
    finally:
        client.cancel(list(tasks))
    return []


def _work(own: Experiment, block: Block, checkpoint: Path | None, interval: float | None) -> Measured:
    """What a worker does. Threads of one worker share its devices in turn."""
    devices = jax.local_devices()
    device = devices[next(_turn) % len(devices)]
    shared = checkpoint if checkpoint is not None and checkpoint.parent.is_dir() else None
    return execute(own, block, Surroundings([device], None, shared, interval or 0.0))


def _require_no_fork() -> None:
    import dask

    if dask.config.get("distributed.worker.multiprocessing-method", "spawn") == "fork":
        raise ValueError(
            "client: got workers that are forked, which JAX does not survive, expected "
            'dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}) before the cluster is made'
        )
