"""SymPy only: Itô calculus in explicit or symbolic dimension, and the derivations built on it."""

from thermo_ideal.symbolic._derivation import Derivation, Step, VerificationError
from thermo_ideal.symbolic._ito import ItoDifferential, ItoProcess
from thermo_ideal.symbolic._sgd import derive
from thermo_ideal.symbolic._space import Cartesian, TensorSpace

__all__ = [
    "Cartesian",
    "Derivation",
    "ItoDifferential",
    "ItoProcess",
    "Step",
    "TensorSpace",
    "VerificationError",
    "derive",
]
