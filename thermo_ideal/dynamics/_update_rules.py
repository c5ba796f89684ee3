"""What one step of an optimiser does with the gradient, the noise and a state of its own."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal.dynamics._component import AbstractComponent
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._small_steps import SmallSteps
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

    assumptions: ClassVar[tuple[str, ...]] = ()
    """What the limit of small steps takes for granted, each in a few words; numbers of it are in `limits`."""

    def stationary_radius(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Float[Array, "..."]:
        """`r*`, where the radius settles in the limit of small steps; NaN where it does not.

        Args:
            protocol: whose hyperparameters are used, of one shape with the other arguments.
            noise_scale: `σ`.
            dimension: `d`.

        Raises:
            ValueError: the rule does not know.
        """
        raise self._unknown("stationary_radius(protocol, noise_scale, dimension)")

    def small_steps(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> SmallSteps:
        """The rule at a radius in the limit of small steps.

        Args:
            protocol: whose hyperparameters are used, of one shape with the other arguments.
            radius: `r`, stationary or not.
            noise_scale: `σ`.
            dimension: `d`.

        Raises:
            ValueError: the rule does not know.
        """
        raise self._unknown("small_steps(protocol, radius, noise_scale, dimension)")

    def formulas(self, protocol: AbstractProtocol) -> Mapping[str, str]:
        """Closed forms of what `thermodynamics.advise` says, by word, those that it knows.

        The words are "stationary_radius", "temperature", "angle_per_step", and at a constant learning rate
        "radius_relaxation_time" and "temperature_now", at a norm that is not stationary. The forms are in the language
        of the dictionary, by `eta` and `lambda` at the stationary radius, `eta_eff` of the protocol, `tau`, `sigma`,
        `d`, `norm`, and `beta` or `beta_1` of the rule.

        Args:
            protocol: under which they hold.
        """
        return {}

    def limits(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Mapping[str, Float[Array, "..."]]:
        """Numbers that must be small against 1, by what they are.

        Args:
            protocol: as of `small_steps`.
            radius: `r`.
            noise_scale: `σ`.
            dimension: `d`.
        """
        return {}

    def _unknown(self, method: str) -> ValueError:
        return ValueError(
            f"update_rule: got {type(self).__name__}, whose stationary state is not known, expected a rule with "
            f"{method}, such as PlainUpdate(); simulate it with EulerMaruyama(sgd)"
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

    def stationary_radius(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Float[Array, "..."]:
        """That of the protocol."""
        return protocol.stationary_radius(noise_trace(noise_scale, dimension))

    def small_steps(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> SmallSteps:
        """`η/r²`, `ηλ`, and `η√τ/r²`."""
        radius = jnp.asarray(radius)
        effective = protocol.effective_learning_rate_at(radius)
        decay = protocol.learning_rate_at(radius) * protocol.weight_decay_at(radius)
        return SmallSteps(effective, decay, effective * jnp.sqrt(noise_trace(noise_scale, dimension)))

    def formulas(self, protocol: AbstractProtocol) -> Mapping[str, str]:
        """As of `HeavyBall` with `β = 0`."""
        if protocol.fixes_radius:
            return {"temperature": "eta_eff*sigma^2/2", "angle_per_step": "eta_eff*sqrt(tau)"}
        return {
            "stationary_radius": "(eta*tau/(2*lambda))^(1/4)",
            "temperature": "sigma*sqrt(eta*lambda/(2*(d - 1)))",
            "angle_per_step": "sqrt(2*eta*lambda)",
            "radius_relaxation_time": "1/(4*eta*lambda)",
            "temperature_now": "eta*sigma^2/(2*norm^2)",
        }

    def limits(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Mapping[str, Float[Array, "..."]]:
        """The squared angle of a step."""
        return {"squared angle of a step": self.small_steps(protocol, radius, noise_scale, dimension).angle ** 2}


def noise_trace(noise_scale: ArrayLike, dimension: ArrayLike) -> Float[Array, "..."]:
    """`τ = (d − 1)σ²`.

    Args:
        noise_scale: `σ`.
        dimension: `d`.
    """
    return (jnp.asarray(dimension) - 1) * jnp.asarray(noise_scale) ** 2
