"""Stochastic differentials of functions of a process, and their arithmetic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy import Expr

from thermo_ideal.symbolic._printing import LATEX, TEXT, Language, displayed, shortened
from thermo_ideal.symbolic.calculus._tensors import Coefficient


@dataclass(frozen=True, repr=False)
class Differential(ABC):
    """`df = drift dt + Σ_k diffusion(k) dB_k` in one of the two conventions."""

    value: Expr
    drift: Expr
    diffusion: Coefficient
    process: Any

    @abstractmethod
    def _second_order(self, other: Differential) -> Expr:
        """The rate that the product rule adds to the ordinary one."""

    @abstractmethod
    def _of_function(self, f: Expr) -> Differential:
        """The differential of another function of the process."""

    def covariation(self, other: Differential | Expr) -> Expr:
        """`d[f, g]/dt`, the rate of the quadratic covariation.

        Args:
            other: the differential of `g`, or `g` itself.

        Returns:
            The rate as a function of the state.

        Raises:
            ValueError: the two are functions of different processes, or in different conventions.
        """
        return self.process.covariation_rate(self.diffusion, self._read(other).diffusion)

    def _read(self, other: Any) -> Differential:
        if not isinstance(other, Differential):
            return self._of_function(sp.sympify(other))
        if type(other) is not type(self) or other.process != self.process:
            raise ValueError(
                f"got differentials of two processes, {self.value} and {other.value}; put both into one process"
            )
        return other

    def _linear(self, value: Expr, own: Expr, other: Differential, theirs: Expr, extra: Expr) -> Differential:
        """The differential `own·df + theirs·dg + extra dt`."""
        return type(self)(
            value,
            own * self.drift + theirs * other.drift + extra,
            lambda k: own * self.diffusion(k) + theirs * other.diffusion(k),
            self.process,
        )

    def __add__(self, other: object) -> Differential:
        g = self._read(other)
        return self._linear(self.value + g.value, sp.S.One, g, sp.S.One, sp.S.Zero)

    def __mul__(self, other: object) -> Differential:
        g = self._read(other)
        return self._linear(self.value * g.value, g.value, g, self.value, self._second_order(g))

    def __truediv__(self, other: object) -> Differential:
        other = self._read(other)
        f, g = self.value, other.value
        extra = f * other._second_order(other) / g**3 - self._second_order(other) / g**2
        return self._linear(f / g, 1 / g, other, -f / g**2, extra)

    def __pow__(self, exponent: Expr | int) -> Differential:
        n, f = sp.sympify(exponent), self.value
        extra = n * (n - 1) / 2 * f ** (n - 2) * self._second_order(self)
        return self._linear(f**n, n * f ** (n - 1), self, sp.S.Zero, extra)

    def __neg__(self) -> Differential:
        return self._linear(-self.value, sp.S.NegativeOne, self, sp.S.Zero, sp.S.Zero)

    def __sub__(self, other: object) -> Differential:
        return self + (-self._read(other))

    def __rsub__(self, other: object) -> Differential:
        return self._read(other) - self

    def __rtruediv__(self, other: object) -> Differential:
        return self._read(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def _right(self, language: Language) -> str:
        return str(self.process.written(language, self.drift, self.diffusion))

    def __repr__(self) -> str:
        return shortened(f"d({self.value}) = {self._right(TEXT)}")

    def _repr_latex_(self) -> str:
        return displayed(rf"d\left({sp.latex(self.value)}\right) = {self._right(LATEX)}")


class ItoDifferential(Differential):
    """`df = drift dt + Σ_k diffusion(k) dB_k` of a function `f` of an Itô process.

    Sums, products, quotients and powers follow Itô's rules, `d(fg) = f dg + g df + d[f, g]` and
    `d(f/g) = df/g − f dg/g² − d[f, g]/g² + f d[g, g]/g³`. Either operand may be a number or a function of the state.

    Args:
        value: `f` itself.
        drift: the coefficient of `dt`.
        diffusion: the coefficient of `dB_k` as a function of `k` (an integer in components, an index symbol in
            symbolic dimension).
        process: the process that `f` is a function of.

    Example:
        >>> import sympy as sp
        >>> from thermo_ideal.symbolic import ItoProcess
        >>> b = sp.Symbol("b", real=True)
        >>> brownian = ItoProcess([b], [0], [[1]]).lemma(b)
        >>> brownian * brownian
        d(b**2) = (1) dt + (2*b) dB_0

    Source: Øksendal, Stochastic Differential Equations, exercise 4.3.
    """

    def _second_order(self, other: Differential) -> Expr:
        return self.covariation(other)

    def _of_function(self, f: Expr) -> ItoDifferential:
        return self.process.lemma(f)


class StratonovichDifferential(Differential):
    """`df = drift dt + Σ_k diffusion(k) ∘ dB_k`: products and quotients follow the ordinary rules.

    Args:
        value: `f` itself, a function of a Stratonovich process.
        drift: the coefficient of `dt`.
        diffusion: the coefficient of `∘ dB_k` as a function of `k`.
        process: the process.

    Example:
        >>> from sympy.abc import x
        >>> from thermo_ideal.symbolic import StratonovichProcess
        >>> brownian = StratonovichProcess([x], [0], [[1]]).chain_rule(x)
        >>> brownian * brownian
        d(x**2) = (2*x) ∘ dB_0

    Source: R. L. Stratonovich, SIAM J. Control 4, 362 (1966).
    """

    def _second_order(self, other: Differential) -> Expr:
        return sp.S.Zero

    def _of_function(self, f: Expr) -> StratonovichDifferential:
        return self.process.chain_rule(f)
