"""Temperature and volume from any two properties that determine them."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from thermo_ideal._dictionary import SYMBOLS
from thermo_ideal.dynamics import temperature
from thermo_ideal.numerics import positive_root, positive_root_on_host
from thermo_ideal.thermodynamics._helmholtz import LARGEST_VOLUME, AbstractHelmholtzEnergy, by_temperature, by_volume
from thermo_ideal.thermodynamics._types import FloatArray

Range = tuple[float, float]

# The properties that rise with the temperature at a fixed pressure or volume, and may have either sign.
THERMAL = ("entropy", "internal_energy", "enthalpy")
_COORDINATES = ("temperature", "volume", "pressure", *THERMAL)
# What a state can be given by: each word with the coordinate that it stands for, and its value from that of the word.
COORDINATES: Mapping[str, tuple[str, Callable[[Array, Array], Array]]] = {
    **{word: (SYMBOLS[word], lambda value, sigma: value) for word in _COORDINATES},
    "effective_learning_rate": (SYMBOLS["temperature"], temperature),
    "radius": (SYMBOLS["volume"], lambda radius, sigma: radius**2 / 2),
    "weight_decay": (SYMBOLS["pressure"], lambda weight_decay, sigma: weight_decay),
    "learning_rate": ("TV", lambda learning_rate, sigma: temperature(learning_rate, sigma) / 2),
}
# The pairs that a stable gas has one state of; along TV the entropy of a cold ideal gas is constant.
_PAIRS = ("T V", "T p", "T TV", "T S", "V TV", "V p", "p TV", "V S", "p S", "V U", "p H")
# Those of a gas whose U and pV depend on the temperature alone: U or H gives the temperature.
_IDEAL_PAIRS = ("p U", "TV U", "S U", "V H", "TV H", "S H")


def require_pair(gas: AbstractHelmholtzEnergy, names: Collection[str]) -> None:
    """Raises ValueError unless these are two properties that determine a state of the gas."""
    pair = {COORDINATES[name][0] for name in names}
    if len(names) == 2 and any(pair == set(other.split()) for other in pairs(gas)):
        return
    of_others = len(names) == 2 and any(pair == set(other.split()) for other in _IDEAL_PAIRS)
    raise ValueError(
        f"state: got {' and '.join(names) or 'nothing'}, expected two properties that determine a state, as in "
        "State(gas, temperature=0.1, pressure=0.01) or State(gas, learning_rate=0.1, weight_decay=0.01)"
        + ("; these determine that of a scale-invariant gas alone" if of_others else "")
    )


def pairs(gas: AbstractHelmholtzEnergy) -> tuple[str, ...]:
    """The pairs of coordinates that determine a state of the gas."""
    return _PAIRS + _IDEAL_PAIRS if gas.energy_depends_on_temperature_alone else _PAIRS


def determine(
    gas: AbstractHelmholtzEnergy, noise_scale: FloatArray, pair: Mapping[str, Array], temperature_range: Range
) -> tuple[FloatArray, FloatArray]:
    """`T` and `V`, in the common shape of the arguments; NaN where no state has these properties.

    Args:
        gas: the model.
        noise_scale: `σ`.
        pair: two names of `COORDINATES` that determine a state, with their values.
        temperature_range: where the temperature is looked for.
    """
    T, V = _solve(gas, coordinates(noise_scale, pair), temperature_range)
    exists = gas.exists(T, V)
    return jnp.where(exists, T, jnp.nan), jnp.where(exists, V, jnp.nan)


def coordinates(noise_scale: FloatArray, pair: Mapping[str, Array]) -> dict[str, Array]:
    """The values of a pair as those of the coordinates that they stand for."""
    return {COORDINATES[name][0]: COORDINATES[name][1](x, noise_scale) for name, x in pair.items()}


def _solve(
    gas: AbstractHelmholtzEnergy, known: Mapping[str, Array], temperature_range: Range
) -> tuple[FloatArray, FloatArray]:
    match known:
        case {"T": T, "V": V}:
            return T, V
        case {"T": T, "p": p}:
            return T, _volume_at(gas, T, p)
        case {"T": T, "TV": x}:
            return T, x / T
        case {"V": V, "TV": x}:
            return x / V, V
    search = search_for(gas, known, temperature_range)
    T, V = search.path(search.root())
    return (T, V) if search.complete else _solve(gas, {"T": T, **search.rest}, temperature_range)


class Point(NamedTuple):
    """A point of a path, and the rates of change of `log T` and `log V` with the logarithm of its coordinate."""

    T: FloatArray
    V: FloatArray
    along_temperature: FloatArray
    along_volume: FloatArray


class Search(eqx.Module):
    """The search for a property along a path on which it rises, or falls, with the coordinate of the path."""

    gas: AbstractHelmholtzEnergy
    target: str = eqx.field(static=True)  # S, U, H or p
    expected: FloatArray
    held: str = eqx.field(static=True)  # T, V, p or TV, along the path
    value: FloatArray  # of what is held
    temperature_range: Range = eqx.field(static=True)
    rest: dict[str, FloatArray]  # what is known besides: the path has some volume, and gives the temperature alone

    @property
    def complete(self) -> bool:
        """Whether the path has the volume that is looked for."""
        return not self.rest

    @property
    def bounds(self) -> Range:
        """Of the coordinate: the volume while T is held, the inverse temperature while TV is, else the temperature."""
        low, high = self.temperature_range
        return {"T": (1 / LARGEST_VOLUME, LARGEST_VOLUME), "TV": (1 / high, 1 / low)}.get(self.held, (low, high))

    @property
    def sign(self) -> int:
        """Of the change of the property along the path."""
        # At a fixed product TV the path is one in the volume, since a gas may have a smallest one.
        return -1 if self.held == "TV" else 1

    @property
    def start(self) -> FloatArray:
        """The coordinate at which to begin: an energy is about RT or 2RT."""
        thermal = {"U": 1.0, "H": 2.0}.get(self.target)
        typical = jnp.full_like(self.expected, 0.1)
        if thermal is not None:
            guess = self.expected / (thermal * self.gas.gas_constant)
            typical = jnp.where(guess > 0, guess, typical)
        return 1 / typical if self.held == "TV" else typical

    def path(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """`T` and `V` at a coordinate."""
        match self.held:
            case "T":
                return self.value, x
            case "V":
                return x, self.value
            case "TV":
                return 1 / x, self.value * x
        return x, _volume_at(self.gas, x, self.value)

    def excess(self, x: FloatArray) -> FloatArray:
        """What rises through 0 at the root."""
        T, V = self.path(x)
        value = _PROPERTIES[self.target](self.gas, T, V)
        return jnp.where(self.gas.exists(T, V), self.sign * (value - self.expected), jnp.nan)

    def evaluate(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same with its slope, from what all searches of a gas share when it is compiled."""
        point = self._point(x)
        value, slope = _VALUES[self.target](self.gas, point)
        excess = jnp.where(_exists(self.gas, point.T, point.V), self.sign * (value - self.expected), jnp.nan)
        return excess, self.sign * slope

    def root(self) -> FloatArray:
        """The coordinate, for each element; NaN where there is none."""
        start = jnp.broadcast_to(self.start, self.expected.shape)
        traced = isinstance(start, jax.core.Tracer) or isinstance(self.evaluate(start)[0], jax.core.Tracer)
        if traced:
            return positive_root(lambda x: self.excess(x), start, *self.bounds)
        return positive_root_on_host(self.evaluate, start, *self.bounds)

    def _point(self, x: FloatArray) -> Point:
        one, none = jnp.ones_like(x), jnp.zeros_like(x)
        match self.held:
            case "T":
                return Point(*self.path(x), none, one)
            case "V":
                return Point(*self.path(x), one, none)
            case "TV":
                return Point(*self.path(x), -one, one)
        T, V = self.path(x)
        _, by_T, by_V = _pressure(self.gas, T, V)
        return Point(T, V, one, -by_T / by_V)


