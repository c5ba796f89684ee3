"""Cycles: engines whose working substance is SGD."""

from collections.abc import Callable

from jaxtyping import ArrayLike

from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics.processes._paths import isentropic, isobaric, isochoric, isothermal
from thermo_ideal.thermodynamics.processes._process import Process


def _cycle(
    start: State,
    first: Callable[..., Process],
    second: Callable[..., Process],
    temperature: ArrayLike,
    **target: ArrayLike,
) -> Process:
    """A first path to a target and a second one to a temperature, and the same two back to where they began."""
    out = first(start, **target)
    across = second(out.end, temperature=temperature)
    back = first(across.end, **{name: getattr(start, name) for name in target})
    return out + across + back + second(back.end, temperature=start.temperature)


def carnot(start: State, *, volume: ArrayLike, temperature: ArrayLike) -> Process:
    """The Carnot cycle, between two isotherms and two isentropes, with efficiency `1 − T_cold/T_hot` whatever the gas.

    Args:
        start: one state; with a larger volume and a lower temperature to go to, an engine.
        volume: at the end of the first isotherm.
        temperature: of the other isotherm.

    Returns:
        A `Process` of four legs that ends where it starts.

    Raises:
        ValueError: values that no state has.

    Example:
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import carnot
        >>> cycle = carnot(State(VonMisesFisherGas(3), temperature=0.4, volume=1.0), volume=2.0, temperature=0.1)
        >>> f"{cycle.efficiency:.4f} {cycle.kinds}"
        "0.7500 ('isothermal', 'isentropic', 'isothermal', 'isentropic')"
    """
    first = isothermal(start, volume=volume)
    second = isentropic(first.end, temperature=temperature)
    third = isothermal(second.end, entropy=start.entropy)
    return first + second + third + isentropic(third.end, volume=start.volume)


def stirling(start: State, *, volume: ArrayLike, temperature: ArrayLike) -> Process:
    """The Stirling cycle, between two isotherms and two isochores, without a regenerator.

    Args:
        start: one state.
        volume: at the end of the first isotherm.
        temperature: of the other isotherm.

    Returns:
        A `Process` of four legs, the isotherm, the isochore and both back.

    Raises:
        ValueError: values that no state has.

    Example:
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import stirling
        >>> cycle = stirling(State(VonMisesFisherGas(3), temperature=0.4, volume=1.0), volume=2.0, temperature=0.1)
        >>> f"W = {cycle.work:.4f}"  # R ΔT log 2
        'W = 0.2079'
    """
    return _cycle(start, isothermal, isochoric, temperature, volume=volume)


def otto(start: State, *, volume: ArrayLike, temperature: ArrayLike) -> Process:
    """The Otto cycle, between two isentropes and two isochores.

    Its efficiency in a cold gas is `1 − (V_small/V_large)^{γ−1}`, `γ = 2`.

    Args:
        start: one state; for an engine, the cold one at the large volume.
        volume: at the end of the first isentrope.
        temperature: after heating there.

    Returns:
        A `Process` of four legs, the isentrope, the isochore and both back.

    Raises:
        ValueError: values that no state has.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> from thermo_ideal.thermodynamics.processes import otto
        >>> cold = State(CaloricallyPerfectGas(3), temperature=0.01, volume=2.0)
        >>> f"{otto(cold, volume=1.0, temperature=0.05).efficiency:.4f}"
        '0.5000'
    """
    return _cycle(start, isentropic, isochoric, temperature, volume=volume)


def brayton(start: State, *, pressure: ArrayLike, temperature: ArrayLike) -> Process:
    """The Brayton cycle, between two isentropes and two isobars.

    Its efficiency in a cold gas is `1 − (p_low/p_high)^{(γ−1)/γ}`, `γ = 2`.

    Args:
        start: one state; for an engine, the cold one at the low pressure.
        pressure: at the end of the first isentrope.
        temperature: after heating there.

    Returns:
        A `Process` of four legs, the isentrope, the isobar and both back.

    Raises:
        ValueError: values that no state has.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> from thermo_ideal.thermodynamics.processes import brayton
        >>> cold = State(CaloricallyPerfectGas(3), temperature=0.01, pressure=0.01)
        >>> f"{brayton(cold, pressure=0.04, temperature=0.05).efficiency:.4f}"
        '0.5000'
    """
    return _cycle(start, isentropic, isobaric, temperature, pressure=pressure)
