"""Itô and Stratonovich processes, in components or in symbolic dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from sympy import Eq, Expr, ImmutableMatrix, Symbol

from thermo_ideal.symbolic.calculus._abstract_process import AbstractProcess
from thermo_ideal.symbolic.calculus._change_of_variables import Number, closed, invertible
from thermo_ideal.symbolic.calculus._differentials import ItoDifferential, StratonovichDifferential
from thermo_ideal.symbolic.calculus._entries import flat
from thermo_ideal.symbolic.calculus._exits import Exits
from thermo_ideal.symbolic.calculus._moments import MomentEquations
from thermo_ideal.symbolic.calculus._one_dimensional import ScalarDiffusion
from thermo_ideal.symbolic.calculus._pieces import jumps
from thermo_ideal.symbolic.calculus._space import Index
from thermo_ideal.symbolic.calculus._stationary_density import StationaryDensity
from thermo_ideal.symbolic.calculus._stationary_law import stationary_law
from thermo_ideal.symbolic.calculus._zero_test import vanishes


class ItoProcess(Exits, AbstractProcess):
    """The solution of `dX_i = a_i(X, t) dt + Σ_k b_ik(X, t) dB_k` (Itô). Immutable.

    State, drift and diffusion are lists, SymPy's matrices or NumPy's arrays; where there is one component, and one
    Brownian motion, they need no list. `.subs` puts values in the place of parameters, or of the time.

    Args:
        state: the symbols of the components, or a `TensorSpace` for a symbolic dimension.
        drift: `a`: one expression for each component, or (`TensorSpace`) a function of the index.
        diffusion: `b`: a matrix of one row for each component and one column for each Brownian motion, or
            (`TensorSpace`) a function of the component's and the noise's index.
        time: the symbol of time, if the coefficients or the functions that are passed to the methods depend on it.
        correlation: `ρ_kl dt = d[B_k, B_l]`; independent Brownian motions if None.
        parameters: the other symbols that the coefficients may depend on; any if None, but a constant that is called
            `t` must be among them, because methods take it for a forgotten `time`.

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
        >>> process.subs({mu: 0}) == ItoProcess(x, 0, sigma * x)
        True

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
        f, x = self._check_function_of_time("f", f), self.space
        transport = x.total(lambda i: self._a(i) * x.partial(f, i))
        spreading = x.total(lambda i: x.total(lambda j: self.covariance(i, j) * x.partial(x.partial(f, i), j)))
        return self._explicit_time(f) + transport + spreading / 2

    def lemma(self, f: Expr | Sequence[Expr] | sp.MatrixBase | np.ndarray) -> Any:
        """Itô's lemma, `df = 𝒜f dt + Σ_k (Σ_i b_ik ∂_i f) dB_k`.

        Args:
            f: a function of the state and time, or several. In symbolic dimension it may have a free index.

        Returns:
            An `ItoDifferential`; a tuple of them for several functions.
        """
        if isinstance(f, Sequence | sp.MatrixBase | np.ndarray) and not isinstance(f, str):
            return tuple(self.lemma(component) for component in flat(f))
        f = self._check_function_of_time("f", f)
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
        self._require_time("drift, diffusion", self._coefficient_symbols())
        t = self.time or Symbol("t", nonnegative=True)
        return sp.Function(name)(*self.state, t), t

    def is_stationary(self, rho: Expr) -> bool:
        """Whether `𝒜*ρ = 0`, by substitution; the flux of probability through the boundary is not checked.

        A density in pieces is stationary if it is so on every piece, and if `D ρ` and the current do not jump between
        them.

        Args:
            rho: a density up to a factor, in the symbols of the state, without time.

        Returns:
            Whether the residual vanishes.

        Raises:
            ValueError: ρ is 0, it depends on time, or it depends on none of the symbols of the state but on others.
            ArithmeticError: SymPy cannot tell whether the residual vanishes.

        Example:
            >>> import sympy as sp
            >>> x, k, T = sp.symbols("x k T", positive=True)
            >>> langevin = ItoProcess([x], [-k * x], [[sp.sqrt(2 * T)]])
            >>> langevin.is_stationary(sp.exp(-k * x**2 / (2 * T))), langevin.is_stationary(sp.exp(-k * x**2 / T))
            (True, False)
        """
        rho, x = self._check_function_of_time("rho", rho), self.space
        if self.time in rho.free_symbols:
            raise ValueError(f"rho: got {rho}, which depends on {self.time}, expected a density that does not")
        if x.components and rho.free_symbols and not rho.free_symbols & set(x.components):
            raise ValueError(f"rho: got {rho}, expected a density of {', '.join(map(str, x.components))}")
        if rho == 0:
            raise ValueError("rho: got 0, expected a density")
        real = {symbol: sp.Dummy(symbol.name, real=True) for symbol in x.components if not symbol.is_extended_real}
        stationary = self._changed(lambda each: each.xreplace(real))._is_stationary(rho.xreplace(real))
        if stationary is None:
            raise ArithmeticError(
                f"is_stationary: SymPy cannot tell whether {self.adjoint(rho)} is 0; simplify the coefficients and rho"
            )
        return stationary

    def _is_stationary(self, rho: Expr) -> bool | None:
        x = self.space
        transport = -x.total(lambda i: x.partial(self._a(i) * rho, i)) / rho
        spreading = x.total(lambda i: x.partial(x.total(lambda j: x.partial(self.covariance(i, j) * rho, j)), i))
        if x.components and self._jumps(rho):
            return False
        return vanishes(transport, spreading / (2 * rho))

    def _jumps(self, rho: Expr) -> bool:
        """Whether `Σ_j D_ij ρ n_j` or the current `Σ_i J_i n_i` jumps across a border between pieces."""
        size = range(len(self.state))
        pieces = [rho, *self.drift, *(self.covariance(i, j) for i in size for j in size)]

        def across(border: Expr) -> list[Expr]:
            normal = [sp.diff(border, symbol) for symbol in self.state]
            spread = [rho * sum(self.covariance(i, j) * normal[j] for j in size) for i in size]
            return [*spread, sum(self.current(rho, i) * normal[i] for i in size)]

        return jumps(across, pieces, self.state)

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
        self._require_time("drift, diffusion", self._coefficient_symbols())
        diffusion = ScalarDiffusion(self.state[0], self.drift[0], self.covariance(0, 0))
        if diffusion.D == 0:
            raise ValueError(f"{method}: got a diffusion of 0, expected a process with noise")
        if self.time in diffusion.a.free_symbols | diffusion.D.free_symbols:
            raise ValueError(f"{method}: the coefficients depend on {self.time}; put a number for it first")
        return diffusion

    def stationary_law(self, lower: Number, upper: Number, condition: sp.Basic | bool = True) -> StationaryDensity:
        """The zero-current density of a one-dimensional process on `(lower, upper)`, `∝ (1/D) exp ∫ 2a/D dx`.

        The squared diffusion D must be positive on the interval, without singular points inside. A closed form of the
        normaliser is tried for a second or two and compared with quadrature; without one it is an `Integral`.

        Args:
            lower: the lower end of the interval.
            upper: the upper end.
            condition: what the parameters satisfy beside the assumptions of their symbols, such as `d > 1`.

        Returns:
            The density with its normaliser, and the condition under which its integral is finite.

        Raises:
            ValueError: more than one dimension, no noise, coefficients that depend on time, `lower ≥ upper`, or a
                condition that no parameters satisfy.
            ArithmeticError: there is no law (mathematics refuses): the integral of the density diverges, D is not
                positive on the interval, or a singular point is inside; or SymPy cannot tell, and the message says so.

        Example:
            >>> import sympy as sp
            >>> x, theta, sigma = sp.symbols("x theta sigma", positive=True)
            >>> ItoProcess([x], [-theta * x], [[sigma]]).stationary_law(0, sp.oo).density
            2*sqrt(theta)*exp(-theta*x**2/sigma**2)/(sqrt(pi)*sigma)
        """
        diffusion = self._one_dimensional("stationary_law")
        return stationary_law(diffusion, sp.sympify(lower), sp.sympify(upper), sp.sympify(condition))

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
        parameters: the other symbols that the coefficients may depend on; any if None, but a constant that is called
            `t` must be among them, because methods take it for a forgotten `time`.

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
        f, x = self._check_function_of_time("f", f), self.space
        drift = self._explicit_time(f) + x.total(lambda i: self._a(i) * x.partial(f, i))
        return StratonovichDifferential(f, drift, self._noise_of(f), self)
