"""What Itô's lemma returns, and its arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy as sp
from sympy import Expr

from thermo_ideal.symbolic.calculus._tensors import Index

Coefficient: TypeAlias = Callable[[Index], Expr]


@dataclass(frozen=True)
class ItoDifferential:
    """`df = drift dt + Σ_k diffusion(k) dB_k` of a function `f` of an Itô process.

    Sums, products, quotients and powers follow Itô's rules, `d(fg) = f dg + g df + d[f, g]` and
    `d(f/g) = df/g − f dg/g² − d[f, g]/g² + f d[g, g]/g³`. Numbers and functions of the state may stand on either side.

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
        >>> square = brownian * brownian
        >>> square.value, square.drift, square.diffusion(0)
        (b**2, 1, 2*b)

    Source: Øksendal, Stochastic Differential Equations, exercise 4.3.
    """

    value: Expr
    drift: Expr
    diffusion: Coefficient
    process: Any

    def covariation(self, other: ItoDifferential) -> Expr:
        """`d[f, g]/dt`, the rate of the quadratic covariation.

        Raises:
            ValueError: the two are functions of different processes, or in different conventions.
        """
        other = self._read(other)
        return self.process.pair(self.diffusion, other.diffusion)

    def _second_order(self, other: ItoDifferential) -> Expr:
        """What the product rule adds to the ordinary one."""
        return self.covariation(other)

    def _lemma(self, f: Expr) -> ItoDifferential:
        return self.process.lemma(f)

    def _read(self, other: object) -> ItoDifferential:
        if not isinstance(other, ItoDifferential):
            return self._lemma(sp.sympify(other))
        if type(other) is not type(self) or other.process != self.process:
            raise ValueError(
                f"got differentials of two processes, {self.value} and {other.value}; put both into one process"
            )
        return other

    def _linear(self, value: Expr, own: Expr, other: ItoDifferential, theirs: Expr, extra: Expr) -> ItoDifferential:
        """The differential `own·df + theirs·dg + extra dt`."""
        return type(self)(
            value,
            own * self.drift + theirs * other.drift + extra,
            lambda k: own * self.diffusion(k) + theirs * other.diffusion(k),
            self.process,
        )

    def __add__(self, other: object) -> ItoDifferential:
        other = self._read(other)
        return self._linear(self.value + other.value, sp.S.One, other, sp.S.One, sp.S.Zero)

    def __mul__(self, other: object) -> ItoDifferential:
        other = self._read(other)
        f, g = self.value, other.value
        return self._linear(f * g, g, other, f, self._second_order(other))

    def __truediv__(self, other: object) -> ItoDifferential:
        other = self._read(other)
        f, g = self.value, other.value
        extra = f * other._second_order(other) / g**3 - self._second_order(other) / g**2
        return self._linear(f / g, 1 / g, other, -f / g**2, extra)

    def __pow__(self, exponent: Expr | int) -> ItoDifferential:
        n, f = sp.sympify(exponent), self.value
        extra = n * (n - 1) / 2 * f ** (n - 2) * self._second_order(self)
        return self._linear(f**n, n * f ** (n - 1), self, sp.S.Zero, extra)

    def __neg__(self) -> ItoDifferential:
        return self._linear(-self.value, sp.S.NegativeOne, self, sp.S.Zero, sp.S.Zero)

    def __sub__(self, other: object) -> ItoDifferential:
        return self + (-self._read(other))

    def __rsub__(self, other: object) -> ItoDifferential:
        return self._read(other) - self

    def __rtruediv__(self, other: object) -> ItoDifferential:
        return self._read(other) / self

    __radd__, __rmul__ = __add__, __mul__


class StratonovichDifferential(ItoDifferential):
    """`df = drift dt + Σ_k diffusion(k) ∘ dB_k`: products and quotients follow the ordinary rules.

    Args:
        value: as for `ItoDifferential`, like all the others.
        drift: the coefficient of `dt`.
        diffusion: the coefficient of `∘ dB_k`.
        process: the process that `f` is a function of.
    """

    def _second_order(self, other: ItoDifferential) -> Expr:
        return sp.S.Zero

    def _lemma(self, f: Expr) -> ItoDifferential:
        return self.process.chain_rule(f)
