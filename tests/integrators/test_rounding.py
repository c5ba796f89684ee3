"""Steps that rounding takes or makes, in a frame that is no frame of the coordinates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import OBLIQUE, FirstAxisNoise
from thermo_ideal import dynamics as dyn
from thermo_ideal.estimators import Estimate
from thermo_ideal.integrators import EulerMaruyama, WorkMeter, simulate
from thermo_ideal.integrators._rounding import _remembered, require_steps_that_count

KEY = jax.random.key(131)
DIAGONAL = np.ones(3) / np.sqrt(3)
SPACING = float(np.finfo(np.float32).eps)
STEPS = 100_000


def sgd(noise=None, protocol=None, mean_direction=DIAGONAL):
    loss = dyn.VonMisesFisherLoss(mean_direction)
    return dyn.SGD(loss, noise or dyn.IsotropicNoise(), protocol or dyn.FixedSphere(0.01, 1.0))


def go(system, position=DIAGONAL, num_steps=STEPS, dtype=jnp.float32):
    EulerMaruyama(system).require_steps(jnp.asarray(position, dtype), num_steps)


def energy(system, burn_in=1000, num_steps=60_000):
    """`U` of a cold gas over its exact value, `T(d − 1)/2/(1 − η/2)`."""
    eta, (variance, *_) = 0.1, system.noise.variance
    start = jnp.broadcast_to(jnp.asarray(DIAGONAL, variance.dtype), (128, 3))
    result = simulate(KEY, EulerMaruyama(system), start, num_steps, burn_in=burn_in)
    return Estimate(result.mean("loss") / (eta * float(variance) / 2 / (1 - eta / 2)))


def of_size(size):
    """Noise whose steps are `size` last places of a typical weight, at `η_eff = 0.1`."""
    variance = (size * SPACING / 3**0.5 / 0.1) ** 2
    return sgd(dyn.AnisotropicNoise(np.full(3, variance)), dyn.FixedSphere(0.1, 1.0))


def test_what_is_accepted_is_right(monkeypatch):
    assert_estimate(energy(of_size(12)), 1.0)
    with pytest.raises(ValueError, match=r"sgd: got steps of 1.2e-07 of a weight, near the last place .* 1\d\.\d% of"):
        energy(of_size(1.01))
    monkeypatch.setattr(EulerMaruyama, "require_steps", lambda self, position, num_steps: None)
    assert_rejects(assert_estimate, energy(of_size(1.01)), 1.0)


def test_the_figures_of_the_audit(x64):
    """Refused in single precision, `5.00e-15` in double."""
    noise, protocol = dyn.AnisotropicNoise(np.full(3, 1e-12)), dyn.FixedSphere(0.01, 1.0)
    with pytest.raises(ValueError, match=r"sgd: got steps of 1.7e-08 of a weight, below the last place of float32"):
        go(sgd(noise, protocol))
    start = jnp.broadcast_to(jnp.asarray(DIAGONAL), (64, 3))
    result = simulate(KEY, EulerMaruyama(sgd(noise, protocol)), start, 20_000, burn_in=1000)
    assert_estimate(Estimate(result.mean("loss")), 5.00e-15 / (1 - 0.01 / 2))


@pytest.mark.parametrize(
    "noise",
    [
        dyn.IsotropicNoise(1e-6),
        dyn.AnisotropicNoise(np.full(3, 1e-12)),
        dyn.AnisotropicNoise(np.full(3, 1e-30), scale=1e-3),
        dyn.AnisotropicNoise(np.zeros(3), 1e-6 * np.array([[1.0], [-1.0], [0.5]])),
        dyn.CustomNoise(lambda direction, normal: 1e-6 * normal),
        FirstAxisNoise(jnp.asarray(1e-6)),
        dyn.IsotropicNoise(lambda step: 10 ** (-7 * step / STEPS)),
    ],
)
def test_noise_is_measured_not_read(noise):
    with pytest.raises(ValueError, match="sgd: got steps of"):
        go(sgd(noise))
    # The same noise at an ordinary size.
    louder = dyn.CustomNoise(lambda direction, normal: normal @ noise.at(0).covariance(direction) / trace)
    trace = float(jnp.trace(noise.at(0).covariance(jnp.asarray(DIAGONAL))))
    go(sgd(louder))


@pytest.mark.parametrize(
    ("protocol", "dt", "num_steps"),
    [
        (dyn.FixedSphere(lambda step: jnp.where(step < 5 * 10**7, 0.01, 1e-9), 1.0), 1.0, 10**8),
        (dyn.FixedSphere(lambda step: 1e-9 + 0 * step, 1.0), 1.0, STEPS),
        (dyn.FixedLearningRate(np.array([1e-2, 1e-9]), 0.0), 1.0, STEPS),
        (dyn.FixedLearningRate(1e-2, lambda step: jnp.where(step < 10, 0.1, 0.0)), 1e-14, STEPS),
        (dyn.FixedSphere(0.01, 1.0), 1e-14, STEPS),
    ],
)
def test_the_whole_schedule_is_looked_at(protocol, dt, num_steps):
    with pytest.raises(ValueError, match="sgd: got steps of"):
        EulerMaruyama(sgd(protocol=protocol), dt).require_steps(jnp.asarray(DIAGONAL, jnp.float32), num_steps)


def test_a_schedule_may_end_at_zero():
    """Its last steps are below the last place, and would have done nothing."""
    n = 3_000_000
    half_turn = lambda step: 0.05 * (1 + jnp.cos(jnp.pi * (step + 1) / n))  # noqa: E731
    go(sgd(protocol=dyn.FixedSphere(half_turn, 1.0)), num_steps=n)
    go(sgd(protocol=dyn.FixedLearningRate(lambda step: 0.1 * (1 - (step + 1) / n), 0.1)), num_steps=n)
    go(sgd(protocol=dyn.FixedSphere(lambda step: 0.1 * step / n, 1.0)), num_steps=n)


def test_an_axis_of_the_coordinates_keeps_small_steps():
    """All tangent components are small there; a gas that leaves it loses them."""
    go(sgd(protocol=dyn.FixedSphere(1e-7, 1.0), mean_direction=np.eye(3)[0]), np.eye(3)[0])
    with pytest.raises(ValueError, match=r"sgd: got steps of 1\.7e-07"):
        go(sgd(protocol=dyn.FixedSphere(1e-7, 1.0), mean_direction=OBLIQUE), np.eye(3)[0])


def test_noise_that_vanishes_at_the_minimum_is_none_that_is_lost():
    mu = jnp.asarray(OBLIQUE)
    go(sgd(dyn.CustomNoise(lambda direction, normal: (1 - mu @ direction) * normal), mean_direction=OBLIQUE))


def test_a_run_is_named_and_a_meter_asks_its_integrator():
    rates = np.array([0.1, 1e-9])[:, None]
    run = EulerMaruyama(sgd(protocol=dyn.FixedSphere(rates, 1.0)))
    with pytest.raises(ValueError, match=r"run \(1, 0\), step 0"):
        run.require_steps(jnp.ones((2, 3), jnp.float32), 100)
    meter = WorkMeter(run)
    with pytest.raises(ValueError, match="sgd: got steps of"):
        simulate(KEY, meter, meter.start(jnp.ones((2, 3))), 100)


def test_errors_are_averaged_over_the_memory_of_the_gas():
    rng = np.random.default_rng(0)
    error, forgets = rng.uniform(size=(2, 30, 4))
    time = np.cumsum(forgets, axis=0)
    for n in (0, 7, 29):
        shares = np.exp(time[: n + 1] - time[n]) * -np.expm1(-forgets[: n + 1])
        np.testing.assert_allclose(_remembered(error, forgets)[n], (shares * error[: n + 1]).sum(axis=0))


@pytest.mark.parametrize(("radius", "n"), [(60.0, 1000), (60.0, 10**5), (0.01, 10**5)])
def test_the_radii_that_a_run_will_have(radius, n):
    """By the closed forms of both protocols."""
    settled = 0.01 * 2 / (2 * 0.04)
    square = settled / (1 + (settled / radius**2 - 1) * np.exp(-(0.01**2) * 2 * n))
    fourth = settled + (radius**4 - settled) * np.exp(-4 * 0.01 * 0.04 * n)
    for protocol, exact in (
        (dyn.FixedEffectiveLearningRate(0.01, 0.04), square**0.5),
        (dyn.FixedLearningRate(0.01, 0.04), fourth**0.25),
    ):
        run = EulerMaruyama(sgd(protocol=protocol))
        ends = require_steps_that_count(run, jnp.asarray(radius * DIAGONAL, jnp.float32), n)
        np.testing.assert_allclose(ends, sorted([radius, exact]), rtol=0.05)
