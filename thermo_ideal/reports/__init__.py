"""Figures and tables: of a verdict, of a state, of a process."""

from typing import TYPE_CHECKING

from thermo_ideal._lazy import lazily

if TYPE_CHECKING:
    from thermo_ideal.reports._figures import save_figures, toy_figures
    from thermo_ideal.reports._processes import process_diagram
    from thermo_ideal.reports._states import StateReport, print_state, report_state
    from thermo_ideal.reports._tables import print_verdict

__all__ = [
    "StateReport",
    "print_state",
    "print_verdict",
    "process_diagram",
    "report_state",
    "save_figures",
    "toy_figures",
]

__getattr__ = lazily(
    __name__,
    {
        "_figures": (
            "save_figures",
            "toy_figures",
        ),
        "_processes": ("process_diagram",),
        "_states": (
            "StateReport",
            "print_state",
            "report_state",
        ),
        "_tables": ("print_verdict",),
    },
)
