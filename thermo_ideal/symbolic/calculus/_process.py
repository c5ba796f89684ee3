"""Itô and Stratonovich processes, in components or in symbolic dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sympy as sp
from sympy import Eq, Expr, ImmutableMatrix, Symbol

from thermo_ideal.symbolic.calculus._abstract_process import AbstractProcess
from thermo_ideal.symbolic.calculus._change_of_variables import Number, closed, invertible
from thermo_ideal.symbolic.calculus._differentials import ItoDifferential, StratonovichDifferential
from thermo_ideal.symbolic.calculus._exits import Exits
from thermo_ideal.symbolic.calculus._moments import MomentEquations
from thermo_ideal.symbolic.calculus._one_dimensional import ScalarDiffusion, StationaryDensity
from thermo_ideal.symbolic.calculus._tensors import Index
from thermo_ideal.symbolic.calculus._zero_test import vanishes


class ItoProcess(Exits, AbstractProcess):
    """The solution of `dX_i = a_i(X, t) dt + Σ_k b_ik(X, t) dB_k` (Itô). Immutable.

    Args:
        state: the symbols of the components, or a `TensorSpace` for a symbolic dimension.
        drift: `a`: a sequence of one expression for each component, or (`TensorSpace`) a function of the index.
        diffusion: `b`: a matrix of one row for each component and one column for each Brownian motion, or
            (`TensorSpace`) a function of the component's and the noise's index.
        time: the symbol of time, if the coefficients or the functions that are passed to the methods depend on it.
        correlation: `ρ_kl dt = d[B_k, B_l]`; independent Brownian motions if None.
        parameters: the other symbols that the coefficients may depend on; any if None.

    Raises:
        ValueError: the shapes of state, drift, diffusion and correlation do not fit; or a coefficient depends on a
            symbol that is not among state, time and parameters, or that has the name of one of them and other
            assumptions (`Symbol("x")` is not `Symbol("x", positive=True)`).

    Example:
        The logarithm of geometric Brownian motion drifts at `μ − σ²/2`:

        >>> import sympy as sp
        >>> x, mu, sigma = sp.symbols("x mu sigma", positive=True)
        >>> process = ItoProcess([x], drift=[mu * x], diffusion=[[sigma * x]])
        >>> process
        ItoProcess
          dx = (mu*x) dt + (sigma*x) dB_0
        >>> process.lemma(sp.log(x))
        d(log(x)) = (mu - sigma**2/2) dt + (sigma) dB_0

    Source: K. Itô, Nagoya Math. J. 3, 55 (1951); Øksendal, Stochastic Differential Equations, theorem 4.2.1.
    """

    _stratonovich: ClassVar[bool] = False

    def covariance(self, i: Index, j: Index) -> Expr:
        """`D_ij = Σ_kl ρ_kl b_ik b_jl`, so that `d[X_i, X_j] = D_ij dt`.

        Args:
            i: the index of a component (from 0, or a symbol in symbolic dimension).
            j: another.

        Returns:
            `D_ij` as a function of the state.
        """
        return self.covariation_rate(lambda k: self._b(i, k), lambda k: self._b(j, k))

    def generator(self, f: Expr) -> Expr:
        """`𝒜f = ∂_t f + Σ_i a_i ∂_i f + ½ Σ_ij D_ij ∂_i∂_j f`.

        Args:
            f: a function of the state and time.

        Returns:
            `𝒜f`, a function of the state and time.
        """
        f, x = self._check_function("f", f), self.space
        transport = x.total(lambda i: self._a(i) * x.partial(f, i))
        spreading = x.total(lambda i: x.total(lambda j: self.covariance(i, j) * x.partial(x.partial(f, i), j)))
        return self._explicit_time(f) + transport + spreading / 2

    def lemma(self, f: Expr | Sequence[Expr] | sp.MatrixBase) -> Any:
        """Itô's lemma, `df = 𝒜f dt + Σ_k (Σ_i b_ik ∂_i f) dB_k`.

        Args:
            f: a function of the state and time, or several. In symbolic dimension it may have a free index.

        Returns:
            An `ItoDifferential`; a tuple of them for several functions.
        """
        if isinstance(f, Sequence | sp.MatrixBase) and not isinstance(f, str):
            return tuple(self.lemma(component) for component in f)
        f = self._check_function("f", f)
        return ItoDifferential(f, self.generator(f), self._noise_of(f), self)

    def current(self, rho: Expr, i: Index = 0) -> Expr:
        """The probability current of a density, `J_i = a_i ρ − ½ Σ_j ∂_j(D_ij ρ)`.

        Args:
            rho: a density, up to a factor.
            i: the component of the current.

        Returns:
            `J_i` as a function of the state.
        """
        rho, x = self._check_function("rho", rho), self.space
        return self._a(i) * rho - x.total(lambda j: x.partial(self.covariance(i, j) * rho, j)) / 2

    def adjoint(self, rho: Expr) -> Expr:
        """The Fokker–Planck operator, `𝒜*ρ = −Σ_i ∂_i J_i`: the rate `∂_t ρ` of a density.

        Args:
            rho: a density, up to a factor.

        Returns:
            `𝒜*ρ` as a function of the state.
        """
        return -self.space.total(lambda i: self.space.partial(self.current(rho, i), i))

    def forward_equation(self, name: str = "rho") -> Eq:
        """The Fokker–Planck equation `∂_t ρ = 𝒜*ρ` of an unknown density.

        Args:
            name: the name of the density, a function of the state and time.

        Returns:
            The equation.

        Raises:
            ValueError: the process has a symbolic dimension.
        """
        rho, t = self._unknown(name, "forward_equation")
        return Eq(sp.diff(rho, t), self.adjoint(rho))

    def backward_equation(self, name: str = "u") -> Eq:
        """Kolmogorov's backward equation `−∂_t u = 𝒜u` of `u(x, t) = E[h(X_T) | X_t = x]` (∂_t not part of 𝒜).

        Args:
            name: what `u` is called.

        Returns:
            The equation, whose terminal value is `h`.

        Raises:
            ValueError: the process has a symbolic dimension.
        """
        u, t = self._unknown(name, "backward_equation")
        return Eq(-sp.diff(u, t), self.generator(u) - self._explicit_time(u))

    def _unknown(self, name: str, method: str) -> tuple[Expr, Symbol]:
        self._require_components(method)
        t = self.time or Symbol("t", nonnegative=True)
        return sp.Function(name)(*self.state, t), t

    def is_stationary(self, rho: Expr) -> bool:
        """Whether `𝒜*ρ = 0`, by substitution; the flux of probability through the boundary is not checked.

        Args:
            rho: a density up to a factor, in the symbols of the state, without time.

        Returns:
            Whether the residual vanishes.

        Raises:
            ValueError: ρ is 0, or it depends on none of the symbols of the state but on others.
            ArithmeticError: SymPy cannot tell whether the residual vanishes.

        Example:
            >>> import sympy as sp
            >>> x, k, T = sp.symbols("x k T", positive=True)
            >>> langevin = ItoProcess([x], [-k * x], [[sp.sqrt(2 * T)]])
            >>> langevin.is_stationary(sp.exp(-k * x**2 / (2 * T))), langevin.is_stationary(sp.exp(-k * x**2 / T))
            (True, False)
        """
        rho, x = self._check_function("rho", rho), self.space
        if x.components and rho.free_symbols and not rho.free_symbols & set(x.components):
            raise ValueError(f"rho: got {rho}, expected a density of {', '.join(map(str, x.components))}")
        if rho == 0:
            raise ValueError("rho: got 0, expected a density")
        transport = -x.total(lambda i: x.partial(self._a(i) * rho, i)) / rho
        spreading = x.total(lambda i: x.partial(x.total(lambda j: x.partial(self.covariance(i, j) * rho, j)), i))
        spreading = spreading / (2 * rho)
        stationary = vanishes(transport, spreading)
        if stationary is None:
            raise ArithmeticError(
                f"is_stationary: SymPy cannot tell whether {transport + spreading} is 0; simplify the coefficients and "
                f"rho"
            )
        return stationary

    def transform(
        self, functions: Mapping[Symbol, Expr], inverse: Mapping[Symbol, Number] | None = None, **options: Any
    ) -> ItoProcess:
        """Change of variables: the process of `Y = f(X)`, by Itô's lemma.

        In components the map must be invertible, and the Brownian motions stay the same. In symbolic dimension there
        may be fewer functions than components if drift and covariance are functions of them; the diffusion is then the
        Cholesky root of the covariance.

        Args:
            functions: `{new symbol: f in the old symbols}`.
            inverse: `{old symbol: its expression in the new ones}`; SymPy solves for it if None.
            **options: `parameters` of the new process.

        Returns:
            The process of the new symbols.

        Raises:
            ValueError: the inverse is not unique or does not invert the functions, or drift or covariance of the
                functions is not a function of them.

        Example:
            >>> import sympy as sp
            >>> x, mu, sigma = sp.symbols("x mu sigma", positive=True)
            >>> y = sp.Symbol("y", real=True)
            >>> ItoProcess([x], [mu * x], [[sigma * x]]).transform({y: sp.log(x)}).drift[0]
            mu - sigma**2/2
        """
        differentials = self.lemma(list(functions.values()))
        if not self.space.components:
            drift, diffusion = closed(set(self.state.gradients), functions, differentials, dict(inverse or {}))
            return ItoProcess(tuple(functions), drift, diffusion, self.time, **options)
        noise = range(self.diffusion.cols)
        drift, diffusion = invertible(self.state, noise, functions, differentials, inverse)
        return ItoProcess(tuple(functions), drift, diffusion, self.time, self.correlation, **options)

    def stratonovich(self) -> StratonovichProcess:
        """The same process in Stratonovich's convention: the drift loses `½ Σ_k (b_k·∇) b_k`.

        Returns:
            The process.
        """
        return StratonovichProcess(**self._shifted(-1))

    def moment_equations(self) -> MomentEquations:
        """The differential equations of mean and covariance; `.solve()` solves them where they close.

        Returns:
            The equations.

        Raises:
            ValueError: the process has a symbolic dimension.
        """
        self._require_components("moment_equations")
        size = range(len(self.state))
        covariance = [[self.covariance(i, j) for j in size] for i in size]
        return MomentEquations(tuple(self.state), self.drift, ImmutableMatrix(covariance), self.time)

    def _one_dimensional(self, method: str) -> ScalarDiffusion:
        if len(self.space.components) != 1:
            raise ValueError(f"{method}: got {self.state}, expected a state of one named component, as in [x]")
        diffusion = ScalarDiffusion(self.state[0], self.drift[0], self.covariance(0, 0))
        if diffusion.D == 0:
            raise ValueError(f"{method}: got a diffusion of 0, expected a process with noise")
        if self.time in diffusion.a.free_symbols | diffusion.D.free_symbols:
            raise ValueError(f"{method}: the coefficients depend on {self.time}; put a number for it first")
        return diffusion

    def stationary_law(self, lower: Number, upper: Number) -> StationaryDensity:
        """The zero-current density of a one-dimensional process on `(lower, upper)`, `∝ (1/D) exp ∫ 2a/D dx`.

        Args:
            lower: the lower end of the interval.
            upper: the upper end.

        Returns:
            The density with its normaliser.

        Raises:
            ValueError: more than one dimension, no noise, coefficients that depend on time, or `lower ≥ upper`.
            ArithmeticError: the density cannot be normalised: its integral diverges, or does so for some parameters.

        Example:
            >>> import sympy as sp
            >>> x, theta, sigma = sp.symbols("x theta sigma", positive=True)
            >>> ItoProcess([x], [-theta * x], [[sigma]]).stationary_law(0, sp.oo).density
            2*sqrt(theta)*exp(-theta*x**2/sigma**2)/(sqrt(pi)*sigma)
        """
        return self._one_dimensional("stationary_law").stationary_law(sp.sympify(lower), sp.sympify(upper))

    def scale_function(self, start: Number) -> Expr:
        """`s(x) = ∫_start^x exp(−∫ 2a/D)`, for which `s(X)` has no drift (one dimension; `s` up to a factor).

        Args:
            start: where `s` is 0.

        Returns:
            `s` as a function of the state.

        Raises:
            ValueError: more than one dimension, no noise, or coefficients that depend on time.
        """
        return self._one_dimensional("scale_function").scale_function(sp.sympify(start))

    def speed_density(self) -> Expr:
        """`2/(D s')` with the `s'` of `scale_function` (one dimension): the density of the speed measure.

        Returns:
            The density as a function of the state, up to a factor.

        Raises:
            ValueError: more than one dimension, no noise, or coefficients that depend on time.
        """
        return self._one_dimensional("speed_density").speed_density()


class StratonovichProcess(AbstractProcess):
    """The solution of `dX_i = a_i dt + Σ_k b_ik ∘ dB_k` (Stratonovich): the ordinary chain rule holds. Immutable.

    Args:
        state: the symbols of the components, or a `TensorSpace` for a symbolic dimension.
        drift: `a`, as for `ItoProcess`.
        diffusion: `b`, as for `ItoProcess`.
        time: the symbol of time, if the coefficients or the functions that are passed to the methods depend on it.
        correlation: `ρ_kl dt = d[B_k, B_l]`; independent Brownian motions if None.
        parameters: the other symbols that the coefficients may depend on; any if None.

    Raises:
        ValueError: for the same reasons as in `ItoProcess`.

    Example:
        >>> import sympy as sp
        >>> x, sigma = sp.symbols("x sigma", positive=True)
        >>> StratonovichProcess([x], [0], [[sigma * x]]).ito()
        ItoProcess
          dx = (sigma**2*x/2) dt + (sigma*x) dB_0

    Source: R. L. Stratonovich, SIAM J. Control 4, 362 (1966).
    """

    _stratonovich: ClassVar[bool] = True

    def ito(self) -> ItoProcess:
        """The same process in Itô's convention: the drift gains `½ Σ_k (b_k·∇) b_k`.

        Returns:
            The process.
        """
        return ItoProcess(**self._shifted(+1))

    def chain_rule(self, f: Expr) -> StratonovichDifferential:
        """`df = (∂_t f + Σ_i a_i ∂_i f) dt + Σ_k (Σ_i b_ik ∂_i f) ∘ dB_k`.

        Args:
            f: a function of the state and time.

        Returns:
            The differential.
        """
        f, x = self._check_function("f", f), self.space
        drift = self._explicit_time(f) + x.total(lambda i: self._a(i) * x.partial(f, i))
        return StratonovichDifferential(f, drift, self._noise_of(f), self)
