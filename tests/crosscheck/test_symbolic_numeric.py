"""Two derivations that do not know of each other agree: SymPy's results, lowered to JAX, and the numeric code."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss, protocol_class
from thermo_ideal.integrators import EulerMaruyama
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic import derive
from thermo_ideal.thermodynamics import equilibrium

GRID = np.logspace(-3, -1, 4)[:, None], np.logspace(-3, -1, 3)[None, :]
HYPERPARAMETERS = {
    "fixed-lr": ("learning_rate", "weight_decay"),
    "fixed-elr": ("effective_learning_rate", "weight_decay"),
    "fixed-sphere": ("effective_learning_rate", "radius"),
}
NUMERIC = {"temperature": "temperature", "stationary_radius": "radius", "pressure": "pressure"}


@pytest.mark.parametrize("dimension", [2, 3, 50])
@pytest.mark.parametrize("protocol", HYPERPARAMETERS)
def test_results(x64, protocol, dimension):
    derivation = derive(protocol)
    numeric = protocol_class(protocol)(*np.broadcast_arrays(*GRID))
    state = equilibrium(SGD(VonMisesFisherLoss(), IsotropicNoise(1.3), numeric), dimension)
    names = [name for name in NUMERIC if name in derivation.result]
    assert len(names) == 2
    for name in names:
        symbols = {n.NAMES[key]: value for key, value in zip(HYPERPARAMETERS[protocol], GRID, strict=True)}
        symbols |= {n.DIMENSION: dimension, n.NOISE_SCALE: 1.3}
        lowered = sp.lambdify(list(symbols), derivation.result[name], modules="jax")
        values = [jnp.broadcast_to(jnp.asarray(value, float), (4, 3)) for value in symbols.values()]
        np.testing.assert_allclose(lowered(*values), getattr(state, NUMERIC[name]), rtol=1e-12)


@pytest.mark.parametrize("protocol", ["fixed-lr", "fixed-elr"])
def test_relaxation_rate(x64, protocol):
    rate = derive(protocol).result["relaxation_rate"]
    at = {n.NAMES[key]: 0.03 for key in HYPERPARAMETERS[protocol]} | {n.DIMENSION: 7, n.NOISE_SCALE: 1.3}
    numeric = protocol_class(protocol)(0.03, 0.03).radius_relaxation_rate(IsotropicNoise(1.3).trace(7))
    assert np.isclose(float(rate.subs(at)), numeric, rtol=1e-12)


@pytest.mark.parametrize("protocol", ["fixed-lr", "fixed-elr"])
def test_radius_follows_its_closed_form(x64, protocol):
    """With steps of `dt → 0` the mean radius is the derived solution, from inside and from outside."""
    solution = derive(protocol).result["radius_solution"]
    sgd = SGD(VonMisesFisherLoss(np.eye(3)[0]), IsotropicNoise(), protocol_class(protocol)(0.3, 0.1))
    star = float(equilibrium(sgd).radius)
    step = jax.jit(jax.vmap(EulerMaruyama(sgd, dt=0.02).step))
    for start in (0.5, 2.0):
        w = jnp.tile(star * start * jnp.eye(3)[0], (4000, 1))
        for i in range(250):
            w = step(w, jax.random.normal(jax.random.fold_in(jax.random.key(0), i), w.shape))
        at = {n.NAMES[key]: value for key, value in zip(HYPERPARAMETERS[protocol], (0.3, 0.1), strict=True)}
        at |= {n.DIMENSION: 3, n.NOISE_SCALE: 1, n.INITIAL_RADIUS: star * start, n.TIME: 5}
        power = solution.lhs.exp
        expected = float(solution.rhs.subs(at)) ** (1 / float(power))
        assert abs(expected - star * start) > 0.05 * star  # it has moved
        np.testing.assert_allclose(jnp.mean(jnp.linalg.norm(w, axis=-1)), expected, rtol=0.01)
