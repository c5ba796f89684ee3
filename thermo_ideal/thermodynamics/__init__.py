"""The gas that SGD is: Helmholtz energies, states, processes, and how long a run takes to get there."""

from thermo_ideal.thermodynamics import processes
from thermo_ideal.thermodynamics._consistency import Consistency, ConsistencyError, check_consistency
from thermo_ideal.thermodynamics._equilibrium import equilibrium
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas, CaloricallyPerfectGas, VonMisesFisherGas
from thermo_ideal.thermodynamics._harmonic_gas import HarmonicGas
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, HelmholtzEnergy
from thermo_ideal.thermodynamics._plan import CannotEquilibrate, Plan, plan
from thermo_ideal.thermodynamics._property_table import PROPERTY_GROUPS, PROTOCOL_PROPERTIES
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics._tabulated_gas import TabulatedGas
from thermo_ideal.thermodynamics._zonal_gas import ZonalGas

__all__ = [
    "PROPERTY_GROUPS",
    "PROTOCOL_PROPERTIES",
    "AbstractHelmholtzEnergy",
    "AbstractScaleInvariantGas",
    "CaloricallyPerfectGas",
    "CannotEquilibrate",
    "Consistency",
    "ConsistencyError",
    "HarmonicGas",
    "HelmholtzEnergy",
    "Plan",
    "State",
    "TabulatedGas",
    "VonMisesFisherGas",
    "ZonalGas",
    "check_consistency",
    "equilibrium",
    "plan",
    "processes",
]
