"""Optimisers as gases, simulated in full space, against exact second moments or the limit of small steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import Z_MAX, assert_rejects
from thermo_ideal.dynamics import (
    SGD,
    AdamW,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
    HeavyBall,
    Hyperball,
    IsotropicNoise,
    Nesterov,
    VonMisesFisherLoss,
    ZonalLoss,
)
from thermo_ideal.integrators import EulerMaruyama, simulate
from thermo_ideal.thermodynamics import equilibrium, plan

REPLICAS = 512


def diagonal(d):
    return jnp.ones(d) / np.sqrt(d)


def settle(sgd, d, num_steps, start=None, key=0):
    """Mean and error over replicas of the squared radius and the loss, from the predicted state on."""
    mu = np.eye(d)[0] if sgd.loss.mean_direction is None else np.asarray(sgd.loss.mean_direction, np.float64)
    state = equilibrium(start or sgd, d)
    law = state.gas.law(float(state.temperature)).about(jnp.asarray(mu, jnp.float32))
    position = float(state.radius) * law.sample(jax.random.key(7), (REPLICAS,))
    last = simulate(jax.random.key(key), EulerMaruyama(sgd), position, num_steps=num_steps).position
    w = np.asarray(last, np.float64)
    squared = (w**2).sum(axis=-1)
    loss = ((w / np.sqrt(squared)[:, None] - mu) ** 2).sum(axis=-1) / 2
    return [(x.mean(), x.std(ddof=1) / np.sqrt(REPLICAS)) for x in (squared, loss)]


def assert_near(measured, expected, within=0.0):
    mean, error = measured
    off = max(abs(mean - expected) - within * abs(expected), 0.0)
    assert off < Z_MAX * error, f"{mean:.5g} ± {error:.2g} against {expected:.5g}"


def radius_of_momentum(eta, decay, beta, q):
    """`r²` of heavy ball without a loss, from the stationary point of `(|w|², w·v, |v|²)`, `E|g|² = q/r²`.

    `v' = βv + g + λw`, `w' = w − ηv'`; it is linear in the three, with the noise as a constant.
    """
    v = np.array([decay**2, 2 * beta * decay, beta**2])  # of |v'|² in the three
    p = np.array([decay, beta, 0.0])  # of w·v'
    moments = np.array([[1, 0, 0] - 2 * eta * p + eta**2 * v, p - eta * v, v])
    noise = np.array([eta**2, -eta, 1.0])
    return np.sqrt(np.linalg.solve(np.eye(3) - moments, noise)[0] * q)


@pytest.mark.parametrize("d", [10, 40])
def test_the_radius_of_heavy_ball(d):
    """Without a loss, at steps of a few degrees; the small-step limit is off, and so is β forgotten."""
    eta, decay, beta = 0.02, 0.5, 0.9
    flat = ZonalLoss(lambda m: 0 * m, jnp.eye(d)[0])
    sgd = SGD(flat, IsotropicNoise(), FixedLearningRate(eta, decay), HeavyBall(beta))
    start = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedLearningRate(eta / (1 - beta), decay))
    squared, _ = settle(sgd, d, 600, start)
    assert_near(squared, radius_of_momentum(eta, decay, beta, d - 1.0), within=0.2 / d)
    assert_rejects(assert_near, squared, radius_of_momentum(eta, decay, 0.0, d - 1.0), 0.2 / d)


@pytest.mark.parametrize("d", [10, 40])
def test_the_loss_of_heavy_ball(d):
    """On the sphere, cold: `E x² = ησ²(1 + β)/((1 − β)(2(1 + β) − η))` of a mode, at steps that are not small."""
    eta, beta, sigma = 0.2, 0.9, 1e-3
    sgd = SGD(VonMisesFisherLoss(diagonal(d)), IsotropicNoise(sigma), FixedSphere(eta, 1.0), HeavyBall(beta))
    _, loss = settle(sgd, d, 300)
    mode = eta * sigma**2 * (1 + beta) / ((1 - beta) * (2 * (1 + beta) - eta))
    assert_near(loss, (d - 1) / 2 * mode)
    assert_rejects(assert_near, loss, (d - 1) / 2 * eta * sigma**2 / (2 - eta))


RULES = {
    "heavy ball": (HeavyBall(0.9), FixedLearningRate(4e-4, 0.05)),
    "Nesterov": (Nesterov(0.9), FixedLearningRate(4e-4, 0.05)),
    "fixed effective": (HeavyBall(0.8), FixedEffectiveLearningRate(1e-3, 0.05)),
    "AdamW": (AdamW(), FixedLearningRate(0.003, 0.05)),
    "AdamW, independent": (AdamW(independent=True), FixedLearningRate(0.003, 0.05 * 0.003)),
    "Hyperball": (Hyperball(0.9), FixedSphere(0.002, 1.0)),
}
OFFSET = {"AdamW": 0.05, "AdamW, independent": 0.05, "Hyperball": 0.05}


@pytest.mark.parametrize("name", RULES)
def test_the_small_step_limit(name):
    """Radius and loss, and that of another temperature is rejected."""
    d, (rule, protocol) = 10, RULES[name]
    sgd = SGD(VonMisesFisherLoss(diagonal(d)), IsotropicNoise(), protocol, rule)
    state, within = equilibrium(sgd), OFFSET.get(name, 0.02)
    squared, loss = settle(sgd, d, 2_000)
    assert_near(squared, float(state.radius) ** 2, within)
    assert_near(loss, float(state.internal_energy), within)
    assert_rejects(assert_near, loss, 1.5 * float(state.internal_energy), within)


def test_adamw_sees_the_axes():
    """A minimum along a coordinate axis, where the theory does not hold: both are off by a factor of 1.5 or more."""
    d, (rule, protocol) = 10, RULES["AdamW"]
    sgd = SGD(VonMisesFisherLoss(jnp.eye(d)[0]), IsotropicNoise(), protocol, rule)
    state = equilibrium(sgd)
    squared, loss = settle(sgd, d, 6_000)
    assert_rejects(assert_near, squared, float(state.radius) ** 2, 0.05)
    ratio = loss[0] / float(state.internal_energy)
    assert ratio > 1.5 or ratio < 1 / 1.5


def test_the_decay_conventions_are_not_the_same():
    d, (rule, protocol) = 10, RULES["AdamW, independent"]
    right = equilibrium(SGD(VonMisesFisherLoss(diagonal(d)), IsotropicNoise(), protocol, rule))
    swapped = equilibrium(SGD(VonMisesFisherLoss(diagonal(d)), IsotropicNoise(), protocol, AdamW()))
    assert right.radius**2 == pytest.approx(0.003 * d / 0.1, rel=1e-4)
    assert swapped.radius**2 == pytest.approx(0.003 * d / 0.1 / 0.003, rel=1e-4)


def settled(rule, protocol):
    return equilibrium(SGD(VonMisesFisherLoss(), IsotropicNoise(), protocol, rule), 9)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: HeavyBall(1.0), r"momentum: got 1\.0, expected a number from 0 to below 1"),
        (lambda: Nesterov(float("nan")), r"momentum: got nan"),
        (lambda: AdamW(second_decay=-0.1), r"second_decay: got -0\.1"),
        (lambda: settled(Hyperball(0.9), FixedLearningRate(0.1, 0.1)), r"protocol: got FixedLearningRate, which does"),
        (lambda: settled(AdamW(), FixedEffectiveLearningRate(0.1, 0.1)), r"got nan"),
        (
            lambda: plan(SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedLearningRate(0.1, 0.1), HeavyBall(0.9)), 9),
            r"update_rule: got HeavyBall, expected PlainUpdate",
        ),
    ],
)
def test_wrong_arguments(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()
