"""What a sweep will take, before it is run."""

from __future__ import annotations

import datetime
import time
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass
from typing import Any

import jax
import numpy as np
from rich.console import Console

from thermo_ideal._arguments import as_positive
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.sweeps._block import Surroundings
from thermo_ideal.sweeps._execute import execute
from thermo_ideal.sweeps._layout import Layout, bytes_of_run
from thermo_ideal.sweeps._registry import experiment_named
from thermo_ideal.sweeps._sweep import Sweep

_PROGRAM = 1e9  # bytes of the process itself, with what JAX compiles
_VARIABLES = 12  # measured of each run, about


@dataclass(frozen=True)
class Prediction:
    """What a sweep will take on this machine; at most, where runs end when a standard error is reached.

    Args:
        points: of all grids.
        runs: at all points.
        blocks: that they are cut into.
        steps: of all runs together.
        memory: bytes at the peak.
        disk: bytes of the results, not compressed.
        steps_per_second: as measured on a block, or None.
        seconds: that it takes, or None.

    Example:
        >>> from thermo_ideal.sweeps import Prediction
        >>> print(Prediction(4, 8, 1, 8000, 6e8, 768, 2000.0, 4.0))
        4 grid points, 8 runs in 1 blocks, 8e+03 steps of all together
        memory 0.6 GB, results 0.0 MB
        0:00:04 at 2e+03 steps/s
    """

    points: int
    runs: int
    blocks: int
    steps: int
    memory: float
    disk: float
    steps_per_second: float | None
    seconds: float | None

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.points} grid points, {self.runs} runs in {self.blocks} blocks, {self.steps:.3g} steps of all "
            "together",
            f"memory {self.memory / 1e9:.1f} GB, results {self.disk / 1e6:.1f} MB",
        ]
        if self.seconds is not None:
            left = datetime.timedelta(seconds=round(self.seconds))
            lines.append(f"{left} at {self.steps_per_second:.3g} steps/s")
        return "\n".join(lines)


def predict(sweep: Sweep, *, seconds: float = 5.0, workers: int | None = None) -> Prediction:
    """Predicts memory and time of a sweep, from its blocks and from a short run of one of them.

    Args:
        sweep: what is to be run.
        seconds: how long to try a block of the middle; what it makes is thrown away.
        workers: that simulate a block each at a time; the devices of JAX if None.

    Returns:
        A `Prediction`.

    Raises:
        ValueError: `seconds` is not above 0.

    Example:
        >>> from thermo_ideal.sweeps import Grid, Sweep, predict
        >>> grid = Grid("fixed-sphere", effective_learning_rate=[0.05, 0.1], radius=1.0)
        >>> made = predict(Sweep("stationary", [grid], num_steps=10**6, replicas=100), seconds=0.2)
        >>> made.runs, made.steps, made.seconds > 0
        (200, 200000000, True)
    """
    as_positive("seconds", seconds)
    own = experiment_named(sweep.experiment)
    layout = Layout.of(sweep)
    workers = len(jax.devices()) if workers is None else workers
    runs = [size * sweep.replicas for size in layout.size]
    bytes_per_run = own.bytes_per_run or bytes_of_run
    block = max(count * bytes_per_run(sweep, grid) for count, grid in zip(runs, sweep.grids, strict=True))
    steps = int(layout.costs.sum())
    results = 8.0 * _VARIABLES * sweep.runs
    speed = _speed(layout if own.rehearsal is None else Layout.of(own.rehearsal(sweep)), seconds)
    return Prediction(
        points=sweep.points,
        runs=sweep.runs,
        blocks=len(layout.steps),
        steps=steps,
        memory=_PROGRAM
        + workers * block
        + 3 * 8 * max(grid.size for grid in sweep.grids) * sweep.replicas * _VARIABLES,
        disk=results,
        steps_per_second=None if speed is None else speed * workers,
        seconds=None if speed is None else steps / (speed * workers),
    )


class _Watch(ProgressBar):
    """Cancels a block some time after its first chunk, which compiles, and knows how fast it was since."""

    def __init__(self, seconds: float) -> None:
        super().__init__("", 1, Console(quiet=True))
        self._seconds = seconds
        self._first: tuple[float, float] | None = None
        self.speed: float | None = None

    def advance(self, steps: float) -> None:
        """Counts `steps` as done.

        Args:
            steps: of all runs together.
        """
        super().advance(steps)
        now = time.monotonic()
        if steps and self._first is None:
            self._first = now, self.completed
        elif steps and self._first is not None:
            self.speed = (self.completed - self._first[1]) / (now - self._first[0])
            if now - self._first[0] >= self._seconds:
                self.cancel()


def _speed(layout: Layout, seconds: float) -> float | None:
    """Steps a second of one worker; None where an experiment does not say how far it is."""
    number = int(np.argsort(layout.costs, kind="stable")[len(layout.steps) // 2])
    watch = _Watch(seconds)
    began = time.monotonic()
    try:
        execute(
            experiment_named(layout.sweep.experiment),
            layout.block(number),
            Surroundings(jax.devices()[:1], watch, None, 0.0),
        )
    except CancelledError:
        return watch.speed
    if watch.speed is not None:
        return watch.speed
    return (watch.completed or float(layout.costs[number])) / (time.monotonic() - began)
