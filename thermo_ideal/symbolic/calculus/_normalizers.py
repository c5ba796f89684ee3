"""Closed forms of the integrals of kernels `c ∏ f_i(x)^{p_i} e^{g(x)}`: candidates, which the caller must check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic._von_mises_fisher import LogPartition
from thermo_ideal.symbolic.calculus._time_limit import within

_SECONDS = 1.0
_BY_PARTS = 6  # the largest power for which integration by parts is shorter than a Bessel function


@dataclass(frozen=True)
class Kernel:
    """`constant · ∏ base^power · e^exponent` on an interval.

    Args:
        x: the variable.
        lower: the lower end.
        upper: the upper end.
        constant: the factors without `x`.
        powers: the power of each base.
        exponent: `g`.
    """

    x: Symbol
    lower: Expr
    upper: Expr
    constant: Expr
    powers: dict[Expr, Expr]
    exponent: Expr

    @classmethod
    def read(cls, expression: Expr, x: Symbol, lower: Expr, upper: Expr) -> Kernel:
        """The factors of an expression."""
        constant, product = expression.as_independent(x, as_Add=False)
        powers: dict[Expr, Expr] = {}
        exponent = sp.S.Zero
        for factor in sp.Mul.make_args(product):
            base, power = factor.as_base_exp()
            if isinstance(factor, sp.exp):
                exponent += factor.args[0]
            else:
                powers[base] = powers.get(base, sp.S.Zero) + power
        return cls(x, lower, upper, constant, powers, sp.expand(exponent))


def candidates(expression: Expr, x: Symbol, lower: Expr, upper: Expr) -> Iterator[Expr]:
    """Closed forms of `∫ expression dx`, the best first; the last are SymPy's own, which may take a second.

    Args:
        expression: a positive function of `x`.
        x: the variable of integration.
        lower: the lower end.
        upper: the upper end.

    Yields:
        Expressions that may be the integral, for some parameters or for none.
    """
    kernel = Kernel.read(expression, x, lower, upper)
    for family in _families(kernel):
        closed = family(kernel)
        if closed is not None:
            yield kernel.constant * closed
    by_sympy = within(_SECONDS, lambda: sp.integrate(expression, (x, lower, upper)))
    if by_sympy is None:
        return
    branches = [e for e, _ in by_sympy.args] if isinstance(by_sympy, sp.Piecewise) else [by_sympy]
    for branch in branches:
        if not branch.has(sp.Integral):
            simpler = _simpler(branch)
            yield from ([] if simpler is None else [simpler])
            yield branch


def _simpler(closed: Expr) -> Expr | None:
    return within(_SECONDS, lambda: sp.simplify(sp.gammasimp(sp.hyperexpand(closed))))


def _families(kernel: Kernel) -> tuple[Callable[[Kernel], Expr | None], ...]:
    finite = (kernel.lower.is_infinite is not True) + (kernel.upper.is_infinite is not True)
    return (_WHOLE_LINE, (_half_line, _half_of_line), (_beta, _circle))[finite]


def _beta(kernel: Kernel) -> Expr | None:
    """`(x − l)^p (u − x)^q e^{bx}`: Euler's, Kummer's or Poisson's integral."""
    x, lower, upper = kernel.x, kernel.lower, kernel.upper
    size, scale, powers = upper - lower, sp.S.One, {lower: sp.S.Zero, upper: sp.S.Zero}
    for base, power in kernel.powers.items():
        ends = [end for end in powers if sp.simplify(base.subs(x, end)) == 0]
        if not ends or sp.diff(base, x, 2) != 0:
            return None
        powers[ends[0]] += power
        scale *= sp.Abs(sp.diff(base, x)) ** power
    slope = sp.diff(kernel.exponent, x)
    p, q = map(sp.factor, powers.values())
    by_parts = p.is_Integer and q.is_Integer and p + q < 2 * _BY_PARTS  # which SymPy does
    if slope.has(x) or (slope != 0 and by_parts):
        return None
    factor = scale * size ** (p + q + 1)
    if slope == 0:
        return factor * sp.exp(kernel.exponent) * _euler(p + 1, q + 1)
    if sp.simplify(p - q) == 0:
        middle = sp.exp(kernel.exponent.subs(x, (lower + upper) / 2))
        return scale * (size / 2) ** (2 * p + 1) * middle * _poisson(p, slope * size / 2)
    rising = sp.hyper([p + 1], [p + q + 2], slope * size)
    return factor * sp.exp(kernel.exponent.subs(x, lower)) * _euler(p + 1, q + 1) * rising


