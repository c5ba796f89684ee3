"""SGD with momentum."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check, as_number
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._update_rules import AbstractUpdateRule
from thermo_ideal.numerics import per_vector


def as_momentum(name: str, value: Any) -> Array:
    """`value` as an array of numbers from 0 to below 1.

    Args:
        name: of the argument.
        value: a number or an array.

    Raises:
        ValueError: it is out of that range.
    """
    return as_number(name, value, lambda x: (x >= 0) & (x < 1), f"a number from 0 to below 1, as in {name}=0.9")


class HeavyBall(AbstractUpdateRule):
    r"""SGD with momentum and coupled weight decay: `v' = βv + η(g + λw)`, `Δw = −v'`.

    It is `torch.optim.SGD(momentum=β)` at a constant learning rate; where that changes, the velocity here is the sum of
    the past steps. In small steps it is SGD with the learning rate `η/(1 − β)`:

    $$r_*^4 = \frac{\eta\tau}{2\lambda(1 - \beta)}, \qquad
      T = \sqrt{\frac{\eta\lambda\sigma^2}{2(1 - \beta)(d - 1)}} \quad \text{at a fixed learning rate,}$$

    as long as the direction turns little while the velocity is remembered, `η_eff² τ β²/(1 − β²) ≪ 1`.

    Args:
        momentum: `β`, from 0 to below 1.

    Raises:
        ValueError: a momentum out of its range.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedLearningRate, HeavyBall, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import equilibrium
        >>> loss, noise, protocol = VonMisesFisherLoss(), IsotropicNoise(), FixedLearningRate(0.01, 0.01)
        >>> plain, heavy = (equilibrium(SGD(loss, noise, protocol, *rule), 101) for rule in ((), (HeavyBall(0.75),)))
        >>> f"{heavy.temperature / plain.temperature:.3f} {(heavy.radius / plain.radius) ** 4:.3f}"
        '2.000 4.000'

    Source: Kosson, Messmer & Jaggi, arXiv 2305.17212, section 3; `symbolic.derive("momentum")`.
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
        """At rest."""
        return jnp.zeros_like(position)

    def increment(
        self, sgd: Any, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"], dt: ArrayLike, state: Any
    ) -> tuple[Float[Array, "*batch d"], Any]:
        """`Δw = βΔw_before − η(g + λw)`."""
        step = per_vector(dt, position)
        kept = per_vector(self.momentum, position) * state
        moved = kept + sgd.drift(position) * step + sgd.diffusion(position, normal) * jnp.sqrt(step)
        return moved, moved

    def settled(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """`η_eff/(1 − β)` at the radius of a noise `1/(1 − β)` times as strong.

        Args:
            protocol: whose hyperparameters are used.
            noise_scale: `σ`.
            dimension: `d`.
        """
        return settled_momentum(self.momentum, protocol, noise_scale, dimension)


def settled_momentum(
    momentum: Any, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Where SGD with momentum settles, whichever place the gradient is taken at.

    Args:
        momentum: `β`.
        protocol: whose hyperparameters are used.
        noise_scale: `σ`.
        dimension: `d`.
    """
    rest = 1 - jnp.asarray(momentum)
    radius = protocol.stationary_radius((jnp.asarray(dimension) - 1) * jnp.asarray(noise_scale) ** 2 / rest)
    return protocol.effective_learning_rate_at(radius) / rest, radius
