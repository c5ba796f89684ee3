"""Every protocol × what the contract says of it. A row adds a protocol; two are a user's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import OBLIQUE, DecayedSphere, ProportionalLearningRate, chain, toy
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.estimators import Estimate
from thermo_ideal.integrators import EulerMaruyama, simulate
from thermo_ideal.thermodynamics import equilibrium, plan
from thermo_ideal.verification import stationary_law

PROTOCOLS = {
    "fixed-lr": (FixedLearningRate, (0.2, 0.1)),
    "fixed-elr": (FixedEffectiveLearningRate, (0.1, 0.1)),
    "fixed-sphere": (FixedSphere, (0.1, 1.5)),
    "proportional-lr": (ProportionalLearningRate, (0.2, 0.1)),
    "cubic-lr": (lambda *values: ProportionalLearningRate(*values, exponent=3), (0.02, 0.02)),
    "decayed-sphere": (DecayedSphere, (0.3, 0.2)),
}
METHODS = ("learning_rate_at", "weight_decay_at", "effective_learning_rate_at")
OF_NOISE = ("stationary_radius", "radius_relaxation_rate")
TRACE = 2.0


def made(name, shapes=((), ())):
    build, values = PROTOCOLS[name]
    return build(*(jnp.full(shape, value) for shape, value in zip(shapes, values, strict=True)))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_shapes_are_those_of_argument_and_hyperparameters(name):
    for shapes, argument in ((((), ()), (3,)), (((2, 1), (1, 3)), (3,)), (((2, 1), (1, 3)), ()), (((), ()), ())):
        protocol, x = made(name, shapes), jnp.ones(argument)
        expected = np.broadcast_shapes(argument, *shapes)
        with jax.numpy_rank_promotion("allow"):  # a user's class may promote
            for method in (*METHODS, *OF_NOISE):
                shape = jnp.shape(getattr(protocol, method)(x))
                known = type(protocol).__module__.startswith("thermo_ideal")
                assert (shape if known else np.broadcast_shapes(shape, expected)) == expected, method
            assert jnp.shape(protocol.radius_drift(x, TRACE)) == expected
            assert jnp.shape(protocol.relative_volume_variance(1.0, TRACE)) == np.broadcast_shapes(*shapes)
            assert jnp.shape(protocol.effective_learning_rate_at(x)) == expected


@pytest.mark.parametrize("name", PROTOCOLS)
def test_hyperparameters_are_no_static_fields(name):
    protocol = made(name)
    assert len(protocol.hyperparameters()) == 2
    changed = protocol.replace(**{protocol.hyperparameters()[0]: jnp.asarray(0.7)})
    assert float(getattr(changed, protocol.hyperparameters()[0])) == pytest.approx(0.7)
    assert getattr(changed, "exponent", 0) == getattr(protocol, "exponent", 0)
    with pytest.raises(ValueError, match="exponent: got"):
        protocol.replace(exponent=2)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_stationary_radius_is_where_the_drift_vanishes(name, x64):
    """And small departures decay at the relaxation rate; where the radius is fixed, the constraint goes there."""
    protocol = made(name)
    radius = jnp.asarray(protocol.stationary_radius(TRACE))
    if protocol.fixes_radius:
        assert protocol.mechanical_response == "pressure"
        assert np.isinf(protocol.radius_relaxation_rate(TRACE))
        assert protocol.relative_volume_variance(1.0, TRACE) == 0
        assert np.isclose(jnp.linalg.norm(protocol.constrain(7.0 * jnp.asarray(OBLIQUE))), radius)
        return
    assert protocol.mechanical_response == "radius"
    scale = protocol.learning_rate_at(radius) * protocol.weight_decay_at(radius)
    assert abs(float(protocol.radius_drift(radius, TRACE))) < 1e-12 * float(scale * radius)
    slope = jax.grad(lambda r: protocol.radius_drift(r, TRACE))(radius)
    assert np.isclose(-slope, protocol.radius_relaxation_rate(TRACE), rtol=1e-10)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_constraint_keeps_the_ray_of_every_vector(name):
    protocol, w = made(name), jax.random.normal(jax.random.key(0), (4, 5, 3))
    with jax.numpy_rank_promotion("allow"):
        after = protocol.constrain(w)
    one_by_one = np.stack([[protocol.constrain(v) for v in row] for row in w])
    np.testing.assert_allclose(after, one_by_one, rtol=1e-6)
    unit = [x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (np.asarray(after), np.asarray(w))]
    np.testing.assert_allclose(*unit, atol=1e-6)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_simulation_has_the_exact_law(name, x64):
    """Simulated, in equilibrium, planned and solved; the law of another temperature is rejected."""
    sgd = toy(made(name))
    law, state, advice = stationary_law(sgd, 3), equilibrium(sgd, 3), plan(sgd, 3, samples=10)
    assert int(advice.num_steps) > int(advice.burn_in) > 0
    run = chain(sgd.protocol, 3)
    start = run.start(float(state.radius), jnp.full(256, 0.5))
    burn_in = 8 * int(np.ceil(advice.burn_in / 8))
    result = simulate(jax.random.key(5), run, start, burn_in + 4096, burn_in=burn_in, stride=8)
    energy = Estimate(result.mean("loss"))
    assert_estimate(energy, law.mean_loss)
    assert_rejects(assert_estimate, energy, stationary_law(toy(sgd.protocol, sigma=1.1), 3).mean_loss)
    if sgd.protocol.fixes_radius:
        # The pressure fluctuates as the steps do, and the chain's own weight decay is taken off.
        held, exact, gas = result.mean("effective_weight_decay"), law.effective_weight_decay, None
    else:
        held, exact, gas = result.mean("radius"), law.mean_radius, state.radius
    assert_estimate(Estimate(held), exact)
    assert_rejects(assert_estimate, Estimate(held), 1.02 * np.asarray(exact))
    if gas is not None:
        assert np.isclose(exact, gas, rtol=0.1)


def test_a_batch_of_protocols_is_the_protocols_one_by_one():
    protocol = made("proportional-lr", ((2, 1), (1, 3)))
    sgd = toy(protocol, mean_direction=OBLIQUE)
    run = simulate(jax.random.key(1), EulerMaruyama(sgd), jnp.ones(3), 8)
    assert run.position.shape == (2, 3, 3)


def test_what_does_not_broadcast_is_refused_where_it_is_made():
    for build in (FixedLearningRate, FixedEffectiveLearningRate, FixedSphere, ProportionalLearningRate):
        with pytest.raises(ValueError, match=r"got shape \(3,\), expected one that broadcasts with \(2,\) of"):
            build(jnp.ones(2), jnp.ones(3))
    with pytest.raises(ValueError, match=r"protocol.learning_rate: got shape \(3,\), .* \(2,\) of noise.scale"):
        toy(FixedLearningRate(jnp.ones(3), 0.1), sigma=jnp.ones(2))
    with pytest.raises(ValueError, match=r"dt: got shape \(2,\), .* \(3,\) of protocol.learning_rate"):
        EulerMaruyama(toy(FixedLearningRate(jnp.ones(3), 0.1), mean_direction=OBLIQUE), dt=jnp.ones(2))
