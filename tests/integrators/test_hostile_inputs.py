"""What a careless or hostile caller tries: an error that says what to type, or the right answer."""

import subprocess
import sys
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.integrators import EulerMaruyama, Save, ZonalEulerMaruyama, simulate
from thermo_ideal.numerics import chi_square_from_normal

KEY = jax.random.key(71)
MU = np.array([0.36, 0.48, 0.8])
SPHERE = EulerMaruyama(toy(dyn.FixedSphere(0.1, 1.0), mean_direction=MU))
ONES = jnp.ones((2, 3))


def run(num_steps=16, integrator=SPHERE, position=ONES, **change):
    return simulate(KEY, integrator, position, num_steps, **({"chunk_size": 8} | change))


def test_the_antipode_is_counted_at_the_antipode():
    """Its depth rounds to a little more than 2."""
    still = EulerMaruyama(toy(dyn.FixedSphere(1e-5, 1.0), mean_direction=MU))
    counts = run(64, still, jnp.asarray(-MU)[None], save=Save(histogram=8)).histogram.counts[:, 0]
    assert counts[: len(counts) // 2].sum() == 0
    assert counts.sum() == 64


def test_a_step_that_turns_the_weights_to_nothing_keeps_what_is_left():
    """At `ηλ = 1` only the tangent part remains, which the decay must not cancel."""
    sgd = toy(dyn.FixedLearningRate(1e-3, 1000.0))
    chain = ZonalEulerMaruyama(sgd, 3)
    normal = jnp.array([0.3, -0.7])
    after = chain.step(jnp.array([0.6, 0.8]), normal)
    # t = η(s − σa) and √p = ησ|b|: the chain without its radial part.
    np.testing.assert_allclose(jnp.linalg.norm(after), 1e-3 * np.hypot(0.8 - 0.3, 0.7), rtol=2e-4)


def test_steps_below_the_last_place_are_refused():
    slow = toy(dyn.FixedSphere(1e-9, 1.0), mean_direction=MU)
    with pytest.raises(ValueError, match=r"sgd: got steps of 1.7e-09 of a weight, below the last place of float32"):
        run(integrator=EulerMaruyama(slow))
    with jax.enable_x64(True):
        moved = run(integrator=EulerMaruyama(slow), position=jnp.ones((2, 3), jnp.float64)).position
        assert 0 < np.abs(moved - 3**-0.5).max() < 1e-7


@pytest.mark.parametrize("loss", [dyn.VonMisesFisherLoss(MU), dyn.ZonalLoss(lambda m: 1 - m, MU)])
def test_precision_is_that_of_the_position(loss):
    """Also where 64 bits are on and everything else was built with them."""
    with jax.enable_x64(True):
        sgd = dyn.SGD(loss, dyn.IsotropicNoise(np.float64(1.0)), dyn.FixedSphere(np.float64(0.1), 1.0))
        for integrator, position in (
            (EulerMaruyama(sgd), jnp.ones((2, 3), jnp.float32)),
            (ZonalEulerMaruyama(sgd), jnp.ones((2, 2), jnp.float32)),
        ):
            assert run(integrator=integrator, position=position).position.dtype == np.float32
        tiny = EulerMaruyama(dyn.SGD(loss, dyn.IsotropicNoise(), dyn.FixedSphere(1e-50, 1.0)))
        with pytest.raises(ValueError, match="got a number that is 0 in the float32 of position"):
            run(integrator=tiny, position=jnp.ones((2, 3), jnp.float32))


def test_numbers_of_numpy_are_numbers():
    """In a process of its own: here the checker of annotations would speak first."""
    code = """if True:
        import jax, jax.numpy as jnp, numpy as np
        from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        from thermo_ideal.integrators import EulerMaruyama, simulate
        run = EulerMaruyama(SGD(VonMisesFisherLoss(np.eye(3)[0]), IsotropicNoise(), FixedSphere(0.1, 1.0)))
        def go(kind, n, **k):
            stride, save, chunk = map(kind, (2, 4, 8))
            k |= {"stride": stride, "save": save, "chunk_size": chunk}
            return simulate(jax.random.key(0), run, np.ones((2, 3)), kind(n), **k)
        assert len(go(np.int64, 24, resume=go(int, 16)).samples) == 6
        for stop in (5, "x"):
            try:
                go(int, 8, stop=stop)
            except ValueError as error:
                assert f"stop: got {stop!r}" in str(error)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_depth_is_there_for_every_zonal_loss():
    result = run()
    np.testing.assert_array_equal(result.mean("depth"), result.mean("loss"))


def test_a_damaged_file_is_told_and_left_alone(tmp_path):
    file = tmp_path / "run.npz"
    run(checkpoint=file)
    good = file.read_bytes()
    for damaged in (good[: len(good) // 2], good[:200] + bytes(100) + good[300:], b""):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"checkpoint: got .*, which is no run that simulate kept"):
            run(24, checkpoint=file)
        assert file.read_bytes() == damaged
    with zipfile.ZipFile(file, "w") as archive, zipfile.ZipFile(tmp_path / "other.npz", "w"):
        archive.writestr("chunks.npy", b"")
    with pytest.raises(ValueError, match=r"checkpoint: got .*, which is no run that simulate kept"):
        run(24, checkpoint=file)


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file, expected a folder"):
        run(10**9, checkpoint=tmp_path / "file" / "run.npz")
    begun = run(checkpoint=tmp_path / "run.npz")
    with pytest.raises(ValueError, match=r"resume: got a trajectory and .*run\.npz, which is there"):
        run(24, checkpoint=tmp_path / "run.npz", resume=begun)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: run(chunk_size=12),
            "chunk_size: got 12, expected stride = 1 times a power of two, as in chunk_size=8",
        ),
        (lambda: run(devices=[]), r"devices: got \[\], expected at least one device"),
        (lambda: chi_square_from_normal(-1, jnp.ones(2)), "freedom: got -1"),
        (
            lambda: run(
                integrator=EulerMaruyama(
                    dyn.SGD(
                        dyn.ScaleInvariantLoss(lambda w: w[0] / jnp.linalg.norm(w) + jnp.where(w[0] < 0, w @ w, 0.0)),
                        dyn.IsotropicNoise(),
                        dyn.FixedEffectiveLearningRate(0.1, 0.1),
                    )
                ),
                position=jnp.array([[1.0, 1.0], [-1.0, 1.0]]),
            ),
            r"loss: got L\(w\)",
        ),
        (lambda: EulerMaruyama(SPHERE.sgd, noise_law="cauchy"), "noise_law: got 'cauchy', expected 'gaussian'"),
    ],
)
def test_wrong_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_chi_square_beyond_all_normals_is_no_number():
    assert np.isnan(chi_square_from_normal(3, jnp.array([8.0, -8.0]))).all()
