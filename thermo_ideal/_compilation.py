"""Programs that are compiled for the sake of one run."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import equinox as eqx

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def run_once(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """As `equinox.filter_jit`, without the optimisation by XLA that takes longer than the run that it would speed up.

    Args:
        function: of arrays and anything else.

    Example:
        >>> import jax.numpy as jnp
        >>> float(run_once(jnp.exp)(0.0))
        1.0
    """
    return cast(Any, eqx.filter_jit)(function, compiler_options={"xla_backend_optimization_level": 0})
