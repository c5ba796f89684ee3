"""The bias of the entropy by nearest neighbours, on exact samples of the von Mises–Fisher law."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import jax
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
    rng = np.random.default_rng(0)
    temperatures = np.unique(np.linspace(coldest, hottest, _TEMPERATURES))
    biases = []
    for T in temperatures:
        entropy, log_peak = on_host(partial(_entropy_and_peak, dimension), np.array(1 / T))
        law = DepthDistribution.of(partial(_density, float(T), float(log_peak)), dimension)
        depth = np.interp(rng.random((_RUNS, samples)), law.cumulative, law.depths)
        around = rng.normal(size=(_RUNS, samples, dimension - 1))
        around /= np.linalg.norm(around, axis=-1, keepdims=True)
        directions = np.concatenate([(1 - depth)[..., None], np.sqrt(depth * (2 - depth))[..., None] * around], axis=-1)
        biases.append(spherical_entropy(directions, pooled=False).values - entropy)
    y = np.concatenate(biases)
    degrees = min(len(temperatures), 2)
    design = np.repeat(temperatures, _RUNS)[:, None] ** np.arange(degrees)
    fit = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ fit
    covariance = np.linalg.inv(design.T @ design) * (residual @ residual) / (len(y) - degrees)
    return NeighbourCalibration(fit, covariance)


def _entropy_and_peak(dimension: int, concentration: jax.Array) -> tuple[jax.Array, jax.Array]:
    return vmf.entropy(dimension, concentration), vmf.log_normalizer_scaled(dimension, concentration)


def _density(temperature: float, log_peak: float, depth: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(log_peak - depth / temperature))
