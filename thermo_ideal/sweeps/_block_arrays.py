"""The arrays of blocks on disk: Zarr v3 in the order of the blocks, so that each block is whole chunks."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from json import dumps, loads
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from thermo_ideal._files import sync
from thermo_ideal.sweeps._layout import Layout

Measured = dict[str, tuple[tuple[str, ...], np.ndarray]]
"""By name, the names of the axes after the first, and an array whose first axis are the points of a block."""

CODECS = (ZstdCodec(), Crc32cCodec())
"""Whoever reads a chunk is told if a byte of it is another."""

POINT, FINISHED = "grid_point", "finished"


Variables = Mapping[str, Mapping[str, Any]]
"""By name, "dims" and "shape" after the first axis and "dtype", as in the manifest."""


def described(measured: Measured) -> dict[str, dict[str, Any]]:
    """What arrays there are for what was measured."""
    return {
        name: {"dims": list(dims), "shape": list(values.shape[1:]), "dtype": str(values.dtype)}
        for name, (dims, values) in measured.items()
    }


class BlockArrays:
    """A group for each grid; each variable an array over `grid_point`, in the order of the blocks, and other axes.

    Args:
        path: of the store.
        layout: the blocks.
        variables: that there are, by grid.
    """

    def __init__(self, path: Path, layout: Layout, variables: Mapping[str, Variables]) -> None:
        self.path, self.layout = path, layout
        self._open: dict[Path, zarr.Array] = {}
        self.make(variables)

    def make(self, variables: Mapping[str, Variables]) -> None:
        """Makes the store, but for its blocks; what is there already is left, what is damaged or unknown is replaced.

        Args:
            variables: that there should be, by grid.
        """
        self._open = {}
        with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=".new-") as folder:
            fresh = Path(folder) / self.path.name
            zarr.open_group(fresh, mode="w", zarr_format=3)
            for index, grid in enumerate(self.layout.sweep.grids):
                self._make_group(fresh / grid.name, index, variables.get(grid.name, {}))
            _consolidate(fresh)
            if not self.path.exists():
                os.rename(fresh, self.path)
                return
            self._remove_unknown(fresh)
            # The root last: it says what else there is.
            for file in sorted(fresh.rglob("*"), key=lambda file: -len(file.parts)):
                own = self.path / file.relative_to(fresh)
                if file.is_file() and not (own.is_file() and own.read_bytes() == file.read_bytes()):
                    own.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(file, own)
                    sync(own)
                    sync(own.parent)

    def write(self, number: int, measured: Measured) -> str:
        """Writes a block, and returns its checksum when the disk has it."""
        index, begin, end = self.layout.place(number)
        everything = measured | {FINISHED: ((), np.ones(end - begin, np.bool_))}
        for name, (_, values) in everything.items():
            chunk = self._chunk(number, name, values.ndim)
            chunk.unlink(missing_ok=True)  # one that is damaged cannot be read before it is written over
            self._array(self._group(index) / name)[begin:end] = values
            sync(chunk)
            sync(chunk.parent)
        return str(self.checksum(number, described(measured)))

    def read(self, number: int, variables: Variables) -> Measured:
        """The arrays of a block that is finished."""
        index, begin, end = self.layout.place(number)
        group = self._group(index)
        return {
            name: (tuple(about["dims"]), np.asarray(zarr.open_array(group / name, mode="r")[begin:end]))
            for name, about in variables.items()
        }

    def checksum(self, number: int, variables: Variables) -> str | None:
        """Of the chunks of a block, or None where one is missing."""
        found = hashlib.sha256()
        for name, about in {**variables, FINISHED: {"dims": []}}.items():
            try:
                found.update(name.encode() + self._chunk(number, name, 1 + len(about["dims"])).read_bytes())
            except OSError:
                return None
        return found.hexdigest()

    def _group(self, index: int) -> Path:
        return self.path / self.layout.sweep.grids[index].name

    def _array(self, path: Path) -> zarr.Array:
        """One that is open stays so: to read what describes it costs as much as to write a chunk."""
        if path not in self._open:
            with zarr.config.set({"array.write_empty_chunks": True}):
                self._open[path] = zarr.open_array(path, mode="r+")
        return self._open[path]

    def _chunk(self, number: int, name: str, axes: int) -> Path:
        index, begin, _ = self.layout.place(number)
        first = begin // self.layout.size[index]
        return self._group(index).joinpath(name, "c", str(first), *["0"] * (axes - 1))

    def _make_group(self, group: Path, index: int, variables: Variables) -> None:
        """The arrays of a grid, with the values of the axes at each point and its number in the grid."""
        grid, order = self.layout.sweep.grids[index], self.layout.order[index]
        attributes = {"axes": [name for name, _ in grid.axes], "shape": list(grid.shape)}
        zarr.create_group(group, zarr_format=3, attributes=attributes)
        for name, x in (grid.values(order) | {POINT: order.astype(np.int64)}).items():
            zarr.create_array(group / name, data=x, chunks=x.shape, compressors=CODECS, dimension_names=(POINT,))
        for name, about in {**variables, FINISHED: {"dims": [], "shape": [], "dtype": "bool"}}.items():
            dtype = np.dtype(about["dtype"])
            zarr.create_array(
                group / name,
                shape=(order.size, *about["shape"]),
                chunks=(self.layout.size[index], *about["shape"]),
                dtype=dtype,
                fill_value=np.nan if dtype.kind == "f" else 0,
                compressors=CODECS,
                dimension_names=(POINT, *about["dims"]),
            )

    def _remove_unknown(self, fresh: Path) -> None:
        """Arrays that a process made which was killed before it said so, and files that it was writing."""
        for folder in self.path.glob("*/*"):
            if folder.is_dir() and not (fresh / folder.relative_to(self.path)).exists():
                shutil.rmtree(folder)
        for file in self.path.rglob("*.partial"):
            file.unlink()


def _consolidate(path: Path) -> None:
    """Metadata all together, so that xarray finds them without a warning; sorted, so that they are always the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        zarr.consolidate_metadata(str(path))
    root = path / "zarr.json"
    root.write_text(dumps(loads(root.read_text(encoding="utf-8")), indent=1, sort_keys=True), encoding="utf-8")
