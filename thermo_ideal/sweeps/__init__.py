"""Batches of simulations that survive interruptions: what they are, how they are run, and their results on disk."""

from thermo_ideal.sweeps._axis import Axis, geomspace, linspace, logspace
from thermo_ideal.sweeps._block import Block
from thermo_ideal.sweeps._grid import Grid
from thermo_ideal.sweeps._predict import Prediction, predict
from thermo_ideal.sweeps._problems import Problem, SweepError
from thermo_ideal.sweeps._registry import Experiment, experiment, register
from thermo_ideal.sweeps._results import open_results
from thermo_ideal.sweeps._run import run
from thermo_ideal.sweeps._schedule import Schedule, scheduled
from thermo_ideal.sweeps._shards import Status, merge, status
from thermo_ideal.sweeps._store import save_results
from thermo_ideal.sweeps._sweep import Sweep

__all__ = [
    "Axis",
    "Block",
    "Experiment",
    "Grid",
    "Prediction",
    "Problem",
    "Schedule",
    "Status",
    "Sweep",
    "SweepError",
    "experiment",
    "geomspace",
    "linspace",
    "logspace",
    "merge",
    "open_results",
    "predict",
    "register",
    "run",
    "save_results",
    "scheduled",
    "status",
]
