"""What a simulation must agree with, and whether it does."""

from thermo_ideal.verification._anisotropy import diagnose_anisotropy
from thermo_ideal.verification._cold_law import ColdLaw, cold_law
from thermo_ideal.verification._comparison import Comparison, MeasuredQuantity, compare
from thermo_ideal.verification._discrete_law import DiscreteLaw, stationary_law
from thermo_ideal.verification._maxwell import Slope, maxwell_slopes
from thermo_ideal.verification._requirements import (
    REQUIREMENTS,
    Row,
    measured_potentials,
    replays_derivation,
)
from thermo_ideal.verification._second_moments import second_moment_balance
from thermo_ideal.verification._verdict import Verdict, verify

__all__ = [
    "REQUIREMENTS",
    "ColdLaw",
    "Comparison",
    "DiscreteLaw",
    "MeasuredQuantity",
    "Row",
    "Slope",
    "Verdict",
    "cold_law",
    "compare",
    "diagnose_anisotropy",
    "maxwell_slopes",
    "measured_potentials",
    "replays_derivation",
    "second_moment_balance",
    "stationary_law",
    "verify",
]
