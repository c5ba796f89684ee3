"""Itô processes and Itô's lemma, in components or in symbolic dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy import Expr, Matrix, Symbol

from thermo_ideal.symbolic._space import Cartesian, Index, Space, TensorSpace


@dataclass(frozen=True)
class ItoDifferential:
    """`df = drift dt + Σ_k diffusion(k) dB_k`: what Itô's lemma returns.

    Args:
        drift: the coefficient of `dt`.
        diffusion: the coefficient of `dB_k` as a function of `k` (an integer in components, an index symbol in
            symbolic dimension).
    """

    drift: Expr
    diffusion: Callable[[Index], Expr]


class ItoProcess:
    """The solution of `dX_i = a_i(X, t) dt + Σ_k b_ik(X, t) dB_k` (Itô).

    Args:
        state: the symbols of the components, or a `TensorSpace` for a symbolic dimension.
        drift: `a`: a sequence of one expression for each component, or (`TensorSpace`) a function of the index.
        diffusion: `b`: a matrix of one row for each component and one column for each Brownian motion, or
            (`TensorSpace`) a function of the component's and the noise's index.
        time: the symbol of time, if the coefficients or the functions handed to `lemma` depend on it.

    Raises:
        ValueError: the shapes of state, drift and diffusion do not fit.

    Example:
        The logarithm of geometric Brownian motion drifts at `μ − σ²/2`:

        >>> import sympy as sp
        >>> x, mu, sigma = sp.symbols("x mu sigma", positive=True)
        >>> process = ItoProcess([x], drift=[mu * x], diffusion=[[sigma * x]])
        >>> differential = process.lemma(sp.log(x))
        >>> differential.drift, differential.diffusion(0)
        (mu - sigma**2/2, sigma)

    Source: K. Itô, Nagoya Math. J. 3, 55 (1951); Øksendal, Stochastic Differential Equations, theorem 4.2.1.
    """

    def __init__(
        self,
        state: Sequence[Symbol] | TensorSpace,
        drift: Sequence[Expr | int | float] | Matrix | Callable[[Index], Expr],
        diffusion: Sequence[Sequence[Expr | int | float]] | Matrix | Callable[[Index, Index], Expr],
        time: Symbol | None = None,
    ) -> None:
        self.time = time
        self.space: Space
        self._noise: Space
        if isinstance(state, TensorSpace):
            if not (callable(drift) and callable(diffusion)):
                raise ValueError(
                    "drift and diffusion: a TensorSpace wants functions of the indices, "
                    "as in drift=lambda i: -x[i], diffusion=lambda i, k: KroneckerDelta(i, k)"
                )
            self.space = self._noise = state
            self._drift, self._diffusion = drift, diffusion
            return
        a, b = sp.Matrix(drift), sp.Matrix(diffusion)
        if a.shape != (len(state), 1):
            raise ValueError(f"drift: got {len(a)} expressions for a state of {len(state)} components")
        if b.rows != len(state):
            raise ValueError(
                f"diffusion: got a matrix of shape {b.shape}, wanted {len(state)} rows, one for each component"
            )
        self.space = Cartesian(tuple(state))
        self._noise = Cartesian(tuple(sp.Dummy() for _ in range(b.cols)))
        self._drift, self._diffusion = lambda i: a[i], lambda i, k: b[i, k]

    def covariance(self, i: Index, j: Index) -> Expr:
        """`D_ij = Σ_k b_ik b_jk`, so that `d[X_i, X_j] = D_ij dt`."""
        return self._noise.total(lambda k: self._diffusion(i, k) * self._diffusion(j, k))

    def generator(self, f: Expr) -> Expr:
        """`𝒜f = ∂_t f + Σ_i a_i ∂_i f + ½ Σ_ij D_ij ∂_i∂_j f`."""
        x = self.space
        explicit = sp.S.Zero if self.time is None else sp.diff(f, self.time)
        transport = x.total(lambda i: self._drift(i) * x.partial(f, i))
        spreading = x.total(lambda i: x.total(lambda j: self.covariance(i, j) * x.partial(x.partial(f, i), j)))
        return explicit + transport + spreading / 2

    def lemma(self, f: Expr) -> ItoDifferential:
        """Itô's lemma, `df = 𝒜f dt + Σ_k (Σ_i b_ik ∂_i f) dB_k`.

        Args:
            f: a scalar function of the state and time. In symbolic dimension it may carry a free index.
        """
        x = self.space

        def diffusion(k: Index) -> Expr:
            return x.total(lambda i: x.partial(f, i) * self._diffusion(i, k))

        return ItoDifferential(self.generator(f), diffusion)
