"""What a simulation must agree with, and whether it does."""

from thermo_ideal.verification._anisotropy import diagnose_anisotropy
from thermo_ideal.verification._cold_law import ColdLaw, cold_law
from thermo_ideal.verification._compare import compare
from thermo_ideal.verification._comparison import Comparison, MeasuredQuantity
from thermo_ideal.verification._discrete_law import DiscreteLaw, stationary_law
from thermo_ideal.verification._maxwell import Slope, maxwell_slopes
from thermo_ideal.verification._maxwell_sides import MaxwellSides, maxwell_sides
from thermo_ideal.verification._requirements import JOINT_REQUIREMENTS, REQUIREMENTS
from thermo_ideal.verification._row import Row
from thermo_ideal.verification._score_test import ScoreTest
from thermo_ideal.verification._second_moments import second_moment_balance
from thermo_ideal.verification._spacing import scan_spacing
from thermo_ideal.verification._thermodynamic_requirements import measured_potentials, replays_derivation
from thermo_ideal.verification._verdict import Verdict
from thermo_ideal.verification._verify import verify, verify_samples

__all__ = [
    "JOINT_REQUIREMENTS",
    "REQUIREMENTS",
    "ColdLaw",
    "Comparison",
    "DiscreteLaw",
    "MaxwellSides",
    "MeasuredQuantity",
    "Row",
    "ScoreTest",
    "Slope",
    "Verdict",
    "cold_law",
    "compare",
    "diagnose_anisotropy",
    "maxwell_sides",
    "maxwell_slopes",
    "measured_potentials",
    "replays_derivation",
    "scan_spacing",
    "second_moment_balance",
    "stationary_law",
    "verify",
    "verify_samples",
]
