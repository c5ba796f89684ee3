"""Stochastic calculus with SymPy, in components or in symbolic dimension."""

from thermo_ideal.symbolic.calculus._differentials import ItoDifferential, StratonovichDifferential
from thermo_ideal.symbolic.calculus._gaussian import GaussianLaw, StationaryMoments
from thermo_ideal.symbolic.calculus._moments import MomentEquations
from thermo_ideal.symbolic.calculus._polar import Polar
from thermo_ideal.symbolic.calculus._process import ItoProcess, StratonovichProcess
from thermo_ideal.symbolic.calculus._stationary_density import StationaryDensity
from thermo_ideal.symbolic.calculus._tensors import TensorSpace

__all__ = [
    "GaussianLaw",
    "ItoDifferential",
    "ItoProcess",
    "MomentEquations",
    "Polar",
    "StationaryDensity",
    "StationaryMoments",
    "StratonovichDifferential",
    "StratonovichProcess",
    "TensorSpace",
]
