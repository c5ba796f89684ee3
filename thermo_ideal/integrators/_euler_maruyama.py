"""One step of Euler and Maruyama."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from thermo_ideal._arguments import as_positive
from thermo_ideal.dynamics import SGD


class EulerMaruyama(eqx.Module):
    """`w' = w + drift(w) dt + √dt · diffusion(w, ξ)`, then the protocol's constraint.

    Args:
        sgd: the process.
        dt: the step. `dt = 1` is SGD itself, `dt → 0` its SDE.

    Raises:
        ValueError: `dt` is not a positive number.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import EulerMaruyama
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), FixedSphere(0.01, 2.0))
        >>> step = EulerMaruyama(sgd).step
        >>> position = step(jnp.array([0.0, 2.0, 0.0]), jax.random.normal(jax.random.key(0), (3,)))
        >>> float(jnp.linalg.norm(position)).__round__(6)
        2.0
    """

    sgd: SGD
    dt: float = eqx.field(static=True)

    def __init__(self, sgd: SGD, dt: float = 1.0) -> None:
        self.sgd = sgd
        self.dt = float(as_positive("dt", dt))

    def increment(self, position: Float[Array, " d"], normal: Float[Array, " d"]) -> Float[Array, " d"]:
        """`drift(w) dt + √dt · diffusion(w, ξ)`.

        Args:
            position: `w`.
            normal: `ξ`, a standard normal vector.
        """
        return self.sgd.drift(position) * self.dt + self.sgd.diffusion(position, normal) * self.dt**0.5

    def step(self, position: Float[Array, " d"], normal: Float[Array, " d"]) -> Float[Array, " d"]:
        """The position after one step.

        Args:
            position: `w`.
            normal: `ξ`, a standard normal vector.
        """
        return self.sgd.protocol.constrain(position + self.increment(position, normal))

    def effective_weight_decay(self, position: Float[Array, " d"], normal: Float[Array, " d"]) -> Float[Array, ""]:
        """`(|w + Δw| − r)/(η r dt)`: the weight decay that would undo what one step adds to the radius.

        The growth of the radius is of second order in the learning rate, so it is not taken as a difference of two
        norms: `|w + Δw|² − r² = 2 w·Δw + |Δw|²`, where `w·Δw = −ηλr² dt` exactly, gradient and noise being tangent.

        Args:
            position: `w`.
            normal: `ξ`, a standard normal vector.
        """
        increment = self.increment(position, normal)
        radius = jnp.linalg.norm(position)
        eta = self.sgd.protocol.learning_rate_at(radius) * self.dt
        tangent = jnp.sum(increment**2) / (radius * eta)
        along = -2 * self.sgd.protocol.weight_decay_at(radius) * radius
        return (tangent + along) / (radius + jnp.linalg.norm(position + increment))
