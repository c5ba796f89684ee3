"""Inverses of maps: candidates from SymPy, and whether one gives every point of the state space back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic.calculus._draws import Point, allows, evaluated, points
from thermo_ideal.symbolic.calculus._time_limit import within
from thermo_ideal.symbolic.calculus._zero_test import vanishes

_SECONDS = 2.0
_SAMPLES, _DIGITS, _TOLERANCE = 24, 60, sp.Float("1e-15")
# Real functions that take no value twice where they are real, and those that are smooth on the whole real line.
_INJECTIVE = (
    *(sp.exp, sp.log, sp.sinh, sp.asinh, sp.tanh, sp.atanh, sp.acosh, sp.atan, sp.acot, sp.asin, sp.acos),
    *(sp.erf, sp.erfc, sp.erfinv, sp.erfcinv),
)
_SMOOTH = (sp.exp, sp.sinh, sp.cosh, sp.tanh, sp.asinh, sp.atan, sp.erf, sp.sin, sp.cos)


@dataclass(frozen=True)
class Map:
    """New variables as functions of the state, and what else must be real there.

    Args:
        state: the old symbols.
        functions: `{new symbol: function}`.
        coefficients: expressions that are real on the state space, such as drift and diffusion.
    """

    state: tuple[Symbol, ...]
    functions: Mapping[Symbol, Expr]
    coefficients: Sequence[Expr] = field(default_factory=tuple)

    @cached_property
    def places(self) -> list[tuple[Point, Point]]:
        """Points of the state space (and values of the parameters), and the new variables there."""
        return list(self._places())

    def _places(self) -> Iterator[tuple[Point, Point]]:
        everything = sp.Tuple(*self.functions.values(), *self.coefficients)
        for point in points(everything.free_symbols | set(self.state), _SAMPLES, decades=1.0):
            real = all(evaluated(c, point).is_real for c in self.coefficients)
            image = {name: evaluated(f, point, _DIGITS) for name, f in self.functions.items()} if real else {}
            if real and all(value.is_real and value.is_finite for value in image.values()):
                yield point, image

    def inverses(self) -> list[tuple[dict[Symbol, Expr], bool]]:
        """Ways to solve for the state, each with whether the map is known to take no value twice."""
        undone = list(_undone(dict(self.functions), set(self.state)))
        if undone:
            return undone
        equations = [name - f for name, f in self.functions.items()]
        solutions = within(_SECONDS, lambda: sp.solve(equations, list(self.state), dict=True)) or []
        return [(solution, False) for solution in solutions]

    def lost(self, inverse: Mapping[Symbol, Expr]) -> tuple[Symbol, Expr, Expr] | None:
        """A component, its value, and another that comes back for it; None if every point tried comes back."""
        for point, image in self.places:
            for symbol in self.state:
                back = _value(inverse.get(symbol, sp.nan), {**point, **image})
                if back is None or abs(back - point[symbol]) > _TOLERANCE * (1 + abs(point[symbol])):
                    return symbol, point[symbol], sp.nan if back is None else sp.N(back, 6)
        return None

    def not_reached(self, inverse: Mapping[Symbol, Expr]) -> Symbol | None:
        """A new variable that the functions of the inverse do not give, on the image of the state space."""
        for point, image in self.places:
            back = {s: _value(inverse.get(s, s + 1), {**point, **image}) for s in self.state}
            for name, f in self.functions.items():
                again = None if None in back.values() else _value(f, {**point, **back})
                if again is None or abs(again - image[name]) > _TOLERANCE * (1 + abs(image[name])):
                    return name
        return None

    def forbidden(self) -> tuple[Symbol, Expr, Point] | None:
        """A new symbol whose assumptions exclude a value that its function takes, the value, and where."""
        for point, image in self.places:
            for name, value in image.items():
                if abs(value) > _TOLERANCE and not allows(name, value, ("real", "positive", "negative")):
                    return name, sp.N(value, 6), {s: point[s] for s in self.state}
        return None

    def is_inverse(self, inverse: Mapping[Symbol, Expr]) -> bool | None:
        """Whether `f⁻¹(f(x)) = x`, by algebra; None where SymPy cannot tell."""

        def comes_back(symbol: Symbol) -> bool | None:
            back = sp.sympify(inverse.get(symbol, sp.nan)).subs(self.functions, simultaneous=True)
            return within(_SECONDS, lambda: vanishes(back - symbol))

        answers = {comes_back(symbol) for symbol in self.state}
        return False if False in answers else None if None in answers else True

    def is_monotone(self) -> bool:
        """Whether the derivative of a smooth function of one variable has one sign, so that no value comes twice."""
        if len(self.state) != 1:
            return False
        (x,), (f,) = self.state, self.functions.values()
        smooth = all(isinstance(g, _SMOOTH) for g in f.atoms(sp.Function)) and sp.fraction(sp.together(f))[1].is_nonzero
        powers = all(power.exp.is_Integer for power in f.atoms(sp.Pow) if power.base.has(x) and power.base != sp.E)
        slope = sp.diff(f, x)
        signs = (slope, sp.factor(slope))
        return bool(smooth and powers and any(s.is_positive or s.is_negative for s in signs))


def _value(expression: Expr, point: Point) -> Expr | None:
    value = evaluated(sp.sympify(expression), point, _DIGITS)
    return value if value.is_real and value.is_finite else None


def _undone(functions: dict[Symbol, Expr], state: set[Symbol]) -> Iterator[tuple[dict[Symbol, Expr], bool]]:
    """Solutions by undoing one function after the other, where a component stands once in an equation."""
    if not state:
        yield {}, True
        return
    for name, f in functions.items():
        unknown = f.free_symbols & state
        if len(unknown) == 1 and f.count(*unknown) == 1:
            (x,) = unknown
            rest = {other: g for other, g in functions.items() if other != name}
            ways = _peeled(f, x, name)
            for (solved, known), (others, also) in product(ways, list(_undone(rest, state - {x}))):
                yield {x: solved} | {other: e.subs(x, solved) for other, e in others.items()}, known and also
            return


def _peeled(f: Expr, x: Symbol, y: Expr) -> list[tuple[Expr, bool]]:
    """Solutions of `f(x) = y` for an `x` that stands in `f` once, and whether each step has no other solution."""
    if f == x:
        return [(y, True)]
    if isinstance(f, sp.Add | sp.Mul):
        rest, inner = f.as_independent(x, as_Add=isinstance(f, sp.Add))
        return _peeled(inner, x, y - rest if isinstance(f, sp.Add) else y / rest)
    if isinstance(f, sp.exp):
        return _peeled(f.args[0], x, sp.log(y))
    if isinstance(f, sp.Pow):
        return _peeled_power(f.base, f.exp, x, y)
    if isinstance(f, sp.Function) and hasattr(f, "inverse") and len(f.args) == 1:
        known = isinstance(f, _INJECTIVE) or (isinstance(f, sp.cosh) and _one_sign(f.args[0]))
        return [(solved, known and more) for solved, more in _peeled(f.args[0], x, f.inverse()(y))]
    return []


def _peeled_power(base: Expr, power: Expr, x: Symbol, y: Expr) -> list[tuple[Expr, bool]]:
    if power.has(x):
        return [] if base.has(x) else _peeled(power, x, sp.log(y) / sp.log(base))
    if power.is_odd and not base.is_nonnegative:
        root = sp.sign(y) * sp.Abs(y) ** (1 / power) if not y.is_nonnegative else y ** (1 / power)
        return _peeled(base, x, root)
    root = y ** (1 / power)
    if not power.is_even or base.is_nonnegative:
        return _peeled(base, x, root)
    if base.is_nonpositive:
        return _peeled(base, x, -root)
    return [(solved, False) for sign in (1, -1) for solved, _ in _peeled(base, x, sign * root)]


def _one_sign(argument: Expr) -> bool:
    return bool(argument.is_nonnegative or argument.is_nonpositive)
