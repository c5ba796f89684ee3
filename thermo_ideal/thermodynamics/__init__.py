"""The gas that SGD is: states from hyperparameters, and how long a run takes to get there."""

from thermo_ideal.thermodynamics._equilibrium import equilibrium, resolve_dimension
from thermo_ideal.thermodynamics._plan import Plan, plan
from thermo_ideal.thermodynamics._state import State

__all__ = ["Plan", "State", "equilibrium", "plan", "resolve_dimension"]
