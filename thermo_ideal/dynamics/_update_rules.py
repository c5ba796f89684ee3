"""What one step of an optimiser does with the gradient, the noise and a state of its own."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal.dynamics._component import AbstractComponent
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.numerics import per_vector


class AbstractUpdateRule(AbstractComponent):
    """A rule that makes a step of a gradient and its noise, and keeps a state from step to step.

    A subclass is a frozen dataclass, whose fields may be parameters (see `parameters`), such as a momentum.

    Example:
        Momentum, `v' = βv + g + λw`, `Δw = −ηv'`:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, AbstractUpdateRule, FixedLearningRate, IsotropicNoise
        >>> from thermo_ideal.dynamics import VonMisesFisherLoss
        >>> class HeavyBall(AbstractUpdateRule):
        ...     momentum: float
        ...     tangential = False
        ...     @classmethod
        ...     def parameters(cls):
        ...         return {"momentum": 0}
        ...     def begin(self, position):
        ...         return jnp.zeros_like(position)
        ...     def increment(self, sgd, position, normal, dt, state):
        ...         drift, diffusion = sgd.drift(position), sgd.diffusion(position, normal)
        ...         velocity = self.momentum * state + drift * dt + diffusion * jnp.sqrt(dt)
        ...         return velocity, velocity
        >>> loss = VonMisesFisherLoss(jnp.eye(3)[0])
        >>> sgd = SGD(loss, IsotropicNoise(), FixedLearningRate(0.1, 0.0), HeavyBall(0.9))
    """

    tangential: eqx.AbstractClassVar[bool]
    """Whether the increment without the weight decay's part is tangent to the sphere, as gradients and noise are."""

    @abc.abstractmethod
    def begin(self, position: Float[Array, "*batch d"]) -> Any:
        """The state before the first step.

        Args:
            position: where the run starts.

        Returns:
            A pytree of arrays, with the shape of the batch in front; `()` for a rule without a state.
        """

    @abc.abstractmethod
    def increment(
        self, sgd: Any, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"], dt: ArrayLike, state: Any
    ) -> tuple[Float[Array, "*batch d"], Any]:
        """`Δw` of a step, before the protocol's constraint, and the state after it.

        Args:
            sgd: the `SGD` whose loss, noise and protocol the step uses, as in `sgd.drift(position)`.
            position: `w`.
            normal: `ξ`, the random numbers of the step.
            dt: the length of the step, one number or one for each vector.
            state: of this rule.
        """

    def settled(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """The effective learning rate at which plain SGD has the temperature that this rule settles at, and the radius.

        Args:
            protocol: whose hyperparameters are used, of one shape with the other arguments.
            noise_scale: `σ`.
            dimension: `d`.

        Returns:
            `η_eff` and `r*`, in the limit of small steps; NaN where there is no stationary radius.

        Raises:
            ValueError: the rule does not know.
        """
        raise ValueError(
            f"update_rule: got {type(self).__name__}, whose stationary state is not known, expected a rule with "
            "settled(protocol, noise_scale, dimension), such as PlainUpdate(); simulate it with EulerMaruyama(sgd)"
        )


class PlainUpdate(AbstractUpdateRule):
    """`Δw = −η(∇L(w) + λw) dt + η Σ_W^{1/2} ξ √dt`: SGD itself, which has no state.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import PlainUpdate
        >>> PlainUpdate().begin(jnp.ones(3))
        ()

    Source: arXiv 2511.07308, section 3.
    """

    tangential: ClassVar[bool] = True

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        """None."""
        return {}

    def begin(self, position: Float[Array, "*batch d"]) -> tuple[()]:
        """`()`."""
        return ()

    def increment(
        self, sgd: Any, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"], dt: ArrayLike, state: Any
    ) -> tuple[Float[Array, "*batch d"], Any]:
        """Drift and diffusion."""
        dt = per_vector(dt, position)
        return sgd.drift(position) * dt + sgd.diffusion(position, normal) * jnp.sqrt(dt), state

    def settled(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Those of the protocol.

        Args:
            protocol: whose hyperparameters are used.
            noise_scale: `σ`.
            dimension: `d`.
        """
        radius = protocol.stationary_radius((jnp.asarray(dimension) - 1) * jnp.asarray(noise_scale) ** 2)
        return protocol.effective_learning_rate_at(radius), radius
