"""What Itô's lemma returns, and its arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy import Expr

from thermo_ideal.symbolic.calculus._space import Index

Coefficient = Callable[[Index], Expr]


@dataclass(frozen=True)
class ItoDifferential:
    """`df = drift dt + Σ_k diffusion(k) dB_k` of a function `f` of an Itô process.

    Sums, products and quotients follow Itô's rules, `d(fg) = f dg + g df + d[f, g]` and
    `d(f/g) = df/g − f dg/g² − d[f, g]/g² + f d[g, g]/g³`.

    Args:
        value: `f` itself.
        drift: the coefficient of `dt`.
        diffusion: the coefficient of `dB_k` as a function of `k` (an integer in components, an index symbol in
            symbolic dimension).
        pairing: `Σ_kl ρ_kl b_k c_l` of two such coefficients, with the correlation `ρ` of the Brownian motions.

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
    pairing: Callable[[Coefficient, Coefficient], Expr]

    def covariation(self, other: ItoDifferential) -> Expr:
        """`d[f, g]/dt`, the rate of the quadratic covariation."""
        return self.pairing(self.diffusion, other.diffusion)

    def _linear(self, value: Expr, own: Expr, other: ItoDifferential, theirs: Expr, extra: Expr) -> ItoDifferential:
        """The differential `own·df + theirs·dg + extra dt`."""
        return ItoDifferential(
            value,
            own * self.drift + theirs * other.drift + extra,
            lambda k: own * self.diffusion(k) + theirs * other.diffusion(k),
            self.pairing,
        )

    def __add__(self, other: ItoDifferential) -> ItoDifferential:
        return self._linear(self.value + other.value, sp.S.One, other, sp.S.One, sp.S.Zero)

    def __sub__(self, other: ItoDifferential) -> ItoDifferential:
        return self._linear(self.value - other.value, sp.S.One, other, sp.S.NegativeOne, sp.S.Zero)

    def __mul__(self, other: ItoDifferential) -> ItoDifferential:
        f, g = self.value, other.value
        return self._linear(f * g, g, other, f, self.covariation(other))

    def __truediv__(self, other: ItoDifferential) -> ItoDifferential:
        f, g = self.value, other.value
        extra = f * other.covariation(other) / g**3 - self.covariation(other) / g**2
        return self._linear(f / g, 1 / g, other, -f / g**2, extra)
