"""Paths of equilibrium states: what is held, work and heat, cycles, schedules."""

import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.dynamics import FixedEffectiveLearningRate
from thermo_ideal.thermodynamics import CaloricallyPerfectGas, HelmholtzEnergy, State, VonMisesFisherGas
from thermo_ideal.thermodynamics import processes as p

GASES = {"perfect": CaloricallyPerfectGas, "von Mises–Fisher": VonMisesFisherGas}
S = np.linspace(0, 1, 7)


@pytest.fixture(params=GASES)
def start(request, x64):
    return State(GASES[request.param](11), temperature=0.05, volume=1.5, noise_scale=1.3)


LEGS = {
    "temperature": lambda start: p.isothermal(start, volume=3.0),
    "pressure": lambda start: p.isobaric(start, temperature=0.2),
    "volume": lambda start: p.isochoric(start, entropy=start.entropy - 1),
    "entropy": lambda start: p.isentropic(start, weight_decay=0.3),
}


@pytest.mark.parametrize("held", LEGS)
def test_what_is_held_is_held(start, held):
    process = LEGS[held](start)
    states = process.state(S)
    np.testing.assert_allclose(getattr(states, held), getattr(start, held), rtol=1e-12, atol=1e-12)
    other = {"temperature": "entropy", "pressure": "volume", "volume": "pressure", "entropy": "temperature"}[held]
    assert np.ptp(getattr(states, other)) > 0.01  # and the other is not


@pytest.mark.parametrize("held", LEGS)
def test_first_law(start, held):
    process = LEGS[held](start)
    assert np.isclose(process.energy_change, process.heat - process.work, rtol=1e-9, atol=1e-12)
    if held == "entropy":
        assert abs(process.heat) < 1e-9
    else:
        assert abs(process.heat) > 1e-3


def test_closed_forms(start):
    R, T, V = 5.0, 0.05, 1.5
    assert np.isclose(p.isothermal(start, volume=3.0).work, R * T * np.log(2), rtol=1e-12)
    assert np.isclose(p.isobaric(start, temperature=0.2).work, R * 0.15, rtol=1e-12)
    assert p.isochoric(start, temperature=0.2).work == 0
    n = 1.7
    polytrope = p.polytropic(start, n, volume=3.0)
    assert np.isclose(polytrope.work, R * T * (1 - 2 ** (1 - n)) / (n - 1), rtol=1e-12)
    for n, other in ((0, p.isobaric(start, volume=3.0)), (1, p.isothermal(start, volume=3.0))):
        assert np.isclose(p.polytropic(start, n, volume=3.0).work, other.work, rtol=1e-12)
    if isinstance(start.gas, CaloricallyPerfectGas):
        assert np.isclose(p.polytropic(start, 2, volume=2 * V).work, p.isentropic(start, volume=2 * V).work, rtol=1e-10)
        assert np.isclose(p.isentropic(start, volume=3.0).end.temperature, T / 2, rtol=1e-12)


def test_cycles(start):
    hot = start.moved(temperature=0.4, at="volume")
    cycle = p.carnot(hot, volume=4.0, temperature=0.1)
    assert cycle.kinds == ("isothermal", "isentropic", "isothermal", "isentropic")
    assert np.isclose(cycle.efficiency, 0.75, rtol=1e-10)  # of any gas
    assert np.isclose(cycle.work, cycle.heat, rtol=1e-10)
    assert abs(cycle.energy_change) < 1e-12
    assert abs(cycle.entropy_change) < 1e-9
    others = [
        p.stirling(hot, volume=4.0, temperature=0.1),
        p.otto(start, volume=0.75, temperature=0.3),
        p.brayton(start, pressure=0.5, temperature=0.3),
    ]
    assert np.isclose(others[0].work, 5 * 0.3 * np.log(4 / 1.5), rtol=1e-10)
    for cycle in others:
        hottest = max(float(state) for state in cycle.state(np.linspace(0, 1, 201)).temperature)
        coldest = min(float(state) for state in cycle.state(np.linspace(0, 1, 201)).temperature)
        assert 0 < cycle.efficiency < 1 - coldest / hottest
    if isinstance(start.gas, CaloricallyPerfectGas):
        assert np.isclose(others[1].efficiency, 1 - 0.75 / 1.5, rtol=1e-9)
        assert np.isclose(others[2].efficiency, 1 - (float(start.pressure) / 0.5) ** 0.5, rtol=1e-9)
    with pytest.raises(ValueError, match="expected a cycle"):
        _ = p.isothermal(start, volume=3.0).efficiency


