"""Partial derivatives of functions of `(T, V)` near one point, from their derivatives there.

A function is its derivatives at the point, which are worked out when they are asked for, once each. Sums, products and
functions of such functions have theirs by the rules of Leibniz and of the chain, so that nothing is differentiated but
what a gas gives, and that no further than is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from math import comb
from operator import pow as pow_operator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from thermo_ideal._expressions import HIGHEST_ORDER, Algebra
from thermo_ideal.numerics import mixed_derivative

# A change of less than this many last places of its two terms is rounding, and nothing can be divided by it.
_ROUNDING = 16
_T, _V = (1, 0), (0, 1)


class LocalDerivatives:
    """A function near one point: `f(i, j)` is `T^i V^j ∂^{i+j}f/∂T^i∂V^j` there, worked out when it is asked for.

    Args:
        term: the function of `i` and `j` that works it out, as numbers of any kind that have arithmetic.
    """

    def __init__(self, term: Callable[[int, int], Any]) -> None:
        self._term = cache(term)

    def __call__(self, i: int = 0, j: int = 0) -> Any:
        return self._term(i, j)

    @classmethod
    def of(cls, f: Callable[[Array, Array], Any], T: Array, V: Array) -> LocalDerivatives:
        """The derivatives of a JAX function.

        Args:
            f: of temperature and volume, element by element.
            T: the temperature of the point.
            V: its volume.
        """

        def nearby(s: Array, t: Array) -> Array:
            # Without powers of T and V, which might overflow.
            return jnp.broadcast_to(f(T * (1 + s), V * (1 + t)), T.shape)

        here = jnp.zeros_like(T)
        return cls(lambda i, j: mixed_derivative(nearby, i, j)(here, here))

    @classmethod
    def of_temperature(cls, f: Callable[[Array], Any], T: Array) -> LocalDerivatives:
        """The derivatives of a JAX function of the temperature alone.

        Args:
            f: element by element.
            T: the temperature of the point.
        """
        alone = cls.of(lambda T, _: f(T), T, T)
        return cls(lambda i, j: jnp.zeros_like(T) if j else alone(i, 0))

    @classmethod
    def of_table(cls, table: dict[tuple[int, int], Any]) -> LocalDerivatives:
        """Derivatives that are known.

        Args:
            table: by `(i, j)`.
        """
        return cls(lambda i, j: table[i, j])

    @classmethod
    def coordinate(cls, value: Any, axis: tuple[int, int] = (0, 0)) -> LocalDerivatives:
        """The temperature, the volume, or what depends on neither, near the point.

        Args:
            value: at the point.
            axis: `(1, 0)` for the temperature, `(0, 1)` for the volume.
        """
        return cls(lambda i, j: value if (i, j) in ((0, 0), axis) else 0 * value)

    def limited(self) -> LocalDerivatives:
        """The same function, which refuses to be differentiated more than three times.

        Raises:
            ValueError: on a call, a derivative of too high an order.
        """
        return LocalDerivatives(partial(_limited_term, self))

    def along(self, i: int, j: int) -> LocalDerivatives:
        """The function's derivative, `i` times in `T` and `j` times in `V`, as such a function."""
        return LocalDerivatives(lambda m, n: self(m + i, n + j))

    def composed(self, value: Callable[[Any], Any], slope: Callable[[], Any]) -> LocalDerivatives:
        """A function of this one.

        Args:
            value: the function, of a number.
            slope: makes its derivative, a function near the point.
        """
        return LocalDerivatives(partial(_composed_term, self, value, slope))

    def __neg__(self) -> LocalDerivatives:
        return LocalDerivatives(lambda i, j: -self(i, j))

    def __add__(self, other: Any) -> LocalDerivatives:
        if isinstance(other, LocalDerivatives):
            return LocalDerivatives(lambda i, j: self(i, j) + other(i, j))
        return LocalDerivatives(lambda i, j: self(i, j) if i + j else self() + other)

    def __radd__(self, other: Any) -> LocalDerivatives:
        return self + other

    def __sub__(self, other: Any) -> LocalDerivatives:
        return self + (-other)

    def __rsub__(self, other: Any) -> LocalDerivatives:
        return -self + other

    def __mul__(self, other: Any) -> LocalDerivatives:
        if not isinstance(other, LocalDerivatives):
            return LocalDerivatives(lambda i, j: self(i, j) * other)

        return LocalDerivatives(partial(_product_term, self, other))

    def __rmul__(self, other: Any) -> LocalDerivatives:
        return self * other

    def __truediv__(self, other: Any) -> LocalDerivatives:
        if not isinstance(other, LocalDerivatives):
            return LocalDerivatives(lambda i, j: self(i, j) / other)

        quotient = LocalDerivatives(lambda i, j: _quotient_term(self, other, quotient, i, j))
        return quotient

    def __rtruediv__(self, other: Any) -> LocalDerivatives:
        return self.composed(lambda x: other / x, lambda: -other / (self * self))

    def __pow__(self, power: Any) -> LocalDerivatives:
        if power == 0:
            return 0 * self + 1
        return self.composed(lambda x: x**power, lambda: power * self ** (power - 1))


# These are here, and not inside the operators, so that they are made once.
def _limited_term(f: LocalDerivatives, i: int, j: int) -> Any:
    # Of properties, which are themselves up to second derivatives of the Helmholtz energy.
    if i + j > HIGHEST_ORDER:
        raise ValueError(f"order: got a derivative of order {i + j}, expected at most {HIGHEST_ORDER}")
    return f(i, j)


