"""Quadrature rules and the orthonormal polynomials that give some of them, against SciPy."""

import numpy as np
import pytest
from scipy import special, stats

from thermo_ideal.numerics import chi_square_rule, double_exponential, gauss_legendre, gegenbauer, hermite, stieltjes


@pytest.mark.parametrize(("low", "high", "panels"), [(0.0, 1.0, 1), (-2.0, 5.0, 1), (1.0, 4.0, 3)])
def test_gauss_legendre(low, high, panels):
    """Exact to its degree and no further; panels together are the interval."""
    nodes, weights = gauss_legendre(4, low, high, panels)
    assert nodes.shape == weights.shape == (4 * panels,)
    assert (np.diff(nodes) > 0).all()
    for degree in range(8):
        exact = (high ** (degree + 1) - low ** (degree + 1)) / (degree + 1)
        assert np.isclose(weights @ nodes**degree, exact, rtol=1e-13)
    assert abs(weights @ nodes**8 / ((high**9 - low**9) / 9) - 1) > 1e-9


@pytest.mark.parametrize("power", [0, 1, 5])
def test_double_exponential(power):
    """`∫ y^n e^{−y} = n!`; half the nodes are not enough."""
    nodes, weights = double_exponential(-4.2, 4.2, 193)
    assert np.isclose(weights @ (nodes**power * np.exp(-nodes)), special.factorial(power), rtol=1e-12)
    nodes, weights = double_exponential(-4.2, 4.2, 13)
    assert not np.isclose(weights @ (nodes**power * np.exp(-nodes)), special.factorial(power), rtol=1e-12)


LAWS = {
    "hermite": (lambda size: hermite(1.0, 2.0, size), stats.norm(1, 2)),
    "gegenbauer, n = 3": (lambda size: gegenbauer(3.0, size), stats.uniform(-1, 2)),
    "gegenbauer, n = 10.5": (lambda size: gegenbauer(10.5, size), stats.beta(4.75, 4.75, -1, 2)),
    "stieltjes": (lambda size: stieltjes(*gauss_legendre(60), size), stats.uniform()),
}


@pytest.mark.parametrize("name", LAWS)
def test_orthonormal_families(name):
    """The Gauss rule has the law's moments, and the polynomials are orthonormal for it."""
    family, law = LAWS[name][0](8), LAWS[name][1]
    nodes, weights = family.quadrature(8)
    for k in range(9):
        assert np.isclose(weights @ nodes**k, law.expect(lambda x, k=k: x**k), rtol=1e-7, atol=1e-10)
    values = family(nodes, 8)
    np.testing.assert_allclose(np.einsum("n,ni,nj->ij", weights, values, values), np.eye(8), atol=1e-12)
    assert not np.isclose(weights @ (1.001 * nodes) ** 2, law.expect(lambda x: x**2), rtol=1e-7)


def test_gegenbauer_rule_is_scipys():
    for dimension in (4.0, 50.0, 300.0):
        nodes, weights = gegenbauer(dimension, 20).quadrature(20)
        expected, masses = special.roots_gegenbauer(20, dimension / 2 - 1)
        np.testing.assert_allclose(nodes, expected, atol=1e-14)
        np.testing.assert_allclose(weights, masses / masses.sum(), rtol=1e-10)


def test_a_component_in_extreme_dimensions():
    """Of a vector of the line it is ±1, in the plane a cosine, and in 10⁹ dimensions normal."""
    nodes, weights = gegenbauer(1.0, 6).quadrature(6)
    heavy = weights > 1e-12
    np.testing.assert_allclose(sorted(nodes[heavy]), [-1, 1])
    np.testing.assert_allclose(weights[heavy], 0.5)
    nodes, _ = gegenbauer(2.0, 6).quadrature(6)
    np.testing.assert_allclose(nodes, np.cos(np.pi * (np.arange(6, 0, -1) - 0.5) / 6), atol=1e-15)
    nodes, weights = gegenbauer(1e9, 6).quadrature(6)
    normal, masses = hermite(0.0, 1e9**-0.5, 6).quadrature(6)
    np.testing.assert_allclose(nodes, normal, rtol=1e-7, atol=1e-15)
    np.testing.assert_allclose(weights, masses, rtol=1e-7)


@pytest.mark.parametrize("freedom", [0, 1, 7, 1_000])
def test_chi_square_rule(freedom):
    nodes, weights = chi_square_rule(freedom, 6)
    for k in range(1, 8):
        exact = np.prod(freedom + 2.0 * np.arange(k))
        assert np.isclose(weights @ nodes**k, exact, rtol=1e-11)
