"""Steps of a fixed length on a sphere."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check
from thermo_ideal.dynamics._heavy_ball import as_momentum
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._update_rules import AbstractUpdateRule
from thermo_ideal.numerics import norm, per_vector


class Hyperball(AbstractUpdateRule):
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

    Source: Kosson, Messmer & Jaggi, arXiv 2305.17212, section 4, on rotational optimiser variants.
    """

    momentum: Any
    tangential: ClassVar[bool] = False

    def __init__(self, momentum: Any) -> None:
        self.momentum = momentum if callable(momentum) else as_momentum("momentum", momentum)

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        """The momentum."""
        return {"momentum": 0}

    @classmethod
    def checks(cls) -> Mapping[str, Check]:
        """From 0 to below 1."""
        return {"momentum": as_momentum}

    def begin(self, position: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        """No gradient yet."""
        return jnp.zeros_like(position)

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

    def settled(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """`η √((1 + β)/(1 − β))/(σ√(d − 1))` at the fixed radius.

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
        sigma, beta = jnp.asarray(noise_scale), jnp.asarray(self.momentum)
        across = jnp.sqrt(jnp.asarray(dimension) - 1.0)
        radius = protocol.stationary_radius(across**2 * sigma**2)
        rate = protocol.effective_learning_rate_at(radius)
        return rate * jnp.sqrt((1 + beta) / (1 - beta)) / (sigma * across), radius
