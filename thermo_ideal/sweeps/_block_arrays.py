"""The arrays of blocks on disk: Zarr v3 in the order of the blocks, so that each block is whole chunks."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Mapping
from json import loads
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from thermo_ideal._files import sync, write_whole
from thermo_ideal.sweeps._layout import Layout

Measured = dict[str, tuple[tuple[str, ...], np.ndarray]]
"""By name, the names of the axes after the first, and an array whose first axis are the points of a block."""

CODECS = (ZstdCodec(), Crc32cCodec())
"""Whoever reads a chunk is told if a byte of it is another."""

POINT, FINISHED = "grid_point", "finished"


class BlockArrays:
    """A group for each grid; each variable an array over `grid_point`, in the order of the blocks, and other axes.

    Args:
        path: of the store.
        layout: the blocks.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        if not self._good(path):
            shutil.rmtree(path, ignore_errors=True)
            write_whole(path.parent, [path.name], lambda fresh: self._make(fresh / path.name))
        else:
            for folder in sorted(path.glob("*/*")):
                if folder.is_dir() and not self._good(folder):
                    shutil.rmtree(folder)
            for folder, index in zip(self._groups(path), range(len(layout.sweep.grids)), strict=True):
                self._add_coordinates(folder, index)
        _consolidate(path)

    def write(self, number: int, measured: Measured) -> str:
        """Writes a block, and returns its checksum when the disk has it."""
        index, begin, end = self.layout.place(number)
        group = self._group(index)
        everything = measured | {FINISHED: ((), np.ones(end - begin, np.bool_))}
        fresh = [self._add(group, name, index, *one) for name, one in everything.items()]
        if any(fresh):
            _consolidate(self.path)
        for name, (_, values) in everything.items():
            chunk = self._chunk(number, name, values.ndim)
            chunk.unlink(missing_ok=True)  # one that is damaged cannot be read before it is written over
            with zarr.config.set({"array.write_empty_chunks": True}):
                array = zarr.open_array(group / name, mode="r+")
            array[begin:end] = values
            sync(chunk)
            sync(chunk.parent)
        return str(self.checksum(number, {name: list(dims) for name, (dims, _) in measured.items()}))

    def read(self, number: int, variables: Mapping[str, list[str]]) -> Measured:
        """The arrays of a block that is finished."""
        index, begin, end = self.layout.place(number)
        group = self._group(index)
        return {
            name: (tuple(dims), np.asarray(zarr.open_array(group / name, mode="r")[begin:end]))
            for name, dims in variables.items()
        }

    def checksum(self, number: int, variables: Mapping[str, list[str]]) -> str | None:
        """Of the chunks of a block, or None where one is missing."""
        found = hashlib.sha256()
        for name, dims in {**variables, FINISHED: []}.items():
            try:
                found.update(name.encode() + self._chunk(number, name, 1 + len(dims)).read_bytes())
            except OSError:
                return None
        return found.hexdigest()

    def _group(self, index: int) -> Path:
        return self.path / self.layout.sweep.grids[index].name

    def _groups(self, path: Path) -> list[Path]:
        return [path / grid.name for grid in self.layout.sweep.grids]

    def _chunk(self, number: int, name: str, axes: int) -> Path:
        index, begin, _ = self.layout.place(number)
        first = begin // self.layout.size[index]
        return self._group(index).joinpath(name, "c", str(first), *["0"] * (axes - 1))

    @staticmethod
    def _good(folder: Path) -> bool:
        try:
            return bool(loads((folder / "zarr.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return False

    def _make(self, path: Path) -> None:
        zarr.open_group(path, mode="w", zarr_format=3)
        for index, group in enumerate(self._groups(path)):
            zarr.open_group(group, mode="w", zarr_format=3)
            self._add_coordinates(group, index)
        _consolidate(path)

    def _add_coordinates(self, group: Path, index: int) -> None:
        """The values of the axes at each point, and its number in the grid."""
        order = self.layout.order[index]
        values = self.layout.sweep.grids[index].values(order) | {POINT: order.astype(np.int64)}
        for name, x in values.items():
            if not self._good(group / name):
                array = zarr.create_array(
                    group / name, data=x, chunks=x.shape, compressors=CODECS, dimension_names=(POINT,)
                )
                assert array.shape == x.shape
        self._add(group, FINISHED, index, (), np.zeros(0, np.bool_))
        grid = self.layout.sweep.grids[index]
        about = {"axes": [name for name, _ in grid.axes], "shape": list(grid.shape)}
        attributes = zarr.open_group(group, mode="r+").attrs
        if dict(attributes) != about:
            attributes.update(about)

    def _add(self, group: Path, name: str, index: int, dims: tuple[str, ...], values: np.ndarray) -> bool:
        """Makes the array of a variable, unless it is there."""
        if self._good(group / name):
            return False
        rest = values.shape[1:]
        zarr.create_array(
            group / name,
            shape=(self.layout.order[index].size, *rest),
            chunks=(self.layout.size[index], *rest),
            dtype=values.dtype,
            fill_value=np.nan if values.dtype.kind == "f" else 0,
            compressors=CODECS,
            dimension_names=(POINT, *dims),
            overwrite=(group / name).exists(),
        )
        return True


def _consolidate(path: Path) -> Any:
    """Metadata all together, so that xarray finds them without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        return zarr.consolidate_metadata(str(path))
