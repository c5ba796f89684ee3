"""Entropy or step length: neighbours in any dimension, the scan of spacings, and the first law as its own route."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import digamma, gammaln

from tests.support.statistics import assert_estimate, assert_rejects
from thermo_ideal.estimators import (
    Estimate,
    SampledPath,
    angular_entropy,
    entropy_change,
    neighbour_distances,
    spacing_scan,
    step_length_entropy,
    zonal_entropy,
)
from thermo_ideal.estimators._equally_many import equally_many


def brute_force(x, k, window=0):
    distance = cdist(x, x)
    i = np.arange(len(x))
    distance[np.abs(i[:, None] - i) <= window] = np.inf
    return np.sort(distance, axis=1)[:, k - 1]


@pytest.mark.parametrize(("n", "dimension", "k", "window"), [(50, 1, 1, 0), (1500, 3, 4, 0), (300, 700, 2, 5)])
def test_neighbours_are_those_of_all_pairs(n, dimension, k, window):
    x = np.random.default_rng(n).normal(size=(n, dimension))
    np.testing.assert_allclose(neighbour_distances(x, k, window), brute_force(x, k, window), rtol=1e-12)


def test_near_duplicates_far_from_the_origin_keep_their_digits():
    x = 1e3 + np.random.default_rng(0).normal(size=(40, 500))
    twin = x[:1] + 1e-9 * np.eye(500)[:1]
    found = neighbour_distances(np.concatenate([x, twin]))
    assert found[0] == found[-1] == pytest.approx(np.linalg.norm(x[0] - twin[0]), rel=1e-12)
    np.testing.assert_allclose(found[1:-1], brute_force(x, 1)[1:], rtol=1e-9)


def test_the_angular_entropy_is_the_papers_formula():
    """Angles and logarithms written out, term by term."""
    x = np.random.default_rng(1).normal(size=(200, 5))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    angles = np.empty((200, 4))
    for i, w in enumerate(x):
        for j in range(3):
            angles[i, j] = np.arccos(w[j] / np.linalg.norm(w[j:]))
        angles[i, 3] = np.arctan2(w[4], w[3])
    log_ball = 2 * np.log(np.pi) - gammaln(3)
    expected = 4 * np.log(brute_force(angles, 1)).mean() + log_ball + np.log(199) + np.euler_gamma
    expected += (np.log(np.sin(angles[:, :3])) @ [3, 2, 1]).mean()
    # The paper's log(N − 1) + γ is ψ(N) − ψ(1) up to 1/2N.
    expected += digamma(200) - np.log(199)
    assert angular_entropy(x, outside="allow") == pytest.approx(expected, rel=1e-12)


def walk(eta, spacing, rng, d=500, samples=1000):
    """SGD without a loss: its stationary law is uniform, and its entropy −842 nats."""
    w = rng.normal(size=d)
    kept = np.empty((samples, d))
    for i in range(samples * spacing):
        w /= np.linalg.norm(w)
        noise = rng.normal(size=d)
        w = w + eta * (noise - (noise @ w) * w)
        kept[i // spacing] = w
    return kept / np.linalg.norm(kept, axis=1, keepdims=True)


@pytest.mark.parametrize(("eta", "spacing", "reported"), [(1e-4, 25, -2883), (1e-3, 25, -1748), (1e-3, 1, -2529)])
def test_the_entropy_of_a_walk_is_the_length_of_its_steps(eta, spacing, reported):
    """What the paper's estimator says of a uniform law, within 2 %; the formula is within 4 % of that."""
    found = angular_entropy(walk(eta, spacing, np.random.default_rng(0)), outside="allow")
    assert abs(found / reported - 1) < 0.02
    formula = float(step_length_entropy(500, spacing, eta, 499.0))
    assert abs(formula / found - 1) < 0.04
    assert abs(found - -842) > 500
    assert abs(formula / float(step_length_entropy(500, 5 * spacing, eta, 499.0)) - 1) > 0.04


def memory(steps, rng, shape=(8, 6000)):
    """Depths of a cold gas at d = 3 whose tangent coordinates forget in so many samples."""
    x = rng.normal(size=(*shape, 2))
    keep = np.exp(-1 / steps) if steps else 0.0
    for i in range(1, shape[1]):
        x[:, i] = keep * x[:, i - 1] + np.sqrt(1 - keep**2) * x[:, i]
    return 5e-4 * (x**2).sum(axis=-1)


def test_a_scan_tells_an_entropy_from_what_moves():
    rng = np.random.default_rng(5)

    def estimate(depths):
        return zonal_entropy(depths, 3, pooled=False)

    still, moving = (spacing_scan(memory(steps, rng), estimate) for steps in (0.3, 200))
    assert still.is_entropy
    assert "an entropy: it does not move" in repr(still)
    assert not moving.is_entropy
    assert "NOT an entropy" in repr(moving)
    assert (moving.changes.value > 0).all()
    assert_estimate(Estimate(still.entropies.values[0]), np.log(2 * np.pi * np.e * 1e-3) + 0)


