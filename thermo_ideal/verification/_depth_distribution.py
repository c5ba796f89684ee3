"""The distribution of the depth under a law on the sphere whose density is a function of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal.special import log_sphere_area

_SCAN = np.concatenate([[1e-12], 2 * np.arctan(np.exp(np.linspace(-54.0, 54.0, 4001) / 2)), [np.pi - 1e-12]])
_NODES, _CUT = 4001, 45.0


@dataclass(frozen=True, eq=False)
class DepthDistribution:
    """A distribution of the depth `u = 1 − m`, on nodes.

    Args:
        depths: nodes, ascending.
        weights: their probabilities, for means of functions of the depth.
        cumulative: `P(u' ≤ u)` at the nodes.
    """

    depths: np.ndarray
    weights: np.ndarray
    cumulative: np.ndarray

    @classmethod
    def of(cls, density: Callable[[np.ndarray], np.ndarray], dimension: int) -> DepthDistribution:
        """That of a law on the sphere.

        Args:
            density: with respect to the sphere's surface, a function of arrays of depths; what is negative counts as 0.
            dimension: `d ≥ 2`.
        """

        def of_angle(theta: np.ndarray) -> np.ndarray:
            with np.errstate(divide="ignore"):
                rest = (dimension - 2) * np.log(np.sin(theta)) + float(log_sphere_area(dimension - 1))
                return np.asarray(rest + np.log(np.maximum(density(2 * np.sin(theta / 2) ** 2), 0.0)))

        heights = of_angle(_SCAN)
        inside = np.flatnonzero(heights > heights.max() - _CUT)
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(_SCAN) - 1)
        theta = np.linspace(_SCAN[first], _SCAN[last], _NODES)
        values = np.exp(of_angle(theta))
        cumulative = scipy.integrate.cumulative_simpson(values, x=theta, initial=0.0)
        rule = scipy.integrate.simpson(np.eye(3), x=[0.0, 1.0, 2.0])
        weights = np.zeros(_NODES)
        for place, share in enumerate(rule):
            weights[place : _NODES - 2 + place : 2] += share
        weights *= values * (theta[1] - theta[0])
        return cls(2 * np.sin(theta / 2) ** 2, weights / weights.sum(), cumulative / cumulative[-1])

    def quantile_of(self, depth: np.ndarray) -> np.ndarray:
        """`P(u' ≤ u)` at any depths, which is uniform where they have this distribution."""
        return np.asarray(np.interp(depth, self.depths, self.cumulative))
