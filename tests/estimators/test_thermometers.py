"""Each thermometer's error is right by the ranks of many draws, and its formula by closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from tests.support.statistics import FAILURE_RATE, Z_MAX, assert_estimate, assert_mean, assert_rejects, assert_variance
from tests.support.systems import DecayedSphere
from tests.support.thermometers import THERMOMETERS, directions, losses, rank_p_value, scores
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.estimators import (
    Estimate,
    plan_pair,
    temperature_from_concentration,
    temperature_from_entropy,
    temperature_from_fluctuations,
    temperature_from_noise,
    temperature_from_radius,
    temperature_pair,
)
from thermo_ideal.thermodynamics import CaloricallyPerfectGas, HelmholtzEnergy, VonMisesFisherGas

QUICK = {
    "noise trace": 1000,
    "radius, fixed sphere": 100,
    "radius, fixed ELR": 100,
    "energy fluctuations": 60,
    "energy fluctuations, cold": 600,
    "concentration, known axis": 60,
    "pair of runs": 120,
}


def assert_ranks(z):
    p = rank_p_value(z)
    assert p > FAILURE_RATE, f"ranks are not uniform: p = {p:.1e}"


@pytest.mark.parametrize("name", QUICK)
def test_ranks_are_uniform(name):
    """`python -m benchmarks.thermometers` has all of them, and more draws."""
    z, error = scores(THERMOMETERS[name], QUICK[name])
    assert_ranks(z)
    assert_mean(z, 0.0, bias=0.05)
    assert_variance(z)
    assert_rejects(assert_ranks, z - 0.02 / error)  # T off by 2 %
    if QUICK[name] >= 1000:  # of fewer the spread does not tell
        assert_rejects(assert_variance, 1.15 * z)


def test_noise_is_divided_by_its_rank():
    trace = Estimate(np.array([[3.0, 5.0], [30.0, 50.0]]))
    found = temperature_from_noise(trace, 0.5, rank=10)
    np.testing.assert_allclose(found.value, [0.1, 1.0])
    np.testing.assert_allclose(found.standard_error, trace.standard_error * 0.025)
    np.testing.assert_allclose(temperature_from_noise(trace.values, np.array([[0.5], [0.05]]), 10).value, [0.1, 0.1])


@pytest.mark.parametrize("radius_unit", [1.0, 1e-12, 1e12])
def test_radius_is_the_fixed_point_of_one_step(radius_unit):
    """`r'² = (1 − ηλ)² r² + η²(G² + τ)/r²` is solved by the radius, whatever the protocol says of `η`."""
    tau, gradient, rank = 5.0, 0.7, 9
    for protocol, rate in (
        (FixedLearningRate(0.04 * radius_unit**2, 0.05 / radius_unit**2), 0.04),
        (FixedEffectiveLearningRate(0.02, 0.03 / radius_unit**2), None),
    ):
        decay = 0.05 if rate else 0.03
        r2 = 1.0
        for _ in range(20_000):
            eta = rate or 0.02 * r2
            r2 = (1 - eta * decay) ** 2 * r2 + eta**2 * (gradient + tau) / r2
        found = temperature_from_radius(
            protocol, np.full(3, np.sqrt(r2) * radius_unit), rank, squared_gradient=gradient
        )
        np.testing.assert_allclose(found.value, (rate / r2 if rate else 0.02) * tau / (2 * rank), rtol=1e-6)


def test_radius_under_a_rescaling():
    """A protocol of a user, with a weight decay and a rescaling: both are part of the pressure."""
    tau, rank, rate, decay, r = 5.0, 9, 0.03, 0.2, 2.0
    growth = np.sqrt((1 - rate * decay) ** 2 + rate**2 * tau / r**4) - 1
    found = temperature_from_radius(
        DecayedSphere(jnp.asarray(rate), jnp.asarray(decay), r),
        np.full(4, r),
        rank,
        effective_weight_decay=growth / rate,
    )
    np.testing.assert_allclose(found.value, rate / r**2 * tau / (2 * rank), rtol=1e-6)


def test_fluctuations_by_scale_and_by_model():
    generator = np.random.default_rng(0)
    x = losses(generator, 50, 1e-3, (100, 20))
    cold, gas = temperature_from_fluctuations(x, rank=49), temperature_from_fluctuations(x, gas=VonMisesFisherGas(50))
    assert_estimate(gas, 1e-3)
    # C_V of this gas is R (1 − (d − 3)T/2 + …), so that the cold form is low by (d − 3)T/4.
    np.testing.assert_allclose(cold.value / gas.value, 1 - 47e-3 / 4, atol=5e-4)
    streamed = temperature_from_fluctuations(x.mean(axis=1), variance=x.var(axis=1), rank=49)
    np.testing.assert_allclose(streamed.values, cold.values, rtol=1e-9)
    perfect = temperature_from_fluctuations(x, gas=CaloricallyPerfectGas(50))
    np.testing.assert_allclose(perfect.values, cold.values, rtol=1e-5)
    for unit, shift in ((1e-30, 0.0), (1e150, 0.0), (1e-3, 1e3)):
        other = temperature_from_fluctuations(shift + unit * x, rank=49)
        np.testing.assert_allclose(other.value, unit * cold.value, rtol=1e-6)


def test_skew_energies_make_intervals_too_narrow():
    """The documentation gives 1.14 for a relative error of 8 %; the ranks above have 1.2 %."""

    def thermometer(generator):
        return temperature_from_fluctuations(generator.gamma(1.0, size=300), rank=2), 1.0

    z, error = scores(thermometer, 600)
    np.testing.assert_allclose(np.median(error), 0.08, atol=0.01)
    np.testing.assert_allclose(z.std(), 1.14, atol=0.1)


def test_a_gas_of_two_temperatures_is_refused():
    """`T² C_V` of two levels rises and falls."""
    gas = HelmholtzEnergy(lambda T, V: -T * jnp.log(1 + jnp.exp(-1 / T)) - T * jnp.log(V), 3)
    x = np.random.default_rng(1).normal(scale=0.3, size=200)
    assert temperature_from_fluctuations(x, gas=gas).value > 0
    with pytest.raises(ValueError, match=r"standard deviation of .*, which .* has at none between"):
        temperature_from_fluctuations(10 * x, gas=gas)


def test_slope_is_between_the_temperatures():
    """Of a quadratic minimum it is their logarithmic mean; three runs give two slopes."""
    T = np.array([0.1, 0.12, 0.2])
    noise = 1e-4 * np.random.default_rng(2).normal(size=(2, 3, 40))
    found = temperature_from_entropy(Estimate(5 * T[:, None] + noise[0]), Estimate(5 * np.log(T)[:, None] + noise[1]))
    exact = np.diff(T) / np.diff(np.log(T))
    assert_estimate(found, exact)
    assert_rejects(assert_estimate, found, exact * 1.02)
    assert ((T[:-1] < found.value) & (found.value < T[1:])).all()
    # By the formula for independent errors: δ(u/s)² = (δu² + T² δs²)/s².
    error = np.sqrt(2) * 1e-4 / np.sqrt(40) * np.sqrt(1 + exact**2) / (5 * np.diff(np.log(T)))
    np.testing.assert_allclose(found.standard_error, error, rtol=0.3)


def test_concentration_is_that_of_the_fit():
    """Of independent draws, `A(κ)² = (n|x̄|² − 1)/(n − 1)` by SciPy's Bessel functions, before the jackknife."""
    d, kappa = 60, 300.0
    x, _ = directions(np.random.default_rng(10), d, 1 / kappa, 250)
    found = temperature_from_concentration(x)

    def resultant(k):
        return special.ive(d / 2, k) / special.ive(d / 2 - 1, k)

    length = np.sqrt((250 * (x.mean(axis=0) ** 2).sum() - 1) / 249)
    fit = optimize.brentq(lambda k: resultant(k) - length, 1.0, 1e4)
    np.testing.assert_allclose(found.value, 1 / fit, rtol=1e-3)
    variance = 1 - length**2 - (d - 1) * length / fit  # A'
    np.testing.assert_allclose(found.standard_error, 1 / np.sqrt(250 * variance) / fit**2, rtol=0.2)
    assert_estimate(found, 1 / kappa)
    assert_rejects(assert_estimate, found, 1.5 / kappa)
    blocks = temperature_from_concentration(x.reshape(50, 5, d))
    np.testing.assert_allclose(blocks.value, found.value, rtol=0.02)


