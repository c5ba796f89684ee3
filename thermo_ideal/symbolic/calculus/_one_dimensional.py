"""One-dimensional diffusions: the density without a current, the scale function, the speed measure."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic._printing import displayed, summary


@dataclass(frozen=True, repr=False)
class StationaryDensity:
    """A density `kernel / normalizer` on `(lower, upper)`.

    Args:
        variable: the symbol of the state.
        kernel: the density up to a factor.
        normalizer: its integral; an unevaluated `Integral` where SymPy has no closed form.
        condition: what the parameters must satisfy for the integral to have this value.
        lower: the lower end of the interval.
        upper: the upper end.

    Example:
        >>> import sympy as sp
        >>> from thermo_ideal.symbolic import ItoProcess
        >>> x, theta, sigma = sp.symbols("x theta sigma", positive=True)
        >>> ItoProcess([x], [-theta * x], [[sigma]]).stationary_law(0, sp.oo)
        StationaryDensity on (0, oo)
          kernel = exp(-theta*x**2/sigma**2)
          normalizer = sqrt(pi)*sigma/(2*sqrt(theta))

    Source: Karatzas & Shreve, Brownian Motion and Stochastic Calculus, §5.5.
    """

    variable: Symbol
    kernel: Expr
    normalizer: Expr
    condition: sp.Basic
    lower: Expr
    upper: Expr

    @property
    def density(self) -> Expr:
        """`kernel / normalizer`."""
        return sp.simplify(self.kernel / self.normalizer)

    def __repr__(self) -> str:
        lines = [f"kernel = {self.kernel}", f"normalizer = {self.normalizer}"]
        condition = [] if self.condition == sp.true else [f"if {self.condition}"]
        return summary(f"StationaryDensity on ({self.lower}, {self.upper})", lines + condition)

    def _repr_latex_(self) -> str:
        interval = rf"{sp.latex(self.lower)} < {sp.latex(self.variable)} < {sp.latex(self.upper)}"
        return displayed(
            rf"\rho\left({sp.latex(self.variable)}\right) = {sp.latex(self.kernel / self.normalizer)},\quad {interval}"
        )


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

    def _log_scale(self) -> Expr:
        """`∫ 2a/D dx`, with the real branch of every logarithm.

        Partial fractions are integrated one by one, because SymPy integrates their sum to logarithms of products.
        """
        ratio = sp.factor(2 * self.a / self.D)
        terms = sp.apart(ratio, self.x) if ratio.is_rational_function(self.x) else sp.expand(ratio)
        integral = sp.Add(*(sp.expand(sp.integrate(term, self.x)) for term in sp.Add.make_args(terms)))
        return integral.replace(sp.log, self._real_logarithm)

    def _real_logarithm(self, argument: Expr) -> Expr:
        leading = sp.LC(argument, self.x) if argument.is_polynomial(self.x) else sp.S.One
        return sp.log(sp.Abs(sp.expand(argument / leading)))

    def speed_density(self) -> Expr:
        """`2/(D s')`."""
        return sp.powsimp(2 * _exponential(self._log_scale()) / sp.factor(self.D))

    def scale_function(self, start: Expr) -> Expr:
        """`∫ s'` from `start` to `x`, with `s' = exp(−∫ 2a/D)`."""
        dummy = sp.Dummy(**self.x.assumptions0)
        return sp.integrate(_exponential(-self._log_scale()).subs(self.x, dummy), (dummy, start, self.x))

    def stationary_law(self, lower: Expr, upper: Expr) -> StationaryDensity:
        """The speed density without its constant factors, and its integral."""
        if sp.Gt(upper, lower) == sp.false:
            raise ValueError(
                f"lower, upper: got the interval ({lower}, {upper}), expected lower < upper, as in "
                f"stationary_law({upper}, {lower})"
            )
        inside = _interior(lower, upper)

        def sign(argument: Expr) -> Expr:
            value = argument.subs(self.x, inside)
            return -argument if value.is_negative else argument if value.is_positive else sp.Abs(argument)

        kernel = sp.powsimp(_exponential(self._log_scale()).replace(sp.Abs, sign) / sp.factor(self.D))
        kernel = kernel.as_independent(self.x, as_Add=False)[1]
        integral, condition = sp.integrate(kernel, (self.x, lower, upper)), sp.true
        if isinstance(integral, sp.Piecewise):
            integral, condition = integral.args[0]
            condition = sp.simplify(condition)
        if not integral.has(sp.Integral):
            integral = sp.simplify(sp.gammasimp(sp.hyperexpand(integral)))
            infinite = integral.is_infinite or integral.is_negative or integral.has(sp.oo, sp.zoo, sp.nan)
            if condition == sp.false or infinite:
                raise ArithmeticError(
                    f"stationary_law: {kernel} has no finite integral over ({lower}, {upper}), so the process has no "
                    f"stationary law there; its zero-current measure is {kernel}, up to a factor"
                )
            if any(power.base == 0 for power in integral.atoms(sp.Pow)):
                raise ArithmeticError(
                    f"stationary_law: {kernel} has a finite integral over ({lower}, {upper}) for some parameters only; "
                    f"give their symbols assumptions, as in Symbol('a', positive=True)"
                )
        return StationaryDensity(self.x, kernel, integral, condition, lower, upper)


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


def _interior(lower: Expr, upper: Expr) -> Expr:
    """A point between the ends, at which the branch of every logarithm is chosen."""
    if lower.is_finite and upper.is_finite:
        return (lower + upper) / 2
    if lower.is_finite:
        return lower + 1
    return upper - 1 if upper.is_finite else sp.S.Zero
