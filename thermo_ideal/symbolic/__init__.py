"""Stochastic calculus with SymPy, in explicit or symbolic dimension, and the derivations that use it."""

from thermo_ideal.symbolic import gas
from thermo_ideal.symbolic._catalogue import TOPICS, derivation
from thermo_ideal.symbolic.calculus import (
    GaussianLaw,
    ItoDifferential,
    ItoProcess,
    MomentEquations,
    Polar,
    StationaryDensity,
    StationaryMoments,
    StratonovichDifferential,
    StratonovichProcess,
    TensorSpace,
)
from thermo_ideal.symbolic.derivations import (
    Derivation,
    Step,
    VerificationError,
    derive,
    discrete_radius,
    zonal_chain,
)

__all__ = [
    "TOPICS",
    "Derivation",
    "GaussianLaw",
    "ItoDifferential",
    "ItoProcess",
    "MomentEquations",
    "Polar",
    "StationaryDensity",
    "StationaryMoments",
    "Step",
    "StratonovichDifferential",
    "StratonovichProcess",
    "TensorSpace",
    "VerificationError",
    "derivation",
    "derive",
    "discrete_radius",
    "gas",
    "zonal_chain",
]
