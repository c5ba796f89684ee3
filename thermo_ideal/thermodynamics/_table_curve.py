"""Curves of `log U` against `log T`: through a table, or as smooth as its errors allow."""

from typing import Any, NamedTuple

import numpy as np
import scipy  # whose parts load when they are used

_OUTLIER = 5.0  # standard errors from the curve of the others
_MOST_OUTLIERS = 0.2  # of the table; more of them are no outliers, but errors that are too small
_BEND = 9.0  # squared standard errors by which a table may bend otherwise than a gas
_CANDIDATES = 64  # measurements that may be outliers
_SCAN = 200  # degrees of smoothness that are tried
_SPREAD = 5.0  # standard deviations of χ², beyond which the errors do not explain it


def minimum_of(T: np.ndarray, U: np.ndarray, minimum_loss: float | None) -> float:
    """The loss at its minimum, below all mean losses.

    Args:
        T: the temperatures, increasing.
        U: the mean losses.
        minimum_loss: the minimum, if it is known.

    Raises:
        ValueError: a minimum that is not below the mean losses.
    """
    if minimum_loss is None:
        if (U > 0).all():
            return 0.0
        at_zero = U[0] - T[0] * (U[1] - U[0]) / (T[1] - T[0])
        return float(at_zero if at_zero < U.min() else U.min() - max(np.ptp(U), 1e-3 * np.abs(U).max(), 1e-300))
    if not minimum_loss < U.min():
        raise ValueError(
            f"minimum_loss: got {minimum_loss}, expected a number below all mean losses, of which the smallest is "
            f"{U.min():.6g} at T = {T[U.argmin()]:.4g}, as in minimum_loss={U.min() - np.ptp(U):.3g}"
        )
    return float(minimum_loss)


def interpolated(x: np.ndarray, U: np.ndarray) -> "scipy.interpolate.PPoly":
    """The cubic spline of `log U` through a table.

    Args:
        x: `log T`.
        U: the mean losses above the minimum.

    Raises:
        ValueError: a curve that does not rise.
    """
    curve = scipy.interpolate.CubicSpline(x, np.log(U))
    falls = _falls(curve)
    if falls is None:
        return curve
    raise ValueError(
        f"internal_energy: the heat capacity of the table is not positive at T = {np.exp(falls):.4g}, expected "
        f"energies that rise from T = {np.exp(x[0]):.4g} to {np.exp(x[-1]):.4g}; give standard_error to smooth what "
        "was measured, or measure at more temperatures there if the table is exact"
    )


def smoothed(
    x: np.ndarray, U: np.ndarray, error: np.ndarray, minimum: float
) -> "tuple[scipy.interpolate.PPoly, float]":
    """The smoothest curve that explains a table, and its `χ²/n`.

    Args:
        x: `log T`.
        U: the mean losses above the minimum.
        error: their standard errors.
        minimum: the loss at its minimum.

    Raises:
        ValueError: outliers by name, or errors that are too small for any curve that rises.
    """
    y, e = np.log(U), error / U
    outliers = _outliers(x, y, e)
    if outliers:
        rest = np.setdiff1d(np.arange(x.size), outliers)
        expected = _Smoother.of(x[rest], y[rest], e[rest]).best(x[rest])
        names = "; ".join(
            f"{minimum + U[i]:.6g} ± {error[i]:.2g} at T = {np.exp(x[i]):.4g}, index {i}, expected about "
            f"{minimum + np.exp(expected(x[i])):.6g}"
            for i in sorted(outliers)
        )
        raise ValueError(
            f"internal_energy: got outliers, more than {_OUTLIER:g} standard errors from the curve of the other mean "
            f"losses: {names}; measure them again, leave them out, or give larger standard errors for them"
        )
    smoother = _Smoother.of(x, y, e)
    for amount in smoother.amounts[smoother.first :]:  # what follows is smoother
        curve = smoother.curve(x, amount)
        falls = _falls(curve)
        if falls is None:
            break
    chi_square = float(np.sum(((curve(x) - y) / e) ** 2))
    if falls is not None or chi_square > x.size + _SPREAD * np.sqrt(2 * x.size):
        where = np.exp(x[0] if falls is None else falls)
        raise ValueError(
            f"standard_error: the smoothest curve of energies that rise with temperature has χ²/n = "
            f"{chi_square / x.size:.3g}, expected about 1: from T = {np.exp(x[0]):.4g} to {np.exp(x[-1]):.4g} the "
            f"errors are too small for this table, or it does not rise (near T = {where:.4g}); give larger errors, as "
            f"in standard_error={max(np.sqrt(chi_square / x.size), 1.0):.2g} * standard_error, or longer runs"
        )
    return curve, chi_square / x.size


