"""SGD with Nesterov's momentum."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check
from thermo_ideal.dynamics._heavy_ball import as_momentum, settled_momentum
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._update_rules import AbstractUpdateRule
from thermo_ideal.numerics import per_vector


class Nesterov(AbstractUpdateRule):
    """SGD with Nesterov's momentum and coupled weight decay: `s = η(g + λw)`, `v' = βv + s`, `Δw = −(βv' + s)`.

    It is `torch.optim.SGD(momentum=β, nesterov=True)` at a constant learning rate. In small steps it is SGD with the
    learning rate `η/(1 − β)`, as `HeavyBall` is.

    Args:
        momentum: `β`, from 0 to below 1.

    Raises:
        ValueError: a momentum out of its range.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import Nesterov
        >>> Nesterov(0.9).begin(jnp.ones(3)).tolist()
        [0.0, 0.0, 0.0]

    Source: Sutskever, Martens, Dahl & Hinton, ICML 2013, section 2.
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
        """`Δw = βv' − η(g + λw)`, with `v' = βv − η(g + λw)`."""
        length, beta = per_vector(dt, position), per_vector(self.momentum, position)
        step = sgd.drift(position) * length + sgd.diffusion(position, normal) * jnp.sqrt(length)
        velocity = beta * state + step
        return beta * velocity + step, velocity

    def settled(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """As of `HeavyBall`.

        Args:
            protocol: whose hyperparameters are used.
            noise_scale: `σ`.
            dimension: `d`.
        """
        return settled_momentum(self.momentum, protocol, noise_scale, dimension)