def search_for(gas: AbstractHelmholtzEnergy, known: Mapping[str, Array], temperature_range: Range) -> Search:
    """The search that a pair asks for: along the path on which one of both is held."""
    rest: dict[str, Array] = {}
    energies = known.keys() & {"U", "H"}
    if energies and gas.energy_depends_on_temperature_alone:
        (target,) = energies
        rest = {name: x for name, x in known.items() if name != target}
        held, value = "V", rest.get("V", jnp.ones_like(known[target]))
        rest = {} if "V" in rest else rest
    else:
        held = next(coordinate for coordinate in ("T", "V", "TV", "p") if coordinate in known)
        value = known[held]
        (target,) = known.keys() - {held}
    return Search(gas, target, known[target], held, value, temperature_range, rest)


# What rises with temperature while V, p or TV is held, and with volume while T is: of a gas that is stable.
_PROPERTIES: dict[str, Callable[[AbstractHelmholtzEnergy, FloatArray, FloatArray], FloatArray]] = {
    "p": lambda gas, T, V: -by_volume(gas)(T, V),
    "S": lambda gas, T, V: -by_temperature(gas)(T, V),
    "U": lambda gas, T, V: gas.internal_energy(T, V),
    "H": lambda gas, T, V: gas.internal_energy(T, V) - V * by_volume(gas)(T, V),
}


