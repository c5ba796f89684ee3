"""The chain of radius and overlap: one step against the whole vector's, and its law at every dimension."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import chain, in_space, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.distributions import Zonal
from thermo_ideal.estimators import Estimate
from thermo_ideal.integrators import ZonalEulerMaruyama, simulate
from thermo_ideal.numerics import chi_square_from_normal
from thermo_ideal.verification import stationary_law

KEY = jax.random.key(11)
PROTOCOLS = {
    "fixed-lr": dyn.FixedLearningRate(0.05, 0.3),
    "fixed-elr": dyn.FixedEffectiveLearningRate(0.08, 0.3),
    "fixed-sphere": dyn.FixedSphere(0.08, 0.7),
}


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("dimension", [2, 3, 7])
def test_a_step_is_that_of_the_whole_vector(name, dimension, x64):
    """The same `a`, and noise of length `√q` across: radius, overlap and pressure of one step agree."""
    protocol = jax.tree.map(lambda x: x.astype(float), PROTOCOLS[name])
    zonal, space = (make(protocol, dimension, sigma=jnp.asarray(1.3), dt=0.7) for make in (chain, in_space))

    def compare(angle, radius, normal):
        m, s = jnp.cos(angle), jnp.sin(angle)
        w = jnp.zeros(dimension).at[:2].set(radius * jnp.array([m, s]))
        # The chain's noise enters with the gradient's sign.
        noise = jnp.zeros(dimension).at[:2].set(-normal[0] * jnp.array([s, -m]))
        if dimension > 2:
            noise = noise.at[2].set(jnp.sqrt(chi_square_from_normal(dimension - 2, normal[1])))
        position = w[:2]
        after = space.step(w, noise)
        pressures = jnp.zeros(2)
        if name == "fixed-sphere":
            state = zonal.begin(position)
            seen = zonal.observe(state, state, zonal.innovation(normal))["effective_weight_decay"]
            pressures = jnp.array([seen, space.effective_weight_decay(w, noise)])
        whole = jnp.array([after[0], jnp.linalg.norm(after[1:])])
        return zonal.step(position, normal), whole, pressures

    rng = np.random.default_rng(5)
    angle = np.pi * rng.beta(0.3, 0.3, 500)
    radius = np.full(500, float(protocol.radius)) if name == "fixed-sphere" else rng.uniform(0.3, 3, 500)
    normals = rng.normal(size=(500, zonal.num_normals(2)))
    found, whole, pressures = jax.jit(jax.vmap(compare))(angle, radius, normals)
    np.testing.assert_allclose(found, whole, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(pressures[:, 0], pressures[:, 1], rtol=1e-11)


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("dimension", [2, 3, 10, 50])
def test_law_is_that_of_the_whole_vector(name, dimension):
    """Energy, its fluctuation, radius or pressure and the volume's fluctuation; a wrong dimension is told apart."""
    protocol = PROTOCOLS[name]
    start_radius = 0.7 if name == "fixed-sphere" else float(protocol.stationary_radius(dimension - 1.0))

    def measure(run, start, key):
        result = simulate(key, run, start, 6000, burn_in=1000, stride=4)
        mechanical = "effective_weight_decay" if name == "fixed-sphere" else "volume"
        return [
            Estimate(x)
            for x in (
                result.mean("loss"),
                result.variance("loss"),
                result.mean(mechanical),
                result.covariance("loss", "volume"),
            )
        ]

    zonal, space = chain(protocol, dimension), in_space(protocol, dimension)
    from_half_way = zonal.start(jnp.full(128, start_radius), 0.5)
    w = np.zeros((128, dimension))
    w[:, :2] = from_half_way
    for key in (KEY, jax.random.key(12)):
        in_whole = measure(space, jnp.asarray(w), key)
        for ours, whole in zip(measure(zonal, from_half_way, key), in_whole, strict=True):
            # The covariance with the volume is 0 to rounding on the sphere.
            if name != "fixed-sphere" or abs(float(whole.value)) > 1e-6:
                assert abs(float(ours.z_score_between(whole))) < 5
    other = measure(chain(protocol, dimension + 1 + dimension // 10), from_half_way, KEY)[0]
    assert abs(float(other.z_score_between(in_whole[0]))) > 5


PRINTED = {(3, 0.05): 0.02554100, (10, 0.05): 0.10899221, (10, 0.2): 0.35478930, (50, 0.02): 0.21683661}


@pytest.mark.parametrize(("dimension", "eta"), PRINTED)
def test_stationary_energy_of_the_discrete_law(dimension, eta):
    """The four values of THEORY §6; the SDE's value, and a hotter law, are rejected."""
    run = chain(dyn.FixedSphere(eta, 1.0), dimension)
    result = simulate(KEY, run, run.start(jnp.ones(192), 0.9), 60_000, burn_in=2000, stride=8)
    energy = Estimate(result.mean("loss"))
    assert_estimate(energy, PRINTED[dimension, eta])
    hot = stationary_law(toy(dyn.FixedSphere(eta, 1.0), 1.05), dimension)
    assert_rejects(assert_estimate, energy, hot.mean_loss)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_billion_dimensions(dtype):
    """In the hot gas `m' = (m + η − ησa)/ρ` with `ρ² = 1 + η²σ²(d−1)`: an exact autoregression as `d → ∞`."""
    with jax.enable_x64(dtype == "float64"):
        d, eta = 10**9, 3e-5
        run = chain(dyn.FixedSphere(jnp.asarray(eta, dtype), 1.0), d)
        start = run.start(jnp.ones(192, dtype), 0.0)
        result = simulate(KEY, run, start, 4096, burn_in=256)
        rho = np.sqrt(1 + eta**2 * d)
        overlap = Estimate(1 - result.mean("loss"))
        assert_estimate(overlap, eta / (rho - 1))
        assert_rejects(assert_estimate, overlap, 1.02 * eta / (rho - 1))
        spread = Estimate(result.variance("loss") * d)
        # In single precision the loss has its last place at 2e-3 of its spread, which adds 4e-7 to the variance.
        assert_estimate(spread, 1.0)
        assert_rejects(assert_estimate, spread, 1.02)


@pytest.mark.parametrize("temperature", [1e-12, 1e-6])
def test_cold_gas_keeps_its_digits_in_single_precision(temperature):
    """`u/T → χ²_{d−1}/2` when cold, with `T` twelve orders below the last place of `m`."""
    d, eta = 11, 0.01
    sigma = float(np.sqrt(2 * temperature / eta))
    run = chain(dyn.FixedSphere(eta, 1.0), d, sigma=sigma)
    start = run.start(jnp.ones(192), depth=5 * temperature)
    result = simulate(KEY, run, start, 8000, burn_in=1000, stride=8)
    # The linear chain has the variance of the SDE over 1 − η/2.
    energy = Estimate(result.mean("loss") / temperature)
    assert_estimate(energy, 5 / (1 - eta / 2))
    assert_rejects(assert_estimate, energy, 5.1 / (1 - eta / 2))


@pytest.mark.parametrize("eta", [1e-9, 1e-7])
def test_steps_below_the_last_place_are_not_lost(eta):
    """The radius grows by `η²σ²(d−1)/2` a step and the angle shrinks by `η sin θ`, both below rounding in float32."""
    d, sigma, steps = 10**9, 1e-2, 4096
    run = chain(dyn.FixedEffectiveLearningRate(eta, 0.0), d, sigma=sigma)
    result = simulate(KEY, run, run.start(jnp.ones(16), 0.0), steps)
    growth = eta**2 * sigma**2 * (d - 1) / 2
    radius = np.linalg.norm(result.position.astype(np.float64), axis=-1)
    np.testing.assert_allclose(np.log(radius), growth * steps, rtol=2e-3, atol=1.5e-7)
    # cos θ = tanh(η t) on the way down from the equator; what a step adds to it is lost beside an angle of 1.
    overlap = result.position[:, 0].astype(np.float64) / radius
    np.testing.assert_allclose(overlap, np.tanh(eta * steps), rtol=0.02, atol=5 * eta * sigma * np.sqrt(steps))


@pytest.mark.parametrize("dimension", [2, 5])
def test_any_zonal_loss(dimension):
    """A gas with two minima, against the exact Gibbs law, extrapolated to `dt → 0`."""
    temperature = 0.2
    law = Zonal(lambda u: -((1 - u) ** 2), dimension, temperature, argument="depth")
    loss = dyn.ZonalLoss(lambda m: -(m**2))
    means = []
    for dt in (0.5, 1.0):
        run = chain(dyn.FixedSphere(0.1, 1.0), dimension, loss, sigma=float(np.sqrt(20 * temperature)), dt=dt)
        result = simulate(KEY, run, run.start(jnp.ones(192), 0.3), 6000, burn_in=400, stride=4)
        means.append(result.mean("loss"))
    energy = Estimate(2 * means[0] - means[1])
    # What is left is of second order in the step, below the error.
    assert_estimate(energy, law.mean_loss)
    assert_rejects(assert_estimate, energy, 1.05 * law.mean_loss)
    depth = np.asarray(result.mean("depth"))
    assert depth.min() < 1 < depth.max()  # both minima are visited


def test_poles_are_fine_places_to_start():
    run = chain(dyn.FixedSphere(0.05, 1.0), 5)
    for overlap in (1.0, -1.0):
        start = run.start(jnp.ones(4), overlap)
        np.testing.assert_allclose(start[:, 0], overlap)
        result = simulate(KEY, run, start, 2000, burn_in=1000)
        assert np.all((result.mean("loss") > 0) & (result.mean("loss") < 1))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: chain(dyn.FixedSphere(0.1, 1.0), None), "dimension: got None and a loss without"),
        (lambda: chain(dyn.FixedSphere(0.1, 1.0), 1), "dimension: got 1, expected a whole number ≥ 2"),
        (
            lambda: chain(dyn.FixedSphere(0.1, 1.0), 4, dyn.VonMisesFisherLoss(np.eye(3)[0])),
            "dimension: got 4, expected 3",
        ),
        (
            lambda: chain(dyn.FixedSphere(0.1, 1.0), 3, dyn.ScaleInvariantLoss(jnp.sum)),
            "loss: got ScaleInvariantLoss, expected",
        ),
        (lambda: chain(dyn.FixedSphere(0.1, 1.0), 3, dt=-1.0), "dt: got -1"),
        (
            lambda: ZonalEulerMaruyama(
                dyn.SGD(dyn.VonMisesFisherLoss(), dyn.AnisotropicNoise(np.ones(3)), dyn.FixedSphere(0.1, 1.0)), 3
            ),
            "noise: got AnisotropicNoise, expected IsotropicNoise",
        ),
        (lambda: chain(dyn.FixedSphere(0.1, 1.0), 3).start(1.0), "overlap: got neither it nor depth"),
        (
            lambda: chain(dyn.FixedSphere(0.1, 1.0), 3).start(1.0, 1.5),
            "overlap: got 1.5, expected a number from −1 to 1",
        ),
        (lambda: chain(dyn.FixedSphere(0.1, 1.0), 3).start(0.0, 0.5), "radius: got 0.0"),
        (lambda: simulate(KEY, chain(dyn.FixedSphere(0.1, 1.0), 3), jnp.ones((2, 3)), 8), "as in integrator.start"),
        (lambda: simulate(KEY, chain(dyn.FixedSphere(0.1, 1.0), 3), -jnp.ones((2, 2)), 8), "got a negative distance"),
    ],
)
def test_wrong_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()
