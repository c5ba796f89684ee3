"""The bias of the entropy by nearest neighbours, on exact samples of the von Mises–Fisher law."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import numpy as np

from thermo_ideal.estimators import entropy_calibration, spherical_entropy

_TEMPERATURES, _REPETITIONS, _REPLICAS = 6, 12, 8  # between which the bias is interpolated, and runs at each
_DIGITS = 3  # of the temperatures between which it is


@dataclass(frozen=True, eq=False)
class NeighbourCalibration:
    """The bias of `spherical_entropy(pooled=False)` as a function `a + bT`, fitted to runs of exact samples.

    Args:
        coefficients: `a` and `b`; `a` alone where there is one temperature.
        covariance: theirs.
    """

    coefficients: np.ndarray
    covariance: np.ndarray

    def at(self, temperature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The bias at temperatures of any shape, and its standard error, which all points share.

        Args:
            temperature: `T`.
        """
        design = np.asarray(temperature)[..., None] ** np.arange(len(self.coefficients))
        variance = np.einsum("...i,ij,...j->...", design, self.covariance, design)
        return design @ self.coefficients, np.sqrt(variance)


def neighbour_calibration(dimension: int, samples: int, temperature: np.ndarray) -> NeighbourCalibration:
    """Calibrates the estimator at the dimension, the samples a run, and over the temperatures of measurements.

    Args:
        dimension: `d`.
        samples: of each run.
        temperature: `T`, any shape.

    Raises:
        ValueError: too few samples for the dimension.
    """
    ends = (float(f"{T:.{_DIGITS}g}") for T in (temperature.min(), temperature.max()))
    return _calibrated(dimension, samples, *ends)


@lru_cache(maxsize=16)
def _calibrated(dimension: int, samples: int, coldest: float, hottest: float) -> NeighbourCalibration:
    temperatures = np.unique(np.linspace(coldest, hottest, _TEMPERATURES))
    found = [
        entropy_calibration(
            partial(spherical_entropy, pooled=False),
            dimension,
            float(T),
            replicas=_REPLICAS,
            samples=samples,
            repetitions=_REPETITIONS,
            key=jax.random.key(i),
        )
        for i, T in enumerate(temperatures)
    ]
    y = np.concatenate([one.errors.values for one in found])
    degrees = min(len(temperatures), 2)
    design = np.repeat(temperatures, _REPETITIONS)[:, None] ** np.arange(degrees)
    fit = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ fit
    covariance = np.linalg.inv(design.T @ design) * (residual @ residual) / (len(y) - degrees)
    return NeighbourCalibration(fit, covariance)
