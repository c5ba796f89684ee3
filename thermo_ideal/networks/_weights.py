"""The trainable, scale-invariant weights of a model, and the rest of it."""

from __future__ import annotations

from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp

from thermo_ideal.networks._layers import FrozenLinear

_Model = TypeVar("_Model")


def _is_frozen(part: Any) -> bool:
    return isinstance(part, FrozenLinear)


def split_weights(model: _Model) -> tuple[_Model, _Model]:
    """The trainable weights of a model, and everything else, for `equinox.combine(weights, rest)`.

    Trainable are all arrays of floats outside of a `FrozenLinear`.

    Args:
        model: any pytree; arrays may have the axes of a batch of models in front.

    Returns:
        Two pytrees of the model's structure, with None where the other has something.

    Example:
        >>> import equinox as eqx, jax, jax.numpy as jnp
        >>> from thermo_ideal.networks import ScaleInvariantMLP, split_weights
        >>> model = ScaleInvariantMLP(4, (3,), 2, key=jax.random.key(0))
        >>> weights, rest = split_weights(model)
        >>> [leaf.shape for leaf in jax.tree.leaves(weights)]
        [(3, 4)]
        >>> eqx.combine(weights, rest)(jnp.eye(4)).shape
        (4, 2)
    """
    trainable = jax.tree.map(
        lambda part: jax.tree.map(lambda _: False, part) if _is_frozen(part) else eqx.is_inexact_array(part),
        model,
        is_leaf=_is_frozen,
    )
    return eqx.partition(model, trainable)


def count_scale_invariant(model: Any) -> int:
    """How many trainable weights a model has, `d`.

    Args:
        model: one model, as in `ConvNet`, all of whose trainable weights are scale-invariant.

    Returns:
        The number.

    Example:
        >>> import jax
        >>> from thermo_ideal.networks import ConvNet, count_scale_invariant
        >>> count_scale_invariant(ConvNet(width=8, num_classes=10, key=jax.random.key(0)))
        24408

    Source: arXiv 2511.07308 counts the same.
    """
    return sum(leaf.size for leaf in jax.tree.leaves(split_weights(model)[0]))


def rescale_weights(model: _Model, radius: float) -> _Model:
    """All trainable weights times one number, so that their norm is a radius.

    Args:
        model: one model.
        radius: `r > 0`, the norm of all of them together.

    Returns:
        The model with other weights.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.networks import ScaleInvariantMLP, rescale_weights, split_weights
        >>> model = rescale_weights(ScaleInvariantMLP(4, (3,), 2, key=jax.random.key(0)), 2.0)
        >>> round(float(jnp.linalg.norm(jax.tree.leaves(split_weights(model)[0])[0])), 5)
        2.0
    """
    weights, rest = split_weights(model)
    squares = jnp.stack([jnp.sum(leaf**2) for leaf in jax.tree.leaves(weights)])
    factor = radius / jnp.sqrt(jnp.sum(squares))
    return eqx.combine(jax.tree.map(lambda leaf: factor * leaf, weights), rest)
