"""Roots, derivatives and Taylor polynomials: against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.numerics import (
    evaluate_taylor,
    mixed_derivative,
    positive_root,
    positive_root_on_host,
    taylor_coefficients,
)

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


# What is wrong with each, but for its root at 3; its slope by log x; and whether it has a root.
PATHOLOGIES = {
    "NaN far away": (lambda x: jnp.where((x > 1e-3) & (x < 1e3), x - 3, jnp.nan), lambda x: x, True),
    "NaN near by": (lambda x: jnp.where(x < 3.001, x - 3, jnp.nan), lambda x: x, True),
    "overflows": (lambda x: x**40 / 3.0**40 - 1, lambda x: 40 * x**40 / 3.0**40, True),
    "the wrong sign far away": (lambda x: jnp.where(x > 1e6, -1.0, x - 3), lambda x: x, True),
    "jumps over 0": (lambda x: x - 3 + jnp.sign(x - 3), lambda x: x, False),
    "ends below 0": (lambda x: jnp.where(x < 3, x - 4, jnp.nan), lambda x: x, False),
    "begins above 0": (lambda x: jnp.where(x > 3, x - 2, jnp.nan), lambda x: x, False),
    "nothing but rounding": (lambda x: jnp.sin(1e15 * x) * 1e-15, lambda x: 1e-22 * x, False),
    "falls": (lambda x: 3 - x, lambda x: -x, False),
}


@pytest.mark.parametrize("name", PATHOLOGIES)
def test_roots_do_not_depend_on_what_is_far_from_them(x64, name):
    f, slope, exists = PATHOLOGIES[name]
    start = jnp.array([0.02, 2.0, 50.0])
    compiled = positive_root(lambda x: f(x) + 0 * slope(x), start, 1e-18, 1e18)
    on_host = positive_root_on_host(lambda x: (f(x), slope(x)), start, 1e-18, 1e18)
    for found in (compiled, on_host) if name != "nothing but rounding" else (on_host,):
        np.testing.assert_allclose(found, np.full(3, 3.0 if exists else np.nan), rtol=1e-14)


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


def test_a_start_that_is_the_root_up_to_rounding(x64):
    """Compiled for a batch, the value is 0 where it is compared and a rounding error where it is divided."""
    T, V = (
        jnp.asarray(x) for x in np.meshgrid(np.logspace(-6, 6, 25), np.array([0.01, 0.7, 1.0, 30.0]), indexing="ij")
    )
    p = 5 * T / V

    def excess(x):
        return p + jax.jvp(lambda v: -5 * T * jnp.log(T * v), (x,), (jnp.ones_like(x),))[1]

    found = jax.jit(lambda start: positive_root(excess, start, 1e-30, 1e30))(5 * T / p)
    np.testing.assert_allclose(found, V, rtol=1e-14)
