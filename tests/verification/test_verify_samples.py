"""Samples that anyone has, judged: exact ones pass, and worlds that look alike do not."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import digamma, gammaln

from tests.support.datasets import around_axis
from thermo_ideal.dynamics import (
    SGD,
    FixedEffectiveLearningRate,
    FixedSphere,
    IsotropicNoise,
    ScaleInvariantLoss,
    VonMisesFisherLoss,
    ZonalLoss,
)
from thermo_ideal.verification import REQUIREMENTS, verify_samples

RATES, D, REPLICAS, SAMPLES = np.geomspace(2e-5, 2e-4, 9), 10, 8, 400  # so small that steps do not matter
REST = REQUIREMENTS[1:]
AXIS = np.eye(D)[0]


def cold_weights(variances, rng, relaxation=None):
    """Directions around the first axis with normal tangent coordinates, `relaxation` samples from one to the next."""
    shape = (len(RATES), REPLICAS, SAMPLES, D - 1)
    x = rng.normal(size=shape)
    if relaxation is not None:
        memory = np.exp(-1 / relaxation)
        for i in range(1, SAMPLES):
            x[:, :, i] = memory * x[:, :, i - 1] + np.sqrt(1 - memory**2) * x[:, :, i]
    x *= np.sqrt(RATES / 2)[:, None, None, None] * np.sqrt(variances)
    return np.concatenate([np.sqrt(1 - (x**2).sum(axis=-1, keepdims=True)), x], axis=-1)


def sgd(noise_scale=1.0, axis=AXIS):
    return SGD(VonMisesFisherLoss(axis), IsotropicNoise(noise_scale), FixedSphere(RATES, 1.0))


def failing(verdict):
    (rows,) = verdict.rows.values()
    return {row.claim for row in rows if row.evaluated and not row.passed}


@pytest.fixture(scope="module")
def exact():
    """The von Mises–Fisher law so cold that it is normal in the tangent plane, but for 1e-4 of its energy."""
    return cold_weights(np.ones(D - 1), np.random.default_rng(0))


def test_exact_samples_pass_and_what_is_missing_is_said(exact):
    verdict = verify_samples(sgd(), weights=exact, burn_in=10**7, requirements=REST)
    assert failing(verdict) == set()
    assert not verdict.passed
    assert verdict.summary.startswith("INCOMPLETE: ")
    reasons = {row.claim: row.measured for row in verdict.rows["fixed-sphere"] if not row.evaluated}
    assert reasons["p is that of discrete SGD"] == "no effective weight decays of every run"
    assert reasons["S_kNN is that of discrete SGD"].startswith("samples: got 400 in dimension 9")
    assert reasons["starts inside and outside agree"].startswith("no two kinds of starts")


@pytest.mark.parametrize("sigma", [1.01, 0.99])
def test_another_noise_is_rejected(exact, sigma):
    """1 %, which is 2 % of the temperature."""
    assert "U is that of discrete SGD" in failing(verify_samples(sgd(sigma), weights=exact, requirements=REST))


def test_another_dimension_is_rejected(exact):
    loss = VonMisesFisherLoss()
    wrong = SGD(loss, IsotropicNoise(), FixedSphere(RATES, 1.0))
    overlaps = exact[..., 0]
    assert failing(verify_samples(wrong, 10, overlaps=overlaps, requirements=REST)) == set()
    assert "U is that of discrete SGD" in failing(verify_samples(wrong, 9, overlaps=overlaps, requirements=REST))


def test_a_replica_that_is_there_twice(exact):
    """Its entropy is refused, and the reason said; the other rows are asked."""
    twice = exact.copy()
    twice[:, 1] = twice[:, 0]
    verdict = verify_samples(sgd(), weights=twice, requirements=REST)
    assert failing(verdict) == {"replicas are independent"}
    rows = {row.claim: row for row in verdict.rows["fixed-sphere"]}
    assert "equal to another" in rows["S_dir is that of discrete SGD"].measured
    assert not rows["S_dir is that of discrete SGD"].evaluated


def test_mild_anisotropy_is_rejected_by_the_distribution():
    """The same energy, with variances from 0.5 to 1.5."""
    variances = np.linspace(0.5, 1.5, D - 1)
    found = failing(verify_samples(sgd(), weights=cold_weights(variances, np.random.default_rng(1)), requirements=REST))
    assert {"Var L is that of discrete SGD", "1 − m has the distribution of discrete SGD"} <= found
    assert "U is that of discrete SGD" not in found


def test_a_short_queue_is_rejected():
    """400 samples in eight relaxation times."""
    weights = cold_weights(np.ones(D - 1), np.random.default_rng(2), relaxation=50)
    found = failing(verify_samples(sgd(), weights=weights, requirements=REST))
    assert {"replicas mix: R̂ of the loss", "the loss has enough effective samples"} <= found
    assert "S_dir is the same at 5 × the spacing" in found


def nearest_neighbours(directions):
    """Kozachenko and Leonenko's entropy of each replica from chords, in a dimension where it is far off."""
    found = []
    for x in directions:
        n, dimension = len(x), x.shape[-1] - 1
        distance = cdist(x, x)
        np.fill_diagonal(distance, np.inf)
        log_ball = dimension / 2 * np.log(np.pi) - gammaln(dimension / 2 + 1)
        found.append(dimension * np.log(distance.min(axis=1)).mean() + log_ball + digamma(n) - digamma(1))
    return np.array(found)


