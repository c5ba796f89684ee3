"""What a simulation must agree with, and whether it does."""

from thermo_ideal.verification._discrete import StationaryLaw, stationary_law
from thermo_ideal.verification._maxwell import Slope, maxwell_slopes
from thermo_ideal.verification._verdict import Requirement, Verdict, verify

__all__ = ["Requirement", "Slope", "StationaryLaw", "Verdict", "maxwell_slopes", "stationary_law", "verify"]
