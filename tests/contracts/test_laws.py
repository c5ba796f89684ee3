"""What every law on the sphere must do. A row adds a law; `PowerSpherical` is one from outside the package."""

import re

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from jax.scipy.special import digamma, gammaln
from scipy import integrate, stats

from tests.support.statistics import (
    FAILURE_RATE,
    assert_distribution,
    assert_mean,
    assert_rejects,
)
from thermo_ideal.distributions import (
    AbstractSphericalLaw,
    UniformSphere,
    VonMisesFisher,
    Zonal,
    goodness_of_fit,
)
from thermo_ideal.special import log_sphere_area

pytestmark = pytest.mark.usefixtures("x64")
D = 4  # of all rows, so that each has a divergence from each
COUNT = 40_000
KEY = jax.random.key(0)


def directions(*batch, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(*batch, D))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class PowerSpherical(AbstractSphericalLaw):
    """`∝ (1 + m)^κ` (De Cao & Aziz, arXiv 2006.04437), in closed forms; `(1 + m)/2` is a beta variable."""

    mean_direction: jax.Array
    power: float
    batch_shape, mode_depth, exponential_concentration = (), 0.0, None

    @property
    def axis(self):
        return self.mean_direction

    @property
    def dimension(self):
        return self.mean_direction.shape[-1]

    @property
    def mean_overlap(self):
        return self.power / (self.dimension - 1 + self.power)

    @property
    def log_normalizer(self):
        b = (self.dimension - 1) / 2
        a = b + self.power
        return -((a + b) * jnp.log(2.0) + b * jnp.log(jnp.pi) + gammaln(a) - gammaln(a + b))

    def sample_depth(self, key, sample_shape=()):
        b = (self.dimension - 1) / 2
        return 2 * jax.random.beta(key, b, b + self.power, sample_shape)

    def log_prob(self, x):
        self.require_components(x)
        return self.log_normalizer + self.power * jnp.log1p(x @ self.mean_direction)

    def entropy(self):
        b = (self.dimension - 1) / 2
        a = b + self.power
        return -self.log_normalizer - self.power * (jnp.log(2.0) + digamma(a) - digamma(a + b))

    def overlap_law(self):
        loss = lambda u: -self.power * jnp.log(2 - u)  # noqa: E731
        return Zonal(loss, self.dimension, argument="depth", mean_direction=self.mean_direction)


LAWS = {
    "von Mises–Fisher": lambda: VonMisesFisher(directions(), 6.0),
    "von Mises–Fisher, a batch": lambda: VonMisesFisher(directions(3), np.array([0.0, 2.0, 50.0])),
    "von Mises–Fisher, a batch of directions": lambda: VonMisesFisher(directions(3, seed=1), 4.0),
    "uniform": lambda: UniformSphere(D),
    "zonal": lambda: Zonal(lambda m: -(m**3) - 0.3 * jnp.cos(3 * m), D, 0.4, mean_direction=directions(seed=2)),
    "zonal, about −μ": lambda: Zonal(lambda u: -(u**2), D, 0.9, argument="depth", mean_direction=directions(seed=3)),
    "zonal, a batch of directions": lambda: Zonal(lambda m: -(m**2), D, 0.5, mean_direction=directions(3, seed=4)),
    "power spherical": lambda: PowerSpherical(jnp.asarray(directions(seed=5)), 5.0),
}
every_law = pytest.mark.parametrize("name", LAWS)


def one_overlap_law(law):
    """Whether all laws of the batch have the same overlap law, as quadrature needs."""
    return jnp.ndim(getattr(law, "concentration", 0.0)) == 0


def sampled(law, key=KEY):
    return np.array(law.sample(key, (COUNT,)), np.float64)


def each(values, law):
    """Columns, one for each law of the batch."""
    return np.asarray(values, np.float64).reshape(-1, int(np.prod(law.batch_shape))).T


