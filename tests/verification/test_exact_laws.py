"""Exact laws of discrete SGD: two methods against each other, closed forms, simulations, and what the errors say."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from tests.support.statistics import Z_MAX, assert_rejects
from tests.support.systems import toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.special import log_sphere_area
from thermo_ideal.thermodynamics import equilibrium
from thermo_ideal.verification import cold_law, stationary_law
from thermo_ideal.verification._chain import chains_of
from thermo_ideal.verification._series_law import solve_by_series
from thermo_ideal.verification._stationary_vector import positive_stationary_vector
from thermo_ideal.verification._transition_matrix import solve_by_transition_matrix

LOSSES = {
    "linear": (lambda m: 1 - m, lambda m: -1 + 0 * m),
    "cubic": (lambda m: 1 - m**3, lambda m: -3 * m**2),
    "kinked": (lambda m: jnp.abs(m - 0.3), lambda m: np.sign(m - 0.3)),
    "two wells": (lambda m: 1 - m**2 - m / 4, lambda m: -2 * m - 0.25),
    "flat beyond": (lambda m: 2 * jnp.maximum(0.0, 0.5 - m), lambda m: -2.0 * (m < 0.5)),
}


def held(kind, d, eta, sigma):
    """A protocol whose stationary radius is 1."""
    decay = eta**2 * sigma**2 * (d - 1) / 2
    return kind(eta, 1.0) if kind is dyn.FixedSphere else kind(eta, decay / eta)


def law(kind, d, eta, sigma=1.0, loss="linear"):
    loss = dyn.VonMisesFisherLoss() if loss == "linear" else dyn.ZonalLoss(LOSSES[loss][0])
    return stationary_law(dyn.SGD(loss, dyn.IsotropicNoise(sigma), held(kind, d, eta, sigma)), d)


def simulated(kinds, d, eta, sigma, slopes, steps, runs, seed=5):
    """Chains of `(r², m)` in NumPy, one a row: overlaps and volumes of the second half, averaged over each replica."""
    rng = np.random.default_rng(seed)
    d, eta, sigma = (np.asarray(x, float)[:, None] for x in (d, eta, sigma))
    sphere = np.array([kind is dyn.FixedSphere for kind in kinds])[:, None]
    fixed_rate = np.array([kind is dyn.FixedLearningRate for kind in kinds])[:, None]
    decay = eta**2 * sigma**2 * (d - 1) / 2
    m, v = rng.uniform(-0.5, 0.5, (len(d), runs)), np.ones((len(d), runs))
    sums = np.zeros((4, len(d), runs))
    for step in range(steps):
        local = np.where(fixed_rate, eta / v, eta)
        c = 1 - np.where(sphere, 0.0, np.where(fixed_rate, decay, decay * v))
        slope = np.stack([f(row) for f, row in zip(slopes, m, strict=True)])
        s = np.sqrt(np.maximum(1 - m**2, 0.0))
        q = np.where(d > 2, 2 * rng.standard_gamma(np.maximum(d - 2, 1e-9) / 2, m.shape), 0.0)
        t = -local * (slope * s + sigma * rng.normal(size=m.shape))
        rho = np.sqrt(c**2 + t**2 + (local * sigma) ** 2 * q)
        m = np.clip((c * m + t * s) / rho, -1.0, 1.0)
        v = np.where(sphere, v, v * rho**2)
        if step >= steps // 4:
            sums += np.stack([m, m**2, v, rho])
    return sums / (steps - steps // 4)


def scores(samples, exact):
    """Of the mean over replicas, which are independent."""
    return (samples.mean(axis=-1) - exact) / (samples.std(axis=-1, ddof=1) / np.sqrt(samples.shape[-1]))


def moments(exact):
    """`E m` and `E m²`, by quadrature of the density."""
    d = exact.dimension
    x, w = np.polynomial.legendre.leggauss(40)
    edges = np.concatenate([np.linspace(0, 2 * np.arcsin(np.sqrt(0.35)), 120)[:-1], np.linspace(1.266, np.pi, 120)])
    theta = (edges[:-1, None] + np.diff(edges)[:, None] * (1 + x) / 2).ravel()
    weights = (np.diff(edges)[:, None] / 2 * w).ravel() * np.exp(log_sphere_area(d - 1)) * np.sin(theta) ** (d - 2)
    weights = weights * exact.density(np.cos(theta))
    assert abs(weights.sum() - 1) < 1e-7
    return weights @ np.cos(theta), weights @ np.cos(theta) ** 2


@pytest.mark.parametrize(
    ("kind", "d", "eta", "sigma"),
    [
        (dyn.FixedSphere, 3, 0.05, 1.0),
        (dyn.FixedSphere, 10, 0.2, 1.0),
        (dyn.FixedSphere, 10**4, 0.059, 0.152),
        (dyn.FixedSphere, 10**6, 0.05, 0.2),
        (dyn.FixedSphere, 2, 0.5, 1e-3),
        (dyn.FixedLearningRate, 2, 0.087, 4.2),
        (dyn.FixedEffectiveLearningRate, 3, 0.1, 1.0),
    ],
)
def test_two_methods_agree(x64, kind, d, eta, sigma):
    """An expansion in polynomials, and an integral equation on a grid of angles."""
    (chain,) = chains_of(toy(held(kind, d, eta, sigma), sigma), d).chains
    with np.errstate(all="ignore"):
        one, two = solve_by_series(chain), solve_by_transition_matrix(chain)
    assert max(one.worst_error, two.worst_error) < 1e-8
    names = ["mean_depth", "loss_variance", "root_volume", "volume", "growth"]
    for name in names if kind is dyn.FixedSphere else names[:-1]:
        assert np.isclose(getattr(one, name), getattr(two, name), rtol=1e-9, atol=0), name
    assert abs(one.entropy - two.entropy) < 1e-9 * max(1.0, 10 * abs(one.entropy) / d, d / 100)
    assert np.isclose(one.spectral_gap, two.spectral_gap, rtol=2e-2)
    spread = np.sqrt(one.depth_variance)
    u = one.mean_depth + spread * np.array([-1.0, -0.3, 0.0, 0.5, 1.0, 2.0])
    u = u[u > 0]
    if d < 100:
        np.testing.assert_allclose(one.density(u), two.density(u), rtol=2e-5)  # at a point; its integrals are better
    np.testing.assert_allclose(one.beyond(u), two.beyond(u), atol=1e-6)


@pytest.mark.parametrize("d", [2, 3, 7, 1000])
def test_without_a_loss_the_law_is_uniform(x64, d):
    """There `E m' = m E 1/ρ` and `E ρ` are integrals over `χ²_{d−1}`."""
    eta, sigma = 0.3, 2.0 / np.sqrt(d)
    sgd = dyn.SGD(dyn.ZonalLoss(lambda m: 0 * m), dyn.IsotropicNoise(sigma), dyn.FixedSphere(eta, 1.0))
    exact = stationary_law(sgd, d)
    assert abs(exact.direction_entropy - log_sphere_area(d)) < 1e-9 * max(1.0, d / 10)
    chi = stats.chi(d - 1)
    ends = chi.ppf(1e-16), chi.isf(1e-16)
    for found, f in (
        (exact.effective_weight_decay * eta, lambda x: np.sqrt(1 + (eta * sigma * x) ** 2) - 1),
        (exact.spectral_gap, lambda x: 1 - 1 / np.sqrt(1 + (eta * sigma * x) ** 2)),
    ):
        expected = integrate.quad(lambda x, f=f: chi.pdf(x) * f(x), *ends, epsabs=1e-13, limit=200)[0]
        assert abs(found / expected - 1) < 1e-7
    overlap = np.array([-0.9, -0.1, 0.0, 0.2, 0.99])
    uniform = stats.beta((d - 1) / 2, (d - 1) / 2).cdf((1 + overlap) / 2)
    np.testing.assert_allclose(exact.cumulative(overlap), uniform, atol=1e-10)


@pytest.mark.parametrize("eta", [1e-6, 1e-3, 0.5])
def test_the_coldest_law_is_a_linear_recursion(x64, eta):
    """`C = (1 − η)² C + η²σ²`, whose squares relax by `1 − (1 − η)²`; 0.5 is a step of half the way."""
    d, sigma = 4, 1e-3
    exact = law(dyn.FixedSphere, d, eta, sigma)
    mu = jnp.eye(d)[0]
    cold = cold_law(dyn.VonMisesFisherLoss(mu), dyn.IsotropicNoise(sigma), mu, eta, discrete=True)
    assert np.isclose(exact.mean_loss, cold.internal_energy, rtol=3e-6)
    assert np.isclose(exact.direction_entropy, cold.direction_entropy, rtol=0, atol=1e-5)
    assert np.isclose(exact.spectral_gap, eta * (2 - eta), rtol=1e-5)
    assert np.isclose(exact.loss_variance, 2 * cold.internal_energy**2 / (d - 1), rtol=1e-5)


def test_against_simulated_chains(x64):
    """Random systems, hostile ones among them, with kinks and two wells, under the three protocols."""
    rng = np.random.default_rng(11)
    kinds = [dyn.FixedSphere, dyn.FixedLearningRate, dyn.FixedEffectiveLearningRate]
    systems = [
        (kinds[i % 5 == 0], int(rng.choice([2, 3, 5, 20])), 10 ** rng.uniform(-1.3, -0.6), None, name)
        for i, name in enumerate(list(LOSSES) * 2)
    ]
    systems = [(k, d, eta, rng.uniform(0.6, 1.2) / np.sqrt(eta * (d - 1) ** 0.5) / 2, f) for k, d, eta, _, f in systems]
    systems = [(k, d, eta, sigma * (2 if f == "two wells" else 1), f) for k, d, eta, sigma, f in systems]  # it must mix
    systems += [
        (dyn.FixedSphere, 3, 0.5, 10.0, "linear"),
        (dyn.FixedSphere, 20, 0.5, 10.0, "linear"),
        (dyn.FixedSphere, 10**4, 0.059, 0.152, "linear"),
        (dyn.FixedSphere, 2, 0.5, 4.0, "kinked"),
        (dyn.FixedLearningRate, 2, 0.1, 1.0, "kinked"),
    ]
    laws = [law(kind, d, eta, sigma, f) for kind, d, eta, sigma, f in systems]
    columns = list(zip(*systems, strict=True))
    m, square, volume, growth = simulated(*columns[:4], [LOSSES[name][1] for name in columns[4]], steps=1400, runs=200)
    assert all(exact.converged_digits > 6 for exact in laws)
    mixed = np.array([exact.spectral_gap > 0.012 for exact in laws])
    assert mixed.mean() > 0.7
    few = np.flatnonzero(mixed[:10])
    expected = np.array([moments(laws[i]) for i in few])
    z = np.concatenate([scores(m[few], expected[:, 0]), scores(square[few], expected[:, 1])])
    assert np.abs(z).max() < Z_MAX, z
    linear = np.array([name == "linear" for name in columns[4]])
    energy = np.array([float(exact.mean_loss) for exact in laws])
    z = scores(1 - m[linear], energy[linear])
    assert np.abs(z).max() < Z_MAX
    free = np.array([kind is not dyn.FixedSphere for kind in columns[0]])
    volumes = np.array([2 * float(exact.mean_volume) for exact in laws])
    assert np.abs(scores(volume[free], volumes[free])).max() < Z_MAX
    eta = np.array(columns[2])
    decay = np.array([float(exact.effective_weight_decay) for exact in laws])
    assert np.abs(scores((growth - 1)[~free], (decay * eta)[~free])).max() < Z_MAX

    def assert_sde():
        sde = [equilibrium(toy(held(*s[:4]), s[3]), s[1]).internal_energy for s in systems if s[4] == "linear"]
        assert np.abs(scores(1 - m[linear], np.array(sde, float))).max() < Z_MAX

    assert_rejects(assert_sde)


@pytest.mark.parametrize("kind", [dyn.FixedSphere, dyn.FixedLearningRate, dyn.FixedEffectiveLearningRate])
def test_the_distance_to_the_sde_is_of_first_order(x64, kind):
    """A fit of its power of `η_eff` at fixed temperature gives 1."""
    for d, T in ((2, 0.2), (3, 1.0), (100, 0.01)):
        etas = np.geomspace(1e-5, 3e-4, 4)
        departures = []
        for eta in etas:
            sigma = np.sqrt(2 * T / eta)
            state, exact = equilibrium(toy(held(kind, d, eta, sigma), sigma), d), law(kind, d, eta, sigma)
            departures.append(
                [exact.mean_loss - state.internal_energy, exact.direction_entropy - state.direction_entropy]
            )
        powers = np.polyfit(np.log(etas), np.log(np.abs(np.array(departures, float))), 1)[0]
        np.testing.assert_allclose(powers, 1, atol=0.03)


def test_hostile_hyperparameters(x64):
    """The law comes with its digits, or with a reason."""
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(40):
        d = int(10 ** rng.uniform(0.31, 6))
        eta, sigma = 10 ** rng.uniform(-6, -0.302), 10 ** rng.uniform(-3, 1)
        kind = [dyn.FixedSphere, dyn.FixedLearningRate, dyn.FixedEffectiveLearningRate][rng.integers(3)]
        if kind is not dyn.FixedSphere and eta**2 * sigma**2 * (d - 1) > 0.1:
            continue
        exact = law(kind, d, eta, sigma)
        found += 1
        assert exact.converged_digits > 8, (kind, d, eta, sigma)
        assert 0 < exact.mean_loss < 1
        assert exact.spectral_gap > 0
    assert found > 20


def test_wells_that_are_never_left(x64):
    """Two equal wells have the entropy of one and `log 2`, though between them there are 2000 nats."""
    wells = dyn.SGD(dyn.ZonalLoss(lambda m: 1 - m**2), dyn.IsotropicNoise(), dyn.FixedSphere(1e-2, 1.0))
    one = dyn.ZonalLoss(lambda m: jnp.where(m > 0, 1 - m**2, 1.0))
    single = stationary_law(
        wells.replace(loss=one) if hasattr(wells, "replace") else dyn.SGD(one, wells.noise, wells.protocol), 3
    )
    both = stationary_law(wells, 3)
    assert np.isclose(both.mean_loss, single.mean_loss, rtol=1e-8)
    assert np.isclose(both.direction_entropy, single.direction_entropy + np.log(2), rtol=0, atol=1e-7)
    assert abs(both.cumulative(0.0) - 0.5) < 1e-8
    assert both.spectral_gap < 1e-12


def test_the_stationary_vector_has_relative_digits():
    """Birth and death between neighbours, whose probabilities are products of ratios."""
    from scipy import sparse

    up, down = np.full(400, 0.02), np.full(400, 0.4)
    up[200:] = 0.4
    down[200:] = 0.02
    matrix = sparse.diags_array([up, down], offsets=[1, -1]).tocsr()
    found = positive_stationary_vector(matrix)
    logarithm = np.concatenate([[0.0], np.cumsum(np.log(up / down))])
    expected = np.exp(logarithm - logarithm.max())
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-11)


def test_losses_that_differ_between_the_poles_differ(x64):
    dip = dyn.ZonalLoss(lambda m: 1 - m - 0.3 * jnp.exp(-(((m - 0.6) / 0.05) ** 2)))
    protocol = dyn.FixedSphere(0.05, 1.0)
    laws = [
        stationary_law(dyn.SGD(loss, dyn.IsotropicNoise(2.0), protocol), 3) for loss in (dip, dyn.VonMisesFisherLoss())
    ]
    assert abs(laws[0].mean_loss - laws[1].mean_loss) > 1e-3
    overlap = np.linspace(-1, 1, 21)
    np.testing.assert_allclose(np.diff(laws[0].cumulative(overlap)) >= 0, True)


def test_the_error_is_stated_where_the_law_is_uncertain(x64):
    """In two dimensions a step of half the radius may end near the origin, from where polynomials hardly reach."""
    kind = dyn.FixedEffectiveLearningRate
    exact = law(kind, 2, 0.3, 1.0)
    m, _, volume, _ = simulated([kind], [2], [0.3], [1.0], [LOSSES["linear"][1]], steps=1500, runs=1000)
    for sample, value, error in (
        (1 - m[0], exact.mean_loss, exact.error["mean_loss"]),
        (volume[0] / 2, exact.mean_volume, exact.error["mean_volume"]),
    ):
        standard_error = sample.std(ddof=1) / np.sqrt(sample.size)
        assert abs(sample.mean() - value) < Z_MAX * standard_error + error
    assert 2 < exact.converged_digits < 10
    with pytest.raises(ArithmeticError, match="lower the effective learning rate"):
        law(kind, 2, 1.2, 1.0)
