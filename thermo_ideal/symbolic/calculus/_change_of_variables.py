"""Change of variables: drift and diffusion of functions of an Itô process, as functions of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import sympy as sp
from sympy import Expr, Indexed, Symbol

from thermo_ideal.symbolic.calculus._differentials import ItoDifferential
from thermo_ideal.symbolic.calculus._inverse import Map
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
    drift = [f.drift for f in differentials]
    diffusion = [[f.diffusion(k) for k in noise] for f in differentials]
    coefficients = sp.Tuple(*drift, *(b for row in diffusion for b in row), *functions.values())
    for name in functions:
        if name in coefficients.free_symbols - set(state):
            raise ValueError(f"functions: {name} is a parameter of the process already; use another symbol")
    # New symbols may have the names of old ones; inside they are real symbols of their own.
    own = {name: sp.Dummy(name.name, **(name.assumptions0 if name.is_real else {"real": True})) for name in functions}
    new = Map(tuple(state), {own[name]: sp.sympify(f) for name, f in functions.items()}, tuple(coefficients))
    _require_image(new)
    names = {dummy: name for name, dummy in own.items()}
    kept = {name: own[name] for name, f in functions.items() if f == name}
    given = None if inverse is None else kept | {x: sp.sympify(e).xreplace(own) for x, e in inverse.items()}
    solved = _inverse(new, names) if given is None else given

    def renamed(expression: Expr) -> Expr:
        return sp.simplify(sp.expand(expression).subs(solved, simultaneous=True))

    result = [renamed(a) for a in drift], [[renamed(b) for b in row] for row in diffusion]
    if given is not None:
        _require_inverse_of(new, given, names, lambda: _closes(new, renamed, differentials))
    return [a.xreplace(names) for a in result[0]], [[b.xreplace(names) for b in row] for row in result[1]]


def _require_image(new: Map) -> None:
    if wrong := new.forbidden():
        name, value, place = wrong
        at = ", ".join(f"{symbol} = {number}" for symbol, number in place.items())
        raise ValueError(
            f"functions: got {name} for {new.functions[name]}, which is {value} at {at}, but the assumptions of the "
            f"symbol exclude that; expected one that takes all values, as in Symbol('{name.name}', real=True)"
        )


def _inverse(new: Map, names: Mapping[Symbol, Symbol]) -> Mapping[Symbol, Expr]:
    """The only way to solve for the state that gives every point back."""
    ways = [(way, known) for way, known in new.inverses() if way.keys() >= set(new.state)]
    right = [(way, known) for way, known in ways if new.lost(way) is None]
    if len(right) == 1:
        way, known = right[0]
        if known or new.is_inverse(way) or new.is_monotone():
            return way
        raise ValueError(_undecided(new, way, names))
    if len(ways) == 1:
        raise ValueError(_not_invertible(new, ways[0][0], names))
    raise ValueError(
        f"inverse: SymPy finds {len(ways)} ways to solve for {', '.join(map(str, new.state))}; "
        f"pass one, as in inverse={{{new.state[0]}: …}}, or narrow the state space by assumptions, as in "
        f"Symbol('{new.state[0]}', positive=True)"
    )


def _require_inverse_of(
    new: Map, inverse: Mapping[Symbol, Expr], names: Mapping[Symbol, Symbol], closes: Callable[[], bool]
) -> None:
    """`f⁻¹(f(x)) = x` on the whole state space, or at least the law of `f(X)` is that of a process of its own."""
    if (name := new.not_reached(inverse)) is not None:
        shown = {x: e.xreplace(dict(names)) for x, e in inverse.items()}
        raise ValueError(
            f"inverse: {shown} put into {new.functions[name]} does not give {name.name}; pass another, as {{old: …}}"
        )
    lost = new.lost(inverse)
    if lost is None and (new.is_inverse(inverse) or _peels(new) or new.is_monotone()):
        return
    if not closes():
        raise ValueError((_undecided if lost is None else _not_invertible)(new, inverse, names))


def _peels(new: Map) -> bool:
    return any(known for _, known in new.inverses())


def _closes(new: Map, renamed: Callable[[Expr], Expr], differentials: Sequence[ItoDifferential]) -> bool:
    """Whether drift and covariance of the functions are functions of them, although the state is not."""
    pairs = [(f.drift, renamed(f.drift)) for f in differentials]
    pairs += [(f.covariation(g), renamed(f.covariation(g))) for f in differentials for g in differentials]
    return all(vanishes(old, -written.subs(new.functions, simultaneous=True)) for old, written in pairs)


def _not_invertible(new: Map, inverse: Mapping[Symbol, Expr], names: Mapping[Symbol, Symbol]) -> str:
    x, value, back = new.lost(inverse) or (new.state[0], sp.nan, sp.nan)
    return (
        f"inverse: {_shown(inverse, names)} gives {back} back for {x} = {value}, so "
        f"{', '.join(map(str, new.functions.values()))} is not invertible on the whole state space; narrow it by the "
        f"assumptions of the symbols, as in Symbol('{x}', positive=True), or use another function"
    )


def _undecided(new: Map, inverse: Mapping[Symbol, Expr], names: Mapping[Symbol, Symbol]) -> str:
    return (
        f"inverse: SymPy cannot tell whether {_shown(inverse, names)} gives {', '.join(map(str, new.state))} back on "
        f"the whole state space; write the functions or the inverse more simply, or narrow the state space by "
        f"assumptions, as in Symbol('{new.state[0]}', positive=True)"
    )


def _shown(inverse: Mapping[Symbol, Expr], names: Mapping[Symbol, Symbol]) -> str:
    return str({x: sp.sympify(e).xreplace(dict(names)) for x, e in inverse.items()})


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
    pairs = [(f.drift, a) for f, a in zip(differentials, drift, strict=True)]
    pairs += [
        (f.covariation(g), covariance[i, j]) for i, f in enumerate(differentials) for j, g in enumerate(differentials)
    ]
    _require_closed(functions, inverse, pairs)
    return drift, _root(covariance)


def _require_inverse(functions: Mapping[Symbol, Expr], inverse: Mapping[Symbol, Number]) -> None:
    """Checks `f(inverse(y)) = y`."""
    for name, f in functions.items():
        if vanishes(sp.sympify(f).subs(inverse, simultaneous=True) - name) is False:
            raise ValueError(f"inverse: {inverse} put into {f} does not give {name}; pass another, as {{old: …}}")


def _require_closed(
    functions: Mapping[Symbol, Expr], inverse: Mapping[Symbol, Number], pairs: Sequence[tuple[Expr, Expr]]
) -> None:
    """Every field comes back from its inverse, or at least what was written in the new symbols is right everywhere.

    A field that the inverse fixes, such as the radius on a sphere, restricts the state space instead.
    """
    fixed = {old: e for old, e in inverse.items() if not sp.sympify(e).has(*functions)}

    def back(expression: Expr) -> Expr:
        return sp.sympify(expression).subs(functions, simultaneous=True)

    fields = [old for old in inverse if old not in fixed]
    if all(vanishes(back(inverse[old]).subs(fixed) - old) for old in fields):
        return
    for old, written in pairs:
        if not vanishes(sp.expand(old).subs(fixed), -back(written).subs(fixed)):
            raise ValueError(
                f"inverse: {inverse} does not give {', '.join(map(str, fields))} back on the whole space, and "
                f"{old} is not {written}; pass an inverse that holds everywhere, or add functions"
            )


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
