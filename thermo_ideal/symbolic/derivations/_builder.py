"""A derivation while it is written, step by step."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import sympy as sp
from sympy import Eq, Expr

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._derivation import Check, Derivation, Kind, NumericalCheck, Step

_FINISHED: dict[Expr, Expr] = {n.MOMENTUM_FACTOR: 1 / (1 - n.MOMENTUM)}


@lru_cache(maxsize=16)
def _made_again(make: Callable[..., Derivation], arguments: tuple[Any, ...], options: frozenset[Any]) -> Derivation:
    return make(*arguments, **dict(options))


class _Check:
    """A check, which is a function in a function and has no pickle: out of one, the derivation is made again for it.

    Args:
        make: makes the derivation.
        name: of the step.
        check: the check; that of the step in the derivation if None.
    """

    def __init__(self, make: partial[Derivation], name: str, check: Check | None = None) -> None:
        self._make, self._name, self._check = make, name, check

    def __call__(self, equation: Eq, case: NumericalCheck) -> Iterable[Expr]:
        if self._check is None:
            make = self._make
            self._check = _made_again(make.func, make.args, frozenset(make.keywords.items()))[self._name].check
        return self._check(equation, case)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Check, (self._make, self._name)


@dataclass
class Builder:
    """The steps and results so far.

    Args:
        make: makes the derivation that is being written; a call of a public function, which can be pickled.
    """

    make: partial[Derivation]
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
        kind: Kind = "derivation",
    ) -> None:
        """Appends a step; without a check, its two sides are compared as they are."""
        if unknown := set(uses) - {step.name for step in self.steps}:
            raise KeyError(f"{name} uses {unknown}, which no step before it states")
        if result is not None:
            if result not in (equation, equation.rhs):
                raise ValueError(f"{name}: the result {result} is neither the equation {equation} nor its right side")
            self.result[name] = result
        check = _with_left_side(equation.lhs, check or _sides_agree)
        self.steps.append(Step(name, claim, equation, because, _Check(self.make, name, check), uses, kind))

    def finish(
        self, title: str, numerical_check: Callable[[int, int], NumericalCheck], dimension: int | None = None
    ) -> Derivation:
        """The derivation, in symbolic or in an explicit dimension."""
        at = dict(_FINISHED)
        if dimension is not None:
            dimension = _require_dimension(dimension)
            at |= {n.DIMENSION: sp.Integer(dimension), n.GAS_CONSTANT: sp.Rational(dimension - 1, 2)}
        steps = tuple(replace(step, equation=step.equation.subs(at)) for step in self.steps)
        result = {name: value.subs(at) for name, value in self.result.items()}
        return Derivation(title, steps, result, numerical_check, dimension)


def _sides_agree(equation: Eq, case: NumericalCheck) -> Iterable[Expr]:
    return case.algebraic(equation)


def _with_left_side(quantity: Expr, check: Check) -> Check:
    """The check, and that the left side is unchanged: most checks compute the quantity and do not use its symbol."""
    finished = quantity.subs(_FINISHED)

    def whole(equation: Eq, case: NumericalCheck) -> Iterable[Expr]:
        same = equation.lhs in (finished, finished.subs(n.DIMENSION, case.dimension))
        yield sp.S.Zero if same else sp.oo
        yield from check(equation, case)

    return whole


def _require_dimension(dimension: Any) -> int:
    """An explicit dimension as an int, or a ValueError."""
    try:
        explicit = operator.index(dimension)
    except TypeError:
        explicit = 0
    if isinstance(dimension, bool) or explicit < 2:
        raise ValueError(
            f"dimension: got {dimension}, expected an integer ≥ 2 (d = 2 is a circle), or None for symbolic d"
        )
    return explicit


def simplify_positive(expression: Expr) -> Expr:
    """Simplifies with `√((d−1)²) = d − 1`: every symbol here is positive and d ≥ 2, which SymPy cannot be told."""
    return sp.powdenest(sp.factor(sp.simplify(expression)), force=True)
