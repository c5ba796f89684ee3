"""What an optimiser is in the limit of small steps."""

from typing import NamedTuple

from jaxtyping import Array, Float


class SmallSteps(NamedTuple):
    """An optimiser whose steps turn the direction little: plain SGD, with rates of its own.

    The direction has the temperature `T = η_eff σ²/2`, and the radius the drift `dr/dt = (η_eff² τ/2 − k) r`.

    Args:
        effective_learning_rate: `η_eff`, of the plain SGD that moves the direction in the same way over many steps.
        decay: `k`, the part of the radius that weight decay takes in a step.
        angle: by which one step turns the weights, root mean square, where noise dominates the gradient. With a memory
            it is smaller than `η_eff √τ`: a turn goes on for several steps.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import FixedLearningRate, HeavyBall, SmallSteps
        >>> protocol, radius = FixedLearningRate(0.01, weight_decay=0.1), jnp.asarray(1.0)
        >>> found = HeavyBall(0.6).small_steps(protocol, radius, noise_scale=1.0, dimension=101)
        >>> isinstance(found, SmallSteps), [f"{x:.4f}" for x in found]
        (True, ['0.0250', '0.0025', '0.1250'])
    """

    effective_learning_rate: Float[Array, "..."]
    decay: Float[Array, "..."]
    angle: Float[Array, "..."]
