"""Temperature and volume from any two properties that determine them."""

from collections.abc import Callable, Collection, Mapping

import jax.numpy as jnp
from jaxtyping import Array

from thermo_ideal._dictionary import SYMBOLS
from thermo_ideal.dynamics import temperature
from thermo_ideal.numerics import positive_root
from thermo_ideal.thermodynamics._helmholtz import LARGEST_VOLUME, AbstractHelmholtzEnergy, by_temperature, by_volume
from thermo_ideal.thermodynamics._types import FloatArray

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


def require_pair(names: Collection[str]) -> None:
    """Raises ValueError unless these are two properties that determine a state."""
    if len(names) != 2 or not any({COORDINATES[name][0] for name in names} == set(pair.split()) for pair in _PAIRS):
        raise ValueError(
            f"state: got {' and '.join(names) or 'nothing'}, expected two properties that determine a state, as in "
            "State(gas, temperature=0.1, pressure=0.01) or State(gas, learning_rate=0.1, weight_decay=0.01)"
        )


def determine(
    gas: AbstractHelmholtzEnergy, noise_scale: FloatArray, pair: Mapping[str, Array]
) -> tuple[FloatArray, FloatArray]:
    """`T` and `V`, in the common shape of the arguments; NaN where no state has these properties.

    Args:
        gas: the model.
        noise_scale: `σ`.
        pair: two names of `COORDINATES` that determine a state, with their values.
    """
    T, V = _solve(gas, {COORDINATES[name][0]: COORDINATES[name][1](x, noise_scale) for name, x in pair.items()})
    exists = gas.exists(T, V)
    return jnp.where(exists, T, jnp.nan), jnp.where(exists, V, jnp.nan)


def _solve(gas: AbstractHelmholtzEnergy, known: Mapping[str, Array]) -> tuple[FloatArray, FloatArray]:
    held = next(coordinate for coordinate in ("T", "V", "TV", "p") if coordinate in known)
    (target,) = known.keys() - {held}
    x, expected = known[held], known[target]
    match held, target:
        case "T", "V":
            return x, expected
        case "T", "p":
            return x, gas.volume_at(x, expected)
        case "T", "TV":
            return x, expected / x
        case "V", "TV":
            return expected / x, x
    rising = _PROPERTIES[target]

    def excess(T: FloatArray, V: FloatArray) -> FloatArray:
        return jnp.where(gas.exists(T, V), rising(gas, T, V) - expected, jnp.nan)

    start = jnp.full_like(expected, 0.1)
    if held == "T":
        return x, positive_root(lambda V: excess(x, V), start, 1 / LARGEST_VOLUME, LARGEST_VOLUME)
    if held == "V":
        return positive_root(lambda T: excess(T, x), start, *gas.temperature_range), x
    if held == "p":
        T = positive_root(lambda T: excess(T, gas.volume_at(T, x)), start, *gas.temperature_range)
        return T, gas.volume_at(T, x)
    # At a fixed product TV the root is looked for in the volume, since a gas may have a smallest one.
    low, high = gas.temperature_range
    V = x * positive_root(lambda v: -excess(1 / v, x * v), 1 / start, 1 / high, 1 / low)
    return x / V, V


# What rises with temperature while V, p or TV is held, and with volume while T is: of a gas that is stable.
_PROPERTIES: dict[str, Callable[[AbstractHelmholtzEnergy, FloatArray, FloatArray], FloatArray]] = {
    "p": lambda gas, T, V: -by_volume(gas)(T, V),
    "S": lambda gas, T, V: -by_temperature(gas)(T, V),
    "U": lambda gas, T, V: gas.internal_energy(T, V),
    "H": lambda gas, T, V: gas.internal_energy(T, V) - V * by_volume(gas)(T, V),
}
