"""Samples against the exact law, in both precisions; the law's own quantities against each other; fits."""

import functools

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from tests.support.statistics import assert_distribution, assert_mean, assert_rejects
from thermo_ideal.distributions import UniformSphere, VonMisesFisher, goodness_of_fit
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.distributions._sampling import Heights, place


def direction(d, seed=0):
    mu = np.random.default_rng(seed).normal(size=d)
    return mu / np.linalg.norm(mu)


def depths(samples, mu):
    """In double precision, without the cancellation of `1 − μ·x`; rows need be unit vectors only to their rounding."""
    samples = np.asarray(samples, np.float64)
    return ((samples - np.asarray(mu, np.float64)) ** 2).sum(-1) / 2


@functools.cache
def exact(d, kappa):
    with jax.enable_x64(True):
        law = VonMisesFisher(np.eye(1, d)[0], kappa).overlap_law()
        mean, variance = vmf.one_minus_mean_resultant_length(d, kappa), vmf.energy_variance(d, kappa)
        return law, float(mean), float(variance)


def check(u, d, kappa):
    """Mean resultant length, energy variance and the whole law of the overlap."""
    law, mean, variance = exact(d, kappa)
    assert_mean(u, mean)
    assert_mean((u - mean) ** 2, variance)
    assert_distribution(u[:50_000], law.depth_cdf)


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 100.0])
@pytest.mark.parametrize(("d", "minimum"), [(3, 100_000), (100, 20_000), (10_000, 2_000), (1_000_000, 60)])
def test_samples(d, minimum, ratio, precision):
    """With as many samples as it takes to see that `κ` is wrong by 3 %."""
    kappa = float(ratio * d)
    count = max(minimum, int((10 / (0.03 * kappa)) ** 2 / exact(d, kappa)[2]))
    with jax.enable_x64(precision == "double"):
        law = VonMisesFisher(direction(d), kappa)
        # In parts, so that little is held at a time.
        parts = range(0, count, max(1, min(count, 10**7 // d)))
        x = [law.sample(key, (parts.step,)) for key in jax.random.split(jax.random.key(1), len(parts))]
        u = np.concatenate([depths(part, law.mean_direction) for part in x])
        norm = np.concatenate([np.linalg.norm(np.asarray(part, np.float64), axis=-1) for part in x])
        # Two sums of d squares, the sampler's and this test's, round in an order that depends on the machine.
        assert np.abs(norm - 1).max() < 16 * np.finfo(x[0].dtype).eps
    check(u, d, kappa)
    assert_rejects(check, u, d, 1.03 * kappa)
    assert_rejects(check, u, d, 0.97 * kappa)


@pytest.mark.parametrize(("d", "kappa"), [(2, 0.0), (2, 3.0), (2, 1e3), (3, 0.0), (4, 0.5), (4, 1e3), (10, 20.0)])
def test_samples_elsewhere(d, kappa):
    mu = direction(d, seed=1)
    samples = np.asarray(VonMisesFisher(mu, kappa).sample(jax.random.key(2), (50_000,)), np.float64)
    check(depths(samples, mu), d, kappa)
    across = direction(d, seed=2)
    across -= across @ mu * mu
    assert_mean(samples @ across, 0.0)
    assert_mean(np.sign(samples @ across), 0.0)


@pytest.mark.parametrize("kappa", [1e6, 1e10, 1e16])
@pytest.mark.parametrize("d", [2, 3, 10])
def test_cold_samples_in_single_precision(d, kappa):
    """`2κu` is `χ²_{d−1}` up to `O(1/κ)`: overlaps near 1 would have lost every digit of it."""
    mu = np.eye(d)[0]
    samples = np.asarray(VonMisesFisher(mu, kappa).sample(jax.random.key(3), (20_000,)), np.float64)
    square = kappa * (samples[:, 1:] ** 2).sum(-1)
    assert_mean(square, d - 1)
    assert_distribution(square, stats.chi2(d - 1).cdf)
    assert_rejects(assert_mean, 1.1 * square, d - 1)


@pytest.mark.parametrize("first", [1.0, -1.0, 1e-30, -0.6])
def test_samples_about_any_axis(first):
    """The reflection onto `μ` has a sign to choose; no choice of `μ` may cancel."""
    mu = np.array([first, 0.0, np.sqrt(1 - first**2), 0.0])
    samples = VonMisesFisher(mu, 5.0).sample(jax.random.key(4), (40_000,))
    fine = goodness_of_fit(samples, VonMisesFisher(mu, 5.0))
    assert min(fine) > 1e-5


def test_sampling_is_one_law_under_vmap_and_jit():
    """A batch of concentrations, which runs the rejection in lockstep."""
    kappas = jnp.array([0.0, 1.0, 30.0, 1e4])
    mu = jnp.eye(7)[0]
    keys = jax.random.split(jax.random.key(5), 4)
    draw = jax.jit(jax.vmap(lambda key, kappa: VonMisesFisher(mu, kappa).sample(key, (20_000,))))
    for samples, kappa in zip(draw(keys, kappas), kappas, strict=True):
        check(depths(samples, mu), 7, float(kappa))


@pytest.mark.parametrize("d", [2, 3, 4])
def test_a_wrong_concentration_under_jit_gives_nan_and_ends(d):
    """A rejection would wait for ever for a proposal to be better than NaN."""
    draw = jax.jit(lambda kappa: VonMisesFisher(jnp.eye(d)[0], kappa).sample(jax.random.key(0), (3,)))
    assert np.isnan(draw(jnp.nan)).all()
    assert np.isnan(draw(-1.0)).all()
    assert np.isfinite(draw(1.0)).all()


def test_a_draw_at_the_pole_has_a_gradient():
    """Rounding may give a depth of 0, where the distance from the axis has an infinite derivative."""
    for d, depths in ((4, [0.0, 0.5, 2.0]), (3, [0.0, 0.0])):
        total = lambda u, d=d: place(jax.random.key(0), jnp.eye(d)[0], Heights(u, 2 - u)).sum()  # noqa: E731
        assert np.isfinite(jax.grad(total)(jnp.array(depths))).all()


def test_second_derivatives_of_samples_are_refused():
    with pytest.raises(NotImplementedError, match="sample: got a second derivative in the concentration"):
        jax.hessian(lambda k: VonMisesFisher(jnp.eye(4)[0], k).sample(jax.random.key(0), (5,)).sum())(2.0)


def test_sample_shapes():
    law = VonMisesFisher(np.eye(5)[0], 2.0)
    assert law.sample(jax.random.key(0)).shape == (5,)
    assert law.sample(jax.random.key(0), (2, 3)).shape == (2, 3, 5)
    assert law.sample(jax.random.key(0), 4).shape == (4, 5)
    assert law.sample(jax.random.key(0), (0,)).shape == (0, 5)


def test_no_matrix_is_formed():
    """At `d = 10⁶` a `d × d` matrix would be 4 TB."""
    law = VonMisesFisher(direction(1_000_000), 1e6)
    memory = jax.jit(lambda key: law.sample(key, (2,))).lower(jax.random.key(0)).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 10 * 2 * 1_000_000 * 4


@given(d=st.integers(2, 8), seed=st.integers(0, 10**6), log_kappa=st.floats(-3, 10))
@settings(max_examples=20)
def test_rotation_equivariance(d, seed, log_kappa):
    """Turning `μ` and `x` together changes no density; the covariance turns with them."""
    with jax.enable_x64(True):
        turn = stats.special_ortho_group(d, seed=seed).rvs()
        mu, x, v = direction(d, seed), direction(d, seed + 1), direction(d, seed + 2)
        law, turned = VonMisesFisher(mu, np.exp(log_kappa)), VonMisesFisher(turn @ mu, np.exp(log_kappa))
        tolerance = {"rtol": 1e-10, "atol": 1e-10 * np.exp(log_kappa)}
        np.testing.assert_allclose(turned.log_prob(jnp.asarray(turn @ x)), law.log_prob(jnp.asarray(x)), **tolerance)
        np.testing.assert_allclose(turned.mean(), turn @ np.asarray(law.mean()), atol=1e-13)
        product = np.asarray(law.covariance_product(jnp.asarray(v)))
        np.testing.assert_allclose(turned.covariance_product(jnp.asarray(turn @ v)), turn @ product, atol=1e-13)


def test_density_is_scipys():
    mu = np.array([0.0, 0.6, 0.8])
    x = np.asarray(VonMisesFisher(mu, 1.0).sample(jax.random.key(2), (50,)), np.float64)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    with jax.enable_x64(True):
        ours = VonMisesFisher(mu, 7.0)
        theirs = stats.vonmises_fisher(mu, 7.0)
        np.testing.assert_allclose(ours.log_prob(jnp.asarray(x)), theirs.logpdf(x), rtol=1e-12)
        assert np.isclose(ours.entropy(), theirs.entropy(), rtol=1e-12)
        area = np.log(4 * np.pi)
        np.testing.assert_allclose(ours.relative_log_prob(jnp.asarray(x)), theirs.logpdf(x) + area, rtol=1e-11)


def test_density_near_the_mode_keeps_its_digits():
    """In single precision at `κ = 10⁸`: through `|x − μ|²`, since `κ(1 − μ·x)` has none left."""
    mu = jnp.eye(3)[0]
    x = jnp.array([1.0, 1e-4, 0.0])  # a unit vector to 5e-9
    drop = VonMisesFisher(mu, 1e8).log_prob(mu) - VonMisesFisher(mu, 1e8).log_prob(x)
    assert np.isclose(drop, 0.5, rtol=1e-5)


def test_relative_density_in_high_dimension():
    """In single precision at `d = 10⁸` the sphere's area alone is 10⁹; `κμ·x − Φ` is of order one."""
    d, kappa = 10**8, 1e4
    x = np.zeros(d, np.float32)
    x[0] = 1
    law = VonMisesFisher(x, kappa)
    assert np.isclose(law.relative_log_prob(jnp.asarray(x)), kappa - kappa**2 / (2 * d), rtol=1e-6)


@pytest.mark.parametrize(("d", "kappa"), [(2, 1.0), (5, 0.0), (5, 30.0)])
def test_moments(d, kappa):
    with jax.enable_x64(True):
        mu = direction(d)
        law = VonMisesFisher(mu, kappa)
        samples = np.asarray(law.sample(jax.random.key(6), (40_000,)))
        for i in range(d):
            assert_mean(samples[:, i], float(law.mean()[i]))
            assert_mean((samples[:, i] - float(law.mean()[i])) ** 2, float(law.variance()[i]))
        assert_rejects(assert_mean, (samples[:, 0] - float(law.mean()[0])) ** 2, 1.05 * float(law.variance()[0]))
        matrix = np.asarray(law.covariance_product(jnp.eye(d)))
        np.testing.assert_allclose(np.diag(matrix), law.variance(), rtol=1e-13)
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-16)
        assert np.isclose(np.trace(matrix), 1 - float(law.mean() @ law.mean()), rtol=1e-13)
        np.testing.assert_array_equal(law.mode(), law.mean_direction)


def test_divergences_are_expectations(x64):
    p, q = VonMisesFisher(direction(6, 1), 12.0), VonMisesFisher(direction(6, 2), 5.0)
    x = p.sample(jax.random.key(7), (40_000,))
    assert_mean(np.asarray(p.log_prob(x) - q.log_prob(x)), float(p.kl_divergence(q)))
    assert_mean(-np.asarray(q.log_prob(x)), float(p.cross_entropy(q)))
    assert_mean(-np.asarray(p.log_prob(x)), float(p.entropy()))
    assert np.isclose(p.cross_entropy(q), p.entropy() + p.kl_divergence(q), rtol=1e-14)
    assert_rejects(assert_mean, np.asarray(p.log_prob(x) - q.log_prob(x)), float(q.kl_divergence(p)))
    assert float(p.kl_divergence(p)) == 0
    with pytest.raises(ValueError, match="other: got a law of dimension 3, expected 6"):
        p.kl_divergence(VonMisesFisher(np.eye(3)[0], 1.0))


@pytest.mark.parametrize(("d", "kappa"), [(2, 0.7), (3, 2.0), (5, 0.3), (50, 40.0), (1_000, 5e4)])
def test_gradients_of_samples_follow_the_quantiles(x64, d, kappa):
    """Each draw moves with `κ` as the quantile of its own probability does."""
    mu = jnp.eye(d)[0]

    def depth(kappa):
        return 1 - VonMisesFisher(mu, kappa).sample(jax.random.key(8), (300,))[:, 0]

    u, slope = jax.jvp(depth, (kappa,), (1.0,))
    probability = exact(d, kappa)[0].depth_cdf(np.asarray(u))
    step = 1e-4 * kappa
    moved = [
        VonMisesFisher(np.eye(1, d)[0], k).overlap_law().depth_quantile(probability)
        for k in (kappa + step, kappa - step)
    ]
    numeric = (moved[0] - moved[1]) / (2 * step)
    np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-6 * np.abs(numeric).max())


def test_gradients_of_expectations(x64):
    """`∂E m/∂κ = A'`, and turning `μ` turns the mean."""
    d, kappa, mu = 8, 6.0, direction(8)
    keys = jax.random.split(jax.random.key(9), 200)

    def overlap(kappa, key):
        return (VonMisesFisher(mu, kappa).sample(key, (100,)) @ mu).mean()

    slopes = jax.jit(jax.vmap(jax.grad(overlap), in_axes=(None, 0)))(kappa, keys)
    assert_mean(np.asarray(slopes), float(vmf.energy_variance(d, kappa)))
    assert_rejects(assert_mean, np.asarray(slopes), 1.1 * float(vmf.energy_variance(d, kappa)))

    across = direction(8, 3)
    across -= across @ mu * mu

    def height(mu, key):
        return (VonMisesFisher(mu, kappa).sample(key, (100,)) @ across).mean()

    slopes = np.asarray(jax.jit(jax.vmap(jax.grad(height), in_axes=(None, 0)))(jnp.asarray(mu), keys))
    assert_mean(slopes @ across, float(vmf.mean_resultant_length(d, kappa)) * (across @ across))
    np.testing.assert_allclose(slopes @ mu, 0, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 1.0], 1.0), "mean_direction: got a vector of norm 1.41421, expected norm 1"),
        (([[1.0, 0.0], [1.0, 1.0]], 1.0), r"mean_direction: got a vector of norm 1.41421 at index \(1,\)"),
        ((1.0, 1.0), r"mean_direction: got shape \(\)"),
        (([1.0, 0.0], -1.0), "concentration: got -1.0, expected a number ≥ 0"),
        (([np.nan, 0.0], 1.0), "mean_direction: got a vector of norm nan"),
        ((np.eye(3), np.ones(2)), r"concentration: got shape \(2,\).*\(3,\) of mean_direction"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        VonMisesFisher(np.array(arguments[0]), arguments[1])


def test_uniform_sphere():
    law = UniformSphere(4)
    x = np.asarray(law.sample(jax.random.key(10), (40_000,)), np.float64)
    assert_distribution(x[:, 1], stats.beta(1.5, 1.5, loc=-1, scale=2).cdf)
    assert_rejects(assert_distribution, x[:, 1], stats.beta(1.3, 1.3, loc=-1, scale=2).cdf)
    assert_mean(x[:, 0] ** 2, float(law.variance()[0]))
    np.testing.assert_array_equal(law.mean(), 0)
    assert np.isclose(law.entropy(), np.log(2 * np.pi**2), rtol=1e-6)
    np.testing.assert_allclose(law.log_prob(jnp.asarray(x[:3])), -law.entropy(), rtol=1e-6)
    with pytest.raises(ValueError, match="dimension: got 1, expected a whole number ≥ 2"):
        UniformSphere(1)
    with pytest.raises(ValueError, match=r"x: got shape \(3, 3\), expected vectors of 4"):
        law.log_prob(jnp.eye(3))
