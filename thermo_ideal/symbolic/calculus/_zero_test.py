"""Whether an expression is zero: by algebra where SymPy can, and by its value where it cannot."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy import Expr, Float, Rational
from sympy.core.function import AppliedUndef

from thermo_ideal.symbolic.calculus._draws import Point, evaluated, points
from thermo_ideal.symbolic.calculus._pieces import branches

_SAMPLES = 24
_OF_FLOATS, _OF_EXACT = Rational(1, 10**9), Rational(1, 10**15)


def vanishes(*terms: Expr) -> bool | None:
    """Whether a sum is 0 for all values of its symbols; None if it is 0 at every point tried, but not by algebra.

    A sum with floating-point numbers counts as 0 if it is below 1e-9 of the size of its terms. Of functions in pieces
    (`Piecewise`, `Abs`, `sign`, …) every piece that the points meet is tested.
    """
    pieces = branches(terms, list(points(sp.Tuple(*terms).free_symbols, _SAMPLES)))
    answers = {_vanishes(*piece) for piece in pieces}
    return False if False in answers else None if None in answers else True


def _vanishes(*terms: Expr) -> bool | None:
    total = sp.Add(*terms)
    if total.has(Float):
        return not _exceeds(terms, _OF_FLOATS)
    if not total.has(AppliedUndef, sp.Derivative, sp.Integral) and _exceeds(terms, _OF_EXACT):
        return False  # which spares the algebra
    simplified = sp.simplify(sp.cancel(sp.expand_power_exp(total)))
    if simplified == 0:
        return True
    if _exceeds(sp.Add.make_args(sp.expand(simplified)), _OF_EXACT):
        return False
    return True if simplified.equals(0) else None


def _exceeds(terms: Sequence[Expr], tolerance: Expr) -> bool:
    """Whether `|Σ terms| / Σ |terms|` is larger at some point that the assumptions of the symbols allow.

    Where all terms are real is where a process lives; elsewhere roots and logarithms are on branches of their own.
    """
    total = sp.Tuple(*terms)
    # The values of unknown functions and of their derivatives are arbitrary.
    unknown = sorted(total.atoms(AppliedUndef) | total.atoms(sp.Derivative), key=str)
    total = total.xreplace({f: sp.Dummy(f"u{k}", real=True) for k, f in enumerate(unknown)})
    only_complex: list[Point] = []
    some_real = False
    for point in points(total.free_symbols, _SAMPLES):
        real = all(value.is_real for value in _values(total, point))
        some_real |= real
        if real and _is_large(total, point, tolerance):
            return True
        only_complex += [] if some_real else [point]
    return not some_real and any(_is_large(total, point, tolerance) for point in only_complex)


def _values(terms: sp.Tuple, point: Point, digits: int = 30) -> list[Expr]:
    return [evaluated(term, point, digits) for term in terms]


def _is_large(terms: sp.Tuple, point: Point, tolerance: Expr) -> bool:
    """Whether the relative size is above the tolerance, and no rounding, which twice the digits would change."""
    values = _values(terms, point)
    if _relative_size(values) <= tolerance:
        return False
    rounded, exact = sp.Add(*values), sp.Add(*_values(terms, point, 60))
    return bool(abs(rounded - exact) <= Rational(1, 10**9) * abs(exact))


def _relative_size(values: Sequence[Expr]) -> Expr:
    """`|Σ values| / Σ |values|`, 0 where one is not finite."""
    if not all(value.is_number and value.is_finite for value in values):
        return sp.S.Zero
    size = sum(map(abs, values), sp.S.Zero)
    return abs(sum(values, sp.S.Zero)) / size if size != 0 else sp.S.Zero
