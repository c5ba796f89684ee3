"""The protocols as gradient transformations of optax."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from thermo_ideal.dynamics import AbstractProtocol, FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.dynamics._schedules import Schedule
from thermo_ideal.networks._extra import optax
from thermo_ideal.networks._groups import InvarianceGroups


class ProtocolState(NamedTuple):
    """What a protocol as a gradient transformation keeps: the step, and what the last step did to each group.

    Args:
        step: how many steps have been made.
        radius: `r_g` before the step, `(groups,)`; before the first step, that of the start.
        learning_rate: `η` of the step, `(groups,)`.
        effective_weight_decay: `λ + (|w'| − |w''|)/(η r)`, `(groups,)`, with `w'` before and `w''` after the protocol's
            constraint: the weight decay itself, or on the sphere what would have held the radius.
        angular_update: the angle between the weights before and after the step, `(groups,)`, in radians.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.networks import fixed_sphere
        >>> transformation = fixed_sphere(0.1, radius=2.0)
        >>> state = transformation.init(jnp.array([0.0, 2.0]))
        >>> _, state = transformation.update(jnp.array([1.0, 0.0]), state, jnp.array([0.0, 2.0]))
        >>> [round(float(x), 4) for x in (state.learning_rate[0], state.angular_update[0])]  # η_eff r², arctan(0.4/2)
        [0.4, 0.1974]

    Source: arXiv 2511.07308, section 5, for the effective weight decay.
    """

    step: Int[Array, ""]
    radius: Float[Array, " groups"]
    learning_rate: Float[Array, " groups"]
    effective_weight_decay: Float[Array, " groups"]
    angular_update: Float[Array, " groups"]


def gradient_transformation(
    protocol: AbstractProtocol, groups: InvarianceGroups | None = None
) -> optax.GradientTransformation:
    """Any protocol as a gradient transformation: `w ← c(w − η(u + λw))`, with `u` what comes in for the gradient.

    The learning rate, the weight decay and the constraint `c` are those of each group at its own radius. What the
    transformation returns is the new weights less the old ones, so it comes last in `optax.chain`; a momentum before it
    is `optax.trace`, and a weight decay that the momentum is to see `optax.add_decayed_weights`.

    Args:
        protocol: any protocol, whose constraint depends on the norm alone; a hyperparameter is a number, an array of
            one for each group, or a schedule, a function of the step that returns either.
        groups: which weights have a radius of their own; all of them together if None.

    Returns:
        A `GradientTransformation` whose state is a `ProtocolState`.

    Raises:
        ValueError: a hyperparameter with neither one number nor one for each group, or an update without weights.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> from thermo_ideal.networks import gradient_transformation
        >>> transformation = gradient_transformation(FixedLearningRate(0.1, weight_decay=0.5))
        >>> weights = {"a": jnp.array([2.0])}
        >>> updates, _ = transformation.update({"a": jnp.array([1.0])}, transformation.init(weights), weights)
        >>> round(float(optax.apply_updates(weights, updates)["a"][0]), 4)  # 2 − 0.1 (1 + 0.5·2)
        1.8

    Source: arXiv 2511.07308, section 3.
    """

    def sums(a: Any, b: Any) -> Float[Array, " groups"]:
        if groups is not None:
            return groups.inner(a, b)
        return jnp.sum(jnp.stack(jax.tree.leaves(jax.tree.map(jnp.vdot, a, b))), keepdims=True)

    def multiply(numbers: Array, tree: Any) -> Any:
        if groups is not None:
            return groups.multiply(numbers, tree)
        return jax.tree.map(lambda leaf: numbers[0] * leaf, tree)

    def init(params: Any) -> ProtocolState:
        radius = jnp.sqrt(sums(params, params))
        if any(shape not in ((), (1,), radius.shape) for shape in protocol.batch_shapes.values()):
            raise ValueError(
                f"protocol: got {protocol}, expected numbers, or arrays of one for each of {len(radius)} groups"
            )
        nothing = jnp.zeros_like(radius)
        return ProtocolState(jnp.zeros((), jnp.int32), radius, nothing, nothing, nothing)

    def update(updates: Any, state: ProtocolState, params: Any = None) -> tuple[Any, ProtocolState]:
        if params is None:
            raise ValueError("params: got None, expected the weights, as in transformation.update(g, state, params)")
        now = protocol.at(state.step)
        radius = jnp.sqrt(sums(params, params))
        rate = _each(now.learning_rate_at(radius), radius)
        decay = _each(now.weight_decay_at(radius), radius)
        step = jax.tree.map(
            lambda u, w: (-u - w).astype(w.dtype), multiply(rate, updates), multiply(rate * decay, params)
        )
        along, square = sums(params, step) / radius, sums(step, step)
        across = jnp.sqrt(jnp.maximum(square - along**2, 0.0))
        free = jnp.hypot(radius + along, across)
        # The constraint acts along the ray, and so on the norm.
        kept = _each(now.constrain(free[:, None])[:, 0], radius)
        moved = jax.tree.map(lambda w, s: w + s, params, step)
        new = jax.tree.map(lambda w, s: (w - s).astype(s.dtype), multiply(kept / free, moved), params)
        # |w'| − |w''| without the difference of two numbers near r.
        growth = (2 * radius * along + square) / (free + radius) - (kept - radius)
        held = jnp.where(rate > 0, growth / jnp.where(rate > 0, rate * radius, 1.0), 0.0)
        decay = decay + held if now.fixes_radius else decay
        return new, ProtocolState(state.step + 1, radius, rate, decay, jnp.arctan2(across, radius + along))

    return optax.GradientTransformation(init, update)


def _each(numbers: Array, radius: Float[Array, " groups"]) -> Float[Array, " groups"]:
    return jnp.broadcast_to(numbers, radius.shape)


def fixed_learning_rate(
    learning_rate: ArrayLike | Schedule, weight_decay: ArrayLike | Schedule, groups: InvarianceGroups | None = None
) -> optax.GradientTransformation:
    """Plain SGD with coupled weight decay: `w ← w − η(g + λw)`.

    Args:
        learning_rate: `η`, in weight²/loss; a number, one for each group, or a function of the step.
        weight_decay: `λ`, in loss/weight², the same.
        groups: for which state and hyperparameters are given; all weights together if None.

    Returns:
        A `GradientTransformation`.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.networks import fixed_learning_rate
        >>> transformation = fixed_learning_rate(lambda step: 0.1 / (1 + step), weight_decay=0.0)
        >>> w = jnp.array([1.0, 0.0])
        >>> updates, state = transformation.update(jnp.array([0.0, 1.0]), transformation.init(w), w)
        >>> updates
        Array([ 0. , -0.1], dtype=float32)

    Source: arXiv 2511.07308, section 3.
    """
    return gradient_transformation(FixedLearningRate(learning_rate, weight_decay), groups)


def fixed_effective_learning_rate(
    effective_learning_rate: ArrayLike | Schedule,
    weight_decay: ArrayLike | Schedule,
    groups: InvarianceGroups | None = None,
) -> optax.GradientTransformation:
    """SGD with `η_g = η_eff r_g²`, `r_g` taken before the step, and coupled weight decay.

    Args:
        effective_learning_rate: `η_eff`, in 1/loss; a number, one for each group, or a function of the step.
        weight_decay: `λ`, in loss/weight², the same.
        groups: which weights have a radius of their own; all of them together if None.

    Returns:
        A `GradientTransformation`.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.networks import fixed_effective_learning_rate
        >>> transformation = fixed_effective_learning_rate(0.1, weight_decay=0.0)
        >>> w = jnp.array([2.0, 0.0])
        >>> updates, state = transformation.update(jnp.array([0.0, 1.0]), transformation.init(w), w)
        >>> updates
        Array([ 0. , -0.4], dtype=float32)

    Source: arXiv 2511.07308, section 3.
    """
    return gradient_transformation(FixedEffectiveLearningRate(effective_learning_rate, weight_decay), groups)


def fixed_sphere(
    effective_learning_rate: ArrayLike | Schedule,
    radius: ArrayLike | Schedule,
    groups: InvarianceGroups | None = None,
) -> optax.GradientTransformation:
    """SGD with `η_g = η_eff r_g²`, rescaled to the radius after every step.

    Args:
        effective_learning_rate: `η_eff`, in 1/loss; a number, one for each group, or a function of the step.
        radius: `r`, in units of weights, the same; for the radii at the start, `groups.norms(weights)`.
        groups: which weights have a sphere of their own; all of them together one if None.

    Returns:
        A `GradientTransformation`.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> from thermo_ideal.networks import fixed_sphere
        >>> transformation = fixed_sphere(0.1, radius=5.0)
        >>> w = jnp.array([3.0, 4.0])
        >>> updates, state = transformation.update(jnp.array([4.0, -3.0]), transformation.init(w), w)
        >>> round(float(jnp.linalg.norm(optax.apply_updates(w, updates))), 5)
        5.0

    Source: arXiv 2511.07308, section 3.
    """
    return gradient_transformation(FixedSphere(effective_learning_rate, radius), groups)
