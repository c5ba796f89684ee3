"""What runs something and writes a dataset: the isotropic model, anisotropic noise, processes and their work."""

from thermo_ideal.experiments._anisotropy import anisotropy_scan
from thermo_ideal.experiments._isotropic import ISOTROPIC, PROFILES, Profile, run_isotropic
from thermo_ideal.experiments._process import run_process
from thermo_ideal.experiments._stationary import STATIONARY
from thermo_ideal.experiments._work import measure_work

__all__ = [
    "ISOTROPIC",
    "PROFILES",
    "STATIONARY",
    "Profile",
    "anisotropy_scan",
    "measure_work",
    "run_isotropic",
    "run_process",
]
