"""Every closed form of a protocol in the numeric code against its symbolic twin, under every protocol."""

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from tests.support.systems import toy
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic import derive, discrete_radius, gas
from thermo_ideal.thermodynamics import equilibrium
from thermo_ideal.verification import second_moment_balance

DIMENSION, SIGMA = 7, 1.3
# Three pairs of hyperparameters, none of them alike.
PAIRS = {
    "fixed-lr": (("learning_rate", "weight_decay"), ([0.03, 0.1, 0.02], [0.4, 0.05, 0.1])),
    "fixed-elr": (("effective_learning_rate", "weight_decay"), ([0.03, 0.1, 0.02], [0.4, 0.05, 0.1])),
    "fixed-sphere": (("effective_learning_rate", "radius"), ([0.03, 0.1, 0.02], [0.4, 3.0, 1.7])),
}


def case(name):
    """The protocol, its state and the values of every symbol that its derivations use."""
    words, pair = PAIRS[name]
    protocol = protocol_class(name)(*(jnp.asarray(numbers) for numbers in pair))
    state = equilibrium(toy(protocol, SIGMA), DIMENSION)
    values = {symbol: getattr(state, word) for word, symbol in n.NAMES.items() if hasattr(state, word)}
    values |= {n.NAMES[word]: numbers for word, numbers in zip(words, pair, strict=True)}
    mean_square = 2 * state.gas_constant * state.temperature * (1 - state.internal_energy)
    values |= {n.DIMENSION: DIMENSION, n.NOISE_TRACE: SIGMA**2 * (DIMENSION - 1), n.GRADIENT_NORM: mean_square**0.5}
    return protocol, state, values


def evaluate(expression, values):
    """A symbolic result at the three pairs, by SymPy alone."""
    columns = {symbol: np.broadcast_to(np.asarray(value, float), 3) for symbol, value in values.items()}
    rows = [{symbol: sp.Float(float(column[i]), 17) for symbol, column in columns.items()} for i in range(3)]
    return np.array([float(sp.sympify(expression).subs(row)) for row in rows])


def assert_twins(numeric, symbolic):
    """They agree to rounding; a factor of 1.01, or the next pair's numbers, would be noticed."""
    np.testing.assert_allclose(numeric, symbolic, rtol=1e-10)
    if np.any(symbolic):
        assert not np.allclose(1.01 * np.asarray(numeric), symbolic, rtol=1e-10)
        assert not np.allclose(np.roll(numeric, 1), symbolic, rtol=1e-10)


@pytest.mark.parametrize("name", ["fixed-lr", "fixed-elr"])
def test_drift_of_the_radius(x64, name):
    protocol, state, values = case(name)
    derived = derive(name).result["radius_sde"].rhs.subs(n.DT, 1)
    for ratio in (0.5, 1.7):
        radius = ratio * state.radius
        drift = protocol.radius_drift(radius, values[n.NOISE_TRACE])
        assert_twins(drift, evaluate(derived, values | {n.RADIUS: radius}))


def test_pressure_undoes_what_noise_adds_to_the_radius(x64):
    """On the sphere, where nothing else does."""
    protocol, state, values = case("fixed-sphere")
    drift = protocol.radius_drift(state.radius, values[n.NOISE_TRACE])
    balance = drift / (protocol.learning_rate_at(state.radius) * state.radius)
    assert_twins(balance, evaluate(derive("fixed-sphere").result["pressure"], values))


@pytest.mark.parametrize("name", ["fixed-lr", "fixed-elr"])
def test_relaxation_of_the_radius(x64, name):
    """The derived rate is that of the numeric protocol, and the slope of its drift."""
    protocol, state, values = case(name)
    rate = evaluate(derive(name).result["relaxation_rate"], values)
    assert_twins(protocol.radius_relaxation_rate(values[n.NOISE_TRACE]), rate)
    step = 1e-5 * state.radius
    drifts = [protocol.radius_drift(state.radius + sign * step, values[n.NOISE_TRACE]) for sign in (1, -1)]
    np.testing.assert_allclose((drifts[1] - drifts[0]) / (2 * step), rate, rtol=1e-8)


@pytest.mark.parametrize("name", PAIRS)
def test_variances_of_the_volume(x64, name):
    """That of SGD, and that of a gas under a piston."""
    protocol, state, values = case(name)
    measured = state.volume_variance(type(protocol)) / state.volume**2
    if name == "fixed-sphere":
        np.testing.assert_array_equal(measured, 0)
        return
    derived = gas.volume_fluctuations(name).result
    assert_twins(measured, evaluate(derived["sgd"], values))
    trace = values[n.NOISE_TRACE]
    assert_twins(protocol.relative_volume_variance(SIGMA, trace), evaluate(derived["sgd"], values))
    piston = evaluate(derived["piston"], values)
    np.testing.assert_allclose(state.piston_volume_variance / state.volume**2, piston, rtol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_balance_of_the_second_moment(x64, name):
    """The derived balance, of r² where the radius is free, and a step from there."""
    protocol, state, values = case(name)
    derived = discrete_radius(name).result
    found = second_moment_balance(protocol, state)
    assert_twins(found if name == "fixed-sphere" else found**2, evaluate(derived["balance"], values))
    if name != "fixed-sphere":
        np.testing.assert_allclose(evaluate(derived["second_moment"], values | {n.RADIUS: found}), found**2, rtol=1e-10)
