"""A number with its standard error."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # whose parts load when they are used
from scipy.special import gammaln

from thermo_ideal._display import html_table, with_error
from thermo_ideal.estimators._samples import as_samples, in_units

_LARGEST_SHOWN = 24  # numbers; of more, the smallest and the largest are shown


@dataclass(frozen=True, repr=False)
class Estimate:
    """A mean over independent replicas with its standard error, for each point of a grid.

    It prints as the mean with the error of its last digit. Iteration is over the first axis of the grid. A point with a
    replica that is NaN or infinite has neither mean nor error: both are NaN, and so is every score. Replicas that are
    all the same have the error 0, and the score is 0 where they are what is expected and infinite elsewhere.

    Args:
        values: one number for each replica, along the last axis: `(*grid, replicas)`.

    Raises:
        ValueError: no real numbers, or fewer than two replicas, whose spread is unknown.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate
        >>> estimate = Estimate(np.array([1.0, 2.0, 3.0]))
        >>> float(estimate.value), round(float(estimate.standard_error), 4)
        (2.0, 0.5774)
        >>> estimate
        Estimate(2.0(6), replicas=3)
    """

    values: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", as_samples("values", self.values))
        if self.values.ndim == 0 or self.replicas < 2:
            raise ValueError(
                f"values: got shape {self.values.shape}, expected at least 2 replicas along the last axis, whose "
                "spread is the error; run more replicas, or move their axis, as in np.moveaxis(values, 0, -1)"
            )

    def __str__(self) -> str:
        texts = self._texts()
        if texts.size > _LARGEST_SHOWN:
            ends = (texts.reshape(-1)[int(find(self.value))] for find in (np.argmin, np.argmax))
            return f"{' … '.join(ends)}, shape {texts.shape}"
        return np.array2string(texts, formatter={"all": str}, separator=", ", max_line_width=100)

    def __repr__(self) -> str:
        return f"Estimate({textwrap.indent(str(self), ' ' * 9).strip()}, replicas={self.replicas})"

    def _repr_html_(self) -> str:
        texts = self._texts()
        if texts.ndim > 2 or texts.size > _LARGEST_SHOWN:
            return f"<pre>{self!r}</pre>"
        return html_table(f"mean and standard error of {self.replicas} replicas", [], np.atleast_2d(texts).tolist())

    def __iter__(self) -> Iterator[Estimate]:
        if self.values.ndim < 2:
            raise ValueError("estimate: got shape () to iterate over, expected a grid, as in [estimate]")
        return (Estimate(values) for values in self.values)

    def _texts(self) -> np.ndarray:
        return np.asarray(np.vectorize(with_error, otypes=[object])(self.value, self.standard_error))

    @property
    def replicas(self) -> int:
        """The number of independent replicas."""
        return self.values.shape[-1]

    @property
    def value(self) -> np.ndarray:
        """The mean over replicas, of the shape of the grid."""
        return self._mean_and_error[0]

    @property
    def standard_error(self) -> np.ndarray:
        """The standard error of the mean, `(Σ (x − mean)²/(n(n − 1)))^{1/2}`, from the spread of the `n` replicas."""
        return self._mean_and_error[1]

    @cached_property
    def _mean_and_error(self) -> tuple[np.ndarray, np.ndarray]:
        """From departures from the first replica, which are exactly 0 where all are the same, in units of their own."""
        known = np.isfinite(self.values).all(axis=-1)
        values, unit = in_units(np.where(known[..., None], self.values, 0.0))
        apart, spread = in_units(values - values[..., :1])
        mean = unit * (values[..., 0] + spread * apart.mean(axis=-1))
        error = unit * spread * apart.std(axis=-1, ddof=1) / np.sqrt(self.replicas)
        return np.asarray(np.where(known, mean, np.nan)), np.asarray(np.where(known, error, np.nan))

    def z_score(self, exact: np.ndarray | float) -> np.ndarray:
        """The departure from `exact` as a standard normal score.

        The departure over the standard error has Student's law with `replicas − 1` degrees of freedom; the score is the
        normal quantile of equal probability, so that a bound on it means the same for few replicas and for many.

        Args:
            exact: the value to compare with, of a shape that broadcasts with the grid.

        Returns:
            The score, positive where the estimate is larger.

        Raises:
            ValueError: a shape that does not broadcast with the grid.

        Example:
            >>> import numpy as np
            >>> from thermo_ideal.estimators import Estimate
            >>> round(float(Estimate(np.array([1.0, 2.0, 3.0])).z_score(1.0)), 2)  # t = 1.73, two degrees of freedom
            1.21
        """
        exact = self._beside("exact", np.asarray(exact, np.float64))
        return _normal_score(np.asarray(self.value - exact), self.standard_error, self.replicas - 1)

    def z_score_between(self, other: Estimate) -> np.ndarray:
        """The difference from another, independent estimate as a standard normal score, by Welch's test.

        Args:
            other: the other estimate, of a grid that broadcasts with this one.

        Returns:
            The score, positive where this estimate is larger.

        Example:
            >>> import numpy as np
            >>> from thermo_ideal.estimators import Estimate
            >>> first, second = Estimate(np.array([1.0, 2.0, 3.0])), Estimate(np.array([2.0, 3.0, 4.0]))
            >>> round(float(second.z_score_between(first)), 2)
            1.06

        Raises:
            ValueError: grids that do not broadcast.

        Source: Welch, Biometrika 34, 28 (1947).
        """
        self._beside("other", other.value)
        larger = np.asarray(np.maximum(self.standard_error, other.standard_error))
        # Of two errors, in units of the larger; two that are 0 have as much freedom as the one replica that they are.
        unit = np.where(larger > 0, larger, 1.0)
        a, b = (self.standard_error / unit) ** 2, (other.standard_error / unit) ** 2
        spread = np.where(larger > 0, a**2 / (self.replicas - 1) + b**2 / (other.replicas - 1), 1.0)
        freedom = np.maximum((a + b) ** 2 / spread, 1.0)
        return _normal_score(np.asarray(self.value - other.value), np.asarray(larger * np.sqrt(a + b)), freedom)

    def _beside(self, name: str, values: np.ndarray) -> np.ndarray:
        try:
            np.broadcast_shapes(values.shape, self.value.shape)
        except ValueError as error:
            raise ValueError(
                f"{name}: got shape {values.shape}, expected one that broadcasts with the grid {self.value.shape}; "
                "replicas are along the last axis, as in Estimate(np.moveaxis(values, 0, -1))"
            ) from error
        return values


def _normal_score(departure: np.ndarray, error: np.ndarray, freedom: np.ndarray | float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        t = np.where(departure == 0, 0.0 * error, departure / error)
        t = np.where(error > 0, np.clip(t, -np.finfo(float).max, np.finfo(float).max), t)
        tail = scipy.stats.t.logsf(np.abs(t), freedom)
        tail = np.where(np.isneginf(tail), _log_tail(np.asarray(np.abs(t)), freedom), tail)
        tail = np.where(np.isinf(t), 0.0, tail)
    # Far in the tail the probability underflows before its logarithm does; z² ≈ −2 log p there.
    near = -scipy.stats.norm.ppf(np.exp(np.maximum(tail, -600.0)))
    far = np.sqrt(np.maximum(-2 * tail - np.log(2 * np.pi * np.maximum(-2 * tail, 1.0)), 0.0))
    return np.asarray(np.where(np.isinf(t), t, np.sign(t) * np.where(tail > -600.0, near, far)))


def _log_tail(t: np.ndarray, freedom: np.ndarray | float) -> np.ndarray:
    """`log P(t' > t)` where that underflows: the density times `t/ν + 1/t`, up to `O(1/t²)`."""
    nu = np.asarray(freedom, np.float64)
    log_density = gammaln((nu + 1) / 2) - gammaln(nu / 2) - np.log(nu * np.pi) / 2
    log_density = log_density - (nu + 1) / 2 * np.logaddexp(0.0, 2 * np.log(t) - np.log(nu))
    return np.asarray(log_density + np.logaddexp(np.log(t) - np.log(nu), -np.log(t)))
