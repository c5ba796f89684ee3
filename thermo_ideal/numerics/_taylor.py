"""Derivatives and Taylor polynomials of functions of `(T, V)`, element by element."""

import functools
import operator
from collections.abc import Callable, Iterable
from math import factorial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Number = Float[Array, "..."]
TwoNumbers = Callable[[Number, Number], Number]
Polynomial = dict[tuple[int, int], Array]


def derivative(f: TwoNumbers, i: int, j: int) -> TwoNumbers:
    """`∂^{i+j}f/∂t^i∂v^j`, element by element."""
    for axis in [0] * i + [1] * j:
        f = _slope(f, axis)
    return f


def _slope(f: TwoNumbers, axis: int) -> TwoNumbers:
    def slope(t: Array, v: Array) -> Array:
        tangents = (jnp.ones_like(t), jnp.zeros_like(v)) if axis == 0 else (jnp.zeros_like(t), jnp.ones_like(v))
        return jax.jvp(f, (t, v), tangents)[1]

    return slope


def taylor(f: TwoNumbers, T: Number, V: Number, orders: Iterable[tuple[int, int]]) -> Polynomial:
    """`T^i V^j ∂^{i+j}f/∂T^i∂V^j` at one state, without powers of T and V that might overflow."""

    def nearby(t: Number, v: Number) -> Number:
        return jnp.broadcast_to(f(T * (1 + t), V * (1 + v)), T.shape)

    here = jnp.zeros_like(T)
    found = {order: derivative(nearby, *order)(here, here) for order in orders}
    # Many things are made of these; without a barrier XLA would work them out again for each, and compile for minutes.
    return lax.optimization_barrier(found)


def evaluate(polynomial: Polynomial, t: Number, v: Number) -> Number:
    """The Taylor polynomial at `(T(1 + t), V(1 + v))`."""
    terms = [c * t**i * v**j / (factorial(i) * factorial(j)) for (i, j), c in polynomial.items()]
    return functools.reduce(operator.add, terms)
