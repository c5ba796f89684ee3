"""Adam with decoupled weight decay."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check, as_nonnegative
from thermo_ideal.dynamics._momentum import as_momentum
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._small_steps import SmallSteps
from thermo_ideal.dynamics._update_rules import AbstractUpdateRule, noise_trace
from thermo_ideal.numerics import norm, per_vector

_ROUNDS = 4  # one is enough where the fixed point of `log r` is that of a linear map, as at a fixed learning rate
_CLOSE = 1e-6  # of `log r`, below which rounding would spoil the extrapolation
_SETTLED = 1e-4  # of `log r`


class AdamW(AbstractUpdateRule):
    r"""Adam with decoupled weight decay: `Δw = −η m̂/(√v̂ + ε) − ηλw`.

    The decay `ηλ` is that of `torch.optim.AdamW` and `optax.adamw`. With `independent=True` it is `λ` itself, as in the
    paper that proposed it: what PyTorch and optax call `λ` is then `λ/η`. Where noise dominates the gradient, and the
    minimum is not along a coordinate axis, small steps settle, whatever `β₁` is, at

    $$r_*^2 = \frac{\eta d}{2\lambda}, \qquad
      T = \frac{\eta\sigma}{2 r_*}\sqrt{\frac{d}{d - 1}} = \sigma \sqrt{\frac{\eta\lambda}{2(d - 1)}}.$$

    A step turns the weights by `√(2ηλ(1 − β₁)/(1 + β₁))`. Along an axis the preconditioner sees it,
    and both are wrong by a factor 2 to 3.

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

    Source: Loshchilov & Hutter, arXiv 1711.05101; Kosson, Messmer & Jaggi, arXiv 2305.17212.
    """

    first_decay: Any
    second_decay: Any
    epsilon: Any
    independent: bool = eqx.field(static=True)
    tangential: ClassVar[bool] = False
    assumptions: ClassVar[tuple[str, ...]] = (
        "noise dominates the gradient, |∇L| ≪ σ√(d − 1)",
        "the minimum lies along no coordinate axis",
    )

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

    def stationary_radius(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Float[Array, "..."]:
        """That of a noise `τ = d r²`, which is of any scale."""
        d = jnp.asarray(dimension)

        def follow(log_radius: Float[Array, "..."]) -> Float[Array, "..."]:
            radius = jnp.exp(log_radius)
            eta = protocol.learning_rate_at(radius) if self.independent else jnp.ones_like(radius)
            return jnp.log(protocol.stationary_radius(d * radius**2 * eta))

        # Aitken's extrapolation of `r ← r*(d r²)`.
        x = jnp.log(protocol.stationary_radius(d * jnp.asarray(noise_scale) ** 2))
        for _ in range(_ROUNDS):
            once = follow(x)
            moved, bend = once - x, follow(once) - 2 * once + x
            x = jnp.where(jnp.abs(moved) < _CLOSE, once, x - moved**2 / jnp.where(bend == 0, jnp.nan, bend))
        return jnp.where(jnp.abs(follow(x) - x) < _SETTLED, jnp.exp(x), jnp.nan)

    def small_steps(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> SmallSteps:
        """The learning rate over the size of a gradient's component, `σ√(1 − 1/d)/r`; the decay of the convention."""
        radius, d, beta = jnp.asarray(radius), jnp.asarray(dimension), jnp.asarray(self.first_decay)
        eta, decay = protocol.learning_rate_at(radius), protocol.weight_decay_at(radius)
        effective = eta / (radius * jnp.asarray(noise_scale)) * jnp.sqrt(d / (d - 1))
        angle = eta / radius * jnp.sqrt(d * (1 - beta) / (1 + beta))
        return SmallSteps(effective, decay if self.independent else eta * decay, angle)

    def formulas(self, protocol: AbstractProtocol) -> Mapping[str, str]:
        """Where the radius is free."""
        if protocol.fixes_radius:
            return {}
        product = "lambda" if self.independent else "eta*lambda"
        return {
            "stationary_radius": "eta*sqrt(d/(2*lambda))" if self.independent else "sqrt(eta*d/(2*lambda))",
            "temperature": f"sigma*sqrt({product}/(2*(d - 1)))",
            "angle_per_step": f"sqrt(2*{product}*(1 - beta_1)/(1 + beta_1))",
            "radius_relaxation_time": f"1/(2*{product})",
            "temperature_now": "eta*sigma/(2*norm)*sqrt(d/(d - 1))",
        }

    def limits(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Mapping[str, Float[Array, "..."]]:
        """The squared angle of a step, how fast the radius moves by how fast both averages follow, and `ε`."""
        radius, sigma = jnp.asarray(radius), jnp.asarray(noise_scale)
        found = self.small_steps(protocol, radius, sigma, dimension)
        turn = found.effective_learning_rate**2 * noise_trace(sigma, dimension)
        first, second = jnp.asarray(self.first_decay), jnp.asarray(self.second_decay)
        return {
            "squared angle of a step": found.angle**2,
            "squared angle while a gradient is remembered, η_eff²τβ₁²/(1 − β₁²)": turn * first**2 / (1 - first**2),
            "decay of the radius by that of the squares, k/(1 − β₂)": found.decay / (1 - second),
            "share of ε in the preconditioner, εr/σ": jnp.asarray(self.epsilon) * radius / sigma,
        }
