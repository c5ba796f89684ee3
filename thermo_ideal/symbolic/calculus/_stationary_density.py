"""The stationary density of a one-dimensional diffusion, and why there may be none."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic._printing import displayed, summary
from thermo_ideal.symbolic._symbolic_object import SymbolicObject
from thermo_ideal.symbolic.calculus._time_limit import within

_SECONDS = 1.0


@dataclass(frozen=True, repr=False)
class StationaryDensity(SymbolicObject):
    """A density `kernel / normalizer` on `(lower, upper)`.

    Args:
        variable: the symbol of the state.
        kernel: the density up to a factor.
        normalizer: its integral; an unevaluated `Integral` where SymPy has no closed form.
        condition: what the parameters must satisfy for the integral to be finite.
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
        density = self.kernel / self.normalizer
        return within(_SECONDS, lambda: sp.simplify(density)) or density

    def __repr__(self) -> str:
        lines = [f"kernel = {self.kernel}", f"normalizer = {self.normalizer}"]
        condition = [] if self.condition == sp.true else [f"if {self.condition}"]
        return summary(f"StationaryDensity on ({self.lower}, {self.upper})", lines + condition)

    def _repr_latex_(self) -> str:
        interval = rf"{sp.latex(self.lower)} < {sp.latex(self.variable)} < {sp.latex(self.upper)}"
        return displayed(
            rf"\rho\left({sp.latex(self.variable)}\right) = {sp.latex(self.kernel / self.normalizer)},\quad {interval}"
        )
