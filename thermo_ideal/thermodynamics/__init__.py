"""The gas that SGD is: Helmholtz energies, states, processes, and how long a run takes to get there."""

from thermo_ideal.thermodynamics import processes
from thermo_ideal.thermodynamics._advise import Advice, AdviceRow, advise
from thermo_ideal.thermodynamics._consistency import (
    Consistency,
    ConsistencyError,
    check_consistency,
    consistency_names,
)
from thermo_ideal.thermodynamics._equilibrium import equilibrium
from thermo_ideal.thermodynamics._equivalent_settings import EquivalentSettings
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas, CaloricallyPerfectGas, VonMisesFisherGas
from thermo_ideal.thermodynamics._harmonic_gas import HarmonicGas
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, HelmholtzEnergy
from thermo_ideal.thermodynamics._plan import CannotEquilibrate, Plan, plan
from thermo_ideal.thermodynamics._property_table import PROPERTY_GROUPS, PROTOCOL_PROPERTIES
from thermo_ideal.thermodynamics._schedule_advice import ScheduleAdvice
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics._tabulated_gas import TabulatedGas
from thermo_ideal.thermodynamics._zonal_gas import ZonalGas

__all__ = [
    "PROPERTY_GROUPS",
    "PROTOCOL_PROPERTIES",
    "AbstractHelmholtzEnergy",
    "AbstractScaleInvariantGas",
    "Advice",
    "AdviceRow",
    "CaloricallyPerfectGas",
    "CannotEquilibrate",
    "Consistency",
    "ConsistencyError",
    "EquivalentSettings",
    "HarmonicGas",
    "HelmholtzEnergy",
    "Plan",
    "ScheduleAdvice",
    "State",
    "TabulatedGas",
    "VonMisesFisherGas",
    "ZonalGas",
    "advise",
    "check_consistency",
    "consistency_names",
    "equilibrium",
    "plan",
    "processes",
]
