"""Cells that are halved where a function is no polynomial, and maxima between points."""

import numpy as np
import pytest

from thermo_ideal.numerics import adaptive_cells, gauss_legendre, local_maxima

RNG = np.random.default_rng(0)
# More of them near the ends, where rules have no nodes.
PLACES = np.sort(np.concatenate([RNG.uniform(0, 1, 3_000), 10.0 ** RNG.uniform(-6, -1, 500)]))
ROUGH = {
    "jump": (lambda x, a: (x > a) * 1.0, lambda a: 1 - a),
    "kink": (lambda x, a: np.maximum(x - a, 0.0), lambda a: (1 - a) ** 2 / 2),
    "root": (lambda x, a: np.sqrt(np.maximum(x - a, 0.0)), lambda a: 2 / 3 * (1 - a) ** 1.5),
}


def everywhere(size):
    """One cell for each place, side by side: nothing is ever split."""
    return np.full_like(size, np.inf)


@pytest.mark.parametrize("name", ROUGH)
def test_no_roughness_hides_from_the_error(name):
    """One cell, and the break anywhere in it: the error is a bound, where the difference of two rules is not."""
    f, exact = ROUGH[name]
    cells = adaptive_cells(lambda x: f(x, PLACES.reshape(-1, 1, 1)), np.array([0.0, 1.0]), everywhere, 10)
    error = np.abs(cells.parts.sum(axis=(1, 2)) - exact(PLACES))
    assert (error <= cells.errors[:, 0] + 1e-15).all()
    (x5, w5), (x4, w4) = gauss_legendre(5), gauss_legendre(4)
    rule = f(x5, PLACES[:, None]) @ w5
    assert (abs(rule - exact(PLACES)) > 3 * abs(rule - f(x4, PLACES[:, None]) @ w4) + 1e-15).any()  # negative control


@pytest.mark.parametrize("name", ROUGH)
def test_halving(name):
    f, exact = ROUGH[name]
    for a in (1e-5, 0.25, 1 / 3, 0.5, 0.9999):
        cells = adaptive_cells(
            lambda x, a=a: np.stack([f(x, a), np.cos(x)]), np.array([0.0, 0.4, 1.0]), lambda size: 0 * size + 1e-13, 500
        )
        assert np.allclose(cells.parts.sum(axis=(1, 2)), [exact(a), np.sin(1)], rtol=1e-12)
        assert cells.errors[0].sum() < 1e-11
        assert (np.diff(cells.edges) > 0).all()
        assert np.array_equal(cells.low[1:], cells.high[:-1])
        assert (np.diff(cells.nodes.reshape(-1)) >= 0).all()
        assert cells.low.size < 200


def test_a_jump_at_an_edge_belongs_to_one_side():
    cells = adaptive_cells(
        lambda x: (x >= 0.3)[None] * 1.0, np.array([0.0, 0.3, 1.0]), lambda size: 0 * size + 1e-14, 100
    )
    assert cells.low.size == 2
    assert cells.parts.sum() == pytest.approx(0.7, rel=1e-14)


def test_the_number_of_cells_ends():
    noise = np.random.default_rng(1)
    cells = adaptive_cells(lambda x: noise.normal(size=(1, *x.shape)), np.linspace(0, 1, 11), lambda s: 0 * s, 100)
    assert cells.low.size == 80
    assert cells.errors.sum() > 0.1


def test_polynomials_are_exact_and_certain():
    for degree in range(7):
        cells = adaptive_cells(lambda x, n=degree: x[None] ** n, np.array([-1.0, 2.0]), everywhere, 10)
        assert cells.parts.sum() == pytest.approx((2 ** (degree + 1) - (-1) ** (degree + 1)) / (degree + 1), rel=1e-13)
        assert cells.errors.sum() < 1e-12
    cells = adaptive_cells(lambda x: x[None] ** 7, np.array([-1.0, 2.0]), everywhere, 10)
    assert cells.errors.sum() > 1e-2


def test_maxima():
    """Every one, and a narrow one; none on a plateau but the highest point."""
    f = lambda x: np.cos(x) + 3 * np.exp(-(((x - 4.0012) / 1e-3) ** 2))  # noqa: E731
    where, values = local_maxima(f, np.linspace(-7, 7, 4_000))
    expected = [-2 * np.pi, 0, 4.0012, 2 * np.pi]
    np.testing.assert_allclose(where, expected, atol=1e-6)
    np.testing.assert_allclose(values, f(where), rtol=1e-14)
    np.testing.assert_allclose(values, f(np.array(expected)), rtol=1e-7)
    assert len(local_maxima(np.zeros_like, np.linspace(0, 1, 9))[0]) == 1
    wall = lambda x: np.where(x > 0.3, -np.inf, x)  # noqa: E731
    assert local_maxima(wall, np.linspace(0, 1, 9))[0] == pytest.approx(0.3, abs=1e-10)
    with pytest.raises(ValueError, match="no finite value"):
        local_maxima(lambda x: np.full_like(x, -np.inf), np.linspace(0, 1, 9))


def test_a_maximum_must_stand_out_where_that_is_asked():
    ripple = lambda x: -(x**2) + 1e-13 * np.cos(1e5 * x)  # noqa: E731
    points = np.linspace(-1, 1, 2_001)
    assert len(local_maxima(lambda x: 1 + ripple(x), points, prominent=1e-12)[0]) < 5
