"""Change of variables: drift and diffusion of functions of an Itô process, as functions of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import sympy as sp
from sympy import Expr, Indexed, Symbol

from thermo_ideal.symbolic.calculus._differentials import ItoDifferential
from thermo_ideal.symbolic.calculus._zero_test import vanishes

Number: TypeAlias = Expr | int | float
Coefficients: TypeAlias = tuple[list[Expr], Any]


def invertible(
    state: Sequence[Symbol],
    noise: range,
    functions: Mapping[Symbol, Expr],
    differentials: Sequence[ItoDifferential],
    inverse: Mapping[Symbol, Number] | None,
) -> Coefficients:
    """Drift and diffusion of as many functions as there are components, driven by the same Brownian motions."""
    if len(functions) != len(state):
        raise ValueError(f"functions: got {len(functions)} for a state of {len(state)}, expected as many")
    inverse = dict(inverse) if inverse is not None else _invert(state, functions)
    _require_inverse(functions, inverse)

    def renamed(expression: Expr) -> Expr:
        return sp.simplify(sp.expand(expression).subs(inverse, simultaneous=True))

    return [renamed(f.drift) for f in differentials], [[renamed(f.diffusion(k)) for k in noise] for f in differentials]


def closed(
    fields: set[Any],
    functions: Mapping[Symbol, Expr],
    differentials: Sequence[ItoDifferential],
    inverse: Mapping[Symbol, Number],
) -> Coefficients:
    """Drift of functions of a process in symbolic dimension, and the Cholesky root of their covariance.

    Args:
        fields: the symbols and tensors that are functions of the position.
        functions: new symbols and the functions that they stand for.
        differentials: those of the functions.
        inverse: fields in terms of the new symbols.
    """
    for name, f in functions.items():
        if name in fields and f != name:
            raise ValueError(f"functions: {name} is a field of the space already; call {f} by another name")
    foreign = fields - set(functions)

    def written(expression: Expr) -> Expr:
        result = sp.factor(sp.expand(expression).subs(inverse))
        if stray := result.atoms(Indexed) | (result.free_symbols & foreign):
            raise ValueError(
                f"functions: {result} is not a function of {', '.join(map(str, functions))} alone; add "
                f"{', '.join(map(str, stray))} to functions, or pass inverse={{field: its expression}}"
            )
        return result

    covariance = sp.Matrix([[written(f.covariation(g)) for g in differentials] for f in differentials])
    drift = [written(f.drift) for f in differentials]
    _require_inverse({name: f for name, f in functions.items() if f != name}, inverse)
    return drift, _root(covariance)


def _invert(state: Sequence[Symbol], functions: Mapping[Symbol, Expr]) -> Mapping[Symbol, Expr]:
    solutions = sp.solve([sp.Eq(name, f) for name, f in functions.items()], list(state), dict=True)
    if len(solutions) != 1:
        raise ValueError(
            f"inverse: SymPy finds {len(solutions)} ways to solve for {', '.join(map(str, state))}; "
            f"pass one, as in inverse={{{state[0]}: …}}"
        )
    return solutions[0]


def _require_inverse(functions: Mapping[Symbol, Expr], inverse: Mapping[Symbol, Number]) -> None:
    """Checks `f(inverse(y)) = y`, at points where SymPy cannot decide it (inverse trigonometric functions)."""
    for name, f in functions.items():
        if vanishes(sp.sympify(f).subs(inverse, simultaneous=True) - name) is False:
            raise ValueError(f"inverse: {inverse} put into {f} does not give {name}; pass another, as {{old: …}}")


def _root(covariance: sp.Matrix) -> sp.Matrix:
    """A lower triangular `b` with `b bᵀ = covariance` (Cholesky), with a row of zeros for what has no noise."""
    size = covariance.rows
    b = sp.zeros(size)
    for i in range(size):
        for j in range(i + 1):
            remainder = sp.simplify(covariance[i, j] - sum(b[i, k] * b[j, k] for k in range(j)))
            if i == j:
                b[i, i] = sp.sqrt(remainder)
            elif b[j, j] != 0:
                b[i, j] = sp.simplify(remainder / b[j, j])
    return b
