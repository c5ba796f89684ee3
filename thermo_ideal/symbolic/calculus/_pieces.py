"""Functions in pieces: their pieces without the breaks between them, and whether they jump there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic.calculus._draws import Point, evaluated, points
from thermo_ideal.symbolic.calculus._time_limit import within

_BROKEN = (sp.Abs, sp.sign, sp.Heaviside, sp.DiracDelta, sp.Max, sp.Min, sp.Piecewise, sp.floor, sp.ceiling)
_SAMPLES, _SECONDS = 6, 0.3
_NEAR, _JUMP = sp.Rational(1, 10**12), sp.Rational(1, 10**6)


def breaks(*expressions: Expr) -> set[Expr]:
    """The functions whose zeros are the borders between pieces."""
    found: set[Expr] = set()
    for f in sp.Tuple(*expressions).atoms(*_BROKEN):
        if isinstance(f, sp.Piecewise):
            relations = [r for _, where in f.args for r in where.atoms(sp.core.relational.Relational)]
            found |= {r.lhs - r.rhs for r in relations}
        elif isinstance(f, sp.Max | sp.Min):
            found |= {first - second for first, second in combinations(f.args, 2)}
        elif isinstance(f, sp.floor | sp.ceiling):
            found |= {f.args[0] - k for k in range(-3, 4)}
        else:
            found.add(f.args[0])
    return {g for g in found if g.free_symbols}


def branches(expressions: Sequence[Expr], trials: Sequence[Point]) -> list[tuple[Expr, ...]]:
    """The expressions as they are on each piece that some point meets, without functions in pieces.

    Args:
        expressions: what is in pieces.
        trials: points.

    Returns:
        One tuple of expressions for each piece; the expressions themselves where they have no breaks.
    """
    borders = breaks(*expressions)
    if not borders:
        return [tuple(expressions)]
    near = [point for trial in trials[:_SAMPLES] for point in _beside(borders, trial)]
    found = {tuple(_branch(sp.sympify(e), point) for e in expressions) for point in [*trials, *near]}
    return sorted(found, key=str)


def _beside(borders: set[Expr], trial: Point) -> Iterator[Point]:
    """Points between and beyond the borders along each variable through a point."""
    for variable in trial:
        crossings = sorted({z for g in borders for z in _crossings(g, variable, trial)})
        between = [(a + b) / 2 for a, b in pairwise(crossings)]
        for value in [*between, *(z + side for z in crossings[:1] + crossings[-1:] for side in (-1, 1))]:
            if variable.is_integer is None and not (variable.is_positive and value <= 0):
                yield {**trial, variable: value}


def _crossings(g: Expr, variable: Symbol, trial: Point) -> list[Expr]:
    if not g.has(variable):
        return []
    along = g.subs({symbol: value for symbol, value in trial.items() if symbol != variable})
    roots = within(_SECONDS, lambda: sp.solve(along, variable)) or []
    values = (sp.N(root, 20) for root in roots if not root.free_symbols)
    return [sp.Rational(str(value)) for value in values if value.is_real]


def _branch(expression: Expr, point: Point) -> Expr:
    def value(g: Expr) -> Expr:
        return evaluated(g, point)

    def chosen(f: Expr) -> Expr:
        if isinstance(f, sp.Piecewise):
            for e, where in f.args:
                if where == sp.true or where.subs(point) == sp.true:
                    return e
            return sp.nan
        if isinstance(f, sp.Max | sp.Min):
            return (max if isinstance(f, sp.Max) else min)(f.args, key=value)
        argument = f.args[0]
        if isinstance(f, sp.floor | sp.ceiling):
            return f.subs(point)
        positive = value(argument) > 0
        if isinstance(f, sp.Abs):
            return argument if positive else -argument
        if isinstance(f, sp.sign):
            return sp.S.One if positive else sp.S.NegativeOne
        return sp.S.Zero if isinstance(f, sp.DiracDelta) or not positive else sp.S.One

    def real(f: sp.Basic) -> bool:
        return isinstance(f, _BROKEN) and all(value(g).is_real for g in breaks(f))

    return expression.replace(real, chosen)


def jumps(quantities: Callable[[Expr], Sequence[Expr]], expressions: Sequence[Expr], state: Sequence[Symbol]) -> bool:
    """Whether one of some quantities jumps at a border between pieces of some expressions.

    Args:
        quantities: what must be continuous across the border where a function is 0, as a function of that function.
        expressions: what is in pieces.
        state: the variables.
    """
    for border in breaks(*expressions):
        crossed = [variable for variable in state if border.has(variable)]
        watched = [q for q in quantities(border) if q != 0] if crossed else []
        for trial in points(sp.Tuple(border, *watched).free_symbols, _SAMPLES, decades=0.6):
            for z in _crossings(border, crossed[0], trial) if watched else ():
                if any(_jumps(q, crossed[0], z, trial) for q in watched):
                    return True
    return False


def _jumps(quantity: Expr, variable: Symbol, z: Expr, trial: Point) -> bool:
    below, above = (evaluated(quantity, {**trial, variable: z + side * _NEAR}, 30) for side in (-1, 1))
    if not (below.is_finite and above.is_finite):
        return False
    return bool(abs(above - below) > _JUMP * (abs(above) + abs(below)) and abs(above - below) > _NEAR)
