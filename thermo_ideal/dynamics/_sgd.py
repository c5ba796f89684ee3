"""SGD as an Itô process."""

import equinox as eqx
from jaxtyping import Array, Float

from thermo_ideal.dynamics._losses import AbstractLoss
from thermo_ideal.dynamics._noise import AbstractNoise
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._vectors import norm


class SGD(eqx.Module):
    """`dW = −η(∇L(W) + λW) dt + η Σ_W^{1/2} dB`, one step of SGD as the unit of time.

    Methods take one weight vector of shape `(d,)`; batches go through `jax.vmap`.

    Args:
        loss: a scale-invariant loss.
        noise: the gradient noise.
        protocol: what is held fixed.

    Raises:
        ValueError: an argument of another kind.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), FixedLearningRate(0.5, 0.25))
        >>> sgd.drift(jnp.array([0.0, 2.0, 0.0])) + 0.0
        Array([ 0.25, -0.25,  0.  ], dtype=float32)

    Source: arXiv 2511.07308, section 3.
    """

    loss: AbstractLoss
    noise: AbstractNoise
    protocol: AbstractProtocol

    def __check_init__(self) -> None:
        for name, value, kind, example in (
            ("loss", self.loss, AbstractLoss, "VonMisesFisherLoss(jnp.eye(3)[0])"),
            ("noise", self.noise, AbstractNoise, "IsotropicNoise(scale=1.0)"),
            ("protocol", self.protocol, AbstractProtocol, "FixedLearningRate(0.1, weight_decay=0.01)"),
        ):
            if not isinstance(value, kind):
                raise ValueError(f"{name}: got {value!r}, expected a {kind.__name__}, as in {name}={example}")

    def drift(self, position: Float[Array, " d"]) -> Float[Array, " d"]:
        """`−η(∇L(w) + λw)`, with `∇L(w) = ∇L(w̄)/r`."""
        radius = norm(position)
        gradient = self.loss.gradient(position / radius) / radius
        decay = self.protocol.weight_decay_at(radius)
        return -self.protocol.learning_rate_at(radius) * (gradient + decay * position)

    def diffusion(self, position: Float[Array, " d"], normal: Float[Array, " n"]) -> Float[Array, " d"]:
        """`η Σ_W^{1/2} ξ` for a standard normal `ξ`, with `Σ_W^{1/2} = Σ_w̄^{1/2}/r`."""
        radius = norm(position)
        return self.protocol.learning_rate_at(radius) / radius * self.noise.apply(position / radius, normal)
