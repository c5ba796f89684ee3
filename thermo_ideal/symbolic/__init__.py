"""SymPy only: stochastic calculus in explicit or symbolic dimension, and the derivations built on it."""

from thermo_ideal.symbolic.calculus import (
    Cartesian,
    ItoDifferential,
    ItoProcess,
    MomentEquations,
    Polar,
    StationaryLaw,
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
    "Cartesian",
    "Derivation",
    "ItoDifferential",
    "ItoProcess",
    "MomentEquations",
    "Polar",
    "StationaryLaw",
    "Step",
    "StratonovichProcess",
    "TensorSpace",
    "VerificationError",
    "derive",
    "discrete_radius",
    "zonal_chain",
]
