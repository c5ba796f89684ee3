"""Steps of a fixed length on a sphere."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal.dynamics._momentum import AbstractMomentum
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._small_steps import SmallSteps
from thermo_ideal.dynamics._update_rules import noise_trace
from thermo_ideal.numerics import norm, per_vector


class Hyperball(AbstractMomentum):
    r"""Steps of a fixed relative length along a momentum average: `u' = βu + (1 − β)g`, `Δw = −η r u'/|u'|`.

    It goes with `FixedSphere(η, radius)`, whose first argument is then the relative length of a step. Where noise
    dominates the gradient, and in small steps, the direction has the temperature

    $$T = \frac{\eta\sigma}{2\sqrt{d - 1}} \sqrt{\frac{1 + \beta}{1 - \beta}}.$$

    Args:
        momentum: `β`, from 0 to below 1.

    Raises:
        ValueError: a momentum out of its range.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, Hyperball, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import equilibrium
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(2.0), FixedSphere(0.01, 1.0), Hyperball(0.6))
        >>> f"{equilibrium(sgd, 101).temperature:.4f}"  # 0.01 · 2/20 · 2
        '0.0020'

    Source: Kosson, Messmer & Jaggi, arXiv 2305.17212, on rotational variants of optimisers.
    """

    assumptions: ClassVar[tuple[str, ...]] = ("noise dominates the gradient, |∇L| ≪ σ√(d − 1)",)

    def increment(
        self, sgd: Any, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"], dt: ArrayLike, state: Any
    ) -> tuple[Float[Array, "*batch d"], Any]:
        """A step of the length `η r dt`; at a length of 0 none."""
        length, beta = per_vector(dt, position), per_vector(self.momentum, position)
        radius = norm(position)
        rate = sgd.protocol.effective_learning_rate_at(radius) * radius
        # `η` times the gradient: its length does not matter, but for that of what is remembered.
        gradient = sgd.drift(position) + sgd.diffusion(position, normal) / jnp.sqrt(length)
        average = beta * state + (1 - beta) * gradient
        size = per_vector(norm(average), average)
        unit = jnp.where(size > 0, average / jnp.where(size > 0, size, 1.0), 0.0)
        return per_vector(rate, position) * length * unit, average

    def stationary_radius(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Float[Array, "..."]:
        """The fixed radius.

        Args:
            protocol: whose hyperparameters are used.
            noise_scale: `σ`.
            dimension: `d`.

        Raises:
            ValueError: the protocol does not fix the radius.
        """
        if not protocol.fixes_radius:
            raise ValueError(
                f"protocol: got {type(protocol).__name__}, which does not fix the radius, expected one that does with "
                "Hyperball, as in FixedSphere(0.01, radius=1.0)"
            )
        return protocol.stationary_radius(noise_trace(noise_scale, dimension))

    def small_steps(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> SmallSteps:
        """`η √((1 + β)/(1 − β))/(σ√(d − 1))`, no decay, and the angle `η`."""
        beta, angle = jnp.asarray(self.momentum), protocol.effective_learning_rate_at(jnp.asarray(radius))
        across = jnp.sqrt(noise_trace(noise_scale, dimension))
        return SmallSteps(angle * jnp.sqrt((1 + beta) / (1 - beta)) / across, jnp.zeros_like(angle), angle)

    def formulas(self, protocol: AbstractProtocol) -> Mapping[str, str]:
        """On a fixed sphere."""
        return {
            "temperature": "eta_eff*sigma/(2*sqrt(d - 1))*sqrt((1 + beta)/(1 - beta))",
            "angle_per_step": "eta_eff",
        }

    def limits(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Mapping[str, Float[Array, "..."]]:
        """The squared angle of a step, and what the direction turns while a gradient is remembered."""
        beta, angle = jnp.asarray(self.momentum), protocol.effective_learning_rate_at(jnp.asarray(radius))
        remembered = "squared angle while a gradient is remembered, η²β²/(1 − β)²"
        return {"squared angle of a step": angle**2, remembered: (angle * beta / (1 - beta)) ** 2}
