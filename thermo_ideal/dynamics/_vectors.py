"""Products of vectors."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

# Up to here a loop over lanes is faster, with the product as a short sum inside; see `integrators`.
_SHORT = 64


def inner(a: Float[Array, " d"], b: Float[Array, " d"]) -> Float[Array, ""]:
    """`a·b`.

    A long sum is done in its written order by XLA on a CPU, a number at a time; a dot product is not.
    """
    if a.size <= _SHORT:
        return jnp.sum(a * b)
    return jnp.dot(a, b, precision=lax.Precision.HIGHEST)


def norm(a: Float[Array, " d"]) -> Float[Array, ""]:
    """`|a|`."""
    return jnp.sqrt(inner(a, a))
