"""Nothing is lost when a run is killed, ended, or started twice; a file goes on bit for bit."""

import os
import shutil
import signal
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import OBLIQUE, HeavyBall, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.integrators import EulerMaruyama, WorkMeter, ZonalEulerMaruyama, simulate
from thermo_ideal.integrators._checkpoint import Checkpoint

KEY = jax.random.key(51)
SLOW = dyn.FixedEffectiveLearningRate(1e-4, 1.0)


def space():
    return EulerMaruyama(toy(dyn.FixedLearningRate(0.1, 0.1), mean_direction=OBLIQUE)), jnp.ones((2, 3))


def zonal():
    run = ZonalEulerMaruyama(toy(SLOW), 1000)
    return run, run.start(jnp.ones(3), 0.1)


def meter():
    run = WorkMeter(ZonalEulerMaruyama(toy(dyn.FixedEffectiveLearningRate(1e-3, lambda i: 0.1 + 0.01 * i)), 50))
    return run, run.start(run.inner.start(jnp.ones(3), 0.1), dyn.FixedEffectiveLearningRate(1e-3, 0.1))


def momentum():
    sgd = toy(dyn.FixedLearningRate(0.05, 0.1), mean_direction=OBLIQUE)
    return EulerMaruyama(dyn.SGD(sgd.loss, sgd.noise, sgd.protocol, HeavyBall(0.9))), jnp.ones((2, 3))


def go(make, num_steps=64, key=KEY, **change):
    run, start = make()
    return simulate(key, run, start, num_steps, **({"chunk_size": 16} | change))


@pytest.mark.parametrize("make", [space, zonal, meter, momentum])
def test_a_file_goes_on_bit_for_bit(make, tmp_path):
    """All leaves of the state are kept: rests of compensated sums, totals of the meter, the momentum."""
    file = tmp_path / "run.npz"
    half = go(make, 32, checkpoint=file)
    if make is zonal:
        assert any(np.any(rest) for rest in half.checkpoint.state[0][2:]), "rests must count"
    whole, again = go(make), go(make, checkpoint=file)
    np.testing.assert_array_equal(whole.position, again.position)
    for name in whole.moments:
        np.testing.assert_array_equal(whole.mean(name), again.mean(name))
        np.testing.assert_array_equal(whole.variance(name), again.variance(name))
    for one, other in zip(whole.checkpoint.state, Checkpoint.load(file).state, strict=True):
        leaves = jax.tree.leaves(one)
        assert len(leaves) == len(other)
        for leaf, twin in zip(leaves, other, strict=True):
            np.testing.assert_array_equal(leaf, twin)


def test_a_run_that_is_killed_is_in_the_file(tmp_path):
    """As if its process were gone after any chunk: what is on the disk goes on, and no more than half is lost."""
    file, seen = tmp_path / "run.npz", []

    def look(trajectory):
        seen.append(trajectory.num_steps)
        shutil.copy(file, tmp_path / f"{trajectory.num_steps}.npz")
        return False

    whole = go(space, 160, checkpoint=file, stop=look)
    assert seen == list(range(16, 161, 16))
    for steps in (16, 80, 144):
        left = tmp_path / f"{steps}.npz"
        assert Checkpoint.load(left).chunks >= 1
        np.testing.assert_array_equal(go(space, 160, checkpoint=left).position, whole.position)


def test_the_interval_is_an_argument(tmp_path, monkeypatch):
    """A clock that goes on by a second with each chunk."""
    now, kept, save = [0.0], [], Checkpoint.save
    monkeypatch.setattr("thermo_ideal.integrators._checkpoint_file.time.monotonic", lambda: now[0])
    monkeypatch.setattr(Checkpoint, "save", lambda self, path: (kept.append(self.chunks), save(self, path)))

    def tick(trajectory):
        now[0] += 1
        return False

    go(space, 16 * 24, checkpoint=tmp_path / "a.npz", checkpoint_interval=4, stop=tick)
    # After the first chunk, each time it has lasted twice as long, then every four seconds, and at the end.
    assert kept == [1, 2, 3, 5, 9, 13, 17, 21, 24]
    kept.clear()
    go(space, 16 * 5, checkpoint=tmp_path / "b.npz", checkpoint_interval=0, stop=tick)
    assert kept == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="checkpoint_interval: got -1"):
        go(space, checkpoint=tmp_path / "c.npz", checkpoint_interval=-1)


