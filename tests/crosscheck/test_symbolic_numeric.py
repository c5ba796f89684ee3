"""Two derivations that do not know of each other agree: SymPy's results, lowered to JAX, and the numeric code."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import toy
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.estimators import Estimate
from thermo_ideal.integrators import EulerMaruyama
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic import derive, discrete_radius, gas, zonal_chain
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
    state = equilibrium(toy(numeric, 1.3), dimension)
    names = [name for name in NUMERIC if name in derivation.result]
    assert len(names) == 2
    for name in names:
        symbols = {n.NAMES[key]: value for key, value in zip(HYPERPARAMETERS[protocol], GRID, strict=True)}
        symbols |= {n.DIMENSION: dimension, n.NOISE_SCALE: 1.3}
        lowered = sp.lambdify(list(symbols), derivation.result[name], modules="jax")
        values = [jnp.broadcast_to(jnp.asarray(value, float), (4, 3)) for value in symbols.values()]
        np.testing.assert_allclose(lowered(*values), getattr(state, NUMERIC[name]), rtol=1e-12)


@pytest.mark.parametrize("protocol", ["fixed-lr", "fixed-elr"])
def test_radius_follows_its_closed_form(x64, protocol):
    """With steps of `dt → 0` the mean radius is the derived solution, from inside and from outside."""
    solution = derive(protocol).result["radius_solution"]
    sgd = toy(protocol_class(protocol)(0.3, 0.1), mean_direction=np.eye(3)[0])
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


def lower(expression, values):
    """The expression at named values, through JAX."""
    symbols = sorted(expression.free_symbols, key=str)
    return sp.lambdify(symbols, expression, modules="jax")(*(jnp.asarray(values[s.name], float) for s in symbols))


def step_of(protocol, dimension=6):
    """An SGD, weights off the pole, and tangent-free noise to step with."""
    rng = np.random.default_rng(7)
    weights, noise = rng.normal(size=(2, dimension))
    loss = VonMisesFisherLoss(jnp.eye(dimension)[0])
    sgd = SGD(loss, IsotropicNoise(1.3), protocol_class(protocol)(0.03, 0.4))
    return sgd, jnp.asarray(weights), jnp.asarray(noise)


@pytest.mark.parametrize("protocol", HYPERPARAMETERS)
def test_the_zonal_chain_steps_as_the_integrator_does(x64, protocol):
    """One step in all of R^d, seen from its radius and overlap, is the derived formula."""
    sgd, weights, noise = step_of(protocol)
    r = jnp.linalg.norm(weights)
    if protocol == "fixed-sphere":
        weights, r = weights / r * 0.4, jnp.asarray(0.4)
    unit, pole = weights / r, jnp.eye(6)[0]
    m = unit[0]
    s = jnp.sqrt(1 - m**2)
    along = (pole - m * unit) / s
    # The integrator's noise enters with its own sign; the derivation writes −η times it.
    a = -noise @ along
    across = noise - (noise @ unit) * unit - (noise @ along) * along
    values = dict(zip(("eta", "lambda") if protocol == "fixed-lr" else ("eta_eff", "lambda"), (0.03, 0.4), strict=True))
    values |= {"r": r, "m": m, "s": s, "a": a, "q": across @ across, "f'": -1.0, "sigma": 1.3}
    result = zonal_chain(protocol).result
    after = EulerMaruyama(sgd).step(weights, noise)
    length = jnp.linalg.norm(after)
    np.testing.assert_allclose(lower(result["next_overlap"], values), after[0] / length, rtol=1e-12)
    if protocol == "fixed-sphere":
        after = weights + EulerMaruyama(sgd).increment(weights, noise)
        length = jnp.linalg.norm(after)
    np.testing.assert_allclose(lower(result["next_radius"], values), length, rtol=1e-12)


@pytest.mark.parametrize("protocol", ["fixed-lr", "fixed-elr"])
def test_second_moment_of_a_step(x64, protocol):
    """`E r'²` over ± each coordinate's noise is exact for a quadratic: 2d steps give the derived value."""
    sgd, weights, _ = step_of(protocol)
    r, dimension = jnp.linalg.norm(weights), 6
    kicks = jnp.concatenate([jnp.eye(dimension), -jnp.eye(dimension)]) * dimension**0.5
    after = jax.vmap(lambda kick: EulerMaruyama(sgd).step(weights, kick))(kicks)
    gradient = jnp.sqrt(1 - (weights[0] / r) ** 2)
    values = {"eta": 0.03, "eta_eff": 0.03, "lambda": 0.4, "r": r, "|gbar|": gradient, "tau": 1.3**2 * 5}
    derived = lower(discrete_radius(protocol).result["second_moment"], values)
    np.testing.assert_allclose(jnp.mean(jnp.sum(after**2, axis=-1)), derived, rtol=1e-12)


