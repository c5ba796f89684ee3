"""SGD with Nesterov's momentum."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal.dynamics._momentum import AbstractVelocity
from thermo_ideal.numerics import per_vector


class Nesterov(AbstractVelocity):
    """SGD with Nesterov's momentum and coupled weight decay: `s = η(g + λw)`, `v' = βv + s`, `Δw = −(βv' + s)`.

    It is `torch.optim.SGD(momentum=β, nesterov=True)` at a constant learning rate. In small steps it is SGD with the
    learning rate `η/(1 − β)`, as `HeavyBall` is; a step turns the weights by `√(2ηλ(1 + 2β − 2β³)/(1 + β))`.

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

    angle_formulas: ClassVar[tuple[str, str]] = (
        "eta_eff*sqrt(tau*(1 + 2*beta - 2*beta^3)/(1 - beta^2))",
        "sqrt(2*eta*lambda*(1 + 2*beta - 2*beta^3)/(1 + beta))",
    )

    def step_variance(self) -> Float[Array, "..."]:
        """`(1 + β)² + β⁴/(1 − β²)`: a gradient counts `1 + β` times at once, and `β^(k+1)` times `k` steps later."""
        beta = jnp.asarray(self.momentum)
        return (1 + beta) ** 2 + beta**4 / (1 - beta**2)

    def increment(
        self, sgd: Any, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"], dt: ArrayLike, state: Any
    ) -> tuple[Float[Array, "*batch d"], Any]:
        """`Δw = βv' − η(g + λw)`, with `v' = βv − η(g + λw)`."""
        length, beta = per_vector(dt, position), per_vector(self.momentum, position)
        step = sgd.drift(position) * length + sgd.diffusion(position, normal) * jnp.sqrt(length)
        velocity = beta * state + step
        return beta * velocity + step, velocity
