"""Whether a kernel has a finite integral: its exponent at each end of the interval, by algebra or by numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random

import mpmath
import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic.calculus._draws import Point
from thermo_ideal.symbolic.calculus._quadrature import at_distance, from_end
from thermo_ideal.symbolic.calculus._time_limit import within

_SECONDS = 0.4
_DECADES = range(4, 8)


@dataclass(frozen=True)
class End:
    """An end of the interval on which a kernel `k(x)` is to be integrated.

    With the distance `u` from a finite end, or `|x| = 1/u` at an infinite one, `k |dx/du| ~ u^P` has a finite integral
    at 0 if `P = lim d log(k |dx/du|)/d log u > −1`.

    Args:
        x: the variable.
        position: the end.
        side: +1 for the lower end, −1 for the upper.
    """

    x: Symbol
    position: Expr
    side: int

    @property
    def _shift(self) -> int:
        return -2 if self.position.is_infinite else 0  # from dx/du

    def condition(self, slope: Expr) -> sp.Basic:
        """`P > −1` as a relation of the parameters, true, or false; with a `Limit` in it where SymPy finds none.

        Args:
            slope: `d log k/dx`.
        """
        u = Symbol("u", positive=True)
        position = from_end(self.x, self.position, self.side, u)
        logarithmic = u * slope.subs(self.x, position) * sp.diff(position, u)
        if logarithmic.is_rational_function(u):
            return self._of_leading_term(*_leading_term(logarithmic, u))
        unknown = any(power.base.has(u) and power.exp.free_symbols for power in logarithmic.atoms(sp.Pow))
        limit = None if unknown else within(_SECONDS, lambda: sp.limit(logarithmic, u, 0, "+"))
        if limit is None or limit.has(sp.Limit, sp.AccumBounds, sp.nan, sp.zoo, u) or limit + self._shift == -1:
            return sp.Gt(sp.Limit(logarithmic, u, 0, "+") + self._shift, -1, evaluate=False)
        return relation(limit + self._shift + 1)

    def _of_leading_term(self, coefficient: Expr, order: int) -> sp.Basic:
        if order < 0:
            return relation(coefficient)
        return relation((coefficient if order == 0 else sp.S.Zero) + self._shift + 1)

    def numerically(self, kernel: Expr, point: Point) -> bool | None:
        """Whether the integral is finite at these parameters, by how `u k |dx/du|` falls from decade to decade."""
        u = sp.Dummy("u", positive=True)
        end = sp.sympify(self.position).subs(point)
        position = from_end(self.x, end, self.side, u)
        mass = at_distance(kernel.subs(point), self.x, position) * sp.Abs(sp.diff(position, u)) * u
        density, random = sp.lambdify(u, mass, "mpmath"), Random(7)
        try:
            peaks = [
                max(mpmath.log(abs(density(mpmath.mpf(10) ** -(k + random.random())))) for _ in range(15))
                for k in _DECADES
            ]
        except (ArithmeticError, ValueError, TypeError, NameError):
            return None
        falls = [(near - far) / mpmath.log(10) for near, far in pairwise(peaks)]
        if all(fall > 0.2 for fall in falls[-3:]):
            return True
        return False if all(fall < -0.02 for fall in falls[-3:]) else None


def relation(positive: Expr) -> sp.Basic:
    """`expression > 0`, solved for a symbol where it is linear in one."""
    found = sp.Gt(sp.factor(positive), 0)
    if found in (sp.true, sp.false):
        return found
    numerator = sp.fraction(sp.together(positive))[0]
    simpler = within(_SECONDS, lambda: sp.simplify(found)) if len(numerator.free_symbols) < 3 else None
    return found if simpler is None else simpler


def _leading_term(f: Expr, u: Symbol) -> tuple[Expr, int]:
    """`c, n` of `f ~ c u^n` as `u → 0`, for a rational function."""
    above, below = sp.fraction(sp.cancel(sp.together(f)))
    (c, n), (b, m) = _lowest(above, u), _lowest(below, u)
    return sp.factor(c / b), n - m


def _lowest(polynomial: Expr, u: Symbol) -> tuple[Expr, int]:
    terms = [(c, n) for (n,), c in sp.Poly(polynomial, u).terms() if c.expand() != 0]
    return min(terms, key=lambda term: term[1], default=(sp.S.Zero, 0))
