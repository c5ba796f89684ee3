"""The latest weight vectors of a run, on disk."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import ArrayLike

from thermo_ideal._arguments import require_count, require_finite

_CHUNK = 2**23  # bytes that are written together


class WeightQueue:
    """The last `capacity` weight vectors, one every `spacing` steps, in a Zarr array; the oldest makes room.

    How many bytes it takes is known, and the disk asked for them, before the first is written.

    Args:
        path: of the Zarr array, which is made, or opened where it was made with the same numbers.
        shape: of what is kept, as in `(d,)` or `(replicas, d)`.
        capacity: vectors kept.
        spacing: steps from one to the next.
        dtype: of what is kept.

    Raises:
        ValueError: numbers that are no counts, or an array at `path` that was made with others.
        OSError: the disk has not as many bytes left.

    Example:
        >>> import tempfile, numpy as np
        >>> from thermo_ideal.networks import WeightQueue
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     queue = WeightQueue(f"{folder}/queue.zarr", (3,), capacity=4, spacing=25)
        ...     print(queue)
        ...     for step in range(1, 201):
        ...         queue.update(step, np.full(3, float(step)))
        ...     print(queue.read(every=2)[:, 0], queue.steps)
        WeightQueue: 4 of (3,) float32, one every 25 steps, 48 bytes on disk
        [150. 200.] [125 150 175 200]

    Source: arXiv 2511.07308 keeps 4000 vectors, one every 25 steps.
    """

    def __init__(
        self,
        path: str | Path,
        shape: tuple[int, ...],
        *,
        capacity: int = 4000,
        spacing: int = 25,
        dtype: Any = np.float32,
    ) -> None:
        require_count("capacity", capacity)
        require_count("spacing", spacing)
        self.path, self.shape, self.capacity, self.spacing = Path(path), tuple(shape), capacity, spacing
        self.dtype = np.dtype(dtype)
        if self.path.exists():
            self._array = zarr.open_array(self.path, mode="r+")
            found = (self._array.shape, self._array.dtype, self._array.attrs.get("spacing"))
            if found != ((capacity, *self.shape), self.dtype, spacing):
                raise ValueError(
                    f"{self.path}: got an array of {found[0]} {found[1]} with spacing {found[2]}, expected "
                    f"{(capacity, *self.shape)} {self.dtype} with {spacing}; name another path"
                )
        else:
            self._require_room()
            rows = min(capacity, max(1, _CHUNK // max(self.nbytes // capacity, 1)))
            self._array = zarr.create_array(
                self.path,
                shape=(capacity, *self.shape),
                chunks=(rows, *self.shape),
                dtype=self.dtype,
                compressors=None,
                attributes={"spacing": spacing, "steps": [], "kept": 0},
            )
        attributes: Any = self._array.attrs
        self._steps, self._kept = list(map(int, attributes["steps"])), int(attributes["kept"])
        self._pending: list[np.ndarray] = []

    @property
    def nbytes(self) -> int:
        """What the whole queue takes on disk: weights hardly compress, so they are kept as they are."""
        return self.capacity * math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        return (
            f"WeightQueue: {self.capacity} of {self.shape} {self.dtype}, one every {self.spacing} steps, "
            f"{self.nbytes:,} bytes on disk"
        )

    def _require_room(self) -> None:
        folder = self.path.resolve().parent
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        if free < self.nbytes:
            fits = max(free // max(self.nbytes // self.capacity, 1), 1)
            raise OSError(
                f"{self.path}: got {free:,} bytes left on the disk, expected {self.nbytes:,} for the queue; name "
                f"another disk, or keep fewer, as in capacity={fits}"
            )

    @property
    def steps(self) -> np.ndarray:
        """The steps after which the vectors were kept, oldest first."""
        return np.array(self._steps[-self.capacity :], int)

    def update(self, step: int, weights: ArrayLike) -> None:
        """Keeps the weights after a step, if it is a multiple of the spacing and later than those that are there.

        Args:
            step: how many steps have been made.
            weights: of the queue's shape.

        Raises:
            ValueError: another shape, or weights that are not finite.
        """
        if step % self.spacing or (self._steps and step <= self._steps[-1]):
            return
        require_finite("weights", weights)
        array = np.asarray(weights, self.dtype)
        if array.shape != self.shape:
            raise ValueError(f"weights: got shape {array.shape}, expected {self.shape}")
        self._pending.append(array.copy())
        self._steps.append(int(step))
        if len(self._pending) == self._array.chunks[0]:
            self.flush()

    def flush(self) -> None:
        """Writes what waits for its chunk to be full."""
        if not self._pending:
            return
        places = (self._kept + np.arange(len(self._pending))) % self.capacity
        for first, rows in _runs(places):
            self._array[first : first + len(rows)] = np.stack([self._pending[i] for i in rows])
        self._kept, self._steps, self._pending = self._kept + len(self._pending), self.steps.tolist(), []
        self._array.attrs.update({"kept": self._kept, "steps": self._steps})

    def read(self, every: int = 1) -> np.ndarray:
        """The vectors in the order of time, so that the latest is among them.

        Args:
            every: one of so many: the spacing times it.

        Returns:
            `(kept, *shape)`.
        """
        require_count("every", every)
        self.flush()
        have = min(self._kept, self.capacity)
        order = (self._kept - 1 - np.arange(0, have, every))[::-1] % self.capacity
        return np.asarray(self._array.oindex[np.unique(order)])[np.searchsorted(np.unique(order), order)]


def _runs(places: np.ndarray) -> Iterator[tuple[int, list[int]]]:
    """Neighbouring places, as the first of them and the indices that go there."""
    breaks = [0, *(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(places)]
    for begin, end in pairwise(breaks):
        yield int(places[begin]), list(range(begin, end))
