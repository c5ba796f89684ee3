"""Noise that is not linear and losses that are not scale-invariant, wherever they show it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import OBLIQUE, FirstAxisNoise, QuadraticLoss
from thermo_ideal import dynamics as dyn
from thermo_ideal.estimators import isotropy
from thermo_ideal.integrators import EulerMaruyama, simulate

KEY = jax.random.key(132)
MU = jnp.asarray(OBLIQUE)
SPHERE = dyn.FixedSphere(0.05, 1.0)


def go(loss=None, noise=None, protocol=SPHERE, position=MU, num_steps=8):
    system = dyn.SGD(loss or dyn.VonMisesFisherLoss(MU), noise or dyn.IsotropicNoise(), protocol)
    return simulate(KEY, EulerMaruyama(system), position, num_steps)


class DriftingNoise(FirstAxisNoise):
    """Of a subclass, off by a vector far smaller than the noise."""

    def root(self, direction, normal):
        return super().root(direction, normal) + 0.01 * direction


NOT_LINEAR = {
    "a drift": dyn.CustomNoise(lambda direction, normal: normal + 1),
    "a drift of the direction": dyn.CustomNoise(lambda direction, normal: normal + direction**2),
    "a subclass": DriftingNoise(jnp.asarray(1.0)),
    "tiny": dyn.CustomNoise(lambda direction, normal: 1e-25 * (normal + 1)),
    "even": dyn.CustomNoise(lambda direction, normal: jnp.abs(normal)),
    "a square": dyn.CustomNoise(lambda direction, normal: normal + 0.01 * normal**2),
    "odd": dyn.CustomNoise(lambda direction, normal: normal**3),
    "away from the start": dyn.CustomNoise(lambda direction, normal: normal + 0.1 * (direction @ MU < 0.99)),
    "no number": dyn.CustomNoise(lambda direction, normal: normal / (direction @ direction - direction @ direction)),
}


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_noise_is_linear_in_its_normals(name):
    with pytest.raises(ValueError, match=r"noise: got B ξ = .* expected noise that is linear in ξ, whose mean is 0"):
        go(noise=NOT_LINEAR[name])


@pytest.mark.parametrize(
    "noise",
    [
        dyn.CustomNoise(lambda direction, normal: (1 - direction[0]) * normal),
        dyn.CustomNoise(lambda direction, normal: direction * normal[0] + normal[1] * direction[::-1], size=2),
        dyn.CustomNoise(lambda direction, normal: 1e-25 * normal, scale=1e25),
        dyn.AnisotropicNoise(np.array([1.0, 0.0, 1e6]), 1e3 * np.ones((3, 2)), scale=1e-3),
        FirstAxisNoise(jnp.asarray(0.5)),
    ],
)
def test_linear_noise_is_accepted(noise):
    assert np.isfinite(go(noise=noise).position).all()


def test_isotropy_asks_for_linear_noise():
    with pytest.raises(ValueError, match="noise: got B ξ = 1 at ξ = 0"):
        isotropy(NOT_LINEAR["a drift"], np.eye(3))


def cosine(w, extra=0.0):
    return 1 - w @ MU * jnp.linalg.norm(w) / (w @ w + extra)


@pytest.mark.parametrize(
    ("loss", "protocol", "radius", "num_steps"),
    [
        # The audit's: invariant to rounding at 60, and not at 0.5, where the run ends.
        (lambda w: cosine(w, 1e-3), dyn.FixedEffectiveLearningRate(0.01, 0.04), 60.0, 10_000),
        (lambda w: cosine(w, 1e-3), dyn.FixedSphere(0.01, lambda step: jnp.where(step < 50, 60.0, 0.1)), 60.0, 100),
        # On the way out.
        (lambda w: cosine(w) + 1e-9 * (w @ w) ** 3, dyn.FixedLearningRate(0.1, 1e-6), 0.01, 10**6),
        # In other directions than that of the start.
        (lambda w: cosine(w) + jnp.where(cosine(w) < 0.01, 0.0, w @ w), SPHERE, 1.0, 8),
    ],
)
def test_a_loss_is_scale_invariant_where_the_run_goes(loss, protocol, radius, num_steps):
    def check(function):
        run = EulerMaruyama(dyn.SGD(dyn.ScaleInvariantLoss(function), dyn.IsotropicNoise(), protocol))
        run.at(0).require_position(radius * MU)
        run.require_steps(radius * MU, num_steps)

    check(cosine)
    with pytest.raises(ValueError, match=r"loss: got L\(w\) = "):
        check(loss)


def test_a_gradient_is_tangent():
    class Untangent(QuadraticLoss):
        def gradient(self, direction):
            return self.curvature * direction

    with pytest.raises(ValueError, match=r"loss: got w̄·∇L\(w̄\) = .* from Untangent.gradient, expected .* tangent"):
        go(loss=Untangent(jnp.arange(1.0, 4.0)))
    go(loss=QuadraticLoss(jnp.arange(1.0, 4.0)))
