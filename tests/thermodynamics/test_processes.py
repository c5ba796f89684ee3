"""Paths of equilibrium states: what is held, work and heat, cycles, schedules."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import PROTOCOLS, LabelledLearningRate, ProportionalLearningRate
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
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
    with pytest.raises(ValueError, match=r"^efficiency: got .* expected a cycle"):
        _ = p.isothermal(start, volume=3.0).efficiency


def test_a_reversed_cycle_has_a_coefficient_of_performance(x64):
    """Of Carnot's, `T_cold/(T_hot − T_cold)`; an engine has none, and a refrigerator no efficiency."""
    cold = State(CaloricallyPerfectGas(11), temperature=0.1, volume=1.5)
    refrigerator = p.carnot(cold, volume=3.0, temperature=0.4)
    assert refrigerator.work < 0
    assert np.isclose(refrigerator.coefficient_of_performance, 0.1 / 0.3, rtol=1e-10)
    with pytest.raises(ValueError, match=r"^efficiency: got a cycle that takes up .*coefficient_of_performance"):
        _ = refrigerator.efficiency
    engine = p.carnot(cold.moved(temperature=0.4, at="volume"), volume=3.0, temperature=0.1)
    with pytest.raises(ValueError, match=r"^coefficient_of_performance: got a cycle that does .*efficiency"):
        _ = engine.coefficient_of_performance
    with pytest.raises(ValueError, match=r"^coefficient_of_performance: got a path that does not end"):
        _ = p.isothermal(cold, volume=3.0).coefficient_of_performance


@pytest.mark.parametrize("kind", PROTOCOLS.values())
def test_the_schedule_settles_on_the_path(start, kind):
    process = LEGS["pressure"](start) + p.isochoric(LEGS["pressure"](start).end, temperature=0.1)
    protocol = process.protocol(kind, 100, hold=20)
    for step, fraction in ((0, 0.01), (49, 0.5), (74, 0.75), (99, 1.0), (119, 1.0)):
        there = State(
            start.gas,
            noise_scale=1.3,
            **{field: getattr(protocol, field)(step) for field in protocol.hyperparameters()},
        )
        expected = process.state(fraction)
        np.testing.assert_allclose(there.temperature, expected.temperature, rtol=1e-12)
        np.testing.assert_allclose(there.volume, expected.volume, rtol=1e-12)
    first = process.initial(kind)
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
    assert np.isclose(compress.slowness(FixedLearningRate, 1e9), np.log(2) / (4 * eta_lambda * 1e9), rtol=1e-6)
    assert np.isclose(compress.slowness(FixedEffectiveLearningRate, 1e9), np.log(2) / (2 * eta_lambda * 1e9), rtol=1e-6)
    assert compress.slowness(FixedSphere, 1e9) < 1e-12
    expected = np.log(2) ** 2 / (2 * 4 * 1e-12 * 1e9)  # η = 4TV
    assert np.isclose(compress.slow_entropy_production(FixedLearningRate, 1e9), expected, rtol=1e-6)
    heat = p.isochoric(start, temperature=2e-6)
    rate = np.log(2) ** 2 * 5 / 2 / 2e-6 * (1 - 0.5) / np.log(2)  # ∫ R (log 2)² e^{−s log 2} ds / 2η_eff
    assert np.isclose(heat.slow_entropy_production(FixedSphere, 1e9), rate / 1e9, rtol=1e-3)


def test_usual_schedules(x64):
    s = jnp.linspace(0, 1, 101)
    for schedule in (p.linear(0.1, 0.01), p.exponential(0.1, 0.01), p.cosine(0.1, 0.01), p.step(0.1, 0.01)):
        values = schedule(s)
        assert np.isclose(values[0], 0.1, rtol=1e-12)
        assert np.isclose(values[-1], 0.01, rtol=1e-12)
        assert bool(jnp.all(jnp.diff(values) <= 0))
    values = p.warmup_stable_decay(0.01, 0.1, 0.02, warmup=0.2, decay=0.3)(s)
    assert np.allclose(values[20:71], 0.1)
    assert np.isclose(values[0], 0.01)
    assert np.isclose(values[-1], 0.02)
    process = p.scheduled(VonMisesFisherGas(11), learning_rate=p.cosine(0.1, 0.01), weight_decay=0.01)
    assert np.isclose(process.energy_change, process.heat - process.work, rtol=1e-8)