def _euler(a: Expr, b: Expr) -> Expr:
    return sp.gamma(a) * sp.gamma(b) / sp.gamma(sp.expand(a + b))


def _poisson(p: Expr, kappa: Expr) -> Expr:
    """`∫_{−1}^1 (1 − m²)^p e^{κm} dm`, by the partition function on the sphere of dimension `d = 2p + 3`."""
    d = sp.expand(2 * p + 3)
    if d.is_number:
        order = p + sp.S.Half
        return sp.sqrt(sp.pi) * sp.gamma(p + 1) * (2 / kappa) ** order * sp.besseli(order, kappa)
    area = 2 * sp.pi ** ((d - 1) / 2) / sp.gamma((d - 1) / 2)  # of the sphere of one dimension less
    return sp.exp(LogPartition(d, sp.Abs(kappa)) + sp.Abs(kappa)) / area


def _circle(kernel: Kernel) -> Expr | None:
    """`e^{A cos kx + B sin kx}` over whole periods: Bessel's integral."""
    x = kernel.x
    x = kernel.x
    a, b, k = (sp.Wild(name, exclude=[x]) for name in "abk")
    constant, wave = kernel.exponent.as_independent(x, as_Add=True)
    match = wave.match(a * sp.cos(k * x) + b * sp.sin(k * x))
    if kernel.powers or not match or not match.get(k):
        return None
    periods = sp.simplify(match[k] * (kernel.upper - kernel.lower) / (2 * sp.pi))
    if not periods.is_integer:
        return None
    amplitude = sp.sqrt(sp.factor(match.get(a, sp.S.Zero) ** 2 + match.get(b, sp.S.Zero) ** 2))
    return (kernel.upper - kernel.lower) * sp.exp(constant) * sp.besseli(0, amplitude)


def _half_line(kernel: Kernel) -> Expr | None:
    """`y^p e^{−b y^c}`, `y^p e^{−b y^c − a/y^c}` and `y^p (c_0 + c_n y^n)^q` at a distance `y` from the finite end."""
    y = sp.Dummy("y", positive=True)
    end, side = (kernel.upper, -1) if kernel.lower.is_infinite else (kernel.lower, 1)
    p, scale, other = sp.S.Zero, sp.S.One, {}
    for base, power in kernel.powers.items():
        moved = sp.expand(base.subs(kernel.x, end + side * y))
        coefficient, degree = moved.as_coeff_exponent(y)
        if coefficient.has(y):
            other[moved] = power
        else:
            p, scale = p + degree * power, scale * coefficient**power
    constant, falling = sp.expand(kernel.exponent.subs(kernel.x, end + side * y)).as_independent(y, as_Add=True)
    terms = [] if falling == 0 else [term.as_coeff_exponent(y) for term in sp.Add.make_args(sp.expand(falling))]
    if any(coefficient.has(y) for coefficient, _ in terms):
        return None
    closed = _binomial(y, p, other) if other and not terms else None if other else _falling(p, terms)
    return None if closed is None else scale * sp.exp(constant) * closed


def _falling(p: Expr, terms: list[tuple[Expr, Expr]]) -> Expr | None:
    """`∫_0^∞ y^p e^{Σ b y^c}`, for one term, or for two with opposite powers."""
    if len(terms) == 1:
        ((b, c),) = terms
        order = sp.simplify((p + 1) / c)
        return sp.gamma(order) / sp.Abs(c) / (-b) ** order
    if len(terms) == 2 and sp.simplify(terms[0][1] + terms[1][1]) == 0:
        (b, c), (a, _) = terms
        order = sp.simplify((p + 1) / c)
        return 2 / sp.Abs(c) * (a / b) ** (order / 2) * sp.besselk(order, 2 * sp.sqrt(a * b))
    return None


