"""One-dimensional diffusions: the scale function, the speed measure, and the density without a current."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic.calculus._draws import Point, evaluated, points
from thermo_ideal.symbolic.calculus._support import inside
from thermo_ideal.symbolic.calculus._time_limit import within

_SECONDS = 0.8
_FRACTIONS = tuple(sp.Rational(k, 17) for k in (1, 5, 8, 12, 16))
_TOLERANCE = sp.Float("1e-12")


@dataclass(frozen=True)
class ScalarDiffusion:
    """`dX = a dt + √D dB`, with coefficients that do not depend on time.

    Args:
        x: the symbol of the state.
        a: the drift.
        D: the squared diffusion.
    """

    x: Symbol
    a: Expr
    D: Expr

    @property
    def parameters(self) -> set[Symbol]:
        """The symbols other than the state."""
        return (self.a.free_symbols | self.D.free_symbols) - {self.x}

    @property
    def log_speed_slope(self) -> Expr:
        """`d log m/dx = (2a − D')/D` of the speed density."""
        return (2 * self.a - sp.diff(self.D, self.x)) / self.D

    def _log_scale(self, start: Expr = sp.S.Zero) -> Expr:
        """`∫ 2a/D dx` with the real branch of every logarithm; an `Integral` from `start` where SymPy has none.

        Partial fractions are integrated one by one, because SymPy integrates their sum to logarithms of products.
        """
        ratio = sp.factor(2 * self.a / self.D)
        found = within(_SECONDS, lambda: self._integrated(ratio))
        if found is None or found.has(sp.Integral):
            variable = sp.Dummy("s", **self.x.assumptions0)
            return sp.Integral(ratio.subs(self.x, variable), (variable, start, self.x))
        return found

    def _integrated(self, ratio: Expr) -> Expr:
        terms = sp.apart(ratio, self.x) if ratio.is_rational_function(self.x) else sp.expand(ratio)
        integral = sp.Add(*(sp.expand(self._integrated_term(term)) for term in sp.Add.make_args(terms)))
        return sp.expand(integral.replace(self._has_exceptions, lambda f: f.args[0][0])).replace(
            sp.log, self._real_logarithm
        )

    def _has_exceptions(self, f: sp.Basic) -> bool:
        """Whether it is a `Piecewise` by parameters, such as `∫ x^n dx`, whose first case is the rule."""
        return isinstance(f, sp.Piecewise) and isinstance(f.args[0][1], sp.Ne) and not f.args[0][1].has(self.x)

    def _integrated_term(self, term: Expr) -> Expr:
        above, below = sp.fraction(sp.together(term))
        if below.is_polynomial(self.x) and above.is_polynomial(self.x):
            quadratic = sp.Poly(below, self.x)
            if quadratic.degree() == 2 and sp.degree(above, self.x) < 2 and quadratic.discriminant().is_negative:
                return self._integrated_quadratic(sp.Poly(above, self.x), quadratic)
        coefficient, power = term.as_coeff_exponent(self.x)
        if not (coefficient.has(self.x) or power.has(self.x) or power == -1):
            return coefficient * self.x ** (power + 1) / (power + 1)
        return sp.integrate(term, self.x)

    def _integrated_quadratic(self, above: sp.Poly, below: sp.Poly) -> Expr:
        """A linear function over a quadratic without real roots: a logarithm and an arc tangent."""
        A, B, _ = below.all_coeffs()
        slope, constant = above.nth(1), above.nth(0)
        root = sp.sqrt(sp.factor(-below.discriminant()))
        angle = 2 / root * sp.atan((2 * A * self.x + B) / root)
        return slope / (2 * A) * sp.log(below.as_expr()) + sp.factor(constant - slope * B / (2 * A)) * angle

    def _real_logarithm(self, argument: Expr) -> Expr:
        """`log|f|` up to a constant, of a polynomial as it stands among the factors of D."""
        if argument.is_polynomial(self.x):
            argument = sp.factor(sp.fraction(sp.together(argument))[0]).as_independent(self.x, as_Add=False)[1]
        return sp.log(sp.Abs(argument))

    def speed_density(self) -> Expr:
        """`2/(D s')`."""
        return sp.powsimp(2 * _exponential(self._log_scale()) / sp.factor(self.D))

    def scale_function(self, start: Expr) -> Expr:
        """`∫ s'` from `start` to `x`, with `s' = exp(−∫ 2a/D)`; an `Integral` where SymPy has no closed form."""
        variable = sp.Dummy("s", **self.x.assumptions0)
        slope = _exponential(-self._log_scale()).subs(self.x, variable)
        found = within(2 * _SECONDS, lambda: sp.integrate(slope, (variable, start, self.x)))
        return sp.Integral(slope, (variable, start, self.x)) if found is None else found

    def kernel(self, lower: Expr, upper: Expr, trials: Iterable[Point]) -> Expr:
        """The speed density on an interval without its constant factors: positive, with the signs of its factors there.

        Args:
            lower: the lower end.
            upper: the upper end.
            trials: values of the parameters.

        Returns:
            The kernel; its exponent is an `Integral` where SymPy finds none that is right.
        """
        places = [
            {**point, self.x: inside(sp.sympify(lower).subs(point), sp.sympify(upper).subs(point), fraction)}
            for point in trials
            for fraction in _FRACTIONS
        ]
        exponents = (self._log_scale(), self._unevaluated(lower, upper))
        for exponent in exponents:
            kernel = self._positive(_exponential(exponent) / _absolute(sp.factor(self.D)), places)
            if exponent.has(sp.Integral) or self._is_right(kernel, places):
                return kernel
        return kernel

    def _unevaluated(self, lower: Expr, upper: Expr) -> Expr:
        variable = sp.Dummy("s", **self.x.assumptions0)
        start = inside(lower, upper, sp.S.Half)
        return sp.Integral((2 * self.a / self.D).subs(self.x, variable), (variable, start, self.x))

    def _positive(self, kernel: Expr, places: list[Point]) -> Expr:
        """The absolute value of a product, with the sign that each factor has at all places."""

        def with_sign(argument: Expr) -> Expr:
            values = {sp.sign(evaluated(argument, place)) for place in places}
            return argument if values == {1} else -argument if values == {-1} else sp.Abs(argument)

        product = sp.powsimp(kernel.replace(sp.Abs, with_sign)).as_independent(self.x, as_Add=False)[1]
        return _absolute(product).replace(sp.Abs, with_sign)

    def _is_right(self, kernel: Expr, places: list[Point]) -> bool:
        """Whether it is positive and has the logarithmic derivative of the speed density, at every place."""
        slope, wanted = sp.diff(sp.expand_log(sp.log(kernel), force=True), self.x), self.log_speed_slope
        for place in places[:: len(_FRACTIONS) + 1]:
            value, found, right = (evaluated(e, place) for e in (kernel, slope, wanted))
            if not (value.is_real and value > 0 and found.is_finite):
                return False
            if abs(found - right) > _TOLERANCE * (1 + abs(right)):
                return False
        return True


def parameter_points(diffusion: ScalarDiffusion, ends: tuple[Expr, Expr], condition: sp.Basic) -> list[Point]:
    """Values of the parameters that satisfy a condition and put the ends in their order."""
    lower, upper = ends
    symbols = diffusion.parameters | lower.free_symbols | upper.free_symbols
    ordered = sp.And(condition, sp.Lt(lower, upper)) if lower.is_finite and upper.is_finite else condition
    return list(points(symbols, 16 if symbols else 1, decades=0.6, condition=ordered))


def _absolute(product: Expr) -> Expr:
    """The absolute values of all factors."""
    return sp.Mul(*(_absolute_factor(factor) for factor in sp.Mul.make_args(product)))


def _absolute_factor(factor: Expr) -> Expr:
    base, power = factor.as_base_exp()
    return factor if isinstance(factor, sp.exp) else sp.Abs(base) ** power


def _exponential(exponent: Expr) -> Expr:
    """`exp(a log f + b)` as `f^a e^b`."""
    powers, rest = sp.S.One, sp.S.Zero
    for term in sp.Add.make_args(exponent):
        logarithms = [factor for factor in sp.Mul.make_args(term) if isinstance(factor, sp.log)]
        if len(logarithms) == 1:
            powers *= logarithms[0].args[0] ** (term / logarithms[0])
        else:
            rest += term
    return powers * sp.exp(rest)
