"""A number with its standard error."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from thermo_ideal._display import html_table, with_error

_LARGEST_SHOWN = 24  # numbers; of more, the smallest and the largest are shown


@dataclass(frozen=True, repr=False)
class Estimate:
    """A mean over independent replicas with its standard error, for each point of a grid.

    It prints as the mean with the error of its last digit. Iteration is over the first axis of the grid.

    Args:
        values: one number for each replica, along the last axis: `(*grid, replicas)`.

    Raises:
        ValueError: fewer than two replicas, whose spread is unknown.

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
        if self.values.ndim == 0 or self.replicas < 2:
            raise ValueError(
                f"values: got shape {self.values.shape}, expected at least 2 replicas along the last axis, whose "
                "spread is the error; run more replicas"
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
        return np.asarray(self.values.mean(axis=-1))

    @property
    def standard_error(self) -> np.ndarray:
        """The standard error of the mean, `(Σ (x − mean)²/(n(n − 1)))^{1/2}`, from the spread of the `n` replicas."""
        return np.asarray(self.values.std(axis=-1, ddof=1) / np.sqrt(self.replicas))

    def z_score(self, exact: np.ndarray | float) -> np.ndarray:
        """The departure from `exact` as a standard normal score.

        The departure over the standard error has Student's law with `replicas − 1` degrees of freedom; the score is the
        normal quantile of equal probability, so that a bound on it means the same for few replicas and for many.

        Args:
            exact: the value to compare with, of a shape that broadcasts with the grid.

        Returns:
            The score, positive where the estimate is larger.

        Example:
            >>> import numpy as np
            >>> from thermo_ideal.estimators import Estimate
            >>> round(float(Estimate(np.array([1.0, 2.0, 3.0])).z_score(1.0)), 2)  # t = 1.73, two degrees of freedom
            1.21
        """
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

        Source: Welch, Biometrika 34, 28 (1947).
        """
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
