"""A gas from measurements."""

import math
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts load when they are used
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import require_finite
from thermo_ideal.thermodynamics._gases import AbstractIntervalGas
from thermo_ideal.thermodynamics._helmholtz import as_dimension
from thermo_ideal.thermodynamics._interval import within
from thermo_ideal.thermodynamics._table_curve import interpolated, minimum_of, smoothed
from thermo_ideal.thermodynamics._types import FloatArray

_MINIMUM = 5  # measurements
_FINEST = 0.02  # of log T, between knots: a cubic is then right to nine digits


class TabulatedGas(AbstractIntervalGas):
    """The gas of any scale-invariant loss, from mean losses measured at several temperatures.

    `log U` is a smooth curve in `log T`, which is straight where the gas is cold: a cubic spline through the
    measurements or, if their standard errors are given, the smoothest one that misses them by as much as the errors
    say, `χ² = n − p` with `p` its degrees of freedom. The entropy follows from it, `dS_dir = dU/T`, so that the gas is
    consistent whatever was measured; a measured entropy gives its constant. Outside the table all is NaN.

    Args:
        temperature: `T`, `(n,)` with n ≥ 5, increasing.
        internal_energy: the mean losses, `(n,)`.
        dimension: `d ≥ 2`.
        direction_entropy: `S_dir` at the lowest temperature, or at each, `(n,)`, of which the constant is the mean.
        standard_error: of the mean losses, `(n,)`; the spline goes through the mean losses if None.
        minimum_loss: the loss at its minimum, below all mean losses; the logarithm is that of the mean loss above it.
            If None, it is 0, or what the first two mean losses point to at `T = 0`, if they are not all positive.

    Raises:
        ValueError: a table that is too short, unsorted or not finite; outliers, more than five standard errors from
            the curve of the others; or energies that do not rise with the temperature, within their errors.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> from thermo_ideal.thermodynamics import State, TabulatedGas
        >>> T = np.logspace(-3, 0, 61)
        >>> energy = vmf.one_minus_mean_resultant_length(3, temperature=T)
        >>> table = TabulatedGas(T, energy, 3, direction_entropy=vmf.entropy(3, temperature=T[0]))
        >>> state = State(table, temperature=0.1, volume=1.0)
        >>> f"{state.heat_capacity_volume:.3f} {float(vmf.heat_capacity(3, temperature=0.1)):.3f}"
        '1.000 1.000'
        >>> f"{state.direction_entropy:.3f} {float(vmf.entropy(3, temperature=0.1)):.3f}"
        '0.535 0.535'
    """

    dimension: FloatArray
    interval: tuple[float, float] = eqx.field(static=True)
    knots: Any  # in log T
    energies: Any  # (4, pieces): powers of the distance to the last knot, the third first
    entropies: Any  # (pieces,): at the knots
    misfit: Any  # of measured entropies from dS = dU/T, (n,), or None
    chi_square: Any  # of the mean losses, over n, or None

    def __init__(
        self,
        temperature: ArrayLike,
        internal_energy: ArrayLike,
        dimension: ArrayLike,
        *,
        direction_entropy: ArrayLike,
        standard_error: ArrayLike | None = None,
        minimum_loss: float | None = None,
    ) -> None:
        T, U = (np.asarray(x, np.float64) for x in (temperature, internal_energy))
        S = np.asarray(direction_entropy, np.float64)
        if T.ndim != 1 or T.size < _MINIMUM or U.shape != T.shape or S.shape not in ((), T.shape):
            raise ValueError(
                f"temperature, internal_energy, direction_entropy: got shapes {T.shape}, {U.shape} and {S.shape}, "
                f"expected (n,), (n,) and () or (n,) with n ≥ {_MINIMUM}, as in "
                "TabulatedGas(T, U, 3, direction_entropy=0.0)"
            )
        for name, x in (("temperature", T), ("internal_energy", U), ("direction_entropy", S)):
            require_finite(name, x)
        if not ((T > 0).all() and (np.diff(T) > 0).all()):
            raise ValueError(
                "temperature: got numbers that do not increase from above 0; sort the table by temperature"
            )
        x, minimum = np.log(T), minimum_of(T, U, minimum_loss)
        if standard_error is None:
            curve, self.chi_square = interpolated(x, U - minimum), None
        else:
            curve, self.chi_square = smoothed(x, U - minimum, _errors(standard_error, U), minimum)
        spline = _energies(x, curve, minimum)
        self.dimension, self.interval = as_dimension(dimension), (float(T[0]), float(T[-1]))
        self.knots, self.energies = np.asarray(spline.x), np.asarray(spline.c)
        gains = _entropy_gain(self.energies, self.knots[:-1], np.diff(self.knots), np)
        rise = np.concatenate([[0.0], np.cumsum(gains)])
        apart = S - rise[np.searchsorted(self.knots, x)] if S.ndim else S
        self.entropies = rise[:-1] + apart.mean()
        self.misfit = apart - apart.mean() if S.ndim else None

    def direction_energy(self, temperature: FloatArray) -> FloatArray:
        """`U(T)`, by the spline."""
        piece, t = self._place(temperature)
        a, b, c, d = (jnp.asarray(row, t.dtype)[piece] for row in self.energies)
        return jnp.where(within(self.interval, temperature), ((a * t + b) * t + c) * t + d, jnp.nan)

    def direction_helmholtz_energy(self, temperature: FloatArray) -> FloatArray:
        """`U − T S_dir`."""
        piece, t = self._place(temperature)
        start = jnp.asarray(self.knots, t.dtype)[piece]
        gain = _entropy_gain([jnp.asarray(row, t.dtype)[piece] for row in self.energies], start, t, jnp)
        entropy = jnp.asarray(self.entropies, t.dtype)[piece] + gain
        return self.direction_energy(temperature) - temperature * entropy

    def _place(self, temperature: FloatArray) -> tuple[Array, Array]:
        """The piece, and the distance in `log T` from its first knot."""
        x = jnp.log(temperature)
        knots = jnp.asarray(self.knots, x.dtype)
        piece = jnp.clip(jnp.searchsorted(knots, x) - 1, 0, knots.size - 2)
        return piece, x - knots[piece]


def _errors(standard_error: ArrayLike, U: np.ndarray) -> np.ndarray:
    error = np.asarray(standard_error, np.float64)
    if error.shape != U.shape or not ((error > 0) & np.isfinite(error)).all():
        raise ValueError(f"standard_error: got {error}, expected {U.size} numbers > 0, one for each measurement")
    return error


def _energies(x: np.ndarray, curve: "scipy.interpolate.PPoly", minimum: float) -> "scipy.interpolate.PPoly":
    """`U` as a cubic spline with more knots than the table, so that its entropy has a closed form."""
    pieces = [np.linspace(a, b, 1 + math.ceil((b - a) / _FINEST)) for a, b in pairwise(x)]
    knots = np.concatenate([*(piece[:-1] for piece in pieces), x[-1:]])
    U, slope = np.exp(curve(knots)), curve.derivative()(knots[[0, -1]])
    return scipy.interpolate.CubicSpline(knots, minimum + U, bc_type=((1, slope[0] * U[0]), (1, slope[1] * U[-1])))


def _entropy_gain(row: Any, start: Any, t: Any, xp: Any) -> Any:
    """`∫ U'(x) e^{−x} dx` from the knot at `start` to `t` behind it."""
    a, b, c = 3 * row[0], 2 * row[1], row[2]
    last = c + b + 2 * a
    return -xp.exp(-start) * (last * xp.expm1(-t) + xp.exp(-t) * (a * t + b + 2 * a) * t)
