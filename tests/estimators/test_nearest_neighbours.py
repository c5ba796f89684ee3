"""Distances to nearest neighbours against those of all pairs, in few dimensions and in many."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from thermo_ideal.estimators import neighbour_distances
from thermo_ideal.estimators._nearest_neighbours import _candidates, _Window


def brute_force(x, k=1, window=0, series=1):
    """From all pairs, by differences in double precision."""
    distance, i = cdist(x, x), np.arange(len(x))
    length = len(x) // series
    near = (np.abs(i[:, None] - i) <= window) & (i[:, None] // length == i // length)
    distance[near] = np.inf
    return np.sort(distance, axis=1)[:, k - 1]


@pytest.mark.parametrize("dimension", [1, 3, 10, 11, 60, 2500])
@pytest.mark.parametrize(("k", "window", "series"), [(1, 0, 1), (4, 0, 1), (2, 5, 1), (3, 7, 4), (1, 200, 2)])
def test_neighbours_are_those_of_all_pairs(dimension, k, window, series):
    x = np.random.default_rng(dimension).normal(size=(240, dimension))
    found = neighbour_distances(x, k, window, series=series)
    np.testing.assert_allclose(found, brute_force(x, k, window, series), rtol=1e-12)


@pytest.mark.parametrize("dimension", [2, 20, 500])
def test_clusters_far_from_their_mean_keep_their_digits(dimension):
    """All neighbours are at 1e-8 where norms are 1: products alone lose every digit, and more than a few candidates."""
    rng = np.random.default_rng(0)
    x = np.concatenate([side + 1e-8 * rng.normal(size=(60, dimension)) for side in (-1.0, 1.0)])
    exact = brute_force(x)
    np.testing.assert_allclose(neighbour_distances(x), exact, rtol=1e-12)
    squares = (x**2).sum(axis=1)
    by_products = squares[:, None] + squares - 2 * x @ x.T
    np.fill_diagonal(by_products, np.inf)
    assert np.abs(by_products.min(axis=1) / exact**2 - 1).max() > 0.1  # the control: what screening alone would give


@pytest.mark.parametrize("dimension", [2, 300])
def test_single_precision_is_as_exact_as_its_samples(dimension):
    x = (1e3 + np.random.default_rng(1).normal(size=(100, dimension))).astype(np.float32)
    x[1] = x[0]
    x[1, 0] = np.nextafter(x[0, 0], np.float32(np.inf))
    found = neighbour_distances(x)
    np.testing.assert_allclose(found, brute_force(x.astype(np.float64)), rtol=1e-12)
    assert found[0] == float(x[1, 0]) - float(x[0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_neighbour_is_screened_out(dtype):
    """Pairs of twins at all distances down to rounding: each must be among the candidates of the other."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3000))
    x[1::2] = x[::2] + np.geomspace(1e-18, 1, 100)[:, None] * rng.normal(size=(100, 3000))
    unit = float(np.abs(x).max())
    candidates = _candidates(x, np.arange(200), x.mean(axis=0), unit, 1, _Window(0, 200), dtype)
    nearest = cdist(x, x) + np.where(np.eye(200), np.inf, 0)
    assert candidates[np.arange(200), nearest.argmin(axis=1)].all()
    assert candidates.mean() < 0.02


@pytest.mark.parametrize("dimension", [2, 50])
@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_distances_know_no_unit(dimension, scale):
    x = np.random.default_rng(3).normal(size=(60, dimension))
    np.testing.assert_allclose(neighbour_distances(scale * x), scale * neighbour_distances(x), rtol=1e-13)


@pytest.mark.parametrize("dimension", [2, 50])
def test_samples_that_coincide_are_at_the_distance_zero(dimension):
    x = np.repeat(np.random.default_rng(4).normal(size=(20, dimension)), 3, axis=0)
    assert (neighbour_distances(x, (1, 2)) == 0).all()
    np.testing.assert_allclose(neighbour_distances(x, 3), brute_force(x, 3), rtol=1e-12)
    np.testing.assert_allclose(neighbour_distances(x, 1, window=2), brute_force(x, 1, 2), rtol=1e-12)


@pytest.mark.parametrize("dimension", [2, 30])
def test_a_batch_and_several_neighbours_are_those_of_each(dimension):
    x = np.random.default_rng(5).normal(size=(2, 3, 50, dimension))
    found = neighbour_distances(x, (1, 4), window=1)
    assert found.shape == (2, 3, 50, 2)
    for set_, distances in zip(x.reshape(6, 50, dimension), found.reshape(6, 50, 2), strict=True):
        for place, k in enumerate((1, 4)):
            np.testing.assert_allclose(distances[:, place], brute_force(set_, k, 1), rtol=1e-12)


def test_blocks_of_rows_are_those_of_the_whole(monkeypatch):
    x = np.random.default_rng(6).normal(size=(90, 40))
    whole = [neighbour_distances(y, 2, 3) for y in (x, x[:, :2])]
    monkeypatch.setattr("thermo_ideal.estimators._nearest_neighbours._ENTRIES", 700)
    monkeypatch.setattr("thermo_ideal.estimators._nearest_neighbours._COLUMNS", 16)
    for y, expected in zip((x, x[:, :2]), whole, strict=True):
        np.testing.assert_allclose(neighbour_distances(y, 2, 3), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: neighbour_distances(np.ones(3)), r"samples: got shape \(3,\)"),
        (lambda: neighbour_distances(np.full((3, 2), np.nan)), "samples: got nan"),
        (lambda: neighbour_distances(np.full((3, 2), np.inf, np.float32)), "samples: got inf"),
        (lambda: neighbour_distances(np.ones((3, 1)), k=3), "samples: got 3, expected more than 3"),
        (lambda: neighbour_distances(np.ones((5, 1)), window=2), "samples: got 5, expected more than 5"),
        (lambda: neighbour_distances(np.ones((5, 1)), k=0), "k: got 0"),
        (lambda: neighbour_distances(np.ones((5, 1)), k=()), "k: got 0"),
        (lambda: neighbour_distances(np.ones((5, 1)), window=-1), "window: got -1"),
        (lambda: neighbour_distances(np.ones((5, 1)), series=2), "series: got 2 for 5 samples"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
