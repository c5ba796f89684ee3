"""Figures, tables and one HTML page: of a verdict, a state, a process, a training log, networks.

Matplotlib loads when something is drawn.
"""

from thermo_ideal.reports._advice import print_advice
from thermo_ideal.reports._figures import save_figures, toy_figures
from thermo_ideal.reports._logs import log_figure, print_log
from thermo_ideal.reports._networks import network_figures, print_networks
from thermo_ideal.reports._processes import process_diagram
from thermo_ideal.reports._report import write_report
from thermo_ideal.reports._schedules import schedule_figure
from thermo_ideal.reports._states import StateReport, print_state, report_state
from thermo_ideal.reports._tables import print_verdict

__all__ = [
    "StateReport",
    "log_figure",
    "network_figures",
    "print_advice",
    "print_log",
    "print_networks",
    "print_state",
    "print_verdict",
    "process_diagram",
    "report_state",
    "save_figures",
    "schedule_figure",
    "toy_figures",
    "write_report",
]