def _outliers(x: np.ndarray, y: np.ndarray, e: np.ndarray) -> list[int]:
    """The measurements that the curve of the others misses; the worst is left out, and the rest is looked at again.

    A table that bends down only is that of a gas that freezes or saturates, and has none, however coarse it is. None,
    if they are more than a few: then the errors are too small.
    """
    left, found = np.arange(x.size), list[int]()
    while len(found) <= max(1, _MOST_OUTLIERS * x.size):
        if _odd_bends(x[left], y[left], e[left]) <= _BEND:
            return found
        candidates = np.argsort(_Smoother.of(x[left], y[left], e[left]).scores())[-_CANDIDATES:]
        scores = np.array([_score(x[left], y[left], e[left], int(i)) for i in candidates])
        # Where the table is too coarse for its errors, all are missed; an outlier is missed by far more than most.
        others = np.delete(scores, scores.argmax())
        if not scores.max() > _OUTLIER * max(1.0, 1.5 * np.quantile(others, 0.5, method="lower")):
            return found
        found.append(int(left[candidates[scores.argmax()]]))
        left = np.setdiff1d(left, found)
    return []


def _odd_bends(x: np.ndarray, y: np.ndarray, e: np.ndarray) -> float:
    """The sum of the squares, in standard errors, of the bends that neither saturation nor freezing explains.

    These are upward ones, and a downward one at the cold end that is not followed by another.
    """
    h = np.diff(x)
    bend = np.diff(np.diff(y) / h)
    error = np.sqrt((e[:-2] / h[:-1]) ** 2 + (e[1:-1] * (1 / h[:-1] + 1 / h[1:])) ** 2 + (e[2:] / h[1:]) ** 2)
    z = bend / error
    odd = z > 0
    odd[0] |= odd.size > 1 and z[1] ** 2 < _BEND
    return float(np.sum(z[odd] ** 2))


def _score(x: np.ndarray, y: np.ndarray, e: np.ndarray, i: int) -> float:
    """By how many standard errors a value misses the others: their curve, and a parabola through the nearest three.

    It is the smaller number of both. The curve is straight at its ends, and a parabola follows its neighbours' errors.
    """
    rest = np.delete(np.arange(x.size), i)
    smoother = _Smoother.of(x[rest], y[rest], e[rest])
    amount = smoother.amounts[smoother.first]
    fitted, spread = smoother.fitted(amount), smoother.root_covariance(amount)
    expected, otherwise = (
        scipy.interpolate.CubicSpline(x[rest], fitted, bc_type=ends)(x[i]) for ends in ("natural", "not-a-knot")
    )
    error = scipy.interpolate.CubicSpline(x[rest], spread, bc_type="natural")(x[i])
    of_curve = abs(y[i] - expected) / np.sqrt(e[i] ** 2 + np.sum(error**2) + (expected - otherwise) ** 2)
    near = rest[np.argsort(np.abs(x[rest] - x[i]))[:3]]
    apart = x[near][:, None] - x[near]
    weights = np.prod(np.where(apart == 0, 1.0, (x[i] - x[near]) / np.where(apart == 0, 1.0, apart)), axis=1)
    of_parabola = abs(y[i] - weights @ y[near]) / np.sqrt(e[i] ** 2 + np.sum((weights * e[near]) ** 2))
    return float(min(of_curve, of_parabola))


