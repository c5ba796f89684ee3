"""A scale-invariant loss given as a function of the weights."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermo_ideal._arguments import require_dimension
from thermo_ideal.dynamics._losses import ROUNDING, AbstractLoss
from thermo_ideal.numerics import inner, norm


class ScaleInvariantLoss(AbstractLoss):
    """A loss given as a JAX function of the weights; its gradient is by automatic differentiation.

    A simulation checks that it is scale-invariant over the radii between which it is expected to move.

    Args:
        function: `L`, from one vector of shape `(d,)` to a number; any JAX function, or an Equinox module.
        dimension: `d`, if the loss is for one dimension only.

    Raises:
        ValueError: `function` cannot be called, or `dimension` is not a whole number ≥ 2.

    Example:
        A quotient of quadratic forms:

        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import ScaleInvariantLoss
        >>> loss = ScaleInvariantLoss(lambda w: (w[0] ** 2 + 3 * w[1] ** 2) / jnp.sum(w**2), dimension=2)
        >>> [float(x).__round__(4) for x in loss.gradient(jnp.array([0.6, 0.8]))]
        [-1.536, 1.152]
    """

    function: Callable[[Array], Array]
    _dimension: int | None = eqx.field(static=True)

    def __init__(self, function: Any, dimension: int | None = None) -> None:
        if not callable(function):
            raise ValueError(f"function: got {function!r}, expected a JAX function, as in lambda w: w[0] / norm(w)")
        if dimension is not None:
            require_dimension("dimension", dimension)
        self.function = function
        self._dimension = None if dimension is None else int(dimension)

    @property
    def dimension(self) -> int | None:
        """`d`, if it was given."""
        return self._dimension

    def __call__(self, direction: Float[Array, "*batch d"]) -> Float[Array, "*batch"]:
        """`L(w̄)`."""
        return jnp.vectorize(self.function, signature="(d)->()")(direction)

    def gradient(self, direction: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        """`∇L(w̄)` by automatic differentiation."""
        return jnp.vectorize(jax.grad(self.function), signature="(d)->(d)")(direction)

    def require_scale_invariance(self, position: Float[Array, "*batch d"]) -> None:
        """Raises ValueError unless `L(2w) = L(w)` and `w·∇L(w) = 0` to rounding, with what came instead."""
        position = position.reshape(-1, position.shape[-1])
        value, gradient = jax.lax.map(jax.value_and_grad(self.function), position)
        twice, slope, radius = jax.lax.map(self.function, 2 * position), inner(position, gradient), norm(position)
        # Where it is least, a loss may be nothing but rounding: the scale is that of all positions.
        scale = jnp.max(jnp.abs(value) + radius * norm(gradient))
        rounding = ROUNDING * jnp.finfo(position.dtype).eps * scale
        wrong = ~np.asarray((jnp.abs(twice - value) <= rounding) & (jnp.abs(slope) <= rounding))
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"loss: got L(w) = {float(value[at]):.6g}, L(2w) = {float(twice[at]):.6g} and w·∇L(w) = "
                f"{float(slope[at]):.6g} at |w| = {float(radius[at]):.4g}, expected L(2w) = L(w) and w·∇L(w) = 0; make "
                "the loss a function of w / jnp.linalg.norm(w)"
            )
