"""Gas laws, by automatic differentiation of the Helmholtz energy."""

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from thermo_ideal.dynamics import (
    SGD,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
    IsotropicNoise,
    VonMisesFisherLoss,
)
from thermo_ideal.thermodynamics import State, equilibrium, plan, resolve_dimension

dimensions = st.integers(2, 1000)
temperatures = st.floats(-4, 2).map(lambda x: 10**x)
volumes = st.floats(-3, 3).map(lambda x: 10**x)


def close(a, b, tolerance=1e-10):
    return bool(jnp.abs(a - b) <= tolerance * jnp.maximum(1.0, jnp.abs(b)))


@given(d=dimensions, t=temperatures, v=volumes)
def test_helmholtz_energy_generates_the_state(d, t, v):
    with jax.enable_x64(True):
        state = State(d, t, v)

        def helmholtz(temperature, volume):
            return State(d, temperature, volume).helmholtz_energy

        assert close(-jax.grad(helmholtz, 1)(state.temperature, state.volume), state.pressure)
        assert close(-jax.grad(helmholtz, 0)(state.temperature, state.volume), state.entropy, 1e-8)
        energy_slope = jax.grad(lambda x: State(d, x, v).internal_energy)(state.temperature)
        assert close(energy_slope, state.heat_capacity_volume)
        entropy_slope = jax.grad(lambda x: State(d, x, v).entropy)(state.temperature)
        assert close(state.temperature * entropy_slope, state.heat_capacity_volume)
        # ∂p/∂T|_V = ∂S/∂V|_T
        pressure_slope = jax.grad(lambda x: State(d, x, v).pressure)(state.temperature)
        assert close(pressure_slope, jax.grad(lambda x: State(d, t, x).entropy)(state.volume))


@given(d=dimensions, t=temperatures, v=volumes)
def test_relations_of_the_ideal_gas(d, t, v):
    with jax.enable_x64(True):
        state = State(d, t, v)
        assert close(state.pressure * state.volume, state.gas_constant * state.temperature)
        assert close(state.gibbs_energy, state.enthalpy - state.temperature * state.entropy)
        assert close(state.heat_capacity_pressure - state.heat_capacity_volume, state.gas_constant)
        assert close(state.radius**2 / 2, state.volume)
        assert float(state.heat_capacity_ratio) > 1


def test_cold_gas_is_calorically_perfect(x64):
    state = State(11, 1e-9, 1.0)
    assert np.isclose(state.internal_energy, 5e-9, rtol=1e-7)
    assert np.isclose(state.heat_capacity_volume, 5, rtol=1e-7)
    assert np.isclose(state.heat_capacity_ratio, 2, rtol=1e-7)
    flat = 5 * np.log(2 * np.pi * np.e * 1e-9)
    assert np.isclose(state.direction_entropy, flat, rtol=1e-7)


def test_hot_gas_is_uniform(x64):
    state = State(11, 1e6, 1.0)
    assert np.isclose(state.internal_energy, 1, rtol=1e-6)
    assert np.isclose(state.heat_capacity_volume, 1e-12 / 11, rtol=1e-6)


@given(d=dimensions, eta=st.floats(1e-3, 1e-1), decay=st.floats(1e-3, 1e-1), sigma=st.floats(0.1, 10))
def test_equilibrium(d, eta, decay, sigma):
    with jax.enable_x64(True):
        loss, noise = VonMisesFisherLoss(), IsotropicNoise(sigma)
        gas = equilibrium(SGD(loss, noise, FixedLearningRate(eta, decay)), d)
        assert close(gas.pressure / decay, 1.0)
        assert close(gas.temperature * gas.volume / (eta * sigma**2 / 4), 1.0)  # TV = ησ²/4
        assert close(gas.temperature / np.sqrt(eta * decay * sigma**2 / (2 * (d - 1))), 1.0)
        gas = equilibrium(SGD(loss, noise, FixedEffectiveLearningRate(eta, decay)), d)
        assert close(gas.pressure / decay, 1.0)
        assert close(gas.temperature / (eta * sigma**2 / 2), 1.0)
        gas = equilibrium(SGD(loss, noise, FixedSphere(eta, 3.0)), d)
        assert close(gas.radius, 3.0)
        assert close(gas.pressure * 9 / ((d - 1) * gas.temperature), 1.0)


def test_dimension_is_resolved():
    sgd = SGD(VonMisesFisherLoss(np.eye(4)[0]), IsotropicNoise(), FixedSphere(0.1, 1.0))
    assert resolve_dimension(sgd, None) == 4
    with pytest.raises(ValueError, match="dimension: got 3, wanted 4"):
        resolve_dimension(sgd, 3)
    bare = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(0.1, 1.0))
    with pytest.raises(ValueError, match="add dimension=3"):
        equilibrium(bare)
    with pytest.raises(ValueError, match="dimension: got 1, wanted a whole number ≥ 2"):
        equilibrium(bare, 1)


def test_wrong_state():
    with pytest.raises(ValueError, match=r"temperature: got -1\.0"):
        State(3, -1.0, 1.0)
    with pytest.raises(ValueError, match=r"volume: got 0\.0"):
        State(3, 1.0, 0.0)


def test_plan_limits():
    """Cold: the direction relaxes at `η_eff`. Hot: at `(d−1) η_eff T`, the first harmonic of the sphere."""
    for scale, d, rate in ((0.01, 3, 1e-3), (100.0, 3, 2 * 1e-3 * 5.0)):
        sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(scale), FixedSphere(1e-3, 1.0))
        made = plan(sgd, d)
        assert np.isclose(made.direction_time, 1 / rate, rtol=0.05)
        assert made.radius_time == 0
        assert made.num_steps > made.burn_in >= 6 * made.direction_time * 0.99
    with pytest.raises(ValueError, match="samples, folds: got 0"):
        plan(sgd, 3, samples=0)
    frozen = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedLearningRate(1e-12, 1e-12))
    with pytest.raises(ValueError, match="cannot be waited for"):
        plan(frozen, 3)
    hot = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(1e3, 1.0))
    assert plan(hot, 3).sampling_interval == 1


def test_states_at_the_edge_of_single_precision():
    for temperature in (1e-30, 1e-19, 1e19, 1e30):
        state = State(3, temperature, 1.0)
        for name in ("internal_energy", "entropy", "heat_capacity_volume", "heat_capacity_pressure", "gibbs_energy"):
            assert np.isfinite(getattr(state, name)), (name, temperature)
