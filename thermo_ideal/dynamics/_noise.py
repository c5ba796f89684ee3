"""Gradient noise on the unit sphere."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_positive


class IsotropicNoise(eqx.Module):
    """Gradient noise with covariance `Σ_w̄ = σ²(I − w̄w̄ᵀ)`, the only kind that has a temperature.

    Args:
        scale: `σ > 0`, the standard deviation of each tangent component at `|w| = 1`; a scalar, or one for each run of
            a batch.

    Raises:
        ValueError: `σ` is not a positive number.

    Example:
        >>> from thermo_ideal.dynamics import IsotropicNoise
        >>> float(IsotropicNoise(scale=2.0).trace(dimension=11))
        40.0
    """

    scale: Float[Array, "..."]

    def __init__(self, scale: ArrayLike = 1.0) -> None:
        self.scale = as_positive("scale", scale)

    def trace(self, dimension: int) -> Float[Array, "..."]:
        """`τ = Tr Σ_w̄ = σ²(d − 1)`."""
        return self.scale**2 * (dimension - 1)

    def apply(self, direction: Float[Array, " d"], normal: Float[Array, " d"]) -> Float[Array, " d"]:
        """`Σ_w̄^{1/2} ξ = σ(ξ − (w̄·ξ) w̄)` for a standard normal `ξ`."""
        return self.scale * (normal - jnp.sum(direction * normal) * direction)
