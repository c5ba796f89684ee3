"""Modified Bessel functions of the first kind, by their logarithm and their ratio."""

import jax.numpy as jnp
from jax.scipy.special import gammaln, xlogy
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_nonnegative
from thermo_ideal.special._riccati import riccati


def _promote(order: ArrayLike, x: ArrayLike) -> tuple[Array, Array]:
    x = as_nonnegative("x", x)
    nu = as_nonnegative("order", order).astype(x.dtype)
    nu, x = jnp.broadcast_arrays(nu, x)
    return nu, x


def log_iv(order: ArrayLike, x: ArrayLike) -> Float[Array, "..."]:
    """`log I_ν(x)`, the modified Bessel function of the first kind.

    Args:
        order: `ν ≥ 0`.
        x: `x ≥ 0`; broadcast against `order`.

    Raises:
        ValueError: a negative or non-finite argument.

    Example:
        Far outside the range of `I_ν` itself:

        >>> from thermo_ideal.special import log_iv
        >>> float(log_iv(499.0, 1.0)).__round__(1)
        -2951.0

    Source: DLMF 10.41 for the expansion, 10.29 for the recurrence.
    """
    nu, x = _promote(order, x)
    return riccati(nu + 1, x).log_partition + xlogy(nu, x / 2) - gammaln(nu + 1)


def iv_ratio(order: ArrayLike, x: ArrayLike) -> Float[Array, "..."]:
    """`I_{ν+1}(x)/I_ν(x)`, between 0 (at x = 0) and 1 (at infinity).

    Args:
        order: `ν ≥ 0`.
        x: `x ≥ 0`; broadcast against `order`.

    Raises:
        ValueError: a negative or non-finite argument.

    Example:
        For `ν = 1/2` it is Langevin's function, `coth x − 1/x`:

        >>> import math
        >>> from thermo_ideal.special import iv_ratio
        >>> math.isclose(iv_ratio(0.5, 2.0), 1 / math.tanh(2) - 1 / 2, rel_tol=1e-6)
        True
    """
    nu, x = _promote(order, x)
    return x / riccati(nu + 1, x).ratio
