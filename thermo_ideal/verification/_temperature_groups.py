"""Points of a grid that have one temperature, and so one law of the direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermo_ideal.verification._comparison import Comparison

_SAME = 1e-6  # of a temperature


@dataclass(frozen=True, eq=False)
class TemperatureGroups:
    """The stationary points of a comparison by temperature.

    Args:
        temperatures: those that differ, ascending, `(groups,)`.
        points: which points have each, flat indices.
    """

    temperatures: np.ndarray
    points: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, comparison: Comparison) -> TemperatureGroups:
        """Those of a comparison."""
        points = np.flatnonzero(comparison.stationary)
        temperature = comparison.state["temperature"].ravel()[points]
        order = np.argsort(temperature, kind="stable")
        points, temperature = points[order], temperature[order]
        starts = np.flatnonzero(np.diff(temperature, prepend=-np.inf) > _SAME * temperature)
        return cls(temperature[starts], tuple(np.split(points, starts[1:])) if len(points) else ())

    def means(self, values: np.ndarray) -> np.ndarray:
        """Means over the points of each group.

        Args:
            values: `(*grid, replicas)`.

        Returns:
            `(groups, replicas)`.
        """
        flat = values.reshape(-1, values.shape[-1])
        return np.stack([flat[points].mean(axis=0) for points in self.points])
