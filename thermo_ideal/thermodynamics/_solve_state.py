"""Temperature and volume from any two properties that determine them."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jaxtyping import Array

from thermo_ideal.numerics import WIDEST, Number, positive_root
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, by_temperature, by_volume

# Names of the dictionary, by the coordinate that they stand for: Y is TV = ησ²/4.
COORDINATES = {
    "temperature": "T",
    "effective_learning_rate": "T",
    "volume": "V",
    "radius": "V",
    "pressure": "p",
    "weight_decay": "p",
    "learning_rate": "Y",
    "entropy": "S",
    "internal_energy": "U",
    "enthalpy": "H",
}
# Those that say how warm it is, and may have either sign.
THERMAL = ("entropy", "internal_energy", "enthalpy")
# Those that a stable gas has one state of; along Y the entropy of a cold ideal gas is constant.
_DETERMINE = [
    *("TV", "Tp", "TY", "TS", "VY", "Vp", "pY"),
    *("VS", "pS", "VU", "pH"),
]


def determine(gas: AbstractHelmholtzEnergy, noise_scale: Number, pair: Mapping[str, Array]) -> tuple[Number, Number]:
    """`T` and `V`, in the common shape of the arguments; NaN where no state has these properties.

    Args:
        gas: the model.
        noise_scale: `σ`.
        pair: two names of `COORDINATES` with their values.

    Raises:
        ValueError: the two do not determine a state.
    """
    kinds = {COORDINATES[name]: name for name in pair}
    if len(pair) != 2 or not any(set(kinds) == set(known) for known in _DETERMINE):
        got = " and ".join(pair) or "nothing"
        raise ValueError(
            f"state: got {got}, expected two properties that determine a state, as in State(gas, temperature=0.1, "
            "pressure=0.01) or State(gas, learning_rate=0.1, weight_decay=0.01)"
        )
    known = {kind: _coordinate(name, pair[name], noise_scale) for kind, name in kinds.items()}
    T, V = _solve(gas, known)
    exists = gas.exists(T, V)
    return jnp.where(exists, T, jnp.nan), jnp.where(exists, V, jnp.nan)


def _solve(gas: AbstractHelmholtzEnergy, known: Mapping[str, Array]) -> tuple[Number, Number]:
    held = next(kind for kind in "TVYp" if kind in known)
    (target,) = known.keys() - {held}
    x, expected = known[held], known[target]
    match held, target:
        case "T", "V":
            return x, expected
        case "T", "p":
            return x, gas.volume_at(x, expected)
        case ("T", "Y"):
            return x, expected / x
        case ("V", "Y"):
            return expected / x, x
    rising = _PROPERTIES[target]

    def excess(T: Number, V: Number) -> Number:
        return jnp.where(gas.exists(T, V), rising(gas, T, V) - expected, jnp.nan)

    start = jnp.full_like(expected, 0.1)
    if held == "T":
        return x, positive_root(lambda V: excess(x, V), start, 1 / WIDEST, WIDEST)
    if held == "V":
        return positive_root(lambda T: excess(T, x), start, *gas.temperature_range), x
    if held == "p":
        T = positive_root(lambda T: excess(T, gas.volume_at(T, x)), start, *gas.temperature_range)
        return T, gas.volume_at(T, x)
    # In the volume, since a gas may have a smallest one.
    low, high = gas.temperature_range
    V = x * positive_root(lambda v: -excess(1 / v, x * v), 1 / start, 1 / high, 1 / low)
    return x / V, V


def _coordinate(name: str, value: Array, sigma: Array) -> Array:
    match name:
        case "effective_learning_rate":
            return value * sigma**2 / 2
        case "radius":
            return value**2 / 2
        case "learning_rate":
            return value * sigma**2 / 4
    return value


# What rises with temperature while V, p or TV is held, and with volume while T is: of a gas that is stable.
_PROPERTIES: dict[str, Callable[[AbstractHelmholtzEnergy, Number, Number], Number]] = {
    "p": lambda gas, T, V: -by_volume(gas)(T, V),
    "S": lambda gas, T, V: -by_temperature(gas)(T, V),
    "U": lambda gas, T, V: gas.internal_energy(T, V),
    "H": lambda gas, T, V: gas.internal_energy(T, V) - V * by_volume(gas)(T, V),
}
