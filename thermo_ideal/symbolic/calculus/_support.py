"""Where a diffusion lives: intervals on which its squared diffusion is positive and nothing is singular."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mpmath
import sympy as sp
from sympy import Expr, Symbol

_GRID = 192
_STEPS = 140
_NEGLIGIBLE = mpmath.mpf(10) ** -10


@dataclass(frozen=True)
class Fault:
    """A place inside an interval where a diffusion cannot be.

    Args:
        kind: "negative" or "complex" (the squared diffusion), or "singular" (it is 0, or the drift over it infinite).
        position: where.
        value: the squared diffusion there.
    """

    kind: str
    position: Expr
    value: Expr


def faults(a: Expr, D: Expr, x: Symbol, lower: Expr, upper: Expr) -> list[Fault]:
    """The faults of `dX = a dt + √D dB` between two ends, without parameters.

    Args:
        a: the drift.
        D: the squared diffusion.
        x: the state.
        lower: the lower end.
        upper: the upper end.

    Returns:
        The singular points in ascending order, after a point where `D` is negative or not real, if there is one.
    """
    inner = sorted({*_zeros(D, x, lower, upper), *_poles(2 * a / D, x, lower, upper)}, key=lambda z: float(z))
    ends = [lower, *inner, upper]
    outside = [fault for i in range(len(ends) - 1) for fault in _signs(D, x, ends[i], ends[i + 1])]
    return outside[:1] + [Fault("singular", z, sp.S.Zero) for z in inner]


def positive_intervals(D: Expr, x: Symbol, lower: Expr, upper: Expr) -> list[tuple[Expr, Expr]]:
    """The parts of an interval between zeros of `D` on which it is positive."""
    ends = [lower, *sorted(_zeros(D, x, lower, upper), key=float), upper]
    pairs = [(ends[i], ends[i + 1]) for i in range(len(ends) - 1)]
    return [(low, high) for low, high in pairs if not list(_signs(D, x, low, high))]


def inside(lower: Expr, upper: Expr, fraction: Expr) -> Expr:
    """The point of an interval at a fraction of it, in a coordinate that makes infinite intervals finite."""
    if lower.is_finite and upper.is_finite:
        return lower + (upper - lower) * fraction
    if lower.is_finite:
        return lower + fraction / (1 - fraction)
    if upper.is_finite:
        return upper - (1 - fraction) / fraction
    return (fraction - sp.S.Half) / (fraction * (1 - fraction))


def _signs(D: Expr, x: Symbol, lower: Expr, upper: Expr) -> Iterator[Fault]:
    for k in (1, 3, 7, 11, 13):
        position = inside(lower, upper, sp.Rational(k, 14))
        value = sp.N(D.subs(x, position), 20)
        if not value.is_real:
            yield Fault("complex", position, value)
        elif value < 0:
            yield Fault("negative", position, value)


def _zeros(D: Expr, x: Symbol, lower: Expr, upper: Expr) -> list[Expr]:
    numerator = sp.fraction(sp.together(D))[0]
    if numerator.is_polynomial(x):
        return _roots(numerator, x, lower, upper)
    return _scanned(D, x, lower, upper)


def _poles(ratio: Expr, x: Symbol, lower: Expr, upper: Expr) -> list[Expr]:
    if ratio.is_rational_function(x):
        return _roots(sp.fraction(sp.cancel(sp.together(ratio)))[1], x, lower, upper)
    return [] if ratio == 0 else _scanned(1 / ratio, x, lower, upper)


def _roots(polynomial: Expr, x: Symbol, lower: Expr, upper: Expr) -> list[Expr]:
    exact = sp.Poly(sp.nsimplify(polynomial, rational=True), x)
    if exact.degree() < 1:
        return []
    try:
        roots = set(exact.real_roots())
    except (NotImplementedError, sp.PolynomialError):  # irrational coefficients
        roots = {sp.re(root) for root in exact.nroots(20, maxsteps=200) if abs(sp.im(root)) < 1e-12}
    return [root for root in roots if lower < root < upper]


def _scanned(f: Expr, x: Symbol, lower: Expr, upper: Expr) -> list[Expr]:
    """Where `|f|` falls to 0 between the points of a grid, by golden sections."""
    t = sp.Dummy("t", positive=True)
    along = sp.lambdify(t, f.subs(x, inside(lower, upper, t)), "mpmath")

    def size(fraction: mpmath.mpf) -> mpmath.mpf:
        try:
            return abs(mpmath.mpmathify(along(fraction)))
        except (ArithmeticError, ValueError, TypeError, NameError):
            return mpmath.inf

    found = []
    with mpmath.workdps(40):
        grid = [mpmath.mpf(k) / _GRID for k in range(1, _GRID)]
        values = [size(fraction) for fraction in grid]
        for k in range(1, len(grid) - 1):
            if values[k - 1] > values[k] <= values[k + 1] and values[k - 1] < mpmath.inf > values[k + 1]:
                fraction, least = _golden(size, grid[k - 1], grid[k + 1])
                if least <= _NEGLIGIBLE * min(values[k - 1], values[k + 1]):
                    found.append(_position(lower, upper, fraction, grid[k - 1]))
    return found


def _position(lower: Expr, upper: Expr, fraction: mpmath.mpf, beside: mpmath.mpf) -> Expr:
    """The point at a fraction, to twelve digits of its distance from another, as a rational number."""
    here, there = (sp.N(inside(lower, upper, sp.Float(f, 30)), 30) for f in (fraction, beside))
    unit = sp.Rational(10) ** (int(sp.floor(sp.log(abs(here - there), 10))) - 12)
    return unit * sp.Integer(round(here / unit))


def _golden(
    size: Callable[[mpmath.mpf], mpmath.mpf], low: mpmath.mpf, high: mpmath.mpf
) -> tuple[mpmath.mpf, mpmath.mpf]:
    share = (mpmath.sqrt(5) - 1) / 2
    c, d = high - share * (high - low), low + share * (high - low)
    at_c, at_d = size(c), size(d)
    for _ in range(_STEPS):
        if at_c < at_d:
            high, d, at_d = d, c, at_c
            c = high - share * (high - low)
            at_c = size(c)
        else:
            low, c, at_c = c, d, at_d
            d = low + share * (high - low)
            at_d = size(d)
    return c, min(at_c, at_d)