def test_concentration_where_directions_nearly_agree():
    """In single precision `1 − A` of `10⁻⁷` would be gone."""
    d, T = 10, 1e-9
    tangent = np.sqrt(T) * np.random.default_rng(3).normal(size=(2000, d - 1))
    x = np.concatenate([np.ones((2000, 1)), tangent], axis=1)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    for axis in (None, np.eye(d)[0]):
        found = temperature_from_concentration(x, mean_direction=axis)
        assert_estimate(found, T)
        assert_rejects(assert_estimate, found, 1.1 * T)


@pytest.mark.parametrize(("dimension", "temperature"), [(24_408, 1e-6), (24_408, 1e-4), (3, 0.01), (200, 1e-3)])
def test_overlap_of_a_planned_pair_is_the_integral(dimension, temperature):
    """The integral of the laws of the loss themselves, by SciPy."""
    plan = plan_pair(dimension, temperature)
    shape = (dimension - 1) / 2
    if temperature * dimension < 0.1:  # a quadratic minimum: Gamma laws
        laws = [stats.gamma(shape, scale=T) for T in (temperature, plan.second_temperature)]
    else:
        from thermo_ideal.distributions import Zonal

        zonal = [Zonal.linear(dimension, T) for T in (temperature, plan.second_temperature)]
        mean = [(law.mean_depth, np.sqrt(law.overlap_variance)) for law in zonal]
        laws = [stats.norm(*x) for x in mean]  # to 1/√d

    def integrand(x):
        p, q = (law.pdf(x) for law in laws)
        return 2 * p * q / (p + q) if p + q > 0 else 0.0

    ends = laws[0].mean() - 10 * laws[0].std(), laws[1].mean() + 10 * laws[1].std()
    exact, _ = integrate.quad(integrand, max(ends[0], 0.0), ends[1], limit=500, points=[law.mean() for law in laws])
    np.testing.assert_allclose(plan.overlap, exact, rtol=0.02)


