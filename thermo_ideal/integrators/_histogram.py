"""A histogram of the depth whose bins are as fine near either pole as at the equator."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

_OCTAVES = 64  # of the odds u/(2 − u), on either side of 1


@dataclass(frozen=True)
class DepthHistogram:
    """How often the depth `u = 1 − m` of each run fell in each bin, all bins equally wide in `log₂(u/(2−u))`.

    Quantiles of `u` have a relative error below `2^{1/bins_per_octave} − 1`, whatever the temperature, and so have
    those of `2 − u` as far as `u` has its digits. Odds beyond 2^±64 are counted in the outer bins.

    Args:
        counts: `(bins, *batch)`.
        bins_per_octave: how fine the bins are.

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
        """The depth below which a share `probability` of the observations lies, for each run.

        Raises:
            ValueError: `probability` is not between 0 and 1, or there is no observation.
        """
        if not 0 < probability < 1:
            raise ValueError(
                f"probability: got {probability}, expected a number between 0 and 1, as in probability=0.5"
            )
        total = self.counts.sum(axis=0)
        if not (total > 0).all():
            raise ValueError("counts: got a run without observations, expected some after the burn-in")
        below = np.cumsum(self.counts, axis=0)
        wanted = probability * total
        index = (below < wanted).sum(axis=0)
        inside = np.take_along_axis(self.counts, index[None], axis=0)[0]
        start = np.take_along_axis(below, index[None], axis=0)[0] - inside
        odds = 2.0 ** ((index + (wanted - start) / inside) / self.bins_per_octave - _OCTAVES)
        return np.asarray(2 * odds / (1 + odds))


def empty(lanes: int, bins_per_octave: int) -> Array:
    """No counts yet, `(bins, lanes)`."""
    return jnp.zeros((2 * _OCTAVES * bins_per_octave, lanes), jnp.int32)


def add(counts: Array, depth: Array, counted: Array, bins_per_octave: int) -> Array:
    """Counts and those of depths `(n, lanes)` where `counted`."""
    depth = jnp.clip(depth, 0, 2)  # rounding may put the antipode beyond 2
    log_odds = jnp.log2(depth) - jnp.log2(2 - depth)
    index = jnp.clip((log_odds + _OCTAVES) * bins_per_octave, 0, counts.shape[0] - 1).astype(jnp.int32)
    lanes, counted = jnp.broadcast_arrays(jnp.arange(depth.shape[1])[None], counted)
    lanes, counted = (jnp.broadcast_to(x, index.shape) for x in (lanes, counted))
    return counts.at[index, lanes].add(counted.astype(jnp.int32))
