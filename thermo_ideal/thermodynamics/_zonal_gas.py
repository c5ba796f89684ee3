"""The gas of any loss of the overlap, by quadrature."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.polynomial import chebyshev

from thermo_ideal.distributions import Zonal, zonal_relaxation
from thermo_ideal.dynamics import AbstractZonalLoss
from thermo_ideal.thermodynamics._gases import AbstractIntervalGas, within
from thermo_ideal.thermodynamics._helmholtz import as_dimension
from thermo_ideal.thermodynamics._step_law import AbstractStepLaw
from thermo_ideal.thermodynamics._types import FloatArray
from thermo_ideal.thermodynamics._zonal_step_law import ZonalStepLaw

_LAWS = 9  # in a piece; each gives values and slopes, and so two coefficients
_NODES = chebyshev.chebpts1(_LAWS)
_DEGREE = 2 * _LAWS - 1
_SLOPES = chebyshev.chebder(np.eye(_DEGREE + 1), axis=0)
_HERMITE = np.linalg.inv(np.concatenate([chebyshev.chebvander(_NODES, _DEGREE), chebyshev.chebval(_NODES, _SLOPES).T]))
_WIDEST, _NARROWEST = 1.2, 1e-3  # pieces of log T; the complex zeros of a partition function are rarely nearer than π/2
_TOLERANCE = 2e-12  # of the last coefficients of a piece, against the largest value of the function in it
_SMALLEST = 1e-6  # value of a function that has as many digits, in nats: a law ends where it is below 1e-26
_FALL = 30.0  # by which they must be below those before them, unless they are rounding errors
_NOISE, _COARSEST = 100.0, 1e-7  # roundings that the last coefficients may be then, and their largest relative size
_MARGINS = 0.05 * 2.0 ** np.arange(10)  # of log T, from a place without a series, that are tried
_BLOCK = 16
_COLUMNS = ("F/T", "S", "U", "C", "TC'", "T^2C''")


class ZonalGas(AbstractIntervalGas):
    """The gas of a loss `f(m)` of the overlap `m = μ·w̄`, over an interval of temperatures.

    The Gibbs laws of the loss are integrated once, at Chebyshev nodes in `log T`, in pieces that are halved until the
    series have converged to twelve digits, or to the rounding of the sums over a cold law. Beside `F` and `U` there are
    series of the entropy and of the heat capacity with its two derivatives, all by quadrature, from the cumulants of
    the loss; differentiation goes from one to the next, so that no digits are lost in it. It runs under `jit` in any
    precision. Outside the interval all is NaN.

    Args:
        loss: a loss of the overlap alone.
        dimension: `d ≥ 2`, one number; may be left out where the loss has a mean direction.
        temperature: the lowest and the highest temperature; a cold gas needs a loss given in the depth `1 − m`.
        breakpoints: where the loss jumps or has a kink, and both sides of a well narrower than 10⁻⁴, in overlaps, or in
            depths if it is given in them; see `Zonal`. Without them jumps and kinks are found.

    Raises:
        ValueError: another loss, no interval, or a loss that is not a function of the overlap.
        ArithmeticError: a quadrature that does not converge, or properties that jump within a thousandth of `log T`;
            with the reason, and with an interval that has been tried, if there is one.

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

    dimension: FloatArray
    interval: tuple[float, float] = eqx.field(static=True)
    breakpoints: tuple[float, ...] = eqx.field(static=True)
    edges: Any  # of the pieces, temperatures
    series: Any  # (pieces, degree + 1, columns)
    _form: Any = eqx.field(static=True)  # the loss without its arrays, so that a state is made of arrays alone
    _arrays: Any

    def __init__(
        self,
        loss: Any,
        dimension: int | None = None,
        temperature: tuple[float, float] = (1e-3, 10.0),
        *,
        breakpoints: Sequence[float] = (),
    ) -> None:
        if not isinstance(loss, AbstractZonalLoss):
            raise ValueError(f"loss: got {loss!r}, expected a loss of the overlap, as in ZonalLoss(lambda m: 1 - m**2)")
        low, high = (float(T) for T in temperature)
        if not 0 < low < high < np.inf:
            raise ValueError(f"temperature: got {temperature}, expected an interval, as in temperature=(1e-3, 10.0)")
        self.dimension, self.interval = as_dimension(loss.resolve_dimension(dimension)), (low, high)
        self.breakpoints = tuple(float(b) for b in breakpoints)
        self._arrays, self._form = eqx.partition(loss, lambda x: isinstance(x, jax.Array | np.ndarray))
        try:
            pieces = _all_pieces(self.law, np.log(low), np.log(high))
        except _NoSeriesError as failure:
            advice = _advice(self.law, np.log(low), np.log(high), failure)
            raise ArithmeticError(f"loss: got {failure} near T = {np.exp(failure.high):.4g}; {advice}") from failure
        # Empty pieces at the end, so that what is compiled for one dimension mostly serves another.
        empty = -len(pieces) % _BLOCK
        self.edges = np.exp([*(start for start, _ in pieces), *[np.log(high)] * (1 + empty)])
        self.series = np.array([series for _, series in pieces + pieces[-1:] * empty])

    @property
    def loss(self) -> AbstractZonalLoss:
        """The loss of the gas."""
        return eqx.combine(self._arrays, self._form)

    def law(self, temperature: float) -> Zonal:
        """The Gibbs law at one temperature, also outside the interval.

        Args:
            temperature: `T`.
        """
        d = float(self.dimension)
        if self._form.linear_in_overlap:
            return Zonal.linear(d, temperature)
        loss = partial(_on_host, _compiled(self._form), self._arrays)
        if self._form.keeps_depth:
            return Zonal(loss, d, temperature, argument="depth", breakpoints=self.breakpoints)
        # As a function of the overlap, so that its rounding is judged.
        return Zonal(lambda m: loss(1 - m), d, temperature, breakpoints=self.breakpoints)

    def step_law(self, temperature: float, noise_scale: float) -> AbstractStepLaw:
        """That of the overlap.

        Args:
            temperature: `T`, one number.
            noise_scale: `σ`.
        """
        rate = 2 * temperature / noise_scale**2
        return ZonalStepLaw(self.law, self.loss, float(self.dimension), noise_scale, rate)

    def direction_relaxation_rate(self, temperature: FloatArray) -> FloatArray:
        """The spectral gap of `−∇L·∇ + TΔ`, law by law on the host; 0 where wells are too deep to be left.

        Args:
            temperature: `T`, any shape.

        Raises:
            ValueError: a temperature that is being traced.
        """
        if isinstance(temperature, jax.core.Tracer):
            raise ValueError(
                "temperature: got one that is being traced, expected numbers; spectral gaps are worked out on the "
                "host, so ask for state.direction_relaxation_rate outside jit"
            )
        T, index = np.unique(np.asarray(temperature, np.float64), return_inverse=True)
        gaps = np.array([zonal_relaxation(self.law(float(t))).gap for t in T])
        return jnp.asarray(gaps[index].reshape(jnp.shape(temperature)), temperature.dtype)

    def direction_helmholtz_energy(self, temperature: FloatArray) -> FloatArray:
        """`−T log ∫ e^{−f/T}`."""
        return _helmholtz(self.edges, self.series, temperature)

    def direction_energy(self, temperature: FloatArray) -> FloatArray:
        """`E f`."""
        return _energy(self.edges, self.series, temperature)


