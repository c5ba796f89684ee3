"""Itô and Stratonovich processes, in components or in symbolic dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import sympy as sp
from sympy import Eq, Expr, ImmutableMatrix, Indexed, Symbol

from thermo_ideal.symbolic.calculus._abstract_process import Process
from thermo_ideal.symbolic.calculus._differentials import ItoDifferential, StratonovichDifferential
from thermo_ideal.symbolic.calculus._moments import MomentEquations
from thermo_ideal.symbolic.calculus._one_dimensional import Line, StationaryLaw
from thermo_ideal.symbolic.calculus._tensors import Index, TensorSpace
from thermo_ideal.symbolic.calculus._zero_test import vanishes

Number: TypeAlias = Expr | int | float


class ItoProcess(Process):
    """The solution of `dX_i = a_i(X, t) dt + Σ_k b_ik(X, t) dB_k` (Itô). Immutable.

    Args:
        state: the symbols of the components, or a `TensorSpace` for a symbolic dimension.
        drift: `a`: a sequence of one expression for each component, or (`TensorSpace`) a function of the index.
        diffusion: `b`: a matrix of one row for each component and one column for each Brownian motion, or
            (`TensorSpace`) a function of the component's and the noise's index.
        time: the symbol of time, if the coefficients or the functions handed to the methods depend on it.
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
        >>> differential = process.lemma(sp.log(x))
        >>> differential.drift, differential.diffusion(0)
        (mu - sigma**2/2, sigma)

    Source: K. Itô, Nagoya Math. J. 3, 55 (1951); Øksendal, Stochastic Differential Equations, theorem 4.2.1.
    """

    def covariance(self, i: Index, j: Index) -> Expr:
        """`D_ij = Σ_kl ρ_kl b_ik b_jl`, so that `d[X_i, X_j] = D_ij dt`."""
        return self.pair(lambda k: self._b(i, k), lambda k: self._b(j, k))

    def generator(self, f: Expr) -> Expr:
        """`𝒜f = ∂_t f + Σ_i a_i ∂_i f + ½ Σ_ij D_ij ∂_i∂_j f`."""
        f, x = self._check_function("f", f), self.space
        transport = x.total(lambda i: self._a(i) * x.partial(f, i))
        spreading = x.total(lambda i: x.total(lambda j: self.covariance(i, j) * x.partial(x.partial(f, i), j)))
        return self._explicit_time(f) + transport + spreading / 2

    def lemma(self, f: Expr | Sequence[Expr] | sp.MatrixBase) -> Any:
        """Itô's lemma, `df = 𝒜f dt + Σ_k (Σ_i b_ik ∂_i f) dB_k`.

        Args:
            f: a function of the state and time, or several. In symbolic dimension it may carry a free index.

        Returns:
            The differential; a tuple of them for several functions.
        """
        if isinstance(f, Sequence | sp.MatrixBase) and not isinstance(f, str):
            return tuple(self.lemma(component) for component in f)
        f = self._check_function("f", f)
        return ItoDifferential(f, self.generator(f), self._noise_of(f), self)

    def current(self, rho: Expr, i: Index = 0) -> Expr:
        """The probability current of a density, `J_i = a_i ρ − ½ Σ_j ∂_j(D_ij ρ)`."""
        rho, x = self._check_function("rho", rho), self.space
        return self._a(i) * rho - x.total(lambda j: x.partial(self.covariance(i, j) * rho, j)) / 2

    def adjoint(self, rho: Expr) -> Expr:
        """The Fokker–Planck operator, `𝒜*ρ = −Σ_i ∂_i J_i`: the rate `∂_t ρ` of a density."""
        return -self.space.total(lambda i: self.space.partial(self.current(rho, i), i))

    def forward_equation(self, name: str = "rho") -> Eq:
        """The Fokker–Planck equation `∂_t ρ = 𝒜*ρ` of an unknown density."""
        rho, t = self._unknown(name, "forward_equation")
        return Eq(sp.diff(rho, t), self.adjoint(rho))

    def backward_equation(self, name: str = "u") -> Eq:
        """Kolmogorov's backward equation `−∂_t u = 𝒜u` of `u(x, t) = E[h(X_T) | X_t = x]` (∂_t not part of 𝒜)."""
        u, t = self._unknown(name, "backward_equation")
        return Eq(-sp.diff(u, t), self.generator(u) - self._explicit_time(u))

    def _unknown(self, name: str, method: str) -> tuple[Expr, Symbol]:
        self._require_components(method)
        t = self.time or Symbol("t", nonnegative=True)
        return sp.Function(name)(*self.state, t), t

    def is_stationary(self, rho: Expr) -> bool:
        """Whether `𝒜*ρ = 0`, by substitution; that no probability leaves through the boundary is not looked at.

        Args:
            rho: a density up to a factor, in the state's symbols (time does not enter).

        Raises:
            ValueError: ρ depends on none of the state's symbols but on others.
            ArithmeticError: SymPy cannot tell whether the residual vanishes.

        Example:
            >>> import sympy as sp
            >>> x, k, T = sp.symbols("x k T", positive=True)
            >>> langevin = ItoProcess([x], [-k * x], [[sp.sqrt(2 * T)]])
            >>> langevin.is_stationary(sp.exp(-k * x**2 / (2 * T))), langevin.is_stationary(sp.exp(-k * x**2 / T))
            (True, False)
        """
        rho = self._check_function("rho", rho)
        if not isinstance(self.state, TensorSpace) and rho.free_symbols and not rho.free_symbols & set(self.state):
            raise ValueError(f"rho: got {rho}, expected a density of {', '.join(map(str, self.state))}")
        if rho == 0:
            raise ValueError("rho: got 0, expected a density")
        x = self.space
        carried = -x.total(lambda i: x.partial(self._a(i) * rho, i)) / rho
        spread = x.total(lambda i: x.partial(x.total(lambda j: x.partial(self.covariance(i, j) * rho, j)), i)) / (
            2 * rho
        )
        stationary = vanishes(carried, spread)
        if stationary is None:
            raise ArithmeticError(
                f"is_stationary: cannot tell whether {carried + spread} is 0; simplify the coefficients and rho"
            )
        return stationary

    def transform(
        self, functions: Mapping[Symbol, Expr], inverse: Mapping[Symbol, Number] | None = None, **options: Any
    ) -> ItoProcess:
        """Change of variables: the process of `Y = f(X)`, by Itô's lemma.

        In components the map must be invertible and the Brownian motions stay. In symbolic dimension the functions
        may be fewer, if drift and covariance can be written in them; the diffusion is then the Cholesky root of
        the covariance.

        Args:
            functions: `{new symbol: f in the old symbols}`.
            inverse: `{old symbol: its expression in the new ones}`; solved for by SymPy if None.
            **options: `parameters` of the new process.

        Raises:
            ValueError: the inverse is not unique or does not invert the functions, or the functions do not close.

        Example:
            >>> import sympy as sp
            >>> x, mu, sigma = sp.symbols("x mu sigma", positive=True)
            >>> y = sp.Symbol("y", real=True)
            >>> ItoProcess([x], [mu * x], [[sigma * x]]).transform({y: sp.log(x)}).drift[0]
            mu - sigma**2/2
        """
        differentials = self.lemma(list(functions.values()))
        if isinstance(self.state, TensorSpace):
            return self._closed(functions, differentials, dict(inverse or {}), options)
        if len(functions) != len(self.state):
            raise ValueError(f"functions: got {len(functions)} for a state of {len(self.state)}, expected as many")
        inverse = dict(inverse) if inverse is not None else self._invert(functions)
        _require_inverse(functions, inverse)

        def renamed(expression: Expr) -> Expr:
            return sp.simplify(sp.expand(expression).subs(inverse, simultaneous=True))

        noise = range(self.diffusion.cols)
        return ItoProcess(
            tuple(functions),
            [renamed(f.drift) for f in differentials],
            [[renamed(f.diffusion(k)) for k in noise] for f in differentials],
            self.time,
            self.correlation,
            **options,
        )

    def _closed(
        self,
        functions: Mapping[Symbol, Expr],
        differentials: Sequence[ItoDifferential],
        inverse: Mapping[Symbol, Number],
        options: Mapping[str, Any],
    ) -> ItoProcess:
        """The process of functions whose drift and covariance are functions of themselves, in symbolic dimension."""
        for name, f in functions.items():
            if name in self.state.gradients and f != name:
                raise ValueError(f"functions: {name} is a field of the space already; call {f} by another name")
        fields = set(self.state.gradients) - set(functions)

        def closed(expression: Expr) -> Expr:
            written = sp.factor(sp.expand(expression).subs(inverse))
            if stray := written.atoms(Indexed) | (written.free_symbols & fields):
                raise ValueError(
                    f"functions: {written} is not a function of {', '.join(map(str, functions))} alone; add "
                    f"{', '.join(map(str, stray))} to functions, or pass inverse={{field: its expression}}"
                )
            return written

        covariance = sp.Matrix([[closed(f.covariation(g)) for g in differentials] for f in differentials])
        drift = [closed(f.drift) for f in differentials]
        _require_inverse({name: f for name, f in functions.items() if f != name}, inverse)
        return ItoProcess(tuple(functions), drift, _root(covariance), self.time, **options)

    def _invert(self, functions: Mapping[Symbol, Expr]) -> Mapping[Symbol, Expr]:
        solutions = sp.solve([sp.Eq(name, f) for name, f in functions.items()], list(self.state), dict=True)
        if len(solutions) != 1:
            raise ValueError(
                f"inverse: SymPy finds {len(solutions)} ways to solve for {', '.join(map(str, self.state))}; "
                f"pass one, as in inverse={{{self.state[0]}: …}}"
            )
        return solutions[0]

    def stratonovich(self) -> StratonovichProcess:
        """The same process in Stratonovich's convention: the drift loses `½ Σ_k (b_k·∇) b_k`."""
        return StratonovichProcess(**self._shifted(-1))

    def moment_equations(self) -> MomentEquations:
        """The differential equations of mean and covariance; solved by `.solve()` where they close."""
        self._require_components("moment_equations")
        size = range(len(self.state))
        covariance = [[self.covariance(i, j) for j in size] for i in size]
        return MomentEquations(tuple(self.state), self.drift, ImmutableMatrix(covariance), self.time)

    def _line(self, method: str) -> Line:
        if isinstance(self.state, TensorSpace) or len(self.state) != 1:
            got = "a space of symbolic dimension" if isinstance(self.state, TensorSpace) else f"{self.state}"
            raise ValueError(f"{method}: got {got}, expected a state of one named component, as in [x]")
        line = Line(self.state[0], self.drift[0], self.covariance(0, 0))
        if line.D == 0:
            raise ValueError(f"{method}: got a diffusion of 0, expected a process with noise")
        if self.time in line.a.free_symbols | line.D.free_symbols:
            raise ValueError(f"{method}: the coefficients depend on {self.time}; put a number for it first")
        return line

    def stationary_law(self, lower: Number, upper: Number) -> StationaryLaw:
        """The zero-current density of a one-dimensional process on `(lower, upper)`, `∝ (1/D) exp ∫ 2a/D dx`.

        Raises:
            ValueError: more than one dimension, no noise, coefficients that depend on time, or `lower ≥ upper`.
            ArithmeticError: the density cannot be normalised: its integral diverges, or does so for some parameters.

        Example:
            >>> import sympy as sp
            >>> x, theta, sigma = sp.symbols("x theta sigma", positive=True)
            >>> ItoProcess([x], [-theta * x], [[sigma]]).stationary_law(0, sp.oo).density
            2*sqrt(theta)*exp(-theta*x**2/sigma**2)/(sqrt(pi)*sigma)
        """
        return self._line("stationary_law").stationary_law(sp.sympify(lower), sp.sympify(upper))

    def scale_function(self, start: Number) -> Expr:
        """`s(x) = ∫_start^x exp(−∫ 2a/D)`, for which `s(X)` has no drift (one dimension; `s` up to a factor)."""
        return self._line("scale_function").scale_function(sp.sympify(start))

    def speed_density(self) -> Expr:
        """`2/(D s')` with the `s'` of `scale_function` (one dimension): the density of the speed measure."""
        return self._line("speed_density").speed_density()


