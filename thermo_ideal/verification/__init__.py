"""What a simulation must agree with, and whether it does."""

from thermo_ideal.verification._anisotropy import diagnose_anisotropy
from thermo_ideal.verification._cold_law import ColdLaw, cold_law
from thermo_ideal.verification._comparison import Comparison, Quantity, compare
from thermo_ideal.verification._discrete import StationaryLaw, stationary_law
from thermo_ideal.verification._maxwell import Slope, maxwell_slopes
from thermo_ideal.verification._verdict import Requirement, Verdict, potentials, verify

__all__ = [
    "ColdLaw",
    "Comparison",
    "Quantity",
    "Requirement",
    "Slope",
    "StationaryLaw",
    "Verdict",
    "cold_law",
    "compare",
    "diagnose_anisotropy",
    "maxwell_slopes",
    "potentials",
    "stationary_law",
    "verify",
]
