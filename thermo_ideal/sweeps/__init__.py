"""Grids of runs and the store of their results."""

from thermo_ideal.sweeps._store import open_results, save_results, write_results
from thermo_ideal.sweeps._toy import PROFILES, Profile, run_toy

__all__ = ["PROFILES", "Profile", "open_results", "run_toy", "save_results", "write_results"]
