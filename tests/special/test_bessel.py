"""Against mpmath with 50 digits."""

import jax
import mpmath
import numpy as np
import pytest

from thermo_ideal.special import iv_ratio, log_iv, log_sphere_area

ORDERS = [0.0, 0.5, 1.0, 2.25, 7.0, 24.5, 26.0, 99.0, 499.0]
ARGUMENTS = [1e-8, 1e-3, 0.1, 1.0, 5.5, 19.0, 26.0, 60.0, 103.0, 105.0, 1e3, 1e5]


def table(function):
    with mpmath.workdps(50):
        return np.array([[float(function(mpmath.mpf(nu), mpmath.mpf(x))) for x in ARGUMENTS] for nu in ORDERS])


def call(function):
    return np.asarray(function(np.array(ORDERS)[:, None], np.array(ARGUMENTS)[None, :]))


def test_log_iv(x64):
    exact = table(lambda nu, x: mpmath.log(mpmath.besseli(nu, x)))
    np.testing.assert_array_less(np.abs(call(log_iv) - exact) / np.maximum(1, np.abs(exact)), 1e-12)


def test_iv_ratio(x64):
    exact = table(lambda nu, x: mpmath.besseli(nu + 1, x) / mpmath.besseli(nu, x))
    np.testing.assert_allclose(call(iv_ratio), exact, rtol=1e-14)


def test_single_precision():
    exact = table(lambda nu, x: mpmath.log(mpmath.besseli(nu, x)))
    np.testing.assert_array_less(np.abs(call(log_iv) - exact) / np.maximum(1, np.abs(exact)), 5e-6)


def test_zero(x64):
    assert float(log_iv(0.0, 0.0)) == 0
    assert float(log_iv(1.0, 0.0)) == -np.inf
    assert float(iv_ratio(3.0, 0.0)) == 0


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 10, 1000])
def test_sphere_area(x64, dimension):
    exact = mpmath.log(2 * mpmath.pi ** (mpmath.mpf(dimension) / 2) / mpmath.gamma(mpmath.mpf(dimension) / 2))
    assert np.isclose(float(log_sphere_area(dimension)), float(exact), rtol=1e-13)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_arguments(bad):
    with pytest.raises(ValueError, match="order: got"):
        log_iv(bad, 1.0)
    with pytest.raises(ValueError, match="x: got"):
        iv_ratio(1.0, bad)
    with pytest.raises(ValueError, match=r"dimension: got 2\.5, wanted a whole number"):
        log_sphere_area(2.5)


def test_inside_jit_and_vmap(x64):
    assert np.isclose(jax.jit(log_iv)(1.0, 2.0), log_iv(1.0, 2.0), rtol=1e-15)
    assert jax.vmap(iv_ratio, in_axes=(None, 0))(1.0, np.arange(1.0, 4.0)).shape == (3,)
