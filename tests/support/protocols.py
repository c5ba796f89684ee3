"""Protocols that the package does not know, each with the fixed point and the rate of its radius."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.numerics import like, norm, per_vector, spread


class PowerLawLearningRate(AbstractProtocol):
    """`η = c r^n`; with `x = 4 − n`, `r*^x = cτ/2λ`, and `r` relaxes at the rate `x c λ r*^n`."""

    factor: Any
    weight_decay: Any
    power: float = eqx.field(static=True, default=1.0)
    name: ClassVar[str] = "power-law-lr"
    fixes_radius: ClassVar[bool] = False

    def learning_rate_at(self, radius):
        return self.factor * radius**self.power

    def weight_decay_at(self, radius):
        return like(self.weight_decay, radius)

    def constrain(self, position):
        return position

    def stationary_radius(self, noise_trace):
        return (self.factor * noise_trace / (2 * self.weight_decay)) ** (1 / (4 - self.power))

    def radius_relaxation_rate(self, noise_trace):
        radius = self.stationary_radius(noise_trace)
        return (4 - self.power) * self.factor * self.weight_decay * radius**self.power


class StiffWeightDecay(AbstractProtocol):
    """`η` constant and `λ = l r²`, so that `r*⁶ = ητ/2l`, and `r` relaxes at the rate `6ηl r*²`."""

    learning_rate: Any
    stiffness: Any
    name: ClassVar[str] = "stiff-decay"
    fixes_radius: ClassVar[bool] = False

    def learning_rate_at(self, radius):
        return like(self.learning_rate, radius)

    def weight_decay_at(self, radius):
        return self.stiffness * radius**2

    def constrain(self, position):
        return position

    def stationary_radius(self, noise_trace):
        return (self.learning_rate * noise_trace / (2 * self.stiffness)) ** (1 / 6)

    def radius_relaxation_rate(self, noise_trace):
        return 6 * self.learning_rate * self.stiffness * self.stationary_radius(noise_trace) ** 2


class SaturatingLearningRate(AbstractProtocol):
    """`η = c r⁴/(c + r²)`, so that `λ = (τ/2) c/(c + r²)`: `r*² = c(τ/2λ − 1)` is no product of powers."""

    factor: Any
    weight_decay: Any
    name: ClassVar[str] = "saturating-lr"
    fixes_radius: ClassVar[bool] = False

    def learning_rate_at(self, radius):
        return self.factor * radius**4 / (self.factor + radius**2)

    def weight_decay_at(self, radius):
        return like(self.weight_decay, radius)

    def constrain(self, position):
        return position

    def stationary_radius(self, noise_trace):
        return jnp.sqrt(self.factor * (noise_trace / (2 * self.weight_decay) - 1))

    def radius_relaxation_rate(self, noise_trace):
        radius = self.stationary_radius(noise_trace)
        return 2 * self.learning_rate_at(radius) * self.weight_decay * radius**2 / (self.factor + radius**2)


class DecayingSphere(AbstractProtocol):
    """SGD with weight decay, rescaled to radius 1.5 after every step."""

    learning_rate: Any
    weight_decay: Any
    name: ClassVar[str] = "decaying-sphere"
    fixes_radius: ClassVar[bool] = True

    def learning_rate_at(self, radius):
        return like(self.learning_rate, radius)

    def weight_decay_at(self, radius):
        return like(self.weight_decay, radius)

    def constrain(self, position):
        return 1.5 * position / per_vector(norm(position), position)

    def stationary_radius(self, noise_trace):
        return 1.5 + 0 * (self.learning_rate + self.weight_decay + noise_trace)

    def radius_relaxation_rate(self, noise_trace):
        return jnp.inf * self.stationary_radius(noise_trace)


class Shrinking(PowerLawLearningRate):
    """What neither fixes the radius nor leaves it alone."""

    name: ClassVar[str] = "shrinking"

    def constrain(self, position):
        return 0.99 * position


class HalfWay(DecayingSphere):
    """What claims to fix the radius, and goes half the way."""

    name: ClassVar[str] = "half-way"

    def constrain(self, position):
        position = spread(position)
        return (position + super().constrain(position)) / 2
