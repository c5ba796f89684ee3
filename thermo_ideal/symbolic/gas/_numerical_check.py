"""A gas with numbers for its state: the case in which thermodynamic derivations are checked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import mpmath
import sympy as sp
from sympy import Eq, Expr

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._random_point import DIGITS, RandomPoint
from thermo_ideal.symbolic.gas._gases import von_mises_fisher
from thermo_ideal.symbolic.gas._model import Gas
from thermo_ideal.symbolic.gas._partial import Partial


class GasPoint:
    """A gas at a random point of `T`, `V` and `σ`.

    Args:
        gas: a gas in an explicit dimension.
        number: the number of the point.
    """

    def __init__(self, gas: Gas, number: int = 0) -> None:
        self.gas, self.dimension = gas, int(gas.dimension)
        self._point = RandomPoint(self.dimension, number)

    @classmethod
    def exact(cls, dimension: int, number: int = 0) -> GasPoint:
        """The von Mises–Fisher gas."""
        return cls(von_mises_fisher(dimension), number)

    def value(self, expression: Expr) -> Expr:
        """The expression with every quantity and every `Partial` as a function of `T` and `V`."""

        def derivative(X: Expr, Y: Expr, Z: Expr) -> Expr:
            return self.gas.partial(self.value(X), self.value(Y), at=self.value(Z))

        return self.gas[sp.sympify(expression).replace(Partial, derivative)]

    def algebraic(self, equation: Eq) -> Iterator[Expr]:
        """Left side minus right side."""
        yield equation.lhs - equation.rhs

    def evaluate(self, residual: Expr) -> Expr:
        """The value of an expression at the point, to 40 digits."""
        return self._point.number(self.value(residual), {})

    def average(self, power: int) -> Expr:
        """`∫ L^power e^{−L/T} dw̄` of the loss `L = 1 − m` over the unit sphere, by quadrature, to 50 digits."""
        return _average(self.dimension, power, self._point.values[n.TEMPERATURE])


@cache
def _average(dimension: int, power: int, temperature: Expr) -> Expr:
    with mpmath.workdps(DIGITS + 10):
        t = mpmath.mpf(temperature.p) / temperature.q
        half = mpmath.mpf(dimension - 1) / 2
        band = 2 * mpmath.pi**half / mpmath.gamma(half)

        def integrand(angle: Any) -> Any:
            loss = 1 - mpmath.cos(angle)
            return loss**power * mpmath.exp(-loss / t) * mpmath.sin(angle) ** (dimension - 2)

        return sp.Float(band * mpmath.quad(integrand, mpmath.linspace(0, mpmath.pi, 5)), DIGITS + 10)
