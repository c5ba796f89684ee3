"""The folder of a sweep: a manifest of what is finished, replaced last, and blocks as whole chunks of arrays."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from json import dumps, loads
from pathlib import Path
from typing import Any

import jax
import numpy as np

import thermo_ideal
from thermo_ideal._files import require_free, require_writable, write_durably
from thermo_ideal.sweeps._block_arrays import BlockArrays, Measured, Variables, described
from thermo_ideal.sweeps._layout import Layout
from thermo_ideal.sweeps._sweep import Sweep

MANIFEST, SPEC, LAYOUT, BLOCKS, RESULTS, CHECKPOINTS, SHARDS = (
    *("manifest.json", "sweep.toml", "layout.npz", "blocks.zarr", "results.zarr", "checkpoints", "shards"),
)
_FORMAT = 1


class SweepFolder:
    """Where a sweep is written, block by block.

    Args:
        path: of the folder.
        sweep: that is written there.

    Raises:
        ValueError: another sweep, or another version, has begun there; what differs is said.
        FileExistsError: something is there that is none of a sweep's.
        OSError: nothing can be written there, or the manifest is damaged.
    """

    def __init__(self, path: Path, sweep: Sweep) -> None:
        self.path, self.sweep = path, sweep
        require_writable(path, [], overwrite=True)
        if (path / MANIFEST).exists():
            self.manifest = read_manifest(path)
            self._require_same()
        else:
            require_free(path, [LAYOUT, BLOCKS, RESULTS, CHECKPOINTS, SPEC], overwrite=False)
            self.manifest = {
                "format": _FORMAT,
                "sweep": sweep.text(),
                "made_with": made_with(),
                "experiment": sweep.experiment,
                "variables": {},
                "blocks": {},
            }
            self._write_manifest()
        if not (path / SPEC).exists():
            write_durably(path / SPEC, spec_text(sweep).encode())
        self.layout = self._found_layout()
        for left in (*path.glob(".new-*"), *path.glob(".old-*")):  # of a process that was killed
            shutil.rmtree(left)
        self.arrays = BlockArrays(path / BLOCKS, self.layout, self.manifest["variables"])
        self.redone = self._forget_damaged()
        (path / CHECKPOINTS).mkdir(exist_ok=True)
        for left in (path / CHECKPOINTS).glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    @property
    def finished(self) -> set[int]:
        """The numbers of blocks that are finished."""
        return set(map(int, self.manifest["blocks"]))

    @property
    def blocks(self) -> int:
        """How many there are."""
        return len(self.layout.steps)

    def write(self, number: int, measured: Measured) -> None:
        """Keeps a block: its arrays are on the disk before the manifest says so."""
        name = self.sweep.grids[self.layout.place(number)[0]].name
        variables = described(measured)
        known = self.manifest["variables"].get(name)
        if known not in (None, variables):
            raise ValueError(
                f"{self.sweep.experiment}: got a block with {variables}, expected {known}, as in the first; measure "
                "the same in every block"
            )
        try:
            if known is None:
                self.manifest["variables"][name] = variables
                self.arrays.make(self.manifest["variables"])
            checksum = self.arrays.write(number, measured)
            diverged = measured["diverged_at"][1] if "diverged_at" in measured else np.zeros(0)
            reached = measured.get("standard_error_reached", ((), np.ones(0, np.bool_)))[1]
            self.manifest["blocks"][str(number)] = {
                "checksum": checksum,
                "steps": int(self.layout.costs[number]),
                "diverged": int(np.count_nonzero(diverged)),
                "short": int(np.count_nonzero(~reached)),
            }
            self._write_manifest()
        except BaseException:
            self.manifest["blocks"].pop(str(number), None)
            raise
        self.checkpoint(number).unlink(missing_ok=True)

    def checkpoint(self, number: int) -> Path:
        """The file that keeps a block that is not finished."""
        return self.path / CHECKPOINTS / f"{number}.npz"

    @property
    def _digest(self) -> str:
        """Of all blocks that are finished."""
        return hashlib.sha256(dumps(self.manifest["blocks"], sort_keys=True).encode()).hexdigest()[:16]

    def results_are(self) -> bool:
        """Whether there are results, of the blocks that are finished."""
        return self.manifest.get("results") == self._digest and (self.path / RESULTS).exists()

    def results_are_current(self) -> None:
        """Says that the results that are there are of the blocks that are finished."""
        self.manifest["results"] = self._digest
        self._write_manifest()

    def _forget_damaged(self) -> list[int]:
        """Blocks whose arrays are not what was written, which are done again."""
        damaged = [
            int(number)
            for number, entry in self.manifest["blocks"].items()
            if self.arrays.checksum(int(number), self.variables(int(number))) != entry["checksum"]
        ]
        for number in damaged:
            del self.manifest["blocks"][str(number)]
        if damaged:
            self._write_manifest()
        return damaged

    def variables(self, number: int) -> Variables:
        """What arrays there are for what is measured in a block."""
        name = self.sweep.grids[self.layout.place(number)[0]].name
        found: Variables = self.manifest["variables"].get(name, {})
        return found

    def _found_layout(self) -> Layout:
        file = self.path / LAYOUT
        try:
            layout = Layout.from_bytes(self.sweep, file.read_bytes())
            if layout.digest == self.manifest.get("layout"):
                return layout
        except Exception:  # it is not there, or damaged in whatever way; it follows from the sweep
            pass
        layout = Layout.of(self.sweep)
        if self.manifest.setdefault("layout", layout.digest) != layout.digest:
            raise OSError(f"{file}: got a damaged file, expected the one that was written; run into another folder")
        self.manifest |= {"number_of_blocks": len(layout.steps), "steps": int(layout.costs.sum())}
        write_durably(file, layout.to_bytes())
        self._write_manifest()
        return layout

    def _write_manifest(self) -> None:
        write_durably(self.path / MANIFEST, dumps(self.manifest, indent=1).encode())

    def _require_same(self) -> None:
        there, here = self.manifest["sweep"], self.sweep.text()
        _require_equal(self.path, "sweep", there, here, "the sweep that was begun there, or another folder")
        _require_equal(
            self.path, "version", self.manifest["made_with"], made_with(), "the versions it was begun with, or another"
        )


def read_manifest(path: Path) -> dict[str, Any]:
    """What a folder says that is finished there.

    Raises:
        FileNotFoundError: no sweep was begun there.
        OSError: the manifest is damaged.
    """
    file = path / MANIFEST
    if not file.exists():
        raise FileNotFoundError(f"{path}: got no {MANIFEST}, expected a folder that run(sweep, out) made")
    try:
        manifest = loads(file.read_text(encoding="utf-8"))
        if not (manifest["format"] == _FORMAT and isinstance(manifest["blocks"], dict)):
            raise ValueError(f"its format is {manifest['format']}")
    except (ValueError, KeyError, TypeError) as error:
        raise OSError(f"{file}: got a damaged file ({error}), expected the one that was written; restore it") from error
    return dict(manifest)


def made_with() -> dict[str, str]:
    """What numbers depend on besides the sweep."""
    return {"thermo_ideal": thermo_ideal.__version__, "jax": jax.__version__, "backend": jax.default_backend()}


def spec_text(sweep: Sweep) -> str:
    """The sweep for a reader; where a protocol has no name in files, without promise that it can be read back."""
    try:
        return sweep.to_toml()
    except ValueError:
        return "".join(f"# {name} = {value}\n" for name, value in sweep.text().items())


def _require_equal(path: Path, what: str, there: Mapping[str, str], here: Mapping[str, str], expected: str) -> None:
    differ = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    if differ:
        lines = [f"  {name}: {there.get(name, 'nothing')} there, {here.get(name, 'nothing')} here" for name in differ]
        raise ValueError("\n".join([f"{path}: got another {what}, expected {expected}; what differs:", *lines]))


def as_measured(experiment: str, points: int, replicas: int, found: Any) -> Measured:
    """What an experiment measured in a block, checked: dimensions and arrays by name.

    Raises:
        ValueError: it is no mapping of arrays whose first axis are the points.
    """
    if not isinstance(found, Mapping) or not found:
        raise ValueError(f"{experiment}: got {found!r}, expected arrays by name, as in {{'loss': run.mean('loss')}}")
    measured: Measured = {}
    for name, value in found.items():
        dims, array = value if isinstance(value, tuple) and len(value) == 2 else (None, value)
        array = np.asarray(array)
        if array.dtype.kind not in "fiub" or array.ndim == 0 or array.shape[0] != points:
            raise ValueError(
                f"{experiment}: got {name!r} of shape {array.shape} and {array.dtype}, expected numbers whose first "
                f"axis are the {points} points of the block"
            )
        if dims is None and array.ndim > 1 and array.shape[1:] != (replicas,):
            raise ValueError(
                f"{experiment}: got {name!r} of shape {array.shape}, expected ({points},) or ({points}, {replicas}), "
                f"or names of the axes after the first, as in {{{name!r}: (('bin',), array)}}"
            )
        names = tuple(dims) if dims is not None else ("replica",) * (array.ndim - 1)
        if len(names) != array.ndim - 1:
            raise ValueError(f"{experiment}: got axes {names} of {name!r}, expected one for each of {array.shape[1:]}")
        kind = {"f": np.float64, "b": np.bool_}.get(array.dtype.kind, np.int64)
        measured[name] = names, array.astype(kind)
    return measured