def test_sigterm_keeps_the_run_as_ctrl_c_does(tmp_path):
    file = tmp_path / "run.npz"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    def end(trajectory):
        if trajectory.num_steps == 48:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as stopped:
        go(space, checkpoint=file, stop=end)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    assert Checkpoint.load(file).chunks == 3
    np.testing.assert_array_equal(go(space, checkpoint=file).position, go(space).position)


def test_a_handler_of_the_users_own_is_left_in_place(tmp_path):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
    try:
        go(space, 32, checkpoint=tmp_path / "run.npz", stop=lambda _: os.kill(os.getpid(), signal.SIGTERM))
        assert heard == [True, True]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_two_runs_on_one_checkpoint(tmp_path):
    file = tmp_path / "new" / "run.npz"

    def second(trajectory):
        told = rf"checkpoint: got .*run.npz, which process {os.getpid()} of .* since \d+ s is writing; wait for it"
        with pytest.raises(ValueError, match=told):
            go(space, checkpoint=file)
        return False

    whole = go(space, checkpoint=file, stop=second)
    # A lock that a killed process left does not count, and none is left behind.
    (file.parent / ".run.npz.lock").write_text("1")
    np.testing.assert_array_equal(go(space, checkpoint=file).position, whole.position)
    assert [path.name for path in file.parent.iterdir()] == ["run.npz"]


def test_two_threads_on_one_checkpoint(tmp_path):
    """SIGTERM is the main thread's: in another one nothing is asked for."""
    file, errors = tmp_path / "run.npz", []

    def other():
        try:
            go(space, checkpoint=file)
        except ValueError as error:
            errors.append(str(error))

    def start(trajectory):
        if trajectory.num_steps == 16:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        return False

    go(space, checkpoint=file, stop=start)
    assert len(errors) == 1
    other()
    assert len(errors) == 1


def test_going_on_with_another_learning_rate(tmp_path):
    """A run of its own, which begins where the other ends; the error says how."""
    first = go(space)
    other = EulerMaruyama(toy(dyn.FixedLearningRate(0.02, 0.1), mean_direction=OBLIQUE))
    with pytest.raises(ValueError, match=r"simulate\(jax.random.fold_in\(key, 1\), integrator, run.position, num"):
        simulate(KEY, other, jnp.ones((2, 3)), 128, chunk_size=16, resume=first)
    after = simulate(jax.random.fold_in(KEY, 1), other, first.position, 1, chunk_size=1, save=1)
    step = np.abs(after.samples[0] - first.position).max()
    assert 0 < step < 0.1


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: jax.jit(f)(0.1, jnp.ones(3)),
        lambda f: jax.vmap(f, in_axes=(0, None))(jnp.array([0.1, 0.2]), jnp.ones(3)),
        lambda f: jax.vmap(f, in_axes=(None, 0))(0.1, jnp.ones((2, 3))),
        lambda f: jax.grad(f)(0.1, jnp.ones(3)),
        lambda f: jax.jit(lambda: f(0.1, np.ones(3)))(),
    ],
)
def test_a_transformation_of_jax_says_what_to_do(transform):
    def loss(rate, start):
        run = EulerMaruyama(toy(dyn.FixedLearningRate(rate, 0.1), mean_direction=OBLIQUE))
        return simulate(KEY, run, start, 16).mean("loss").sum()

    with pytest.raises(ValueError, match=r"simulate: got traced arrays.*give a batch.*equilibrium\(sgd\)"):
        transform(loss)
