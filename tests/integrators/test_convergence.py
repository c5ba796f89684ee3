"""To the SDE as the step shrinks, to its closed forms, and with another integrator of the same increments."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import chain, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.estimators import Estimate, zonal_entropy
from thermo_ideal.integrators import EulerMaruyama, simulate
from thermo_ideal.verification import stationary_law

KEY = jax.random.key(41)
RUNS = 192
FLAT = dyn.ZonalLoss(lambda m: 0.0 * m)


def fitted_order(steps, departures):
    """The exponent of `departure ∝ dt^order` by weighted least squares of logarithms, with its standard error."""
    value = np.array([float(d.value) for d in departures])
    error = np.array([float(d.standard_error) for d in departures]) / np.abs(value)
    x = np.log(steps)
    weight = error**-2
    centre = np.average(x, weights=weight)
    spread = weight @ (x - centre) ** 2
    return float(weight @ ((x - centre) * np.log(np.abs(value))) / spread), float(spread**-0.5)


STEPS = (1.0, 0.5, 0.25)


def test_weak_order_of_energy_and_entropy():
    """`U` and `S_dir` of the fixed sphere depart from the SDE's by a first power of the step."""
    d, eta = 10, 0.2
    energies, entropies = [], []
    for dt in STEPS:
        run = chain(dyn.FixedSphere(eta, 1.0), d, dt=dt)
        stride = int(4 / dt)
        result = simulate(
            KEY,
            run,
            run.start(jnp.ones(RUNS), 0.7),
            8000 * stride,
            burn_in=32 * stride,
            stride=stride,
            save=8 * stride,
        )
        energies.append(Estimate(result.mean("loss") - float(vmf.one_minus_mean_resultant_length(d, 2 / eta))))
        x, y = np.moveaxis(result.samples.astype(np.float64), -1, 0)
        r = np.hypot(x, y)
        depth = np.where(x > 0, y**2 / (r * (r + x)), 1 - x / r)
        entropies.append(zonal_entropy(depth.T, d).values - float(vmf.entropy(d, 2 / eta)))
    entropies = [Estimate(s) for s in entropies]
    for departures in (energies, entropies):
        order, error = fitted_order(np.array(STEPS), departures)
        assert error < 0.12
        assert abs(order - 1) < 5 * error + 0.1  # the next power of the step
        assert abs(order - 2) > 5 * error
        assert abs(order - 0.5) > 3 * error


def test_weak_order_of_the_radius():
    """The volume at fixed effective learning rate, against `pV = RT`."""
    d, eta, decay = 10, 0.05, 0.5
    protocol = dyn.FixedEffectiveLearningRate(eta, decay)
    wanted = float(protocol.stationary_radius(d - 1.0)) ** 2 / 2
    departures = []
    for dt in STEPS:
        run = chain(protocol, d, dt=dt)
        stride = int(8 / dt)
        start = run.start(jnp.full(RUNS, np.sqrt(2 * wanted)), 0.6)
        result = simulate(KEY, run, start, 8000 * stride, burn_in=100 * stride, stride=stride)
        departures.append(Estimate(result.mean("volume") / wanted - 1))
    order, error = fitted_order(np.array(STEPS), departures)
    assert error < 0.12
    assert abs(order - 1) < 5 * error + 0.1
    assert abs(order - 2) > 5 * error


def second_moment(protocol, squared, trace):
    """`E r'²` after one step from `r²` on a flat loss."""
    if isinstance(protocol, dyn.FixedLearningRate):
        eta, decay = float(protocol.learning_rate), float(protocol.weight_decay)
        return (1 - eta * decay) ** 2 * squared + eta**2 * trace / squared
    eta, decay = float(protocol.effective_learning_rate), float(protocol.weight_decay)
    return squared * ((1 - eta * decay * squared) ** 2 + eta**2 * trace)


def closed_form(protocol, squared, trace, time):
    star = float(protocol.stationary_radius(trace))
    if isinstance(protocol, dyn.FixedLearningRate):
        rate = 4 * float(protocol.learning_rate * protocol.weight_decay)
        return np.sqrt(star**4 + (squared**2 - star**4) * np.exp(-rate * time))
    rate = float(protocol.effective_learning_rate) ** 2 * trace
    return star**2 / (1 + (star**2 / squared - 1) * np.exp(-rate * time))


