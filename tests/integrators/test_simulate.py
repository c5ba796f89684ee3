"""The chunked loop: same law, same bits, clear errors."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import in_space, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.estimators import Estimate
from thermo_ideal.integrators import EulerMaruyama, simulate
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.numerics import normals
from thermo_ideal.verification import stationary_law

MU = np.array([0.6, 0.0, 0.8])
KEY = jax.random.key(3)


def test_one_step_by_hand():
    """`w' = w − η(∇L + λw + noise)`, written out."""
    eta, decay, sigma = 0.3, 0.2, 1.5
    sgd = toy(dyn.FixedLearningRate(eta, decay), sigma, mean_direction=MU)
    w, xi = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -0.4])
    r = np.linalg.norm(w)
    unit = w / r
    gradient = (MU @ unit * unit - MU) / r
    noise = sigma * (xi - unit @ xi * unit) / r
    expected = w - eta * (gradient + decay * w) + eta * noise
    np.testing.assert_allclose(EulerMaruyama(sgd).step(jnp.array(w), jnp.array(xi)), expected, rtol=1e-6)


def test_loop_is_the_step_repeated():
    run = in_space(dyn.FixedEffectiveLearningRate(0.05, 0.1))
    start = jnp.ones((2, 3))
    result = simulate(KEY, run, start, 8, save=1, chunk_size=8)
    # Block 0 draws from fold_in(key, 0), and its first draw from a fold_in of that; runs are last.
    block = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
    with jax.threefry_partitionable(False):
        drawn = normals(block, (8, 3, 2), "float32")
    path, w = [], start
    for xi in drawn:
        w = jax.vmap(run.step)(w, xi.T)
        path.append(w)
    np.testing.assert_allclose(result.samples, np.stack(path), rtol=1e-5)
    np.testing.assert_allclose(result.position, path[-1], rtol=1e-5)
    np.testing.assert_allclose(result.mean("radius"), np.linalg.norm(path, axis=-1).mean(0), rtol=1e-6)
    np.testing.assert_allclose(result.variance("radius"), np.linalg.norm(path, axis=-1).var(0), rtol=1e-3)
    overlap = np.stack(path)[..., 0] / np.linalg.norm(path, axis=-1)
    np.testing.assert_allclose(result.mean("loss"), 1 - overlap.mean(0), rtol=1e-5)


def test_same_key_same_bits():
    run = in_space(dyn.FixedLearningRate(0.1, 0.1))
    a, b = (simulate(KEY, run, jnp.ones((4, 3)), 64, chunk_size=16) for _ in range(2))
    np.testing.assert_array_equal(a.position, b.position)
    c = simulate(jax.random.key(4), run, jnp.ones((4, 3)), 64, chunk_size=16)
    assert (a.position != c.position).all()


@pytest.mark.parametrize("stride", [1, 3])
def test_burn_in_and_thinning_across_chunks(stride):
    run = in_space(dyn.FixedLearningRate(0.1, 0.1))
    whole = simulate(KEY, run, jnp.ones((2, 3)), 60, save=stride, chunk_size=4 * stride, stride=stride)
    part = simulate(KEY, run, jnp.ones((2, 3)), 60, save=3 * stride, burn_in=21, chunk_size=4 * stride, stride=stride)
    expected = whole.samples[21 // stride :][2::3]
    np.testing.assert_array_equal(part.samples, expected)
    radius = np.linalg.norm(whole.samples[21 // stride :], axis=-1)
    np.testing.assert_allclose(part.mean("radius"), radius.mean(0), rtol=1e-6)
    np.testing.assert_allclose(part.variance("radius"), radius.var(0), rtol=1e-3)


def test_hyperparameters_broadcast_against_the_batch():
    rates = np.array([0.01, 0.1])[:, None]
    result = simulate(KEY, in_space(dyn.FixedLearningRate(rates, 0.1)), jnp.ones((2, 5, 3)), 16)
    assert result.position.shape == (2, 5, 3)
    assert result.mean("loss").shape == (2, 5)
    with pytest.raises(ValueError, match=r"learning_rate: got shape \(3,\), expected one that broadcasts"):
        simulate(KEY, in_space(dyn.FixedLearningRate(np.full(3, 0.1), 0.1)), jnp.ones((2, 3)), 16)


def test_fixed_sphere_keeps_the_radius():
    result = simulate(KEY, in_space(dyn.FixedSphere(0.1, 2.0)), 2 * jnp.eye(3)[:1], 2000, save=1)
    np.testing.assert_allclose(np.linalg.norm(result.samples, axis=-1), 2.0, rtol=3e-7)


def test_a_start_off_the_sphere_is_put_on_it():
    run = in_space(dyn.FixedSphere(0.1, 2.0))
    off, on = (simulate(KEY, run, scale * jnp.eye(3)[:1], 64) for scale in (5.0, 2.0))
    np.testing.assert_allclose(off.position, on.position, rtol=1e-5)


@pytest.mark.parametrize("eta", [1e-7, 1e-5, 1e-3])
def test_pressure_keeps_its_digits_in_single_precision(eta):
    """`p → (d−1)T/r²`: the growth of the radius is 14 orders of magnitude below the radius."""
    start = jnp.broadcast_to(jnp.eye(3)[0], (64, 3))  # at the minimum, where the gradient adds nothing to the growth
    result = simulate(KEY, in_space(dyn.FixedSphere(eta, 1.0)), start, 4096)
    assert_estimate(Estimate(result.mean("effective_weight_decay") / eta), 1.0)


CASES = {
    "fixed-sphere d=3": (dyn.FixedSphere(0.05, 2.0), 3),
    "fixed-sphere d=10": (dyn.FixedSphere(0.2, 0.5), 10),
    "fixed-sphere d=2": (dyn.FixedSphere(0.1, 1.0), 2),
    "fixed-lr d=3": (dyn.FixedLearningRate(0.1, 0.1), 3),
    "fixed-lr d=10": (dyn.FixedLearningRate(0.1, 0.1), 10),
    "fixed-elr d=3": (dyn.FixedEffectiveLearningRate(0.1, 0.1), 3),
    "fixed-elr d=2": (dyn.FixedEffectiveLearningRate(0.1, 0.01), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_stationary_law(name):
    """Hot enough for the SDE to be wrong by many standard errors: only the exact discrete law will do."""
    protocol, d = CASES[name]
    run = in_space(protocol, d)
    law = stationary_law(run.sgd)
    start = float(law.mean_radius) * jnp.broadcast_to(jnp.eye(d)[0], (64, d))
    result = simulate(KEY, run, start, 60_000, burn_in=4_000, stride=4)
    loss, radius = Estimate(result.mean("loss")), Estimate(result.mean("radius"))
    assert_estimate(loss, law.mean_loss)
    if not protocol.fixes_radius:
        assert_estimate(radius, law.mean_radius)
        assert_estimate(Estimate(result.mean("log_radius")), law.mean_log_radius)
        assert_estimate(Estimate(result.mean("volume")), law.mean_volume)
    else:
        assert_estimate(Estimate(result.mean("effective_weight_decay")), law.effective_weight_decay)
    hot = stationary_law(dyn.SGD(run.sgd.loss, dyn.IsotropicNoise(1.1), protocol))
    assert_rejects(assert_estimate, loss, hot.mean_loss)


def test_volume_fluctuates_by_second_order_noise_not_as_in_an_npt_gas():
    """`std(V)/V ≈ η_eff σ` at fixed effective learning rate; an NpT gas would have `√(2/(d−1)) = 1` at `d = 3`."""
    result = simulate(
        KEY,
        in_space(dyn.FixedEffectiveLearningRate(0.05, 0.1)),
        0.7 * jnp.ones((64, 3)),
        80_000,
        burn_in=8_000,
        stride=4,
    )
    spread = Estimate(np.sqrt(result.variance("volume")) / result.mean("volume"))
    # 0.05 to first order; the next order and the finite run shift it by a few per cent.
    assert abs(float(spread.value) / 0.05 - 1) < 0.1
    assert_rejects(assert_estimate, spread, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": jnp.full((2, 3), jnp.nan)}, "position: got nan at index"),
        ({"position": jnp.zeros((2, 3))}, "position: got the origin"),
        ({"position": jnp.ones((3, 1))}, r"position: got shape \(3, 1\)"),
        ({"position": jnp.ones((2, 4))}, "position: got vectors of 4 components, expected 3"),
        ({"position": jnp.ones((0, 3))}, "expected at least one run"),
        ({"save": 32}, "save: got 32, expected at most the 10 steps"),
        ({"num_steps": 0}, "num_steps: got 0"),
        ({"burn_in": 10}, "burn_in: got 10, expected 0 ≤ burn_in < num_steps = 10"),
        ({"save": 0}, "save: got 0"),
        ({"stride": 3}, "num_steps: got 10, expected a multiple of stride = 3"),
        ({"stride": 0}, "stride: got 0"),
    ],
)
def test_wrong_arguments(change, message):
    arguments = {"position": jnp.ones((2, 3)), "num_steps": 10} | change
    with pytest.raises(ValueError, match=message):
        simulate(KEY, in_space(dyn.FixedLearningRate(0.1, 0.1)), **arguments)
    with pytest.raises(ValueError, match="dt: got 0"):
        EulerMaruyama(in_space(dyn.FixedLearningRate(0.1, 0.1)).sgd, dt=0)


def test_divergence_names_the_run_and_the_steps():
    run = in_space(dyn.FixedLearningRate(np.array([0.1, 1e30]), 0.1))
    with pytest.raises(
        FloatingPointError, match=r"run \(1,\) \(.*learning_rate = 1e\+30.*\) became NaN or infinite at step \d+;"
    ):
        simulate(KEY, run, jnp.ones((2, 3)), 64, chunk_size=8, on_divergence="raise")


def test_progress_bar_shows_speed_and_time_left():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with ProgressBar("simulating", 64 * 2, console) as bar:
        simulate(KEY, in_space(dyn.FixedLearningRate(0.1, 0.1)), jnp.ones((2, 3)), 64, chunk_size=16, progress=bar)
        assert bar.completed == 128
    assert "simulating" in screen.getvalue()
    assert "steps/s" in screen.getvalue()


def test_a_cancelled_bar_stops_the_run():
    from concurrent.futures import CancelledError

    with ProgressBar("simulating", 64, Console(quiet=True)) as bar:
        bar.cancel()
        with pytest.raises(CancelledError):
            simulate(KEY, in_space(dyn.FixedLearningRate(0.1, 0.1)), jnp.ones((2, 3)), 64, chunk_size=16, progress=bar)
