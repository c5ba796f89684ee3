"""Mean and variance of a stream."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Count, mean and summed squared departures, merged chunk by chunk in double precision.

    Source: Chan, Golub & LeVeque, The American Statistician 37, 242 (1983).
    """

    count: int
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def empty(cls, lanes: int) -> "Moments":
        """No data yet."""
        return cls(0, np.zeros(lanes), np.zeros(lanes))

    def merge(self, count: int, mean: np.ndarray, squares: np.ndarray) -> "Moments":
        """These moments and those of another stretch of the stream."""
        if count == 0:
            return self
        total = self.count + count
        gap = mean.astype(np.float64) - self.mean
        return Moments(
            total,
            self.mean + gap * (count / total),
            self.squares + squares + gap**2 * (self.count * count / total),
        )

    @property
    def variance(self) -> np.ndarray:
        """Population variance."""
        return self.squares / self.count

    def reshape(self, shape: tuple[int, ...]) -> "Moments":
        """The same moments in the shape of a batch."""
        return Moments(self.count, self.mean.reshape(shape), self.squares.reshape(shape))
