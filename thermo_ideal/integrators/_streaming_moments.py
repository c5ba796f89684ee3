"""Statistics of a stream: added up a chunk at a time on the device, merged in double precision on the host.

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

    def merge(self, count: int, mean: np.ndarray, squares: np.ndarray) -> Level:
        """This and other data."""
        total = self.count + count
        if total == self.count:
            return self
        share, gap = count / total, mean - self.mean
        spread = self.count * share * gap**2
        return Level(total, self.mean + share * gap, self.squares + squares + spread)

    def append(self, means: np.ndarray) -> Level:
        """This and more data, one row after another."""
        mean = means.mean(axis=0)
        return self.merge(len(means), mean, ((means - mean) ** 2).sum(axis=0))

    def reshape(self, shape: tuple[int, ...]) -> Level:
        """The same in the shape of a batch."""
        return Level(self.count, self.mean.reshape(shape), self.squares.reshape(shape))

    @property
    def sample_variance(self) -> np.ndarray:
        """The unbiased estimate of the variance."""
        return self.squares / max(self.count - 1, 1)


def _about_mean(
    chunk: Mapping[str, np.ndarray], count: int, sums: np.ndarray, squares: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """How many numbers there are, their mean and squares about it, from departures from the reference."""
    gap = sums / max(count, 1)
    about = np.maximum(squares * chunk["unit"] ** 2 - count * gap**2, 0.0)
    return count, chunk["reference"] + gap, about


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

    def merge(self, begin: int, end: int, chunk: Mapping[str, np.ndarray]) -> Moments:
        """These moments and those of the next chunk.

        Args:
            begin: the first observation of the chunk that counts.
            end: the one after the last.
            chunk: one observable's `ChunkSums` in double precision, `(…, runs)`, and "blocks", the mean departures of
                the panels.
        """
        blocks, pending = list(self.blocks), list(self.pending)

        def level(number: int) -> Level:
            if number == len(blocks):
                blocks.append(Level.empty(chunk["reference"].shape[0]))
                pending.append(None)
            return blocks[number]

        def whole(number: int) -> slice:
            """The blocks of a length that count as a whole."""
            length = self.length << number
            return slice(-(-begin // length), max(end // length, -(-begin // length)))

        within = len(chunk["level_sums"])
        for number in range(within):
            counted = whole(number).stop - whole(number).start
            if counted:
                sums, squares = chunk["level_sums"][number], chunk["level_squares"][number]
                blocks[number] = level(number).merge(*_about_mean(chunk, counted, sums, squares))
        means = chunk["reference"] + chunk["blocks"][whole(within)]
        number = within
        while len(means):  # two blocks of one length are one of the next; what is left over waits
            blocks[number] = level(number).append(means)
            waiting = pending[number]
            if waiting is not None:
                means = np.concatenate([waiting[None], means])
            pending[number] = means[-1] if len(means) % 2 else None
            means = means[: len(means) // 2 * 2].reshape(-1, 2, means.shape[1]).mean(axis=1)
            number += 1
        return Moments(
            self.observations.merge(*_about_mean(chunk, end - begin, chunk["total"], chunk["squares"])),
            np.minimum(self.minimum, chunk["minimum"]),
            np.maximum(self.maximum, chunk["maximum"]),
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
        self, count: int, first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], cross: np.ndarray
    ) -> Covariance:
        """This and the next chunk.

        Args:
            count: observations of it that count.
            first: its sums of the first observable, as in `Moments.merge`.
            second: of the second.
            cross: the summed products of their departures, in units.
        """
        total = self.count + count
        if total == self.count:
            return self
        gaps = [chunk["total"] / count for chunk in (first, second)]
        within = cross * first["unit"] * second["unit"] - count * gaps[0] * gaps[1]
        means = [chunk["reference"] + gap for chunk, gap in zip((first, second), gaps, strict=True)]
        apart = [mean - own for mean, own in zip(means, (self.first, self.second), strict=True)]
        share = count / total
        between = self.count * share * apart[0] * apart[1]
        centres = [own + share * gap for own, gap in zip((self.first, self.second), apart, strict=True)]
        return Covariance(total, centres[0], centres[1], self.cross + within + between)

    @property
    def value(self) -> np.ndarray:
        """The covariance (population)."""
        return self.cross / max(self.count, 1)
