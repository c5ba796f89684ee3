"""Running a sweep: block after block, whatever happens in between."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import xarray as xr
from rich.console import Console

from thermo_ideal._arguments import as_nonnegative
from thermo_ideal._files import hold
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.sweeps._block import Surroundings
from thermo_ideal.sweeps._cluster import run_on_cluster
from thermo_ideal.sweeps._execute import ShareOfBar, execute
from thermo_ideal.sweeps._folder import SHARDS, SweepFolder
from thermo_ideal.sweeps._registry import experiment_named
from thermo_ideal.sweeps._results import open_results, write_final
from thermo_ideal.sweeps._sweep import Sweep

if TYPE_CHECKING:
    from distributed import Client

TERMINATED = 75
"""The exit status after SIGTERM: what is done is kept, and the same line goes on. BSD calls it a temporary failure."""

HELD = "out: got {path}, which {holder} is writing; wait for it, or name another folder"


def run(
    sweep: Sweep,
    out: str | Path,
    *,
    client: Client | None = None,
    shard: tuple[int, int] | None = None,
    devices: Sequence[jax.Device] | None = None,
    checkpoint_interval: float | None = 60.0,
    progress: bool = False,
) -> xr.DataTree:
    """Runs a sweep into a folder, or what is left of it.

    Each finished block is on the disk, with a checksum, before the folder's manifest says so; one that is not finished
    is kept at an interval. If the run is interrupted, by whatever, the same call goes on, and the results are those of
    a run that was not, bit for bit. Blocks whose arrays are damaged are done again. SIGTERM keeps what is done and
    ends the program with status 75.

    Args:
        sweep: what to simulate.
        out: the folder. `results.zarr` in it is written when all blocks are finished; `blocks.zarr`, in the order of
            the blocks, can be read by xarray at any time.
        client: of Dask; its workers simulate the blocks, each on its own devices, and this process writes them.
        shard: `(i, n)` does the i-th of n parts of the blocks, 1 to n, in a folder of its own inside `out`, for jobs
            that know nothing of each other; `merge(sweep, out)` joins them.
        devices: each simulates a block at a time; all of `jax.devices()` if None.
        checkpoint_interval: seconds from one time that a block is kept to the next; None keeps only finished ones.
        progress: True for a bar, in notebooks too, and a line a minute where the output is a file.

    Returns:
        The results, opened lazily: a tree with a dataset for each grid, by the name of its protocol.

    Raises:
        ValueError: another sweep was begun in the folder, which is said field by field; another process is writing
            there, which is said with its age; or a shard that does not exist.
        OSError: the folder cannot be written to, or the disk is full. What is finished is kept.
        SystemExit: SIGTERM came.

    Example:
        >>> import tempfile
        >>> from thermo_ideal.sweeps import Grid, Sweep, run
        >>> grid = Grid("fixed-elr", effective_learning_rate=[0.02, 0.04], weight_decay=0.1)
        >>> sweep = Sweep("stationary", [grid], integrator="zonal", dimension=10**6, num_steps=2000)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     results = run(sweep, folder)
        ...     results["fixed-elr"]["volume"].sizes["effective_learning_rate"]
        2
    """
    path = Path(out)
    interval = (
        None if checkpoint_interval is None else float(as_nonnegative("checkpoint_interval", checkpoint_interval))
    )
    if shard is not None:
        path = shard_folder(path, shard)
    with _what_is_kept(path), ExitStack() as stack:
        stack.enter_context(hold(path / "manifest.json", HELD))
        folder = SweepFolder(path, sweep)
        stack.enter_context(_termination())
        todo = blocks_of(folder, shard)
        bar = stack.enter_context(_bar(folder, todo, progress))
        if client is None:
            _run_here(folder, todo, list(jax.devices() if devices is None else devices), interval, bar)
        else:
            left = run_on_cluster(folder, todo, client, interval, bar)
            _run_here(folder, left, list(jax.devices() if devices is None else devices), interval, bar)
        if len(folder.finished) == folder.blocks:
            write_final(folder)
    return open_results(path)


def shard_folder(path: Path, shard: tuple[int, int]) -> Path:
    """Where a part of a sweep is written.

    Raises:
        ValueError: there is no such part.
    """
    i, n = shard
    if not 1 <= i <= n:
        raise ValueError(f"shard: got {i} of {n}, expected one of 1 to {n}, as in shard=(1, {max(n, 1)})")
    return path / SHARDS / f"{i}-of-{n}"


def blocks_of(folder: SweepFolder, shard: tuple[int, int] | None) -> list[int]:
    """The blocks that are to be done, the longest first."""
    order = np.argsort(-folder.layout.costs, kind="stable").tolist()
    if shard is not None:
        order = order[shard[0] - 1 :: shard[1]]
    return [number for number in order if number not in folder.finished]


def _bar(folder: SweepFolder, todo: list[int], progress: bool) -> ProgressBar:
    """Steps of all runs together; those of blocks that were finished before are not shown as done at this speed."""
    total = max(int(folder.layout.costs[todo].sum()), 1)
    return ProgressBar(_said(folder), total, None if progress else Console(quiet=True))


def _said(folder: SweepFolder) -> str:
    return f"{folder.sweep.experiment}, {len(folder.finished)}/{folder.blocks} blocks"


def _run_here(
    folder: SweepFolder, todo: list[int], devices: list[jax.Device], interval: float | None, bar: ProgressBar
) -> None:
    """Simulates blocks in threads, one for each device."""
    own, layout, lock = experiment_named(folder.sweep.experiment), folder.layout, threading.Lock()
    free: SimpleQueue[jax.Device] = SimpleQueue()
    for device in devices:
        free.put(device)

    def work(number: int) -> None:
        device = free.get()
        try:
            share = ShareOfBar(bar, float(layout.costs[number]))
            checkpoint = None if interval is None else folder.checkpoint(number)
            measured = execute(own, layout.block(number), Surroundings([device], share, checkpoint, interval or 0.0))
            with lock:
                folder.write(number, measured)
                bar.describe(_said(folder))
            share.finish()
        finally:
            free.put(device)

    executor = ThreadPoolExecutor(len(devices))
    try:
        futures = [executor.submit(work, number) for number in todo]
        finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in finished:
            future.result()
    except BaseException:
        bar.cancel()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _what_is_kept(path: Path) -> Iterator[None]:
    """What the disk refuses is said with the folder and what to do; what an experiment refuses is its own."""
    try:
        yield
    except OSError as error:
        if str(path) in str(error) or hasattr(error, "__notes__"):
            raise
        raise OSError(
            f"{path}: got {(error.strerror or str(error)).lower()}, expected a disk with room that can be written to; "
            "what is finished is kept: run the same line again"
        ) from error


@contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM raises SystemExit once, where nobody else has a use for it; only the main thread can say so."""
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if not ours:
        yield
        return

    def end(number: int, frame: FrameType | None) -> Any:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would not let the first keep what is done
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
