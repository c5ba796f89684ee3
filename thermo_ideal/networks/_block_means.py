"""Means over blocks of a stream, in a memory that does not grow."""

from __future__ import annotations

import numpy as np

from thermo_ideal.estimators import Estimate

_CAPACITY = 32  # blocks; of so many, pairs are joined


class BlockMeans:
    """Means of 16 to 31 blocks of equal length, which doubles as the stream goes on.

    Blocks are taken for independent: the stream must be many times longer than its correlation time.
    """

    def __init__(self) -> None:
        self.count = 0
        self._length, self._within = 1, 0
        self._blocks: list[np.ndarray] = []
        self._sum: np.ndarray | float = 0.0

    def add(self, values: np.ndarray) -> None:
        """One more observation, of the shape of the others."""
        self.count += 1
        self._sum = self._sum + np.asarray(values, np.float64)
        self._within += 1
        if self._within == self._length:
            self._blocks.append(np.asarray(self._sum / self._length))
            self._sum, self._within = 0.0, 0
        if len(self._blocks) == _CAPACITY:
            self._blocks = [(a + b) / 2 for a, b in zip(self._blocks[::2], self._blocks[1::2], strict=True)]
            self._length *= 2

    def estimate(self, name: str) -> Estimate:
        """The mean over whole blocks, with the error of their spread.

        Raises:
            ValueError: fewer than two observations.
        """
        if len(self._blocks) < 2:
            raise ValueError(f"{name}: got {self.count} observations, expected at least 2; update after each step")
        return Estimate(np.stack(self._blocks, axis=-1))
