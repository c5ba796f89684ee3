"""Stochastic differentials of functions of a process, and their arithmetic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy import Expr

from thermo_ideal.symbolic._printing import LATEX, TEXT, Language, displayed, shortened
from thermo_ideal.symbolic._symbolic_object import SymbolicObject
from thermo_ideal.symbolic.calculus._space import Coefficient


@dataclass(frozen=True, repr=False)
class Differential(SymbolicObject, ABC):
    """`df = drift dt + Σ_k diffusion(k) dB_k` in one of the two conventions."""

    value: Expr
    drift: Expr
    diffusion: Coefficient
    process: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "diffusion", self.process._noise.coefficient(self.diffusion))

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

    def _term(self, other: Any) -> Differential:
        """A term or a divisor beside a differential: another one, or a number."""
        if not isinstance(other, Differential) and self._varies(sp.sympify(other)):
            raise ValueError(
                f"got the function {other} beside the differential of {self.value}, expected a differential or a "
                f"number; take that of the function first, as in process.lemma({other})"
            )
        return self._read(other)

    def _varies(self, f: Expr) -> bool:
        """Whether an expression depends on the state or on time."""
        fields = set(getattr(self.process.space, "gradients", ())) | set(self.process._variables)
        return bool(f.free_symbols & fields) or f.has(sp.Indexed)

    def _times(self, factor: Any) -> Differential:
        """`h df`; with a constant h, it is `d(hf)`."""
        h = self.process._check_function("factor", sp.sympify(factor))
        value = Accumulated(h, self.value) if self._varies(h) else h * self.value
        return type(self)(value, h * self.drift, lambda k: h * self.diffusion(k), self.process)

    def _linear(self, value: Expr, own: Expr, other: Differential, theirs: Expr, extra: Expr) -> Differential:
        """The differential `own·df + theirs·dg + extra dt`."""
        return type(self)(
            value,
            own * self.drift + theirs * other.drift + extra,
            lambda k: own * self.diffusion(k) + theirs * other.diffusion(k),
            self.process,
        )

    def __add__(self, other: object) -> Differential:
        g = self._term(other)
        return self._linear(self.value + g.value, sp.S.One, g, sp.S.One, sp.S.Zero)

    def __mul__(self, other: object) -> Differential:
        if not isinstance(other, Differential):
            return self._times(other)
        g = self._read(other)
        return self._linear(self.value * g.value, g.value, g, self.value, self._second_order(g))

    def __truediv__(self, other: object) -> Differential:
        if not isinstance(other, Differential):
            return self._times(1 / sp.sympify(other))
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
        return self + (-self._term(other))

    def __rsub__(self, other: object) -> Differential:
        return self._term(other) - self

    def __rtruediv__(self, other: object) -> Differential:
        return self._term(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def _right(self, language: Language) -> str:
        return str(self.process.written(language, self.drift, self.diffusion))

    def __repr__(self) -> str:
        return shortened(f"{_left(self.value, 'd({})', '({}) ', str)} = {self._right(TEXT)}")

    def _repr_latex_(self) -> str:
        left = _left(self.value, r"d\left({}\right)", r"\left({}\right) ", sp.latex)
        return displayed(f"{left} = {self._right(LATEX)}")


class Accumulated(sp.Expr):
    """`∫ h df` from time 0, unevaluated: what `h df` is the differential of.

    Args:
        h: a function of the state and time.
        f: another.
    """

    is_commutative = True

    def _sympystr(self, printer: Any) -> str:
        h, f = map(printer._print, self.args)
        return f"∫({h}) d({f})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        h, f = map(printer._print, self.args)
        written = rf"\int \left({h}\right) d\left({f}\right)"
        return written if exp is None else rf"\left({written}\right)^{{{exp}}}"


def _left(value: Expr, differential: str, factor: str, written: Callable[[Expr], str]) -> str:
    """`d(f)`, or `(h) d(f)`."""
    if not isinstance(value, Accumulated):
        return differential.format(written(value))
    return factor.format(written(value.args[0])) + _left(value.args[1], differential, factor, written)


class ItoDifferential(Differential):
    """`df = drift dt + Σ_k diffusion(k) dB_k` of a function `f` of an Itô process.

    Sums, products, quotients and powers follow Itô's rules, `d(fg) = f dg + g df + d[f, g]` and
    `d(f/g) = df/g − f dg/g² − d[f, g]/g² + f d[g, g]/g³`. Either operand may be a number. A function of the state times
    a differential is `h df`, and `lemma(x)/x` is `dx/x`; the differential of `f/x` is `lemma(f)/lemma(x)`.

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
        >>> S, mu, sigma = sp.symbols("S mu sigma", positive=True)
        >>> ItoProcess([S], [mu * S], [[sigma * S]]).lemma(S) / S
        (1/S) d(S) = (mu) dt + (sigma) dB_0

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