@pytest.mark.parametrize("name", ["fixed-lr", "fixed-elr", "fixed-sphere"])
def test_the_schedule_settles_on_the_path(start, name):
    process = LEGS["pressure"](start) + p.isochoric(LEGS["pressure"](start).end, temperature=0.1)
    protocol = process.protocol(name, 100, hold=20)
    for step, fraction in ((0, 0.01), (49, 0.5), (74, 0.75), (99, 1.0), (119, 1.0)):
        there = State(
            start.gas,
            noise_scale=1.3,
            **{field: getattr(protocol, field)(step) for field in protocol.hyperparameters()},
        )
        wanted = process.state(fraction)
        np.testing.assert_allclose(there.temperature, wanted.temperature, rtol=1e-12)
        np.testing.assert_allclose(there.volume, wanted.volume, rtol=1e-12)
    first = process.initial(name)
    assert all(np.isclose(getattr(first, f), getattr(start, f), rtol=1e-12) for f in first.hyperparameters())


def test_states_are_in_the_order_of_their_fractions(x64):
    """Of two legs, each of more states than are evaluated in one call, in any shape and order."""
    start = State(CaloricallyPerfectGas(11), temperature=0.05, volume=1.5)
    heated = p.isochoric(start, temperature=0.1)
    process = heated + p.isothermal(heated.end, volume=3.0)
    s = np.random.default_rng(0).permutation(np.linspace(0, 1, 3000)).reshape(2, 1500)
    states = process.state(s)
    # Legs are even in the logarithm of what changes.
    np.testing.assert_allclose(states.temperature, 0.05 * 2 ** np.minimum(2 * s, 1), rtol=1e-12)
    np.testing.assert_allclose(states.volume, 1.5 * 2 ** np.maximum(2 * s - 1, 0), rtol=1e-12)


def test_shares_of_the_duration(start):
    process = LEGS["pressure"](start) + p.isochoric(LEGS["pressure"](start).end, temperature=0.1)
    assert process.shares == (0.5, 0.5)
    longer = process.timed(3, 1)
    assert np.isclose(longer.state(0.75).temperature, 0.2, rtol=1e-12)
    assert np.isclose(longer.work, process.work, rtol=1e-12)


def test_slowness_and_dissipation_are_those_of_the_relaxation_times(x64):
    """Of a cold gas the loss relaxes at `2η_eff`, the radius at `2ηλ` or `4ηλ`."""
    start = State(VonMisesFisherGas(11), temperature=1e-6, volume=1.0)
    compress = p.isothermal(start, volume=2.0)
    eta_lambda = float(start.learning_rate * start.pressure)
    assert np.isclose(compress.slowness("fixed-lr", 1e9), np.log(2) / (4 * eta_lambda * 1e9), rtol=1e-6)
    assert np.isclose(compress.slowness("fixed-elr", 1e9), np.log(2) / (2 * eta_lambda * 1e9), rtol=1e-6)
    assert compress.slowness("fixed-sphere", 1e9) < 1e-12
    expected = np.log(2) ** 2 / (2 * 4 * 1e-12 * 1e9)  # η = 4TV
    assert np.isclose(compress.entropy_production("fixed-lr", 1e9), expected, rtol=1e-6)
    heat = p.isochoric(start, temperature=2e-6)
    rate = np.log(2) ** 2 * 5 / 2 / 2e-6 * (1 - 0.5) / np.log(2)  # ∫ R (log 2)² e^{−s log 2} ds / 2η_eff
    assert np.isclose(heat.entropy_production("fixed-sphere", 1e9), rate / 1e9, rtol=1e-3)