NUMERIC_STATISTICS = {
    "internal_energy": vmf.one_minus_mean_resultant_length,
    "heat_capacity_volume": vmf.heat_capacity,
    "direction_entropy": vmf.entropy,
}
SHORT = {"internal_energy": "U", "heat_capacity_volume": "C_V", "direction_entropy": "S_dir"}


@pytest.mark.parametrize("quantity", NUMERIC_STATISTICS)
def test_von_mises_fisher_in_three_dimensions(x64, quantity):
    """Where Bessel functions are elementary, the symbolic gas lowers to JAX."""
    model = gas.von_mises_fisher(3)[SHORT[quantity]].subs(gas.V, sp.Rational(1, 2))
    elementary = sp.besselsimp(model.rewrite(sp.besseli))
    for concentration in (0.7, 2.0, 9.0):
        symbolic = lower(elementary, {"T": 1 / concentration})
        np.testing.assert_allclose(symbolic, NUMERIC_STATISTICS[quantity](3, concentration), rtol=1e-12)


@pytest.mark.parametrize("dimension", [2, 7, 1000])
@pytest.mark.parametrize("quantity", NUMERIC_STATISTICS)
def test_series_of_von_mises_fisher_statistics(x64, quantity, dimension):
    """Both series, lowered to JAX where they hold to double precision, against the numeric code."""
    numeric = NUMERIC_STATISTICS[quantity]
    for series, concentration in (
        (gas.low_temperature_series, 400.0 * dimension),
        (gas.high_temperature_series, 0.02 * dimension),
    ):
        # Γ(d/2) is an integer that JAX would not take; 20 digits of its logarithm will do.
        symbolic = lower(sp.N(series(quantity, 8, dimension), 20), {"T": 1 / concentration})
        np.testing.assert_allclose(symbolic, numeric(dimension, concentration), rtol=1e-12)


PARTIALS = {
    "heat_capacity_pressure": "C_p",
    "heat_capacity_ratio": "gamma",
    "entropy": "S",
    "gibbs_energy": "G",
    "pressure": "p",
}


@pytest.mark.parametrize("name", PARTIALS)
def test_state_of_the_gas(x64, name):
    """The numeric state under fixed LR, against the symbolic gas at its temperature and volume."""
    state = equilibrium(toy(protocol_class("fixed-lr")(0.3, 0.2), 1.3), 3)
    elementary = sp.besselsimp(gas.von_mises_fisher(3)[PARTIALS[name]].rewrite(sp.besseli))
    symbolic = lower(elementary, {"T": state.temperature, "V": state.volume})
    np.testing.assert_allclose(symbolic, getattr(state, name), rtol=1e-12)


