"""Partial derivatives of functions of `(T, V)` near one point, from their derivatives there.

Each derivative of a property is worked out once, however many expressions it occurs in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from thermo_ideal._expressions import HIGHEST_ORDER, Algebra
from thermo_ideal.numerics import evaluate_taylor, mixed_derivative, taylor_coefficients

# A change of less than this many last places of its two terms is rounding, and nothing can be divided by it.
_ROUNDING = 16


class LocalDerivatives:
    """A function near one point: `f(i, j)` is `T^i V^j ∂^{i+j}f/∂T^i∂V^j` there, worked out when it is asked for.

    Args:
        term: the function of `i` and `j` that works it out.
    """

    def __init__(self, term: Callable[[int, int], Array]) -> None:
        self._term = cache(term)

    def __call__(self, i: int = 0, j: int = 0) -> Array:
        return self._term(i, j)

    @classmethod
    def of(cls, f: Callable[[Array, Array], Any], T: Array, V: Array) -> LocalDerivatives:
        """The derivatives of a property.

        Args:
            f: the property, a function of temperature and volume.
            T: the temperature of the point.
            V: its volume.

        Raises:
            ValueError: on a call, a derivative of too high an order.
        """

        def term(i: int, j: int) -> Array:
            # Of properties, which are themselves up to second derivatives of the Helmholtz energy.
            if i + j > HIGHEST_ORDER:
                raise ValueError(f"order: got a derivative of order {i + j}, expected at most {HIGHEST_ORDER}")
            return taylor_coefficients(f, T, V, [(i, j)])[i, j]

        return cls(term)

    def along(self, i: int, j: int) -> LocalDerivatives:
        """The function's derivative, `i` times in `T` and `j` times in `V`, as such a function."""
        return LocalDerivatives(lambda m, n: self(m + i, n + j))

    def polynomial(self, order: int, t: Array, v: Array) -> Array:
        """The Taylor polynomial at `(T(1 + t), V(1 + v))`."""
        return evaluate_taylor({(i, j): self(i, j) for i in range(order + 1) for j in range(order + 1 - i)}, t, v)


def value_of(part: Any) -> Any:
    """The value at the point, of a function or of a number."""
    return part() if isinstance(part, LocalDerivatives) else part


def operate(operation: Callable[..., Any], *operands: Any) -> Any:
    """An operation on functions and numbers, by the chain rule."""
    functions = [operand for operand in operands if isinstance(operand, LocalDerivatives)]
    if not functions:
        return operation(*operands)

    def term(i: int, j: int) -> Array:
        here = jnp.zeros_like(functions[0]())

        def composed(t: Array, v: Array) -> Array:
            return operation(*(x.polynomial(i + j, t, v) if isinstance(x, LocalDerivatives) else x for x in operands))

        return mixed_derivative(composed, i, j)(here, here)

    return LocalDerivatives(term)


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
        raise ValueError(f"partial: got the numbers {numbers}, expected properties, as in partial('S', 'T', at='V')")
    # A change of T and V along which Z is constant. Its length does not matter, but must neither overflow nor vanish.
    length = lax.stop_gradient(jnp.maximum(jnp.abs(Z(1, 0)), jnp.abs(Z(0, 1))))

    def quotient(X_T: Array, X_V: Array, Y_T: Array, Y_V: Array, Z_T: Array, Z_V: Array) -> Array:
        dT, dV = Z_V / length, -Z_T / length
        rise = Y_T * dT + Y_V * dV
        still = jnp.abs(rise) <= _ROUNDING * jnp.finfo(rise.dtype).eps * (jnp.abs(Y_T * dT) + jnp.abs(Y_V * dV))
        return (X_T * dT + X_V * dV) / jnp.where(still, jnp.nan, rise)

    slopes = [part.along(*axis) for part in (X, Y, Z) for axis in ((1, 0), (0, 1))]
    found = operate(quotient, *slopes)
    return found if order == 1 else differentiate(found, Y, Z, order - 1)


def _function(f: Callable[[Array], Array]) -> Callable[[Any], Any]:
    return lambda x: operate(f, x)


def _number(text: str) -> int | float:
    """Integers stay integers, so that powers of negative numbers are defined."""
    return int(text) if text.isdigit() else float(text)


ALGEBRA: Algebra[Any] = Algebra(
    number=_number,
    pi=float(jnp.pi),
    functions={
        name: _function(f) for name, f in {"log": jnp.log, "ln": jnp.log, "exp": jnp.exp, "sqrt": jnp.sqrt}.items()
    },
    operate=operate,
    differentiate=differentiate,
)
