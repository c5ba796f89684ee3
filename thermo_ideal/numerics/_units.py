"""Units in which squares are numbers, and in which no digit changes."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float


def power_of_two(size: Float[Array, "..."]) -> Float[Array, "..."]:
    """The power of two above each positive number, as far as the precision goes; 2 where there is none.

    Args:
        size: any shape.

    Returns:
        An array of the same shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import power_of_two
        >>> power_of_two(jnp.array([3.0, 0.0, 0.1]))
        Array([4.   , 2.   , 0.125], dtype=float32)
    """
    limits, bits = jnp.finfo(size.dtype), np.dtype(f"int{8 * size.dtype.itemsize}")
    good = jnp.where(jnp.isfinite(size) & (size > 0), size, 1.0)
    # A number without its fraction is the power of two below it, and the bits of infinity are all but the fraction's.
    exponent = np.array(np.inf, size.dtype).view(bits)
    kept = jnp.clip(good, 2.0**limits.minexp, 2.0 ** (limits.maxexp - 3))
    return 2 * lax.bitcast_convert_type(lax.bitcast_convert_type(kept, bits) & exponent, size.dtype)
