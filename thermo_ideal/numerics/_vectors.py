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
    """
    if a.shape[-1] <= _SHORT:
        return jnp.sum(a * b, axis=-1)
    return _dot(a, b)


def norm(a: Float[Array, "*batch d"]) -> Float[Array, "*batch"]:
    """`|a|` along the last axis."""
    return jnp.sqrt(inner(a, a))


def spread(vectors: Float[Array, "... d"], *batches: tuple[int, ...]) -> Float[Array, "... d"]:
    """Vectors repeated over a larger batch: that of their own batch and others, broadcast."""
    batch = jnp.broadcast_shapes(vectors.shape[:-1], *batches)
    return jnp.broadcast_to(vectors, (*batch, vectors.shape[-1]))


def per_vector(numbers: ArrayLike, vectors: Float[Array, "*batch d"]) -> Array:
    """Numbers, one for all vectors or one for each, in a shape that multiplies the components."""
    numbers = jnp.asarray(numbers)
    return numbers if numbers.ndim == 0 else jnp.broadcast_to(numbers, vectors.shape[:-1])[..., None]


def like(numbers: ArrayLike, reference: ArrayLike) -> Array:
    """Numbers in the common shape of themselves and the reference."""
    return jnp.broadcast_to(jnp.asarray(numbers), jnp.broadcast_shapes(jnp.shape(numbers), jnp.shape(reference)))
