"""What runs something, or reads a run of somebody else's, and makes a dataset of it.

The isotropic model, anisotropic noise, processes and their work, networks, and training logs.
"""

from thermo_ideal.experiments._anisotropy import anisotropy_scan
from thermo_ideal.experiments._isotropic import ISOTROPIC, PROFILES, Profile, run_isotropic
from thermo_ideal.experiments._log_analysis import analyse_log
from thermo_ideal.experiments._log_gas import LogAnalysis, LogGas, LogQuantity
from thermo_ideal.experiments._networks import NETWORKS, shipped_networks
from thermo_ideal.experiments._process import run_process
from thermo_ideal.experiments._stationary import STATIONARY
from thermo_ideal.experiments._work import measure_work

__all__ = [
    "ISOTROPIC",
    "NETWORKS",
    "PROFILES",
    "STATIONARY",
    "LogAnalysis",
    "LogGas",
    "LogQuantity",
    "Profile",
    "analyse_log",
    "anisotropy_scan",
    "measure_work",
    "run_isotropic",
    "run_process",
    "shipped_networks",
]
