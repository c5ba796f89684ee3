"""The area of the unit sphere."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jax.scipy.special import gammaln
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import require_real_dimension


def log_sphere_area(dimension: ArrayLike) -> Float[Array | np.ndarray, "..."]:
    """`log|S^{d−1}| = log 2 + (d/2) log π − log Γ(d/2)`, the area of the unit sphere in `R^d`.

    A dimension that is not traced gives a NumPy array in double precision, since the terms are large and cancel.

    Args:
        dimension: `d ≥ 1`, the dimension of the ambient space; any shape. At 1 the sphere is two points. Between whole
            numbers it is the formula's continuation.

    Returns:
        The logarithm of the area, in the shape of the dimension.

    Raises:
        ValueError: `d` is below 1 or not finite.

    Example:
        >>> import math
        >>> from thermo_ideal.special import log_sphere_area
        >>> math.isclose(math.exp(log_sphere_area(3)), 4 * math.pi)
        True

    Source: Digital Library of Mathematical Functions, 5.19.4.
    """
    require_real_dimension("dimension", dimension, minimum=1)
    if isinstance(dimension, jax.core.Tracer):
        traced = dimension / 2
        return jnp.log(2.0) + traced * jnp.log(jnp.pi) - gammaln(traced)
    half = np.asarray(dimension, np.float64) / 2
    return np.asarray(np.log(2.0) + half * np.log(np.pi) - scipy.special.gammaln(half))