def test_neighbours_are_within_three_standard_deviations():
    """2.7 % at `d` = 24,408, where two normal laws three standard deviations apart overlap by 0.20."""
    plan = plan_pair(24_408, 1e-7)
    np.testing.assert_allclose(np.log(plan.largest_temperature / plan.temperature), 3 * np.sqrt(2 / 24_407), rtol=1e-2)
    x = np.linspace(-12, 12, 4001)
    p, q = stats.norm.pdf(x, -1.5), stats.norm.pdf(x, 1.5)
    np.testing.assert_allclose(np.trapezoid(2 * p * q / (p + q), x), 0.20, atol=0.005)
    np.testing.assert_allclose(np.log(plan.ratio) / np.sqrt(2 / 24_407), 1.94, atol=0.02)
    assert plan_pair(100, 10.0).ratio < 10  # a hot gas has no neighbour that far


def test_error_of_a_pair_is_the_planned_one():
    plan = plan_pair(50, 1e-3)
    generator = np.random.default_rng(4)
    runs = [losses(generator, 50, T, 4000) for T in (1e-3, plan.second_temperature)]
    pair = temperature_pair(*runs, plan.ratio)
    np.testing.assert_allclose(pair.temperature.standard_error / 1e-3, plan.error_of_one / np.sqrt(8000), rtol=0.05)
    assert_estimate(pair.overlap, plan.overlap)
    assert_rejects(assert_estimate, pair.overlap, plan.overlap + 0.1)