def test_usual_schedules(x64):
    s = jnp.linspace(0, 1, 101)
    for shape in (p.linear(0.1, 0.01), p.exponential(0.1, 0.01), p.cosine(0.1, 0.01), p.step(0.1, 0.01)):
        values = shape(s)
        assert np.isclose(values[0], 0.1, rtol=1e-12)
        assert np.isclose(values[-1], 0.01, rtol=1e-12)
        assert bool(jnp.all(jnp.diff(values) <= 0))
    shape = p.warmup_stable_decay(0.01, 0.1, 0.02, warmup=0.2, decay=0.3)(s)
    assert np.allclose(shape[20:71], 0.1)
    assert np.isclose(shape[0], 0.01)
    assert np.isclose(shape[-1], 0.02)
    process = p.scheduled(VonMisesFisherGas(11), learning_rate=p.cosine(0.1, 0.01), weight_decay=0.01)
    assert np.isclose(process.energy_change, process.heat - process.work, rtol=1e-8)


def test_a_jump_has_ends_and_no_path(x64):
    process = p.scheduled(VonMisesFisherGas(11), temperature=p.step(0.2, 0.05), pressure=0.5)
    assert np.isclose(process.end.temperature, 0.05)
    assert process.entropy_change < 0
    for ask in (lambda: process.work, lambda: process.heat, lambda: process.slowness("fixed-elr", 1e4)):
        with pytest.raises(ValueError, match="got a scheduled leg that jumps"):
            ask()


def test_under_a_fixed_learning_rate_weight_decay_moves_along_the_adiabat(x64):
    decay = p.exponential(0.1, 0.01)
    process = p.scheduled(CaloricallyPerfectGas(11), learning_rate=0.1, weight_decay=decay)
    assert abs(process.heat) < 1e-9
    assert process.work > 0.01


def test_a_gas_of_ones_own(x64):
    gas = HelmholtzEnergy(lambda T, V: -5 * T * jnp.log(T * (V - 0.1)) - 0.5 / V, dimension=11)
    cycle = p.carnot(State(gas, temperature=2.0, volume=1.0), volume=2.0, temperature=1.0)
    assert np.isclose(cycle.efficiency, 0.5, rtol=1e-9)
    with pytest.raises(ValueError, match="which does not know its loss"):
        cycle.slowness("fixed-lr", 100)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda start: p.isothermal(start, temperature=0.2), "expected one other property"),
        (lambda start: p.isothermal(start), "expected one other property"),
        (lambda start: p.isobaric(start, volume=-1.0), r"volume: got -1\.0"),
        (lambda start: p.isentropic(start, learning_rate=0.1), "expected two properties that determine a state"),
        (
            lambda start: p.isothermal(start.moved(volume=np.ones(2), at="temperature"), volume=1.0),
            "expected one state",
        ),
        (
            lambda start: p.isothermal(start, volume=2.0) + p.isothermal(start, volume=3.0),
            "expected 2, where the first",
        ),
        (lambda start: p.isothermal(start, volume=2.0).timed(1, 2), "expected 1 numbers > 0"),
        (lambda start: p.isothermal(start, volume=2.0).state(1.5), "expected fractions of the duration"),
        (lambda start: p.isothermal(start, volume=2.0).state(np.zeros(0)), "s: got none, expected fractions"),
        (lambda start: p.isothermal(start, volume=2.0).protocol("fixed-lr", 0), "num_steps: got 0"),
        (lambda start: p.isothermal(start, volume=2.0).protocol("sgd", 10), "protocol: got 'sgd'"),
        (lambda start: p.scheduled(start.gas, temperature=0.1), "expected two properties that determine"),
        (lambda start: p.scheduled(start.gas, temperature=lambda s: s - 0.5, volume=1.0), "temperature: got -0.5"),
        (lambda start: p.step(0.1, 0.2, at=1.5), r"at: got 1\.5"),
        (lambda start: p.linear(0.1, -0.2), r"last: got -0\.2"),
        (lambda start: p.warmup_stable_decay(0.1, 0.2, 0.1, warmup=0.8, decay=0.7), "add up to 1 at most"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make(State(VonMisesFisherGas(11), temperature=0.05, volume=1.5))


def test_a_process_is_a_schedule_of_its_protocol(x64):
    start = State(VonMisesFisherGas(11), temperature=0.05, pressure=0.2)
    protocol = p.isobaric(start, temperature=0.1).protocol("fixed-elr", 10)
    assert isinstance(protocol, FixedEffectiveLearningRate)
    assert set(protocol.schedules) == {"effective_learning_rate", "weight_decay"}
