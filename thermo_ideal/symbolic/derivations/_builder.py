"""A derivation while it is being written."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp
from sympy import Eq, Expr

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._derivation import Check, Derivation, Ground, Step


@dataclass
class Draft:
    """Steps and results so far."""

    steps: list[Step] = field(default_factory=list)
    result: dict[str, Expr | Eq] = field(default_factory=dict)

    def add(
        self,
        name: str,
        claim: str,
        equation: Eq,
        because: str,
        check: Check | None = None,
        uses: tuple[str, ...] = (),
        result: Expr | Eq | None = None,
    ) -> Eq:
        """Appends a step and hands its equation back; without a check, left and right are compared as they stand."""
        if unknown := set(uses) - {step.name for step in self.steps}:
            raise KeyError(f"{name} uses {unknown}, which no step before it states")
        if result is not None:
            if result not in (equation, equation.rhs):
                raise ValueError(f"{name}: the result {result} is neither the equation {equation} nor its right side")
            self.result[name] = result
        self.steps.append(Step(name, claim, equation, because, _about(equation.lhs, check or as_it_stands), uses))
        return equation

    def finish(self, title: str, ground: Callable[[int], Ground], dimension: int | None = None) -> Derivation:
        """The derivation, in symbolic or in an explicit dimension."""
        at: dict[Expr, Expr] = {n.GAIN: 1 / (1 - n.MOMENTUM)}
        if dimension is not None:
            dimension = require_dimension(dimension)
            at |= {n.DIMENSION: sp.Integer(dimension), n.GAS_CONSTANT: sp.Rational(dimension - 1, 2)}
        steps = tuple(replace(step, equation=step.equation.subs(at)) for step in self.steps)
        result = {name: value.subs(at) for name, value in self.result.items()}
        return Derivation(title, steps, result, ground, dimension)


def as_it_stands(equation: Eq, ground: Ground) -> Iterable[Expr]:
    """Left minus right, for every value of the free index where the case has components."""
    return ground.algebraic(equation)


def _about(quantity: Expr, check: Check) -> Check:
    """The check, and that the left side still is what it is about: most checks know the quantity, not its symbol."""

    def whole(equation: Eq, ground: Ground) -> Iterable[Expr]:
        same = equation.lhs in (quantity, quantity.subs(n.DIMENSION, ground.dimension))
        yield sp.S.Zero if same else sp.oo
        yield from check(equation, ground)

    return whole


def require_dimension(dimension: Any) -> int:
    """An explicit dimension as an int, or a ValueError."""
    try:
        explicit = operator.index(dimension)
    except TypeError:
        explicit = 0
    if isinstance(dimension, bool) or explicit < 2:
        raise ValueError(f"dimension: got {dimension}, expected an integer ≥ 2 (a circle at least), or None for d")
    return explicit


def tidy(expression: Expr) -> Expr:
    """Simplifies with `√((d−1)²) = d − 1`: every symbol here is positive and d ≥ 2, which SymPy cannot be told."""
    return sp.powdenest(sp.factor(sp.simplify(expression)), force=True)
