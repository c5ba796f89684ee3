"""Time loops: Euler–Maruyama in all of R^d or reduced to the overlap, batched, chunked and measured on the way."""

from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._euler_maruyama import EulerMaruyama
from thermo_ideal.integrators._histogram import DepthHistogram, Histogram
from thermo_ideal.integrators._save import Save
from thermo_ideal.integrators._simulate import simulate
from thermo_ideal.integrators._streaming_moments import Moments
from thermo_ideal.integrators._trajectory import Trajectory
from thermo_ideal.integrators._work_meter import WorkMeter
from thermo_ideal.integrators._zonal import ZonalEulerMaruyama

__all__ = [
    "AbstractIntegrator",
    "DepthHistogram",
    "EulerMaruyama",
    "Histogram",
    "Moments",
    "Save",
    "Trajectory",
    "WorkMeter",
    "ZonalEulerMaruyama",
    "simulate",
]
