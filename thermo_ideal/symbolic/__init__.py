"""SymPy only: stochastic calculus in explicit or symbolic dimension, and the derivations built on it."""

from thermo_ideal.symbolic import gas
from thermo_ideal.symbolic._catalogue import TOPICS, Topic, derivation
from thermo_ideal.symbolic.calculus import (
    Cartesian,
    ItoDifferential,
    ItoProcess,
    MomentEquations,
    Polar,
    StationaryLaw,
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
    "Cartesian",
    "Derivation",
    "ItoDifferential",
    "ItoProcess",
    "MomentEquations",
    "Polar",
    "StationaryLaw",
    "Step",
    "StratonovichDifferential",
    "StratonovichProcess",
    "TensorSpace",
    "Topic",
    "VerificationError",
    "derivation",
    "derive",
    "discrete_radius",
    "gas",
    "zonal_chain",
]