@lru_cache(maxsize=256)
def _compiled(form: Any) -> Callable[[Any, np.ndarray], Array]:
    return jax.jit(lambda arrays, depth: eqx.combine(arrays, form).at_depth(depth))


def _on_host(loss: Callable[[Any, np.ndarray], Array], arrays: Any, depth: np.ndarray) -> np.ndarray:
    """A loss as a function of NumPy arrays, compiled for few different sizes, also while something else is traced."""
    flat = np.asarray(depth, np.float64).reshape(-1)
    size = 1 << max((flat.size - 1).bit_length(), 10)
    padded = np.concatenate([flat, np.full(size - flat.size, 0.5)])
    with jax.ensure_compile_time_eval():
        values = np.asarray(loss(arrays, padded), np.float64)
    return np.broadcast_to(values, size)[: flat.size].reshape(np.shape(depth))


class _Thermal(NamedTuple):
    """`F/T`, `S`, `U`, and `C`, `TC'`, `T²C''` from the cumulants of the loss over `T`; and their slopes in `log T`.

    `rounding` is that of the loss and of the sums over the law, which are moments of the energy.
    """

    values: np.ndarray
    slopes: np.ndarray
    rounding: np.ndarray


def _thermal(law: Zonal) -> _Thermal:
    k1, k2, k3, k4, k5 = law.cumulants(5)
    first, second = k3 - 2 * k2, k4 - 6 * k3 + 6 * k2
    values = [law.log_normalizer, law.entropy(), law.mean_loss, k2, first, second]
    slopes = [-k1, k2, law.temperature * k2, first, first + second, k5 - 10 * k4 + 24 * k3 - 12 * k2]
    width = max(k4 + 3 * k2**2, 0.0) ** 0.25
    powers = np.array([1.0, 1.0, 1.0, width**3, width**4, width**5])
    rounding = np.finfo(np.float64).eps + law.rounding / 8 + law.quadrature_error / _NOISE
    return _Thermal(np.array(values), np.array(slopes), rounding * np.maximum(powers, 1.0))


class _NoSeriesError(Exception):
    """Why a piece has no series, and where."""

    def __init__(self, reason: str, low: float, high: float) -> None:
        super().__init__(reason)
        self.low, self.high = low, high


_Law = Callable[[float], Zonal]
_Pieces = list[tuple[float, np.ndarray]]


def _all_pieces(law: _Law, low: float, high: float) -> _Pieces:
    """Where each piece of an interval of `log T` begins, and its series."""
    ends = np.linspace(low, high, 1 + int(np.ceil((high - low) / _WIDEST)))
    return [piece for pair in pairwise(ends) for piece in _pieces(law, *pair)]


