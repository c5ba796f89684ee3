"""Panels added up on the device, against all their observations at once on the host."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.integrators._panels import BLOCK, ChunkSums, add_panel, block_means

N, PANELS, RUNS = 64, 4, 5
NAMES, PAIRS = ["x", "y"], ((0, 1),)


@jax.jit
def added(series, begin, end):
    """Series of `PANELS × N` observations, panel by panel: by name, and the covariances."""
    measured = jnp.concatenate([series[name] for name in NAMES], axis=1)
    sums, means = ChunkSums.empty(measured[0], RUNS, N, PANELS * N, PAIRS), []
    for first in range(0, PANELS * N, N):
        sums, own = add_panel(sums, measured[first : first + N], lambda x: x, jnp.asarray(first), begin, end, PAIRS)
        means.append(own)
    found = sums._asdict() | {"blocks": block_means(sums, jax.tree.map(lambda *x: jnp.stack(x), *means))}
    cross = found.pop("cross")
    split = {key: jnp.split(x, len(NAMES), axis=-1) for key, x in found.items()}
    return {name: {key: x[i] for key, x in split.items()} for i, name in enumerate(NAMES)}, cross


def some_series():
    rng = np.random.default_rng(4)
    x = 700 + np.cumsum(1e-2 * rng.normal(size=(PANELS * N, RUNS)), axis=0)
    y = 1e-12 * rng.normal(size=x.shape)
    y[:N] = 3e-12  # a panel that does not move
    return {"x": jnp.asarray(x, jnp.float32), "y": jnp.asarray(y, jnp.float32)}


@pytest.mark.parametrize(("begin", "end"), [(0, PANELS * N), (0, 7), (37, 200), (70, 130), (100, 100), (128, 129)])
def test_sums_are_those_of_all_observations(begin, end):
    series = some_series()
    separate, cross = added(series, jnp.asarray(begin), jnp.asarray(end))
    departures = {}
    for name, x in series.items():
        own = {key: np.asarray(value, np.float64) for key, value in separate[name].items()}
        x = np.asarray(x, np.float64)
        departures[name] = x - own["reference"]
        counted, scale = departures[name][begin:end], own["unit"] * np.sqrt(N)
        np.testing.assert_allclose(own["total"], counted.sum(0), rtol=1e-5, atol=1e-5 * scale.max())
        np.testing.assert_allclose(own["squares"] * own["unit"] ** 2, (counted**2).sum(0), rtol=1e-5)
        if end > begin:
            np.testing.assert_array_equal(own["reference"], x[end - 1])
            np.testing.assert_array_equal(own["minimum"], x[begin:end].min(0))
            np.testing.assert_array_equal(own["maximum"], x[begin:end].max(0))
            whole = slice(-(-begin // N), end // N)
            means = departures[name].reshape(PANELS, N, RUNS).mean(1)[whole]
            np.testing.assert_allclose(own["blocks"][whole], means, rtol=1e-4, atol=1e-6 * own["unit"].max())
        assert (own["first_bad"] == PANELS * N).all()
        for level, sums in enumerate(own["level_sums"]):
            size = BLOCK << level
            means = departures[name].reshape(-1, size, RUNS).mean(1)[-(-begin // size) : end // size]
            squares = own["level_squares"][level] * own["unit"] ** 2
            np.testing.assert_allclose(sums, means.sum(0), rtol=1e-4, atol=1e-5 * scale.max())
            np.testing.assert_allclose(squares, (means**2).sum(0), rtol=1e-4, atol=1e-6 * scale.max() ** 2)
        assert BLOCK << len(own["level_sums"]) == N
    units = [np.asarray(separate[name]["unit"], np.float64) for name in NAMES]
    products = (departures["x"][begin:end] * departures["y"][begin:end]).sum(0)
    found = np.asarray(cross[0], np.float64) * units[0] * units[1]
    np.testing.assert_allclose(found, products, rtol=1e-3, atol=1e-5 * (units[0] * units[1]).max())


@pytest.mark.parametrize(("step", "begin"), [(0, 0), (77, 0), (77, 100), (255, 0)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_that_is_not_finite_is_found(step, begin, value):
    """Before what counts too; of its own observable and run alone."""
    series = some_series()
    series["y"] = series["y"].at[step:, 2].set(value)
    separate, _ = added(series, jnp.asarray(begin), jnp.asarray(PANELS * N))
    assert separate["y"]["first_bad"].tolist() == [256, 256, step, 256, 256]
    assert separate["x"]["first_bad"].tolist() == [256] * 5
    earlier, _ = added(series, jnp.asarray(0), jnp.asarray(step))
    assert (earlier["y"]["first_bad"] == 256).all()
