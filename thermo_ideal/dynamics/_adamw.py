"""Adam with decoupled weight decay."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check, as_nonnegative
from thermo_ideal.dynamics._heavy_ball import as_momentum
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._update_rules import AbstractUpdateRule
from thermo_ideal.numerics import norm, per_vector

_ITERATIONS = 64  # each takes half of what `log r` is off
_SETTLED = 1e-4  # of `log r`


class AdamW(AbstractUpdateRule):
    r"""Adam with decoupled weight decay: `Δw = −η m̂/(√v̂ + ε) − ηλw`.

    The decay `ηλ` is that of `torch.optim.AdamW` and `optax.adamw`. With `independent=True` it is `λ` itself, as in the
    paper that proposed it: what PyTorch and optax call `λ` is then `λ/η`. Where noise dominates the gradient, and the
    minimum is not along a coordinate axis, small steps settle, whatever `β₁` is, at

    $$r_*^2 = \frac{\eta d}{2\lambda}, \qquad
      T = \frac{\eta\sigma}{2 r_*} \approx \sigma \sqrt{\frac{\eta\lambda}{2(d - 1)}}.$$

    Along an axis the preconditioner sees it, and both are wrong by a factor 2 to 3.

    Args:
        first_decay: `β₁`.
        second_decay: `β₂`.
        epsilon: `ε`.
        independent: whether the decay is `λ`, not `ηλ`.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> from thermo_ideal.dynamics import SGD, AdamW, FixedLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import equilibrium
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedLearningRate(0.001, weight_decay=0.1), AdamW())
        >>> state = equilibrium(sgd, 20_000)
        >>> f"r = {state.radius:.3f}, T = {state.temperature:.2e}"
        'r = 10.000, T = 5.00e-05'

    Source: Loshchilov & Hutter, arXiv 1711.05101; Kosson, Messmer & Jaggi, arXiv 2305.17212, section 3.
    """

    first_decay: Any
    second_decay: Any
    epsilon: Any
    independent: bool = eqx.field(static=True)
    tangential: ClassVar[bool] = False

    def __init__(
        self, first_decay: Any = 0.9, second_decay: Any = 0.999, epsilon: Any = 1e-8, *, independent: bool = False
    ) -> None:
        given = {"first_decay": first_decay, "second_decay": second_decay, "epsilon": epsilon}
        checks = self.checks()
        self.first_decay, self.second_decay, self.epsilon = (
            value if callable(value) else checks[name](name, value) for name, value in given.items()
        )
        self.independent = independent

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        """Both decays, and `ε`."""
        return {"first_decay": 0, "second_decay": 0, "epsilon": 0}

    @classmethod
    def checks(cls) -> Mapping[str, Check]:
        """Decays from 0 to below 1, and `ε ≥ 0`."""
        return {"first_decay": as_momentum, "second_decay": as_momentum, "epsilon": as_nonnegative}

    def begin(self, position: Float[Array, "*batch d"]) -> Any:
        """Both averages, and how many steps they have, for the correction of their start."""
        return jnp.zeros_like(position), jnp.zeros_like(position), jnp.zeros(position.shape[:-1], position.dtype)

    def increment(
        self, sgd: Any, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"], dt: ArrayLike, state: Any
    ) -> tuple[Float[Array, "*batch d"], Any]:
        """A step of the learning rate `η dt`."""
        first, second, count = state
        length, radius = per_vector(dt, position), per_vector(norm(position), position)
        eta = per_vector(sgd.protocol.learning_rate_at(norm(position)), position)
        decay = per_vector(sgd.protocol.weight_decay_at(norm(position)), position)
        noise = sgd.noise.apply(position / radius, normal) / jnp.sqrt(length)
        gradient = (sgd.loss.gradient(position / radius) - noise) / radius
        b1, b2 = (per_vector(beta, position) for beta in (self.first_decay, self.second_decay))
        first, second, count = b1 * first + (1 - b1) * gradient, b2 * second + (1 - b2) * gradient**2, count + 1
        n = per_vector(count, position)
        scale = jnp.sqrt(second / (1 - b2**n)) + per_vector(self.epsilon, position)
        step = -eta * first / (1 - b1**n) / jnp.where(scale > 0, scale, 1.0)
        shrunk = decay if self.independent else eta * decay
        return (step - shrunk * position) * length, (first, second, count)

    def settled(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """`η/(rσ)`, the learning rate over the size of a gradient's component, at the radius of a noise `τ = d r²`.

        Args:
            protocol: whose hyperparameters are used.
            noise_scale: `σ`.
            dimension: `d`.
        """
        sigma, d = jnp.asarray(noise_scale), jnp.asarray(dimension)
        radius = before = protocol.stationary_radius(d * sigma**2)
        for _ in range(_ITERATIONS):
            eta = protocol.learning_rate_at(radius) if self.independent else jnp.ones_like(radius)
            before, radius = radius, protocol.stationary_radius(d * radius**2 * eta)
        settles = jnp.abs(jnp.log(radius / before)) < _SETTLED
        radius = jnp.where(settles, radius, jnp.nan)
        return protocol.learning_rate_at(radius) / (radius * sigma), radius
