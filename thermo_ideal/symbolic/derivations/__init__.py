"""Derivations that can be read, and checked step by step in explicit components."""

from thermo_ideal.symbolic.derivations._derivation import Derivation, Step, VerificationError
from thermo_ideal.symbolic.derivations._discrete import discrete_radius
from thermo_ideal.symbolic.derivations._sgd import derive
from thermo_ideal.symbolic.derivations._zonal import zonal_chain

__all__ = ["Derivation", "Step", "VerificationError", "derive", "discrete_radius", "zonal_chain"]
