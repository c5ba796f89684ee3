"""Thermodynamics of the gas: potentials, equations of state, partial derivatives, Maxwell relations and series."""

from thermo_ideal.symbolic._von_mises_fisher import (
    LogPartition,
    MeanResultantLength,
    high_temperature_series,
    low_temperature_series,
)
from thermo_ideal.symbolic.gas._equations_of_state import equations_of_state
from thermo_ideal.symbolic.gas._fluctuations import volume_fluctuations
from thermo_ideal.symbolic.gas._gases import calorically_perfect, partial, scale_invariant, von_mises_fisher
from thermo_ideal.symbolic.gas._maxwell import maxwell_relations
from thermo_ideal.symbolic.gas._model import Gas, R, T, V
from thermo_ideal.symbolic.gas._partial import Partial
from thermo_ideal.symbolic.gas._potentials import legendre_transform, potentials
from thermo_ideal.symbolic.gas._response import response_functions
from thermo_ideal.symbolic.gas._statistics import statistics

__all__ = [
    "Gas",
    "LogPartition",
    "MeanResultantLength",
    "Partial",
    "R",
    "T",
    "V",
    "calorically_perfect",
    "equations_of_state",
    "high_temperature_series",
    "legendre_transform",
    "low_temperature_series",
    "maxwell_relations",
    "partial",
    "potentials",
    "response_functions",
    "scale_invariant",
    "statistics",
    "volume_fluctuations",
    "von_mises_fisher",
]