def test_a_jump_has_ends_and_no_path(x64):
    process = p.scheduled(VonMisesFisherGas(11), temperature=p.step(0.2, 0.05), pressure=0.5)
    assert np.isclose(process.end.temperature, 0.05)
    assert process.entropy_change < 0
    for ask in (lambda: process.work, lambda: process.heat, lambda: process.slowness(FixedSphere, 1e4)):
        with pytest.raises(ValueError, match="got a scheduled leg that jumps"):
            ask()
    assert "W =" not in repr(process)
    assert "ΔS = " in repr(process)


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
        cycle.slowness(FixedSphere, 100)
    # With weight decay SGD has pV = RT, and does not follow a gas that has not.
    with pytest.raises(ValueError, match="protocol: got FixedLearningRate with a stationary radius"):
        cycle.protocol(FixedLearningRate, 100)
    assert set(cycle.protocol(FixedSphere, 100).schedules) == {"effective_learning_rate", "radius"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda start: p.isothermal(start, temperature=0.2), "moved: got temperature to change while temperature"),
        (lambda start: p.isothermal(start), "moved: got nothing to change while temperature"),
        (lambda start: p.isobaric(start, volume=-1.0), r"volume: got -1\.0"),
        (lambda start: p.isentropic(start, learning_rate=0.1), "state: got entropy and learning_rate, expected two"),
        (
            lambda start: p.isothermal(start.moved(volume=np.ones(2), at="temperature"), volume=1.0),
            r"start: got states of shape \(2,\), expected one",
        ),
        (lambda start: p.isothermal(start, volume=2.0) + p.isothermal(start, volume=3.0), r"volume = 1\.5, expected 2"),
        (lambda start: p.isothermal(start, volume=2.0).timed(1, 2), r"shares: got \(1, 2\), expected 1"),
        (lambda start: p.isothermal(start, volume=2.0).state(1.5), r"s: got 1\.5 to 1\.5, expected fractions"),
        (lambda start: p.isothermal(start, volume=2.0).state(np.zeros(0)), "s: got none, expected fractions"),
        (lambda start: p.isothermal(start, volume=2.0).protocol(FixedSphere, 0), "num_steps: got 0"),
        (
            lambda start: p.isothermal(start, volume=2.0).protocol("sgd", 10),
            r"protocol: got 'sgd'.*process\.protocol\(",
        ),
        (lambda start: p.isothermal(start, volume=2.0).initial("sgd"), r"protocol: got 'sgd'.*process\.initial\("),
        (lambda start: p.isothermal(start, volume=2.0).slowness("sgd", 9), r"protocol: got 'sgd'.*process\.slowness\("),
        (
            lambda start: p.isothermal(start, volume=2.0).entropy_production("fixed-sphere", 9),
            r"protocol: got 'fixed-sphere'.*process\.entropy_production\(FixedSphere, 9\)",
        ),
        (lambda start: p.isothermal(start, volume=2.0).protocol(ProportionalLearningRate, 9), "factor: got"),
        (lambda start: p.scheduled(start.gas, temperature=0.1), "state: got temperature, expected two"),
        (lambda start: p.scheduled(start.gas, temperature=lambda s: s - 0.5, volume=1.0), "temperature: got -0.5"),
        (lambda start: p.polytropic(start, float("nan"), volume=2.0), r"exponent: got nan, expected a finite number"),
        (lambda start: p.polytropic(start, float("inf"), volume=2.0), "exponent: got inf"),
        (lambda start: p.polytropic(start, "two", volume=2.0), "exponent: got 'two'"),
        (
            lambda start: p.polytropic(start, np.array([1, 2]), volume=2.0),
            r"exponent: got shape \(2,\), expected one number",
        ),
        (lambda start: p.polytropic(start, 2, volume=float("nan")), "volume: got nan"),
        (lambda start: p.polytropic(start, 1e6, volume=2.0), r"pressure: got 0\.0"),
        *(
            (lambda start, path=path: path(start, volume=float("nan")), "volume: got nan")
            for path in (p.isothermal, p.isobaric, p.isentropic)
        ),
        (lambda start: p.isochoric(start, temperature=float("nan")), "temperature: got nan"),
        (
            lambda start: p.isothermal(start, volume=np.array([1.0, 2.0])),
            r"volume: got shape \(2,\), expected one number",
        ),
        (lambda start: p.isothermal(start, volume=2.0).timed(float("nan")), r"shares: got \(nan,\)"),
        (lambda start: p.isothermal(start, volume=2.0).timed(float("inf")), r"shares: got \(inf,\)"),
        (lambda start: p.isothermal(start, volume=2.0).state(float("nan")), "s: got nan"),
        (lambda start: p.isothermal(start, volume=2.0).slowness(FixedSphere, float("nan")), "duration: got nan"),
        (lambda start: p.isothermal(start, volume=2.0).entropy_production(FixedSphere, 0.0), r"duration: got 0\.0"),
        (lambda start: p.carnot(start, volume=2.0, temperature=float("nan")), "temperature: got nan"),
        (lambda start: p.step(0.1, 0.2, at=float("nan")), "at: got nan"),
        (lambda start: p.cosine(0.1, float("nan")), "last: got nan"),
        (
            lambda start: (
                p.scheduled(
                    start.gas, temperature=lambda s: jnp.where((s > 0.501) & (s < 0.505), jnp.nan, 0.1), volume=1.0
                ).work
            ),
            r"process: got a scheduled leg with temperature = nan after a fraction of 0\.50",
        ),
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
    protocol = p.isobaric(start, temperature=0.1).protocol(FixedEffectiveLearningRate, 10)
    assert isinstance(protocol, FixedEffectiveLearningRate)
    assert set(protocol.schedules) == {"effective_learning_rate", "weight_decay"}


