"""Numerical integrals of positive kernels, against which closed forms are checked."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import sympy as sp
from sympy import Expr, Symbol

_DIGITS = 20
_TOLERANCE = 1e-9
_CUTS = (0.0, 0.02, 0.15, 0.5, 1.0)


def from_end(x: Symbol, end: Expr, side: int, u: Symbol, start: Expr | int = 0) -> Expr:
    """The position at a distance `u` from an end, or `1/u` beyond `start` where the end is infinite.

    Args:
        x: the symbol of the position.
        end: an end of the interval.
        side: +1 for the lower end, −1 for the upper.
        u: the symbol of the distance, which goes to 0.
        start: where `u` is infinite, for an infinite end.
    """
    return start - side / u if end.is_infinite else end + side * u


def at_distance(kernel: Expr, x: Symbol, position: Expr) -> Expr:
    """The kernel at a position, with factored bases, so that a small distance to an end is not lost in rounding."""
    moved = kernel.subs(x, position)
    return moved.replace(lambda e: e.is_Pow and not e.base.is_Atom, lambda e: sp.factor(e.base) ** e.exp)


def integral(kernel: Expr, x: Symbol, lower: Expr, upper: Expr) -> Expr | None:
    """`∫ kernel dx` for a kernel and ends without parameters; None where quadrature is not sure to nine digits."""
    middle = midpoint(lower, upper)
    with mpmath.workdps(_DIGITS):
        try:
            halves = [_half(kernel, x, end, side, middle) for end, side in ((lower, 1), (upper, -1))]
        except (ArithmeticError, ValueError, TypeError, NameError):
            return None
        total, error = sum(half[0] for half in halves), sum(half[1] for half in halves)
        sure = mpmath.isfinite(total) and total > 0 and error < _TOLERANCE * total
        return sp.Float(total, _DIGITS) if sure else None


def midpoint(lower: Expr, upper: Expr) -> Expr:
    """A point between the ends."""
    if lower.is_finite and upper.is_finite:
        return (lower + upper) / 2
    if lower.is_finite:
        return lower + 1
    return upper - 1 if upper.is_finite else sp.S.Zero


def _half(kernel: Expr, x: Symbol, end: Expr, side: int, middle: Expr) -> tuple[mpmath.mpf, mpmath.mpf]:
    u = sp.Dummy("u", positive=True)
    position = from_end(x, end, side, u, middle + side)
    density = sp.lambdify(u, at_distance(kernel, x, position) * sp.Abs(sp.diff(position, u)), "mpmath")
    last = mpmath.mpf(1) if end.is_infinite else mpmath.mpf(sp.N(abs(end - middle), _DIGITS))
    return _flattened(density, last)


def _flattened(density: Callable[..., mpmath.mpf], last: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    """`∫_0^last` with its error, in the variable `u^{1/m}`, in which an integrable `u^P` is constant at 0."""
    near, far = mpmath.mpf(10) ** -12, mpmath.mpf(10) ** -8
    values = density(near), density(far)
    positive = all(mpmath.im(v) == 0 and v > 0 for v in values)
    power = mpmath.log(values[0] / values[1]) / mpmath.log(near / far) if positive else mpmath.mpf(0)
    m = 1 / (1 + power) if -1 < power < 0 else mpmath.mpf(1)
    top = last ** (1 / m)

    def integrand(v: mpmath.mpf) -> mpmath.mpf:
        return density(v**m) * m * v ** (m - 1)

    value, error = mpmath.quad(integrand, [top * mpmath.mpf(cut) for cut in _CUTS], error=True)
    return mpmath.mpf(value), mpmath.mpf(error)
