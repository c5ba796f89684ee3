"""A concrete gas in a concrete state, on which the lines of a derivation are put to the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import sympy as sp
from sympy import Expr, Rational, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._replay import DIGITS
from thermo_ideal.symbolic.gas._model import Gas
from thermo_ideal.symbolic.gas._partial import Partial

_POINT = {n.TEMPERATURE: Rational(3, 5), n.VOLUME: Rational(7, 4), n.NOISE_SCALE: Rational(9, 8)}


class GasPoint:
    """A gas at `T = 3/5`, `V = 7/4`, `σ = 9/8`.

    Args:
        gas: a gas in an explicit dimension.
        extra: values of further symbols.
    """

    def __init__(self, gas: Gas, extra: dict[Symbol, Expr] | None = None) -> None:
        self.gas, self.dimension = gas, int(gas.dimension)
        self._extra = extra or {}

    def value(self, expression: Expr) -> Expr:
        """The expression with every quantity and every `Partial` as a function of `T` and `V`."""
        expression = sp.sympify(expression)

        def derivative(X: Expr, Y: Expr, Z: Expr) -> Expr:
            return self.gas.partial(self.value(X), self.value(Y), at=self.value(Z))

        expression = expression.replace(Partial, derivative)
        quantities = {s: self.gas[s.name] for s in expression.free_symbols if s.name in self.gas.quantities}
        return expression.subs(quantities, simultaneous=True)

    def evaluate(self, residual: Expr) -> Expr:
        """The value of an expression at the point, to 40 digits."""
        return sp.N(self.value(residual).subs(_POINT | self._extra), DIGITS, maxn=1000)

    def average(self, function: Callable[[Any], Any]) -> Expr:
        """`∫ f(1 − m) e^{−(1−m)/T} dw̄` over the unit sphere by quadrature in the angle, to 50 digits."""
        with mpmath.workdps(DIGITS + 10):
            d, t = self.dimension, mpmath.mpf(3) / 5
            band = 2 * mpmath.pi ** (mpmath.mpf(d - 1) / 2) / mpmath.gamma(mpmath.mpf(d - 1) / 2)

            def integrand(angle: Any) -> Any:
                loss = 1 - mpmath.cos(angle)
                return function(loss) * mpmath.exp(-loss / t) * mpmath.sin(angle) ** (d - 2)

            return sp.Float(band * mpmath.quad(integrand, mpmath.linspace(0, mpmath.pi, 5)), DIGITS + 10)
