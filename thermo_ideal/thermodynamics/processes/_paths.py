"""Paths of one leg, which processes are made of."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import as_number, as_positive
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics.processes._leg import RATES, Leg
from thermo_ideal.thermodynamics.processes._process import Process
from thermo_ideal.thermodynamics.processes._schedules import FractionSchedule


class _Constant(eqx.Module):
    value: Array

    def __call__(self, s: Array) -> Array:
        return jnp.broadcast_to(self.value, s.shape)


class _Geometric(eqx.Module):
    """`a^{1−s} b^s`."""

    first: Array
    last: Array

    def __call__(self, s: Array) -> Array:
        return self.first * (self.last / self.first) ** s


def _single(start: State) -> State:
    if not isinstance(start, State):
        raise ValueError(f"start: got {start!r}, expected a state, as in State(gas, temperature=0.01, pressure=0.1)")
    if start.temperature.ndim:
        shape = start.temperature.shape
        raise ValueError(
            f"start: got states of shape {shape}, expected one, as in State(gas, temperature=0.01, pressure=0.1)"
        )
    return start


def _path(kind: str, start: State, held: str, target: Mapping[str, ArrayLike], varied: str) -> Process:
    """A path from a state to that with another property: one is held, and the logarithm of another changes evenly."""
    end = _single(start).moved(at=held, **target)
    if end.temperature.ndim:
        names, shape = " and ".join(target), end.temperature.shape
        raise ValueError(f"{names}: got shape {shape}, expected one number, as in {next(iter(target))}=0.1")
    moving = _Geometric(getattr(start, varied), getattr(end, varied))
    properties: dict[str, Any] = {held: _Constant(getattr(start, held)), varied: moving}
    return Process((Leg(kind, start.gas, start.noise_scale, properties),), (1.0,))


def isothermal(start: State, **target: ArrayLike) -> Process:
    """The process at constant temperature to another state; `log V` changes evenly.

    Args:
        start: where it begins, one state.
        target: one property of the end that the temperature does not fix, as in `volume=2.0`.

    Returns:
        A `Process` of one leg; its heat is its work where the internal energy depends on the temperature alone.

    Raises:
        ValueError: not one state, or a property that does not determine the end.

    Example:
        `W = Q = RT log 2`:

        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isothermal
        >>> process = isothermal(State(VonMisesFisherGas(3), temperature=0.5, volume=1.0), volume=2.0)
        >>> f"{process.work:.4f} {process.heat:.4f}"
        '0.3466 0.3466'
    """
    return _path("isothermal", start, "temperature", target, "volume")


def isobaric(start: State, **target: ArrayLike) -> Process:
    """The process at constant pressure, the weight decay, to another state; `log T` changes evenly.

    Args:
        start: where it begins, one state.
        target: one property of the end that the pressure does not fix, as in `temperature=0.2`.

    Returns:
        A `Process` of one leg; its work is `p ΔV`.

    Raises:
        ValueError: not one state, or a property that does not determine the end.

    Example:
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isobaric
        >>> process = isobaric(State(VonMisesFisherGas(3), temperature=0.5, volume=1.0), volume=2.0)
        >>> f"{process.work:.4f} {process.end.temperature:.4f}"
        '0.5000 1.0000'
    """
    return _path("isobaric", start, "pressure", target, "temperature")


def isochoric(start: State, **target: ArrayLike) -> Process:
    """The process at constant volume to another state; `log T` changes evenly.

    Args:
        start: where it begins, one state.
        target: one property of the end that the volume does not fix, as in `temperature=0.2`.

    Returns:
        A `Process` of one leg; its work is 0.

    Raises:
        ValueError: not one state, or a property that does not determine the end.

    Example:
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isochoric
        >>> process = isochoric(State(VonMisesFisherGas(3), temperature=0.5, volume=1.0), temperature=0.25)
        >>> abs(process.heat - process.energy_change) < 1e-6
        True
    """
    return _path("isochoric", start, "volume", target, "temperature")


def isentropic(start: State, **target: ArrayLike) -> Process:
    """The process at constant entropy to another state; `log V` changes evenly.

    Args:
        start: where it begins, one state.
        target: one property of the end that the entropy does not fix, as in `volume=2.0` or `weight_decay=0.01`.

    Returns:
        A `Process` of one leg; its heat is 0.

    Raises:
        ValueError: not one state, or a property that does not determine the end.

    Example:
        A cold gas has `γ = 2`:

        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isentropic
        >>> process = isentropic(State(VonMisesFisherGas(3), temperature=0.01, volume=1.0), volume=2.0)
        >>> f"{process.end.temperature:.5f} {abs(process.heat):.5f}"
        '0.00500 0.00000'
    """
    return _path("isentropic", start, "entropy", target, "volume")


class _Power(eqx.Module):
    """`p₀ (V₀/V)ⁿ`, where `log V` changes evenly."""

    pressure: Array
    volume: _Geometric
    exponent: Array

    def __call__(self, s: Array) -> Array:
        return self.pressure * (self.volume.first / self.volume(s)) ** self.exponent


def polytropic(start: State, exponent: Any, *, volume: ArrayLike) -> Process:
    """The process along `p Vⁿ = const`: an isobar at `n = 0`, an isotherm at 1, the adiabat of a cold gas at 2.

    Args:
        start: where it begins, one state.
        exponent: `n`.
        volume: of the end.

    Returns:
        A `Process` of one leg.

    Raises:
        ValueError: not one state, an exponent or a volume out of its range, or an end that is no state.

    Example:
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import polytropic
        >>> process = polytropic(State(VonMisesFisherGas(3), temperature=0.5, volume=1.0), 3, volume=2.0)
        >>> f"{process.end.pressure / process.start.pressure:.4f}"
        '0.1250'
    """
    dtype = _single(start).volume.dtype
    last = as_positive("volume", volume).astype(dtype)
    n = as_number("exponent", exponent, lambda x: x == x, "a finite number, as in exponent=2").astype(dtype)
    for name, value in (("volume", last), ("exponent", n)):
        if value.ndim:
            raise ValueError(f"{name}: got shape {value.shape}, expected one number, as in {name}=2")
    moving = _Geometric(start.volume, last)
    pressure = _Power(start.pressure, moving, n)
    State(start.gas, noise_scale=start.noise_scale, pressure=pressure(jnp.ones(())), volume=last)
    properties: dict[str, Any] = {"pressure": pressure, "volume": moving}
    return Process((Leg("polytropic", start.gas, start.noise_scale, properties),), (1.0,))


def scheduled(
    gas: AbstractHelmholtzEnergy, noise_scale: ArrayLike = 1.0, **hyperparameters: FractionSchedule | ArrayLike
) -> Process:
    """The process through the equilibrium states of a schedule of hyperparameters, as if it were slow.

    Args:
        gas: the model.
        noise_scale: `σ`.
        hyperparameters: two of what `State` takes, each a number or a function of the fraction `s` from 0 to 1, such
            as `cosine(0.1, 0.01)`. A learning rate may be 0 at either end, as in `cosine(0.1, 0.0)`: the process then
            has no state there, and no finite entropy, but it has a schedule, work and heat.

    Returns:
        A `Process` of one leg, whose fraction is that of the schedule.

    Raises:
        ValueError: two that do not determine a state, or values out of their range.

    Example:
        >>> from thermo_ideal.thermodynamics import VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import cosine, scheduled
        >>> process = scheduled(VonMisesFisherGas(101), learning_rate=cosine(0.1, 0.01), weight_decay=0.01)
        >>> f"{process.end.temperature / process.start.temperature:.4f}"  # √(ηλ)
        '0.3162'
    """
    sigma = as_positive("noise_scale", noise_scale)
    schedules = {
        name: value if callable(value) else _Constant(as_positive(name, value))
        for name, value in hyperparameters.items()
    }
    process = Process((Leg("scheduled", gas, sigma, schedules),), (1.0,))
    given: dict[str, Any] = {name: jnp.broadcast_to(f(jnp.linspace(0.0, 1.0, 65)), 65) for name, f in schedules.items()}
    # At a learning rate of 0 nothing moves: there is no state to ask for.
    moves = np.all([np.ones(65, bool), *(np.asarray(x) != 0 for name, x in given.items() if name in RATES)], axis=0)
    State(gas, noise_scale=sigma, **{name: x[moves] if moves.any() else x for name, x in given.items()})
    return process
