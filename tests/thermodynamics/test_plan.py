"""Relaxation times, run lengths and runs that would be too long."""

import warnings

import jax
import numpy as np
import pytest

from tests.support.statistics import Z_MAX, assert_variance
from thermo_ideal import dynamics as dyn
from thermo_ideal.distributions import Zonal
from thermo_ideal.dynamics import SGD, IsotropicNoise
from thermo_ideal.integrators import ZonalEulerMaruyama, simulate
from thermo_ideal.thermodynamics import CannotEquilibrate, equilibrium, plan

LOSS = dyn.VonMisesFisherLoss()


def test_limits():
    """Cold: the direction relaxes at `η_eff`. Hot: at `(d−1) η_eff T`, the first harmonic of the sphere."""
    for scale, rate, loss_rate in ((0.01, 1e-3, 2e-3), (100.0, 2 * 1e-3 * 5.0, 2 * 1e-3 * 5.0)):
        made = plan(SGD(LOSS, IsotropicNoise(scale), dyn.FixedSphere(1e-3, 1.0)), 3)
        assert np.isclose(made.direction_time, 1 / rate, rtol=0.05)
        assert np.isclose(made.loss_time, 1 / loss_rate, rtol=0.05)
        assert made.radius_time == 0
        assert made.num_steps > made.burn_in >= 6 * made.direction_time * 0.99


def test_grids_share_their_solutions():
    grid = np.meshgrid(np.logspace(-3, -1, 3), np.logspace(-3, -1, 4), indexing="ij")
    made = plan(SGD(LOSS, IsotropicNoise(), dyn.FixedLearningRate(*grid)), 3)
    assert made.direction_time.shape == made.loss_time.shape == made.radius_time.shape == (3, 4)
    np.testing.assert_allclose(made.radius_time, 1 / (4 * grid[0] * grid[1]), rtol=1e-5)
    # η_eff and T depend on ηλ alone.
    assert np.isclose(made.direction_time[0, 3], made.direction_time[2, 0], rtol=1e-5)


def test_what_is_refused():
    for name in ("samples", "relaxation_times"):
        with pytest.raises(ValueError, match=f"^{name}: got 0, expected a number > 0"):
            plan(SGD(LOSS, IsotropicNoise(), dyn.FixedSphere(1e-3, 1.0)), 3, **{name: 0})
    with pytest.raises(ValueError, match=r"^sgd: got a relaxation time of 1e\+12 steps.*"):
        plan(SGD(LOSS, IsotropicNoise(), dyn.FixedSphere(1e-12, 1.0)), 3, samples=10**9)
    with pytest.raises(ValueError, match=r"^sgd: got a relaxation time of 2e\+23 steps"):
        plan(SGD(LOSS, IsotropicNoise(), dyn.FixedLearningRate(1e-12, 1e-12)), 3)
    hot = SGD(LOSS, IsotropicNoise(), dyn.FixedSphere(1e3, 1.0))
    assert plan(hot, 3).sampling_interval == 1
    with pytest.raises(ValueError, match="standard_error: got 'depth'"):
        plan(hot, 3, standard_error={"depth": 0.1})
    with pytest.raises(ValueError, match=r"standard_error: got 'loss': 0\.0"):
        plan(hot, 3, standard_error={"loss": 0.0})


