"""Integrators, observables and update rules × the contracts: batches, names, steps, states. A row adds a class."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import OBLIQUE, HeavyBall, Signed, chain, in_space, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.estimators import Estimate
from thermo_ideal.integrators import EulerMaruyama, Save, ZonalEulerMaruyama, simulate
from thermo_ideal.numerics import gauss_legendre
from thermo_ideal.thermodynamics import equilibrium
from thermo_ideal.verification import stationary_law

KEY = jax.random.key(12)
SPHERE = dyn.FixedSphere(0.1, 1.5)
FREE = dyn.FixedLearningRate(0.1, 0.1)


def heavy(momentum, protocol=FREE):
    sgd = toy(protocol, mean_direction=OBLIQUE)
    return EulerMaruyama(dyn.SGD(sgd.loss, sgd.noise, protocol, HeavyBall(jnp.asarray(momentum))))


INTEGRATORS = {
    "whole vector": (in_space(FREE), jnp.array([1.0, 0.5, -0.5])),
    "whole vector, on the sphere": (in_space(SPHERE), jnp.array([1.0, 0.5, -0.5])),
    "chain": (chain(FREE, 3), jnp.array([1.0, 0.5])),
    "chain, on the sphere": (chain(SPHERE, 3), jnp.array([1.0, 0.5])),
    "momentum": (heavy(0.9), jnp.array([1.0, 0.5, -0.5])),
    "a user's": (Signed(in_space(FREE)), jnp.array([1.0, 0.5, -0.5])),
}


@pytest.mark.parametrize("name", INTEGRATORS)
def test_steps_act_on_the_last_axis(name):
    run, start = INTEGRATORS[name]
    positions = jnp.einsum("ij,k->ijk", jnp.linspace(1.0, 2.0, 6).reshape(2, 3), start)
    normals = jax.random.normal(KEY, (2, 3, run.num_normals(start.size)))
    expected = [[run.step(w, xi) for w, xi in zip(*rows, strict=True)] for rows in zip(positions, normals, strict=True)]
    np.testing.assert_allclose(run.step(positions, normals), np.array(expected), rtol=2e-5)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_the_batch_is_that_of_all_parameters(name):
    """Learning rates, noise and step each on an axis of their own, and starts on the last."""
    run, start = INTEGRATORS[name]
    rates = {"learning_rate" if run.sgd.protocol is FREE else "effective_learning_rate": jnp.full((2, 1, 1), 0.05)}
    noise = dyn.IsotropicNoise(jnp.array([[1.0], [2.0], [3.0]]))
    sgd = dyn.SGD(run.sgd.loss, noise, run.sgd.protocol.replace(**rates), run.sgd.update_rule)
    whole = getattr(run, "inner", run)
    again = ZonalEulerMaruyama(sgd, 3) if isinstance(whole, ZonalEulerMaruyama) else EulerMaruyama(sgd)
    again = Signed(again) if isinstance(run, Signed) else again
    result = simulate(KEY, again, jnp.broadcast_to(start, (4, start.size)), 8)
    assert result.position.shape == (2, 3, 4, start.size)
    assert result.mean("loss").shape == (2, 3, 4)
    one = simulate(KEY, again, start, 8)
    assert one.position.shape == (2, 3, 1, start.size)


def test_many_learning_rates_and_one_start():
    rates = jnp.linspace(0.01, 0.1, 289)
    many = EulerMaruyama(toy(dyn.FixedLearningRate(rates, 0.1), mean_direction=OBLIQUE))
    assert simulate(KEY, many, jnp.ones(3), 8).position.shape == (289, 3)
    grid = dyn.FixedLearningRate(jnp.full((40, 1, 1), 0.05), jnp.full((1, 30, 1), 0.1))
    run = EulerMaruyama(toy(grid, mean_direction=OBLIQUE))
    assert simulate(KEY, run, jnp.ones((8, 3)), 8).position.shape == (40, 30, 8, 3)
    with pytest.raises(ValueError, match=r"learning_rate: got shape \(289,\), expected .* \(2,\) of position"):
        simulate(
            KEY, EulerMaruyama(toy(dyn.FixedLearningRate(rates, 0.1), mean_direction=OBLIQUE)), jnp.ones((2, 3)), 8
        )


@pytest.mark.parametrize("make", [in_space, chain])
def test_the_step_may_be_an_array(make, x64):
    """Half the step has half the departure from the SDE: `U` of the exact law at 1, and of the SDE below."""
    steps = np.array([[1.0], [0.25]])
    run = make(dyn.FixedSphere(0.4, 1.0), 10, dt=steps)
    start = jnp.asarray(run.start(1.0, 0.7) if make is chain else np.eye(10)[0])
    result = simulate(KEY, run, jnp.broadcast_to(start, (64, start.size)), 12_288, burn_in=512, stride=16)
    sgd = toy(dyn.FixedSphere(0.4, 1.0))
    exact, limit = float(stationary_law(sgd, 10).mean_loss), float(equilibrium(sgd, 10).internal_energy)
    whole, quarter = (Estimate(x) for x in result.mean("loss"))
    assert_estimate(whole, exact)
    assert_rejects(assert_estimate, quarter, exact)
    assert abs(quarter.value - limit) < 0.4 * abs(whole.value - limit)


def test_the_step_is_traced():
    """Another step of the same program, and 1 as a number or in an array, to the same bits but for rounding."""
    one, array = (simulate(KEY, in_space(FREE, dt=dt), jnp.ones((2, 3)), 16) for dt in (1.0, np.ones(2)))
    np.testing.assert_allclose(one.position, array.position, rtol=1e-5)
    with pytest.raises(ValueError, match="dt: got -1"):
        in_space(FREE, dt=-1.0)


def test_observables_of_the_user_are_followed():
    own = {"first": lambda w: w[0], "square": lambda w: w @ w}
    save = Save(positions=1, histograms={"first": np.linspace(-3, 3, 13)}, covariances=[("first", "loss")])
    result = simulate(KEY, in_space(FREE), jnp.ones((5, 3)), 512, burn_in=64, observe=own, save=save)
    first = result.samples[..., 0]
    np.testing.assert_allclose(result.mean("first"), first.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(result.variance("first"), first.var(0), rtol=1e-3)
    np.testing.assert_allclose(result.minimum("first"), first.min(0), rtol=1e-6)
    np.testing.assert_allclose(result.mean("square"), (result.samples**2).sum(-1).mean(0), rtol=1e-5)
    np.testing.assert_allclose(result.mean("square"), 2 * result.mean("volume"), rtol=1e-5)
    assert (result.autocorrelation_time("first") > 0).all()
    histogram = result.histograms["first"]
    for run in range(5):
        counts, _ = np.histogram(first[:, run], histogram.edges)
        assert np.abs(histogram.counts[:, run] - counts).sum() <= 2  # on an edge in one precision
    assert (histogram.counts.sum(0) + histogram.below + histogram.above == 448).all()
    radius = np.linalg.norm(result.samples, axis=-1)
    loss = 1 - first / radius
    expected = ((first - first.mean(0)) * (loss - loss.mean(0))).mean(0)
    np.testing.assert_allclose(result.covariance("loss", "first"), expected, rtol=1e-3, atol=1e-6)


def test_a_histogram_has_the_density_of_the_law():
    """The overlap on the sphere against the exact law of discrete SGD; that of another temperature is rejected."""
    run = in_space(dyn.FixedSphere(0.02, 1.0), sigma=5.0)
    save = Save(histograms={"m": np.linspace(-1, 1, 11)})
    own = {"m": lambda w: w[0] / jnp.linalg.norm(w)}
    histogram = simulate(KEY, run, jnp.ones((32, 3)), 20_000, burn_in=2000, observe=own, save=save).histograms["m"]

    def share(sigma):
        density = stationary_law(toy(run.sgd.protocol, sigma), 3).density
        return [
            2 * np.pi * weights @ density(nodes)
            for nodes, weights in (gauss_legendre(12, *ends) for ends in pairwise(histogram.edges))
        ]

    measured = Estimate(histogram.counts / histogram.counts.sum(0))
    assert_estimate(measured, np.array(share(5.0)))
    assert_rejects(assert_estimate, measured, np.array(share(5.2)))


def test_names_come_from_what_is_returned():
    """An observable that a subclass adds is followed, one that it leaves out is missed by name."""
    result = simulate(KEY, Signed(in_space(FREE)), jnp.ones((2, 3)), 16, save=Save(positions=1))
    np.testing.assert_allclose(result.mean("first"), result.samples[..., 0].mean(0), rtol=1e-5)
    assert "radius" not in result.moments
    assert "volume" not in result.moments
    with pytest.raises(ValueError, match=r"observable: got 'radius', expected one of .*'first'"):
        result.mean("radius")
    with pytest.raises(ValueError, match="covariances: got 'radius', expected one of"):
        simulate(KEY, Signed(in_space(FREE)), jnp.ones(3), 16, save=Save(covariances=[("loss", "radius")]))


@pytest.mark.parametrize(
    ("observe", "message"),
    [
        ({"loss": lambda w: w[0]}, "observe: got 'loss', which EulerMaruyama measures itself"),
        ({"volume": lambda w: w[0]}, "observe: got 'volume'"),
        ({"vector": lambda w: w}, r"observe: got 'vector', which returns shape \(3,\)"),
        ({"beyond": lambda w: w @ jnp.ones(4)}, r"observe: got 'beyond', which fails .* shape \(3,\)"),
        ({"number": 3.0}, "observe: got 'number': 3.0, expected a function"),
    ],
)
def test_what_is_no_observable(observe, message):
    with pytest.raises(ValueError, match=message):
        simulate(KEY, in_space(FREE), jnp.ones(3), 16, observe=observe)


@pytest.mark.parametrize(
    ("save", "message"),
    [
        ({"histograms": {"loss": [1.0, 0.0]}}, r"histograms: got edges .* for 'loss'"),
        ({"histograms": {"energy": [0.0, 1.0]}}, "histograms: got 'energy', expected one of"),
        ({"covariances": [("loss",)]}, "covariances: got"),
        ({"covariances": [("loss", "energy")]}, "covariances: got 'energy', expected one of"),
    ],
)
def test_what_cannot_be_kept(save, message):
    with pytest.raises(ValueError, match=message):
        simulate(KEY, in_space(FREE), jnp.ones(3), 16, save=Save(**save))


def test_observables_go_on_from_a_checkpoint(tmp_path):
    call = {"observe": {"first": lambda w: w[0]}, "save": Save(histograms={"first": [0.0, 0.5]}), "chunk_size": 64}
    file = tmp_path / "run.npz"
    simulate(KEY, heavy(0.5), jnp.ones((2, 3)), 128, checkpoint=file, **call)
    resumed = simulate(KEY, heavy(0.5), jnp.ones((2, 3)), 256, checkpoint=file, **call)
    whole = simulate(KEY, heavy(0.5), jnp.ones((2, 3)), 256, **call)
    np.testing.assert_array_equal(resumed.position, whole.position)
    np.testing.assert_array_equal(resumed.mean("first"), whole.mean("first"))
    np.testing.assert_array_equal(resumed.histograms["first"].counts, whole.histograms["first"].counts)
    np.testing.assert_array_equal(resumed.covariance("loss", "volume"), whole.covariance("loss", "volume"))
    other = call | {"observe": {"first": lambda w: w[1]}}
    with pytest.raises(ValueError, match="resume: got a run of another integrator"):
        simulate(KEY, heavy(0.5), jnp.ones((2, 3)), 256, checkpoint=file, **other)


def test_momentum_settles_where_theory_says(x64):
    """`r⁴ = ητ/(2λ(1 − β))` for small steps, and not that of plain SGD; one momentum for each run."""
    beta = jnp.array([[0.0], [0.5], [0.8]])
    protocol = dyn.FixedLearningRate(0.004, 0.05)
    run = heavy(beta, protocol)
    result = simulate(KEY, run, jnp.full((16, 3), 0.4), 60_000, burn_in=20_000, stride=40)
    radius = Estimate(result.mean("radius"))
    exact = (0.004 * 2 / (2 * 0.05 * (1 - np.asarray(beta)[:, 0]))) ** 0.25
    np.testing.assert_allclose(radius.value, exact, rtol=0.02)
    assert_rejects(assert_estimate, Estimate(result.mean("radius")[1:]), exact[0])


def test_what_needs_plain_sgd_says_so():
    sgd = dyn.SGD(dyn.VonMisesFisherLoss(), dyn.IsotropicNoise(), FREE, HeavyBall(jnp.asarray(0.9)))
    unknown = r"update_rule: got HeavyBall, whose stationary state is not known, expected .* stationary_radius\("
    for call, message in (
        (lambda: ZonalEulerMaruyama(sgd, 3), "update_rule: got HeavyBall, expected PlainUpdate"),
        (lambda: equilibrium(sgd, 3), unknown),
        (lambda: stationary_law(sgd, 3), unknown),
    ):
        with pytest.raises(ValueError, match=message):
            call()