def test_free_energy_of_a_pair():
    """`φ = −R log T` of a quadratic minimum, between its bounds; unequal numbers, blocks and units change nothing."""
    generator = np.random.default_rng(6)
    first, second = 0.01 * generator.gamma(20, size=(50, 60)), 0.014 * generator.gamma(20, size=2000)
    pair = temperature_pair(first, second, 1.4)
    assert pair.temperature.replicas == 50 + 2000
    assert_estimate(pair.temperature, 0.01)
    assert_estimate(pair.precision_difference, 1 / 0.014 - 1 / 0.01)
    low, high = pair.bounds
    assert low.value < pair.free_energy_difference.value < high.value
    gap = 1 / 0.014 - 1 / 0.01
    assert_estimate(low, gap * 0.014 * 20)
    assert_estimate(high, gap * 0.01 * 20)
    # β_1 and β_2 − β_1 have the same relative error, which is nearly all of that of the bounds.
    relative = pair.temperature.standard_error / pair.temperature.value
    np.testing.assert_allclose(low.standard_error / -low.value, relative, rtol=0.1)
    assert_estimate(pair.free_energy_difference, -20 * np.log(1.4))
    assert_rejects(assert_estimate, pair.free_energy_difference, -20 * np.log(1.4) + 2.5)
    for unit in (1e-150, 1e150):
        other = temperature_pair(unit * first, unit * second, 1.4)
        np.testing.assert_allclose(other.temperature.values, unit * pair.temperature.values, rtol=1e-6)


def test_errors_of_all_that_a_pair_tells():
    """Of unequal numbers of draws, some of them twice, against Gamma laws and their integral."""
    laws = [stats.gamma(20, scale=T) for T in (0.01, 0.014)]
    x = np.linspace(0.02, 0.8, 20_001)
    p, q = (law.pdf(x) for law in laws)
    gap = 1 / 0.014 - 1 / 0.01
    exact = np.array([0.01, -20 * np.log(1.4), gap * 0.28, gap * 0.2, np.trapezoid(2 * p * q / (p + q), x)])
    scores = []
    for i in range(150):
        generator = np.random.default_rng([9, i])
        first, second = 0.01 * generator.gamma(20, size=(100, 6)), 0.014 * generator.gamma(20, size=(1000, 1))
        pair = temperature_pair(first, np.repeat(second, 2, axis=1), 1.4)
        found = pair.temperature, pair.free_energy_difference, *pair.bounds, pair.overlap
        scores.append([float(estimate.z_score(value)) for estimate, value in zip(found, exact, strict=True)])
    for z in np.transpose(scores):
        assert_mean(z, 0.0, bias=0.1)
        assert_variance(z)
        assert_rejects(assert_variance, 1.5 * z)


def test_error_of_correlated_losses_is_that_of_replicas():
    """Each loss ten times over: without the replicas the error would be a third."""
    generator = np.random.default_rng(7)
    runs = [T * generator.gamma(50, size=400) for T in (0.01, 0.013)]
    once = temperature_pair(*runs, 1.3)
    often = temperature_pair(*(np.repeat(x[:, None], 10, axis=1) for x in runs), 1.3)
    np.testing.assert_allclose(often.temperature.standard_error, once.temperature.standard_error, rtol=1e-6)
    np.testing.assert_allclose(often.temperature.value, once.temperature.value, rtol=1e-6)
    np.testing.assert_allclose(often.overlap.standard_error, once.overlap.standard_error, rtol=1e-6)


def test_a_pair_without_overlap_is_refused():
    generator = np.random.default_rng(8)
    cold = 0.01 * generator.gamma(50, size=1000)
    for ratio in (2.5, 20.0):
        with pytest.raises(ValueError, match="standard deviations from those of the first run") as refusal:
            temperature_pair(cold, 0.01 * ratio * generator.gamma(50, size=1000), ratio)
    # What it says to type works.
    nearer = float(str(refusal.value).split("temperature_ratio=")[1].split(",")[0])
    for _ in range(3):
        try:
            pair = temperature_pair(cold, 0.01 * nearer * generator.gamma(50, size=1000), nearer)
            break
        except ValueError as error:
            nearer = float(str(error).split("temperature_ratio=")[1].split(",")[0])
    assert abs(pair.temperature.z_score(0.01)) < Z_MAX
    with pytest.raises(ValueError, match=r"second: got β₂ − β₁ = .* at least 5 standard errors"):
        _ = temperature_pair(cold, 0.01 * generator.gamma(50, size=1000), 1.3).temperature


