"""What is done for one block: by a thread of this process, or by a worker of a cluster."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

import jax
import numpy as np
from rich.console import Console

from thermo_ideal.integrators._checkpoint import Checkpoint
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.sweeps._block import Block, Surroundings
from thermo_ideal.sweeps._block_arrays import FINISHED, POINT, Measured
from thermo_ideal.sweeps._folder import as_measured
from thermo_ideal.sweeps._registry import Experiment

RESERVED = (POINT, FINISHED)


class ShareOfBar(ProgressBar):
    """The part of a bar that one block fills: all of it in the end, whatever the experiment says on the way.

    Args:
        whole: the bar of all blocks.
        total: steps of the block.
    """

    def __init__(self, whole: ProgressBar, total: float) -> None:
        super().__init__("", total, Console(quiet=True))
        self._whole, self._total = whole, total

    def advance(self, steps: float) -> None:
        """Counts `steps` as done.

        Args:
            steps: of all runs together.
        """
        steps = min(steps, self._total - self.completed)
        super().advance(steps)
        self._whole.advance(steps)

    def finish(self) -> None:
        """Counts the block as done."""
        self.advance(self._total - self.completed)


def execute(own: Experiment, block: Block, surroundings: Surroundings) -> Measured:
    """Simulates and measures a block.

    Args:
        own: what it does and measures.
        block: as the layout has it.
        surroundings: where it is done.
    """
    block = replace(block, settings=surroundings.settings)
    sweep, file, number = block.sweep, surroundings.checkpoint, block.number
    if file is not None and file.exists():
        try:
            (own.read_checkpoint or Checkpoint.load)(file)
        except ValueError:  # it was damaged when the machine went down: the block begins anew
            file.unlink()
    with _precision(sweep.precision):
        try:
            found = own.measure(block)
        except Exception as error:
            error.add_note(f"in block {number} of experiment {sweep.experiment!r}, points {block.points[:3]}…")
            raise
    measured = as_measured(sweep.experiment, block.points.size, sweep.replicas, found)
    if sweep.standard_error and not block.outcome:
        raise ValueError(
            f"{sweep.experiment}: got no block.simulate() in it, expected one, which goes on until standard_error is "
            "reached; or leave standard_error out"
        )
    taken = {name for name, _ in block.grid.axes}  # the radius of a fixed sphere is not a measurement
    if wrong := [name for name in measured if name in RESERVED]:
        raise ValueError(f"{sweep.experiment}: got {wrong[0]!r}, expected another name; the engine uses that")
    return {name: one for name, one in (measured | _steps(block)).items() if name not in taken}


def _steps(block: Block) -> Measured:
    """How long the runs of a block are, for each of its points."""
    ones = np.ones(block.points.size, np.int64)
    found: Measured = {
        "num_steps": ((), block.num_steps * ones),
        "burn_in": ((), block.burn_in * ones),
        "sampling_interval": ((), block.interval * ones),
    } | {name: ((), values) for name, values in block.outcome.items()}
    if block.relaxation_time is not None:
        found["burn_in_relaxation_times"] = (), block.burn_in / block.relaxation_time
    return found


def _precision(name: str) -> AbstractContextManager[None]:
    context: AbstractContextManager[None] = jax.enable_x64(name == "float64")
    return context