@every_law
def test_shapes(name):
    law = LAWS[name]()
    assert law.dimension == D
    for shape, given in (((), ()), ((2, 3), (2, 3))):
        x = law.sample(KEY, given)
        assert x.shape == (*shape, *law.batch_shape, D)
        assert law.log_prob(x).shape == (*shape, *law.batch_shape)
        assert law.sample_depth(KEY, given).shape == law.sample_overlap(KEY, given).shape == (*shape, *law.batch_shape)
        np.testing.assert_allclose(np.linalg.norm(np.asarray(x), axis=-1), 1, rtol=1e-14)
    assert law.mean().shape == law.mode().shape == (*law.batch_shape, D)
    assert jnp.shape(law.entropy()) == law.batch_shape
    with pytest.raises(ValueError, match=r"x: got shape \(2,\), expected vectors of 4"):
        law.log_prob(jnp.ones(2) / 2**0.5)


@every_law
def test_samples_have_the_mean(name):
    law = LAWS[name]()
    x, mean = sampled(law), np.broadcast_to(law.mean(), (*law.batch_shape, D))
    for i in range(D):
        for component, exact in zip(each(x[..., i], law), mean[..., i].reshape(-1), strict=True):
            assert_mean(component, exact)
            assert_rejects(assert_mean, component, exact + 0.03)


@every_law
def test_samples_are_of_the_density(name):
    """The overlap has its law and the rest no preferred direction; another law is rejected."""
    law = LAWS[name]()
    if law.batch_shape:
        law = VonMisesFisher(law.axis[1], law.concentration[1]) if not one_overlap_law(law) else law
    overlap = law.overlap_law()
    assert_distribution(law.sample_overlap(KEY, (COUNT,)).reshape(-1), overlap.cdf)
    assert_rejects(assert_distribution, 0.9 * law.sample_overlap(KEY, (COUNT,)).reshape(-1), overlap.cdf)
    if not law.batch_shape:
        x = sampled(law)[:4_000]
        assert min(goodness_of_fit(x, law)) > FAILURE_RATE
        x[:, 0] = np.abs(x[:, 0])
        assert min(goodness_of_fit(x, law)) < FAILURE_RATE


def angles(law):
    """A half circle of vectors from `μ` to `−μ`, and the weight of each for integrals over the sphere."""
    theta = np.linspace(0, np.pi, 4_001)
    axis = np.broadcast_to(np.asarray(law.axis), (*law.batch_shape, D))
    across = directions(*law.batch_shape, seed=9)
    across -= np.sum(across * axis, axis=-1, keepdims=True) * axis
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    turn = theta.reshape(-1, *[1] * axis.ndim)
    weight = np.sin(theta) ** (D - 2) * np.exp(log_sphere_area(D - 1))
    return jnp.asarray(np.cos(turn) * axis + np.sin(turn) * across), theta, weight


