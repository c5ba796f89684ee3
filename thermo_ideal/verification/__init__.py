"""What a simulation must agree with, and whether it does."""

from thermo_ideal.verification._comparison import Comparison, Quantity, compare
from thermo_ideal.verification._discrete import StationaryLaw, stationary_law
from thermo_ideal.verification._maxwell import Slope, maxwell_slopes
from thermo_ideal.verification._verdict import Requirement, Verdict, potentials, verify

__all__ = [
    "Comparison",
    "Quantity",
    "Requirement",
    "Slope",
    "StationaryLaw",
    "Verdict",
    "compare",
    "maxwell_slopes",
    "potentials",
    "stationary_law",
    "verify",
]
