"""The properties of a state in groups: a view of the dictionary."""

from collections.abc import Mapping
from types import MappingProxyType

from thermo_ideal._dictionary import DICTIONARY, Quantity

_GROUPS: dict[str, tuple[str, ...]] = {
    "hyperparameters": (
        *("learning_rate", "effective_learning_rate", "weight_decay", "radius"),
        *("noise_scale", "dimension"),
    ),
    "state": (
        *("temperature", "volume", "pressure", "gas_constant", "compressibility_factor", "concentration"),
        *("entropy", "direction_entropy", "radius_entropy"),
    ),
    "potentials": ("internal_energy", "helmholtz_energy", "enthalpy", "gibbs_energy"),
    "response": (
        *("heat_capacity_volume", "heat_capacity_pressure", "heat_capacity_ratio", "expansivity"),
        *("isothermal_compressibility", "adiabatic_compressibility", "joule_thomson"),
    ),
    "fluctuations": ("energy_variance", "piston_volume_variance", "volume_variance"),
    "relaxation": ("direction_relaxation_rate", "radius_relaxation_rate"),
}

PROPERTY_GROUPS: Mapping[str, Mapping[str, Quantity]] = MappingProxyType(
    {group: MappingProxyType({word: DICTIONARY[word] for word in words}) for group, words in _GROUPS.items()}
)
"""What a `State` has, in groups: each property by its word, with symbol, unit, formula and meaning."""

PROTOCOL_PROPERTIES: tuple[str, ...] = ("volume_variance", "radius_relaxation_rate")
"""Those that depend on the protocol, too: methods of a `State`, as in `state.volume_variance(FixedLearningRate)`."""

PROPERTIES: tuple[str, ...] = tuple(
    word for words in _GROUPS.values() for word in words if word not in PROTOCOL_PROPERTIES
)
