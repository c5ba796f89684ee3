"""The protocols of the package by name, and protocols as a user defines them, outside the package."""

import equinox as eqx
import jax.numpy as jnp

from thermo_ideal.dynamics import (
    AbstractProtocol,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
)

PROTOCOLS = {kind.name: kind for kind in (FixedLearningRate, FixedEffectiveLearningRate, FixedSphere)}


class ProportionalLearningRate(AbstractProtocol):
    """`η = c r`, whose hyperparameter `c` is no property of a state: `r*³ = cτ/2λ`."""

    factor: float
    weight_decay: float
    name = "proportional-lr"
    fixes_radius = False

    def learning_rate_at(self, radius):
        return self.factor * radius

    def weight_decay_at(self, radius):
        return self.weight_decay + 0 * radius

    def constrain(self, position):
        return position

    def stationary_radius(self, noise_trace):
        return (self.factor * noise_trace / (2 * self.weight_decay)) ** (1 / 3)

    def radius_relaxation_rate(self, noise_trace):
        return 3 * self.factor * self.weight_decay * self.stationary_radius(noise_trace)


class LabelledLearningRate(AbstractProtocol):
    """A fixed learning rate with a static field; `share` of the weight decay acts, so that 1 settles in the state."""

    learning_rate: float
    weight_decay: float
    share: float = eqx.field(static=True)
    name = "labelled-lr"
    fixes_radius = False

    def learning_rate_at(self, radius):
        return self.learning_rate + 0 * radius

    def weight_decay_at(self, radius):
        return self.share * self.weight_decay + 0 * radius

    def constrain(self, position):
        return position

    def stationary_radius(self, noise_trace):
        return (self.learning_rate * noise_trace / (2 * self.share * self.weight_decay)) ** 0.25

    def radius_relaxation_rate(self, noise_trace):
        return 4 * self.learning_rate * self.share * self.weight_decay + 0 * jnp.asarray(noise_trace)
