"""Thermodynamic processes and cycles, and the schedules of hyperparameters that follow them."""

from thermo_ideal.thermodynamics.processes._comparison import ScheduleComparison, compare_schedules
from thermo_ideal.thermodynamics.processes._cycles import brayton, carnot, otto, stirling
from thermo_ideal.thermodynamics.processes._evolution import Evolution
from thermo_ideal.thermodynamics.processes._fastest_cooling import fastest_cooling
from thermo_ideal.thermodynamics.processes._least_dissipation import friction, least_dissipation, thermodynamic_length
from thermo_ideal.thermodynamics.processes._optimal_schedule import OptimalSchedule
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
    "OptimalSchedule",
    "Process",
    "ScheduleComparison",
    "brayton",
    "carnot",
    "compare_schedules",
    "cosine",
    "exponential",
    "fastest_cooling",
    "friction",
    "isentropic",
    "isobaric",
    "isochoric",
    "isothermal",
    "least_dissipation",
    "linear",
    "otto",
    "polytropic",
    "scheduled",
    "step",
    "stirling",
    "thermodynamic_length",
    "warmup_stable_decay",
]
