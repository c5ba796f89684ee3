"""Where a one-dimensional process leaves an interval, and when: by its scale function and speed measure."""

from __future__ import annotations

from typing import Any

import mpmath
import sympy as sp
from sympy import Expr, Integral, Symbol
from sympy.integrals.manualintegrate import manualintegrate


class Exits:
    """What a process in one dimension knows of the ends of an interval; its state is the starting point."""

    state: Any
    covariance: Any
    speed_density: Any

    def hitting_probability(self, lower: Expr | int | float, upper: Expr | int | float) -> Expr:
        """`P(X is at upper before it is at lower) = (s(x) − s(lower))/(s(upper) − s(lower))`, with the scale `s`.

        Args:
            lower: the lower end of the interval.
            upper: the upper end.

        Returns:
            The probability as a function of the starting point, the symbol of the state; with an unevaluated `Integral`
            where there is no quick closed form. `sympy.lambdify(x, probability, "mpmath")` evaluates it.

        Raises:
            ValueError: more than one dimension, no noise, coefficients that depend on time, or ends that are not finite
                and in order.

        Example:
            >>> import sympy as sp
            >>> from thermo_ideal.symbolic import ItoProcess
            >>> x, sigma, a = sp.symbols("x sigma a", positive=True)
            >>> ItoProcess([x], [0], [[sigma]]).hitting_probability(0, a)
            x/a

        Source: Karlin & Taylor, A Second Course in Stochastic Processes, §15.3.
        """
        ends = _read_ends("hitting_probability", lower, upper)
        slope, _ = self._scale_and_speed()
        return self._probability(slope, *ends)

    def mean_exit_time(self, lower: Expr | int | float, upper: Expr | int | float) -> Expr:
        """The mean of the time when the process leaves `(lower, upper)`, which solves `𝒜τ = −1` with 0 at both ends.

        `τ = P ∫_x^upper (s(upper) − s(y)) m(y) dy + (1 − P) ∫_lower^x (s(y) − s(lower)) m(y) dy` with the scale `s`,
        the speed density `m = 2/(D s')` and the probability `P` of the upper end.

        Args:
            lower: the lower end of the interval.
            upper: the upper end.

        Returns:
            The time as a function of the starting point, the symbol of the state; with an unevaluated `Integral` where
            there is no quick closed form. `sympy.lambdify(x, time, "mpmath")` evaluates it in a second or two, also
            where one integral is inside another, for which `evalf` takes minutes.

        Raises:
            ValueError: more than one dimension, no noise, coefficients that depend on time, or ends that are not finite
                and in order.

        Example:
            >>> import sympy as sp
            >>> from thermo_ideal.symbolic import ItoProcess
            >>> x = sp.Symbol("x", real=True)
            >>> sp.factor(ItoProcess([x], [0], [[1]]).mean_exit_time(-1, 1))
            -(x - 1)*(x + 1)

        Source: Karlin & Taylor, A Second Course in Stochastic Processes, §15.3.
        """
        below, above = _read_ends("mean_exit_time", lower, upper)
        slope, speed = self._scale_and_speed()
        x, y = self.state[0], sp.Dummy("y", **self.state[0].assumptions0)
        to_upper, from_lower = _definite(slope, x, y, above), _definite(slope, x, below, y)
        later = _definite(to_upper * speed.subs(x, y), y, x, above)
        sooner = _definite(from_lower * speed.subs(x, y), y, below, x)
        probability = self._probability(slope, below, above)
        return probability * later + (1 - probability) * sooner

    def _scale_and_speed(self) -> tuple[Expr, Expr]:
        """`s'` and `m = 2/(D s')`."""
        speed = self.speed_density()
        return sp.powsimp(sp.cancel(2 / (self.covariance(0, 0) * speed))), speed

    def _probability(self, slope: Expr, lower: Expr, upper: Expr) -> Expr:
        x = self.state[0]
        return _definite(slope, x, lower, x) / _definite(slope, x, lower, upper)


def _read_ends(method: str, lower: Expr | int | float, upper: Expr | int | float) -> tuple[Expr, Expr]:
    ends = sp.sympify(lower), sp.sympify(upper)
    if any(end.is_infinite for end in ends) or sp.Gt(ends[1], ends[0]) == sp.false:
        raise ValueError(
            f"{method}: got the ends {lower} and {upper}, expected finite ones in order, as in {method}(0, 1)"
        )
    return ends


def _definite(f: Expr, x: Symbol, lower: Expr, upper: Expr) -> Expr:
    """The integral, in closed form where simple rules find one that agrees with a quadrature."""
    dummy = sp.Dummy(x.name, **x.assumptions0)
    f = f.subs(x, dummy)
    unevaluated = Integral(f, (dummy, lower, upper))
    if f.has(Integral):
        return unevaluated
    antiderivative = manualintegrate(sp.expand(f), dummy)
    if antiderivative.has(Integral, sp.Piecewise):
        return unevaluated
    value = antiderivative.subs(dummy, upper) - antiderivative.subs(dummy, lower)
    return value if _agree(value, f, dummy, lower, upper) else unevaluated


def _agree(value: Expr, f: Expr, x: Symbol, lower: Expr, upper: Expr) -> bool:
    """Whether the value is that of the integral at a point of the parameters; False where that cannot be computed."""
    symbols = sorted((f.free_symbols - {x}) | lower.free_symbols | upper.free_symbols, key=str)
    at = {symbol: sp.Rational(2 * k + 3, 3 * k + 7) for k, symbol in enumerate(symbols)}
    try:
        ends = [mpmath.mpf(sp.N(end.subs(at), 30)) for end in (lower, upper)]
        exact = mpmath.quad(sp.lambdify(x, f.subs(at), "mpmath"), ends)
        return bool(abs(mpmath.mpmathify(sp.N(value.subs(at), 30)) - exact) <= 1e-9 * abs(exact))
    except (TypeError, ValueError, ZeroDivisionError, ArithmeticError):
        return False
