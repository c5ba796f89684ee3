"""The bias of the entropy by nearest neighbours, on exact samples of the von Mises–Fisher law."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.estimators import spherical_entropy
from thermo_ideal.verification._depth_distribution import DepthDistribution
from thermo_ideal.verification._step_numbers import on_host

_TEMPERATURES, _RUNS = 6, 100  # between which the bias is interpolated, and runs at each
_DIGITS = 3  # of the temperatures between which it is


@dataclass(frozen=True, eq=False)
class NeighbourCalibration:
    """The bias of `spherical_entropy(pooled=False)` as a function `a + bT`, fitted to runs of exact samples.

    Args:
        coefficients: `a` and `b`.
        covariance: theirs.
    """

    coefficients: np.ndarray
    covariance: np.ndarray

    def at(self, temperature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The bias at temperatures of any shape, and its standard error, which all points share.

        Args:
            temperature: `T`.
        """
        design = np.stack([np.ones_like(temperature), temperature], axis=-1)
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
    rng = np.random.default_rng(0)
    temperatures = np.linspace(coldest, hottest, _TEMPERATURES)
    design, biases = [], []
    for T in temperatures:
        entropy, log_normalizer = on_host(lambda k: (vmf.entropy(dimension, k), vmf.log_normalizer(dimension, k)), 1 / T)
        law = DepthDistribution.of(lambda u, T=T, c=log_normalizer: np.exp(c + (1 - u) / T), dimension)
        depth = np.interp(rng.random((_RUNS, samples)), law.cumulative, law.depths)
        around = rng.normal(size=(_RUNS, samples, dimension - 1))
        around /= np.linalg.norm(around, axis=-1, keepdims=True)
        directions = np.concatenate([(1 - depth)[..., None], np.sqrt(depth * (2 - depth))[..., None] * around], axis=-1)
        biases.append(spherical_entropy(directions, pooled=False).values - entropy)
        design.append(np.stack([np.ones(_RUNS), np.full(_RUNS, T)], axis=-1))
    x, y = np.concatenate(design), np.concatenate(biases)
    fit, residual, *_ = np.linalg.lstsq(x, y, rcond=None)
    covariance = np.linalg.inv(x.T @ x) * residual[0] / (len(y) - 2)
    return NeighbourCalibration(fit, covariance)
