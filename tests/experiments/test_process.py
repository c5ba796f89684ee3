"""Work and heat of processes, measured: the quasi-static limit, what is dissipated on the way, Carnot's efficiency."""

from functools import cache

import jax
import numpy as np
import pytest

from tests.support.statistics import Z_MAX, assert_estimate
from tests.support.systems import LabelledLearningRate
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.estimators import Estimate, slow_limit
from thermo_ideal.experiments import run_process
from thermo_ideal.thermodynamics import State, VonMisesFisherGas
from thermo_ideal.thermodynamics.processes import (
    carnot,
    cosine,
    exponential,
    isobaric,
    isochoric,
    isothermal,
    linear,
    scheduled,
    step,
    warmup_stable_decay,
)

DIMENSION, SIGMA = 10, 10.0


def gas():
    return VonMisesFisherGas(DIMENSION)


def warm():
    return State(gas(), temperature=0.1, pressure=0.5, noise_scale=SIGMA)


# (duration, dt): the slower the nearer to quasi-static, the smaller dt the nearer to the SDE.
RUNS = [(tau, dt) for tau in (12_000, 36_000) for dt in (1.0, 2.0)]
PROCESSES = {
    "isobar": (lambda: isobaric(warm(), temperature=0.2), FixedEffectiveLearningRate),
    # Weight decay at a fixed learning rate moves a cold gas along an adiabat, and this one nearly so.
    "adiabat": (
        lambda: scheduled(gas(), SIGMA, learning_rate=warm().learning_rate, weight_decay=exponential(0.5, 0.125)),
        FixedLearningRate,
    ),
    "carnot": (
        lambda: carnot(State(gas(), temperature=0.2, volume=1.0, noise_scale=SIGMA), volume=2.0, temperature=0.1),
        FixedEffectiveLearningRate,
    ),
}


