"""The same bits, however a run is cut up: interrupted, resumed, stopped, shared by devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import toy
from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, FixedLearningRate
from thermo_ideal.integrators import EulerMaruyama, Save, ZonalEulerMaruyama, _threads, simulate

DEVICES = 2
KEY = jax.random.key(21)
RUNS = 150  # more than one block
RUN = EulerMaruyama(toy(FixedEffectiveLearningRate(0.1, np.linspace(0.1, 1, RUNS)), mean_direction=np.eye(3)[0]))
ARGUMENTS = {"burn_in": 20, "stride": 2, "save": Save(positions=6, histogram=4), "chunk_size": 32}


def run(num_steps=200, **change):
    return simulate(KEY, RUN, jnp.ones((RUNS, 3)), num_steps, **(ARGUMENTS | change))


@pytest.fixture(scope="module")
def whole():
    return run()


def assert_same(one, other):
    np.testing.assert_array_equal(one.position, other.position)
    np.testing.assert_array_equal(one.samples, other.samples)
    np.testing.assert_array_equal(one.covariance("loss", "volume"), other.covariance("loss", "volume"))
    np.testing.assert_array_equal(one.histogram.counts, other.histogram.counts)
    for name in one.moments:
        a, b = one.moments[name], other.moments[name]
        for level, twin in zip((a.observations, *a.blocks), (b.observations, *b.blocks), strict=True):
            assert level.count == twin.count
            np.testing.assert_array_equal(level.mean, twin.mean)
            np.testing.assert_array_equal(level.squares, twin.squares)
        np.testing.assert_array_equal(a.minimum, b.minimum)
        np.testing.assert_array_equal(a.maximum, b.maximum)
        np.testing.assert_array_equal(one.standard_error(name), other.standard_error(name))
    assert one.num_steps == other.num_steps


def test_number_of_devices(whole):
    assert len(jax.devices()) > 1
    assert len(whole.checkpoint.state) > 1, "the batch must be of more than one block"
    assert_same(whole, run(devices=jax.devices()[:1]))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_number_of_threads(whole, threads):
    for count in (1, 2):
        assert_same(whole, run(devices=jax.devices()[:count], threads=threads))
    assert_same(whole, run(threads=threads, resume=run(100, threads=3 - threads % 2)))


def test_threads_are_those_that_the_process_may_use(monkeypatch, tmp_path):
    """By its affinity and its container, and on CPUs alone; never more than blocks."""
    cpu, limit = jax.devices()[:2], tmp_path / "cpu.max"
    monkeypatch.setattr(_threads, "_CONTAINER", limit)
    monkeypatch.setattr(_threads.os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    assert _threads.usable_cores() == 6
    for text, cores in (("max 100000", 6), ("250000 100000", 2), ("50000 100000", 1), ("900000 100000", 6)):
        limit.write_text(text)
        assert _threads.usable_cores() == cores
    assert _threads.num_threads(None, cpu[:1] * 8) == 6
    assert _threads.num_threads(None, cpu * 2) == 4
    assert _threads.num_threads(3, cpu[:1] * 8) == 3
    with pytest.raises(ValueError, match="threads: got 0, expected a whole number"):
        run(threads=0)


@pytest.mark.parametrize("first", [32, 64, 100, 198])
def test_a_shorter_run_goes_on(whole, first):
    """Within a chunk, at its end, within the burn-in's chunk."""
    assert_same(whole, run(resume=run(first)))


def test_stop_and_go_on(whole):
    seen = []

    def stop(trajectory):
        seen.append(trajectory.num_steps)
        return trajectory.num_steps >= 96

    stopped = run(stop=stop)
    assert seen == [32, 64, 96]
    assert stopped.num_steps == 96
    assert stopped.moments["loss"].count == (96 - 20) // 2
    assert_same(whole, run(resume=stopped))


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_is_kept(whole, tmp_path, interrupt):
    file = tmp_path / "run.npz"

    def pull_the_plug(trajectory):
        if trajectory.num_steps == 96:
            raise interrupt

    with pytest.raises(interrupt):
        run(checkpoint=file, stop=pull_the_plug)
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    assert_same(whole, run(checkpoint=file))
    # It is kept as far as whole chunks go, so that it can be made longer.
    assert_same(run(260), run(260, checkpoint=file))


def test_other_arguments_are_told_apart(tmp_path):
    file = tmp_path / "run.npz"
    short = run(64, checkpoint=file)
    position = jnp.ones((RUNS, 3))
    changes = [
        ("key", lambda **k: simulate(jax.random.key(22), RUN, position, 200, **ARGUMENTS, **k)),
        ("burn_in", lambda **k: run(burn_in=22, **k)),
        ("stride", lambda **k: run(stride=1, **k)),
        ("save", lambda **k: run(save=6, **k)),
        ("chunk_size", lambda **k: run(chunk_size=64, **k)),
        ("position", lambda **k: simulate(KEY, RUN, 2 * position, 200, **ARGUMENTS, **k)),
        ("integrator", lambda **k: simulate(KEY, EulerMaruyama(RUN.sgd, dt=0.5), position, 200, **ARGUMENTS, **k)),
        (
            "integrator",
            lambda **k: simulate(KEY, EulerMaruyama(RUN.sgd, noise_law="rademacher"), position, 200, **ARGUMENTS, **k),
        ),
        (
            "integrator",
            lambda **k: simulate(
                KEY,
                EulerMaruyama(SGD(RUN.sgd.loss, RUN.sgd.noise, FixedLearningRate(0.1, np.linspace(0.1, 1, RUNS)))),
                position,
                200,
                **ARGUMENTS,
                **k,
            ),
        ),
    ]
    for name, again in changes:
        for kept in ({"resume": short}, {"checkpoint": file}):
            with pytest.raises(ValueError, match=f"resume: got a run of another .*{name}"):
                again(**kept)
    with pytest.raises(ValueError, match="num_steps: got 40, expected at least the 64"):
        run(40, resume=short)


def test_a_file_of_another_kind_is_left_alone(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("precious")
    with pytest.raises(ValueError, match=r"checkpoint: got .*notes.txt, which is no run"):
        run(checkpoint=file)
    assert file.read_text() == "precious"


def test_the_zonal_chain_resumes_with_all_its_digits():
    """The rests of the compensated sums are part of the state."""
    sgd = toy(FixedEffectiveLearningRate(1e-4, 1.0))
    chain = ZonalEulerMaruyama(sgd, 1000)
    start = chain.start(jnp.ones(3), 0.1)
    whole = simulate(KEY, chain, start, 64, chunk_size=16)
    half = simulate(KEY, chain, start, 32, chunk_size=16)
    assert any(np.any(rest) for rest in half.checkpoint.state[0][2:])
    np.testing.assert_array_equal(whole.position, simulate(KEY, chain, start, 64, chunk_size=16, resume=half).position)
