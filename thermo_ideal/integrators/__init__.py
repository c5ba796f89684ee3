"""Time loops: Euler–Maruyama on all of R^d, batched, chunked and measured on the way."""

from thermo_ideal.integrators._euler_maruyama import EulerMaruyama
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.integrators._simulate import Trajectory, simulate

__all__ = ["EulerMaruyama", "ProgressBar", "Trajectory", "simulate"]
