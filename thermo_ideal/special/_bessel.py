"""Modified Bessel functions of the first kind, by their logarithm and their ratio."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_nonnegative
from thermo_ideal.special._bessel_ratio import log_bessel
from thermo_ideal.special._documentation import present_as
from thermo_ideal.special._statistics import differentiable, log_partition, one_minus_resultant, resultant


def _by_order(nu: Array, x: Array) -> Array:
    """From `log I_ν = Φ_{ν+1} + ν log(x/2) − log Γ(ν+1)`."""
    return jax.grad(lambda l: log_partition(l, x).sum())(nu + 1) + jnp.log(x / 2) - digamma(nu + 1)


def _power(nu: Array, x: Array) -> Array:
    """`ν/x`, the derivative of `ν log x`; at `ν = 0` there is no power."""
    return jnp.where(nu == 0, 0.0, nu / jnp.where(nu == 0, 1.0, x))


@differentiable(_by_order, lambda nu, x: _power(nu, x) - one_minus_resultant(nu + 1, x))
def _log_ive(nu: Array, x: Array) -> Array:
    return log_bessel(nu, x, scaled=True)


@differentiable(_by_order, lambda nu, x: _power(nu, x) + resultant(nu + 1, x))
def _log_iv(nu: Array, x: Array) -> Array:
    return log_bessel(nu, x, scaled=False)


@runtime_checkable
class BesselFunction(Protocol):
    """A function of an order and an argument."""

    def __call__(self, order: ArrayLike, x: ArrayLike) -> Float[Array, "..."]:
        """At any broadcast arguments."""


_SECTIONS = """
    Args:
        order: `ν ≥ 0`.
        x: `x ≥ 0`; broadcast against `order`.

    Returns:
        An array of their common shape. Under `jit`, where values are not known, it is NaN where one is negative.

    Raises:
        ValueError: a negative or non-finite argument.
"""


def _bessel_function(function: Callable[[Array, Array], Array]) -> BesselFunction:
    """What users call: it checks and broadcasts the arguments, and documents them."""

    def bessel(order: ArrayLike, x: ArrayLike) -> Float[Array, "..."]:
        x = as_nonnegative("x", x)
        nu = as_nonnegative("order", order).astype(x.dtype)
        nu, x = jnp.broadcast_arrays(nu, x)
        return function(jnp.where(nu >= 0, nu, jnp.nan), jnp.where(x >= 0, x, jnp.nan))

    present_as(bessel, function, _SECTIONS)
    return bessel


@_bessel_function
def log_iv(nu: Array, x: Array) -> Float[Array, "..."]:
    """`log I_ν(x)`, the modified Bessel function of the first kind.

    Example:
        Far outside the range of `I_ν` itself:

        >>> from thermo_ideal.special import log_iv
        >>> float(log_iv(499.0, 1.0)).__round__(1)
        -2951.0

    Source: DLMF 10.41 for the expansion, 10.29 for the recurrence.
    """
    return _log_iv(nu, x)


@_bessel_function
def log_ive(nu: Array, x: Array) -> Float[Array, "..."]:
    """`log(e^{−x} I_ν(x))`, the exponentially scaled form, which keeps its digits at large `x`.

    Example:
        At large `x` it is `−log(2πx)/2`:

        >>> import math
        >>> from thermo_ideal.special import log_ive
        >>> math.isclose(log_ive(3.0, 1e12), -math.log(2 * math.pi * 1e12) / 2, rel_tol=1e-6)
        True

    Source: DLMF 10.40, 10.41.
    """
    return _log_ive(nu, x)


@_bessel_function
def iv_ratio(nu: Array, x: Array) -> Float[Array, "..."]:
    """`I_{ν+1}(x)/I_ν(x)`, between 0 (at x = 0) and 1 (at infinity).

    Example:
        For `ν = 1/2` it is Langevin's function, `coth x − 1/x`:

        >>> import math
        >>> from thermo_ideal.special import iv_ratio
        >>> math.isclose(iv_ratio(0.5, 2.0), 1 / math.tanh(2) - 1 / 2, rel_tol=1e-6)
        True

    Source: Digital Library of Mathematical Functions, 10.33.1 (the continued fraction).
    """
    return resultant(nu + 1, x)


@_bessel_function
def one_minus_iv_ratio(nu: Array, x: Array) -> Float[Array, "..."]:
    """`1 − I_{ν+1}(x)/I_ν(x)`, with full relative precision where the ratio is near 1.

    Example:
        For `ν = 1/2` and large `x` it is `1/x`:

        >>> from thermo_ideal.special import one_minus_iv_ratio
        >>> f"{float(one_minus_iv_ratio(0.5, 1e12)):.6e}"
        '1.000000e-12'

    Source: as `iv_ratio`.
    """
    return one_minus_resultant(nu + 1, x)
