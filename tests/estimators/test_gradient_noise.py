"""Gradient noise from draws and from products, against covariances that were put in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.support.statistics import (
    FAILURE_RATE,
    assert_distribution,
    assert_estimate,
    assert_mean,
    assert_rejects,
    assert_variance,
)
from thermo_ideal.dynamics import AnisotropicNoise
from thermo_ideal.estimators import gradient_noise, isotropy, noise_spectrum

VARIANCES = np.concatenate([np.geomspace(10.0, 1.0, 40), np.ones(58), np.zeros(2)])  # two groups without noise
D = VARIANCES.size
EXACT = {
    "trace": VARIANCES.sum(),
    "participation_ratio": VARIANCES.sum() ** 2 / (98 * (VARIANCES**2).sum()),
    "signal_to_noise": 4.0 / VARIANCES.sum(),
    "noise_scale": np.sqrt(VARIANCES.sum() / 98),
}
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
GRADIENT = 2.0 * TURN[0]


def draws(generator, n, tails=None):
    """Of covariance `TURNᵀ diag(VARIANCES) TURN`; with heavy tails the length is that of a Student law."""
    z = generator.normal(size=(n, D)) * np.sqrt(VARIANCES)
    if tails:
        z *= np.sqrt((tails - 2) / generator.chisquare(tails, size=(n, 1)))
    return GRADIENT + z @ TURN


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("tails", [None, 10])
def test_numbers_have_the_stated_errors(known, tails):
    generator = np.random.default_rng(1)
    given = {"groups": 2, "gradient": GRADIENT if known else None}
    parts = [gradient_noise(draws(generator, 60, tails), **given) for _ in range(300)]
    for name, exact in EXACT.items():
        z = np.array([float(getattr(part, name).z_score(exact)) for part in parts])
        assert_mean(z, 0.0, bias=0.3)
        assert_variance(z, maximum=1.1)
        if name != "signal_to_noise":
            wrong = np.array([float(getattr(part, name).z_score(1.1 * exact)) for part in parts])
            assert_rejects(assert_mean, wrong, 0.0, 0.3)
    whole = sum(parts[1:], parts[0])
    assert whole.squares.size == sum(part.squares.size for part in parts)
    for name, exact in EXACT.items():
        assert_estimate(getattr(whole, name), exact)
    assert_rejects(assert_estimate, whole.participation_ratio, 1.1 * EXACT["participation_ratio"])


def isotropic(generator, n, d, tails=False):
    z = generator.normal(size=(n, d))
    return z / np.sqrt(generator.chisquare(3, size=(n, 1))) if tails else z


@pytest.mark.parametrize(("n", "d"), [(12, 500), (40, 40), (150, 4), (64, 11)])
def test_p_value_is_uniform_for_isotropic_noise_of_any_tails(n, d):
    generator = np.random.default_rng(2)
    p = [
        gradient_noise(isotropic(generator, n, d, tails=i % 2), gradient=np.zeros(d), groups=0).isotropy_p_value
        for i in range(600)
    ]
    assert stats.kstest(p, "uniform").pvalue > 1e-4
    bent = np.r_[2.0, np.ones(d - 1)] if d < 100 else np.geomspace(1.0, 5.0, d)
    q = [
        gradient_noise(isotropic(generator, n, d) * bent, gradient=np.zeros(d), groups=0).isotropy_p_value
        for i in range(200)
    ]
    assert_rejects(assert_distribution, np.array(q), "uniform")


def test_p_value_does_not_see_the_gradient():
    """In pairs of draws a gradient of any size cancels; as noise it would be a direction."""
    x = isotropic(np.random.default_rng(3), 60, 50) + 10.0
    assert gradient_noise(x, groups=0).isotropy_p_value > 1e-3
    assert gradient_noise(x, gradient=np.zeros(50), groups=0).isotropy_p_value < FAILURE_RATE


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_single_precision_and_any_scale(scale):
    x = draws(np.random.default_rng(4), 80)
    one, other = gradient_noise(x, groups=2), gradient_noise((scale * x).astype(np.float32), groups=2)
    np.testing.assert_allclose(other.trace.value, scale**2 * one.trace.value, rtol=1e-6)
    for name in ("participation_ratio", "signal_to_noise", "isotropy_p_value"):
        near, far = (getattr(part, name) for part in (one, other))
        if name != "isotropy_p_value":
            near, far = near.value, far.value
        np.testing.assert_allclose(far, near, rtol=1e-5)
    both = one + gradient_noise(scale * x, groups=2)
    np.testing.assert_allclose(both.trace.value, (1 + scale**2) / 2 * one.trace.value, rtol=1e-6)
    spectrum, near = noise_spectrum((scale * (x - GRADIENT)).astype(np.float32)), noise_spectrum(x - GRADIENT)
    np.testing.assert_allclose(spectrum.eigenvalues.value, scale**2 * near.eigenvalues.value, rtol=1e-5)


def test_blocks_are_parts(monkeypatch):
    """More draws than a block holds: the same as parts that are added."""
    from thermo_ideal.estimators import _gradient_noise as module

    monkeypatch.setattr(module, "_BLOCK", 20)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1000)
    x = draws(np.random.default_rng(5), 120)
    whole, parts = gradient_noise(x), [gradient_noise(x[i : i + 40]) for i in (0, 40, 80)]
    for name in ("trace", "participation_ratio", "signal_to_noise"):
        found, expected = getattr(whole, name), getattr(parts[0] + parts[1] + parts[2], name)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-9)


def test_draws_and_model_agree():
    """`isotropy` of a noise as a model, and draws of it."""
    direction = np.ones(30) / np.sqrt(30)
    noise = AnisotropicNoise(jnp.linspace(0.1, 3.0, 30))
    exact = isotropy(noise, direction)
    normals = jax.random.normal(jax.random.key(0), (1000, noise.num_normals(30)))
    z = np.asarray(jax.vmap(lambda xi: noise.apply(jnp.asarray(direction), xi))(normals))
    found = gradient_noise(z, gradient=np.zeros(30))
    assert_estimate(found.trace, exact.mean_trace)
    assert_estimate(found.participation_ratio, exact.mean_participation_ratio)
    assert noise_spectrum(z).null_directions.value == 1


def test_spectrum_of_draws():
    """Many draws: the eigenvalues that were put in; others of few draws are too large, and held-out draws say so."""
    generator = np.random.default_rng(6)
    covariance = np.r_[9.0, 4.0, np.ones(17), 0.0]
    z = generator.normal(size=(20_000, 20)) * np.sqrt(covariance)
    found = noise_spectrum(z, num_eigenvalues=2)
    assert_estimate(found.eigenvalues, np.array([9.0, 4.0]))
    assert_rejects(assert_estimate, found.eigenvalues, np.array([10.0, 4.4]))
    assert found.rank.value == 19
    np.testing.assert_allclose(np.abs(found.eigenvectors[0]), np.eye(20)[0], atol=0.05)
    x = generator.normal(size=(2, 100, 400))
    few = noise_spectrum(x[0], num_eigenvalues=1)
    np.testing.assert_allclose(few.eigenvalues.value, (1 + np.sqrt(4)) ** 2, rtol=0.05)  # Marchenko & Pastur's edge
    assert np.isnan(few.rank.value)
    assert "null directions: not counted" in repr(few)
    held_out = gradient_noise(x[1], gradient=np.zeros(400), directions=few.eigenvectors)
    assert_estimate(held_out.along, 1.0)
    assert_rejects(assert_estimate, held_out.along, few.eigenvalues.value)


@pytest.mark.parametrize("shape", [(60, 300), (300, 60)])
def test_eigenvalues_are_those_of_the_covariance(shape, monkeypatch):
    """Dense and by Lanczos's method, wide and tall, against NumPy's singular values; errors are those of the mean."""
    from thermo_ideal.estimators import _noise_spectrum as module

    z = np.random.default_rng(7).normal(size=shape) * np.geomspace(3.0, 1.0, shape[1])
    _, exact, right = np.linalg.svd(z, full_matrices=False)
    for dense in (2048, 10):
        monkeypatch.setattr(module, "_LARGEST_DENSE", dense)
        monkeypatch.setattr(module, "_AT_ONCE", 50)
        found = noise_spectrum(z, num_eigenvalues=5)
        np.testing.assert_allclose(found.eigenvalues.value, exact[:5] ** 2 / shape[0], rtol=1e-6)
        np.testing.assert_allclose(np.abs(found.eigenvectors @ right[:5].T), np.eye(5), atol=1e-3)
        projections = (z @ found.eigenvectors.T) ** 2
        np.testing.assert_allclose(found.eigenvalues.standard_error, projections.std(axis=0, ddof=1) / shape[0] ** 0.5)
        np.testing.assert_allclose(found.trace.value, (exact**2).sum() / shape[0])


def test_spectrum_of_products():
    """Never a matrix: the trace, the ratio and the number of directions without noise, each with its error."""
    d = 2000
    variances = np.random.default_rng(8).permutation(
        np.concatenate([[50.0, 20.0], np.geomspace(3.0, 0.3, 1898), np.zeros(100)])
    )
    exact = {
        "trace": variances.sum(),
        "null_directions": 100,
        "rank": 1900,
        "participation_ratio": variances.sum() ** 2 / (1900 * (variances**2).sum()),
    }
    found = [
        noise_spectrum(lambda v: variances * v, d, key=jax.random.key(i), num_eigenvalues=3, probes=8, steps=40)
        for i in range(20)
    ]
    np.testing.assert_allclose(found[0].eigenvalues.value, [50.0, 20.0, 3.0], rtol=1e-6)
    np.testing.assert_allclose(np.abs(found[0].eigenvectors[0]), variances == 50.0, atol=1e-5)
    for name, value in exact.items():
        z = np.array([float(getattr(one, name).z_score(value)) for one in found])
        assert_mean(z, 0.0, bias=0.4)
        assert abs(z).max() < 5, name
        wrong = np.array(
            [float(getattr(one, name).z_score(1.05 * value if name == "rank" else 2 * value)) for one in found]
        )
        assert_rejects(assert_mean, wrong, 0.0, 0.4)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_products_in_single_precision(scale):
    variances = jnp.asarray(scale * np.concatenate([np.linspace(1.0, 2.0, 190), np.zeros(10)]), jnp.float32)
    found = noise_spectrum(jax.jit(lambda v: variances * v), 200, key=jax.random.key(0), probes=32)
    assert_estimate(found.null_directions, 10)
    assert_estimate(found.trace, float(scale) * 285)
    np.testing.assert_allclose(found.eigenvalues.value[0], 2 * scale, rtol=1e-4)


X = np.random.default_rng(9).normal(size=(20, 6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gradient_noise(X[:10]), r"draws: got shape \(10, 6\), expected \(n, d\) with n ≥ 16 draws"),
        (lambda: gradient_noise(X[0]), r"draws: got shape \(6,\)"),
        (lambda: gradient_noise(np.where(X > 1, np.nan, X)), "draws: got nan"),
        (lambda: gradient_noise(X, groups=5), "d ≥ 7"),
        (lambda: gradient_noise(X, gradient=np.ones(5)), r"gradient: got shape \(5,\), expected 6 components"),
        (lambda: gradient_noise(X, directions=np.ones((2, 6))), "directions: got vectors that are not orthonormal"),
        (lambda: gradient_noise(np.ones((20, 6))), "draws: got 10 of 10 without noise"),
        (lambda: gradient_noise(X) + gradient_noise(X, groups=2), r"other: got .* = \(6, 2, 0\), expected \(6, 1, 0\)"),
        (lambda: noise_spectrum(X[0]), r"source: got shape \(6,\), expected draws \(n, d\)"),
        (lambda: noise_spectrum(0 * X), "source: got draws that are all 0"),
        (lambda: noise_spectrum(lambda v: v), "dimension: got None for a function"),
        (lambda: noise_spectrum(lambda v: v, 10), r"key: got None for a function, expected it, as in key=jax.random"),
        (lambda: noise_spectrum(lambda v: v[:3], 10, key=jax.random.key(0)), r"source: got shape \(3,\) for Σv"),
        (lambda: noise_spectrum(lambda v: -v, 10, key=jax.random.key(0)), "source: got a function with a negative"),
        (lambda: noise_spectrum(lambda v: v * np.nan, 10, key=jax.random.key(0)), "numbers that are not finite for Σv"),
        (lambda: noise_spectrum(X, tolerance=2.0), "tolerance: got 2.0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
