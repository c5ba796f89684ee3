"""A sweep cut into blocks. It follows from the spec alone, so that results do not depend on who simulates what."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from math import prod

import numpy as np

from thermo_ideal.sweeps._block import Block
from thermo_ideal.sweeps._grid import Grid
from thermo_ideal.sweeps._registry import experiment_named
from thermo_ideal.sweeps._schedule import scheduled
from thermo_ideal.sweeps._sweep import Sweep

_RUNS = 8192  # of a block: enough to keep threads busy, and that to write it costs little
_BYTES = 2**28  # of a block
_MOST_BLOCKS = 10_000  # the list of those that are finished is written after each


@dataclass(frozen=True)
class Layout:
    """Blocks of points, with the steps that they make.

    Args:
        sweep: what is cut.
        order: of each grid, the numbers of its points, block after block, `(points,)`.
        size: of each grid, points of a block; the last one may have fewer.
        relaxation_time: of each grid and point, in steps, or None.
        steps: `(num_steps, burn_in, interval)` of each block, `(blocks, 3)`.
    """

    sweep: Sweep
    order: tuple[np.ndarray, ...]
    size: tuple[int, ...]
    relaxation_time: tuple[np.ndarray | None, ...]
    steps: np.ndarray

    @classmethod
    def of(cls, sweep: Sweep) -> Layout:
        """Cuts a sweep."""
        own = experiment_named(sweep.experiment)
        orders, sizes, times, steps = [], [], [], []
        for grid in sweep.grids:
            schedule = (own.schedule or scheduled)(sweep, grid)
            dimension = grid.values(np.arange(grid.size)).get("dimension", np.zeros(grid.size))
            order = np.lexsort((schedule.order, dimension))
            size = _size(sweep, grid, (own.points_per_block or points_per_block)(sweep, grid))
            for begin in range(0, grid.size, size):
                steps.append(schedule.of(order[begin : begin + size], sweep.stride))
            orders.append(order)
            sizes.append(size)
            times.append(schedule.relaxation_time)
        return cls(sweep, tuple(orders), tuple(sizes), tuple(times), np.array(steps, np.int64).reshape(-1, 3))

    @property
    def counts(self) -> tuple[int, ...]:
        """How many blocks each grid has."""
        return tuple(-(-order.size // size) for order, size in zip(self.order, self.size, strict=True))

    def place(self, number: int) -> tuple[int, int, int]:
        """The grid of a block, and where in its order it begins and ends."""
        for i, count in enumerate(self.counts):
            if number < count:
                begin = number * self.size[i]
                return i, begin, min(begin + self.size[i], self.order[i].size)
            number -= count
        raise IndexError(number)

    def block(self, number: int) -> Block:
        """A block by its number."""
        i, begin, end = self.place(number)
        num_steps, burn_in, interval = self.steps[number].tolist()
        points, times = self.order[i][begin:end], self.relaxation_time[i]
        time = None if times is None else times[points]
        return Block(self.sweep, self.sweep.grids[i], number, points, num_steps, burn_in, interval, time)

    @property
    def costs(self) -> np.ndarray:
        """Steps of all runs of each block together."""
        sizes = [end - begin for _, begin, end in map(self.place, range(len(self.steps)))]
        return self.steps[:, 0] * np.array(sizes, np.int64) * self.sweep.replicas

    def to_bytes(self) -> bytes:
        """The file of a layout."""
        arrays = {f"order/{i}": order for i, order in enumerate(self.order)}
        arrays |= {f"time/{i}": time for i, time in enumerate(self.relaxation_time) if time is not None}
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, size=np.array(self.size), steps=self.steps, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, sweep: Sweep, content: bytes) -> Layout:
        """A layout from its file."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            orders = tuple(file[f"order/{i}"] for i in range(len(sweep.grids)))
            times = tuple(file[f"time/{i}"] if f"time/{i}" in file.files else None for i in range(len(sweep.grids)))
            return cls(sweep, orders, tuple(file["size"].tolist()), times, file["steps"])

    @property
    def digest(self) -> str:
        """Different for layouts that are not equal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:16]


def bytes_of_run(sweep: Sweep, grid: Grid) -> int:
    """About how much memory one run takes while it is simulated; samples that an experiment keeps are not counted."""
    itemsize = 8 if sweep.precision == "float64" else 4
    dimension = float(grid.values(np.arange(grid.size)).get("dimension", np.array([sweep.dimension])).max())
    numbers = 2.0 if sweep.integrator == "zonal" else dimension
    return int(10 * itemsize * numbers + 4000)


def points_per_block(sweep: Sweep, grid: Grid) -> int:
    """As many as give a few thousand runs, or fit the memory of a block."""
    runs = min(_RUNS, _BYTES // bytes_of_run(sweep, grid))
    return max(1, runs // sweep.replicas, -(-grid.size // _MOST_BLOCKS))


def _size(sweep: Sweep, grid: Grid, wanted: int) -> int:
    """Points of a block: those that are wanted, or such that all points of a block have one dimension."""
    if isinstance(sweep.block_points, int):
        wanted = sweep.block_points
    dimensions = dict(grid.axes)["dimension"].array.size if "dimension" in dict(grid.axes) else 1
    group = prod(grid.shape) // dimensions
    wanted = min(wanted, group)
    if dimensions == 1:
        return wanted
    return max(size for size in range(1, wanted + 1) if group % size == 0)