def test_a_template_keeps_its_static_fields(x64):
    """Of a protocol from outside the package: its schedule, its start, and the rates along the path."""
    start = State(VonMisesFisherGas(11), temperature=0.05, pressure=0.2)
    process, template = p.isobaric(start, temperature=0.1), LabelledLearningRate(1.0, 1.0, share=1.0)
    protocol = process.protocol(template, 10)
    assert protocol.share == 1.0
    known = process.protocol(FixedLearningRate, 10)
    for name in ("learning_rate", "weight_decay"):
        np.testing.assert_allclose(getattr(protocol, name).values, getattr(known, name).values, rtol=1e-14)
        assert getattr(process.initial(template), name) == getattr(start.protocol(FixedLearningRate), name)
    for ask in (process.slowness, process.slow_entropy_production, process.entropy_production):
        assert np.isclose(ask(template, 1e4), ask(FixedLearningRate, 1e4), rtol=1e-9)
    with pytest.raises(ValueError, match="protocol: got LabelledLearningRate with a stationary radius"):
        process.protocol(LabelledLearningRate(1.0, 1.0, share=0.5), 10)


def test_print(x64):
    start = State(VonMisesFisherGas(11), temperature=0.05, pressure=0.2)
    heated = p.isobaric(start, temperature=0.1)
    text = str(heated + p.isochoric(heated.end, temperature=0.05))
    assert text.splitlines()[:3] == [
        "Process: isobaric, isochoric",
        "  from T = 0.05 loss, V = 1.25 weight^2, p = 0.2 loss/weight^2",
        "  to   T = 0.05 loss, V = 2.5 weight^2, p = 0.1 loss/weight^2",
    ]
    assert "W = 0.25 loss" in text  # R ΔT
    assert len(text) < 400