def _pieces(law: _Law, low: float, high: float) -> _Pieces:
    half = (high - low) / 2
    try:
        at = [_thermal(law(float(np.exp(x)))) for x in (low + high) / 2 + half * _NODES]
    except ArithmeticError as error:
        if 2 * half < _NARROWEST:
            raise _NoSeriesError(f"a law that cannot be integrated ({error})", low, high) from error
    else:
        values, slopes, rounding = (np.array(part) for part in zip(*at, strict=True))
        series = _HERMITE @ np.concatenate([values, half * slopes])
        if _has_converged(values, series, rounding, float(np.exp(low))):
            return [(low, series)]
        if 2 * half < _NARROWEST:
            raise _NoSeriesError(_reason(series), low, high)
    middle = (low + high) / 2
    return _pieces(law, low, middle) + _pieces(law, middle, high)


def _has_converged(values: np.ndarray, series: np.ndarray, rounding: np.ndarray, temperature: float) -> bool:
    """Whether the last coefficients of each column are small, or rounding errors, which no longer fall."""
    units = np.array([1.0, 1.0, temperature, 1.0, 1.0, 1.0])
    size = np.maximum(np.abs(values).max(axis=0), _SMALLEST * units)
    # Derivatives of the heat capacity are sums of terms as large as it is, and no better known.
    size[4:] = np.maximum(size[4:], size[3])
    tail, before = np.abs(series[-2:]).max(axis=0), np.abs(series[-6:-4]).max(axis=0)
    noise = (tail < np.minimum(_NOISE * rounding.max(axis=0), _COARSEST * size)) & (tail > before / _FALL)
    return bool(((tail < _TOLERANCE * size) | noise).all())


def _reason(series: np.ndarray) -> str:
    """Of a piece so narrow that it is straight but for a transition, unless the laws are uncertain."""
    rough = np.abs(series[2:]).max(axis=0)
    if (np.abs(series[-2:]).max(axis=0) > rough / 3).any():
        return (
            "laws that differ from each other by errors of the loss itself, expected it in double precision, or its "
            "narrow wells in breakpoints=[…],"
        )
    return "properties that change within a thousandth of log T, expected smooth ones,"


def _advice(law: _Law, low: float, high: float, failure: _NoSeriesError) -> str:
    """An interval beside the failure, the widest that a series exists on."""
    found = []
    for above in (True, False):
        for margin in _MARGINS:
            ends = (failure.high + margin, high) if above else (low, failure.low - margin)
            if ends[1] - ends[0] > _NARROWEST and _exists(law, *ends):
                found.append(ends)
                break
    if not found:
        return "no interval within the given one has been found"
    ends = max(found, key=lambda ends: ends[1] - ends[0])
    # Rounded inwards, to what is typed.
    step = np.array([1e-4, -1e-4])
    typed = [float(f"{T:.4g}") for T in np.exp(np.array(ends) + step)]
    return f"take an interval beside it, as in temperature=({typed[0]:g}, {typed[1]:g})"


def _exists(law: _Law, low: float, high: float) -> bool:
    try:
        _all_pieces(law, low, high)
    except _NoSeriesError:
        return False
    return True


def _evaluate(column: int, edges: Any, series: Any, temperature: FloatArray) -> FloatArray:
    """A column's series by Clenshaw's recurrence."""
    edges, series = jnp.asarray(edges, temperature.dtype), jnp.asarray(series, temperature.dtype)
    piece = jnp.maximum(jnp.searchsorted(edges, jnp.minimum(temperature, edges[-1])) - 1, 0)
    low, high = edges[piece], edges[piece + 1]
    # A logarithm of a ratio, which in single precision has digits that one of the temperature has not.
    t = 2 * jnp.log(temperature / low) / jnp.log(high / low) - 1
    own = series[piece, :, column]
    previous, current = jnp.zeros_like(t), own[..., _DEGREE]
    for k in range(_DEGREE - 1, 0, -1):
        previous, current = current, own[..., k] + 2 * t * current - previous
    interval = edges[0], edges[-1]
    return jnp.where(within(interval, temperature), own[..., 0] + t * current - previous, jnp.nan)


def _column(name: str, slope: Callable[..., FloatArray] | None) -> Callable[..., FloatArray]:
    """A column as a function whose derivative in `T` is another; the last is differentiated itself."""
    index = _COLUMNS.index(name)

    def plain(edges: Any, series: Any, temperature: FloatArray) -> FloatArray:
        scale = temperature if name == "F/T" else 1.0
        return scale * _evaluate(index, edges, series, temperature)

    if slope is None:
        return plain
    function = jax.custom_jvp(plain)

    def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[FloatArray, FloatArray]:
        return function(*primals), slope(*primals) * tangents[2]

    function.defjvp(rule)
    return function


_curvature = _column("T^2C''", None)
_capacity_slope: Callable[..., FloatArray] = _column(
    "TC'", lambda *at: (_capacity_slope(*at) + _curvature(*at)) / at[2]
)
_capacity = _column("C", lambda *at: _capacity_slope(*at) / at[2])
_energy = _column("U", lambda *at: _capacity(*at))
_entropy = _column("S", lambda *at: _capacity(*at) / at[2])
_helmholtz = _column("F/T", lambda *at: -_entropy(*at))
