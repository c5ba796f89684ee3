"""Whether an expression is zero: by algebra where SymPy can, and by its value where it cannot."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy import Expr, Float, Rational, Symbol
from sympy.core.function import AppliedUndef

_SAMPLES = 3


def vanishes(*terms: Expr) -> bool | None:
    """Whether a sum is 0 for all values of its symbols; None if it is 0 at every point tried, but not by algebra.

    A sum with floating-point numbers counts as 0 if it is below 1e-9 of the size of its terms.
    """
    total = sp.Add(*terms)
    if total.has(Float):
        return all(_relative_size(terms, sample) < Rational(1, 10**9) for sample in range(_SAMPLES))
    simplified = sp.simplify(sp.cancel(sp.expand_power_exp(total)))
    if simplified == 0:
        return True
    parts = sp.Add.make_args(sp.expand(simplified))
    if any(_relative_size(parts, sample) > Rational(1, 10**15) for sample in range(_SAMPLES)):
        return False
    return True if simplified.equals(0) else None


def _relative_size(terms: Sequence[Expr], sample: int) -> Expr:
    """`|Σ terms| / Σ |terms|` at a point that the assumptions of the symbols allow."""
    total = sp.Tuple(*terms)
    # The values of unknown functions and of their derivatives are arbitrary.
    unknown = sorted(total.atoms(AppliedUndef) | total.atoms(sp.Derivative), key=str)
    total = total.xreplace({f: sp.Dummy(f"u{k}", real=True) for k, f in enumerate(unknown)})
    symbols = sorted(total.free_symbols, key=str)
    point = {symbol: _sample(symbol, 7 * sample + k) for k, symbol in enumerate(symbols)}
    values = [sp.N(term.subs(point), 30) for term in total]
    size = sum(map(abs, values), sp.S.Zero)
    return abs(sum(values, sp.S.Zero)) / size if size != 0 else sp.S.Zero


def _sample(symbol: Symbol, k: int) -> Expr:
    if symbol.is_integer:
        return sp.Integer(2 + k % 5)
    size = Rational(2 * k + 3, 3 * k + 7)  # between 3/7 and 2/3
    return -size if symbol.is_negative else size