def _require_inverse(functions: Mapping[Symbol, Expr], inverse: Mapping[Symbol, Number]) -> None:
    """`f(inverse(y)) = y`; where SymPy cannot see it (inverse trigonometric functions), at points."""
    for name, f in functions.items():
        if vanishes(sp.sympify(f).subs(inverse, simultaneous=True) - name) is False:
            raise ValueError(f"inverse: {inverse} put into {f} does not give {name}; pass another, as {{old: …}}")


def _root(covariance: sp.Matrix) -> sp.Matrix:
    """A lower triangular `b` with `b bᵀ = covariance` (Cholesky), where what does not fluctuate has a row of zeros."""
    size = covariance.rows
    b = sp.zeros(size)
    for i in range(size):
        for j in range(i + 1):
            rest = sp.simplify(covariance[i, j] - sum(b[i, k] * b[j, k] for k in range(j)))
            if i == j:
                b[i, i] = sp.sqrt(rest)
            elif b[j, j] != 0:
                b[i, j] = sp.simplify(rest / b[j, j])
    return b


class StratonovichProcess(Process):
    """The solution of `dX_i = a_i dt + Σ_k b_ik ∘ dB_k` (Stratonovich): the ordinary chain rule holds. Immutable.

    Args:
        state: as for `ItoProcess`, like all the others.
        drift: `a`.
        diffusion: `b`.
        time: the symbol of time.
        correlation: of the Brownian motions.
        parameters: the other symbols that may occur.

    Raises:
        ValueError: as `ItoProcess`.

    Example:
        >>> import sympy as sp
        >>> x, sigma = sp.symbols("x sigma", positive=True)
        >>> StratonovichProcess([x], [0], [[sigma * x]]).ito().drift[0]
        sigma**2*x/2

    Source: R. L. Stratonovich, SIAM J. Control 4, 362 (1966).
    """

    _product: ClassVar[str] = r"\circ "

    def ito(self) -> ItoProcess:
        """The same process in Itô's convention: the drift gains `½ Σ_k (b_k·∇) b_k`."""
        return ItoProcess(**self._shifted(+1))

    def chain_rule(self, f: Expr) -> StratonovichDifferential:
        """`df = (∂_t f + Σ_i a_i ∂_i f) dt + Σ_k (Σ_i b_ik ∂_i f) ∘ dB_k`."""
        f, x = self._check_function("f", f), self.space
        drift = self._explicit_time(f) + x.total(lambda i: self._a(i) * x.partial(f, i))
        return StratonovichDifferential(f, drift, self._noise_of(f), self)
