"""Derivatives and Taylor polynomials of functions of two variables, element by element."""

import functools
import operator
from collections.abc import Callable, Iterable
from math import factorial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

_Function = Callable[[Float[Array, "..."], Float[Array, "..."]], Float[Array, "..."]]


def mixed_derivative(f: _Function, i: int, j: int) -> _Function:
    """`∂^{i+j}f/∂x^i∂y^j`, element by element.

    Args:
        f: a JAX function of arrays `x` and `y`, element by element.
        i: how often it is differentiated in `x`.
        j: how often in `y`.

    Returns:
        A function of `x` and `y`.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import mixed_derivative
        >>> float(mixed_derivative(lambda x, y: x**2 * y**3, 1, 2)(jnp.asarray(2.0), jnp.asarray(5.0)))  # 2x · 6y
        120.0
    """
    for axis in [0] * i + [1] * j:
        f = _slope(f, axis)
    return f


def _slope(f: _Function, axis: int) -> _Function:
    def slope(x: Array, y: Array) -> Array:
        tangents = (jnp.ones_like(x), jnp.zeros_like(y)) if axis == 0 else (jnp.zeros_like(x), jnp.ones_like(y))
        return jax.jvp(f, (x, y), tangents)[1]

    return slope


def taylor_coefficients(
    f: _Function, x: Float[Array, "..."], y: Float[Array, "..."], orders: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Array]:
    """`x^i y^j ∂^{i+j}f/∂x^i∂y^j` at one point, without powers of `x` and `y` that might overflow.

    Args:
        f: a JAX function of arrays `x` and `y`, element by element.
        x: where, in the shape of the result.
        y: of the same shape.
        orders: the `(i, j)` to be returned.

    Returns:
        An array by `(i, j)`.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import taylor_coefficients
        >>> one = jnp.asarray(1.0)
        >>> found = taylor_coefficients(jnp.multiply, 2 * one, 5 * one, [(0, 0), (1, 1)])
        >>> float(found[0, 0]), float(found[1, 1])
        (10.0, 10.0)
    """

    def nearby(s: Float[Array, "..."], t: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.broadcast_to(f(x * (1 + s), y * (1 + t)), x.shape)

    here = jnp.zeros_like(x)
    found = {order: mixed_derivative(nearby, *order)(here, here) for order in orders}
    # Many things are made of these; without a barrier XLA would work them out again for each, and compile for minutes.
    return lax.optimization_barrier(found)


def evaluate_taylor(
    coefficients: dict[tuple[int, int], Array], s: Float[Array, "..."], t: Float[Array, "..."]
) -> Float[Array, "..."]:
    """The Taylor polynomial `Σ c_ij s^i t^j/(i! j!)`, at `(x(1 + s), y(1 + t))`.

    Args:
        coefficients: of `taylor_coefficients`.
        s: the relative change of `x`.
        t: that of `y`.

    Returns:
        An array of the common shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import evaluate_taylor, taylor_coefficients
        >>> one = jnp.asarray(1.0)
        >>> near = taylor_coefficients(lambda x, y: x * y, 2 * one, 5 * one, [(0, 0), (0, 1), (1, 0), (1, 1)])
        >>> round(float(evaluate_taylor(near, 0.1 * one, -0.2 * one)), 4)  # 2.2 · 4
        8.8
    """
    terms = [c * s**i * t**j / (factorial(i) * factorial(j)) for (i, j), c in coefficients.items()]
    return functools.reduce(operator.add, terms)
