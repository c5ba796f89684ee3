"""Hyperparameters that change from step to step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import toy
from thermo_ideal.dynamics import (
    SGD,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
    IsotropicNoise,
    TabulatedSchedule,
    VonMisesFisherLoss,
)
from thermo_ideal.integrators import EulerMaruyama, ZonalEulerMaruyama, simulate
from thermo_ideal.numerics import normals
from thermo_ideal.thermodynamics import equilibrium

KEY = jax.random.key(51)
LOSS = VonMisesFisherLoss(np.eye(3)[0])


def run(protocol, steps=40, batch=(2,), **change):
    integrator = EulerMaruyama(SGD(LOSS, IsotropicNoise(), protocol))
    return simulate(KEY, integrator, jnp.ones((*batch, 3)), steps, **({"chunk_size": 16} | change))


def test_a_constant_schedule_is_a_constant():
    plain = run(FixedLearningRate(0.1, 0.2))
    for schedule in (lambda step: 0.1, TabulatedSchedule(np.full(40, 0.1)), TabulatedSchedule(np.full((40, 2), 0.1))):
        np.testing.assert_allclose(run(FixedLearningRate(schedule, 0.2)).position, plain.position, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("stride", [1, 4])
def test_step_n_has_the_nth_value(stride):
    """Each step by itself, the hyperparameters written out."""
    rates = np.linspace(0.02, 0.3, 40)
    decays = np.linspace(0.5, 0.0, 40)[:, None] * np.array([1.0, 2.0])
    result = run(FixedLearningRate(TabulatedSchedule(rates), TabulatedSchedule(decays)), stride=stride)
    # The random numbers of a run without schedules are the same.
    kept = run(FixedLearningRate(1e-3, 0.0), stride=stride, save=stride)
    assert len(kept.samples) == 40 // stride
    block = jax.random.fold_in(KEY, 0)
    w = jnp.ones((2, 3))
    for step in range(40):
        chunk, within = divmod(step, 16)
        with jax.threefry_partitionable(False):
            normal = normals(jax.random.fold_in(block, chunk), (16, 3, 2), "float32")[within]
        w = jnp.stack(
            [
                EulerMaruyama(SGD(LOSS, IsotropicNoise(), FixedLearningRate(rates[step], decays[step, i]))).step(
                    w[i], normal[:, i]
                )
                for i in range(2)
            ]
        )
    np.testing.assert_allclose(result.position, w, rtol=2e-5)


def test_the_sphere_may_breathe():
    result = run(FixedSphere(0.1, lambda step: 1.0 + step / 40), save=1)
    np.testing.assert_allclose(np.linalg.norm(result.samples, axis=-1)[:, 0], 1 + np.arange(40) / 40, rtol=1e-6)
    sgd = toy(FixedSphere(0.1, lambda step: 1.0 + step / 40))
    chain = ZonalEulerMaruyama(sgd, 5)
    result = simulate(KEY, chain, chain.start(1.0, 0.5), 40, save=1)
    np.testing.assert_allclose(np.linalg.norm(result.samples, axis=-1), 1 + np.arange(40) / 40, rtol=1e-6)


def test_a_scheduled_run_resumes():
    protocol = FixedEffectiveLearningRate(lambda step: 0.1 / (1 + step / 10), 0.1)
    whole = run(protocol, 40)
    np.testing.assert_array_equal(whole.position, run(protocol, 40, resume=run(protocol, 32)).position)
    other = FixedEffectiveLearningRate(lambda step: 0.1 / (1 + step / 11), 0.1)
    with pytest.raises(ValueError, match=r"resume: got a run of another .*hyperparameters"):
        run(other, 40, resume=run(protocol, 32))


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (
            FixedLearningRate(TabulatedSchedule(np.full(20, 0.1)), 0.1),
            r"learning_rate: got nan at index \(4,\).*step 16",
        ),
        (FixedLearningRate(lambda step: 0.105 - step / 100, 0.1), r"learning_rate: got .* at index \(11,\).*step 0"),
        (FixedLearningRate(0.1, lambda step: -0.1 + 0 * step), r"weight_decay: got -0.1.*expected a number ≥ 0"),
        (FixedLearningRate(TabulatedSchedule(np.full((40, 3), 0.1)), 0.1), r"learning_rate: got shape \(3,\)"),
    ],
)
def test_wrong_schedules(protocol, message):
    with pytest.raises(ValueError, match=message):
        run(protocol)


def test_no_stationary_state_without_constants():
    sgd = SGD(LOSS, IsotropicNoise(), FixedLearningRate(lambda step: 0.1, 0.1))
    with pytest.raises(ValueError, match=r"learning_rate: got a schedule, expected a number, as in sgd\.at"):
        equilibrium(sgd)
    with pytest.raises(ValueError, match=r"weight_decay: got 0\.0"):
        equilibrium(SGD(LOSS, IsotropicNoise(), FixedLearningRate(0.1, 0.0)))
    with pytest.raises(ValueError, match=r"values: got shape \(\)"):
        TabulatedSchedule(0.1)
