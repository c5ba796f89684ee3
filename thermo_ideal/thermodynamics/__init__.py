"""The gas that SGD is: Helmholtz energies, states, processes, and how long a run takes to get there."""

from thermo_ideal.thermodynamics import processes
from thermo_ideal.thermodynamics._consistency import Consistency, ConsistencyError, check_consistency
from thermo_ideal.thermodynamics._equilibrium import equilibrium, require_stationary
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas, CaloricallyPerfectGas, VonMisesFisherGas
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, HelmholtzEnergy
from thermo_ideal.thermodynamics._plan import CannotEquilibrate, Plan, plan
from thermo_ideal.thermodynamics._property_table import MEANINGS, PROTOCOL_MEANINGS, Meaning
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics._tabulated_gas import TabulatedGas
from thermo_ideal.thermodynamics._zonal_gas import ZonalGas

__all__ = [
    "MEANINGS",
    "PROTOCOL_MEANINGS",
    "AbstractHelmholtzEnergy",
    "AbstractScaleInvariantGas",
    "CaloricallyPerfectGas",
    "CannotEquilibrate",
    "Consistency",
    "ConsistencyError",
    "HelmholtzEnergy",
    "Meaning",
    "Plan",
    "State",
    "TabulatedGas",
    "VonMisesFisherGas",
    "ZonalGas",
    "check_consistency",
    "equilibrium",
    "plan",
    "processes",
    "require_stationary",
]
