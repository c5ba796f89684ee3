"""SGD with momentum."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal.dynamics._momentum import AbstractVelocity
from thermo_ideal.numerics import per_vector


class HeavyBall(AbstractVelocity):
    r"""SGD with momentum and coupled weight decay: `v' = βv + η(g + λw)`, `Δw = −v'`.

    It is `torch.optim.SGD(momentum=β)` at a constant learning rate; where that changes, the velocity here is the sum of
    the past steps. In small steps it is SGD with the learning rate `η/(1 − β)`:

    $$r_*^4 = \frac{\eta\tau}{2\lambda(1 - \beta)}, \qquad
      T = \sqrt{\frac{\eta\lambda\sigma^2}{2(1 - \beta)(d - 1)}} \quad \text{at a fixed learning rate,}$$

    as long as the direction turns little while the velocity is remembered, `η_eff² τ β²/(1 − β²) ≪ 1`. A step turns the
    weights by `√(2ηλ/(1 + β))`.

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

    Source: Kosson, Messmer & Jaggi, arXiv 2305.17212; `symbolic.derive("momentum")`.
    """

    angle_formulas: ClassVar[tuple[str, str]] = ("eta_eff*sqrt(tau/(1 - beta^2))", "sqrt(2*eta*lambda/(1 + beta))")

    def step_variance(self) -> Float[Array, "..."]:
        """`1/(1 − β²)`."""
        return 1 / (1 - jnp.asarray(self.momentum) ** 2)

    def increment(
        self, sgd: Any, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"], dt: ArrayLike, state: Any
    ) -> tuple[Float[Array, "*batch d"], Any]:
        """`Δw = βΔw_before − η(g + λw)`."""
        step = per_vector(dt, position)
        kept = per_vector(self.momentum, position) * state
        moved = kept + sgd.drift(position) * step + sgd.diffusion(position, normal) * jnp.sqrt(step)
        return moved, moved
