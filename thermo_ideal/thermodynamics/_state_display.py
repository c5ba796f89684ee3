"""A state as text and as a table."""

import jax
import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import equation, html_table, span
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._properties import AbstractState

# What is shown, line by line.
_SHOWN = (
    ("temperature", "volume", "pressure"),
    ("learning_rate", "effective_learning_rate", "weight_decay", "radius", "noise_scale"),
    ("internal_energy", "entropy", "heat_capacity_volume", "heat_capacity_ratio"),
)


def text(state: AbstractState, gas: AbstractHelmholtzEnergy) -> str:
    """The gas, and the main properties with their units, in a few lines."""
    if isinstance(state.temperature, jax.core.Tracer):
        return f"State of {gas!r}, traced, of shape {state.temperature.shape}"
    return "\n  ".join([_title(state, gas), *(equations(state, *words) for words in _SHOWN)])


def html(state: AbstractState, gas: AbstractHelmholtzEnergy) -> str:
    """The gas, and the main properties as a table with their words and meanings."""
    rows = []
    for word in (word for words in _SHOWN for word in words):
        quantity = DICTIONARY[word]
        rows.append((word, quantity.symbol, span(getattr(state, word)), quantity.unit, quantity.meaning))
    return html_table(_title(state, gas), ("property", "symbol", "value", "unit", "meaning"), rows)


def equations(state: AbstractState, *words: str) -> str:
    """Some properties with their units, as in "T = 0.05 loss, V = 1 weight^2"."""
    quantities = {word: DICTIONARY[word] for word in words}
    return ", ".join(equation(q.symbol, span(getattr(state, word)), q.unit) for word, q in quantities.items())


def _title(state: AbstractState, gas: AbstractHelmholtzEnergy) -> str:
    shape = np.shape(state.temperature)
    return f"State of {gas!r}" + (f", a batch of shape {shape}, smallest … largest" if shape else "")
