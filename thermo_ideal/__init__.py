"""Thermodynamics of SGD on scale-invariant losses: derived, simulated, compared.

Subpackages load on first use (PEP 562), so `import thermo_ideal` costs neither JAX nor SymPy::

    >>> import thermo_ideal
    >>> thermo_ideal.symbolic.derive("fixed-lr").result["temperature"]
    sqrt(2)*sqrt(eta)*sqrt(lambda)*sigma/(2*sqrt(d - 1))
"""

import importlib
import importlib.metadata
from types import ModuleType

__version__ = importlib.metadata.version("thermo_ideal")

_SUBPACKAGES = (
    "distributions",
    "dynamics",
    "estimators",
    "experiments",
    "integrators",
    "networks",
    "numerics",
    "reports",
    "special",
    "sweeps",
    "symbolic",
    "testing",
    "thermodynamics",
    "verification",
)

__all__ = ["__version__", *_SUBPACKAGES]


def __getattr__(name: str) -> ModuleType:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