def test_a_run_that_is_too_short_is_warned_of():
    sgd = SGD(LOSS, IsotropicNoise(), dyn.FixedEffectiveLearningRate(np.array([0.01, 0.1]), 0.1))
    with pytest.warns(CannotEquilibrate, match="num_steps: got 50000, expected 130000 for 1 of 2 runs"):
        plan(sgd, 3, num_steps=50_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan(sgd, 3, num_steps=130_000)


@pytest.mark.parametrize("name", ["loss", "radius"])
def test_the_standard_error_is_what_was_asked_for(x64, name):
    """The spread of the means of many runs, each as long as planned; half the length must be noticed."""
    dimension, runs = 10, 512
    sgd = SGD(LOSS, IsotropicNoise(5.0), dyn.FixedEffectiveLearningRate(0.02, 0.05))
    asked = {"loss": 0.01, "radius": 0.02}[name]
    made = plan(sgd, dimension, samples=1, standard_error={name: asked})
    length = int(made.num_steps - made.burn_in)
    assert length > 20 * max(made.direction_time, made.radius_time)
    chain = ZonalEulerMaruyama(sgd, dimension)
    depth = Zonal.linear(dimension, 0.25).sample_depth(jax.random.key(1), (runs,))
    start = chain.start(radius=(9 * 0.25 / 0.05) ** 0.5, depth=depth)
    means = {}
    for steps in (length, length // 2):
        burn_in = int(made.burn_in)
        means[steps] = simulate(jax.random.key(0), chain, start, burn_in + steps, burn_in=burn_in).mean(name)
    scores = {steps: (x - x.mean()) / asked for steps, x in means.items()}
    # The correlation times are those of the SDE, O(η_eff T d) off.
    assert_variance(scores[length], 0.85, 1.15)
    with pytest.raises(AssertionError):
        assert_variance(scores[length // 2], 0.85, 1.15)


def test_the_burn_in_lasts_the_relaxation_times_that_are_asked_for():
    sgd = SGD(LOSS, IsotropicNoise(), dyn.FixedEffectiveLearningRate(0.01, 0.1))
    for times in (1.0, 6.0, 20.0):
        assert np.isclose(plan(sgd, 3, relaxation_times=times).burn_in, 5000 * times, rtol=1e-3)


FAR_AWAY = {  # protocol, dimension, radius over the stationary one, overlap
    "a large radius at a fixed rate": (dyn.FixedLearningRate(0.05, 0.02), 100, 3.0, -1.0),
    "a small radius at a fixed rate": (dyn.FixedLearningRate(0.05, 0.02), 100, 0.1, -1.0),
    "a small radius at a fixed effective rate": (dyn.FixedEffectiveLearningRate(0.05, 0.5), 10, 0.1, -1.0),
    "the unstable pole of the plane": (dyn.FixedLearningRate(0.1, 0.05), 2, 1.0, -1.0),
}


@pytest.mark.parametrize("name", FAR_AWAY)
def test_a_run_is_settled_after_its_burn_in_wherever_it_starts(x64, name):
    """The mean loss of many chains there is that of chains that start in equilibrium; at a third of it, it is not."""
    protocol, dimension, factor, overlap = FAR_AWAY[name]
    sgd, runs = SGD(LOSS, IsotropicNoise(), protocol), 4096
    state = equilibrium(sgd, dimension)
    asked = 0.02 * float(state.internal_energy)
    start = {"radius": factor * float(state.radius), "overlap": overlap}
    burn_in = int(
        plan(sgd, dimension, samples=1, standard_error={"loss": asked}, relaxation_times=1.0, **start).burn_in
    )
    chain = ZonalEulerMaruyama(sgd, dimension)
    key = jax.random.key(3)

    def losses(radius, depth, steps):
        begin = chain.start(radius=np.full(runs, radius), depth=np.broadcast_to(depth, runs))
        return simulate(key, chain, begin, steps + 1, burn_in=steps).mean("loss")

    law = Zonal.linear(dimension, float(state.temperature)).sample_depth(jax.random.key(1), (runs,))
    reference = losses(float(state.radius), law, 3 * burn_in)

    def bias(steps):
        found = losses(start["radius"], 1 - overlap, steps)
        noise = np.sqrt((np.var(found) + np.var(reference)) / runs)
        return abs(np.mean(found) - np.mean(reference)), noise

    off, noise = bias(burn_in)
    assert off < asked + Z_MAX * noise
    off, noise = bias(burn_in // 3)
    assert off > asked + Z_MAX * noise


def test_a_start_near_by_needs_no_more(x64):
    sgd = SGD(LOSS, IsotropicNoise(), dyn.FixedEffectiveLearningRate(0.01, 0.1))
    radius = float(equilibrium(sgd, 3).radius)
    plain = plan(sgd, 3).burn_in
    assert plan(sgd, 3, radius=radius, overlap=0.99).burn_in == plain
    far = plan(sgd, 3, radius=np.array([0.1, 1.0, 10.0]) * radius, overlap=-1.0)
    assert far.burn_in.shape == far.direction_time.shape == (3,)
    assert (far.burn_in >= plain).all()


def test_a_start_that_is_none_is_refused():
    sgd = SGD(LOSS, IsotropicNoise(), dyn.FixedEffectiveLearningRate(0.01, 0.1))
    with pytest.raises(ValueError, match=r"^overlap: got 1\.5, expected a number from −1 to 1"):
        plan(sgd, 3, overlap=1.5)
    with pytest.raises(ValueError, match=r"^radius: got 0\.0, expected a number > 0"):
        plan(sgd, 3, radius=0.0)


def test_coarse_steps_turn_a_direction_by_less():
    """`x = η_eff²τ`: without a loss a step keeps `1/√(1 + x)` of the overlap, not `e^{−x/2}`."""
    hot = SGD(LOSS, IsotropicNoise(1e3), dyn.FixedSphere(0.01, 1.0))
    turn = 0.01**2 * 2 * 1e6
    steps = plan(hot, 3, relaxation_times=6.0).burn_in
    assert (1 + turn) ** (-steps / 2) < 1.1 * np.exp(-6)


def test_print():
    sgd = SGD(LOSS, IsotropicNoise(), dyn.FixedEffectiveLearningRate(np.array([0.01, 0.1]), 0.1))
    text = str(plan(sgd, 3))
    assert text.startswith("Plan for 2 runs: ")
    assert "burn-in takes 300 … 30,000" in text
    assert "radius 50 … 5000 steps" in text
    assert len(text.splitlines()) == 3
    assert "array(" not in text
