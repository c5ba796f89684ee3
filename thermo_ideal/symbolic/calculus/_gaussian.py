"""Laws of linear stochastic differential equations: stationary moments, autocovariance, Gaussian transition law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy import Expr, ImmutableMatrix, Symbol

from thermo_ideal.symbolic._printing import displayed, plain, summary
from thermo_ideal.symbolic._symbolic_object import SymbolicObject
from thermo_ideal.symbolic.calculus._linear_system import exponential, tidied


@dataclass(frozen=True, repr=False)
class StationaryMoments(SymbolicObject):
    """Mean and covariance of a stationary process with the drift `A x + c`.

    Args:
        mean: `m`, where `A m + c = 0`.
        covariance: `C`, where `A C + C Aᵀ + E D = 0` (Lyapunov's equation).
        slope: `A`.
        condition: what the parameters must satisfy for the moments to exist.

    Example:
        >>> import sympy as sp
        >>> from thermo_ideal.symbolic import ItoProcess
        >>> x, v = sp.symbols("x v", real=True)
        >>> k, friction, T = sp.symbols("k gamma T", positive=True)
        >>> langevin = ItoProcess([x, v], [v, -k * x - friction * v], [[0], [sp.sqrt(2 * friction * T)]])
        >>> langevin.moment_equations().stationary()
        StationaryMoments
          mean = [0, 0]
          covariance = [[T/k, 0], [0, T]]

    Source: Gardiner, Handbook of Stochastic Methods, §4.4.6.
    """

    mean: ImmutableMatrix
    covariance: ImmutableMatrix
    slope: ImmutableMatrix
    condition: sp.Basic

    def autocovariance(self, lag: Expr | int | float) -> ImmutableMatrix:
        """`Cov(X(t + lag), X(t)) = e^{A lag} C` of the stationary process.

        Args:
            lag: a time, not negative.

        Returns:
            The matrix.

        Raises:
            ValueError: the lag is negative.
        """
        lag = sp.sympify(lag)
        if lag.is_negative:
            raise ValueError(f"lag: got {lag}, expected a time ≥ 0, as in autocovariance({-lag}).T")
        return tidied(exponential(self.slope, lag) * self.covariance)

    def __repr__(self) -> str:
        lines = [f"mean = {list(self.mean)}", f"covariance = {self.covariance.tolist()}"]
        condition = [] if self.condition == sp.true else [f"if {plain(self.condition)}"]
        return summary(type(self).__name__, lines + condition)

    def _repr_latex_(self) -> str:
        return displayed(rf"m = {sp.latex(self.mean)},\quad C = {sp.latex(self.covariance)}")


@dataclass(frozen=True, repr=False)
class GaussianLaw(SymbolicObject):
    """A normal law.

    Args:
        variables: the symbols of the components.
        mean: a column.
        covariance: a matrix.

    Example:
        >>> import sympy as sp
        >>> from thermo_ideal.symbolic import ItoProcess
        >>> x, theta, sigma, x0 = sp.symbols("x theta sigma x0", positive=True)
        >>> ItoProcess([x], [0], [[sigma]]).moment_equations().transition_law([x0]).density
        sqrt(2)*exp(-(x - x0)**2/(2*sigma**2*t))/(2*sqrt(pi)*sigma*sqrt(t))
    """

    variables: tuple[Symbol, ...]
    mean: ImmutableMatrix
    covariance: ImmutableMatrix

    @property
    def density(self) -> Expr:
        """`exp(−½ (x − m)ᵀ C^{−1} (x − m)) / √det(2πC)`."""
        x = sp.Matrix(self.variables) - self.mean
        square: Any = (x.T * self.covariance.inv(method="ADJ") * x)[0]
        return sp.exp(-sp.factor_terms(square) / 2) / sp.sqrt((2 * sp.pi * self.covariance).det())

    def __repr__(self) -> str:
        lines = [f"mean = {list(self.mean)}", f"covariance = {self.covariance.tolist()}"]
        return summary(f"GaussianLaw of {', '.join(map(str, self.variables))}", lines)

    def _repr_latex_(self) -> str:
        x = sp.latex(sp.Matrix(self.variables))
        return displayed(rf"{x} \sim \mathcal{{N}}\left({sp.latex(self.mean)}, {sp.latex(self.covariance)}\right)")
