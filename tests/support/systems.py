"""Systems that many tests look at, and classes that a user might write: one for each contract of the package."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from thermo_ideal import dynamics, integrators
from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.integrators import EulerMaruyama, ZonalEulerMaruyama
from thermo_ideal.numerics import like

PROTOCOLS = {
    kind.name: kind for kind in (dynamics.FixedLearningRate, dynamics.FixedEffectiveLearningRate, dynamics.FixedSphere)
}
# Oblique, so that no axis of the coordinates is an axis of the problem.
OBLIQUE = np.array([0.36, 0.48, 0.8])


def toy(protocol, sigma=1.0, mean_direction=None):
    """SGD on the toy loss with isotropic noise; without a direction where only the overlap matters."""
    return SGD(VonMisesFisherLoss(mean_direction), IsotropicNoise(sigma), protocol)


def in_space(protocol, dimension=3, loss=VonMisesFisherLoss, sigma=1.0, dt=1.0):
    """The whole vector; the mean direction is the first axis."""
    return EulerMaruyama(SGD(loss(mean_direction=np.eye(dimension)[0]), IsotropicNoise(sigma), protocol), dt)


def chain(protocol, dimension, loss=None, sigma=1.0, dt=1.0):
    """Radius and overlap alone."""
    return ZonalEulerMaruyama(SGD(loss or VonMisesFisherLoss(), IsotropicNoise(sigma), protocol), dimension, dt)


class ProportionalLearningRate(dynamics.AbstractProtocol):
    """`η = c r^n` with a static exponent: `dr/dt = −cλr^{n+1} + c²τ r^{2n−3}/2`."""

    factor: jax.Array
    weight_decay: jax.Array
    exponent: int = eqx.field(static=True, default=1)
    name = "proportional-lr"
    fixes_radius = False

    def learning_rate_at(self, radius):
        return self.factor * radius**self.exponent

    def weight_decay_at(self, radius):
        return self.weight_decay + 0 * (self.factor * radius)

    def constrain(self, position):
        return position

    def stationary_radius(self, noise_trace):
        return (self.factor * noise_trace / (2 * self.weight_decay)) ** (1 / (4 - self.exponent))

    def radius_relaxation_rate(self, noise_trace):
        radius = self.stationary_radius(noise_trace)
        return (4 - self.exponent) * self.factor * self.weight_decay * radius**self.exponent


class DecayedSphere(dynamics.AbstractProtocol):
    """A plain learning rate and weight decay, rescaled to a radius that nothing asks for by name."""

    name = "decayed-sphere"
    fixes_radius = True
    learning_rate: jax.Array
    weight_decay: jax.Array
    sphere: float = eqx.field(static=True, default=2.0)

    def constrain(self, position):
        return self.sphere * position / jnp.linalg.norm(position, axis=-1, keepdims=True)

    def learning_rate_at(self, radius):
        return like(self.learning_rate, radius)

    def weight_decay_at(self, radius):
        return like(self.weight_decay, radius)

    def stationary_radius(self, noise_trace):
        return self.sphere + 0 * (self.learning_rate * self.weight_decay * noise_trace)

    def radius_relaxation_rate(self, noise_trace):
        return jnp.inf + self.stationary_radius(noise_trace)


class LabelledLearningRate(dynamics.AbstractProtocol):
    """A fixed learning rate with a static field; `share` of the weight decay acts, so that 1 settles in the state."""

    learning_rate: jax.Array
    weight_decay: jax.Array
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


class QuadraticLoss(dynamics.AbstractLoss):
    """`w̄·(a ∘ w̄)/2`, one `a` for each run if there are more axes."""

    curvature: jax.Array

    @classmethod
    def parameters(cls):
        return {"curvature": 1}

    @property
    def dimension(self):
        return self.curvature.shape[-1]

    def __call__(self, direction):
        a, direction = jnp.broadcast_arrays(self.curvature, direction)
        return jnp.sum(a * direction**2, axis=-1) / 2

    def gradient(self, direction):
        a, direction = jnp.broadcast_arrays(self.curvature, direction)
        return a * direction - 2 * self(direction)[..., None] * direction


class SquaredDepthLoss(dynamics.AbstractZonalLoss):
    """`u²/2` of the depth `u = 1 − m`."""

    mean_direction: jax.Array | None = None

    def at_depth(self, depth):
        return depth**2 / 2

    def slope(self, depth):
        return depth


class FirstAxisNoise(dynamics.AbstractNoise):
    """Twice as strong along the first axis."""

    scale: jax.Array

    def num_normals(self, dimension):
        return dimension

    def root(self, direction, normal):
        return normal.at[..., 0].multiply(2.0)


class HeavyBall(dynamics.AbstractUpdateRule):
    """`v' = βv + Δw of plain SGD`, `Δw = v'`."""

    momentum: jax.Array
    tangential = False

    @classmethod
    def parameters(cls):
        return {"momentum": 0}

    def begin(self, position):
        return jnp.zeros_like(position)

    def increment(self, sgd, position, normal, dt, state):
        momentum = jnp.asarray(self.momentum)
        beta = momentum if momentum.ndim == 0 else momentum[..., None]
        root = jnp.sqrt(jnp.asarray(dt))
        velocity = beta * state + sgd.drift(position) * dt + sgd.diffusion(position, normal) * root
        return velocity, velocity


class Signed(integrators.AbstractIntegrator):
    """`EulerMaruyama` that measures the first component too."""

    inner: EulerMaruyama

    @property
    def sgd(self):
        return self.inner.sgd

    @property
    def dt(self):
        return self.inner.dt

    def num_normals(self, position_size):
        return self.inner.num_normals(position_size)

    def require_position(self, position):
        self.inner.require_position(position)

    def require_steps(self, position, num_steps):
        self.inner.require_steps(position, num_steps)

    def begin(self, position):
        return self.inner.begin(position)

    def end(self, state):
        return self.inner.end(state)

    def advance(self, state, innovation):
        return self.inner.advance(state, innovation)

    def observe(self, before, after, innovation):
        return {"first": self.end(after)[..., 0]} | self.sgd.loss.observables(self.end(after))
