"""Functions of `(T, V)` near one point, by their derivatives there: what partial derivatives are made of.

Each derivative of a property is worked out once, however many expressions it occurs in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from thermo_ideal._expressions import Algebra
from thermo_ideal.numerics import derivative, evaluate, taylor

# Of properties; what they are made of is differentiated twice already.
_HIGHEST_ORDER = 2
# A derivative by something that moves less than this, against the size of its two terms, is a derivative by rounding.
_STILL = 16


class LocalDerivatives:
    """A function near one point: `local(i, j)` is `T^i V^j ∂^{i+j}f/∂T^i∂V^j` there, worked out when it is asked for.

    Args:
        term: what gives them.
    """

    def __init__(self, term: Callable[[int, int], Array]) -> None:
        self._term = cache(term)

    def __call__(self, i: int = 0, j: int = 0) -> Array:
        return self._term(i, j)

    @classmethod
    def of(cls, f: Callable[[Array, Array], Any], T: Array, V: Array) -> LocalDerivatives:
        """That of a property.

        Raises:
            ValueError: on a call, a derivative of too high an order.
        """

        def term(i: int, j: int) -> Array:
            if i + j > _HIGHEST_ORDER:
                raise ValueError(f"order: got a derivative of order {i + j}, expected at most {_HIGHEST_ORDER}")
            return taylor(f, T, V, [(i, j)])[i, j]

        return cls(term)

    def along(self, i: int, j: int) -> LocalDerivatives:
        """Its derivative, `i` times in `T` and `j` times in `V`."""
        return LocalDerivatives(lambda m, n: self(m + i, n + j))

    def polynomial(self, order: int, t: Array, v: Array) -> Array:
        """The Taylor polynomial at `(T(1 + t), V(1 + v))`."""
        return evaluate({(i, j): self(i, j) for i in range(order + 1) for j in range(order + 1 - i)}, t, v)


def operate(operation: Callable[..., Any], *operands: Any) -> Any:
    """An operation on local_derivatives and numbers, by the chain rule."""
    local_derivatives = [operand for operand in operands if isinstance(operand, LocalDerivatives)]
    if not local_derivatives:
        return operation(*operands)

    def term(i: int, j: int) -> Array:
        here = jnp.zeros_like(local_derivatives[0]())

        def composed(t: Array, v: Array) -> Array:
            return operation(*(x.polynomial(i + j, t, v) if isinstance(x, LocalDerivatives) else x for x in operands))

        return derivative(composed, i, j)(here, here)

    return LocalDerivatives(term)


def differentiate(X: Any, Y: Any, Z: Any, order: int) -> LocalDerivatives:
    """`(∂X/∂Y)_Z = ∂(X, Z)/∂(Y, Z)`, or the second derivative; NaN where Y cannot vary while Z is fixed.

    Raises:
        ValueError: the order is not 1 or 2, or one of them is a number.
    """
    if order not in (1, 2):
        raise ValueError(f"order: got {order}, expected 1 or 2")
    if not all(isinstance(part, LocalDerivatives) for part in (X, Y, Z)):
        raise ValueError(
            f"partial: got {[p for p in (X, Y, Z) if not isinstance(p, LocalDerivatives)]}, expected properties"
        )
    # A step along which Z is constant. Its length does not matter, but it must neither overflow nor vanish.
    length = lax.stop_gradient(jnp.maximum(jnp.abs(Z(1, 0)), jnp.abs(Z(0, 1))))

    def quotient(X_T: Array, X_V: Array, Y_T: Array, Y_V: Array, Z_T: Array, Z_V: Array) -> Array:
        dT, dV = Z_V / length, -Z_T / length
        rise = Y_T * dT + Y_V * dV
        still = jnp.abs(rise) <= _STILL * jnp.finfo(rise.dtype).eps * (jnp.abs(Y_T * dT) + jnp.abs(Y_V * dV))
        return (X_T * dT + X_V * dV) / jnp.where(still, jnp.nan, rise)

    slopes = [part.along(*axis) for part in (X, Y, Z) for axis in ((1, 0), (0, 1))]
    found = operate(quotient, *slopes)
    return found if order == 1 else differentiate(found, Y, Z, 1)


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
