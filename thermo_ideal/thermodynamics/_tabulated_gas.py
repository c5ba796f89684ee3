"""A gas from measurements."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike
from scipy.interpolate import CubicSpline, PPoly, make_smoothing_spline

from thermo_ideal._arguments import require_finite
from thermo_ideal.thermodynamics._gases import AbstractIntervalGas
from thermo_ideal.thermodynamics._helmholtz import as_dimension
from thermo_ideal.thermodynamics._interval import within
from thermo_ideal.thermodynamics._types import FloatArray

_MINIMUM = 5  # measurements


class TabulatedGas(AbstractIntervalGas):
    """The gas of any scale-invariant loss, from mean losses measured at several temperatures.

    `U` is a cubic spline in `log T`: through the measurements, or smoothing them, if their standard errors are given.
    The entropy follows from it, `dS_dir = dU/T`, piece by piece in closed form, so that the gas is consistent whatever
    was measured; a measured entropy gives its constant. Outside the table all is NaN.

    Args:
        temperature: `T`, `(n,)` with n ≥ 5, increasing.
        internal_energy: the mean losses, `(n,)`.
        dimension: `d ≥ 2`.
        direction_entropy: `S_dir` at the lowest temperature, or at each, `(n,)`, of which the constant is the mean.
        standard_error: of the mean losses, `(n,)`; the spline goes through the mean losses if None.

    Raises:
        ValueError: a table that is too short, unsorted or not finite, or whose heat capacity is not positive.

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

    def __init__(
        self,
        temperature: ArrayLike,
        internal_energy: ArrayLike,
        dimension: ArrayLike,
        *,
        direction_entropy: ArrayLike,
        standard_error: ArrayLike | None = None,
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
        spline = _spline(np.log(T), U, standard_error)
        self.dimension, self.interval = as_dimension(dimension), (float(T[0]), float(T[-1]))
        self.knots, self.energies = np.asarray(spline.x), np.asarray(spline.c)
        _require_stable(spline)
        gains = _entropy_gain(self.energies, self.knots[:-1], np.diff(self.knots), np)
        rise = np.concatenate([[0.0], np.cumsum(gains)])
        apart = S - rise if S.ndim else S  # the knots are the measured temperatures
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


def _spline(x: np.ndarray, U: np.ndarray, standard_error: ArrayLike | None) -> PPoly:
    """The spline as piecewise polynomials whose breakpoints are the measured temperatures."""
    if standard_error is None:
        return CubicSpline(x, U)
    error = np.asarray(standard_error, np.float64)
    if error.shape != U.shape or not ((error > 0) & np.isfinite(error)).all():
        raise ValueError(f"standard_error: got {error}, expected {U.size} numbers > 0, one for each measurement")
    smooth = make_smoothing_spline(x, U, w=1 / error**2)
    return CubicSpline(x, smooth(x), bc_type=((1, smooth.derivative()(x[0])), (1, smooth.derivative()(x[-1]))))


def _require_stable(spline: PPoly) -> None:
    a, b, c = spline.derivative().c
    # A parabola has its minimum at an end of its piece or at its vertex.
    width = np.diff(spline.x)
    vertex = np.clip(np.divide(-b, 2 * a, out=np.zeros_like(a), where=a > 0), 0, width)
    t = np.stack([np.zeros_like(width), vertex, width], axis=1)
    unstable = (a[:, None] * t + b[:, None]) * t + c[:, None] <= 0
    if unstable.any():
        at = np.exp((spline.x[:-1, None] + t)[unstable][0])
        raise ValueError(
            f"internal_energy: the heat capacity of the table is not positive at T = {at:.4g}, expected energies that "
            "rise with temperature; give standard_error to smooth what was measured, or fewer temperatures"
        )


def _entropy_gain(row: Any, start: Any, t: Any, xp: Any) -> Any:
    """`∫ U'(x) e^{−x} dx` from the knot at `start` to `t` behind it."""
    a, b, c = 3 * row[0], 2 * row[1], row[2]
    last = c + b + 2 * a
    return -xp.exp(-start) * (last * xp.expm1(-t) + xp.exp(-t) * (a * t + b + 2 * a) * t)