def heavy_ball_radius(momentum, learning_rate, steps=6000, replicas=400, dimension=20):
    """Mean square of the radius of heavy-ball SGD on the toy loss, a value for each replica."""
    rng = np.random.default_rng(3)
    pole = np.eye(dimension)[0]
    decay, w = 0.1, rng.normal(size=(replicas, dimension))
    w *= (learning_rate / (1 - momentum) * (dimension - 1) / (2 * decay)) ** 0.25 / np.linalg.norm(w, axis=1)[:, None]
    velocity, total = np.zeros_like(w), np.zeros(replicas)
    for step in range(steps):
        r = np.linalg.norm(w, axis=1, keepdims=True)
        unit = w / r
        batch = rng.normal(size=w.shape) - pole
        gradient = (batch - np.sum(batch * unit, axis=1, keepdims=True) * unit) / r
        velocity = momentum * velocity + learning_rate * (gradient + decay * w)
        w = w - velocity
        if step >= steps // 3:
            total += np.sum(w**2, axis=1)
    return total / (steps - steps // 3)


def test_heavy_ball_against_its_small_step_limit():
    """The limit of small steps, by extrapolation in √η, and momentum forgotten as a control."""
    derived = derive("fixed-lr", momentum=True).result["stationary_radius"] ** 2
    ratios = []
    rates = np.array([0.16, 0.08, 0.04])
    for rate in rates:
        at = {n.LEARNING_RATE: rate, n.MOMENTUM: 0.5, n.WEIGHT_DECAY: 0.1, n.DIMENSION: 20, n.NOISE_SCALE: 1}
        ratios.append(heavy_ball_radius(0.5, rate) / float(derived.subs(at)))
    # The errors go as G²/τ and ηλ, so as T and T², and T ∝ √η here; the parabola through three rates ends at 0.
    limit = np.linalg.inv(np.vander(np.sqrt(rates), increasing=True))[0] @ np.array(ratios)
    assert_estimate(Estimate(limit), 1.0)
    assert_rejects(assert_estimate, Estimate(limit), np.sqrt(0.5))


def volume_fluctuations(protocol, rate, dimension=10, replicas=6000):
    """Squared relative deviations of the volume along the exact chain of THEORY §6, a mean for each replica."""
    rng = np.random.default_rng(5)
    decay = 0.1
    mean_square = (rate * (dimension - 1) / (2 * decay)) ** (0.5 if protocol == "fixed-lr" else 1)
    r, m = np.full(replicas, mean_square**0.5), np.full(replicas, 0.9)
    relaxation = 1 / ((rate / mean_square if protocol == "fixed-lr" else rate) ** 2 * (dimension - 1))
    volumes = []
    for step in range(int(8 * relaxation)):
        eta = rate if protocol == "fixed-lr" else rate * r**2
        a, q = rng.normal(size=replicas), rng.chisquare(dimension - 2, size=replicas)
        s = np.sqrt(1 - m**2)
        par, tan = (1 - eta * decay) * r, eta / r * (s - a)
        after = np.sqrt(par**2 + tan**2 + (eta / r) ** 2 * q)
        r, m = after, np.clip((par * m + tan * s) / after, -1, 1)
        if step > 3 * relaxation and step % max(1, int(relaxation / 4)) == 0:
            volumes.append(r**2 / 2)
    volumes = np.array(volumes)
    effective = rate / np.mean(2 * volumes) if protocol == "fixed-lr" else rate
    return np.mean((volumes / volumes.mean() - 1) ** 2, axis=0), effective


@pytest.mark.parametrize("protocol", ["fixed-lr", "fixed-elr"])
def test_the_volume_fluctuates_as_derived(protocol):
    """In the limit of small steps; the fluctuations under a piston and under the other protocol are rejected."""
    result = gas.volume_fluctuations(protocol).result
    rates = {"fixed-lr": np.array([0.02, 0.005]), "fixed-elr": np.array([0.06, 0.03])}[protocol]
    ratios, steps = [], []
    for rate in rates:
        squares, effective = volume_fluctuations(protocol, rate)
        at = {n.EFFECTIVE_LEARNING_RATE: effective, n.NOISE_SCALE: 1}
        ratios.append(squares / float(result["sgd"].subs(at)))
        steps.append(effective)
    # The leading correction, by the gradient's share of the scatter and of the pull, is of first order in η_eff.
    limit = (ratios[1] * steps[0] - ratios[0] * steps[1]) / (steps[0] - steps[1])
    assert_estimate(Estimate(limit), 1.0)
    assert_rejects(assert_estimate, Estimate(limit), 2.0 if protocol == "fixed-lr" else 0.5)
    assert_rejects(assert_estimate, Estimate(squares), float(result["piston"].subs(n.DIMENSION, 10)))


@pytest.mark.parametrize("dimension", [2, 50, 1000])
@pytest.mark.parametrize("quantity", NUMERIC_STATISTICS)
def test_von_mises_fisher_in_any_dimension(x64, quantity, dimension):
    """SymPy's Bessel functions to 30 digits against the numeric code."""
    model = gas.von_mises_fisher(dimension)[SHORT[quantity]].subs(gas.V, sp.Rational(1, 2))
    for temperature in (sp.Rational(1, 3), sp.Rational(1, 5 * dimension)):
        exact = float(sp.N(model.subs(gas.T, temperature), 30))
        np.testing.assert_allclose(NUMERIC_STATISTICS[quantity](dimension, float(1 / temperature)), exact, rtol=1e-12)


@pytest.mark.parametrize("dimension", [2, 7, 1000, 10**6])
def test_riccati_derivatives_of_the_mean_resultant_length(x64, dimension):
    """SymPy differentiates Riccati's equation; the numeric code has a recurrence for each derivative."""
    kappa, at = sp.Symbol("kappa", positive=True), float(dimension)
    A = gas.MeanResultantLength(sp.Integer(dimension), kappa)
    numeric = lambda k: vmf.mean_resultant_length(dimension, k)  # noqa: E731
    value = sp.Float(float(numeric(at)), 17)
    for order in (1, 2):
        exact = float(A.diff(kappa, order).subs(A, value).subs(kappa, dimension))
        numeric = jax.grad(numeric)
        # At κ = d the derivative is of order d^{−order}: Riccati's equation has lost as many digits.
        np.testing.assert_allclose(exact, numeric(at), rtol=1e-15 * dimension**order)
        assert not np.isclose(exact, 1.1 * numeric(at), rtol=1e-15 * dimension**order, atol=0)