def test_the_length_of_a_step_is_not_an_entropy():
    """SGD without a loss, whose law is uniform whatever the learning rate; neighbours in space are those in time."""
    d, samples, rates = 100, 200, np.geomspace(2e-3, 2e-2, 4)
    rng = np.random.default_rng(3)
    w = rng.normal(size=(4, 4, d))
    kept = []
    for _ in range(samples):
        w /= np.linalg.norm(w, axis=-1, keepdims=True)
        noise = rng.normal(size=w.shape)
        w = w + rates[:, None, None] * (noise - (noise * w).sum(axis=-1, keepdims=True) * w)
        kept.append(w / np.linalg.norm(w, axis=-1, keepdims=True))
    free = SGD(ZonalLoss(lambda m: 0 * m, np.eye(d)[0]), IsotropicNoise(), FixedSphere(rates, 1.0))
    verdict = verify_samples(free, weights=np.stack(kept, axis=2), entropy=nearest_neighbours, requirements=REST)
    rows = {row.claim: row for row in verdict.rows["fixed-sphere"]}
    moved = rows["S_kNN is the same at 5 × the spacing"]
    assert moved.evaluated
    assert not moved.passed
    assert not rows["first law: ΔS_kNN = ∫dU/T"].passed


def test_a_loss_whose_law_is_not_known(exact):
    """What needs no law is asked: runs, the spacing, the first law, pairs of temperatures."""
    loss = ScaleInvariantLoss(lambda w: 1 - w[0] / (w @ w) ** 0.5, D)
    unknown = SGD(loss, IsotropicNoise(), FixedSphere(RATES, 1.0))
    depth = ((exact - AXIS) ** 2).sum(axis=-1) / 2
    verdict = verify_samples(unknown, losses=depth, overlaps=1 - depth, requirements=REST)
    rows = {row.claim: row for row in verdict.rows["fixed-sphere"]}
    assert failing(verdict) == set()
    assert not rows["U is that of discrete SGD"].evaluated
    for claim in ("first law: ΔS_dir = ∫dU/T", "pairs of temperatures: the slope is Δ(1/T)"):
        assert rows[claim].passed
    hot = SGD(loss, IsotropicNoise(1.05), FixedSphere(RATES, 1.0))
    wrong = failing(verify_samples(hot, losses=depth, overlaps=1 - depth, requirements=REST))
    assert "first law: ΔS_dir = ∫dU/T" in wrong


def test_radii_and_starts():
    """One system under weight decay, with radii that remember their start."""
    protocol = FixedEffectiveLearningRate(1e-3, 0.1)
    one = SGD(VonMisesFisherLoss(), IsotropicNoise(), protocol)
    rng = np.random.default_rng(4)
    radius = float(protocol.stationary_radius(2.0)) * (1 + 1e-4 * rng.normal(size=(REPLICAS, SAMPLES)))
    inside = np.arange(REPLICAS) < 4
    drifting = np.where(inside, 0.999, 1.001)[:, None] * radius
    depth = -5e-4 * np.log(rng.random((REPLICAS, SAMPLES)))
    for radii, claims in ((radius, set()), (drifting, {"starts inside and outside agree"})):
        found = failing(
            verify_samples(one, 3, radii=radii, overlaps=1 - depth, started_inside=inside, requirements=REST)
        )
        assert claims <= found
        assert ("starts inside and outside agree" in found) == bool(claims)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "samples: got none"),
        ({"losses": np.ones((8, 100))}, r"losses: got shape \(8, 100\), expected \(9, replicas, samples\)"),
        ({"weights": np.ones((9, 8, 100, 3))}, r"weights: got shape .* expected \(9, replicas, samples, 10\)"),
        ({"losses": np.ones((9, 8, 100), complex)}, "losses: got ndarray of complex128"),
        (
            {"losses": np.ones((9, 8, 100)), "radii": np.ones((9, 7, 100))},
            r"samples: got \{'losses': 8, 'radii': 7\} replicas",
        ),
        (
            {"losses": np.ones((9, 8, 100)), "started_inside": np.ones(8, bool)},
            "started_inside: got 8 of shape",
        ),
    ],
    ids=lambda x: next(iter(x), "nothing") if isinstance(x, dict) else "",
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        verify_samples(sgd(), **arguments)


def test_directions_of_the_support_have_their_depth():
    depth = np.array([[0.1, 0.5]])
    directions = around_axis(depth, np.random.default_rng(0), dimension=4)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1)
    np.testing.assert_allclose(1 - directions[..., 0], depth)
