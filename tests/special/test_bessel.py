"""Against mpmath with 50 digits; what rests on the same recurrence is tested further in `tests/distributions`."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from thermo_ideal.special import iv_ratio, log_iv, log_ive, log_sphere_area, one_minus_iv_ratio

ORDERS = [0.0, 0.5, 1.0, 2.25, 7.0, 24.5, 26.0, 99.0, 499.0]
ARGUMENTS = [1e-8, 1e-3, 0.1, 1.0, 5.5, 19.0, 26.0, 60.0, 103.0, 105.0, 1e3, 1e5]


def table(function):
    with mpmath.workdps(50):
        return np.array([[float(function(mpmath.mpf(nu), mpmath.mpf(x))) for x in ARGUMENTS] for nu in ORDERS])


def call(function):
    return np.asarray(function(np.array(ORDERS)[:, None], np.array(ARGUMENTS)[None, :]))


def error(ours, exact):
    return np.abs(np.asarray(ours) - exact) / np.maximum(1, np.abs(exact))


def test_log_iv(x64):
    exact = table(lambda nu, x: mpmath.log(mpmath.besseli(nu, x)))
    assert error(call(log_iv), exact).max() < 5e-15


def test_log_ive(x64):
    exact = table(lambda nu, x: mpmath.log(mpmath.besseli(nu, x)) - x)
    assert error(call(log_ive), exact).max() < 5e-15


def test_large_orders_and_arguments(x64):
    """Where mpmath's series is slow, against the logarithm of the ratio's product from a lower order."""
    for nu, x in [(1e3, 1e12), (1e6, 1e9), (12.5, 1e10), (5e8, 1.0)]:
        ours = float(log_ive(nu, x))
        step = float(log_ive(nu + 1, x)) - ours
        assert abs(step - np.log(float(iv_ratio(nu, x)))) < 1e-15 * max(1, abs(ours))
    assert np.isclose(log_ive(3.0, 1e12), -np.log(2 * np.pi * 1e12) / 2, rtol=1e-12)


def test_iv_ratio(x64):
    exact = table(lambda nu, x: mpmath.besseli(nu + 1, x) / mpmath.besseli(nu, x))
    np.testing.assert_allclose(call(iv_ratio), exact, rtol=1e-15)


def test_one_minus_iv_ratio(x64):
    exact = table(lambda nu, x: 1 - mpmath.besseli(nu + 1, x) / mpmath.besseli(nu, x))
    np.testing.assert_allclose(call(one_minus_iv_ratio), exact, rtol=5e-15)


def test_derivatives(x64):
    """`d log I_ν/dx = I_{ν+1}/I_ν + ν/x`, and in the order against mpmath's own derivative."""
    for nu, x in [(0.5, 2.0), (7.25, 60.0), (99.0, 5.5)]:
        with mpmath.workdps(40):
            by_x = mpmath.diff(lambda t, nu=nu: mpmath.log(mpmath.besseli(nu, t)), x)
            by_order = mpmath.diff(lambda v, x=x: mpmath.log(mpmath.besseli(v, x)), nu)
        assert np.isclose(jax.grad(log_iv, argnums=1)(nu, x), float(by_x), rtol=1e-14)
        assert np.isclose(jax.grad(log_iv, argnums=0)(nu, x), float(by_order), rtol=1e-13)


def test_derivatives_at_zero():
    """`I₀` is flat at 0, and near it the derivative keeps its digits; `log I_ν` falls to −∞ as `ν log x`."""
    assert float(jax.grad(log_iv, argnums=1)(0.0, 0.0)) == 0
    assert np.isclose(jax.grad(log_iv, argnums=1)(0.0, 1e-6), 5e-7, rtol=1e-6)
    assert float(jax.grad(log_iv, argnums=1)(1.0, 0.0)) == np.inf


def test_tiny_arguments_of_large_order():
    """Where `ν/x` overflows."""
    with mpmath.workdps(30):
        exact = float(100 * mpmath.log(mpmath.mpf(1e-37) / 2) - mpmath.loggamma(101))
    assert np.isclose(log_iv(100.0, 1e-37), exact, rtol=1e-6)


def test_wrong_values_under_jit_are_nan():
    inside = jax.jit(log_iv)(jnp.array([-0.5, 1.0, 1.0]), jnp.array([1.0, -1.0, 2.0]))
    np.testing.assert_array_equal(np.isnan(inside), [True, True, False])


def test_single_precision():
    exact = table(lambda nu, x: mpmath.log(mpmath.besseli(nu, x)))
    assert error(call(log_iv), exact).max() < 2e-6


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
    with pytest.raises(ValueError, match=r"dimension: got 0\.5, expected a number ≥ 1"):
        log_sphere_area(0.5)


def test_inside_jit_and_vmap(x64):
    assert np.isclose(jax.jit(log_iv)(1.0, 2.0), log_iv(1.0, 2.0), rtol=1e-15)
    assert jnp.isclose(jax.jit(log_sphere_area)(7.0), log_sphere_area(7), rtol=1e-14)
    assert jax.vmap(iv_ratio, in_axes=(None, 0))(1.0, np.arange(1.0, 4.0)).shape == (3,)
