"""Strategies for Hypothesis: gases and their states."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from thermo_ideal.testing._hypothesis import (
    Numbers,
    SearchStrategy,
    drawn_from,
    real_numbers,
    strategies,
    whole_numbers,
)
from thermo_ideal.thermodynamics import (
    AbstractHelmholtzEnergy,
    CaloricallyPerfectGas,
    HarmonicGas,
    State,
    VonMisesFisherGas,
)

# The temperatures and volumes at which `State` looks, where squares of both are numbers in single precision.
_WIDEST = 1e18
_ROOM = 1.3  # to be a quarter warmer, as laws ask


def gases(
    *kinds: type[AbstractHelmholtzEnergy], dimension: Numbers = (2, 10**9)
) -> SearchStrategy[AbstractHelmholtzEnergy]:
    """Gases: calorically perfect, von Mises–Fisher, and harmonic with up to four curvatures.

    Args:
        kinds: of `CaloricallyPerfectGas`, `VonMisesFisherGas` and `HarmonicGas`; all three if none is given.
        dimension: `d ≥ 2`, a whole number, the least and the largest, or a strategy.

    Returns:
        A strategy of gases; the simplest is the calorically perfect one of dimension 2.

    Raises:
        ValueError: another kind, or dimensions below 2.
        ImportError: Hypothesis is not installed.

    Example:
        >>> from hypothesis import find
        >>> from thermo_ideal.testing import gases
        >>> find(gases(), lambda gas: gas.gas_constant > 1)
        CaloricallyPerfectGas(dimension=4)
    """
    st = strategies("gases")
    kinds = kinds or (CaloricallyPerfectGas, VonMisesFisherGas, HarmonicGas)
    makers = _makers(st, whole_numbers("dimension", dimension, 2))
    for kind in kinds:
        if kind not in makers:
            names = ", ".join(known.__name__ for known in makers)
            raise ValueError(
                f"kinds: got {kind!r}, expected some of {names}; of your own gas, as in states(MyGas(dimension=3))"
            )
    return st.one_of(*(makers[kind]() for kind in kinds))


def states(
    gas: Any = None,
    *,
    temperature: Numbers | None = None,
    volume: Numbers = (1 / _WIDEST, _WIDEST),
    noise_scale: Numbers = (1e-3, 1e3),
) -> SearchStrategy[State]:
    """States of a gas, at all temperatures that it has and all volumes.

    Args:
        gas: a gas, also of one's own, or a strategy of them; `gases` if None.
        temperature: `T > 0`; this and what follows a number, the least and the largest, or a strategy. If None the
            range of the gas, less the room that `laws_of` needs.
        volume: `V > 0`.
        noise_scale: `σ > 0`.

    Returns:
        A strategy of states; the simplest has a temperature, a volume and a noise scale of 1.

    Raises:
        ValueError: an argument out of its range.
        ImportError: Hypothesis is not installed.

    Example:
        >>> from hypothesis import find
        >>> from thermo_ideal.testing import states
        >>> from thermo_ideal.thermodynamics import VonMisesFisherGas
        >>> state = find(states(VonMisesFisherGas(11)), lambda state: state.pressure > 7)
        >>> float(state.temperature), float(state.volume)
        (2.0, 1.0)
    """
    st = strategies("states")
    volumes, scales = real_numbers("volume", volume), real_numbers("noise_scale", noise_scale)

    def of(one: AbstractHelmholtzEnergy) -> Any:
        low, high = one.temperature_range
        temperatures = real_numbers("temperature", (_ROOM * low, high / _ROOM) if temperature is None else temperature)
        make = lambda T, V, sigma: State(one, temperature=T, volume=V, noise_scale=sigma)  # noqa: E731
        return st.builds(make, temperatures, volumes, scales)

    return drawn_from(gases() if gas is None else gas).flatmap(of)


def _makers(st: Any, dimensions: Any) -> Mapping[type, Callable[[], Any]]:
    def harmonic(d: int) -> Any:
        most = min(d - 1, 4)
        curvatures = st.lists(real_numbers("curvatures", (1e-3, 1e3)), min_size=1, max_size=most)
        return curvatures.map(lambda h: HarmonicGas(h, counts=_counts(len(h), d - 1)))

    return {
        CaloricallyPerfectGas: lambda: st.builds(CaloricallyPerfectGas, dimensions),
        VonMisesFisherGas: lambda: st.builds(VonMisesFisherGas, dimensions),
        HarmonicGas: lambda: dimensions.flatmap(harmonic),
    }


def _counts(kinds: int, total: int) -> np.ndarray:
    """How many directions have each curvature: as equal as whole numbers can be."""
    return np.bincount(np.arange(kinds).repeat(total // kinds)) + (np.arange(kinds) < total % kinds)
