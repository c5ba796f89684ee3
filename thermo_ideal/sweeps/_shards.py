"""Parts of a sweep that jobs did for themselves, joined; and how far a sweep is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from thermo_ideal._files import hold
from thermo_ideal.sweeps._folder import MANIFEST, SHARDS, SweepFolder, read_manifest
from thermo_ideal.sweeps._results import open_results, write_final
from thermo_ideal.sweeps._run import HELD
from thermo_ideal.sweeps._sweep import Sweep


def merge(sweep: Sweep, out: str | Path) -> xr.DataTree:
    """Joins the shards of a sweep; the results are those of a run without shards, bit for bit.

    Blocks that no shard has finished are left for `run(sweep, out)`, which does them.

    Args:
        sweep: what the shards are of.
        out: the folder that was given to `run(sweep, out, shard=(i, n))`.

    Returns:
        The results, opened lazily.

    Raises:
        FileNotFoundError: there is no shard.
        ValueError: a shard of another sweep, or one that a process is writing.

    Example:
        >>> import tempfile
        >>> from thermo_ideal.sweeps import Grid, Sweep, experiment, merge, run
        >>> @experiment
        ... def temperatures(block):
        ...     return {"temperature": block.values["effective_learning_rate"] / 2}
        >>> grid = Grid("fixed-sphere", effective_learning_rate=[0.05, 0.1], radius=1.0)
        >>> sweep = Sweep("temperatures", [grid], num_steps=2000, block_points=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in (1, 2):
        ...         part = run(sweep, folder, shard=(i, 2))
        ...     merge(sweep, folder)["fixed-sphere"]["temperature"].to_numpy().ravel().tolist()
        [0.025, 0.05]
    """
    path = Path(out)
    parts = _shards(path)
    if not parts:
        raise FileNotFoundError(f"{path / SHARDS}: got no shard, expected those of run(sweep, out, shard=(i, n))")
    with hold(path / MANIFEST, HELD):
        folder = SweepFolder(path, sweep)
        for part in parts:
            with hold(part / MANIFEST, HELD):
                shard = SweepFolder(part, sweep)
                for number in sorted(shard.finished - folder.finished):
                    folder.write(number, shard.arrays.read(number, shard.variables(number)))
        if len(folder.finished) == folder.blocks:
            write_final(folder)
    return open_results(path)


@dataclass(frozen=True)
class Status:
    """How far a sweep is.

    Args:
        blocks: how many there are.
        finished: how many of them are finished.
        steps: of all runs together.
        steps_finished: of those in finished blocks.
        diverged: runs that became NaN or infinite so far.
        short: points so far whose steps ended before they had the standard error that is asked for.
        complete: whether the results of all blocks are there.
        shards: the same of each shard, by its name, as in "1-of-3".

    Example:
        >>> from thermo_ideal.sweeps import Status
        >>> far = {"blocks": 4, "finished": 1, "steps": 4000, "steps_finished": 1000, "diverged": 0, "short": 0}
        >>> print(Status(**far, complete=False, shards={}))
        1 of 4 blocks finished, 25 % of 4e+03 steps, 0 runs diverged
    """

    blocks: int
    finished: int
    steps: int
    steps_finished: int
    diverged: int
    short: int
    complete: bool
    shards: dict[str, Status]

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {**vars(self), "shards": {name: status.to_dict() for name, status in self.shards.items()}}

    def __str__(self) -> str:
        share = self.steps_finished / max(self.steps, 1)
        own = (
            f"{self.finished} of {self.blocks} blocks finished, {share:.0%} of {self.steps:.3g} steps, "
            f"{self.diverged} runs diverged{f', {self.short} points short of their standard error' * (self.short > 0)}"
            f"{', complete' if self.complete else ''}"
        ).replace("%", " %")
        return "\n".join([own, *(f"  shard {name}: {status}" for name, status in self.shards.items())])


def status(out: str | Path) -> Status:
    """How far the sweep in a folder is, and its shards, as their manifests say.

    Args:
        out: the folder.

    Returns:
        A `Status`.

    Raises:
        FileNotFoundError: no sweep was begun there.

    Example:
        >>> from thermo_ideal.sweeps import status
        >>> status("nowhere")
        Traceback (most recent call last):
        FileNotFoundError: nowhere: got no manifest.json, expected a folder that run(sweep, out) made
    """
    path = Path(out)
    parts = {part.name: status(part) for part in _shards(path)}
    if parts and not (path / MANIFEST).exists():
        first = next(iter(parts.values()))
        return Status(first.blocks, 0, first.steps, 0, 0, 0, False, parts)
    manifest = read_manifest(path)
    blocks = manifest["blocks"].values()
    total = int(manifest.get("number_of_blocks", 0))
    return Status(
        blocks=total,
        finished=len(blocks),
        steps=int(manifest.get("steps", 0)),
        steps_finished=sum(block["steps"] for block in blocks),
        diverged=sum(block["diverged"] for block in blocks),
        short=sum(block["short"] for block in blocks),
        complete=len(blocks) == total and "results" in manifest,
        shards=parts,
    )


def _shards(path: Path) -> list[Path]:
    """The folders of shards, in order."""
    found = [part for part in (path / SHARDS).glob("*-of-*") if (part / MANIFEST).exists()]
    return sorted(found, key=lambda part: [int(number) for number in re.findall(r"\d+", part.name)])
