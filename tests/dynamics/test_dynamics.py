"""Drift, diffusion and protocols."""

import subprocess
import sys

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from thermo_ideal import dynamics as dyn
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.testing import directions

MU = np.array([0.6, 0.0, 0.8])
LOSS = dyn.VonMisesFisherLoss(MU)
positive = st.floats(1e-3, 1.0)
vectors = st.builds(lambda direction, radius: radius * direction, directions(3), st.floats(0.1, 3))


@given(w=vectors)
def test_gradient_is_that_of_the_loss(w):
    with jax.enable_x64(True):
        loss = dyn.VonMisesFisherLoss(MU)
        w = jnp.array(w)
        r = jnp.linalg.norm(w)
        by_autodiff = jax.grad(lambda v: loss(v / jnp.linalg.norm(v)))(w)
        np.testing.assert_allclose(loss.gradient(w / r) / r, by_autodiff, atol=1e-13)
        assert abs(float(w @ loss.gradient(w / r))) < 1e-13


@given(w=vectors, scale=positive)
def test_noise_covariance(w, scale):
    """`Σ^{1/2}` is symmetric, tangent, and has the trace `σ²(d−1)`."""
    with jax.enable_x64(True):
        noise = dyn.IsotropicNoise(scale)
        direction = jnp.array(w) / jnp.linalg.norm(jnp.array(w))
        root = jax.vmap(lambda e: noise.apply(direction, e))(jnp.eye(3))
        np.testing.assert_allclose(root, root.T, atol=1e-14)
        np.testing.assert_allclose(root @ direction, 0, atol=1e-14)
        assert np.isclose(jnp.trace(root @ root.T), noise.trace(3), rtol=1e-12)


@given(w=vectors, eta=positive, decay=positive, c=st.floats(0.1, 10))
def test_scale_covariance(w, eta, decay, c):
    """`w → cw` is undone by `η → c²η`, `λ → λ/c²` at fixed learning rate, by `λ → λ/c²` at fixed effective one."""
    with jax.enable_x64(True):
        loss, noise, w = dyn.VonMisesFisherLoss(MU), dyn.IsotropicNoise(), jnp.array(w)
        small = dyn.SGD(loss, noise, dyn.FixedLearningRate(eta, decay))
        large = dyn.SGD(loss, noise, dyn.FixedLearningRate(c**2 * eta, decay / c**2))
        np.testing.assert_allclose(c * small.drift(w), large.drift(c * w), rtol=1e-9, atol=1e-12)
        small = dyn.SGD(loss, noise, dyn.FixedEffectiveLearningRate(eta, decay))
        large = dyn.SGD(loss, noise, dyn.FixedEffectiveLearningRate(eta, decay / c**2))
        np.testing.assert_allclose(c * small.drift(w), large.drift(c * w), rtol=1e-9, atol=1e-12)
        xi = jnp.array([0.3, -1.0, 0.7])
        np.testing.assert_allclose(c * small.diffusion(w, xi), large.diffusion(c * w, xi), rtol=1e-9, atol=1e-12)


def test_names_round_trip():
    for protocol in (
        dyn.FixedLearningRate(0.1, 0.1),
        dyn.FixedEffectiveLearningRate(0.1, 0.1),
        dyn.FixedSphere(0.1, 1.0),
    ):
        assert protocol_class(protocol.name) is type(protocol)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: dyn.FixedLearningRate(-0.1, 0.1), "learning_rate: got -0.1, expected a number ≥ 0"),
        (lambda: dyn.FixedLearningRate(0.1, -0.1), "weight_decay: got -0.1, expected a number ≥ 0"),
        (lambda: dyn.FixedLearningRate(np.array([0.1, np.nan]), 0.1), r"learning_rate: got nan at index \(1,\)"),
        (lambda: dyn.FixedEffectiveLearningRate(-1e-9, 0.1), "effective_learning_rate: got -1e-09"),
        (lambda: dyn.FixedSphere(1e-50, 1.0), r"effective_learning_rate: got 1e-50 \(in single precision\)"),
        (lambda: dyn.FixedSphere(0.1, -1.0), "radius: got -1.0, expected a number > 0"),
        (lambda: dyn.IsotropicNoise(-1.0), "scale: got -1.0, expected a number > 0"),
        (lambda: dyn.VonMisesFisherLoss(np.array([1.0, 1.0])), "mean_direction: got a vector of norm"),
        (lambda: dyn.VonMisesFisherLoss(np.array([1.0])), "mean_direction: got shape"),
        (lambda: dyn.FixedLearningRate(1e-50, 0.1), r"learning_rate: got 1e-50 \(in single precision\)"),
        (lambda: protocol_class("fixed-speed"), "protocol: got 'fixed-speed', expected one of 'fixed-lr'"),
        (lambda: dyn.VonMisesFisherLoss().gradient(jnp.ones(3)), "mean_direction: got None"),
    ],
)
def test_wrong_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("FixedLearningRate('fast', 0.1)", "learning_rate: got 'fast', expected a number ≥ 0"),
        ("FixedLearningRate(None, 0.1)", "learning_rate: got None, expected a number ≥ 0"),
        ("SGD(VonMisesFisherLoss(), IsotropicNoise(), 'fixed-lr')", "protocol: got 'fixed-lr', expected a"),
    ],
)
def test_wrong_types_as_a_user_sees_them(code, message):
    """In a process of its own: here the checker of annotations would speak first."""
    code = f"from thermo_ideal.dynamics import *\n{code}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"ValueError: {message}" in result.stderr