@pytest.mark.parametrize(
    "protocol",
    [dyn.FixedLearningRate(1e-4, 20.0), dyn.FixedEffectiveLearningRate(1e-6, 0.4)],
    ids=["fixed-lr", "fixed-elr"],
)
@pytest.mark.parametrize("begin", [0.5, 2.0])
def test_transient_of_the_radius(protocol, begin):
    """At `d = 10⁹` the radius hardly fluctuates: the recursion of `E r²`, and the closed form to first order in η."""
    d = 10**9
    trace = d - 1.0
    squared = (begin * float(protocol.stationary_radius(trace))) ** 2
    run = chain(protocol, d, FLAT)
    start = run.start(jnp.full(RUNS, np.sqrt(squared)), 0.0)
    steps = 500
    volume = simulate(KEY, run, start, steps).position.astype(np.float64)
    measured = Estimate((volume**2).sum(axis=-1))
    expected = float(start[0, 0] ** 2 + start[0, 1] ** 2)
    for _ in range(steps):
        expected = second_moment(protocol, expected, trace)
    assert abs(expected / squared - 1) > 0.3  # it has moved
    # Each run's error is far below single precision's last place; what they share is that place.
    np.testing.assert_allclose(measured.value, expected, rtol=3e-7 + 5 * float(measured.standard_error) / expected)
    np.testing.assert_allclose(closed_form(protocol, squared, trace, steps), expected, rtol=2e-3)
    other = closed_form(protocol, squared, 1.1 * trace, steps)
    assert abs(other / expected - 1) > 2e-3


@pytest.mark.parametrize("protocol", [dyn.FixedLearningRate(0.3, 0.2), dyn.FixedEffectiveLearningRate(0.2, 0.1)])
def test_strong_agreement_with_diffrax(protocol, x64):
    """The same path from the same Brownian increments, at a step that is not 1."""
    sgd = toy(jax.tree.map(lambda x: x.astype(float), protocol), 0.7, mean_direction=np.eye(4)[1])
    dt, steps = 0.125, 64
    brownian = diffrax.VirtualBrownianTree(0.0, dt * steps, tol=dt / 4, shape=(4,), key=KEY)

    def diffusion(t, w, _):
        return jax.vmap(lambda e: sgd.diffusion(w, e), out_axes=1)(jnp.eye(4))

    terms = diffrax.MultiTerm(diffrax.ODETerm(lambda t, w, _: sgd.drift(w)), diffrax.ControlTerm(diffusion, brownian))
    w = jnp.array([1.0, 0.5, -0.3, 0.2])
    solution = diffrax.diffeqsolve(terms, diffrax.Euler(), 0.0, dt * steps, dt, w)
    run = EulerMaruyama(sgd, dt=dt)

    def step(w, i):
        increment = brownian.evaluate(i * dt, (i + 1) * dt)
        return run.step(w, increment / dt**0.5), None

    ours, _ = jax.lax.scan(step, w, jnp.arange(steps))
    np.testing.assert_allclose(ours, solution.ys[-1], rtol=1e-10)
    assert float(jnp.linalg.norm(ours - w)) > 0.1


def test_rademacher_noise_is_as_good_in_expectation():
    """Both laws approach the SDE's energy; the fluctuation of the volume, of fourth moments, is another."""
    d, eta = 3, 0.05
    protocol = dyn.FixedEffectiveLearningRate(eta, 0.1)
    sgd = toy(protocol, mean_direction=np.eye(d)[0])
    radius = float(protocol.stationary_radius(2.0))
    start = jnp.broadcast_to(radius * np.eye(d)[0], (128, d))
    results = {
        law: simulate(KEY, EulerMaruyama(sgd, noise_law=law), start, 40_000, burn_in=4000, stride=4)
        for law in ("gaussian", "rademacher")
    }
    exact = stationary_law(sgd)
    energy = Estimate(results["rademacher"].mean("loss"))
    # The two differ by O(η²) beside the common O(η).
    assert abs(float(energy.value) / float(exact.mean_loss) - 1) < eta**2 + 5 * float(energy.standard_error)
    assert_rejects(assert_estimate, energy, 1.1 * exact.mean_loss)
    spread = {law: Estimate(result.variance("volume")) for law, result in results.items()}
    assert float(spread["gaussian"].z_score_between(spread["rademacher"])) > 5
