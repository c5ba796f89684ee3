"""Statistics of numbers whose squares single precision cannot hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import OBLIQUE, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.integrators import EulerMaruyama, ZonalEulerMaruyama, simulate
from thermo_ideal.integrators._panels import ChunkSums, add_panel

KEY = jax.random.key(171)
STEPS = 256


def measured(scale):
    """Statistics in units of `w → cw`, under a free radius, on the sphere, and of the chain."""
    free = EulerMaruyama(toy(dyn.FixedEffectiveLearningRate(0.1, 0.1 / scale**2), mean_direction=OBLIQUE))
    sphere = toy(dyn.FixedSphere(0.1, scale), mean_direction=OBLIQUE)
    result = simulate(KEY, free, scale * jnp.ones((2, 3)), STEPS, chunk_size=64)
    found = [result.variance("volume") / scale**4, result.covariance("loss", "volume") / scale**2]
    found += [result.variance("radius") / scale**2, result.mean("volume") / scale**2]
    for run in (EulerMaruyama(sphere), ZonalEulerMaruyama(sphere, 3)):
        start = scale * jnp.ones((2, 3 if isinstance(run, EulerMaruyama) else 2))
        on = simulate(KEY, run, start, STEPS, chunk_size=64)
        found += [on.mean("effective_weight_decay") * scale**2, on.variance("effective_weight_decay") * scale**4]
    return np.array(found)


@pytest.mark.parametrize("power", [-30, 33, 50])
def test_statistics_do_not_know_the_unit(power):
    """A power of two changes no digit: 1e-9, 1e10 and 1e15."""
    np.testing.assert_allclose(measured(2.0**power), measured(1.0), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e12, 1e30])
def test_sums_of_squares_have_a_unit(scale):
    rng = np.random.default_rng(0)
    x = (scale * (1 + 1e-3 * rng.normal(size=(64, 5)))).astype(np.float32)
    y = (rng.normal(size=(64, 5)) / scale).astype(np.float32)
    measured, pairs = jnp.concatenate([jnp.asarray(x), jnp.asarray(y)], axis=1), ((0, 1),)
    empty = ChunkSums.empty(measured[0], 5, 64, 64, pairs)
    sums, _ = jax.jit(lambda: add_panel(empty, measured, lambda x: x, *map(jnp.asarray, (0, 3, 61)), pairs))()
    exact = {name: z[3:61].astype(np.float64) - z[60].astype(np.float64) for name, z in (("x", x), ("y", y))}
    # On the host, as the moments do: JAX would multiply in single precision.
    wide = {key: np.asarray(getattr(sums, key), np.float64) for key in ("squares", "unit", "cross")}
    split = {key: np.split(wide[key], 2) for key in ("squares", "unit")}
    separate = {name: {key: x[i] for key, x in split.items()} for i, name in enumerate("xy")}
    unit = {name: own["unit"] for name, own in separate.items()}
    for name, own in separate.items():
        np.testing.assert_allclose(own["squares"] * unit[name] ** 2, (exact[name] ** 2).sum(0), rtol=1e-5)
        assert (np.frexp(unit[name])[0] == 0.5).all()
    product = (exact["x"] * exact["y"]).sum(0)
    cross = wide["cross"][0] * unit["x"] * unit["y"]
    np.testing.assert_allclose(cross, product, rtol=1e-3, atol=1e-6)


def test_a_start_whose_square_is_lost_is_refused():
    run = EulerMaruyama(toy(dyn.FixedSphere(0.1, 1.0), mean_direction=OBLIQUE))
    for scale in (1e-25, 1e25):
        with pytest.raises(ValueError, match=r"position: got the origin, or a point whose squared norm is lost"):
            simulate(KEY, run, scale * jnp.ones(3), 8)
