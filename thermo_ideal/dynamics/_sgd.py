"""SGD as an Itô process."""

from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import broadcast_batch
from thermo_ideal.dynamics._component import AbstractComponent
from thermo_ideal.dynamics._losses import AbstractLoss
from thermo_ideal.dynamics._noise import AbstractNoise
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._update_rules import AbstractUpdateRule, PlainUpdate
from thermo_ideal.numerics import norm, per_vector, spread


class SGD(eqx.Module):
    """`dW = −η(∇L(W) + λW) dt + η Σ_W^{1/2} dB`, one step of SGD as the unit of time.

    Vectors are along the last axis. The axes before it are a batch, which is broadcast with the parameters of the loss,
    the noise and the protocol: learning rates of shape `(289,)` and one vector make 289 vectors.

    Args:
        loss: a scale-invariant loss.
        noise: the gradient noise.
        protocol: what is held fixed.
        update_rule: what a step does with gradient and noise; plain SGD if left out.

    Raises:
        ValueError: an argument of another kind, or parameters whose shapes do not broadcast.

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
    update_rule: AbstractUpdateRule = PlainUpdate()
    parts: ClassVar[tuple[str, ...]] = ("loss", "noise", "protocol", "update_rule")

    def __check_init__(self) -> None:
        for name, value, kind, example in (
            ("loss", self.loss, AbstractLoss, "VonMisesFisherLoss(jnp.eye(3)[0])"),
            ("noise", self.noise, AbstractNoise, "IsotropicNoise(scale=1.0)"),
            ("protocol", self.protocol, AbstractProtocol, "FixedLearningRate(0.1, weight_decay=0.01)"),
            ("update_rule", self.update_rule, AbstractUpdateRule, "PlainUpdate()"),
        ):
            if not isinstance(value, kind):
                raise ValueError(f"{name}: got {value!r}, expected a {kind.__name__}, as in {name}={example}")
        broadcast_batch(self.batch_shapes)

    def __repr__(self) -> str:
        return f"SGD({', '.join(repr(part) for part in self.components.values())})"

    @property
    def components(self) -> dict[str, AbstractComponent]:
        """Loss, noise, protocol and update rule, by name."""
        return {name: getattr(self, name) for name in self.parts}

    @property
    def batch_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of the batch of each constant parameter, by the name of its part and its own."""
        parts = self.components.items()
        return {f"{part}.{name}": shape for part, own in parts for name, shape in own.batch_shapes.items()}

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the batch: of all constant parameters, broadcast."""
        return broadcast_batch(self.batch_shapes)

    @property
    def schedules(self) -> dict[str, object]:
        """The parameters that change from step to step, by the name of their part and their own."""
        parts = self.components.items()
        return {f"{part}.{name}": schedule for part, own in parts for name, schedule in own.schedules.items()}

    def at(self, step: ArrayLike) -> "SGD":
        """SGD with the constant parameters that act at a step, 0 being the first.

        Args:
            step: the number of the step.
        """
        changed = [name for name, own in self.components.items() if own.schedules]
        if not changed:
            return self
        return eqx.tree_at(
            lambda sgd: [getattr(sgd, name) for name in changed],
            self,
            [self.components[name].at(step) for name in changed],
        )

    def drift(self, position: Float[Array, "*batch d"]) -> Float[Array, "... d"]:
        """`−η(∇L(w) + λw)`, with `∇L(w) = ∇L(w̄)/r`.

        Args:
            position: `w`, a vector or a batch of them.

        Returns:
            Vectors, in the batch of the positions and the parameters.
        """
        position = spread(position, self.batch_shape)
        radius = norm(position)
        length = per_vector(radius, position)
        gradient = self.loss.gradient(position / length) / length
        decay = per_vector(self.protocol.weight_decay_at(radius), position)
        return -per_vector(self.protocol.learning_rate_at(radius), position) * (gradient + decay * position)

    def diffusion(self, position: Float[Array, "... d"], normal: Float[Array, "... n"]) -> Float[Array, "... d"]:
        """`η Σ_W^{1/2} ξ` for a standard normal `ξ`, with `Σ_W^{1/2} = Σ_w̄^{1/2}/r`.

        Args:
            position: `w`, a vector or a batch of them.
            normal: `ξ`, `noise.num_normals(d)` numbers for each vector.

        Returns:
            Vectors, in the batch of the positions and the parameters.
        """
        position = spread(position, self.batch_shape, normal.shape[:-1])
        radius = norm(position)
        rate = per_vector(self.protocol.learning_rate_at(radius) / radius, position)
        return rate * self.noise.apply(position / per_vector(radius, position), normal)

    def require_plain_update(self, what: str) -> None:
        """Raises ValueError unless a step is that of plain SGD.

        Args:
            what: for whom it must be so, to begin the message with.
        """
        if not isinstance(self.update_rule, PlainUpdate):
            raise ValueError(
                f"update_rule: got {type(self.update_rule).__name__}, expected PlainUpdate(), for which alone {what} "
                "is known; simulate other rules with EulerMaruyama(sgd)"
            )


def display_name(parameter: str) -> str:
    """How a parameter is called in messages: `learning_rate`, `noise_scale`, `dt`."""
    part, _, name = parameter.rpartition(".")
    return f"noise_{name}" if part == "noise" else name
