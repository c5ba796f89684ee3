"""The law of a gas under a schedule at any speed, against closed forms and exact relaxation rates."""

import numpy as np
import pytest

from thermo_ideal.distributions import Zonal, zonal_relaxation
from thermo_ideal.dynamics import FixedLearningRate, FixedSphere, ZonalLoss
from thermo_ideal.thermodynamics import State, VonMisesFisherGas, ZonalGas
from thermo_ideal.thermodynamics import processes as p


def quench(gas, first, last, **step):
    return p.scheduled(gas, temperature=p.step(first, last, **step), volume=0.5, noise_scale=1.0)


@pytest.mark.parametrize("d", [2, 3, 1001])
def test_a_cold_quench(d):
    """A cold law stays one: `θ = T + (θ₀ − T)e^{−2s}`, `Σ = R (log(θ/θ₀) − (θ − θ₀)/T)` in the time `s = Σ η_eff`."""
    hot, cold = 1e-5 / d, 1e-6 / d
    s = 2 * cold * 2e5 * d
    evolution = quench(VonMisesFisherGas(d), hot, cold, at=0.2).evolve(FixedSphere, 2.5e5 * d)
    theta = cold + (hot - cold) * np.exp(-2 * s)
    assert evolution.effective_temperature[-1] == pytest.approx(theta, rel=1e-4)
    expected = (d - 1) / 2 * (np.log(theta / hot) - (theta - hot) / cold)
    assert evolution.entropy_production[-1] == pytest.approx(expected, rel=1e-4)
    assert evolution.error < 1e-6 * expected
    rest = (d - 1) / 2 * (np.log(cold / theta) - (cold - theta) / cold)
    assert evolution.relaxation == pytest.approx(rest, rel=1e-3)
    assert (np.diff(evolution.entropy_production) > -1e-9 * expected).all()


def test_the_radius_has_its_closed_form():
    """At a learning rate that jumps, `r⁴` relaxes at the rate `4ηλ`; the work is `λ ΔV`."""
    process = p.scheduled(VonMisesFisherGas(101), learning_rate=p.step(0.1, 0.02, at=0.25), weight_decay=0.01)
    evolution = process.evolve(FixedLearningRate, 800)
    start, end = (0.1 * 100 / 0.02, 0.02 * 100 / 0.02)  # r⁴ = ησ²(d − 1)/2λ
    fourth = end + (start - end) * np.exp(-4 * 0.02 * 0.01 * 600)
    assert 4 * evolution.volume[-1] ** 2 == pytest.approx(fourth, rel=1e-5)
    assert evolution.work[-1] == pytest.approx(0.01 * (evolution.volume[-1] - evolution.volume[0]), rel=1e-6)
    assert evolution.heat[-1] == pytest.approx(np.ptp(evolution.internal_energy[[0, -1]]) * -1 + evolution.work[-1])


@pytest.mark.parametrize(("d", "temperature"), [(2, 0.5), (3, 0.2), (50, 0.1)])
def test_the_last_of_a_relaxation_has_the_spectral_gap(d, temperature):
    gap = zonal_relaxation(Zonal.linear(d, temperature)).zonal_gap
    duration = 12 / (2 * temperature * gap)
    evolution = quench(VonMisesFisherGas(d), 2 * temperature, temperature, at=0.01).evolve(FixedSphere, duration)
    settled = State(VonMisesFisherGas(d), temperature=temperature, volume=0.5).internal_energy
    excess = evolution.internal_energy - float(settled)
    late = (evolution.time > 0.4 * duration) & (evolution.time < 0.7 * duration)
    slope = np.polyfit(evolution.time[late], np.log(excess[late]), 1)[0]
    assert -slope / (2 * temperature) == pytest.approx(gap, rel=2e-3)


def test_slow_schedules_have_the_slow_limit():
    process = p.scheduled(VonMisesFisherGas(11), temperature=p.exponential(0.2, 0.1), volume=0.5, noise_scale=1.0)
    for duration, within in ((1e4, 2e-2), (1e5, 5e-3)):
        slow = process.slow_entropy_production(FixedSphere, duration)
        assert process.entropy_production(FixedSphere, duration) == pytest.approx(slow, rel=within)
    assert process.entropy_production(FixedSphere, 10.0) < process.slow_entropy_production(FixedSphere, 10.0) * 0.8


def test_a_decay_to_zero_produces_a_finite_entropy():
    """In the last steps the bath is as cold as one likes, but it takes no heat: `η_eff/T` stays `2/σ²`."""
    process = p.scheduled(VonMisesFisherGas(11), temperature=p.linear(0.1, 0.0), volume=0.5, noise_scale=1.0)
    evolution = process.evolve(FixedSphere, 100.0)
    assert evolution.temperature[-1] == 0
    assert evolution.relaxation == np.inf
    assert 0 < evolution.entropy_production[-1] < 100
    assert evolution.error < 1e-5 * evolution.entropy_production[-1]


def test_a_warm_up_from_zero_needs_a_start():
    warmup = p.warmup_stable_decay(0.0, 0.1, 0.0, warmup=0.2, decay=0.2)
    gas = VonMisesFisherGas(11)
    process = p.scheduled(gas, temperature=warmup, volume=0.5, noise_scale=1.0)
    with pytest.raises(ValueError, match=r"start: got a path that starts at rest.*start=State"):
        process.entropy_production(FixedSphere, 100.0)
    evolution = process.evolve(FixedSphere, 100.0, start=State(gas, temperature=0.05, volume=0.5))
    assert evolution.entropy_production[-1] > 0
    assert (evolution.temperature[[0, -1]] < 1e-15).all()


def test_a_double_well():
    """Another loss than the package's, in the two wells of a quench."""
    gas = ZonalGas(ZonalLoss(lambda m: 1 - m**2), 3, temperature=(0.05, 2.0))
    evolution = quench(gas, 1.0, 0.2, at=0.1).evolve(FixedSphere, 60.0)
    assert evolution.error < 1e-4 * evolution.entropy_production[-1]
    total = evolution.entropy_production[-1] + evolution.relaxation
    hot, cold = (State(gas, temperature=T, volume=0.5) for T in (1.0, 0.2))
    expected = cold.entropy - hot.entropy - (cold.internal_energy - hot.internal_energy) / 0.2
    assert total == pytest.approx(float(expected), rel=1e-4)


def test_what_polynomials_do_not_follow_is_said():
    """A law at one pole of a cold double well, which the other pole's law is no polynomial away from."""
    gas = ZonalGas(ZonalLoss(lambda m: -(m**2) - 0.3 * m), 3, temperature=(0.01, 5.0))
    with pytest.raises(ArithmeticError, match="process: "):
        quench(gas, 4.0, 0.012, at=0.1).entropy_production(FixedSphere, 100.0)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda process: process.evolve("fixed-sphere", 9), r"protocol: got 'fixed-sphere'"),
        (lambda process: process.evolve(FixedSphere, -1.0), r"duration: got -1\.0"),
        (lambda process: process.evolve(FixedSphere, 9, hold=-1.0), r"hold: got -1\.0"),
    ],
)
def test_wrong_arguments(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(quench(VonMisesFisherGas(3), 0.2, 0.1))
