"""Points at which an identity is tried: values from the whole domain that the assumptions of symbols allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import floor
from random import Random

import sympy as sp
from sympy import Expr, Rational, Symbol

_ATTEMPTS = 200
_DOMAIN = ("real", "positive", "negative", "zero", "integer", "rational", "even", "prime", "imaginary", "finite")

Point = dict[Symbol, Expr]


def points(
    symbols: Iterable[Symbol], count: int, decades: float = 3.0, condition: sp.Basic | bool = sp.true
) -> Iterator[Point]:
    """Points in the symbols, the same ones at every call.

    Args:
        symbols: what gets a value.
        count: the most points that are drawn.
        decades: magnitudes are between `10^−decades` and `10^decades`.
        condition: what the values must satisfy.

    Yields:
        `count` points; fewer if the condition is rarely met.
    """
    random = Random(20)
    named = sorted(symbols, key=lambda symbol: (str(symbol), str(sorted(symbol.assumptions0.items()))))
    left = count
    for _ in range(_ATTEMPTS):
        if left == 0:
            return
        point = {symbol: _value(symbol, random, decades) for symbol in named}
        if sp.sympify(condition).subs(point) == sp.true:
            left -= 1
            yield point


def _value(symbol: Symbol, random: Random, decades: float) -> Expr:
    for _ in range(_ATTEMPTS):
        value = _candidate(random, decades)
        for candidate in (value, sp.Integer(round(value)), -value, sp.Integer(round(-value)), sp.I * value):
            if allows(symbol, candidate):
                return candidate
    return sp.S.One  # no number that is tried fits, as for an infinite symbol


def _candidate(random: Random, decades: float) -> Expr:
    """A real number of either sign, its logarithm uniform; of two digits, since SymPy factors bases of powers."""
    magnitude = random.uniform(-decades, decades)
    digit = Rational(10) ** (floor(magnitude) - 1)
    size = digit * round(10**magnitude / digit)
    return size if random.random() < 0.5 else -size


def allows(symbol: Symbol, value: Expr, facts: Iterable[str] = _DOMAIN) -> bool:
    """Whether the assumptions of a symbol admit a value, in some respects."""
    return all(
        assumed is None or known is None or assumed == known
        for assumed, known in ((getattr(symbol, f"is_{name}"), getattr(value, f"is_{name}")) for name in facts)
    )


def evaluated(expression: Expr, point: Point, digits: int = 20) -> Expr:
    """The value at a point, which is put in as floating-point numbers of enough digits."""
    return sp.N(expression, digits, subs=point)


def agreement(test: Callable[[Point], bool | None], trials: Iterable[Point]) -> bool | None:
    """What a test says at all points where it says anything; None if it says nothing or both."""
    said = {answer for answer in map(test, trials) if answer is not None}
    return said.pop() if len(said) == 1 else None
