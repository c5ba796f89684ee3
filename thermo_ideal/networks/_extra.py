"""What only the extra `networks` installs: optax and scikit-learn."""

import importlib
from types import ModuleType

try:
    import optax
except ImportError as error:
    raise ImportError(
        "thermo_ideal.networks: got no optax, expected the extra `networks`; type pip install 'thermo_ideal[networks]'"
    ) from error

__all__ = ["optax", "require_scikit_learn"]


def require_scikit_learn() -> ModuleType:
    """scikit-learn's data sets, which the same extra installs, imported when they are asked for."""
    try:
        return importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise ImportError(
            "digits: got no scikit-learn, expected the extra `networks`; type pip install 'thermo_ideal[networks]'"
        ) from error
