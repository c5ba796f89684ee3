"""Histograms over time: of any observable between given edges, and of the depth with a relative error."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

_OCTAVES = 64  # of the odds u/(2 − u), on either side of 1


class AbstractBins(abc.ABC):
    """Which bin a number falls in."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many bins there are."""

    @abc.abstractmethod
    def index(self, x: Array) -> Array:
        """The numbers of the bins of an array."""

    def empty(self, runs: int) -> Array:
        """No counts yet, `(bins, runs)`."""
        return jnp.zeros((self.size, runs), jnp.int32)

    def add(self, counts: Array, x: Array, counted: Array) -> Array:
        """Counts and those of observations `(n, runs)` where `counted`."""
        index = self.index(x)
        runs, counted = jnp.broadcast_arrays(jnp.arange(x.shape[1])[None], counted)
        runs, counted = (jnp.broadcast_to(part, index.shape) for part in (runs, counted))
        return counts.at[index, runs].add(counted.astype(jnp.int32))


@dataclass(frozen=True)
class OddsBins(AbstractBins):
    """Equally wide bins in `log₂(u/(2−u))`, the logarithm of the odds of the depth.

    Args:
        per_octave: how many to a factor of 2.
    """

    per_octave: int

    @property
    def size(self) -> int:
        """How many bins there are."""
        return 2 * _OCTAVES * self.per_octave

    def index(self, x: Array) -> Array:
        """The numbers of the bins of depths."""
        depth = jnp.clip(x, 0, 2)  # rounding may put the antipode beyond 2
        log_odds = jnp.log2(depth) - jnp.log2(2 - depth)
        return jnp.clip((log_odds + _OCTAVES) * self.per_octave, 0, self.size - 1).astype(jnp.int32)


@dataclass(frozen=True)
class EdgeBins(AbstractBins):
    """Bins between edges, and one at either end for what lies outside.

    Args:
        edges: in increasing order; a bin has its lower edge and not its upper one.
    """

    edges: tuple[float, ...]

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self.edges) + 1

    def index(self, x: Array) -> Array:
        """The numbers of the bins of an array."""
        return jnp.searchsorted(jnp.asarray(self.edges, x.dtype), x, side="right")


@dataclass(frozen=True)
class Histogram:
    """How often an observable of each run fell between two neighbouring edges.

    Args:
        counts: `(bins, *batch)`, at or above an edge and below the next.
        edges: `(bins + 1,)`, in increasing order.
        below: observations under the first edge, `(*batch)`.
        above: observations at or over the last edge, `(*batch)`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.integrators import Histogram
        >>> Histogram(np.array([1, 2]), np.array([0.0, 0.5, 1.0]), below=np.array(0), above=np.array(1)).density
        array([0.5, 1. ])
    """

    counts: np.ndarray
    edges: np.ndarray
    below: np.ndarray
    above: np.ndarray

    @property
    def density(self) -> np.ndarray:
        """The share of the observations in a bin over its width, `(bins, *batch)`; NaN without observations."""
        total = self.below + self.counts.sum(axis=0) + self.above
        width = np.diff(self.edges).reshape(-1, *[1] * (self.counts.ndim - 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.counts / (total * width))


@dataclass(frozen=True)
class DepthHistogram:
    """How often the depth `u = 1 − m` of each run fell in each bin, all bins equally wide in `log₂(u/(2−u))`.

    Quantiles of `u` have a relative error below `2^{1/bins_per_octave} − 1`, whatever the temperature, and so have
    those of `2 − u` as far as `u` has its digits. Odds beyond 2^±64 are counted in the outer bins.

    Args:
        counts: `(bins, *batch)`.
        bins_per_octave: how fine the bins are.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.integrators import DepthHistogram
        >>> DepthHistogram(np.full(128, 10), bins_per_octave=1).edges[63:66].round(3)  # at depths around the equator
        array([0.667, 1.   , 1.333])

    Source: the relative-error sketch of Masson, Rim & Lee, Proc. VLDB Endowment 12, 2195 (2019), for odds.
    """

    counts: np.ndarray
    bins_per_octave: int

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins in `u`, one more than there are bins; the outer ones are 0 and 2."""
        log_odds = np.arange(len(self.counts) + 1) / self.bins_per_octave - _OCTAVES
        odds = 2.0**log_odds
        edges = 2 * odds / (1 + odds)
        edges[[0, -1]] = 0.0, 2.0
        return edges

    def quantile(self, probability: float) -> np.ndarray:
        """The depth below which a share `probability` of the observations lies, for each run; NaN where a run has none.

        Args:
            probability: between 0 and 1.

        Raises:
            ValueError: `probability` is not between 0 and 1, or there is no observation at all.
        """
        if not 0 < probability < 1:
            raise ValueError(
                f"probability: got {probability}, expected a number between 0 and 1, as in probability=0.5"
            )
        total = self.counts.sum(axis=0)
        if not (total > 0).any():
            raise ValueError("counts: got a run without observations, expected some after the burn-in")
        below = np.cumsum(self.counts, axis=0)
        wanted = probability * total
        index = (below < wanted).sum(axis=0)
        inside = np.take_along_axis(self.counts, index[None], axis=0)[0]
        start = np.take_along_axis(below, index[None], axis=0)[0] - inside
        with np.errstate(invalid="ignore"):
            share = (wanted - start) / inside
        odds = 2.0 ** ((index + share) / self.bins_per_octave - _OCTAVES)
        return np.asarray(2 * odds / (1 + odds))