class _Smoother(NamedTuple):
    """Natural cubic splines that minimise `χ² + a ∫ g″²`, for every `a` from one eigendecomposition.

    Source: P. J. Green and B. W. Silverman, Nonparametric Regression and Generalized Linear Models (Chapman & Hall,
    1994), chapter 2; the choice of `a` by `χ²` is that of C. H. Reinsch, Numer. Math. 10, 177 (1967).
    """

    values: np.ndarray  # over their errors
    errors: np.ndarray
    modes: np.ndarray  # of the roughness, in units of the errors
    roughness: np.ndarray
    amounts: np.ndarray  # of smoothing, increasing

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, e: np.ndarray) -> "_Smoother":
        h = np.diff(x)
        second = np.zeros((x.size, x.size - 2))
        j = np.arange(x.size - 2)
        second[j, j], second[j + 1, j], second[j + 2, j] = 1 / h[:-1], -1 / h[:-1] - 1 / h[1:], 1 / h[1:]
        gram = np.diag((h[:-1] + h[1:]) / 3) + np.diag(h[1:-1] / 6, 1) + np.diag(h[1:-1] / 6, -1)
        weighted = e[:, None] * second
        roughness, modes = scipy.linalg.eigh(weighted @ scipy.linalg.solve(gram, weighted.T, assume_a="pos"))
        roughness[:2] = 0.0  # straight lines
        amounts = np.geomspace(1e-6 / roughness[-1], 1e6 / roughness[2], _SCAN)
        return cls(y / e, e, modes, roughness, amounts)

    def _kept(self, amount: Any) -> np.ndarray:
        """The share of each mode that is not smoothed away."""
        return 1 / (1 + amount * self.roughness)

    @property
    def first(self) -> int:
        """Which amount of smoothing is the largest for which `χ²` is at most `n` less the degrees of freedom."""
        size = self.modes.T @ self.values
        lost = 1 - self._kept(self.amounts[:, None])
        good = np.sum((lost * size) ** 2, axis=1) <= np.sum(lost, axis=1)
        return int(np.flatnonzero(good)[-1]) if good.any() else 0

    def fitted(self, amount: float) -> np.ndarray:
        return self.errors * (self.modes @ (self._kept(amount) * (self.modes.T @ self.values)))

    def root_covariance(self, amount: float) -> np.ndarray:
        """A root of the covariance of what is fitted."""
        return self.errors[:, None] * self.modes * self._kept(amount)

    def curve(self, x: np.ndarray, amount: float) -> "scipy.interpolate.PPoly":
        return scipy.interpolate.CubicSpline(x, self.fitted(amount), bc_type="natural")

    def best(self, x: np.ndarray) -> "scipy.interpolate.PPoly":
        """The smoothest curve that the errors allow."""
        return self.curve(x, self.amounts[self.first])

    def scores(self) -> np.ndarray:
        """About by how many standard errors each value misses the curve of the others."""
        amount = self.amounts[self.first]
        leverage = np.sum(self.modes**2 * self._kept(amount), axis=1)
        residual = self.values - self.fitted(amount) / self.errors
        return np.abs(residual) / np.sqrt(np.maximum(1 - leverage, 1e-12))


def _falls(curve: "scipy.interpolate.PPoly") -> float | None:
    """Where a cubic spline does not rise, if there is such a place."""
    a, b, c = curve.derivative().c
    # A parabola has its minimum at an end of its piece or at its vertex.
    width = np.diff(curve.x)
    vertex = np.clip(np.divide(-b, 2 * a, out=np.zeros_like(a), where=a > 0), 0, width)
    t = np.stack([np.zeros_like(width), vertex, width], axis=1)
    falling = (a[:, None] * t + b[:, None]) * t + c[:, None] <= 0
    return float((curve.x[:-1, None] + t)[falling][0]) if falling.any() else None
