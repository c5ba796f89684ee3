"""Prescribed schedules, simulated: the chain of radius and overlap follows what is worked out without it."""

import jax
import numpy as np
import pytest

from tests.support.statistics import Z_MAX, assert_rejects
from thermo_ideal.distributions import Zonal
from thermo_ideal.dynamics import SGD, FixedLearningRate, IsotropicNoise, TabulatedSchedule, VonMisesFisherLoss
from thermo_ideal.integrators import ZonalEulerMaruyama, simulate
from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State, VonMisesFisherGas
from thermo_ideal.thermodynamics import processes as p

REPLICAS, STEPS = 256, 200


def final_loss(protocol, d, sigma, start_temperature, radius, seed=0):
    """The mean loss after all steps and its error, over replicas."""
    integrator = ZonalEulerMaruyama(SGD(VonMisesFisherLoss(), IsotropicNoise(sigma), protocol), d)
    start_key, key = jax.random.split(jax.random.key(seed))
    depth = Zonal.linear(d, start_temperature).sample_depth(start_key, (REPLICAS,))
    trajectory = simulate(key, integrator, integrator.start(radius=radius, depth=depth), num_steps=STEPS)
    position = np.asarray(trajectory.position, np.float64)
    direction = position / np.linalg.norm(position, axis=-1, keepdims=True)
    loss = ((direction - np.array([1.0, 0.0])) ** 2).sum(axis=-1) / 2
    return loss.mean(), loss.std(ddof=1) / np.sqrt(REPLICAS)


def assert_ends_at(energy, *run):
    mean, error = final_loss(*run)
    assert abs(mean - energy) < Z_MAX * error, f"{mean:.5g} ± {error:.2g} against {energy:.5g}"


def test_a_cold_gas():
    """d = 1000, `T(d − 1) = 0.005`: the closed form of the quadratic loss, and not that of the cosine."""
    d, sigma = 1000, 0.01
    start = State(CaloricallyPerfectGas(d), effective_learning_rate=0.1, radius=1.0, noise_scale=sigma)
    best = p.fastest_cooling(start, STEPS)
    theta = best.internal_energy[0] / 499.5
    assert_ends_at(best.internal_energy[-1], best.fixed_sphere(), d, sigma, theta, 1.0)
    cosine = p.compare_schedules(start, {"cosine": p.cosine(0.1, 0.0)}, STEPS).final_energy[0]
    assert_rejects(assert_ends_at, cosine, best.fixed_sphere(), d, sigma, theta, 1.0)


@pytest.mark.parametrize("hold", ["weight_decay", "radius"])
def test_plain_sgd_of_a_hot_gas(hold):
    """d = 1000, σ = 1, `T(d − 1) = 10`: learning rates for which `η/r²` is the schedule, while the radius moves.

    Negative control: the same without making up for the radius, `η = η_eff r₀²`.
    """
    d, gas = 1000, VonMisesFisherGas(1000)
    start = State(gas, effective_learning_rate=0.02, weight_decay=0.5)
    best = p.fastest_cooling(start, STEPS, rule="greedy")
    theta = State(gas, internal_energy=best.internal_energy[0], volume=0.5).temperature
    run = (d, 1.0, float(theta), float(start.radius))
    assert_ends_at(best.internal_energy[-1], best.fixed_learning_rate(hold), *run)
    lagging = FixedLearningRate(
        TabulatedSchedule(best.effective_learning_rate * float(start.radius) ** 2), float(start.pressure)
    )
    assert_rejects(assert_ends_at, best.internal_energy[-1], lagging, *run)