def test_the_length_of_steps_and_of_the_queue_stand_beside_a_scan():
    """Nine relaxation times are too few, however still the estimate stands; ten are enough."""
    depths = memory(0, np.random.default_rng(7), shape=(8, 900))

    def scan(relaxation_time):
        path = SampledPath(3, 10, 0.02, 2.0, relaxation_time)
        return spacing_scan(depths, lambda u: zonal_entropy(u, 3, pooled=False), spacings=(1, 5), path=path)

    enough, short = scan(900.0), scan(1000.0)
    assert (enough.queue, short.queue) == (10.0, 9.0)
    assert enough.is_entropy
    assert short.stands_still
    assert not short.is_entropy
    assert "NOT an entropy: the queue is shorter than 10 relaxation times" in repr(short)
    expected = [float(step_length_entropy(3, steps, 0.02, 2.0)) for steps in (10, 50)]
    np.testing.assert_allclose(enough.step_lengths, expected, rtol=1e-15)
    assert f"at × 5 (S_step = {expected[1]:.5g})" in repr(enough)
    assert "queue of 10 relaxation times; an entropy" in repr(enough)


def test_sets_of_a_scan_are_made_of_the_same_samples():
    samples = np.arange(2 * 26).reshape(2, 26)
    narrow, middle, wide = (equally_many(samples, spacing, 6, axis=1) for spacing in (1, 3, 6))
    assert narrow.shape == middle.shape == wide.shape == (6, 2, 4)
    for sets, spacing in ((narrow, 1), (middle, 3), (wide, 6)):
        assert (np.diff(sets, axis=-1) == spacing).all()
        assert set(sets.ravel()) == {*range(24), *range(26, 50)}


def test_the_first_law_gives_entropies():
    """`U = RT/(1 + T)`, so that `ΔS = R Δ(log T/(1 + T) + 1/(1 + T))`."""
    R, T = 30.0, np.geomspace(0.05, 0.5, 9)
    rng = np.random.default_rng(6)
    energy = Estimate((R * T / (1 + T))[:, None] * (1 + 1e-3 * rng.normal(size=(9, 8))))
    exact = R * np.diff((np.log(T / (1 + T)) + 1 / (1 + T))[[0, -1]])[0]
    change = entropy_change(T, energy)
    assert_estimate(change, exact)
    assert change.interpolation_error < 0.01
    assert_rejects(assert_estimate, entropy_change(1.02 * T, energy), exact)
    few = entropy_change(T[::2], Estimate(energy.values[::2]))
    assert np.isnan(few.interpolation_error)


def test_the_error_of_interpolation_bounds_what_a_spline_is_off_by():
    """A step in `U/T` that six temperatures hardly see."""
    T = np.geomspace(0.01, 1, 9)
    fine = np.geomspace(0.01, 1, 4001)

    def energy(t):
        return t * (1 + np.tanh(4 * np.log(t / 0.13)))

    exact = np.sum(np.diff(energy(fine)) * 2 / (fine[1:] + fine[:-1]))
    change = entropy_change(T, Estimate(np.repeat(energy(T)[:, None], 2, axis=1)))
    assert 0 < abs(float(change.value) - exact) < change.interpolation_error


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: neighbour_distances(np.ones(3)), r"got shape \(3,\)"),
        (lambda: neighbour_distances(np.ones((3, 1)), k=3), "expected more than 3"),
        (lambda: neighbour_distances(np.ones((5, 1)), window=2), "expected more than 5"),
        (lambda: angular_entropy(np.eye(500)), "at d = 500, where nearest neighbours are biased"),
        (lambda: angular_entropy(np.eye(500), outside="perhaps"), "outside: got 'perhaps'"),
        (lambda: angular_entropy(np.ones((2000, 3))), "norms from 1.73205"),
        (lambda: spacing_scan(np.ones((2, 30)), np.mean), "with 50 samples for a spacing of 25"),
        (lambda: spacing_scan(np.ones((2, 30)), np.mean, spacings=(5, 1)), r"spacings: got \(5, 1\)"),
        (lambda: spacing_scan(np.ones((2, 30)), np.mean, spacings=(2, 5)), r"spacings: .* expected divisors of 5"),
        (lambda: SampledPath(3, 10, 0.1, 1.0, 0.0), "relaxation_time: got 0"),
        (lambda: entropy_change(np.array([1.0, 2.0]), Estimate(np.ones((2, 2)))), "expected 4 or more"),
        (
            lambda: entropy_change(np.array([1, 2, 3, 4.0]), Estimate(np.ones((3, 2)))),
            r"energy: got a grid of shape \(3,\)",
        ),
        (lambda: step_length_entropy(500, 0, 0.1, 1.0), "spacing: got 0"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
