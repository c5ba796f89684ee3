"""Random rational values of the symbols of a derivation: a point at which its equations are evaluated."""

from __future__ import annotations

import random
from collections.abc import Mapping
from math import ceil, floor

import mpmath
import sympy as sp
from sympy import Expr, Integral, Rational, Symbol

from thermo_ideal.symbolic import _notation as n

DIGITS = 40
SCALE = Symbol("c", positive=True)  # a factor of the weights
EXPONENT = Symbol("n", positive=True)  # of a polytrope

# Of even and of odd points, which so have no number in common.
_DENOMINATORS = ((7, 13, 19, 29, 37), (11, 17, 23, 31, 41))
_RANGES = {
    n.LEARNING_RATE: (0.2, 0.4),
    n.EFFECTIVE_LEARNING_RATE: (0.2, 0.4),
    n.WEIGHT_DECAY: (0.25, 0.5),
    n.MOMENTUM: (0.25, 0.75),
    n.INITIAL_RADIUS: (1.0, 1.5),
    n.NOISE_SCALE: (0.7, 1.3),
    n.RADIUS: (1.1, 1.8),
    n.GRADIENT_NORM: (1.1, 2.0),
    n.TIME: (1.1, 2.0),
    n.TEMPERATURE: (0.4, 1.2),
    n.VOLUME: (1.1, 2.0),
    EXPONENT: (2.1, 3.0),
    SCALE: (0.3, 2.5),
}
_SCHEDULED = (n.LEARNING_RATE, n.EFFECTIVE_LEARNING_RATE, n.WEIGHT_DECAY, n.RADIUS)


class RandomPoint:
    """Rational numbers of few digits, of which no two are equal.

    An equation with a number in the place of a symbol, or with one symbol in the place of another, holds at one of two
    successive points at most. Schedules are quadratic in time and have the values of their symbols at the point's time.

    Args:
        dimension: that of the case; in every dimension the points are others.
        number: the number of the point.
    """

    def __init__(self, dimension: int, number: int) -> None:
        self._random = random.Random(f"{dimension} {number}")
        self._denominators = _DENOMINATORS[number % 2]
        self._drawn: set[Expr] = set()
        self.values: dict[Symbol, Expr] = {symbol: self.between(*ends) for symbol, ends in _RANGES.items()}
        self.values[n.MOMENTUM_FACTOR] = 1 / (1 - self.values[n.MOMENTUM])
        self._schedules = {symbol: self._schedule(self.values[symbol]) for symbol in _SCHEDULED}
        # The second moment of the radius has a fixed point only at small learning rates.
        self.small = {symbol: self.between(10, 20) / 1000 for symbol in (n.LEARNING_RATE, n.EFFECTIVE_LEARNING_RATE)}

    def between(self, lower: float, upper: float) -> Expr:
        """A number of the interval that was not drawn before."""
        while True:
            below = self._random.choice(self._denominators)
            value = Rational(self._random.randint(ceil(lower * below), floor(upper * below)), below)
            if lower <= value <= upper and value.q != 1 and value not in self._drawn:
                self._drawn.add(value)
                return value

    def vector(self, size: int) -> list[Expr]:
        """Numbers of both signs."""
        return [self._random.choice((-1, 1)) * self.between(0.2, 2.0) for _ in range(size)]

    def number(self, expression: Expr, values: Mapping[Expr, Expr]) -> Expr:
        """The value of an explicit expression at the point to 40 digits, given those of further symbols."""
        expression = sp.sympify(expression)
        for symbol, schedule in self._schedules.items():
            expression = expression.replace(n.scheduled(symbol).func, schedule)
        expression = expression.doit(integrals=False).xreplace(self.values | dict(values))
        return sp.N(expression.replace(Integral, lambda f, *limits: _integral(Integral(f, *limits))), DIGITS)

    def _schedule(self, value: Expr) -> sp.Lambda:
        """A function of time that has this value at the time of the point, and is positive from time 0 on."""
        t = sp.Dummy()
        late = t / self.values[n.TIME] - 1
        slope = self._random.choice((-1, 1)) * self.between(0.1, 0.5)
        return sp.Lambda(t, sp.expand(value * (1 + slope * late + self.between(0.1, 0.4) * late**2)))


def _integral(integral: Integral) -> Expr:
    """Inner integrals have polynomial integrands and are exact; the outer one is a quadrature with 20 more digits."""
    if integral.free_symbols or integral.function.is_polynomial(*integral.variables):
        return integral.doit()
    ((x, lower, upper),) = integral.limits
    with mpmath.workdps(DIGITS + 20):
        function = sp.lambdify(x, integral.function, "mpmath")
        value = mpmath.quad(function, [mpmath.mpmathify(lower), mpmath.mpmathify(upper)])
    return sp.Float(value, DIGITS + 20)
