"""What users hand to a law works, or is refused in the words of the house."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.distributions import UniformSphere, VonMisesFisher, Zonal, goodness_of_fit
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.distributions._sampling import as_shape
from thermo_ideal.special import log_iv

KEY, MU = jax.random.key(0), np.array([0.36, 0.48, 0.8])
LAWS = {
    "von Mises–Fisher": VonMisesFisher(MU, 2.0),
    "uniform": UniformSphere(3),
    "zonal": Zonal(lambda m: -2 * m, 3, mean_direction=MU),
}
every_law = pytest.mark.parametrize("name", LAWS)


@every_law
def test_lists_and_kinds_of_whole_numbers(name):
    law = LAWS[name]
    x = np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(law.log_prob(x.tolist()), law.log_prob(x), rtol=1e-6)
    np.testing.assert_allclose(law.log_prob(tuple(x[0])), law.log_prob(x)[0], rtol=1e-6)
    for shape in (np.int64(3), np.uint8(3), [3], (np.int32(3),)):
        np.testing.assert_array_equal(law.sample(KEY, shape), law.sample(KEY, (3,)))
        assert law.sample_depth(KEY, shape).shape == (3,)


@pytest.mark.parametrize("shape", [2.5, -1, (2, -1), "3", None, (1.5,), 1 + 0j])
def test_shapes_that_are_none(shape):
    with pytest.raises(ValueError, match=r"sample_shape: got .* expected whole numbers ≥ 0"):
        as_shape(shape)
    assert as_shape(np.array([3, 0])) == (3, 0)


@pytest.mark.parametrize("name", ["von Mises–Fisher", "uniform"])
def test_methods_under_jit(name):
    law, x = LAWS[name], jnp.asarray(LAWS[name].sample(KEY, (4,)))
    np.testing.assert_allclose(jax.jit(law.log_prob)(x), law.log_prob(x), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(law.log_prob)(2 * x).shape, (4,))  # norms are not known there
    np.testing.assert_allclose(jax.jit(jax.grad(law.log_prob))(x[0]), jax.grad(law.log_prob)(x[0]), rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(law.log_prob)(x), law.log_prob(x), rtol=1e-6)
    # One law is not taken for another.
    other = VonMisesFisher(MU, 3.0)
    assert not np.allclose(jax.jit(other.log_prob)(x), jax.jit(law.log_prob)(x))
    assert hash(other) == hash(VonMisesFisher(MU, 3.0)) != hash(VonMisesFisher(MU, 3.5))


def test_a_law_by_quadrature_says_that_it_is_not_traced():
    law = LAWS["zonal"]
    for method in (law.log_prob, law.cdf, law.depth_pdf, law.quantile):
        with pytest.raises(ValueError, match=r"got values that are being traced, .* outside jit"):
            jax.jit(method)(jnp.asarray(MU))


@every_law
def test_vectors_that_are_not_of_norm_one(name):
    law = LAWS[name]
    for factor in (1.0011, 0.9989):
        with pytest.raises(ValueError, match=r"x: got a vector of norm .* at index \(1,\), expected norm 1"):
            law.log_prob(np.stack([MU, factor * MU]))
    assert np.isfinite(law.log_prob(np.stack([1.0009 * MU, 0.9991 * MU]))).all()  # both sides of 10⁻³
    with pytest.raises(ValueError, match="x: got a vector of norm nan, expected norm 1"):
        law.log_prob(np.full(3, np.nan))


@every_law
@pytest.mark.parametrize("x", ["text", ["a", "b", "c"], np.ones(3) * 1j, [[1.0, 0.0, 0.0], [1.0]], None, [1j, 0, 0]])
def test_what_are_no_vectors(name, x):
    with pytest.raises(ValueError, match=r"^x: got .* expected"):
        LAWS[name].log_prob(x)


@every_law
@pytest.mark.parametrize("other", LAWS)
def test_divergences_of_every_pair(name, other):
    p, q = LAWS[name], LAWS[other]
    exact = {"von Mises–Fisher": 2.0, "zonal": 2.0, "uniform": 0.0}
    expected = float(vmf.kl_divergence(3, exact[name], exact[other]))
    assert float(p.kl_divergence(q)) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert float(p.cross_entropy(q)) == pytest.approx(float(p.entropy()) + expected, rel=1e-5)


def test_divergences_from_the_uniform_law_of_a_batch_and_under_jit():
    law = VonMisesFisher(np.stack([MU, -MU]), np.array([0.5, 3.0]))
    expected = vmf.kl_from_uniform(3, np.array([0.5, 3.0]))
    np.testing.assert_allclose(law.kl_divergence(UniformSphere(3)), expected, rtol=1e-5)
    found = jax.jit(lambda k: VonMisesFisher(jnp.asarray(MU), k).kl_divergence(UniformSphere(3)))(3.0)
    np.testing.assert_allclose(found, expected[1], rtol=1e-5)
    np.testing.assert_allclose(jax.jit(law.kl_divergence)(UniformSphere(3)), expected, rtol=1e-5)
    half = Zonal(lambda m: -m, 7.5, 0.5)
    assert half.dimension == 7.5


def test_a_fit_is_not_tested_against_its_own_samples():
    x = LAWS["von Mises–Fisher"].sample(KEY, (100,))
    fit = VonMisesFisher.fit(x)
    with pytest.raises(ValueError, match=r"law: got VonMisesFisherFit\(.* fitted to these samples; .*\.law\)"):
        goodness_of_fit(x, fit)
    with pytest.raises(ValueError, match="law: got 3"):
        goodness_of_fit(x, 3)
    assert min(goodness_of_fit(np.asarray(x).tolist(), LAWS["von Mises–Fisher"])) > 1e-4


BAD = [np.array("a"), 1j, np.array([1.0, "b"]), np.array([1j])]


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        lambda bad: VonMisesFisher(MU, bad),
        lambda bad: VonMisesFisher(bad, 1.0),
        lambda bad: VonMisesFisher.fit(bad),
        lambda bad: UniformSphere(bad),
        lambda bad: Zonal(np.cos, bad),
        lambda bad: Zonal(np.cos, 3, bad),
        lambda bad: Zonal(np.cos, 3, mean_direction=bad),
        lambda bad: Zonal(np.cos, 3, breakpoints=bad),
        lambda bad: LAWS["zonal"].cdf(bad),
        lambda bad: LAWS["zonal"].depth_pdf(bad),
        lambda bad: LAWS["zonal"].quantile(bad),
        lambda bad: goodness_of_fit(bad, LAWS["uniform"]),
        lambda bad: vmf.entropy(3, bad),
        lambda bad: vmf.entropy(bad, 1.0),
        lambda bad: vmf.entropy(3, temperature=bad),
        lambda bad: vmf.helmholtz_energy(3, bad),
        lambda bad: vmf.kl_divergence(3, 1.0, bad),
        lambda bad: vmf.concentration(3, bad),
        lambda bad: log_iv(bad, 1.0),
        lambda bad: log_iv(1.0, bad),
    ],
)
def test_complex_numbers_and_text(call, bad):
    """(As arrays: of bare text the checker of annotations in tests complains first.)"""
    with pytest.raises(ValueError, match=r": got .*expected"):
        call(bad)
