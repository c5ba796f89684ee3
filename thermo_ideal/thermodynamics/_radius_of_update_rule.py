"""How the radius of an optimiser moves and settles, in the limit of small steps."""

import jax
import jax.numpy as jnp
from jaxtyping import ArrayLike

from thermo_ideal.dynamics import AbstractProtocol, AbstractUpdateRule
from thermo_ideal.dynamics._update_rules import noise_trace
from thermo_ideal.thermodynamics._types import FloatArray


def growth_rate(
    rule: AbstractUpdateRule, protocol: AbstractProtocol, radius: ArrayLike, sigma: ArrayLike, dimension: ArrayLike
) -> FloatArray:
    """`d log r/dn = η_eff² τ/2 − k`.

    Args:
        rule: of the steps.
        protocol: with numbers of one shape with the other arguments.
        radius: `r`.
        sigma: `σ`.
        dimension: `d`.
    """
    found = rule.small_steps(protocol, radius, sigma, dimension)
    return found.effective_learning_rate**2 * noise_trace(sigma, dimension) / 2 - found.decay


def radius_relaxation_rate(
    rule: AbstractUpdateRule, protocol: AbstractProtocol, radius: ArrayLike, sigma: ArrayLike, dimension: ArrayLike
) -> FloatArray:
    """The rate per step at which a small departure from the stationary radius decays; infinite on a fixed sphere.

    Args:
        rule: of the steps.
        protocol: with numbers of one shape with the other arguments.
        radius: `r*`.
        sigma: `σ`.
        dimension: `d`.
    """
    if protocol.fixes_radius:
        return jnp.full_like(jnp.asarray(radius, float), jnp.inf)
    log_radius = jnp.log(jnp.asarray(radius, float))
    _, slope = jax.jvp(
        lambda x: growth_rate(rule, protocol, jnp.exp(x), sigma, dimension), (log_radius,), (jnp.ones_like(log_radius),)
    )
    return -slope
