"""Gases of zonal losses: the toy's own, wells and rings; in both precisions."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from thermo_ideal.distributions import Zonal, zonal_relaxation
from thermo_ideal.dynamics import AbstractZonalLoss, VonMisesFisherLoss, ZonalLoss
from thermo_ideal.thermodynamics import State, VonMisesFisherGas, ZonalGas, check_consistency
from thermo_ideal.thermodynamics._zonal_gas import _evaluate, _thermal

LOSSES = {
    "double well": ZonalLoss(lambda m: 1 - m**2),
    "ring": ZonalLoss(lambda m: m**2),
    "tilted": ZonalLoss(lambda u: u * (2 - u) + 0.1 * u, argument="depth"),
}


@pytest.mark.parametrize("dimension", [2, 1000, 10**6])
def test_the_toy_loss_gives_the_von_mises_fisher_gas(x64, dimension):
    exact = VonMisesFisherGas(dimension)
    gas = ZonalGas(VonMisesFisherLoss(), dimension, temperature=(1e-4, 1e-1))
    T = np.logspace(-4, -1, 41)
    states = [State(model, temperature=T, volume=2.0) for model in (gas, exact)]
    for name in ("internal_energy", "entropy", "helmholtz_energy", "heat_capacity_volume", "gibbs_energy"):
        mine, expected = (np.asarray(getattr(state, name)) for state in states)
        np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max(), err_msg=name)
    slopes = [state.partial("heat_capacity_volume", "log_temperature", at="volume") for state in states]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-8 * float(exact.gas_constant))


class Quadratic(AbstractZonalLoss):
    """`a u + b u²`: losses of one structure, whose gases share a program."""

    a: float
    b: float
    mean_direction: None = None

    def at_depth(self, depth):
        return self.a * depth + self.b * depth**2

    def slope(self, depth):
        return self.a + 2 * self.b * depth


@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
def test_consistent(double):
    """The toy, a double well, a ring about its middle less a number, and a tilted well."""
    with jax.enable_x64(double):
        for a, b, d in ((1.0, 0.0, 2), (2.0, -1.0, 3), (-2.0, 1.0, 10), (2.1, -1.0, 1000), (1.9, -1.0, 10**6)):
            loss = Quadratic(jnp.asarray(a), jnp.asarray(b))
            gas = ZonalGas(loss, d, temperature=(0.02, 4.0))
            check_consistency(gas, np.logspace(-1.6, 0.5, 6), np.logspace(-2, 2, 3)).require()
            if double:
                law = Zonal(loss.at_depth, d, 0.3, argument="depth")
                state = State(gas, temperature=0.3, volume=0.5)
                assert np.isclose(state.internal_energy, law.mean_loss, rtol=1e-11)
                assert np.isclose(state.heat_capacity_volume, law.heat_capacity, rtol=1e-11)
                assert np.isclose(state.entropy, law.entropy(), rtol=1e-11)


@pytest.mark.parametrize(("name", "dimension"), [("double well", 2), ("ring", 1000), ("tilted", 1000)])
def test_every_column_has_its_digits(name, dimension):
    """Between the nodes, in both precisions, against the law at that temperature."""
    gas = ZonalGas(LOSSES[name], dimension, temperature=(3e-3, 3.0))
    for T in np.float32([3e-3, 0.0174, 0.31, 1.7, 3.0]):
        expected = _thermal(gas.law(float(T))).values
        size = np.maximum(np.abs(expected), [1, 1, 0, 0, expected[3], expected[3]])
        for double, bound in ((True, 2e-12), (False, 2e-6)):
            with jax.enable_x64(double):
                found = [_evaluate(i, gas.edges, gas.series, jnp.asarray(T, float)) for i in range(6)]
                assert (np.abs(np.asarray(found) - expected) < bound * size).all()


def test_cold_laws_are_interpolated_to_their_rounding(x64):
    """Fourth cumulants of a million weights have ten digits; halving a piece would give no more."""
    gas = ZonalGas(VonMisesFisherLoss(), 10**6, temperature=(1e-8, 1e-5))
    assert len(gas.series) < 20
    cold, exact = (State(model, temperature=3e-8, volume=1.0) for model in (gas, VonMisesFisherGas(10**6)))
    assert np.isclose(cold.heat_capacity_volume, exact.heat_capacity_volume, rtol=1e-10)


def test_a_transition_in_an_instant_is_refused():
    """A narrow well that takes over from a broad one within a part in a million of the temperature."""
    loss = ZonalLoss(lambda u: -jnp.exp(-((u - 0.3) ** 2) / 2e-3) + u, argument="depth")
    with pytest.raises(ArithmeticError, match="within a thousandth of log T"):
        ZonalGas(loss, 10**6, temperature=(1e-7, 1e-4))


def hinge(T):
    """`F/T`, up to the area, of `max(0, 0.2 − m)` at `d = 3`, where the overlap is uniform."""
    return -sp.log(sp.Rational(4, 5) + T * (1 - sp.exp(-sp.Rational(6, 5) / T)))


def step(T):
    """The same of a step at `m = ¼`: two levels."""
    return -sp.log(sp.Rational(3, 4) * sp.exp(-1 / T) + sp.Rational(5, 4))


@pytest.mark.parametrize("breakpoints", [[], [0.2, 0.25]], ids=["found", "given"])
@pytest.mark.parametrize(
    ("exact", "loss"),
    [(hinge, lambda m: jnp.maximum(0.0, 0.2 - m)), (step, lambda m: jnp.where(m > 0.25, 1.0, 0.0))],
)
def test_kinks_and_steps_have_twelve_digits(x64, exact, loss, breakpoints):
    """Every column, against the elementary free energy and its derivatives."""
    T = sp.Symbol("T", positive=True)
    gas = ZonalGas(ZonalLoss(loss), 3, temperature=(1e-2, 10.0), breakpoints=breakpoints)
    free = exact(T) - sp.log(2 * sp.pi)
    energy = -(T**2) * free.diff(T)
    capacity = energy.diff(T)
    columns = [free, energy / T - free, energy, capacity, T * capacity.diff(T), T**2 * capacity.diff(T, 2)]
    for temperature in (0.0123, 0.05, 0.31, 1.7, 9.9):
        at = {T: sp.Rational(repr(temperature))}
        expected = np.array([float(column.subs(at).evalf(30)) for column in columns])
        found = np.array([_evaluate(i, gas.edges, gas.series, jnp.asarray(temperature)) for i in range(6)])
        size = np.maximum(np.abs(expected), [1, 1, 0.1, 1e-2, 1e-2, 1e-2])
        assert (np.abs(found - expected) < 5e-12 * size).all(), (temperature, (found - expected) / size)


def suggested(error):
    """The interval that a refusal advises, as a user would type it."""
    return tuple(float(T) for T in re.search(r"temperature=\(([^,]+), ([^)]+)\)", str(error.value)).groups())


def test_a_refusal_says_why_and_what_works():
    """Overlaps have no digits in the cold: the law is what fails, and the interval that is advised does not."""
    loss = ZonalLoss(lambda m: 1.0 - m)
    with pytest.raises(ArithmeticError, match=r"a law that cannot be integrated .* depth 1 − m") as error:
        ZonalGas(loss, 10, temperature=(1e-12, 1.0))
    low, high = suggested(error)
    assert (low, high) == (pytest.approx(low), pytest.approx(1.0, rel=1e-3))
    assert low < 1e-4
    assert ZonalGas(loss, 10, temperature=(low, high)).interval == (low, high)


def test_the_interval_beside_a_transition_works():
    """The wells are as deep where `f(u)/T − ½(d − 3) log u(2 − u)` is, at u = 0.3055 and 0.7997: T = 4.791e-6."""
    loss = ZonalLoss(lambda u: -jnp.exp(-((u - 0.3) ** 2) / 2e-3) + u, argument="depth")
    with pytest.raises(ArithmeticError, match=r"within a thousandth of log T.* near T = 4\.79") as error:
        ZonalGas(loss, 10**6, temperature=(1e-7, 1e-4))
    ZonalGas(loss, 10**6, temperature=suggested(error))


def test_errors_of_the_loss_are_no_transition():
    """A loss with noise of 10⁻⁷ is integrated, but its properties are no series; a sharp one is told from it."""
    rough = ZonalLoss(lambda m: 1 - m**2 + 1e-7 * jnp.sin(1e12 * m))
    with pytest.raises(ArithmeticError, match=r"errors of the loss itself|cannot be integrated"):
        ZonalGas(rough, 3, temperature=(0.01, 0.02))


def test_a_state_passes_through_transformations(x64):
    mu = jnp.eye(10)[0]
    gas = ZonalGas(ZonalLoss(lambda m: 1 - m**2, mu), temperature=(0.05, 1.0))
    T = jnp.array([0.1, 0.3])
    states = jax.vmap(lambda t: State(gas, temperature=t, volume=1.0).entropy)(T)
    state = State(gas, temperature=T, volume=1.0)
    np.testing.assert_allclose(jax.jit(lambda s: s.entropy)(state), states, rtol=1e-13)
    slope = jax.vmap(jax.grad(lambda t: State(gas, temperature=t, volume=1.0).entropy))(T)
    np.testing.assert_allclose(slope * T, state.heat_capacity_volume, rtol=1e-12)
    assert gas.loss.mean_direction is not None
    assert np.isclose(State(gas, entropy=state.entropy, volume=1.0).temperature, T, rtol=1e-12).all()


def test_relaxation(x64):
    gas = ZonalGas(LOSSES["double well"], 10, temperature=(1e-3, 1.0))
    state = State(gas, temperature=np.array([[0.01, 0.3]]), volume=1.0)
    expected = [zonal_relaxation(gas.law(T)).gap for T in (0.01, 0.3)]
    found = state.direction_relaxation_rate / state.effective_learning_rate
    np.testing.assert_allclose(found, [expected], rtol=1e-12)
    assert State(gas, temperature=1e-3, volume=1.0).direction_relaxation_rate == 0.0  # a barrier of 1,000 nats
    with pytest.raises(ValueError, match="outside jit"):
        jax.jit(lambda T: gas.direction_relaxation_rate(T))(0.1)


def test_outside_the_interval(x64):
    gas = ZonalGas(LOSSES["ring"], 10, temperature=(0.1, 1.0))
    with pytest.raises(ValueError, match=r"^state: got temperature = 0\.05, volume = 1, .* from 0\.1 to 1"):
        State(gas, temperature=0.05, volume=1.0)
    assert repr(gas) == "ZonalGas(dimension=10, temperature=(0.1, 1))"
    inside = jax.jit(lambda T: State(gas, temperature=T, volume=1.0).internal_energy)(jnp.array([0.1, 1.0, 1.1]))
    assert np.isfinite(inside).tolist() == [True, True, False]


def test_wrong_arguments():
    with pytest.raises(ValueError, match="expected a loss of the overlap"):
        ZonalGas(lambda m: m, 3)
    with pytest.raises(ValueError, match="expected an interval"):
        ZonalGas(LOSSES["ring"], 3, temperature=(1.0, 0.1))
    with pytest.raises(ValueError, match="add dimension=3"):
        ZonalGas(LOSSES["ring"])
