"""Time loops: Euler–Maruyama in all of R^d or reduced to the overlap, batched, chunked and measured on the way."""

from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._euler_maruyama import EulerMaruyama
from thermo_ideal.integrators._histogram import DepthHistogram
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.integrators._simulate import simulate
from thermo_ideal.integrators._streaming_moments import Moments
from thermo_ideal.integrators._trajectory import Save, Trajectory
from thermo_ideal.integrators._work_meter import WorkMeter
from thermo_ideal.integrators._zonal import ZonalEulerMaruyama

__all__ = [
    "AbstractIntegrator",
    "DepthHistogram",
    "EulerMaruyama",
    "Moments",
    "ProgressBar",
    "Save",
    "Trajectory",
    "WorkMeter",
    "ZonalEulerMaruyama",
    "simulate",
]
