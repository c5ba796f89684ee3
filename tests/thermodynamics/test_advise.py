"""What a recipe is as a gas: against formulas written out here, steps counted one by one, and simulated weights."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import Z_MAX, assert_rejects
from tests.support.systems import HeavyBall as UnknownRule
from thermo_ideal._expressions import Algebra, parse
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
    PlainUpdate,
    VonMisesFisherLoss,
    ZonalLoss,
)
from thermo_ideal.thermodynamics import advise, equilibrium
from thermo_ideal.thermodynamics.processes import cosine

ETA, DECAY, BETA, D, TRACE = 0.1, 5e-4, 0.9, 11e6, 6250.0
SGDM = FixedLearningRate(ETA, DECAY), HeavyBall(BETA)
ADAMW = FixedLearningRate(6e-4, 0.1), AdamW(0.9, 0.95)
RULES = {
    "plain": (FixedLearningRate(ETA, DECAY), PlainUpdate()),
    "heavy ball": SGDM,
    "Nesterov": (FixedLearningRate(ETA, DECAY), Nesterov(0.8)),
    "AdamW": ADAMW,
    "AdamW, independent": (FixedLearningRate(6e-4, 6e-5), AdamW(0.8, independent=True)),
    "plain, sphere": (FixedSphere(2e-6, 5.0), PlainUpdate()),
    "heavy ball, sphere": (FixedSphere(2e-6, 5.0), HeavyBall(BETA)),
    "Nesterov, sphere": (FixedSphere(2e-6, 5.0), Nesterov(BETA)),
    "Hyperball": (FixedSphere(1e-3, 5.0), Hyperball(0.7)),
    "fixed effective": (FixedEffectiveLearningRate(1e-5, 1e-3), HeavyBall(0.5)),
}
STEPS = 400
NUMBERS = Algebra(float, math.pi, {"sqrt": math.sqrt}, lambda f, *x: f(*x), lambda *_: math.nan)


def values(advice):
    return {word: value for word, (_, value) in advice.rows.items()}


def assert_values(advice, expected, rtol=1e-9):
    for word, value in expected.items():
        np.testing.assert_allclose(advice[word], value, rtol=rtol, err_msg=word)


def test_heavy_ball_by_hand():
    """β forgotten in the noise, in the decay, or in the step is noticed."""

    def by_hand(long_run, step):
        eta, sigma = ETA / long_run, math.sqrt(TRACE / (D - 1))
        radius = (eta * TRACE / (2 * DECAY)) ** 0.25
        return {
            "stationary_radius": radius,
            "temperature": eta / radius**2 * sigma**2 / 2,
            "temperature_by_noise": eta / radius**2 * sigma / 2,
            "angle_per_step": ETA / radius**2 * math.sqrt(TRACE / step),
            "direction_memory": 1 / (eta * DECAY),
            "radius_relaxation_time": 1 / (4 * eta * DECAY),
            "radius_by_stationary": 40 / radius,
            "temperature_now": eta / 40**2 * sigma**2 / 2,
            "loss_relaxation_time": 1 / (2 * eta / radius**2 * 3),
        }

    advice = advise(*SGDM, dimension=D, noise_trace=TRACE, norm=40.0, curvature=3.0)
    assert_values(advice, by_hand(1 - BETA, 1 - BETA**2))
    assert_rejects(assert_values, advice, by_hand(1.0, 1 - BETA**2))
    assert_rejects(assert_values, advice, by_hand(1 - BETA, 1.0))
    assert np.isclose(advice["angle_per_step"], math.sqrt(2 * ETA * DECAY / (1 + BETA)))


def test_adamw_by_hand():
    def by_hand(decay):
        radius = math.sqrt(6e-4**2 * D / (2 * decay))
        return {
            "stationary_radius": radius,
            "angle_per_step": math.sqrt(2 * decay * 0.1 / 1.9),
            "radius_relaxation_time": 1 / (2 * decay),
            "temperature_by_noise": math.sqrt(decay / (2 * (D - 1))),
        }

    advice = advise(*ADAMW, dimension=D)
    assert_values(advice, by_hand(6e-4 * 0.1))
    assert_rejects(assert_values, advice, by_hand(0.1))  # the convention swapped
    independent = advise(FixedLearningRate(6e-4, 0.1), AdamW(0.9, 0.95, independent=True), dimension=D)
    assert_values(independent, by_hand(0.1))


@pytest.mark.parametrize("name", RULES)
def test_formulas_give_the_numbers(name):
    protocol, rule = RULES[name]
    advice = advise(protocol, rule, dimension=1001, noise_trace=TRACE, norm=3.0, batch=8, curvature=2.0)
    found = values(advice)
    radius = jnp.asarray(found["stationary_radius"])
    names = {q.name: x for q, x in advice.rows.values()} | {"d": 1001.0, "norm": 3.0, "h": 2.0, "B": 8.0}
    names |= {
        "eta": float(protocol.learning_rate_at(radius)),
        "lambda": float(protocol.weight_decay_at(radius)),
        "beta": float(getattr(rule, "momentum", 0.0)),
        "beta_1": float(getattr(rule, "first_decay", 0.0)),
    }
    own = names | {"eta_eff": float(protocol.effective_learning_rate_at(radius))}
    checked = 0
    for quantity, value in advice.rows.values():
        if quantity.formula:
            assert np.isclose(parse(quantity.formula, own, NUMBERS), value, rtol=2e-6), quantity.word
            checked += 1
    assert checked >= len(found) - 3


@pytest.mark.parametrize("name", ["Nesterov", "AdamW, independent", "Hyperball", "fixed effective"])
def test_temperatures_are_those_of_equilibrium(name):
    protocol, rule = RULES[name]
    sigma = 2.0
    advice = advise(protocol, rule, dimension=101, noise_trace=100 * sigma**2)
    state = equilibrium(SGD(VonMisesFisherLoss(), IsotropicNoise(sigma), protocol, rule), 101)
    assert_values(advice, {"temperature": state.temperature, "stationary_radius": state.radius}, rtol=1e-4)


@pytest.mark.parametrize(
    ("rule", "protocol"),
    [
        (HeavyBall(0.8), FixedLearningRate(0.02, 0.05)),
        (Nesterov(0.8), FixedLearningRate(0.02, 0.05)),
        (AdamW(0.8, 0.99), FixedLearningRate(0.01, 0.05)),
    ],
    ids=["heavy ball", "Nesterov", "AdamW"],
)
def test_the_angle_of_simulated_steps(rule, protocol):
    """Without a loss, from the stationary radius; the angle without a memory is rejected."""
    d = 64
    sgd = SGD(ZonalLoss(lambda m: 0 * m, jnp.eye(d)[0]), IsotropicNoise(), protocol, rule)
    advice = advise(protocol, rule, dimension=d, noise_trace=d - 1.0)
    start = advice["stationary_radius"] * jax.random.normal(jax.random.key(1), (32, d)) / math.sqrt(d)

    def step(carry, normal):
        position, state = carry
        moved, state = rule.increment(sgd, position, normal, 1.0, state)
        after = position + moved
        norms = jnp.linalg.norm(position, axis=-1) * jnp.linalg.norm(after, axis=-1)
        return (after, state), 2 * (1 - (position * after).sum(-1) / norms)

    normals = jax.random.normal(jax.random.key(2), (STEPS, 32, d))
    _, squared = jax.jit(lambda w: jax.lax.scan(step, (w, rule.begin(w)), normals))(start)
    squared = np.asarray(squared, np.float64)[STEPS // 2 :].mean(axis=0)  # of each run

    def assert_angle(expected):
        off = max(abs(squared.mean() - expected**2) - 0.05 * expected**2, 0.0)
        assert off < Z_MAX * squared.std(ddof=1) / math.sqrt(squared.size)

    assert_angle(advice["angle_per_step"])
    assert_rejects(assert_angle, advice["angle_per_step"] * math.sqrt(1.8 / 0.2))


def test_the_norm_tells_the_noise_where_it_depends_on_it():
    settled = advise(*SGDM, dimension=D, norm=50.0, batch=128)
    trace = 50.0**4 * 2 * DECAY * (1 - BETA) / ETA
    assert_values(settled, {"noise_trace": trace, "noise_trace_of_example": 128 * trace, "radius_by_stationary": 1.0})
    assert settled.assumptions[0].startswith("The weights have settled")
    same = advise(*SGDM, dimension=D, noise_trace=128 * trace, batch=128)
    assert_values(same, {"temperature": settled["temperature"], "stationary_radius": 50.0})

    adamw = advise(*ADAMW, dimension=D, norm=50.0)  # whose radius says nothing about the noise
    assert np.isclose(adamw["radius_by_stationary"], 50 / math.sqrt(6e-4 * D / 0.2))
    assert {"temperature", "noise_trace", "temperature_now"} <= set(adamw.missing)
    with pytest.raises(KeyError, match="give the noise trace"):
        adamw["temperature"]
    with pytest.raises(KeyError, match="there is no such row, but"):
        adamw["heat"]


@pytest.mark.parametrize("name", ["heavy ball", "AdamW, independent"])
def test_the_decay_that_keeps_the_temperature(name):
    protocol, rule = RULES[name]
    advice = advise(protocol, rule, dimension=D, noise_trace=TRACE)
    faster = 3 * float(protocol.learning_rate)
    decay = advice.decay_with(faster)
    moved = advise(FixedLearningRate(faster, decay), rule, dimension=D, noise_trace=TRACE)
    assert np.isclose(moved["temperature"], advice["temperature"], rtol=1e-6)
    expected = 0.0 if getattr(rule, "independent", False) else -1.0
    assert np.isclose(advice.decay_exponent, expected, atol=1e-6)
    kept = advise(FixedLearningRate(faster, float(protocol.weight_decay)), rule, dimension=D, noise_trace=TRACE)
    assert np.isclose(kept["temperature"], advice["temperature"], rtol=1e-3) == (expected == 0.0)


@pytest.mark.parametrize("name", ["plain", "Nesterov", "AdamW, independent", "Hyperball"])
def test_equivalent_settings_are_equivalent(x64, name):
    """They have the temperature, the angle and the radius; those of an optimiser for itself are its own."""
    protocol, rule = RULES[name]
    d, sigma = 1001, math.sqrt(TRACE / 1000)
    advice = advise(protocol, rule, dimension=d, noise_trace=TRACE)
    assert set(advice.equivalents) == {"sgd", "nesterov", "adamw", "adamw-independent", "hyperball"}
    for other in advice.equivalents.values():
        radius = other.update_rule.stationary_radius(other.protocol, sigma, d)
        found = other.update_rule.small_steps(other.protocol, radius, sigma, d)
        assert np.isclose(radius, advice["stationary_radius"], rtol=1e-6)
        assert np.isclose(found.effective_learning_rate * sigma**2 / 2, advice["temperature"], rtol=1e-6)
        assert np.isclose(found.angle, advice["angle_per_step"], rtol=1e-6)
    names = {"plain": "sgd", "Nesterov": "nesterov", "Hyperball": "hyperball"}
    own = advice.equivalents[names.get(name, "adamw-independent")]
    for word, value in protocol.constants.items():
        assert np.isclose(own.settings[word], value, rtol=1e-6)
    assert np.isclose(own.radius_relaxation_time, values(advice).get("radius_relaxation_time", 0.0), rtol=1e-6)


def test_equivalents_without_a_noise_are_those_that_do_not_need_it():
    assert set(advise(*ADAMW, dimension=D).equivalents) == {"adamw", "adamw-independent", "hyperball"}
    assert set(advise(*SGDM, dimension=D).equivalents) == {"sgd", "nesterov"}


def counted(eta, beta=0.0, steps=20_000):
    """`r⁴` of SGD with momentum by its own difference equation, step by step, by that at the first learning rate."""
    long_run = (lambda n: eta(n / steps) / (1 - beta)) if beta else (lambda n: eta(n / steps))
    fourth, path = long_run(0), []
    for n in range(steps):
        path.append(fourth)
        fourth += -4 * long_run(n) * DECAY * fourth + 4 * DECAY * long_run(n) ** 2
    return (np.array(path) / long_run(0)) ** 0.25


def test_the_radius_follows_a_schedule():
    """Against the fourth power of it, counted step by step; a momentum that is forgotten is noticed."""
    steps = 20_000
    found = advise(*SGDM, dimension=D, schedule=cosine(ETA, 0.0), num_steps=steps).schedule

    def assert_radius(path):
        inner = (found.step > 0) & (found.step < steps - 1)
        np.testing.assert_allclose(found.radius[inner], np.interp(found.step[inner], np.arange(steps), path), rtol=2e-3)

    eta = lambda s: ETA * (1 + math.cos(math.pi * s)) / 2  # noqa: E731
    assert_radius(counted(eta, BETA, steps))
    assert_rejects(assert_radius, counted(eta, 0.0, steps))
    assert np.isclose(found.relaxation_times, 4 * ETA * DECAY / (1 - BETA) * steps / 2, rtol=1e-3)


def test_a_radius_that_has_not_followed_is_not_quasi_static():
    """A learning rate that falls to a hundredth at once leaves 0.9 relaxation times to `r⁴`."""
    steps = 90_000
    found = advise(*SGDM, dimension=D, schedule=lambda s: np.where(s < 0.5, ETA, ETA / 100), num_steps=steps).schedule
    fourth = 1e-2 + (1 - 1e-2) * math.exp(-4 * ETA / 100 * DECAY / (1 - BETA) * steps / 2)
    assert np.isclose(found.radius[-1], fourth**0.25, rtol=2e-3)
    assert found.slowness[-1] == 0
    assert np.isclose(found.quasi_static_share, 0.5, atol=0.002)


def test_where_a_schedule_freezes():
    """`|d log V*/dn|` over the rate: `|η̇|(1 − β)/(8η²λ) = 1`, found here by bisection."""
    steps = 90_000
    found = advise(*SGDM, dimension=D, schedule=cosine(ETA, 0.0), num_steps=steps).schedule
    s = np.linspace(0.5, 0.999, 1_000_000)
    eta, slope = ETA * (1 + np.cos(np.pi * s)) / 2, ETA * np.pi * np.sin(np.pi * s) / 2 / steps
    frozen = s[np.argmax(slope * (1 - BETA) / (8 * eta**2 * DECAY) > 1)] * steps
    assert abs(found.frozen_at - frozen) < 5
    assert found.to_dict()["frozen_at"] == found.frozen_at
    assert found.to_dict()["last_radius"] > 10 * found.to_dict()["last_stationary_radius"]
    short = advise(*SGDM, dimension=D, schedule=cosine(ETA, 0.0), num_steps=20).schedule
    assert short.frozen_at is not None
    assert short.quasi_static_share < 0.1
    assert "frozen from step" in repr(short)
    constant = advise(*SGDM, dimension=D, schedule=lambda s: ETA + 0 * s, num_steps=20).schedule
    assert constant.frozen_at is None
    assert constant.quasi_static_share == 1.0


def test_the_loss_follows_more_slowly_where_it_is_flat():
    """`|d log T*/dn|` over `2η_eff h`, with `T* ∝ √η` and `η_eff = √(2ηλ/τ)`."""
    shape = {"schedule": cosine(0.1, 0.05), "num_steps": 10**5}
    found = advise(FixedLearningRate(0.1, 1e-3), dimension=1e4, noise_trace=TRACE, curvature=0.1, **shape).schedule
    s = found.step / 10**5
    eta, slope = 0.075 + 0.025 * np.cos(np.pi * s), 0.025 * np.pi * np.sin(np.pi * s) / 10**5
    expected = slope / (2 * eta) / (2 * 0.1 * np.sqrt(2 * eta * 1e-3 / TRACE))
    np.testing.assert_allclose(found.slowness[5:-5], expected[5:-5], rtol=1e-3)
    radius = advise(FixedLearningRate(0.1, 1e-3), dimension=1e4, noise_trace=TRACE, **shape).schedule.slowness
    np.testing.assert_allclose(radius[5:-5], (slope / (8 * eta**2 * 1e-3))[5:-5], rtol=1e-3)


def test_a_sphere_follows_at_once():
    found = advise(FixedSphere(0.01, 2.0), Hyperball(0.9), dimension=101, schedule=cosine(0.01, 0.0), num_steps=50)
    assert (found.schedule.radius == 1.0).all()
    np.testing.assert_allclose(
        found.schedule.temperature, (1 + np.cos(np.pi * found.schedule.step / 50)) / 2, atol=1e-6
    )
    assert found.schedule.to_dict()["relaxation_times"] is None
    assert "the radius is fixed" in repr(found)
    assert found.decay_exponent is None
    with pytest.raises(ValueError, match=r"learning_rate: got one for FixedSphere"):
        found.decay_with(0.1)


def test_warnings_where_steps_are_not_small():
    coarse = advise(FixedLearningRate(1.0, 0.5), HeavyBall(0.9), dimension=101, noise_trace=1.0)
    assert any(text.startswith("squared angle while a velocity is remembered") for text in coarse.warnings)
    assert "warning: squared angle" in repr(coarse)
    assert not advise(*SGDM, dimension=D).warnings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dimension": 1}, r"dimension: got 1, expected a number ≥ 2"),
        ({"noise_trace": -1.0}, r"noise_trace: got -1\.0"),
        ({"norm": 0.0}, r"norm: got 0\.0"),
        ({"norm": 1e200}, r"norm: got 1e\+200, expected one that a noise trace"),
        ({"batch": math.nan}, r"batch: got nan"),
        ({"num_steps": 10}, r"schedule, num_steps: got one without the other"),
        ({"num_steps": 0, "schedule": cosine(0.1, 0.0)}, r"num_steps: got 0"),
        ({"num_steps": 10, "schedule": lambda s: -s}, r"schedule: got learning rates from -1 to -?0"),
        ({"protocol": FixedLearningRate(0.1, 0.0)}, r"which has no stationary radius with HeavyBall"),
        ({"protocol": FixedLearningRate(np.array([0.1, 0.2]), 0.1)}, r"learning_rate: got an array of shape \(2,\)"),
        ({"protocol": FixedLearningRate(lambda n: 0.1, 0.1)}, r"learning_rate: got a schedule"),
        ({"update_rule": UnknownRule(0.9)}, r"update_rule: got HeavyBall, whose stationary state is not known"),
    ],
)
def test_refusals(given, message):
    arguments = {"protocol": SGDM[0], "update_rule": SGDM[1], "dimension": D} | given
    with pytest.raises(ValueError, match=message):
        advise(**arguments)