def _composed_term(f: LocalDerivatives, value: Callable[[Any], Any], slope: Callable[[], Any], i: int, j: int) -> Any:
    if (i, j) == (0, 0):
        return value(f())
    axis = _T if i else _V
    return (slope() * f.along(*axis))(i - axis[0], j - axis[1])


def _product_term(f: LocalDerivatives, g: LocalDerivatives, i: int, j: int) -> Any:
    """By Leibniz's rule."""
    if i + j == 0:
        return f() * g()
    return sum(comb(i, a) * comb(j, b) * (f(a, b) * g(i - a, j - b)) for a in range(i + 1) for b in range(j + 1))


def _quotient_term(f: LocalDerivatives, g: LocalDerivatives, quotient: LocalDerivatives, i: int, j: int) -> Any:
    """By Leibniz's rule for `f = quotient · g`."""
    if i + j == 0:
        return f() / g()
    places = [(a, b) for a in range(i + 1) for b in range(j + 1) if (a, b) != (i, j)]
    return (f(i, j) - sum(comb(i, a) * comb(j, b) * (quotient(a, b) * g(i - a, j - b)) for a, b in places)) / g()


class Arithmetic(NamedTuple):
    """What numbers have besides operators.

    Args:
        log: the logarithm of one.
        exp: its exponential function.
        larger: the larger of the sizes of two, as a plain number to divide by.
        determinate: 1, or NaN where a sum is nothing but the rounding of its two terms.
    """

    log: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    larger: Callable[[Any, Any], Any]
    determinate: Callable[[Any, Any], Any]


def value_of(part: Any) -> Any:
    """The value at the point, of a function or of a number."""
    return part() if isinstance(part, LocalDerivatives) else part


def algebra_of(arithmetic: Arithmetic) -> Algebra[Any]:
    """What expressions of functions near a point are made of.

    Args:
        arithmetic: of the numbers that their derivatives are.
    """

    def log(x: Any) -> Any:
        return x.composed(arithmetic.log, lambda: 1 / x) if isinstance(x, LocalDerivatives) else float(np.log(x))

    def exp(x: Any) -> Any:
        return x.composed(arithmetic.exp, lambda: exp(x)) if isinstance(x, LocalDerivatives) else float(np.exp(x))

    def power(x: Any, y: Any) -> Any:
        return exp(y * log(x)) if isinstance(y, LocalDerivatives) else x**y

    def operate(operation: Callable[..., Any], *operands: Any) -> Any:
        return (power if operation is pow_operator else operation)(*operands)

    def differentiate(X: Any, Y: Any, Z: Any, order: int) -> LocalDerivatives:
        """`(∂X/∂Y)_Z = ∂(X, Z)/∂(Y, Z)`, or a higher derivative; NaN where Y cannot vary while Z is fixed.

        Args:
            X: what is differentiated.
            Y: what is varied.
            Z: what is held fixed.
            order: 1 to 3.

        Raises:
            ValueError: the order is not 1, 2 or 3, or one of them is a number.
        """
        if order not in range(1, HIGHEST_ORDER + 1):
            raise ValueError(f"order: got {order}, expected 1 to {HIGHEST_ORDER}")
        if not all(isinstance(part, LocalDerivatives) for part in (X, Y, Z)):
            numbers = [part for part in (X, Y, Z) if not isinstance(part, LocalDerivatives)]
            expected = "properties, as in partial('S', 'T', at='V')"
            raise ValueError(f"partial: got the numbers {numbers}, expected {expected}")
        found = quotient(X, Y, Z)
        return found if order == 1 else differentiate(found, Y, Z, order - 1)

    def quotient(X: LocalDerivatives, Y: LocalDerivatives, Z: LocalDerivatives) -> LocalDerivatives:
        made = cache(lambda: slope_along(X, Y, Z))  # when it is asked for, as all is
        return LocalDerivatives(lambda i, j: made()(i, j))

    def slope_along(X: LocalDerivatives, Y: LocalDerivatives, Z: LocalDerivatives) -> LocalDerivatives:
        # A change of T and V along which Z is constant. Its length must neither overflow nor vanish.
        length = arithmetic.larger(Z(*_T), Z(*_V))
        dT, dV = Z.along(*_V) / length, -Z.along(*_T) / length
        terms = Y.along(*_T) * dT, Y.along(*_V) * dV
        rise = (terms[0] + terms[1]) * arithmetic.determinate(terms[0](), terms[1]())
        return (X.along(*_T) * dT + X.along(*_V) * dV) / rise

    return Algebra(
        number=lambda text: int(text) if text.isdigit() else float(text),  # powers of negative numbers are of integers
        pi=float(np.pi),
        functions={"log": log, "ln": log, "exp": exp, "sqrt": lambda x: x**0.5},
        operate=operate,
        differentiate=differentiate,
    )


def _determinate(a: Array, b: Array) -> Array:
    still = jnp.abs(a + b) <= _ROUNDING * jnp.finfo(a.dtype).eps * (jnp.abs(a) + jnp.abs(b))
    return jnp.where(still, jnp.nan, jnp.ones_like(a))


ALGEBRA = algebra_of(
    Arithmetic(
        log=jnp.log,
        exp=jnp.exp,
        larger=lambda a, b: lax.stop_gradient(jnp.maximum(jnp.abs(a), jnp.abs(b))),
        determinate=_determinate,
    )
)
"""What expressions are made of whose numbers are arrays of JAX."""
