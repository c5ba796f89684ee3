"""Schedules that thermodynamics prescribes, against closed forms, brute force and second differences."""

import numpy as np
import pytest
import scipy

from thermo_ideal.dynamics import FixedSphere, ZonalLoss
from thermo_ideal.thermodynamics import (
    CaloricallyPerfectGas,
    HarmonicGas,
    State,
    TabulatedGas,
    VonMisesFisherGas,
    ZonalGas,
)
from thermo_ideal.thermodynamics import processes as p

N = 32  # of the gases that are not cold: one size is compiled


def at_rate(gas, rate=0.1, **other):
    return State(gas, effective_learning_rate=rate, **({"radius": 1.0} | other))


def wsd(s):
    return np.where(s > 0.8, 0.1 * (1 - s) / 0.2, 0.1)


def test_fastest_cooling_of_a_cold_gas():
    """`1/U_N = 1/U_0 + N/(Rσ²)`, from `U_0 = Rσ² η/(2 − η)`, and how much worse the usual schedules are."""
    start = at_rate(CaloricallyPerfectGas(1001))
    best = p.fastest_cooling(start, 1000)
    U = best.internal_energy
    assert U[-1] / U[0] == pytest.approx(1 / (1 + 1000 * 0.1 / 1.9), rel=1e-7)
    assert U[-1] / U[0] == pytest.approx(0.0186457, abs=5e-8)
    assert best.effective_learning_rate == pytest.approx(U[:-1] / (U[:-1] + 500), rel=1e-12)
    usual = {"constant": lambda s: 0.1 + 0 * s, "linear": p.linear(0.1, 0), "cosine": p.cosine(0.1, 0), "WSD": wsd}
    comparison = p.compare_schedules(start, {"fastest": best, **usual}, 1000)
    ratios = comparison.final_energy / comparison.final_energy[0]
    assert ratios == pytest.approx([1, 53.6, 4.53, 3.71, 10.2], rel=2e-3)
    assert comparison.excess_energy[1] == pytest.approx(0, abs=1e-9)
    assert comparison.excess_energy[2] == comparison.final_energy[2]  # nothing is left in equilibrium at η = 0
    many = p.compare_schedules(start, {"fastest": p.fastest_cooling(start, 10_000), **usual}, 10_000)
    assert many.final_energy / many.final_energy[0] == pytest.approx([1, 527, 14, 8.0, 31], rel=0.02)