@eqx.filter_jit
def _exists(gas: AbstractHelmholtzEnergy, T: FloatArray, V: FloatArray) -> Array:
    return gas.exists(T, V)


@eqx.filter_jit
def _volume_at(gas: AbstractHelmholtzEnergy, T: FloatArray, p: FloatArray) -> Array:
    return gas.volume_at(T, p)


@eqx.filter_jit
def _energy(gas: AbstractHelmholtzEnergy, T: FloatArray, V: FloatArray) -> tuple[Array, Array]:
    """`U` and `T ∂U/∂T`."""
    return jax.jvp(lambda T: gas.internal_energy(T, V), (T,), (T,))


@eqx.filter_jit
def _entropy(gas: AbstractHelmholtzEnergy, T: FloatArray, V: FloatArray) -> Array:
    return -by_temperature(gas)(T, V)


@eqx.filter_jit
def _pressure(gas: AbstractHelmholtzEnergy, T: FloatArray, V: FloatArray) -> tuple[Array, Array, Array]:
    """`p`, `T ∂p/∂T` and `V ∂p/∂V`."""
    pressure = _PROPERTIES["p"]
    p, by_T = jax.jvp(lambda T: pressure(gas, T, V), (T,), (T,))
    return p, by_T, V * by_volume(lambda T, V: pressure(gas, T, V))(T, V)


def _pressure_along(gas: AbstractHelmholtzEnergy, at: Point) -> tuple[Array, Array]:
    p, by_T, by_V = _pressure(gas, at.T, at.V)
    return p, by_T * at.along_temperature + by_V * at.along_volume


def _energy_along(gas: AbstractHelmholtzEnergy, at: Point) -> tuple[Array, Array]:
    """By `∂U/∂V = T ∂p/∂T − p`."""
    U, by_T = _energy(gas, at.T, at.V)
    p, p_by_T, _ = _pressure(gas, at.T, at.V)
    return U, by_T * at.along_temperature + at.V * (p_by_T - p) * at.along_volume


def _entropy_along(gas: AbstractHelmholtzEnergy, at: Point) -> tuple[Array, Array]:
    """By `T ∂S/∂T = ∂U/∂T` and `∂S/∂V = ∂p/∂T`."""
    _, by_T = _energy(gas, at.T, at.V)
    _, p_by_T, _ = _pressure(gas, at.T, at.V)
    return _entropy(gas, at.T, at.V), (by_T * at.along_temperature + at.V * p_by_T * at.along_volume) / at.T


def _enthalpy_along(gas: AbstractHelmholtzEnergy, at: Point) -> tuple[Array, Array]:
    U, along = _energy_along(gas, at)
    p, p_along = _pressure_along(gas, at)
    return U + p * at.V, along + at.V * (p_along + p * at.along_volume)


_VALUES = {"p": _pressure_along, "S": _entropy_along, "U": _energy_along, "H": _enthalpy_along}