@cache
def runs(name):
    make, kind = PROCESSES[name]
    process = make()
    measured = []
    for i, (tau, dt) in enumerate(RUNS):
        key = jax.random.fold_in(jax.random.key(7), i)
        steps = int(tau / dt)
        # The radius lags by as much as is dissipated: it is left to arrive.
        run = run_process(key, process, kind, steps, replicas=2048, dt=dt, save=steps // 4, hold=steps // 4)
        measured.append(run)
    return process, measured


def limit(estimates):
    durations, dt = np.transpose(RUNS)
    return slow_limit(durations, estimates, powers=(1,), dt=dt)


@pytest.mark.parametrize("name", PROCESSES)
def test_work_and_heat_tend_to_their_quasi_static_values(x64, name):
    process, measured = runs(name)
    assert process.slowness(PROCESSES[name][1], 36_000) < 0.2
    for quantity in ("work", "heat"):
        fit = limit([getattr(run, quantity) for run in measured])
        exact = getattr(process, quantity)
        assert abs(fit.z_score(exact)) < Z_MAX, (quantity, fit.value(), fit.standard_error(), exact)
        assert fit.fit_score < Z_MAX
        # An eighth more work is told from this, and heat that is not the energy's is told from work.
        scale = max(abs(process.work), abs(process.heat))
        wrong = exact + (scale / 8 if quantity == "work" else scale)
        assert abs(fit.z_score(wrong)) > Z_MAX, (quantity, fit.standard_error())
    assert max(run.record.closure() for run in measured) < 10


def test_carnot_efficiency(x64):
    process, measured = runs("carnot")
    assert np.isclose(process.efficiency, 0.5, rtol=1e-9)

    def efficiency(run):
        taken, work = run.leg_heat().values[0], run.record.work[-1]
        ratio = work.mean() / taken.mean()
        return Estimate(ratio + (work - ratio * taken) / taken.mean())

    fit = limit([efficiency(run) for run in measured])
    assert abs(fit.z_score(0.5)) < Z_MAX, (fit.value(), fit.standard_error())
    assert abs(fit.z_score(0.35)) > Z_MAX, fit.standard_error()
    # No engine does more than the slow one, and the fast one does less.
    assert measured[0].work.z_score(process.work) < -Z_MAX


def test_dissipation_falls_as_the_inverse_of_the_duration(x64):
    """Its coefficient is the friction along the path, of the radius and of the direction."""
    process, measured = runs("carnot")
    fit = limit([run.entropy_production for run in measured])
    assert abs(fit.z_score(0.0)) < Z_MAX
    predicted = process.slow_entropy_production(FixedEffectiveLearningRate, 1.0)
    assert abs(fit.z_score(predicted, term=1)) < Z_MAX, (fit.value(1), fit.standard_error(1), predicted)
    assert abs(fit.z_score(2 * predicted, term=1)) > Z_MAX
    assert all(run.entropy_production.value > 0 for run in measured)


@pytest.mark.parametrize("kind", [FixedLearningRate, FixedSphere])
def test_other_protocols_dissipate_as_predicted(x64, kind):
    """At any speed, with what is produced in the hold; on the fixed sphere only the direction lags."""
    start = State(gas(), temperature=0.1, volume=1.0, noise_scale=SIGMA)
    process = isochoric(start, temperature=0.3) if kind.fixes_radius else isothermal(start, volume=3.0)
    fine, coarse = (
        run_process(jax.random.key(3 + dt), process, kind, 8000 // dt, replicas=2048, hold=4000 // dt, dt=dt)
        for dt in (1, 2)
    )
    # What SGD is off by from its SDE, linear in dt, is taken away.
    produced = Estimate(2 * fine.entropy_production.values - coarse.entropy_production.values)
    predicted = process.evolve(kind, fine.duration, hold=4000).entropy_production[-1]
    assert_estimate(produced, predicted)
    with pytest.raises(AssertionError):
        assert_estimate(produced, 3 * predicted)


SCHEDULES = {
    "step": step(0.2, 0.05),
    "cosine": cosine(0.2, 0.05),
    "linear": linear(0.2, 0.05),
    "exponential": exponential(0.2, 0.05),
    "warm-up, stable, decay": warmup_stable_decay(0.2, 0.4, 0.05, warmup=0.1, decay=0.3),
}


def test_usual_schedules_are_irreversible(x64):
    """The second law for each; a sudden step dissipates most between the same ends without a detour."""
    produced = {}
    for i, (name, temperature) in enumerate(SCHEDULES.items()):
        process = scheduled(gas(), SIGMA, temperature=temperature, pressure=0.5)
        key = jax.random.fold_in(jax.random.key(5), i)
        run = run_process(key, process, FixedEffectiveLearningRate, 12_000, replicas=512, hold=6000)
        produced[name] = run.entropy_production
        assert produced[name].z_score(0.0) > Z_MAX, name
    for name in ("cosine", "linear", "exponential"):
        assert produced["step"].z_score_between(produced[name]) > Z_MAX, name
    # Even in log T is not the shortest way, but shorter than a cosine's.
    assert produced["exponential"].value < produced["cosine"].value


def test_the_whole_vector_does_the_same(x64):
    process = isobaric(warm(), temperature=0.2)
    runs = [
        run_process(jax.random.key(1), process, FixedEffectiveLearningRate, 2000, replicas=256, full=full)
        for full in (False, True)
    ]
    for quantity in ("work", "heat", "entropy_production"):
        score = getattr(runs[0], quantity).z_score_between(getattr(runs[1], quantity))
        assert abs(score) < Z_MAX, quantity
    assert abs(runs[0].work.z_score(process.work)) > Z_MAX  # it is fast, and that is seen


def test_the_entropy_of_the_ensemble(x64):
    process = isobaric(warm(), temperature=0.2)
    run = run_process(jax.random.key(2), process, FixedEffectiveLearningRate, 40_000, replicas=2048, save=10_000)
    entropy = run.entropy()
    assert abs(entropy.z_score(np.asarray(process.state(np.linspace(0, 1, 5)).entropy))[0]) < Z_MAX
    assert abs(entropy.z_score(np.asarray(process.start.entropy))[-1]) > Z_MAX


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"replicas": 12}, "replicas: got 12, expected a multiple of 8, as in replicas=256"),
        ({"num_steps": 0}, "num_steps: got 0"),
        ({"kind": "adam"}, r"protocol: got 'adam'.*run_process\(key, process, FixedLearningRate, num_steps=100\)"),
        (
            {"kind": "fixed-sphere"},
            r"protocol: got 'fixed-sphere'.*run_process\(key, process, FixedSphere, num_steps=100",
        ),
        ({"hold": -1}, "hold: got -1"),
        ({"save": 7}, "save: got 7"),
    ],
)
def test_wrong_arguments(arguments, message):
    given = {"kind": FixedEffectiveLearningRate, "num_steps": 100} | arguments
    with pytest.raises(ValueError, match=message):
        run_process(jax.random.key(0), isobaric(warm(), temperature=0.2), **given)


def test_legs_need_a_record_at_their_ends():
    process, _ = PROCESSES["carnot"]
    run = run_process(jax.random.key(0), process(), FixedEffectiveLearningRate, 400, replicas=8)
    with pytest.raises(ValueError, match="legs: got a record at every 400"):
        run.leg_heat()


def test_a_protocol_of_ones_own_is_run(x64):
    """A template from outside the package makes the same run as the class that it is like, bit for bit."""
    process = isobaric(warm(), temperature=0.2)
    template = LabelledLearningRate(1.0, 1.0, share=1.0)
    mine, known = (
        run_process(jax.random.key(4), process, kind, 64, replicas=64) for kind in (template, FixedLearningRate)
    )
    assert mine.protocol is template
    assert known.protocol is FixedLearningRate
    np.testing.assert_allclose(mine.record.work, known.record.work, rtol=1e-9)
    text = str(mine)
    assert text.startswith("ProcessRun of 64 replicas through isobaric under labelled-lr in 64 steps, d = 10\n  W = ")
    assert text.count(" loss") == 2
    assert text.endswith(" nat")
    assert str(mine.record).startswith("WorkRecord of 64 trajectories, shape (64,), at 2 times from 0 to 64 steps")
    assert str(mine.work) in text
    assert str(mine.work) in str(mine.record)
