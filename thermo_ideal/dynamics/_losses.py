"""Scale-invariant losses, given on the unit sphere."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_unit


class AbstractLoss(eqx.Module):
    """A loss with `L(cw) = L(w)` for `c > 0`, so given by its values on the unit sphere."""

    @abc.abstractmethod
    def __call__(self, direction: Float[Array, " d"]) -> Float[Array, ""]:
        """`L(w̄)`."""

    @abc.abstractmethod
    def gradient(self, direction: Float[Array, " d"]) -> Float[Array, " d"]:
        """`∇L(w̄)`, tangent to the sphere; `∇L(w) = ∇L(w̄)/|w|`."""


class VonMisesFisherLoss(AbstractLoss):
    """`L(w) = 1 − μ·w̄`, whose Gibbs law at temperature `T` is von Mises–Fisher with concentration `1/T`.

    Args:
        mean_direction: `μ`, a unit vector of shape `(d,)`. It may be left out where only the overlap `μ·w̄` matters;
            what needs the vector or its dimension then says so.

    Raises:
        ValueError: `μ` is not a unit vector.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import VonMisesFisherLoss
        >>> loss = VonMisesFisherLoss(jnp.array([1.0, 0.0, 0.0]))
        >>> float(loss(jnp.array([0.0, 1.0, 0.0])))
        1.0

    Source: arXiv 2511.07308, the isotropic-noise model.
    """

    mean_direction: Float[Array, " d"] | None = None

    def __init__(self, mean_direction: ArrayLike | None = None) -> None:
        self.mean_direction = None if mean_direction is None else as_unit("mean_direction", mean_direction)

    @property
    def dimension(self) -> int | None:
        """`d`, or None for a loss without a direction."""
        return None if self.mean_direction is None else self.mean_direction.shape[0]

    def __call__(self, direction: Float[Array, " d"]) -> Float[Array, ""]:
        """`1 − μ·w̄` as `|w̄ − μ|²/2`, which does not cancel near the minimum."""
        return jnp.sum((direction - self._mean_direction()) ** 2) / 2

    def gradient(self, direction: Float[Array, " d"]) -> Float[Array, " d"]:
        """`∇L(w̄) = (μ·w̄) w̄ − μ`."""
        mu = self._mean_direction()
        return jnp.sum(mu * direction) * direction - mu

    def _mean_direction(self) -> Float[Array, " d"]:
        if self.mean_direction is None:
            raise ValueError(
                "mean_direction: got None, wanted a unit vector here; build the loss as "
                "VonMisesFisherLoss(mean_direction=jnp.eye(d)[0])"
            )
        return self.mean_direction