GAMMA = np.random.default_rng(9).gamma(5.0, size=(20, 10))
SPHERE, FREE = FixedSphere(0.1, 1.0), FixedLearningRate(0.1, 0.1)
TWO = Estimate(np.array([[1.0, 1.1], [2.0, 2.1]]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: temperature_from_noise([1.0, 2.0], 0.1, 0), "rank: got 0, expected a number ≥ 1, as in rank=d - 1"),
        (lambda: temperature_from_noise([1.0, 2.0], np.nan, 3), "effective_learning_rate: got nan"),
        (lambda: temperature_from_noise([1.0], 0.1, 3), "at least 2 replicas"),
        (lambda: temperature_from_radius("fixed-lr", np.ones(3), 3), "protocol: got 'fixed-lr', expected a protocol"),
        (lambda: temperature_from_radius(SPHERE, np.ones(3), 3), "effective_weight_decay: got None for FixedSphere"),
        (
            lambda: temperature_from_radius(FREE, np.ones(3), 3, effective_weight_decay=0.1),
            "effective_weight_decay: got numbers for FixedLearningRate.*, expected None: its radius is free",
        ),
        (lambda: temperature_from_radius(FREE, [1.0, -1.0, 1.0], 3), "radius: got -1.0, expected numbers > 0"),
        (lambda: temperature_from_radius(FREE, np.ones(3), 3, squared_gradient=[1.0, 2.0]), r"got shape \(2, 1\)"),
        (lambda: temperature_from_fluctuations(GAMMA), "rank: got neither rank nor gas, expected one of them"),
        (lambda: temperature_from_fluctuations(np.ones(9), rank=3), "losses: got numbers that are all the same"),
        (lambda: temperature_from_fluctuations(GAMMA[0, 0], rank=3), r"losses: got shape \(\), expected"),
        (lambda: temperature_from_fluctuations(GAMMA * np.nan, rank=3), "losses: got nan"),
        (lambda: temperature_from_fluctuations(GAMMA, rank=3, variance=GAMMA), "variance: got shape .* beside losses"),
        (lambda: temperature_from_fluctuations(GAMMA[0], rank=3, variance=-GAMMA[0]), "expected numbers ≥ 0, one for"),
        (lambda: temperature_from_fluctuations(GAMMA, gas=VonMisesFisherGas(10)), "which VonMisesFisherGas.* at none"),
        (lambda: temperature_from_entropy(TWO, Estimate(TWO.values[:, :1].repeat(3, 1))), "entropy: got values of sh"),
        (lambda: temperature_from_entropy(TWO, Estimate(np.ones((2, 2)))), "runs 0 and 1 that differ by 0"),
        (lambda: temperature_from_entropy([1.0, 2.0], TWO), r"energy: got shape \(\), expected \(runs,\)"),
        (lambda: temperature_from_concentration(np.ones((5, 3))), "directions: got norms from 1.73"),
        (lambda: temperature_from_concentration(np.eye(5)[[0, 0, 0]]), "directions that are all the same"),
        (lambda: temperature_from_concentration(np.eye(5)), "they have no mean direction; give it"),
        (lambda: temperature_from_concentration(np.eye(5), mean_direction=np.eye(4)[0]), "got 4 components, expec"),
        (lambda: plan_pair(1, 0.1), "dimension: got 1"),
        (lambda: plan_pair(3, np.nan), "temperature: got nan"),
        (lambda: plan_pair(3, 0.1).losses_for(0.0), "relative_error: got 0.0"),
        (lambda: temperature_pair(GAMMA, GAMMA, 1.0), "temperature_ratio: got 1.0, expected T_2/T_1"),
        (lambda: temperature_pair(GAMMA, np.ones(5), 1.3), "losses that are all the same in one run"),
        (lambda: temperature_pair(GAMMA, [np.inf, 1.0], 1.3), "second: got inf"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
