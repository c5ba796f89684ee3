"""Thermodynamic processes and cycles, and the schedules of hyperparameters that follow them."""

from thermo_ideal.thermodynamics.processes._cycles import brayton, carnot, otto, stirling
from thermo_ideal.thermodynamics.processes._evolution import Evolution
from thermo_ideal.thermodynamics.processes._paths import (
    isentropic,
    isobaric,
    isochoric,
    isothermal,
    polytropic,
    scheduled,
)
from thermo_ideal.thermodynamics.processes._process import Process
from thermo_ideal.thermodynamics.processes._schedules import cosine, exponential, linear, step, warmup_stable_decay

__all__ = [
    "Evolution",
    "Process",
    "brayton",
    "carnot",
    "cosine",
    "exponential",
    "isentropic",
    "isobaric",
    "isochoric",
    "isothermal",
    "linear",
    "otto",
    "polytropic",
    "scheduled",
    "step",
    "stirling",
    "warmup_stable_decay",
]
