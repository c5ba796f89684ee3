"""Learning rates that start from 0, end at 0 and pass through it, and what is checked of a schedule before a run."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.support.systems import OBLIQUE, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.experiments import run_process
from thermo_ideal.integrators import EulerMaruyama, WorkMeter, ZonalEulerMaruyama, simulate
from thermo_ideal.integrators import _loop as loop
from thermo_ideal.thermodynamics import VonMisesFisherGas
from thermo_ideal.thermodynamics import processes as p

KEY = jax.random.key(161)
RATES = np.array([0.0, 0.1, 0.0, 0.0, 0.1, 0.0])
TABLE = dyn.TabulatedSchedule(RATES)
PROTOCOLS = [dyn.FixedLearningRate(TABLE, 0.1), dyn.FixedEffectiveLearningRate(TABLE, 0.1), dyn.FixedSphere(TABLE, 2.0)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("full", [True, False])
def test_a_step_at_zero_does_nothing(protocol, full):
    sgd = toy(protocol, mean_direction=OBLIQUE)
    run = EulerMaruyama(sgd) if full else ZonalEulerMaruyama(sgd, 3)
    start = jnp.array([[1.2, 1.6, 0.0]]) if full else run.start(2.0, np.array([0.3]))
    result = simulate(KEY, run, start, len(RATES), save=1)
    path = np.concatenate([np.asarray(start)[None], result.samples])
    for rate, before, after in zip(RATES, path[:-1], path[1:], strict=True):
        moved = np.abs(after - before).max()
        assert (moved > 1e-3) if rate else (moved <= 3e-7)
    if protocol.fixes_radius:
        assert result.minimum("effective_weight_decay") == 0
        assert np.isfinite(result.variance("effective_weight_decay")).all()


def test_a_constant_may_be_zero():
    """In one batch, of a run that rests and one that moves."""
    sgd = toy(dyn.FixedLearningRate(np.array([0.0, 0.1]), 0.1), mean_direction=OBLIQUE)
    start = jnp.array([[1.2, 1.6, 0.0]])
    position = simulate(KEY, EulerMaruyama(sgd), start, len(RATES)).position
    assert (position[0] == np.asarray(start)[0]).all()
    assert np.abs(position[1] - start[0]).max() > 1e-3


def test_schedules_of_optax():
    """A learning rate that ends below 0 is refused before the first step."""
    cosine = optax.cosine_decay_schedule(0.1, 4)
    rates = [float(dyn.FixedLearningRate(cosine, 0.1).at(step).learning_rate) for step in range(6)]
    np.testing.assert_allclose(rates, 0.05 * (1 + np.cos(np.pi * np.minimum(np.arange(6), 4) / 4)), atol=1e-8)
    sgd = toy(dyn.FixedLearningRate(optax.linear_schedule(0.1, -0.1, 4), 0.1), mean_direction=OBLIQUE)
    with pytest.raises(ValueError, match=r"learning_rate: got .* at index \(3,\).*expected a number ≥ 0"):
        simulate(KEY, EulerMaruyama(sgd), jnp.ones((1, 3)), 6)


def test_all_of_a_schedule_is_checked_before_the_first_step(monkeypatch):
    """The last of 3·10⁶ steps; no chunk is made."""
    n = 3_000_000
    monkeypatch.setattr(loop, "run_chunk", None)
    bad = lambda step: jnp.where(step == n - 1, jnp.nan, 0.1)  # noqa: E731
    with pytest.raises(ValueError, match=r"learning_rate: got nan at index"):
        simulate(KEY, EulerMaruyama(toy(dyn.FixedLearningRate(bad, 0.1), mean_direction=OBLIQUE)), jnp.ones((99, 3)), n)
    short = dyn.FixedSphere(0.1, dyn.TabulatedSchedule(np.linspace(1.0, 0.0, 6)))
    with pytest.raises(ValueError, match=r"radius: got 0.0 at index \(5,\), expected a number > 0"):
        simulate(KEY, EulerMaruyama(toy(short, mean_direction=OBLIQUE)), jnp.ones((2, 3)), 6)


def test_an_axis_may_turn():
    """A schedule of vectors, whose components may be negative."""
    turning = lambda step: jnp.array([jnp.cos(step / 50), -jnp.sin(step / 50), 0.0])  # noqa: E731
    loss = dyn.VonMisesFisherLoss(OBLIQUE).replace(mean_direction=turning)
    sgd = dyn.SGD(loss, dyn.IsotropicNoise(0.05), dyn.FixedSphere(0.5, 1.0))
    result = simulate(KEY, EulerMaruyama(sgd), jnp.eye(3)[:1], 200)
    assert np.abs(result.position[0] - turning(198)).max() < 0.15  # it lags by two steps


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_balance_of_energy_goes_through_zero(protocol):
    """`Δ(βL)` is its two sums, and all of them are finite."""
    sgd = toy(protocol, mean_direction=OBLIQUE)
    meter = WorkMeter(ZonalEulerMaruyama(sgd, 3))
    start = meter.start(
        meter.inner.start(2.0, np.array([0.3, -0.5])), protocol.replace(**{protocol.hyperparameters()[0]: 0.05}).at(0)
    )
    result = simulate(KEY, meter, start, len(RATES), save=1)
    assert np.isfinite(result.samples).all()
    path = np.concatenate([np.asarray(start)[None], result.samples])[..., 2:].astype(np.float64)
    loss, temperature, heat = path[..., 0], path[..., 2], path[..., 5]
    still = np.flatnonzero(RATES == 0) + 1
    np.testing.assert_array_equal(temperature[still], temperature[still - 1])
    np.testing.assert_allclose(heat[still], heat[still - 1], atol=1e-6)
    flows = np.diff(loss, axis=0) / temperature[1:]
    reduced = loss[-1] / temperature[-1] - loss[0] / temperature[0]
    np.testing.assert_allclose(path[-1, :, 8], reduced - flows.sum(axis=0), rtol=1e-4, atol=1e-4)


SHAPES = {
    "cosine": p.cosine(0.1, 0.0),
    "linear": p.linear(0.0, 0.1),
    "warm-up, stable, decay": p.warmup_stable_decay(0.0, 0.1, 0.0),
    "restarts": lambda s: 0.05 * (1 + jnp.cos(jnp.pi * (3 * s % 1.0))) * (s < 1),
    "step": p.step(0.1, 0.0, at=0.9),
}


@pytest.mark.parametrize("name", SHAPES)
def test_processes_start_from_rest_and_end_there(name):
    shape = SHAPES[name]
    process = p.scheduled(VonMisesFisherGas(11), learning_rate=shape, weight_decay=0.01)
    s = np.arange(1, 101) / 100
    for kind, power in ((dyn.FixedLearningRate, 1.0), (dyn.FixedEffectiveLearningRate, 0.5)):
        protocol = process.protocol(kind, 100)
        rates = getattr(protocol, protocol.hyperparameters()[0]).values
        expected = np.asarray(shape(jnp.asarray(s))) ** power
        np.testing.assert_allclose(rates / rates.max(), expected / expected.max(), rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(protocol.weight_decay.values, 0.01, rtol=1e-4)
    assert "at rest, T = 0" in repr(process)


def test_a_process_that_ends_at_rest_is_run():
    process = p.scheduled(VonMisesFisherGas(11), learning_rate=p.cosine(0.1, 0.0), weight_decay=0.1)
    run = run_process(KEY, process, dyn.FixedLearningRate, 400, replicas=16)
    assert np.isfinite([run.work.value, run.heat.value]).all()
    assert run.heat.value < 0  # it cools
    with pytest.raises(ValueError, match=r"temperature: got 0\.0"):
        process.end  # noqa: B018
    with pytest.raises(ValueError, match=r"last: got -0\.1"):
        p.cosine(0.1, -0.1)
    with pytest.raises(ValueError, match=r"last: got 0\.0"):
        p.exponential(0.1, 0.0)
