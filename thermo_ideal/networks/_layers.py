"""Normalisation by the batch, pooling, weights to start from, and the head that is not trained."""

from __future__ import annotations

import math
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

HEAD_NORM = 10.0
Moments = tuple[Array, Array]  # mean and variance of each channel


def batch_moments(x: Float[Array, "*n c"]) -> Moments:
    """Mean and variance of each channel over all other axes."""
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    return mean, jnp.mean((x - mean.reshape((1,) * (x.ndim - 1) + (-1,))) ** 2, axes)


def normalise(x: Float[Array, "*n c"], moments: Moments, eps: float) -> Float[Array, "*n c"]:
    """`(x − mean)/√(variance + ε)`; a channel that varies by rounding only is 0, not that rounding magnified."""
    mean, variance = (moment.reshape((1,) * (x.ndim - 1) + (-1,)) for moment in moments)
    rounding = 4 * jnp.finfo(x.dtype).eps * mean
    varies = variance + eps > rounding**2
    return (x - mean) * jnp.where(varies, lax.rsqrt(jnp.where(varies, variance + eps, 1.0)), 0.0)


def max_pool(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    """The largest of each 2 × 2 pixels; an odd last row or column is left out."""
    n, h, w, c = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))


@partial(jax.jit, static_argnums=(1, 2))
def uniform_weights(key: PRNGKeyArray, shapes: tuple[tuple[int, ...], ...], norm: float) -> tuple[Array, ...]:
    """Weights, each uniform between `±1/√(fan in)`, times one number that gives all together a norm.

    Args:
        key: a JAX key.
        shapes: of each, outputs along the first axis.
        norm: the root of the sum of all squares.
    """
    sizes = [math.prod(shape) for shape in shapes]
    bounds = np.repeat([1 / math.sqrt(math.prod(shape[1:])) for shape in shapes], sizes)
    weights = jax.random.uniform(key, (sum(sizes),), minval=-1.0) * bounds
    weights = weights * (norm / jnp.linalg.norm(weights))
    parts = jnp.split(weights, np.cumsum(sizes)[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


class FrozenLinear(eqx.Module):
    """A linear map that is not trained: `split_weights` counts its numbers among the rest.

    Args:
        in_features: components of an input.
        num_classes: components of an output.
        key: a JAX key.
        bias: whether there is one.
        norm: the Frobenius norm of the weight.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.networks import FrozenLinear
        >>> head = FrozenLinear(8, 10, key=jax.random.key(0))
        >>> round(float(jnp.linalg.norm(head.weight)), 4), head(jnp.ones((5, 8))).shape
        (10.0, (5, 10))

    Source: arXiv 2511.07308, appendix on the experiments with networks.
    """

    weight: Float[Array, "*batch classes features"]
    bias: Float[Array, "*batch classes"] | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        key: PRNGKeyArray,
        bias: bool = False,
        norm: float = HEAD_NORM,
    ) -> None:
        weight_key, bias_key = jax.random.split(key)
        (self.weight,) = uniform_weights(weight_key, ((num_classes, in_features),), norm)
        bound = 1 / math.sqrt(in_features)
        self.bias = jax.random.uniform(bias_key, (num_classes,), minval=-bound, maxval=bound) if bias else None

    def __call__(self, x: Float[Array, "n features"]) -> Float[Array, "n classes"]:
        """The outputs of a batch.

        Args:
            x: inputs, `(n, features)`.
        """
        outputs = x @ self.weight.T
        return outputs if self.bias is None else outputs + self.bias[None]
