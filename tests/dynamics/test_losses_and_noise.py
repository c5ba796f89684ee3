"""Any scale-invariant loss, any noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.estimators import Estimate
from thermo_ideal.integrators import EulerMaruyama, simulate
from thermo_ideal.thermodynamics import equilibrium
from thermo_ideal.verification import stationary_law

KEY = jax.random.key(61)
MU = np.array([0.6, 0.0, 0.8])
PROTOCOL = dyn.FixedLearningRate(0.1, 0.1)


def direction(w):
    return w / jnp.linalg.norm(w)


@pytest.mark.parametrize(
    "loss",
    [
        dyn.ScaleInvariantLoss(lambda w: 1 - MU @ direction(w)),
        dyn.ScaleInvariantLoss(lambda w: 1 - MU @ direction(w), dimension=3),
        dyn.ZonalLoss(lambda m: 1 - m, MU),
        dyn.ZonalLoss(lambda u: u, MU, argument="depth"),
    ],
)
def test_one_loss_in_many_guises(loss):
    def run(loss):
        return simulate(KEY, EulerMaruyama(dyn.SGD(loss, dyn.IsotropicNoise(), PROTOCOL)), jnp.ones((2, 3)), 16)

    plain, other = run(dyn.VonMisesFisherLoss(MU)), run(loss)
    np.testing.assert_allclose(other.position, plain.position, rtol=1e-5)
    np.testing.assert_allclose(other.mean("loss"), plain.mean("loss"), rtol=1e-5)


def test_a_loss_that_is_not_scale_invariant_is_shown_to_be_so():
    loss = dyn.ScaleInvariantLoss(lambda w: jnp.sum(w**2))
    with pytest.raises(ValueError, match=r"loss: got L\(w\) = 3, L\(2w\) = 12 and w·∇L\(w\) = 6 at \|w\| = 1.732"):
        simulate(KEY, EulerMaruyama(dyn.SGD(loss, dyn.IsotropicNoise(), PROTOCOL)), jnp.ones((2, 3)), 16)
    # Invariant under doubling alone: the derivative along the ray tells.
    loss = dyn.ScaleInvariantLoss(lambda w: jnp.sin(2 * jnp.pi * jnp.log2(jnp.linalg.norm(w))))
    with pytest.raises(ValueError, match=r"w·∇L\(w\) = 9"):
        loss.require_scale_invariance(jnp.array([1.0, 0.0]))


def test_a_batch_normalised_network_is_scale_invariant():
    """Logistic regression on normalised features, the smallest network of the kind that this is about."""
    x = jax.random.normal(jax.random.key(1), (64, 5))
    y = jnp.sign(x[:, 0] + 0.3 * x[:, 1])

    def loss(w):
        z = x @ w
        z = (z - z.mean()) / z.std()
        return jnp.mean(jnp.logaddexp(0.0, -y * z))

    sgd = dyn.SGD(dyn.ScaleInvariantLoss(loss), dyn.IsotropicNoise(), dyn.FixedEffectiveLearningRate(0.05, 0.2))
    result = simulate(KEY, EulerMaruyama(sgd), jnp.ones((64, 5)), 8000, burn_in=2000, stride=4)
    # pV = RT holds for every loss, up to the step size: the radius forgets which one it was.
    volume = Estimate(result.mean("volume") / (0.05 * 4 / (4 * 0.2)))
    assert abs(float(volume.value) - 1) < 0.05 + 5 * float(volume.standard_error)
    assert_rejects(assert_estimate, volume, 1.2)


def test_covariances():
    unit = direction(jnp.array([1.0, -2.0, 0.5]))
    projector = np.eye(3) - np.outer(unit, unit)
    factor = np.array([[1.0], [0.5], [-1.0]])
    diagonal = np.array([1.0, 0.2, 3.0])
    cases = [
        (dyn.IsotropicNoise(1.5), np.eye(3)),
        (dyn.AnisotropicNoise(diagonal, scale=1.5), np.diag(diagonal)),
        (dyn.AnisotropicNoise(diagonal, factor, scale=1.5), np.diag(diagonal) + factor @ factor.T),
        (dyn.AnisotropicNoise(np.zeros(3), factor, scale=1.5), factor @ factor.T),
        (dyn.CustomNoise(lambda w, xi: jnp.asarray(factor) @ xi, size=1, scale=1.5), factor @ factor.T),
        (dyn.CustomNoise(lambda w, xi: w[0] * xi, scale=1.5), float(unit[0]) ** 2 * np.eye(3)),
    ]
    for noise, inner in cases:
        wanted = 1.5**2 * projector @ inner @ projector
        np.testing.assert_allclose(noise.covariance(unit), wanted, atol=1e-5)
        draws = jax.vmap(lambda xi, noise=noise: noise.apply(unit, xi))(
            jax.random.normal(KEY, (20_000, noise.num_normals(3)))
        )
        np.testing.assert_allclose(np.cov(draws.T), wanted, atol=0.05 * np.abs(wanted).max() + 1e-6)


def test_anisotropic_noise_is_no_temperature():
    """With equal variances it is isotropic noise; with others of the same trace the energy is another."""
    protocol = dyn.FixedSphere(0.05, 1.0)
    sgd = toy(protocol, mean_direction=MU)
    exact = stationary_law(sgd).mean_loss

    def energy(variance):
        run = EulerMaruyama(dyn.SGD(sgd.loss, dyn.AnisotropicNoise(np.array(variance)), protocol))
        start = jnp.broadcast_to(MU, (128, 3))
        return Estimate(simulate(KEY, run, start, 30_000, burn_in=1000, stride=4).mean("loss"))

    assert_estimate(energy([1.0, 1.0, 1.0]), exact)
    assert_rejects(assert_estimate, energy([0.1, 2.7, 0.2]), exact)
    with pytest.raises(ValueError, match="noise: got AnisotropicNoise, expected IsotropicNoise"):
        equilibrium(dyn.SGD(sgd.loss, dyn.AnisotropicNoise(np.ones(3)), protocol))
    with pytest.raises(ValueError, match="noise: got AnisotropicNoise, whose trace depends on the direction"):
        dyn.AnisotropicNoise(np.ones(3)).trace(3)
    with pytest.raises(ValueError, match="loss: got ScaleInvariantLoss"):
        equilibrium(
            dyn.SGD(dyn.ScaleInvariantLoss(lambda w: w[0] / direction(w)[0]), dyn.IsotropicNoise(), protocol), 3
        )


def rotation(rng, d):
    q, r = np.linalg.qr(rng.normal(size=(d, d)))
    return jnp.asarray(q * np.sign(np.diag(r)))


@pytest.mark.parametrize("protocol", [PROTOCOL, dyn.FixedEffectiveLearningRate(0.2, 0.3), dyn.FixedSphere(0.2, 0.5)])
def test_symmetries_of_a_step(protocol, x64):
    """`Q` turns weights, noise and `μ` together; `w → cw` is undone by `η → c²η`, `λ → λ/c²`, `r → cr`."""
    rng = np.random.default_rng(3)
    protocol = jax.tree.map(lambda x: x.astype(float), protocol)

    def step(protocol, mu, w, xi):
        return EulerMaruyama(toy(protocol, 1.3, mean_direction=mu), dt=0.7).step(w, xi)

    for _ in range(5):
        mu, w, xi = direction(jnp.asarray(rng.normal(size=4))), *jnp.asarray(rng.normal(size=(2, 4)))
        if protocol.fixes_radius:
            w = w / jnp.linalg.norm(w) * protocol.radius
        after = step(protocol, mu, w, xi)
        turn, c = rotation(rng, 4), float(rng.uniform(0.1, 10))
        np.testing.assert_allclose(step(protocol, turn @ mu, turn @ w, turn @ xi), turn @ after, rtol=1e-10, atol=1e-12)
        powers = {"learning_rate": 2, "weight_decay": -2, "radius": 1, "effective_learning_rate": 0}
        scaled = {name: getattr(protocol, name) * c ** powers[name] for name in protocol.hyperparameters()}
        np.testing.assert_allclose(step(protocol.replace(**scaled), mu, c * w, xi), c * after, rtol=1e-10, atol=1e-12)


def test_without_weight_decay_no_step_shrinks_the_radius():
    """Gradient and noise are tangent, so `|w'|² = |w|² + |Δw|²`, on every path and so in expectation."""
    for protocol in (dyn.FixedLearningRate(0.05, 0.0), dyn.FixedEffectiveLearningRate(0.05, 0.0)):
        run = EulerMaruyama(toy(protocol, mean_direction=MU))
        radius = np.linalg.norm(simulate(KEY, run, jnp.ones((16, 3)), 200, save=1).samples, axis=-1)
        assert np.all(np.diff(radius, axis=0) > -1e-6 * radius[1:])
        assert np.all(radius[-1] > radius[0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: dyn.ScaleInvariantLoss(3.0), "function: got 3.0, expected a JAX function"),
        (lambda: dyn.ScaleInvariantLoss(jnp.sum, dimension=1), "dimension: got 1"),
        (lambda: dyn.ZonalLoss("m"), "function: got 'm', expected a function of the overlap"),
        (lambda: dyn.ZonalLoss(jnp.sin, argument="angle"), "argument: got 'angle', expected 'overlap'"),
        (lambda: dyn.AnisotropicNoise(-np.ones(3)), "variance: got -1.0 at index"),
        (lambda: dyn.AnisotropicNoise(np.ones((2, 1))), r"variance: got shape \(2, 1\)"),
        (lambda: dyn.AnisotropicNoise(np.ones(3), np.ones((2, 1))), r"factor: got shape \(2, 1\)"),
        (lambda: dyn.AnisotropicNoise(np.zeros(3)), "variance: got zeros and no factor, expected some noise"),
        (lambda: dyn.CustomNoise(1.0), "function: got 1.0, expected a function"),
        (lambda: dyn.CustomNoise(lambda w, xi: xi, size=0), "size: got 0"),
        (lambda: start(dyn.AnisotropicNoise(np.ones(4))), "noise: got noise that does not fit vectors of 3 components"),
        (lambda: start(dyn.CustomNoise(lambda w, xi: xi[:2])), r"noise: got vectors of shape \(2,\), expected \(3,\)"),
    ],
)
def test_wrong_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def start(noise):
    return simulate(KEY, EulerMaruyama(dyn.SGD(dyn.VonMisesFisherLoss(MU), noise, PROTOCOL)), jnp.ones((2, 3)), 8)
