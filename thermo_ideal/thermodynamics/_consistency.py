"""Whether a model of a gas is thermodynamically consistent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import as_positive, broadcast_batch
from thermo_ideal._display import span
from thermo_ideal._expressions import parse
from thermo_ideal.numerics import gauss_legendre
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, by_temperature, by_volume
from thermo_ideal.thermodynamics._partial_derivatives import ALGEBRA, differentiate, value_of
from thermo_ideal.thermodynamics._solve_state import THERMAL, determine
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics._types import FloatArray

_TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}
# A finite change of a coordinate, and the rule that integrates over it: to rounding, for what is smooth in logarithms.
_STEP = 1.25
_NODES, _WEIGHTS = gauss_legendre(12)


class ConsistencyError(ValueError):
    """A model contradicts itself, or is unstable.

    Example:
        A gas of negative heat capacity:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics import ConsistencyError, HelmholtzEnergy, check_consistency
        >>> gas = HelmholtzEnergy(lambda T, V: 5 * T * jnp.log(T) - 5 * T * jnp.log(V), dimension=11)
        >>> try:
        ...     check_consistency(gas).require()
        ... except ConsistencyError as error:
        ...     print("stability, C_V > 0" in str(error))
        True
    """


@dataclass(frozen=True, repr=False)
class Consistency:
    """The errors of all identities at every state.

    Args:
        errors: by identity, the sum of its terms over the sum of their sizes, in the shape of the states.
        tolerance: the error that is allowed.
        temperature: of the states.
        volume: of the states.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, check_consistency
        >>> found = check_consistency(CaloricallyPerfectGas(11))
        >>> found.passed, found.temperature.shape
        (True, (5, 5))
    """

    errors: Mapping[str, np.ndarray]
    tolerance: float
    temperature: np.ndarray
    volume: np.ndarray

    def __repr__(self) -> str:
        worst, failures = self._worst, self.failures
        name = max(worst, key=lambda name: np.nan_to_num(worst[name], nan=np.inf))
        count = f"{len(failures)} of {len(worst)} identities fail" if failures else f"all {len(worst)} identities hold"
        return (
            f"Consistency: {count} to {self.tolerance:g} at {self.temperature.size} states\n"
            f"  T = {span(self.temperature)} loss, V = {span(self.volume)} weight^2\n"
            f"  largest error {worst[name]:.1e}, of {name!r}"
        )

    @property
    def _worst(self) -> dict[str, float]:
        return {name: float(np.max(error)) for name, error in self.errors.items()}

    @property
    def failures(self) -> dict[str, float]:
        """The identities that do not hold, with their largest error; NaN where an identity has no value."""
        return {name: error for name, error in self._worst.items() if not error <= self.tolerance}

    @property
    def passed(self) -> bool:
        """Whether all of them hold at every state."""
        return not self.failures

    def require(self) -> Consistency:
        """Raises unless all identities hold.

        Returns:
            The object itself.

        Raises:
            ConsistencyError: the identities that do not, by name, with a state where they fail.
        """
        if self.passed:
            return self
        rows = []
        for name, worst in self.failures.items():
            at = np.unravel_index(int(np.argmax(np.nan_to_num(self.errors[name], nan=np.inf))), self.temperature.shape)
            rows.append(f"{name}: off by {worst:.1e} at T = {self.temperature[at]:.4g}, V = {self.volume[at]:.4g}")
        raise ConsistencyError(
            f"gas: {len(rows)} of {len(self.errors)} identities do not hold to {self.tolerance:g}:\n" + "\n".join(rows)
        )


def check_consistency(
    gas: AbstractHelmholtzEnergy,
    temperature: ArrayLike | None = None,
    volume: ArrayLike | None = None,
    *,
    noise_scale: ArrayLike = 1.3,
    tolerance: float | None = None,
) -> Consistency:
    """Checks every thermodynamic identity of a gas, and that the gas is stable.

    These are the identities between derivatives, and three more kinds. `F` must change by the integrals of `−S` and
    `−p` over finite changes of temperature and volume, and `U` by that of `C_V`, so that a wrong derivative is found
    even where everything else follows from it. `C_V` and `κ_T` must be positive. And `State` must find the state again
    from each pair of its properties.

    Args:
        gas: the model.
        temperature: of the states, a grid from 10⁻³ to 10 if None.
        volume: of the states, a grid from 10⁻² to 10² if None. If both are vectors, each temperature goes with each
            volume; otherwise the two broadcast.
        noise_scale: `σ`.
        tolerance: allowed error of an identity relative to the size of its terms; 1e-9 in double precision, 1e-4 in
            single precision if None.

    Returns:
        A `Consistency`; `.require()` raises the names of what does not hold.

    Raises:
        ValueError: an argument out of its range, or shapes that do not broadcast.

    Example:
        A gas whose entropy is not the derivative of its energy over the temperature:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, check_consistency
        >>> class Wrong(CaloricallyPerfectGas):
        ...     def direction_energy(self, temperature):
        ...         return 1.01 * self.gas_constant * temperature
        >>> len(check_consistency(CaloricallyPerfectGas(11)).require().errors)
        85
        >>> sorted(check_consistency(Wrong(11)).failures)[0]
        'C_V by F'

    Source: the idea of Cantera's consistency suite, every identity for every model.
    """
    T = as_positive("temperature", np.logspace(-3, 1, 5) if temperature is None else temperature)
    V = as_positive("volume", np.logspace(-2, 2, 5) if volume is None else volume)
    broadcast_batch({} if T.ndim == V.ndim == 1 else {"temperature": T.shape, "volume": V.shape})
    T, V = jnp.meshgrid(T, V, indexing="ij") if T.ndim == V.ndim == 1 else jnp.broadcast_arrays(T, V)
    state = State(gas, temperature=T, volume=V, noise_scale=noise_scale)
    if tolerance is None:
        tolerance = _TOLERANCE[np.dtype(state.temperature.dtype)]
    errors, properties, moves = _errors(state)
    errors |= _round_trips(state, properties, moves)
    found = {name: np.asarray(error) for name, error in errors.items()}
    return Consistency(found, tolerance, np.asarray(state.temperature), np.asarray(state.volume))


@eqx.filter_jit
def _errors(state: State) -> tuple[dict[str, Array], dict[str, Array], dict[tuple[str, str], Array]]:
    """The error of each identity, the properties, and the derivatives of the thermal ones by log T at another one."""
    T, V, gas = state.temperature, state.volume, state.gas
    names = state.local_derivatives()

    def dense(part: Any) -> Array:
        return jnp.broadcast_to(jnp.asarray(value_of(part), T.dtype), T.shape)

    def identity(terms: tuple[str, ...]) -> Array:
        return _relative(*(dense(parse(term, names, ALGEBRA)) for term in terms))

    errors = {name: identity(terms) for name, terms in gas.identities.items()}
    entropy, pressure = by_temperature(gas), by_volume(gas)
    heat = by_temperature(gas.internal_energy)
    warmer, wider = lambda T, V, x: (T * x, V), lambda T, V, x: (T, V * x)
    errors |= {
        "F over a change of T": _integral(gas, lambda T, V: T * entropy(T, V), warmer, T, V),
        "F over a change of V": _integral(gas, lambda T, V: V * pressure(T, V), wider, T, V),
        "U over a change of T": _integral(gas.internal_energy, lambda T, V: T * heat(T, V), warmer, T, V),
        "stability, C_V > 0": jnp.where(dense(names["C_V"]) > 0, 0.0, jnp.nan),
        "stability, κ_T > 0": jnp.where(dense(names["kappa_T"]) > 0, 0.0, jnp.nan),
    }
    moves = {(X, Y): dense(differentiate(names[X], names["log_T"], names[Y], 1)) for X, Y in _PAIRS if X in THERMAL}
    return errors, {name: dense(names[name]) for pair in _PAIRS for name in pair}, moves


def _relative(*terms: Array) -> Array:
    """The sum of terms over the sum of their sizes; 0 where all are 0."""
    total, size = sum(terms), sum(jnp.abs(term) for term in terms)
    return jnp.where(size == 0, 0.0, jnp.abs(total) / jnp.where(size == 0, 1.0, size))


def _integral(
    f: Callable[[FloatArray, FloatArray], FloatArray],
    slope: Callable[[FloatArray, FloatArray], FloatArray],
    along: Callable[[FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]],
    T: FloatArray,
    V: FloatArray,
) -> Array:
    """The change of `f` when a coordinate grows by a factor, less the integral of its slope in the logarithm."""
    length = float(np.log(_STEP))
    at = jnp.exp(length * jnp.asarray(_NODES, T.dtype))
    # One node after another: the slope is compiled once.
    parts = length * lax.map(lambda x: slope(*along(T, V, x)), at)
    parts = [weight * part for weight, part in zip(_WEIGHTS, parts, strict=True)]
    return _relative(f(*along(T, V, jnp.asarray(_STEP, T.dtype))), -f(T, V), *(-part for part in parts))


# Each kind of coordinate with every other that determines a state with it.
_PAIRS = [
    ("temperature", "volume"),
    ("temperature", "pressure"),
    ("entropy", "volume"),
    ("entropy", "pressure"),
    ("temperature", "entropy"),
    ("internal_energy", "volume"),
    ("enthalpy", "pressure"),
    ("learning_rate", "weight_decay"),
    ("effective_learning_rate", "weight_decay"),
    ("effective_learning_rate", "radius"),
    ("learning_rate", "radius"),
    ("weight_decay", "radius"),
]


def _round_trips(state: State, properties: dict[str, Array], moves: dict[tuple[str, str], Array]) -> dict[str, Array]:
    """The relative error of each pair of properties in the state that is found from them.

    The searches are those on the host, which have nothing to compile; all that they find is evaluated at once.
    """
    pairs = ({name: properties[name] for name in pair} for pair in _PAIRS)
    found = [determine(state.gas, state.noise_scale, pair, state.gas.temperature_range) for pair in pairs]
    T, V = (jnp.stack(x) for x in zip(*found, strict=True))
    again, sizes = _properties(state, T, V), _sizes(state, properties)

    def error(i: int) -> Array:
        of = [jnp.abs(again[name][i] - properties[name]) / sizes[name] for name in _PAIRS[i]]
        return jnp.maximum(*of)

    return {f"state from {X}, {Y}": _told(error(i), sizes[X], moves.get((X, Y))) for i, (X, Y) in enumerate(_PAIRS)}


@eqx.filter_jit
def _properties(state: State, T: Array, V: Array) -> dict[str, Array]:
    """Of several states along the first axis, compiled as one."""

    def of(T: Array, V: Array) -> dict[str, Array]:
        there = eqx.tree_at(lambda s: (s.temperature, s.volume), state, (T, V))
        return {name: jnp.broadcast_to(getattr(there, name), T.shape) for pair in _PAIRS for name in pair}

    return jax.vmap(of)(T, V)


def _sizes(state: State, properties: dict[str, Array]) -> dict[str, Array]:
    """What errors are relative to; entropy and energies have no natural zero, and have a usual size besides."""
    thermal = state.gas_constant * state.temperature
    usual = dict(zip(THERMAL, (jnp.abs(state.radius_entropy), thermal, thermal), strict=True))
    return {name: jnp.abs(value) + usual.get(name, 0.0) for name, value in properties.items()}


def _told(error: Array, size: Array, move: Array | None) -> Array:
    """An error; 0 where rounding a thermal property by its last place would move the temperature by a thousandth.

    A hot gas has the energy and entropy of the uniform law at any temperature.
    """
    if move is None:
        return error
    return jnp.where(jnp.abs(move) < 1e3 * jnp.finfo(error.dtype).eps * size, 0.0, error)
