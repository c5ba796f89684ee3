"""The gas of any loss of the overlap, by quadrature."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.polynomial import chebyshev

from thermo_ideal.distributions import Zonal
from thermo_ideal.dynamics import AbstractZonalLoss
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas
from thermo_ideal.thermodynamics._helmholtz import as_dimension
from thermo_ideal.thermodynamics._taylor import Number

_DEGREE = 16
_TOLERANCE = 2e-12  # of the last coefficients of a piece, against the largest value of the function in it
_NARROWEST = 0.1  # piece of log T
_NODES = chebyshev.chebpts2(_DEGREE + 1)
_COLUMNS = ("F/T", "S", "U", "C", "TC'", "T^2C''")


class ZonalGas(AbstractScaleInvariantGas):
    """The gas of a loss `f(m)` of the overlap `m = μ·w̄`, over an interval of temperatures.

    The Gibbs laws of the loss are integrated once, at Chebyshev nodes in `log T`, in pieces that are halved until the
    series have converged to twelve digits. Beside `F` and `U` there are series of the entropy and of the heat capacity
    with its two derivatives, all by quadrature, from the cumulants of the loss; differentiation goes from one to the
    next, so that no digits are lost in it. It runs under `jit` in any precision. Outside the interval all is NaN.

    Args:
        loss: a loss of the overlap alone.
        dimension: `d ≥ 2`, one number; may be left out where the loss has a mean direction.
        temperature: the lowest and the highest temperature; a cold gas wants a loss given in the depth `1 − m`.

    Raises:
        ValueError: another loss, no interval, or a loss that is not a function of the overlap.
        ArithmeticError: a quadrature that does not converge.

    Example:
        Two wells, at `m = ±1`:

        >>> from thermo_ideal.dynamics import ZonalLoss
        >>> from thermo_ideal.thermodynamics import State, ZonalGas
        >>> gas = ZonalGas(ZonalLoss(lambda m: 1 - m**2), dimension=3, temperature=(0.05, 0.5))
        >>> state = State(gas, temperature=0.1, volume=1.0)
        >>> f"U = {state.internal_energy:.4f}, C_V = {state.heat_capacity_volume:.4f}"
        'U = 0.1073, C_V = 1.1856'

    Source: `thermo_ideal.distributions.Zonal`.
    """

    dimension: Number
    loss: AbstractZonalLoss
    interval: tuple[float, float] = eqx.field(static=True)
    edges: Any  # of the pieces, in log T
    series: Any  # (pieces, degree + 1, columns)

    def __init__(
        self, loss: Any, dimension: int | None = None, *, temperature: tuple[float, float] = (1e-3, 10.0)
    ) -> None:
        if not isinstance(loss, AbstractZonalLoss):
            raise ValueError(f"loss: got {loss!r}, wanted a loss of the overlap, as in ZonalLoss(lambda m: 1 - m**2)")
        low, high = (float(T) for T in temperature)
        if not 0 < low < high < np.inf:
            raise ValueError(f"temperature: got {temperature}, wanted an interval, as in temperature=(1e-3, 10.0)")
        self.loss, self.dimension = loss, as_dimension(loss.resolve_dimension(dimension))
        self.interval, depth_loss = (low, high), _on_host(loss)
        values: dict[float, np.ndarray] = {}

        def at(x: float) -> np.ndarray:
            if x not in values:
                values[x] = _thermal(Zonal(depth_loss, float(self.dimension), np.exp(x), argument="depth"))
            return values[x]

        self.edges, self.series = _pieces(at, np.log(low), np.log(high))

    def law(self, temperature: float) -> Zonal:
        """The Gibbs law at one temperature, also outside the interval."""
        return Zonal(_on_host(self.loss), float(self.dimension), temperature, argument="depth")

    def direction_helmholtz_energy(self, temperature: Number) -> Number:
        """`−T log ∫ e^{−f/T}`."""
        return _helmholtz(self.edges, self.series, temperature)

    def direction_energy(self, temperature: Number) -> Number:
        """`E f`."""
        return _energy(self.edges, self.series, temperature)

    @property
    def temperature_range(self) -> tuple[float, float]:
        """Where there are data."""
        return self.interval

    def exists(self, temperature: Number, volume: Number) -> Array:
        """Inside the interval of temperatures."""
        x = jnp.log(temperature * jnp.ones_like(volume))
        edges = jnp.asarray(self.edges, x.dtype)
        return (x >= edges[0] - _rounding(x)) & (x <= edges[-1] + _rounding(x))


def _on_host(loss: AbstractZonalLoss) -> Callable[[np.ndarray], np.ndarray]:
    """The loss as a function of NumPy arrays, compiled for few different sizes."""
    compiled = jax.jit(loss.at_depth)

    def evaluate(depth: np.ndarray) -> np.ndarray:
        flat = np.asarray(depth, np.float64).reshape(-1)
        size = 1 << max(flat.size - 1, 0).bit_length()
        padded = np.concatenate([flat, np.full(size - flat.size, 0.5)])
        return np.broadcast_to(np.asarray(compiled(padded), np.float64), size)[: flat.size].reshape(np.shape(depth))

    return evaluate


def _thermal(law: Zonal) -> np.ndarray:
    """`F/T`, `S`, `U`, and `C`, `TC'`, `T²C''` from the cumulants of the loss over `T`."""
    rise, mass = law._rise(law._law.s, law._law.origin) / law.temperature, law._law.mass
    apart = np.where(mass > 0, rise, 0.0)
    apart = apart - np.sum(mass * apart)
    k2, k3, m4 = (float(np.sum(mass * apart**n)) for n in (2, 3, 4))
    k4 = m4 - 3 * k2**2
    return np.array([law.log_normalizer, law.entropy, law.mean_loss, k2, k3 - 2 * k2, k4 - 6 * k3 + 6 * k2])


def _pieces(at: Callable[[float], np.ndarray], low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    x = (low + high) / 2 + (high - low) / 2 * _NODES
    values = np.array([at(float(node)) for node in x])
    series = chebyshev.chebfit(_NODES, values, _DEGREE)
    size = np.abs(values).max(axis=0)
    # Derivatives of the heat capacity are sums of terms as large as it is, and no better known.
    size[4:] = np.maximum(size[4:], size[3])
    tail = np.abs(series[-2:]).max(axis=0) / size
    if tail.max() < _TOLERANCE or high - low < _NARROWEST:
        return np.array([low, high]), series[None]
    middle = (low + high) / 2
    (left, first), (right, second) = _pieces(at, low, middle), _pieces(at, middle, high)
    return np.concatenate([left, right[1:]]), np.concatenate([first, second])


def _rounding(x: Array) -> Array:
    return 8 * jnp.finfo(x.dtype).eps * (1 + jnp.abs(x))


def _evaluate(column: int, edges: Any, series: Any, temperature: Number) -> Number:
    """A column's series by Clenshaw's recurrence."""
    x = jnp.log(temperature)
    edges, series = jnp.asarray(edges, x.dtype), jnp.asarray(series, x.dtype)
    piece = jnp.clip(jnp.searchsorted(edges, x) - 1, 0, edges.size - 2)
    low, high = edges[piece], edges[piece + 1]
    t = (2 * x - low - high) / (high - low)
    own = series[piece, :, column]
    previous, current = jnp.zeros_like(t), own[..., _DEGREE]
    for k in range(_DEGREE - 1, 0, -1):
        previous, current = current, own[..., k] + 2 * t * current - previous
    inside = (x >= edges[0] - _rounding(x)) & (x <= edges[-1] + _rounding(x))
    return jnp.where(inside, own[..., 0] + t * current - previous, jnp.nan)


def _column(name: str, slope: Callable[..., Number] | None) -> Callable[..., Number]:
    """A column as a function whose derivative in `T` is another; the last is differentiated itself."""
    index = _COLUMNS.index(name)

    def plain(edges: Any, series: Any, temperature: Number) -> Number:
        scale = temperature if name == "F/T" else 1.0
        return scale * _evaluate(index, edges, series, temperature)

    if slope is None:
        return plain
    function = jax.custom_jvp(plain)

    def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Number, Number]:
        return function(*primals), slope(*primals) * tangents[2]

    function.defjvp(rule)
    return function


_curvature = _column("T^2C''", None)
_capacity_slope: Callable[..., Number] = _column("TC'", lambda *at: (_capacity_slope(*at) + _curvature(*at)) / at[2])
_capacity = _column("C", lambda *at: _capacity_slope(*at) / at[2])
_energy = _column("U", lambda *at: _capacity(*at))
_entropy = _column("S", lambda *at: _capacity(*at) / at[2])
_helmholtz = _column("F/T", lambda *at: -_entropy(*at))
