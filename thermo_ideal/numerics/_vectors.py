"""Vectors along the last axis, and the batches that they come in."""

from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float

# Up to here a loop over runs is faster, with the product as a short sum inside; see `integrators`.
_SHORT = 64
_dot = jnp.vectorize(partial(jnp.dot, precision=lax.Precision.HIGHEST), signature="(d),(d)->()")


def inner(a: Float[Array, "*batch d"], b: Float[Array, "*batch d"]) -> Float[Array, "*batch"]:
    """`a·b` along the last axis.

    A long sum is done in its written order by XLA on a CPU, a number at a time; a dot product is not.

    Args:
        a: vectors along the last axis.
        b: as many, of the same dimension.

    Returns:
        A number for each pair.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import inner
        >>> inner(jnp.eye(2), jnp.array([[3.0, 4.0], [5.0, 6.0]]))
        Array([3., 6.], dtype=float32)
    """
    if a.shape[-1] <= _SHORT:
        return jnp.sum(a * b, axis=-1)
    return _dot(a, b)


def norm(a: Float[Array, "*batch d"]) -> Float[Array, "*batch"]:
    """`|a| = √(a·a)` along the last axis.

    Args:
        a: vectors along the last axis.

    Returns:
        A number for each.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import norm
        >>> float(norm(jnp.array([3.0, 4.0])))
        5.0
    """
    return jnp.sqrt(inner(a, a))


def spread(vectors: Float[Array, "... d"], *batches: tuple[int, ...]) -> Float[Array, "... d"]:
    """Vectors repeated over a larger batch.

    Args:
        vectors: along the last axis.
        batches: shapes that are broadcast with that of the vectors' own batch.

    Returns:
        Vectors of shape `(*batch, d)`, of the common batch.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import spread
        >>> spread(jnp.ones((4, 1, 3)), (5,)).shape
        (4, 5, 3)
    """
    batch = jnp.broadcast_shapes(vectors.shape[:-1], *batches)
    return jnp.broadcast_to(vectors, (*batch, vectors.shape[-1]))


def per_vector(numbers: ArrayLike, vectors: Float[Array, "*batch d"]) -> Array:
    """Numbers, one for all vectors or one for each, in a shape that multiplies the components.

    Args:
        numbers: one, or a batch that broadcasts to that of the vectors.
        vectors: along the last axis.

    Returns:
        An array of shape `()` or `(*batch, 1)`.

    Raises:
        ValueError: batches that do not broadcast.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import per_vector
        >>> per_vector(jnp.array([2.0, 3.0]), jnp.ones((2, 5))).shape
        (2, 1)
    """
    numbers = jnp.asarray(numbers)
    return numbers if numbers.ndim == 0 else jnp.broadcast_to(numbers, vectors.shape[:-1])[..., None]


def like(numbers: ArrayLike, reference: ArrayLike) -> Array:
    """Numbers in the common shape of themselves and a reference.

    Args:
        numbers: any array.
        reference: another, of which only the shape matters.

    Returns:
        The numbers, repeated along the axes that only the reference has.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import like
        >>> like(jnp.arange(3.0), jnp.zeros((2, 1))).shape
        (2, 3)
    """
    return jnp.broadcast_to(jnp.asarray(numbers), jnp.broadcast_shapes(jnp.shape(numbers), jnp.shape(reference)))
