"""Units in which squares are numbers, and in which no digit changes."""

import jax.numpy as jnp
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
    limits = jnp.finfo(size.dtype)
    good = jnp.isfinite(size) & (size > 0)
    _, exponent = jnp.frexp(jnp.where(good, size, 1.0))
    return jnp.ldexp(jnp.ones_like(size), jnp.clip(exponent, limits.minexp + 1, limits.maxexp - 2))
