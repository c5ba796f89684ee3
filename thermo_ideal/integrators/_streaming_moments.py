"""Statistics of a stream: reduced a panel at a time on the device, merged in double precision on the host.

Besides the observations themselves, means of blocks of 2, 4, 8 … of them are followed. Their spread tells the
autocorrelation time and the error of the mean in a memory that grows with the logarithm of the length alone.

Sources: Chan, Golub & LeVeque, The American Statistician 37, 242 (1983), merging; Flyvbjerg & Petersen, J. Chem. Phys.
91, 461 (1989), blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from thermo_ideal.integrators._error_of_mean import error_of_mean


@dataclass(frozen=True)
class Level:
    """Count, mean and summed squared departures of observations, or of block means of one length."""

    count: int
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def empty(cls, runs: int) -> Level:
        """No data yet."""
        return cls(0, np.zeros(runs), np.zeros(runs))

    def merge(self, counts: np.ndarray, means: np.ndarray, squares: np.ndarray) -> Level:
        """This and other sets of data, `(sets, runs)`; `counts` is `(sets, 1)`."""
        total = self.count + int(counts.sum())
        if total == self.count:
            return self
        counts = np.concatenate([[[self.count]], counts]) / total
        means = np.concatenate([self.mean[None], means])
        mean = (counts * means).sum(axis=0)
        spread = (counts * (means - mean) ** 2).sum(axis=0)
        return Level(total, mean, self.squares + squares.sum(axis=0) + total * spread)

    def reshape(self, shape: tuple[int, ...]) -> Level:
        """The same in the shape of a batch."""
        return Level(self.count, self.mean.reshape(shape), self.squares.reshape(shape))

    @property
    def sample_variance(self) -> np.ndarray:
        """The unbiased estimate of the variance."""
        return self.squares / max(self.count - 1, 1)


def _whole_blocks(counted: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The first block of a length in each panel that counts as a whole, and the one after the last."""
    return -(-counted[:, 0] // length), counted[:, 1] // length


def _about_mean(
    panels: Mapping[str, np.ndarray], counts: np.ndarray, sums: np.ndarray, squares: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many numbers there are, their means and squares about these, from departures from the reference."""
    gap = sums / np.maximum(counts, 1)
    about = np.maximum(squares * _unit(panels) ** 2 - counts * gap**2, 0.0)
    return counts, panels["reference"].astype(np.float64) + gap, about


def _unit(panels: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.asarray(panels["unit"], np.float64)


@dataclass(frozen=True)
class Moments:
    """Statistics over time of one observable, for each run; each property has the shape of the batch.

    Args:
        observations: the moments of the observations.
        minimum: the smallest observation.
        maximum: the largest.
        length: observations in the shortest block.
        blocks: the moments of means over blocks of `length`, `2 length`, `4 length` … observations.
        pending: for each of these lengths, a block mean that waits for its neighbour, or None.
        looked: whether the run is looked at again and again to decide where it ends, for which errors are widened.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import EulerMaruyama, simulate
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), FixedSphere(0.1, 1.0))
        >>> simulate(jax.random.key(0), EulerMaruyama(sgd), jnp.ones(3), 1000).moments["loss"].count
        1000
    """

    observations: Level
    minimum: np.ndarray
    maximum: np.ndarray
    length: int
    blocks: tuple[Level, ...] = ()
    pending: tuple[np.ndarray | None, ...] = ()
    looked: bool = False

    @classmethod
    def empty(cls, runs: int, length: int) -> Moments:
        """No data yet.

        Args:
            runs: of the batch.
            length: observations in the shortest block.
        """
        return cls(Level.empty(runs), np.full(runs, np.inf), np.full(runs, -np.inf), length)

    def merge(self, counted: np.ndarray, panels: Mapping[str, np.ndarray]) -> Moments:
        """These moments and those of the next panels, in their order.

        Args:
            counted: `(panels, 2)`, the first observation of each that counts and the one after the last.
            panels: one observable's `ChunkSums` with the means of its panels, `(1, …, runs)`.
        """
        counts = counted[:, 1:] - counted[:, :1]
        blocks, pending = list(self.blocks), list(self.pending)

        def add(level: int, *data: np.ndarray) -> None:
            if level == len(blocks):
                blocks.append(Level.empty(panels["reference"].shape[1]))
                pending.append(None)
            blocks[level] = blocks[level].merge(*data)

        within = panels["level_sums"].shape[1]
        for level in range(within):
            first, last = _whole_blocks(counted, self.length << level)
            if (last > first).any():
                sums, squares = panels["level_sums"][:, level], panels["level_squares"][:, level]
                add(level, *_about_mean(panels, np.maximum(last - first, 0)[:, None], sums, squares))
        first, last = _whole_blocks(counted, self.length << within)
        reference = panels["reference"].astype(np.float64)
        means = np.concatenate([reference[i] + panels["blocks"][i, first[i] : last[i]] for i in range(len(counted))])
        level = within
        while len(means):  # two blocks of one length are one of the next; what is left over waits
            add(level, np.ones((len(means), 1)), means, np.zeros_like(means))
            waiting = pending[level]
            if waiting is not None:
                means = np.concatenate([waiting[None], means])
            pending[level] = means[-1] if len(means) % 2 else None
            means = means[: len(means) // 2 * 2].reshape(-1, 2, means.shape[1]).mean(axis=1)
            level += 1
        return Moments(
            self.observations.merge(*_about_mean(panels, counts, panels["total"], panels["squares"])),
            np.minimum(self.minimum, panels["minimum"].min(axis=0)),
            np.maximum(self.maximum, panels["maximum"].max(axis=0)),
            self.length,
            tuple(blocks),
            tuple(pending),
        )

    def reshape(self, shape: tuple[int, ...]) -> Moments:
        """The same in the shape of a batch.

        Args:
            shape: of the batch.
        """
        return Moments(
            self.observations.reshape(shape),
            self.minimum.reshape(shape),
            self.maximum.reshape(shape),
            self.length,
            tuple(level.reshape(shape) for level in self.blocks),
            tuple(None if mean is None else mean.reshape(shape) for mean in self.pending),
        )

    @property
    def count(self) -> int:
        """How many observations there are."""
        return self.observations.count

    @property
    def mean(self) -> np.ndarray:
        """The mean over time."""
        return self.observations.mean

    @property
    def variance(self) -> np.ndarray:
        """The variance over time (population)."""
        return self.observations.squares / max(self.count, 1)

    @property
    def inefficiency(self) -> np.ndarray:
        """`g = 1 + 2Σ_k ρ_k`, with `ρ_k` the autocorrelation at lag `k`: how many observations count as one.

        Infinite where the run is too short to tell.
        """
        return self._inefficiency_and_error[0]

    @property
    def standard_error(self) -> np.ndarray:
        """The standard error of the mean, autocorrelation allowed for; infinite where the run is too short to tell.

        It is such that 95 % of means are within 1.96 errors, also where few blocks say how large it is.
        """
        return self._inefficiency_and_error[1]

    @property
    def _inefficiency_and_error(self) -> tuple[np.ndarray, np.ndarray]:
        blocks = [(level.count, level.sample_variance) for level in self.blocks]
        return error_of_mean(self.count, self.observations.sample_variance, self.length, blocks, self.looked)


@dataclass(frozen=True)
class Covariance:
    """The covariance over time of two observables.

    Args:
        count: how many observations there are.
        first: the mean of the first.
        second: the mean of the second.
        cross: the summed product of their departures.
    """

    count: int
    first: np.ndarray
    second: np.ndarray
    cross: np.ndarray = field(repr=False)

    @classmethod
    def empty(cls, runs: int) -> Covariance:
        """No data yet."""
        return cls(0, np.zeros(runs), np.zeros(runs), np.zeros(runs))

    def merge(
        self, counted: np.ndarray, first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], cross: np.ndarray
    ) -> Covariance:
        """This and the next panels, as in `Moments.merge`; `cross` is `(panels, runs)`."""
        counts = counted[:, 1:] - counted[:, :1]
        total = self.count + int(counts.sum())
        if total == self.count:
            return self
        gaps = [panels["total"] / np.maximum(counts, 1) for panels in (first, second)]
        within = cross * _unit(first) * _unit(second) - counts * gaps[0] * gaps[1]
        share = np.concatenate([[[self.count]], counts]) / total
        means = [
            np.concatenate([own[None], panels["reference"] + gap])
            for own, panels, gap in zip((self.first, self.second), (first, second), gaps, strict=True)
        ]
        centres = [(share * mean).sum(axis=0) for mean in means]
        between = (share * (means[0] - centres[0]) * (means[1] - centres[1])).sum(axis=0)
        return Covariance(total, centres[0], centres[1], self.cross + within.sum(axis=0) + total * between)

    @property
    def value(self) -> np.ndarray:
        """The covariance (population)."""
        return self.cross / max(self.count, 1)
