"""Why there is no state with some properties."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thermo_ideal._arguments import as_number, as_positive
from thermo_ideal._dictionary import SYMBOLS
from thermo_ideal.thermodynamics._helmholtz import LARGEST_TEMPERATURE, AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._solve_state import THERMAL, Range, Search, coordinates, search_for

_CHOICES = ("raise", "nan")  # what is done where there is no state

_RUNGS = 145  # of the ladder of temperatures or volumes, on which the values that a property has are looked up
_STILL = 8  # rungs, after which nothing but rounding will change
_WORDS = {SYMBOLS[word]: word for word in THERMAL} | {"p": "pressure"}
_NOUNS = {"T": "temperature", "V": "volume", "p": "pressure", "TV": "learning rate"}


def require_choice(on_missing: Any) -> None:
    """Raises ValueError unless this is one of what can be done."""
    if on_missing not in _CHOICES:
        raise ValueError(f"on_missing: got {on_missing!r}, expected 'raise' or 'nan', as in on_missing='nan'")


def checked_property(name: str, value: Any, on_missing: str) -> Array:
    """A property as an array, finite and, unless it may have either sign, positive; NaN passes where it may be missing.

    Args:
        name: of the property.
        value: as it was given.
        on_missing: "raise" or "nan".

    Raises:
        ValueError: a number out of its range, with its place.
    """
    if on_missing == "nan" and not isinstance(value, jax.core.Tracer):
        value = np.asarray(value)
        missing = np.isnan(value) if np.issubdtype(value.dtype, np.floating) else np.zeros(value.shape, bool)
        return jnp.where(missing, jnp.nan, checked_property(name, np.where(missing, 1, value), "raise"))
    if name in THERMAL:
        return as_number(name, value, lambda x: x == x, f"a finite number, as in {name}=0.1")
    return as_positive(name, value)


def require_state(
    gas: AbstractHelmholtzEnergy,
    noise_scale: Array,
    known: Mapping[str, Array],
    temperature: Array,
    volume: Array,
    temperature_range: Range,
) -> None:
    """Raises ValueError where no state has these properties; not under `jit`.

    Args:
        gas: the model.
        noise_scale: `σ`.
        known: the two properties that are given, by name.
        temperature: that was found, NaN or not positive where there is none.
        volume: likewise.
        temperature_range: where the temperature was looked for.

    Raises:
        ValueError: the first element that is lost, with its place, and why.
    """
    if any(isinstance(x, jax.core.Tracer) for x in (temperature, volume)):
        return
    T, V = np.asarray(temperature), np.asarray(volume)
    lost = ~(np.isfinite(T) & np.isfinite(V) & (T > 0) & (V > 0))
    if not lost.any():
        return
    place = tuple(int(i) for i in np.argwhere(lost)[0])
    at = ", ".join(f"{name} = {float(np.asarray(value)[place]):.6g}" for name, value in known.items())
    where = f", at index {place}" if place else ""
    reason = _reason(gas, coordinates(noise_scale, known), temperature_range, place)
    batch = "; on_missing='nan' gives a state of NaN there" if place else ""
    raise ValueError(f"state: got {at}{where}, expected {reason}{batch}")


def _reason(
    gas: AbstractHelmholtzEnergy, known: Mapping[str, Array], temperature_range: Range, place: tuple[int, ...]
) -> str:
    low, high = temperature_range
    temperatures = f"temperatures from {low:.4g} to {high:.4g}"
    if "T" in known and not low * (1 - 1e-6) <= float(known["T"][place]) <= high * (1 + 1e-6):
        return f"a state of this gas, whose {temperatures} are known"
    if "T" in known and known.keys() & {"p", "S"}:
        return f"{'a pressure' if 'p' in known else 'an entropy'} that tells the volume of this gas at that temperature"
    if not known.keys() & {"S", "U", "H", "p"} or known.keys() <= {"V", "p", "T", "TV"}:
        return f"a state of this gas, which has {temperatures}; its Helmholtz energy is not defined there"
    return _out_of_reach(search_for(gas, known, temperature_range), place)


def _out_of_reach(search: Search, place: tuple[int, ...]) -> str:
    """How the property that is looked for compares with the values that it has along the path."""
    low, high = search.bounds
    ladder = np.geomspace(low, high, _RUNGS)
    shape, dtype = search.expected.shape, search.expected.dtype
    values = np.array([np.asarray(search.evaluate(jnp.full(shape, x, dtype))[0])[place] for x in ladder], np.float64)
    first = int(np.argmin(np.abs(np.log(ladder / float(np.broadcast_to(np.asarray(search.start), shape)[place])))))
    values = search.sign * values + float(search.expected[place])
    lowest, highest = _rising_run(search.sign * values, first)
    smallest, largest = sorted((values[lowest], values[highest]))
    wanted, word = float(search.expected[place]), _WORDS[search.target].replace("_", " ")
    alone = search.gas.energy_depends_on_temperature_alone and search.target in "UH"
    held = "" if alone else f" at that {_NOUNS[search.held]}"
    if not wanted < largest:
        limit = _uniform(search)
        return f"an {word} below {largest:.7g}, the largest that this gas has{held}{limit}"
    if not wanted > smallest:
        return f"an {word} above {smallest:.7g}, the smallest that this gas has{held} down to the lowest temperature"
    return (
        f"an {word} that tells the temperature: between {smallest:.7g} and {largest:.7g} this gas jumps over that "
        f"value{held}, or it changes by less than the rounding of {np.dtype(dtype).name}"
    )


def _uniform(search: Search) -> str:
    """The limit of a hot gas of a loss."""
    hottest = search.temperature_range[1]
    if search.gas.energy_depends_on_temperature_alone and hottest >= LARGEST_TEMPERATURE and search.target != "H":
        return ", that of the uniform law of the direction"
    return f" up to the temperature {hottest:.4g}"


def _rising_run(values: np.ndarray, first: int) -> tuple[int, int]:
    """The ends of the run of finite values that rise around one of them, to where they have long been still."""
    finite = np.flatnonzero(np.isfinite(values))
    if not finite.size:
        return first, first
    first = int(finite[np.argmin(np.abs(finite - first))])
    return values.size - 1 - _end(-values[::-1], values.size - 1 - first), _end(values, first)


def _end(values: np.ndarray, first: int) -> int:
    at, still = first, 0
    while at + 1 < values.size and still < _STILL:
        change, slack = values[at + 1] - values[at], 1e-6 * abs(values[at])
        if not change >= -slack:
            break
        at, still = at + 1, 0 if change > slack else still + 1
    return at