@every_law
def test_density_is_normalised_and_has_the_entropy(name):
    law = LAWS[name]()
    x, theta, weight = angles(law)
    for log_p, entropy in zip(each(law.log_prob(x), law), np.ravel(law.entropy()), strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            surprise = np.where(np.isneginf(log_p), 0.0, -log_p * np.exp(log_p))
        assert np.isclose(integrate.simpson(np.exp(log_p) * weight, theta), 1, rtol=1e-9)
        assert np.isclose(integrate.simpson(surprise * weight, theta), entropy, rtol=1e-8)
        assert not np.isclose(integrate.simpson(np.exp(log_p) * weight / np.sin(1.57), theta), 1, rtol=1e-9)


@every_law
def test_entropy_is_the_mean_of_the_log_density(name):
    law = LAWS[name]()
    surprises = each(-law.log_prob(law.sample(KEY, (COUNT,))), law)
    for surprise, entropy in zip(surprises, np.ravel(law.entropy()), strict=True):
        if np.ptp(surprise) > 1e-9:
            assert_mean(surprise, entropy)
            assert_rejects(assert_mean, surprise, entropy + 0.1)
        else:
            np.testing.assert_allclose(surprise, entropy)


@every_law
def test_the_mode_has_the_highest_density(name):
    law = LAWS[name]()
    highest = np.asarray(law.log_prob(law.mode()))
    assert (np.asarray(law.log_prob(law.sample(KEY, (1_000,)))) <= highest + 1e-12).all()
    lower = np.asarray(law.log_prob(-law.mode()))
    assert (lower <= highest + 1e-12).all()


@pytest.mark.parametrize("name_q", LAWS)
@pytest.mark.parametrize("name_p", LAWS)
def test_divergences(name_p, name_q):
    """Of all pairs: not negative, 0 of a law from itself, and the mean of `log p/q`; the reverse one is another."""
    p, q = LAWS[name_p](), LAWS[name_q]()
    closed = p.exponential_concentration is not None and q.exponential_concentration is not None
    if not closed and not (one_overlap_law(p) and one_overlap_law(q)):
        with pytest.raises(ValueError, match=r"concentration: got shape \(3,\), expected one number"):
            p.kl_divergence(q)
        return
    divergence = np.asarray(p.kl_divergence(q))
    batch = np.broadcast_shapes(p.batch_shape, q.batch_shape)
    assert divergence.shape == np.shape(p.cross_entropy(q)) == batch
    np.testing.assert_allclose(p.cross_entropy(q), np.broadcast_to(p.entropy(), batch) + divergence, rtol=1e-12)
    if name_p == name_q:
        np.testing.assert_allclose(divergence, 0, atol=1e-15)
        return
    assert (divergence > 0).all() or "κ = [0" in repr(p) + repr(q)
    x = p.sample(KEY, (20_000,))
    x = x if p.batch_shape else jnp.broadcast_to(x.reshape(-1, *[1] * len(batch), D), (20_000, *batch, D))
    log_ratio = np.asarray(p.log_prob(x) - q.log_prob(x)).reshape(20_000, -1)
    reverse = np.asarray(q.kl_divergence(p)).reshape(-1)
    for one, exact, other in zip(log_ratio.T, divergence.reshape(-1), reverse, strict=True):
        if np.ptp(one) < 1e-9:  # both uniform
            assert abs(exact) < 1e-12
            continue
        assert_mean(one, exact)
        if abs(other - exact) > 0.1:
            assert_rejects(assert_mean, one, other)
        assert_rejects(assert_mean, one, exact + 0.1 * one.std())


def test_references():
    """SciPy's law, and mpmath's integrals for the law from outside."""
    mu = directions()
    law, theirs = VonMisesFisher(mu, 6.0), stats.vonmises_fisher(mu, 6.0)
    x = directions(50, seed=6)
    np.testing.assert_allclose(law.log_prob(jnp.asarray(x)), theirs.logpdf(x), rtol=1e-12)
    assert np.isclose(law.entropy(), theirs.entropy(), rtol=1e-12)
    power, zonal = PowerSpherical(jnp.asarray(mu), 5.0), LAWS["zonal"]().about(mu)
    with mpmath.workdps(20):
        weight = lambda m: mpmath.sqrt(1 - m**2)  # noqa: E731
        one, other = lambda m: 5 * mpmath.log(1 + m), lambda m: (m**3 + 0.3 * mpmath.cos(3 * m)) / 0.4
        integral = lambda f: mpmath.quad(lambda m: f(m) * weight(m), [-1, -0.5, 0, 0.5, 1])  # noqa: E731
        Z_p, Z_q = integral(lambda m: mpmath.exp(one(m))), integral(lambda m: mpmath.exp(other(m)))
        ratio = integral(lambda m: mpmath.exp(one(m)) * (one(m) - other(m))) / Z_p - mpmath.log(Z_p / Z_q)
    assert np.isclose(power.kl_divergence(zonal), float(ratio), rtol=1e-11)
    A, entropy = mpmath.besseli(2, 6) / mpmath.besseli(1, 6), float(law.entropy())
    cross = -float(power.log_normalizer)  # of the power law under von Mises–Fisher, less 5 E log(1 + m)
    weight = integrate.quad(lambda m: np.exp(6 * m) * np.sqrt(1 - m**2), -1, 1)[0]
    cross -= 5 * integrate.quad(lambda m: np.log1p(m) * np.exp(6 * m) * np.sqrt(1 - m**2), -1, 1)[0] / weight
    assert np.isclose(law.kl_divergence(power), cross - entropy, rtol=1e-10)
    assert np.isclose(law.mean_overlap, float(A), rtol=1e-14)


def test_a_law_without_mass_somewhere():
    cap = Zonal(lambda m: np.where(m > 0.5, 0.0, np.inf), D, mean_direction=directions())
    uniform, other = UniformSphere(D), cap.about(directions(seed=7))
    share = stats.beta(1.5, 1.5, loc=-1, scale=2).sf(0.5)
    assert np.isclose(cap.entropy(), uniform.entropy() + np.log(share), rtol=1e-9)
    assert np.isclose(cap.kl_divergence(uniform), -np.log(share), rtol=1e-8)
    assert uniform.kl_divergence(cap) == cap.kl_divergence(other) == np.inf
    assert cap.kl_divergence(cap) == 0
    cold = VonMisesFisher(directions(), 1e6)
    assert np.isinf(cold.kl_divergence(cap))  # by e^{−500,000} of its mass


def test_a_ring_is_no_point():
    ring = Zonal(lambda m: (m - 0.25) ** 2, D, 0.1, mean_direction=directions())
    assert np.isclose(ring.mode_depth, 0.75, rtol=1e-7)
    with pytest.raises(ValueError, match=r"mode: got .* overlap 0\.25"):
        ring.mode()


def test_a_law_without_a_direction():
    """It serves all that is zonal, at any real dimension, and says what is missing for the rest."""
    law = Zonal(lambda m: -m, 7.5, 0.1)
    assert law.sample_overlap(KEY, (5,)).shape == (5,)
    assert law.kl_divergence(Zonal(lambda m: -m, 7.5, 0.2)) > 0
    for call in (law.mean, law.mode, lambda: law.sample(KEY), lambda: law.log_prob(np.ones(7))):
        with pytest.raises(ValueError, match=r"mean_direction: got None, .* Zonal\(…, mean_direction="):
            call()
    about = Zonal(lambda m: -m, D, 0.1, mean_direction=directions())
    assert np.isclose(Zonal(lambda m: -m, D, 0.1).kl_divergence(VonMisesFisher(directions(), 10.0)), 0, atol=1e-13)
    assert np.isclose(about.kl_divergence(VonMisesFisher(directions(), 10.0)), 0, atol=1e-13)


@every_law
def test_what_is_no_law_or_of_another_dimension_is_refused(name):
    law = LAWS[name]()
    with pytest.raises(ValueError, match=rf"other: got .* dimension 5, expected {D}"):
        law.kl_divergence(UniformSphere(5))
    with pytest.raises(ValueError, match=r"other: got 1\.0, .* UniformSphere\(4\)"):
        law.cross_entropy(1.0)


@every_law
def test_repr_shows_numbers(name):
    text = repr(LAWS[name]())
    assert "f32[" not in text
    assert "f64[" not in text
    assert f"d = {D}" in text
    assert len(text) < 300


def test_reprs():
    assert repr(VonMisesFisher(np.eye(3)[2], 20.0)) == "VonMisesFisher(d = 3, κ = 20, μ = [0, 0, 1])"
    assert repr(UniformSphere(5)) == "UniformSphere(d = 5)"
    long = repr(VonMisesFisher(np.full((400, 10_000), 0.01), np.linspace(0, 1, 400)))
    assert long.startswith("VonMisesFisher(d = 10000, batch = (400,), κ = [0, 0.0025063, …, 0.99749, 1]")
    assert len(long) < 300
    traced = []
    jax.jit(lambda kappa: traced.append(repr(VonMisesFisher(np.eye(3)[0], kappa))))(1.0)
    assert "traced" in traced[0]


# ---- Batches of von Mises–Fisher laws: each as if it were alone.

KAPPAS = np.array([0.0, 0.5, 3.0, 40.0, 1e6])
METHODS = {
    "log_prob": lambda law, x: law.log_prob(x),
    "relative_log_prob": lambda law, x: law.relative_log_prob(x),
    "mean": lambda law, x: law.mean(),
    "mode": lambda law, x: law.mode(),
    "variance": lambda law, x: law.variance(),
    "covariance_product": lambda law, x: law.covariance_product(x),
    "entropy": lambda law, x: law.entropy(),
    "kl_divergence": lambda law, x: law.kl_divergence(VonMisesFisher(directions(seed=8), 2.0)),
    "kl_divergence from": lambda law, x: VonMisesFisher(directions(seed=8), 2.0).kl_divergence(law),
    "cross_entropy": lambda law, x: law.cross_entropy(VonMisesFisher(directions(seed=8), 2.0)),
}


VECTORS = ("log_prob", "relative_log_prob", "covariance_product")


@pytest.mark.parametrize("made", ["by the constructor", "by vmap"])
@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_its_laws(method, made):
    mu, x = directions(5), jnp.asarray(directions(seed=9))
    law = VonMisesFisher(mu, KAPPAS) if made == "by the constructor" else jax.vmap(VonMisesFisher)(mu, KAPPAS)
    assert (law.dimension, law.batch_shape) == (D, (5,))
    alone = [METHODS[method](VonMisesFisher(*one), x) for one in zip(mu, KAPPAS, strict=True)]
    for found in (METHODS[method](law, x), jax.jit(METHODS[method])(law, x)):
        np.testing.assert_allclose(found, np.stack(alone), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("method", METHODS)
def test_batches_broadcast(method):
    """Directions `(2, 1)` and concentrations `(3,)` make `(2, 3)` laws; vectors have a batch of their own."""
    mu, kappa, x = directions(2, 1), KAPPAS[:3], jnp.asarray(directions(6, 1, 1))
    law = VonMisesFisher(mu, kappa)
    found = METHODS[method](law, x)
    assert law.batch_shape == (2, 3)
    whole = VonMisesFisher(np.broadcast_to(mu, (2, 3, D)), np.broadcast_to(kappa, (2, 3)))
    np.testing.assert_allclose(found, METHODS[method](whole, x), rtol=1e-14)
    assert found.shape[:3] == (6, 2, 3) if method in VECTORS else found.shape[:2] == (2, 3)


def test_samples_of_a_batch_are_independent():
    law = VonMisesFisher(np.broadcast_to(directions(), (3, D)), np.full(3, 2.0))
    overlap = sampled(law) @ directions()
    for i, j in ((0, 1), (0, 2), (1, 2)):
        product = (overlap[:, i] - overlap[:, i].mean()) * (overlap[:, j] - overlap[:, j].mean())
        assert_mean(product, 0.0)
        assert_rejects(assert_mean, product + 0.03 * overlap[:, i] ** 2, 0.0)
    along = Zonal(lambda m: -(m**2), D, 0.5, mean_direction=np.broadcast_to(directions(), (2, D)))
    x = sampled(along)
    for i in range(D):
        assert_mean(x[:, 0, i] * x[:, 1, i], 0.0)


def test_gradients_through_a_batch():
    mu, kappa = jnp.asarray(directions(3)), jnp.array([0.5, 3.0, 40.0])
    together = jax.grad(lambda k: VonMisesFisher(mu, k).entropy().sum())(kappa)
    alone = [jax.grad(lambda k, one=one: VonMisesFisher(one, k).entropy())(k) for one, k in zip(mu, kappa, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-13)
    slope = jax.grad(lambda k: VonMisesFisher(mu, k).sample(KEY, (COUNT,)).sum(axis=(0, 1)) @ directions(seed=9))(kappa)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(("mu", "kappa"), [((5,), (4,)), ((2, 3), (2,))])
def test_batches_that_do_not_broadcast(mu, kappa):
    message = rf"concentration: got shape {re.escape(str(kappa))}.* {re.escape(str(mu))} of mean_direction"
    with pytest.raises(ValueError, match=message):
        VonMisesFisher(directions(*mu), np.ones(kappa))
