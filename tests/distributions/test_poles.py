"""Draws keep their digits at both poles; balanced data have a fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.support.statistics import FAILURE_RATE, assert_distribution, assert_rejects
from thermo_ideal.distributions import UniformSphere, VonMisesFisher, Zonal, goodness_of_fit

NORTH = np.eye(2)[0]


def angle_from_south(x):
    """In single precision: the component across is as good as the vector has it."""
    return np.abs(np.arctan2(np.asarray(x, np.float64)[:, 1], -np.asarray(x, np.float64)[:, 0]))


@pytest.mark.parametrize("law", [VonMisesFisher(NORTH, 0.01), UniformSphere(2), VonMisesFisher(NORTH, 1.0)])
def test_both_poles_of_the_circle_in_single_precision(law):
    """2·10⁶ draws: near `−μ` they were 105 numbers, and `−μ` itself 224 times."""
    x = law.sample(jax.random.key(0), (2_000_000,))
    for near in (angle_from_south(x), np.pi - angle_from_south(x)):
        few = np.sort(near)[:3_000]
        assert few[0] > 0
        assert len(np.unique(few)) > 2_990
        assert stats.kstest(few[:-1] / few[-1], "uniform").pvalue > FAILURE_RATE  # the density is flat at a pole
    assert min(goodness_of_fit(x[:200_000], law)) > 1e-4


@pytest.mark.parametrize("kappa", [0.0, 0.5, 19.9, 20.1])
def test_both_poles_of_the_sphere_in_single_precision(kappa):
    """`1 − m` and `1 + m` each have their digits, and are 2 together; both sides of where `e^{2κ}` would be formed."""
    law = VonMisesFisher(np.eye(3)[0], kappa)
    heights = [np.asarray(h, np.float64) for h in law.sample_heights(jax.random.key(1), (1_000_000,))]
    np.testing.assert_allclose(sum(heights), 2, atol=5e-7)
    exact = law.overlap_law()
    assert_distribution(heights[0][:100_000], exact.depth_cdf)
    assert_distribution(heights[1][:100_000], lambda height: exact.depth_sf(2 - height))
    for near in heights if kappa < 1 else heights[:1]:
        few = np.sort(near)[:300]
        assert len(np.unique(few)) == 300
        assert few[0] > 0


def test_cold_draws_about_the_opposite_pole():
    """A well at `−μ` of width 10⁻³ in the angle: in single precision a depth near 2 tells a few steps of it."""
    law = Zonal(lambda u: 2 - u, 3, 1e-6, argument="depth", mean_direction=np.eye(3)[0])
    x = np.asarray(law.sample(jax.random.key(2), (20_000,)), np.float64)
    half_square = (x[:, 1] ** 2 + x[:, 2] ** 2) / 2
    assert_distribution(half_square, stats.expon(scale=1e-6).cdf)
    assert_rejects(assert_distribution, half_square, stats.expon(scale=1.05e-6).cdf)


def test_gradients_of_heights_follow_the_depths():
    heights = lambda k: VonMisesFisher(jnp.eye(4)[0], k).sample_heights(jax.random.key(0), (50,))  # noqa: E731
    below, above = jax.jacfwd(heights)(2.0)
    np.testing.assert_allclose(above, -below)
    assert (np.asarray(below) < 0).all()


def repeated(x, rows):
    """What one stream for all blocks would give."""
    return np.concatenate([x[:rows]] * (len(x) // rows + 1))[: len(x)]


def assert_blocks_differ(tangent, rows):
    """Directions across `μ` in one block and in the next are independent."""
    products = np.sum(tangent[:rows] * tangent[rows : 2 * rows], axis=1)
    assert abs(products.mean()) < 5 * products.std() / np.sqrt(len(products))


@pytest.mark.parametrize(("d", "count"), [(2, 300_000), (3, 200_000), (50, 12_000)])
def test_blocks_of_a_large_sample_do_not_repeat(d, count):
    mu = np.full(d, d**-0.5)
    with jax.enable_x64(True):
        law = VonMisesFisher(mu, 2.0)
        x = np.asarray(law.sample(jax.random.key(3), (count,)))
        depth = np.asarray(law.sample_depth(jax.random.key(3), (count,)))
    rows = 2**18 // d
    assert count > 2 * rows
    tangent = x - (x @ mu)[:, None] * mu
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    assert_blocks_differ(tangent, rows)
    assert_rejects(assert_blocks_differ, repeated(tangent, rows), rows)
    # Proposals come in blocks as well; in double precision no two draws are the same.
    assert len(np.unique(depth)) == count
    rank = stats.spearmanr(depth[:-1], depth[1:])
    assert rank.pvalue > FAILURE_RATE
    # Depths and directions have streams of their own.
    assert stats.spearmanr(depth[:10_000], tangent[:10_000, 0]).pvalue > FAILURE_RATE


def test_laws_of_a_batch_draw_for_themselves():
    law = VonMisesFisher(np.broadcast_to(np.eye(5)[0], (4, 5)), np.full(4, 2.0))
    x = np.asarray(law.sample(jax.random.key(4), (2_000,)), np.float64)
    scores = x - x.mean(axis=0)
    for i in range(4):
        for j in range(i):
            assert abs(np.corrcoef(scores[:, i].ravel(), scores[:, j].ravel())[0, 1]) < 5 / np.sqrt(scores[:, 0].size)


@pytest.mark.parametrize("bias_correction", [True, False])
@pytest.mark.parametrize(
    "samples",
    [
        np.array([[1.0, 0.0], [-1.0, 0.0]]),
        np.array([[0.6, 0.8], [-0.6, -0.8]]),
        np.stack([[np.cos(a), np.sin(a), 0] for a in 2 * np.pi * np.arange(3) / 3]),
        np.concatenate([np.eye(7), -np.eye(7)]),
    ],
)
def test_balanced_data(samples, bias_correction):
    """`κ = 0`, a direction that is as good as any, and errors that say so."""
    for given in (samples, samples.astype(np.float32)):
        fit = VonMisesFisher.fit(given, bias_correction=bias_correction)
        assert float(fit.concentration) < 1e-6
        assert np.isclose(np.linalg.norm(fit.law.mean_direction), 1, rtol=1e-6)
        assert float(fit.direction_error) == pytest.approx(np.pi, rel=1e-6)
        assert np.isfinite(float(fit.standard_error))
        assert float(fit.standard_error) > 0.1
        assert "κ" in repr(fit)


@pytest.mark.parametrize("kappa", [0.9, 1.1])
def test_both_sides_of_where_the_spread_is_taken_for_the_length(kappa):
    """At `1 − |x̄|² = ½` one formula gives way to the other: exact moments on two points of weight."""
    length = np.sqrt(0.5) + (kappa - 1) * 1e-3
    across = np.sqrt(1 - length**2)
    x = np.array([[length, across], [length, -across]])
    fit = VonMisesFisher.fit(x, bias_correction=False)
    from thermo_ideal.distributions import von_mises_fisher as vmf

    assert float(vmf.mean_resultant_length(2, fit.concentration)) == pytest.approx(length, rel=1e-5)
