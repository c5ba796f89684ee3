"""Statistics of a stream: reduced a panel at a time on the device, merged in double precision on the host.

Besides the observations themselves, means of blocks of 2, 4, 8 … of them are followed. Their spread tells the
autocorrelation time and the error of the mean in a memory that grows with the logarithm of the length alone.

Sources: Chan, Golub & LeVeque, The American Statistician 37, 242 (1983), merging; Flyvbjerg & Petersen, J. Chem. Phys.
91, 461 (1989), blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thermo_ideal.integrators._error_of_mean import error_of_mean
from thermo_ideal.numerics import power_of_two

BLOCK = 16  # observations in the blocks whose means leave the device


def reduce_panel(
    panel: dict[str, Array], begin: Array, end: Array, covariances: tuple[tuple[str, str], ...]
) -> tuple[dict[str, dict[str, Array]], dict[str, Any]]:
    """Reduces a panel of observations, `(n, runs)` each, of which `begin ≤ i < end` count.

    Args:
        panel: by observable; `n` is a power of two.
        begin: the first observation that counts.
        end: after the last.
        covariances: pairs of observables.

    Returns:
        By observable, for each run: "reference", from which all else departs, so that single precision is enough;
        "sum" of the departures, "unit", a power of two near the largest, "squares", the sum of their squares in units
        of its square, "minimum" and "maximum", "first_bad", the first observation that is not finite, or `n`, and the
        means of "blocks" of `BLOCK` observations, `(n/BLOCK, runs)`. And of them all: "cross", the summed products of
        the departures of each pair in units of both. In these units no square of an extreme number is lost, and no
        digit changes.
    """
    # All observables in one row: loops over short inner axes are slow on a CPU.
    names, series = list(panel), jnp.concatenate(list(panel.values()), axis=1)
    n = series.shape[0]
    index = jnp.arange(n)[:, None]
    counted = (index >= begin) & (index < end)
    reference = series[jnp.maximum(end - 1, 0)]
    departure = jnp.where(counted, series - reference[None], 0.0)
    size = min(BLOCK, n)
    minimum = jnp.where(counted, series, jnp.inf).min(axis=0)
    maximum = jnp.where(counted, series, -jnp.inf).max(axis=0)
    unit = power_of_two(jnp.maximum(maximum - reference, reference - minimum))
    scaled = departure * (1 / unit)[None]
    reduced = {
        "reference": reference,
        "sum": departure.sum(axis=0),
        "unit": unit,
        "squares": (scaled**2).sum(axis=0),
        "minimum": minimum,
        "maximum": maximum,
        "blocks": departure.reshape(n // size, size, -1).mean(axis=1),
        "first_bad": jnp.where(jnp.isfinite(series) | (index >= end), n, index).min(axis=0),
    }

    def of(name: str, x: Array) -> Array:
        return jnp.split(x, len(names), axis=-1)[names.index(name)]

    together = {"cross": [(of(a, scaled) * of(b, scaled)).sum(axis=0) for a, b in covariances]}
    return {name: {key: of(name, x) for key, x in reduced.items()} for name in names}, together


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
            panels: one observable's results of `reduce_panel`, `(panels, …, runs)`; the unit is 1 where it is left out.
        """
        counts = counted[:, 1:] - counted[:, :1]
        reference = panels["reference"].astype(np.float64)
        gap = panels["sum"] / np.maximum(counts, 1)
        squares = np.maximum(panels["squares"] * _unit(panels) ** 2 - counts * gap**2, 0.0)
        first, last = -(-counted[:, 0] // self.length), counted[:, 1] // self.length
        means = [reference[i] + panels["blocks"][i, first[i] : last[i]] for i in range(len(counted))]
        blocks, pending = self._with_blocks(np.concatenate(means))
        return Moments(
            self.observations.merge(counts, reference + gap, squares),
            np.minimum(self.minimum, panels["minimum"].min(axis=0)),
            np.maximum(self.maximum, panels["maximum"].max(axis=0)),
            self.length,
            blocks,
            pending,
        )

    def _with_blocks(self, means: np.ndarray) -> tuple[tuple[Level, ...], tuple[np.ndarray | None, ...]]:
        """Two blocks of one length are one of the next; what is left over waits."""
        blocks, pending, level = list(self.blocks), list(self.pending), 0
        while len(means):
            if level == len(blocks):
                blocks.append(Level.empty(means.shape[1]))
                pending.append(None)
            blocks[level] = blocks[level].merge(np.ones((len(means), 1)), means, np.zeros_like(means))
            waiting = pending[level]
            if waiting is not None:
                means = np.concatenate([waiting[None], means])
            pending[level] = means[-1] if len(means) % 2 else None
            means = means[: len(means) // 2 * 2].reshape(-1, 2, means.shape[1]).mean(axis=1)
            level += 1
        return tuple(blocks), tuple(pending)

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
        gaps = [panels["sum"] / np.maximum(counts, 1) for panels in (first, second)]
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
