"""The gas that SGD is: Helmholtz energies, states, processes, and how long a run takes to get there."""

from thermo_ideal.thermodynamics._consistency import Consistency, ConsistencyError, check_consistency
from thermo_ideal.thermodynamics._equilibrium import equilibrium, require_stationary
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas, CaloricallyPerfectGas, VonMisesFisherGas
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, HelmholtzEnergy
from thermo_ideal.thermodynamics._plan import Plan, plan
from thermo_ideal.thermodynamics._state import State

__all__ = [
    "AbstractHelmholtzEnergy",
    "AbstractScaleInvariantGas",
    "CaloricallyPerfectGas",
    "Consistency",
    "ConsistencyError",
    "HelmholtzEnergy",
    "Plan",
    "State",
    "VonMisesFisherGas",
    "check_consistency",
    "equilibrium",
    "plan",
    "require_stationary",
]
