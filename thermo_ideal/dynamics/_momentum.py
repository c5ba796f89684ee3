"""Rules that remember past gradients with a momentum."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check, as_number
from thermo_ideal.dynamics._protocols import AbstractProtocol
from thermo_ideal.dynamics._small_steps import SmallSteps
from thermo_ideal.dynamics._update_rules import AbstractUpdateRule, PlainUpdate, noise_trace


def as_momentum(name: str, value: Any) -> Array:
    """`value` as an array of numbers from 0 to below 1.

    Args:
        name: of the argument.
        value: a number or an array.

    Raises:
        ValueError: it is out of that range.
    """
    return as_number(name, value, lambda x: (x >= 0) & (x < 1), f"a number from 0 to below 1, as in {name}=0.9")


class AbstractMomentum(AbstractUpdateRule):
    """A rule whose state is a vector that is kept to the part `β`."""

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
        """At rest: no gradient yet."""
        return jnp.zeros_like(position)


class AbstractVelocity(AbstractMomentum):
    """SGD whose steps are sums of past gradients: each gradient counts `1/(1 − β)` times in the end."""

    angle_formulas: eqx.AbstractClassVar[tuple[str, str]]
    """Closed forms of the angle of a step: on a fixed sphere, and where the radius is free."""

    @abc.abstractmethod
    def step_variance(self) -> Float[Array, "..."]:
        """The variance of a step by that of `ηg`, where gradients are independent."""

    def stationary_radius(
        self, protocol: AbstractProtocol, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Float[Array, "..."]:
        """That of a noise `1/(1 − β)` times as strong."""
        return protocol.stationary_radius(noise_trace(noise_scale, dimension) / (1 - jnp.asarray(self.momentum)))

    def small_steps(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> SmallSteps:
        """Those of SGD, `1/(1 − β)` times as fast; the angle is that of the variance of a step."""
        plain = PlainUpdate().small_steps(protocol, radius, noise_scale, dimension)
        rest = 1 - jnp.asarray(self.momentum)
        return SmallSteps(
            plain.effective_learning_rate / rest, plain.decay / rest, plain.angle * jnp.sqrt(self.step_variance())
        )

    def formulas(self, protocol: AbstractProtocol) -> Mapping[str, str]:
        """Of both kinds of protocols."""
        fixed, free = self.angle_formulas
        if protocol.fixes_radius:
            return {"temperature": "eta_eff*sigma^2/(2*(1 - beta))", "angle_per_step": fixed}
        return {
            "stationary_radius": "(eta*tau/(2*lambda*(1 - beta)))^(1/4)",
            "temperature": "sigma*sqrt(eta*lambda/(2*(1 - beta)*(d - 1)))",
            "angle_per_step": free,
            "radius_relaxation_time": "(1 - beta)/(4*eta*lambda)",
            "temperature_now": "eta*sigma^2/(2*(1 - beta)*norm^2)",
        }

    def limits(
        self, protocol: AbstractProtocol, radius: ArrayLike, noise_scale: ArrayLike, dimension: ArrayLike
    ) -> Mapping[str, Float[Array, "..."]]:
        """The squared angle of a step, and what the direction turns while a velocity is remembered."""
        turn = PlainUpdate().small_steps(protocol, radius, noise_scale, dimension).angle ** 2
        beta = jnp.asarray(self.momentum)
        return {
            "squared angle of a step": turn * self.step_variance(),
            "squared angle while a velocity is remembered, η_eff²τβ²/(1 − β²)": turn * beta**2 / (1 - beta**2),
        }
