"""A derivation while it is being written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import sympy as sp
from sympy import Eq, Expr

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._derivation import Check, Derivation, Step
from thermo_ideal.symbolic._replay import Replay


@dataclass
class Draft:
    """Steps and results so far."""

    steps: list[Step] = field(default_factory=list)
    result: dict[str, Expr | Eq] = field(default_factory=dict)

    def add(self, claim: str, equation: Eq, because: str, check: Check | None = None) -> Eq:
        """Appends a step and hands its equation back; without a check, left and right are compared as they stand."""
        check = check or (lambda statement, replay: replay.algebraic(statement))
        self.steps.append(Step(claim, equation, because, check))
        return equation

    def finish(self, protocol: str, noise: str, dimension: int | None) -> Derivation:
        """The derivation, in symbolic or in an explicit dimension."""
        steps, result = tuple(self.steps), dict(self.result)
        if dimension is not None:
            at = {n.DIMENSION: dimension}
            steps = tuple(Step(s.claim, s.equation.subs(at), s.because, s.check) for s in steps)
            result = {name: value.subs(at) for name, value in result.items()}
        title = f"SGD with {protocol.replace('-', ' ')} and {noise} noise"
        return Derivation(title, steps, result, noise == "isotropic", protocol, dimension)


def differential(function: Callable[[Replay], Callable[[int], Expr]]) -> Check:
    """A check that hands the equation to Itô's lemma in components, applied to `function`."""

    def check(equation: Eq, replay: Replay) -> Iterable[Expr]:
        return replay.differential(equation, function(replay))

    return check


def tidy(expression: Expr) -> Expr:
    """Simplifies with `√((d−1)²) = d − 1`: every symbol here is positive and d ≥ 2, which SymPy cannot be told."""
    return sp.powdenest(sp.factor(sp.simplify(expression)), force=True)
