"""Every loss and every noise × what the contracts say: batches, tangency, covariance. A row adds a class."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_mean, assert_rejects
from tests.support.systems import OBLIQUE, FirstAxisNoise, QuadraticLoss, SquaredDepthLoss
from thermo_ideal import dynamics as dyn
from thermo_ideal.integrators import EulerMaruyama, simulate
from thermo_ideal.numerics import normals

DIRECTIONS = jax.random.normal(jax.random.key(2), (5, 4, 3))
DIRECTIONS = DIRECTIONS / jnp.linalg.norm(DIRECTIONS, axis=-1, keepdims=True)
AXES = jnp.asarray(np.stack([OBLIQUE, OBLIQUE[::-1], -OBLIQUE, np.eye(3)[1]]))  # one for each of a batch of 4
LOSSES = {
    "toy": lambda: dyn.VonMisesFisherLoss(OBLIQUE),
    "toy, one axis for each run": lambda: dyn.VonMisesFisherLoss(AXES),
    "zonal": lambda: dyn.ZonalLoss(lambda m: 1 - m**2, OBLIQUE),
    "zonal, of the depth": lambda: dyn.ZonalLoss(lambda u: u + u**2, AXES, argument="depth"),
    "function": lambda: dyn.ScaleInvariantLoss(lambda w: w @ (jnp.arange(3.0) * w) / (w @ w)),
    "a user's": lambda: QuadraticLoss(jnp.arange(3.0)),
    "a user's, one for each run": lambda: QuadraticLoss(jnp.arange(12.0).reshape(4, 3)),
    "a user's, zonal": lambda: SquaredDepthLoss(jnp.asarray(OBLIQUE)),
}
NOISES = {
    "isotropic": lambda: dyn.IsotropicNoise(2.0),
    "isotropic, one scale for each run": lambda: dyn.IsotropicNoise(jnp.arange(1.0, 5.0)),
    "diagonal": lambda: dyn.AnisotropicNoise(jnp.array([1.0, 4.0, 9.0])),
    "diagonal, one for each run": lambda: dyn.AnisotropicNoise(jnp.arange(1.0, 13.0).reshape(4, 3)),
    "low rank": lambda: dyn.AnisotropicNoise(jnp.zeros(3), jnp.arange(6.0).reshape(3, 2)),
    "function": lambda: dyn.CustomNoise(lambda direction, normal: (1 - direction[0]) * normal),
    "a user's": lambda: FirstAxisNoise(jnp.asarray(0.5)),
}


def one_by_one(function, parts, *arguments):
    """A method of a batch, called for one vector and one set of parameters at a time."""
    rows = []
    for i in range(5):
        rows.append([function(parts(j), *(x[i, j] for x in arguments)) for j in range(4)])
    return np.array(rows)


def single(make, number):
    """The component of one run of a batch of 4."""
    whole = make()
    axes = whole.parameters()
    own = {name: value[number] for name, value in whole.constants.items() if jnp.ndim(value) > axes[name]}
    return whole.replace(**own)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_act_on_the_last_axis(name):
    make = LOSSES[name]
    loss = make()
    for method in (lambda own, w: own(w), lambda own, w: own.gradient(w)):
        expected = one_by_one(method, lambda j: single(make, j), DIRECTIONS)
        np.testing.assert_allclose(method(loss, DIRECTIONS), expected, rtol=2e-5, atol=1e-6)
    # One vector meets the whole batch of parameters.
    assert loss(DIRECTIONS[0, 0]).shape == loss.batch_shape
    assert loss.gradient(DIRECTIONS[0, 0]).shape == (*loss.batch_shape, 3)
    assert set(loss.observables(DIRECTIONS)) >= {"loss"}
    tangent = jnp.sum(DIRECTIONS * loss.gradient(DIRECTIONS), axis=-1)
    np.testing.assert_allclose(tangent, 0.0, atol=2e-6 * float(jnp.abs(loss.gradient(DIRECTIONS)).max()))


def test_a_batch_is_not_one_vector():
    """The audit's figures: 0.4226 five times, not 2.113."""
    loss = dyn.VonMisesFisherLoss(np.eye(3)[0])
    np.testing.assert_allclose(loss(jnp.ones((5, 3)) / 3**0.5), np.full(5, 1 - 3**-0.5), rtol=1e-6)
    sgd = dyn.SGD(loss, dyn.IsotropicNoise(), dyn.FixedSphere(0.1, 2.0))
    w, xi = jax.random.normal(jax.random.key(3), (2, 5, 3))
    run = EulerMaruyama(sgd)
    for method in (lambda w, xi: sgd.drift(w), sgd.diffusion, run.step, run.increment, run.effective_weight_decay):
        np.testing.assert_allclose(method(w, xi), np.stack([method(*x) for x in zip(w, xi, strict=True)]), rtol=2e-5)


