"""A number with its standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A mean over independent replicas, for each point of a grid.

    Args:
        values: one number for each replica, along the last axis.

    Raises:
        ValueError: fewer than two replicas, whose spread is unknown.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate
        >>> estimate = Estimate(np.array([1.0, 2.0, 3.0]))
        >>> float(estimate.value), round(float(estimate.standard_error), 4)
        (2.0, 0.5774)
    """

    values: np.ndarray

    def __post_init__(self) -> None:
        if self.values.ndim == 0 or self.replicas < 2:
            raise ValueError(
                f"values: got shape {self.values.shape}, expected at least 2 replicas along the last axis to "
                f"tell their "
                "spread; run more replicas"
            )

    @property
    def replicas(self) -> int:
        """How many independent replicas there are."""
        return self.values.shape[-1]

    @property
    def value(self) -> np.ndarray:
        """The mean over replicas."""
        return np.asarray(self.values.mean(axis=-1))

    @property
    def standard_error(self) -> np.ndarray:
        """The standard error of the mean, from the spread of the replicas."""
        return np.asarray(self.values.std(axis=-1, ddof=1) / np.sqrt(self.replicas))

    def z_score(self, exact: np.ndarray | float) -> np.ndarray:
        """The departure from `exact` as a standard normal score.

        The departure over the standard error has Student's law with `replicas − 1` degrees of freedom; the score is the
        normal quantile of equal probability, so that a bound on it means the same for few replicas and for many.
        """
        return _normal_score(np.asarray(self.value - exact), self.standard_error, self.replicas - 1)

    def z_score_between(self, other: Estimate) -> np.ndarray:
        """The difference from another, independent estimate as a standard normal score, by Welch's test."""
        a, b = self.standard_error**2, other.standard_error**2
        smallest = np.finfo(np.float64).tiny
        freedom = (a + b) ** 2 / np.maximum(a**2 / (self.replicas - 1) + b**2 / (other.replicas - 1), smallest)
        error = np.asarray(np.sqrt(a + b))
        return _normal_score(np.asarray(self.value - other.value), error, np.asarray(np.maximum(freedom, 1.0)))


def _normal_score(departure: np.ndarray, error: np.ndarray, freedom: np.ndarray | float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(departure == 0, 0.0, departure / error)
    with np.errstate(over="ignore", divide="ignore"):
        tail = stats.t.logsf(np.abs(t), freedom)
        # Where that underflows, its leading term.
        tail = np.where(np.isneginf(tail), -(freedom + 1) / 2 * np.log1p(t**2 / freedom), tail)
    tail = np.maximum(tail, -1e300)
    # Far in the tail the probability underflows before its logarithm does; z² ≈ −2 log p there.
    near = -stats.norm.ppf(np.exp(np.maximum(tail, -600.0)))
    far = np.sqrt(np.maximum(-2 * tail - np.log(2 * np.pi * np.maximum(-2 * tail, 1.0)), 0.0))
    return np.asarray(np.sign(t) * np.where(tail > -600.0, near, far))