def second_differences(law, rates, size=0.05, directions=12):
    """By how much, relative, `U_N` rises both ways along smooth and along rough changes of `log η`."""
    rng, n = np.random.default_rng(0), rates.size
    waves = [np.cos(np.pi * k * (np.arange(n) + 0.5) / n) for k in range(directions // 2)]
    rises = []
    for change in [*waves, *rng.standard_normal((directions // 2, n))]:
        energies = [law.run(rates * np.exp(e * size * change)).energy[-1] for e in (-1, 0, 1)]
        rises.append([energies[0] / energies[1] - 1, energies[2] / energies[1] - 1])
    return np.array(rises)


def test_no_perturbation_is_better_when_cold():
    start = at_rate(CaloricallyPerfectGas(1001))
    law = start.gas.step_law(float(start.temperature), 1.0)
    best = p.fastest_cooling(start, 1000).effective_learning_rate
    assert (second_differences(law, best) > 0).all()
    cosine = p.compare_schedules(start, {"cosine": p.cosine(0.1, 1e-4)}, 1000).effective_learning_rate["cosine"]
    assert not (second_differences(law, cosine) > 0).all()


def test_several_curvatures():
    """The optimum against that of another optimiser on the closed form of a short run, and its second differences."""
    h, n = np.array([1.0, 0.3, 0.02]), np.array([20.0, 30.0, 50.0])
    start = at_rate(HarmonicGas(h, n))
    law = start.gas.step_law(float(start.temperature), 1.0)
    best, greedy = (p.fastest_cooling(start, 100, rule=rule) for rule in ("optimal", "greedy"))
    assert (second_differences(law, best.effective_learning_rate) > 0).all()
    assert not (second_differences(law, greedy.effective_learning_rate) > 0).all()
    assert best.internal_energy[-1] < 0.995 * greedy.internal_energy[-1]

    def final(log_rates):
        v = 0.1 / (h * (2 - 0.1 * h))
        for rate in np.exp(log_rates):
            v = (1 - rate * h) ** 2 * v + rate**2
        return n * h @ v / 2

    found = scipy.optimize.minimize(final, np.full(6, np.log(0.05)), method="BFGS", options={"gtol": 1e-9})
    short = p.fastest_cooling(start, 6)
    assert short.internal_energy[-1] == pytest.approx(found.fun, rel=1e-7)  # 0.1 in single precision
    assert np.log(short.effective_learning_rate) == pytest.approx(found.x, abs=2e-3)


def test_the_price_of_a_step():
    """Derivatives by every step against differences, of modes and of the chain of a hot gas."""
    for gas in (HarmonicGas([1.0, 0.1], noise_variances=[3.0, 1.0]), VonMisesFisherGas(10)):
        law, rng = gas.step_law(0.05, 1.0), np.random.default_rng(1)
        log_rates = np.log(0.1) - rng.random(N)
        slope = law.final_energy(log_rates)[1]
        for k in (0, N // 2, N - 1):
            e = 1e-5 * np.eye(N)[k]
            around = [law.run(np.exp(log_rates + sign * e)).energy[-1] for sign in (-1, 1)]
            assert slope[k] == pytest.approx((around[1] - around[0]) / 2e-5, rel=1e-5, abs=1e-10)


def test_a_hot_gas():
    """The toy at `T(d − 1) = 50`, in steps of 3 radians: the numerical optimum is what the greedy rule finds."""
    start = at_rate(VonMisesFisherGas(1000))
    best, greedy = (p.fastest_cooling(start, N, rule=rule) for rule in ("optimal", "greedy"))
    law = best._law
    assert best.internal_energy[-1] <= greedy.internal_energy[-1] * (1 + 1e-12)
    assert best.internal_energy[-1] == pytest.approx(greedy.internal_energy[-1], rel=1e-6)
    assert (second_differences(law, best.effective_learning_rate, size=0.3) > 0).all()
    usual = {"cosine": p.cosine(0.1, 0.0), "constant": lambda s: 0.1 + 0 * s}
    comparison = p.compare_schedules(start, usual, N)
    assert (comparison.final_energy > 1.02 * best.internal_energy[-1]).all()


def test_greedy_is_not_the_best_of_a_hot_gas_in_a_steep_well():
    gas = ZonalGas(ZonalLoss(lambda u: u**2, argument="depth"), 3, temperature=(1e-3, 2.0))
    start = at_rate(gas, 0.5)
    best, greedy = (p.fastest_cooling(start, N, rule=rule) for rule in ("optimal", "greedy"))
    assert best.internal_energy[-1] < 0.999 * greedy.internal_energy[-1]
    assert (second_differences(best._law, best.effective_learning_rate, directions=6) > 0).all()


def test_the_chain_is_that_of_the_stationary_law():
    """Steps of one length stay in the discrete stationary law, and settle in it from elsewhere (THEORY's figures)."""
    for d, rate, energy in ((3, 0.05, 0.02554100), (10, 0.2, 0.35478930), (50, 0.02, 0.21683661)):
        law = VonMisesFisherGas(d).step_law(rate / 2, 1.0)
        found = law.run(np.full(N, rate)).energy
        assert found == pytest.approx(energy, rel=2e-6)
        assert law.stationary_energy(rate) == pytest.approx(energy, rel=2e-6)


def test_small_steps_are_the_evolution():
    """Against the Fokker–Planck equation, in its own basis and with its own integrator."""
    gas, num_steps = VonMisesFisherGas(11), 2048
    process = p.scheduled(gas, temperature=p.exponential(0.05, 0.01), volume=0.5, noise_scale=7.0)
    evolution = process.evolve(FixedSphere, num_steps)
    start = State(gas, temperature=0.05, volume=0.5, noise_scale=7.0)
    table = process.protocol(FixedSphere, num_steps).effective_learning_rate.values
    comparison = p.compare_schedules(start, {"exponential": np.asarray(table)}, num_steps)
    assert comparison.final_energy[0] == pytest.approx(evolution.internal_energy[-1], rel=2e-3)
    assert comparison.entropy_production[0] == pytest.approx(evolution.entropy_production[-1], rel=5e-3)


def test_cost_of_an_energy():
    start = at_rate(CaloricallyPerfectGas(101))
    schedules = {"linear": p.linear(0.1, 0.0), "constant": lambda s: 0.1 + 0 * s, "table": np.full(100, 0.1)}
    target = 0.5
    comparison = p.compare_schedules(start, schedules, 100, energy=target)
    n = int(comparison.steps_to_energy[0])
    here, before = (p.compare_schedules(start, {"x": schedules["linear"]}, k).final_energy[0] for k in (n, n - 1))
    assert here <= target < before
    assert np.isinf(comparison.steps_to_energy[1])
    assert np.isnan(comparison.steps_to_energy[2])
    assert "linear" in repr(comparison)
    assert "<table>" in comparison._repr_html_()


def test_inverse_design_of_a_slow_schedule():
    """Along `T ∝ √(ηλ)` at a fixed learning rate, and along `η = η_eff r²` at a fixed radius."""
    start = State(CaloricallyPerfectGas(101), learning_rate=0.1, weight_decay=0.01)
    schedule = p.least_dissipation(start, to=start.temperature / 2, num_steps=20_000)
    held = schedule.fixed_learning_rate("learning_rate")
    settled = State(start.gas, learning_rate=0.1, weight_decay=float(held.weight_decay.values[-1]))
    assert settled.temperature == pytest.approx(schedule.temperature[-1], rel=0.02)
    radius = schedule.fixed_learning_rate("radius")
    ratio = np.asarray(radius.learning_rate.values) / schedule.effective_learning_rate
    assert ratio == pytest.approx(float(start.radius) ** 2, rel=1e-5)
    with pytest.raises(ValueError, match=r"hold: got 'learning_rate', which asks for r² to change .*type schedule"):
        p.fastest_cooling(start, 10).fixed_learning_rate("learning_rate")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: p.fastest_cooling(0.1, 10), r"state: got 0\.1, expected one State"),
        (lambda s: p.fastest_cooling(s, 0), r"num_steps: got 0"),
        (lambda s: p.fastest_cooling(s, 10, rule="best"), r"rule: got 'best'"),
        (lambda s: p.least_dissipation(s, to=-1.0, num_steps=9), r"to: got -1"),
        (lambda s: p.least_dissipation(s, to=s, num_steps=9), r"to: got 0\.05, the temperature of the start"),
        (lambda s: p.compare_schedules(s, {}, 9), r"schedules: got \{\}"),
        (lambda s: p.compare_schedules(s, {"a": np.ones(3)}, 9), r"a: got shape \(3,\)"),
        (lambda s: p.compare_schedules(s, {"a": np.full(9, np.nan)}, 9), r"a: got nan"),
        (lambda s: p.compare_schedules(s, {"a": np.zeros(9)}, 9), r"a, its largest: got 0"),
        (lambda s: p.fastest_cooling(s, 9).fixed_learning_rate("r"), r"hold: got 'r'"),
        (lambda s: HarmonicGas([30.0]).step_law(0.05, 1.0), r"effective_learning_rate: got 0\.1"),
        (lambda s: HarmonicGas([1.0, -1.0]), r"curvatures: got -1"),
        (lambda s: HarmonicGas([1.0], counts=[1.0, 2.0]), r"counts: got shape \(2,\)"),
    ],
)
def test_wrong_arguments(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(at_rate(CaloricallyPerfectGas(11)))


def test_a_gas_without_a_loss_says_so():
    T = np.geomspace(0.01, 1, 40)
    gas = TabulatedGas(T, 5 * T, 11, direction_entropy=0.0)
    with pytest.raises(ValueError, match=r"does not know its loss"):
        p.fastest_cooling(State(gas, temperature=0.1, volume=1.0), 10)