@pytest.mark.parametrize("name", NOISES)
def test_noises_act_on_the_last_axis(name):
    make = NOISES[name]
    noise = make()
    normal = jax.random.normal(jax.random.key(4), (5, 4, noise.num_normals(3)))
    apply = one_by_one(lambda own, w, xi: own.apply(w, xi), lambda j: single(make, j), DIRECTIONS, normal)
    np.testing.assert_allclose(noise.apply(DIRECTIONS, normal), apply, rtol=2e-5, atol=1e-6)
    covariance = one_by_one(lambda own, w: own.covariance(w), lambda j: single(make, j), DIRECTIONS)
    np.testing.assert_allclose(noise.covariance(DIRECTIONS), covariance, rtol=2e-5, atol=1e-5)
    radial = jnp.einsum("...ij,...j->...i", noise.covariance(DIRECTIONS), DIRECTIONS)
    np.testing.assert_allclose(radial, 0.0, atol=1e-5 * float(jnp.abs(noise.covariance(DIRECTIONS)).max()))


@pytest.mark.parametrize("name", NOISES)
def test_draws_have_the_covariance(name, x64):
    """The mean square along an oblique direction, against a covariance that is 1.2 times too large."""
    noise = single(NOISES[name], 1)
    along = jnp.array([0.6, -0.8, 0.0])
    normal = jax.random.normal(jax.random.key(6), (20_000, noise.num_normals(3)))
    draws = np.asarray(noise.apply(jnp.asarray(OBLIQUE), normal) @ along)
    exact = float(along @ noise.covariance(jnp.asarray(OBLIQUE)) @ along)
    assert_mean(draws**2, exact)
    assert_rejects(assert_mean, draws**2, 1.2 * exact)


@pytest.mark.parametrize("noise", ["diagonal, one for each run", "isotropic, one scale for each run"])
@pytest.mark.parametrize("loss", ["toy, one axis for each run", "a user's, one for each run"])
def test_each_run_has_its_own_parameters(loss, noise):
    """A batch of losses and noises gives every run what it would be given alone."""
    key, protocol = jax.random.key(7), dyn.FixedLearningRate(0.05, 0.1)
    sgd = dyn.SGD(LOSSES[loss](), NOISES[noise](), protocol)
    together = simulate(key, EulerMaruyama(sgd), jnp.ones(3), 64, chunk_size=64)
    assert together.position.shape == (4, 3)
    with jax.threefry_partitionable(False):
        drawn = normals(jax.random.fold_in(jax.random.fold_in(key, 0), 0), (64, 3, 4), "float32")
    for run in range(4):
        own = dyn.SGD(single(LOSSES[loss], run), single(NOISES[noise], run), protocol)
        w = jnp.ones(3)
        for xi in drawn[:, :, run]:
            w = EulerMaruyama(own).step(w, xi)
        np.testing.assert_allclose(together.position[run], w, rtol=1e-3)


def test_a_schedule_of_the_noise_and_of_each_run():
    """Scale and learning rate change from step to step, the scale for each run by itself."""
    scale = dyn.TabulatedSchedule(np.linspace([1.0, 2.0], [2.0, 1.0], 16))
    protocol = dyn.FixedSphere(lambda step: 0.01 * (step + 1), 1.0)
    run = EulerMaruyama(dyn.SGD(dyn.VonMisesFisherLoss(OBLIQUE), dyn.IsotropicNoise(scale), protocol))
    result = simulate(jax.random.key(8), run, jnp.ones(3), 16, save=1)
    assert result.samples.shape == (16, 2, 3)
    assert run.at(15).sgd.noise.scale.tolist() == [2.0, 1.0]
    with pytest.raises(ValueError, match=r"noise_scale: got nan at index \(16"):
        simulate(jax.random.key(8), run, jnp.ones(3), 17)


class ScaledProtocol(dyn.AbstractProtocol):
    """A hyperparameter that is called like the noise's."""

    scale: jax.Array
    name = "scaled"
    fixes_radius = True

    def learning_rate_at(self, radius):
        return self.scale * radius**2

    def weight_decay_at(self, radius):
        return 0 * radius

    def constrain(self, position):
        return position / jnp.linalg.norm(position, axis=-1, keepdims=True)

    def stationary_radius(self, noise_trace):
        return 1.0 + 0 * noise_trace

    def radius_relaxation_rate(self, noise_trace):
        return jnp.inf + 0 * noise_trace


def test_a_hyperparameter_may_be_called_scale():
    noise, loss = dyn.IsotropicNoise(2.0), dyn.VonMisesFisherLoss(OBLIQUE)
    runs = [
        simulate(jax.random.key(9), EulerMaruyama(dyn.SGD(loss, noise, protocol)), jnp.ones((2, 3)), 16)
        for protocol in (ScaledProtocol(0.05), dyn.FixedSphere(0.05, 1.0))
    ]
    np.testing.assert_allclose(runs[0].position, runs[1].position, rtol=1e-5)
