"""Results on disk."""

from thermo_ideal.sweeps._store import open_results, save_results

__all__ = ["open_results", "save_results"]
