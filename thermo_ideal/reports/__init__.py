"""Figures and tables from a verdict."""

from thermo_ideal.reports._figures import save_figures, toy_figures, write_figures
from thermo_ideal.reports._tables import print_verdict

__all__ = ["print_verdict", "save_figures", "toy_figures", "write_figures"]
