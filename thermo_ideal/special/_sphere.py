"""The area of the unit sphere."""

import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import require_dimension


def log_sphere_area(dimension: ArrayLike) -> Float[Array, "..."]:
    """`log|S^{d−1}| = log 2 + (d/2) log π − log Γ(d/2)`, the area of the unit sphere in `R^d`.

    Args:
        dimension: `d ≥ 1`, the dimension of the ambient space; any shape. At 1 the sphere is two points.

    Raises:
        ValueError: `d` is not a whole number of at least 1.

    Example:
        >>> import jax.numpy as jnp
        >>> bool(jnp.isclose(jnp.exp(log_sphere_area(3)), 4 * jnp.pi))
        True
    """
    require_dimension("dimension", dimension, least=1)
    half = jnp.asarray(dimension, dtype=float) / 2
    return jnp.log(2.0) + half * jnp.log(jnp.pi) - gammaln(half)
