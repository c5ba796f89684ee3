"""One command line."""

from thermo_ideal.cli._app import main

__all__ = ["main"]