def _binomial(y: Symbol, p: Expr, powers: dict[Expr, Expr]) -> Expr | None:
    """`∫_0^∞ y^p (c_0 + c_n y^n)^q`, a beta function."""
    if len(powers) != 1:
        return None
    ((base, q),) = powers.items()
    start, rest = base.as_independent(y, as_Add=True)
    c, n = rest.as_coeff_exponent(y)
    if c.has(y) or start == 0:
        return None
    order = (p + 1) / n
    return start**q * (start / c) ** order * _euler(order, sp.expand(-q - order)) / n


def _gaussian(kernel: Kernel) -> Expr | None:
    """`e^{−αx² + βx + γ}`."""
    if kernel.powers or not kernel.exponent.is_polynomial(kernel.x) or sp.degree(kernel.exponent, kernel.x) != 2:
        return None
    alpha, beta, gamma = sp.Poly(-kernel.exponent, kernel.x).all_coeffs()
    return sp.sqrt(sp.pi / alpha) * sp.exp(sp.factor(beta**2 / (4 * alpha)) - gamma)


def _quartic(kernel: Kernel) -> Expr | None:
    """`e^{βx² − αx⁴ + γ}`, the double well and the single one."""
    if kernel.powers or not kernel.exponent.is_polynomial(kernel.x) or sp.degree(kernel.exponent, kernel.x) != 4:
        return None
    minus_alpha, cubic, beta, linear, gamma = sp.Poly(kernel.exponent, kernel.x).all_coeffs()
    if cubic != 0 or linear != 0 or beta == 0:
        return None
    z, quarter = sp.factor(-(beta**2) / (8 * minus_alpha)), sp.Rational(1, 4)
    ratio = sp.exp(z + gamma) * sp.sqrt(sp.Abs(beta) / -minus_alpha) / 2
    if beta.is_negative:
        return ratio * sp.besselk(quarter, z)
    return ratio * sp.pi / sp.sqrt(2) * (sp.besseli(quarter, z) + sp.besseli(-quarter, z))


def _pearson(kernel: Kernel) -> Expr | None:
    """`q(x)^{−m} e^{ν atan((x − a)/w)}` with a quadratic `q = A((x − a)² + w²)`: Student's law and Pearson's IV."""
    x = kernel.x
    if len(kernel.powers) != 1:
        return None
    ((base, power),) = kernel.powers.items()
    if not base.is_polynomial(x) or sp.degree(base, x) != 2:
        return None
    A, B, C = sp.Poly(base, x).all_coeffs()
    a, m = -B / (2 * A), sp.factor(-power)
    w = sp.sqrt(sp.factor(C / A - a**2))
    angle = sp.atan((x - a) / w)
    slope = sp.simplify(sp.diff(kernel.exponent, x) / sp.diff(angle, x))
    if slope.has(x):
        return None
    start = sp.simplify((kernel.exponent - slope * angle).subs(x, a))
    factor = w * (A * w**2) ** (-m) * sp.exp(start)
    if slope == 0:
        return factor * sp.sqrt(sp.pi) * sp.gamma(sp.factor(m - sp.S.Half)) / sp.gamma(m)
    modulus = sp.Abs(sp.gamma(m + sp.I * slope / 2))
    return factor * sp.pi * 2 ** (2 - 2 * m) * sp.gamma(sp.factor(2 * m - 1)) / modulus**2


_WHOLE_LINE = (_gaussian, _quartic, _pearson)


def _half_of_line(kernel: Kernel) -> Expr | None:
    """Half of the integral over the line, of a kernel that is even about its finite end."""
    x, end = kernel.x, kernel.upper if kernel.lower.is_infinite else kernel.lower

    def mirrored(f: Expr) -> Expr:
        return sp.expand(f.subs(x, 2 * end - x))

    if mirrored(kernel.exponent) != kernel.exponent or any(mirrored(f) != sp.expand(f) for f in kernel.powers):
        return None
    line = replace(kernel, lower=-sp.oo, upper=sp.oo)
    found = (family(line) for family in _WHOLE_LINE)
    return next((closed / 2 for closed in found if closed is not None), None)
