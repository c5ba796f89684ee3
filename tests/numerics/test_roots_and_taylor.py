"""Roots, derivatives and Taylor polynomials: against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.numerics import evaluate_taylor, mixed_derivative, positive_root, taylor_coefficients

FUNCTIONS = {
    "a power": (lambda x, c: x**3 - c, lambda c: c ** (1 / 3)),
    "a logarithm": (lambda x, c: jnp.log(x) - jnp.log(c), lambda c: c),
    "steep, and NaN below 1": (lambda x, c: jnp.where(x > 1, jnp.log(x - 1) - jnp.log(c), jnp.nan), lambda c: 1 + c),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_roots_of_any_size(x64, name):
    f, exact = FUNCTIONS[name]
    c = jnp.asarray(10.0 ** np.arange(-3, 10, 3))

    def root(c):
        return positive_root(lambda x: f(x, c), jnp.full_like(c, 3.0), 1e-12, 1e12)

    np.testing.assert_allclose(jax.jit(root)(c), exact(c), rtol=1e-14)
    ours, theirs = root, exact
    for order in (1, 2):
        ours, theirs = jax.grad(ours), jax.grad(theirs)
        scaled = [jax.vmap(slope)(c) * c**order / exact(c) for slope in (ours, theirs)]
        np.testing.assert_allclose(*scaled, atol=1e-9)


def test_no_root_between_the_bounds():
    c = jnp.array([1e-3, 1.0, 1e3])
    found = positive_root(lambda x: x - c, jnp.ones(3), 1e-2, 1e2)
    np.testing.assert_array_equal(np.isnan(found), [True, False, True])


def test_mixed_derivatives_and_taylor_polynomials(x64):
    def f(x, y):
        return jnp.sin(x) * jnp.exp(2 * y)

    x, y = jnp.array([0.3, 0.7]), jnp.array([0.1, -0.2])
    np.testing.assert_allclose(mixed_derivative(f, 2, 1)(x, y), -2 * f(x, y), rtol=1e-14)
    orders = [(i, j) for i in range(6) for j in range(6 - i)]
    near = taylor_coefficients(f, x, y, orders)
    np.testing.assert_allclose(near[1, 2], 4 * x * y**2 * jnp.cos(x) * jnp.exp(2 * y), rtol=1e-13)
    s, t = jnp.array([0.02, -0.01]), jnp.array([0.03, 0.01])
    np.testing.assert_allclose(evaluate_taylor(near, s, t), f(x * (1 + s), y * (1 + t)), rtol=1e-10)
    linear = {order: c for order, c in near.items() if sum(order) < 2}
    assert np.abs(evaluate_taylor(linear, s, t) / f(x * (1 + s), y * (1 + t)) - 1).max() > 1e-6
