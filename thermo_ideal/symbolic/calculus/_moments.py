"""Mean and covariance of an Itô process: their differential equations, and their solution where these close."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import sympy as sp
from sympy import Eq, Expr, ImmutableMatrix, Symbol

from thermo_ideal.symbolic._printing import aligned, plain, summary
from thermo_ideal.symbolic._symbolic_object import SymbolicObject
from thermo_ideal.symbolic.calculus._entries import Entries, flat, rows
from thermo_ideal.symbolic.calculus._gaussian import GaussianLaw, StationaryMoments
from thermo_ideal.symbolic.calculus._linear_system import (
    exponential,
    linear_moments,
    rational,
    solve_linear,
    stability,
    stationary_covariance,
    tidied,
)


@dataclass(frozen=True, repr=False)
class MomentEquations(SymbolicObject):
    """`ṁ_i = E a_i` and `Ċ_ij = E D_ij + Cov(a_i, X_j) + Cov(X_i, a_j)`.

    The equations close where the drift is affine in the state and the covariance at most quadratic, as for linear
    equations; elsewhere they contain higher moments, written `E(…)`.

    Args:
        state: the symbols of the components.
        drift: `a`, a column.
        diffusion: `D = b ρ bᵀ`.
        time: the symbol of time; `t` if None.

    Raises:
        ValueError: the coefficients have a symbol `t`, and `time` does not say whether it is the time.

    Example:
        >>> import sympy as sp
        >>> from thermo_ideal.symbolic import ItoProcess
        >>> x, theta, sigma, x0 = sp.symbols("x theta sigma x0", positive=True)
        >>> equations = ItoProcess([x], [-theta * x], [[sigma]]).moment_equations()
        >>> equations
        MomentEquations
          Derivative(m_x(t), t) = -theta*m_x(t)
          Derivative(C_xx(t), t) = sigma**2 - 2*theta*C_xx(t)
        >>> mean, covariance = equations.solve([x0])
        >>> mean[0], sp.expand(covariance[0])
        (x0*exp(-t*theta), sigma**2/(2*theta) - sigma**2*exp(-2*t*theta)/(2*theta))

    Source: Särkkä & Solin, Applied Stochastic Differential Equations, §5.5.
    """

    state: tuple[Symbol, ...]
    drift: ImmutableMatrix
    diffusion: ImmutableMatrix
    time: Symbol | None = None

    def __post_init__(self) -> None:
        for symbol in self.drift.free_symbols | self.diffusion.free_symbols:
            if self.time is None and symbol.name == "t":
                raise ValueError(
                    "time: got None and coefficients with a symbol t; pass time=t to the process, or rename the symbol"
                )

    @property
    def t(self) -> Symbol:
        """The symbol of time."""
        return self.time or Symbol("t", nonnegative=True)

    def mean_of(self, i: int) -> Expr:
        """The mean `m_i(t)`, an unknown function.

        Args:
            i: the index of a component, from 0.

        Returns:
            The function that stands for it in the equations.
        """
        return sp.Function(f"m_{self.state[i]}")(self.t)

    def covariance_of(self, i: int, j: int) -> Expr:
        """The covariance `C_ij(t)`, an unknown function, the same for `ij` and `ji`.

        Args:
            i: the index of a component, from 0.
            j: another.

        Returns:
            The function that stands for it in the equations.
        """
        names = [str(self.state[k]) for k in sorted((i, j))]
        return sp.Function("C_" + ("" if max(map(len, names)) == 1 else "_").join(names))(self.t)

    def expectation(self, f: Expr) -> Expr:
        """`E f` in means and covariances.

        Args:
            f: a function of the state.

        Returns:
            The expectation, in which every term that is no monomial of degree 2 or less stays as `E(…)`.
        """
        total = sp.S.Zero
        for term in sp.Add.make_args(sp.expand(f)):
            coefficient, monomial = term.as_independent(*self.state, as_Add=False)
            indices = self._indices(monomial)
            if indices is None or len(indices) > 2:
                moment = sp.Function("E")(monomial)
            else:
                moment = sp.Mul(*map(self.mean_of, indices))
                if len(indices) == 2:
                    moment += self.covariance_of(*indices)
            total += coefficient * moment
        return total

    def _indices(self, monomial: Expr) -> list[int] | None:
        """The indices of the factors, [0, 0, 1] for `x_1 x_0²`; None if it is no monomial."""
        indices = []
        for base, exponent in monomial.as_powers_dict().items():
            if base == 1:
                continue
            if base not in self.state or not (exponent.is_Integer and exponent > 0):
                return None
            indices += [self.state.index(base)] * int(exponent)
        return sorted(indices)

    @property
    def mean(self) -> tuple[Eq, ...]:
        """The equations of the means `m_i`."""
        return tuple(
            Eq(sp.diff(self.mean_of(i), self.t), self.expectation(self.drift[i])) for i in range(len(self.state))
        )

    @property
    def covariance(self) -> tuple[Eq, ...]:
        """The equations of the covariances `C_ij`, `i ≤ j`."""
        x, a = self.state, self.drift
        equations = []
        for i, j in combinations_with_replacement(range(len(x)), 2):
            product = self.expectation(a[i] * x[j] + x[i] * a[j] + self.diffusion[i, j])
            means = self.expectation(a[i]) * self.mean_of(j) + self.mean_of(i) * self.expectation(a[j])
            equations.append(Eq(sp.diff(self.covariance_of(i, j), self.t), sp.expand(product - means)))
        return tuple(equations)

    @property
    def closed(self) -> bool:
        """Whether the equations close: a drift that is affine in the state, and a covariance at most quadratic."""
        return all(_degree(a, self.state) <= 1 for a in self.drift) and all(
            _degree(D, self.state) <= 2 for D in self.diffusion
        )

    def solve(self, mean: Entries, covariance: Entries | None = None) -> tuple[ImmutableMatrix, ImmutableMatrix]:
        """Mean and covariance at time `t`, as functions of those at time 0.

        With `a = A x + c` and constant noise, `m = m* + e^{At}(m(0) − m*)` with `A m* + c = 0`, and
        `C = C* + e^{At}(C(0) − C*)e^{Aᵀt}` with Lyapunov's `A C* + C* Aᵀ + D = 0`; where these have no solution, or the
        noise depends on the state, an exponential of a larger matrix. Eigenvalues of symbolic coefficients are taken to
        be different where they are so in general: at parameters where two meet, take the limit.

        Args:
            mean: `m_i(0)`.
            covariance: `C_ij(0)`; 0 if None, where the process starts at a point.

        Returns:
            The mean, a column, and the covariance matrix, as functions of `t`.

        Raises:
            ValueError: the equations do not close, the coefficients depend on time, the shapes do not fit, or the
                covariance is not symmetric.
        """
        size = len(self.state)
        start, spread = (
            sp.Matrix(flat(mean)),
            sp.zeros(size) if covariance is None else sp.Matrix(rows(covariance, size)),
        )
        if start.shape != (size, 1) or spread.shape != (size, size):
            raise ValueError(
                f"mean, covariance: got the shapes {start.shape} and {spread.shape} for {size} components, expected "
                f"({size}, 1) and ({size}, {size})"
            )
        if spread != spread.T:
            raise ValueError(f"covariance: got {spread.tolist()}, expected a symmetric matrix")
        if not self.closed:
            raise ValueError(_not_closed("solve"))
        self._require_constant("solve")
        (drift, diffusion), floating = self._rational()
        A, shift = sp.Matrix(drift.jacobian(self.state)), drift.subs(dict.fromkeys(self.state, 0))
        if diffusion.free_symbols & set(self.state):
            m, C = self._by_generator(drift, diffusion, start, spread)
        else:
            m, C = linear_moments(A, shift, diffusion, self.t, start, spread)
        m, C = tidied(m), tidied(C)
        return (m.evalf(), C.evalf()) if floating else (m, C)

    def stationary(self) -> StationaryMoments:
        """Mean and covariance of the stationary process, by Lyapunov's equation, and its autocovariance.

        Returns:
            The moments, with the condition on the parameters under which they exist.

        Raises:
            ValueError: the equations do not close, or the coefficients depend on time.
            ArithmeticError: the process has no stationary mean or covariance.

        Example:
            >>> import sympy as sp
            >>> from thermo_ideal.symbolic import ItoProcess
            >>> x = sp.Symbol("x", real=True)
            >>> theta, sigma, lag = sp.symbols("theta sigma lag", positive=True)
            >>> moments = ItoProcess([x], [-theta * x], [[sigma]]).moment_equations().stationary()
            >>> moments.autocovariance(lag)[0]
            sigma**2*exp(-lag*theta)/(2*theta)
        """
        if not self.closed:
            raise ValueError(_not_closed("stationary"))
        self._require_constant("stationary")
        (drift, diffusion), floating = self._rational()
        A, shift = sp.Matrix(drift.jacobian(self.state)), drift.subs(dict.fromkeys(self.state, 0))
        condition = stability(A)
        m = solve_linear(list(A * sp.Matrix(self.state) + shift), list(self.state))
        C = None if m is None else stationary_covariance(A, diffusion, self.state, m)
        if diffusion.free_symbols & set(self.state):
            condition = sp.And(condition, stability(self._second_moments(drift, diffusion)))
        if condition == sp.false or m is None or C is None:
            raise ArithmeticError(
                f"stationary: the process with drift {list(self.drift)} has no stationary mean and covariance, which "
                f"need eigenvalues with negative real parts; .solve() gives its moments at a time"
            )
        mean, slope = ImmutableMatrix([m[symbol] for symbol in self.state]), ImmutableMatrix(A)
        if floating:
            mean, C, slope = mean.evalf(), C.evalf(), slope.evalf()
        return StationaryMoments(ImmutableMatrix(mean), ImmutableMatrix(C), ImmutableMatrix(slope), condition)

    def transition_law(self, start: Entries) -> GaussianLaw:
        """The law of the state at time `t` of a process that is at `start` at time 0: normal, if it is linear.

        Args:
            start: the state at time 0.

        Returns:
            The law, whose `density` is the transition density.

        Raises:
            ValueError: the drift is not affine in the state, the noise depends on the state, or the coefficients
                depend on time.
        """
        if self.diffusion.free_symbols & set(self.state):
            raise ValueError(
                f"transition_law: got noise that depends on {', '.join(map(str, self.state))}, whose law is not "
                f"normal, expected a constant diffusion; .solve({flat(start)}) gives mean and covariance"
            )
        return GaussianLaw(self.state, *self.solve(start))

    def _require_constant(self, method: str) -> None:
        if self.t in self.drift.free_symbols | self.diffusion.free_symbols:
            raise ValueError(
                f"{method}: got coefficients that depend on {self.t}, expected constant ones; pass .mean and "
                f".covariance to sympy.dsolve"
            )

    def _rational(self) -> tuple[tuple[sp.Matrix, sp.Matrix], bool]:
        """Drift and covariance with rational numbers, and whether there were floating-point ones."""
        (drift, first), (diffusion, second) = rational(sp.Matrix(self.drift)), rational(sp.Matrix(self.diffusion))
        return (drift.applyfunc(sp.expand), diffusion.applyfunc(sp.expand)), first or second

    def _by_generator(
        self, drift: sp.Matrix, diffusion: sp.Matrix, start: sp.Matrix, spread: sp.Matrix
    ) -> tuple[sp.Matrix, sp.Matrix]:
        """The moments by the exponential of the generator on polynomials of degree 2, where noise is multiplicative."""
        size = len(self.state)
        pairs = list(combinations_with_replacement(range(size), 2))
        basis: list[tuple[int, ...]] = [(), *((i,) for i in range(size)), *pairs]
        matrix = sp.Matrix([self._generator_row(monomial, basis, drift, diffusion) for monomial in basis])
        moments = [sp.S.One, *start] + [spread[i, j] + start[i] * start[j] for i, j in pairs]
        at = dict(zip(basis, exponential(matrix, self.t) * sp.Matrix(moments), strict=True))
        m = sp.Matrix([at[(i,)] for i in range(size)])
        return m, sp.Matrix(size, size, lambda i, j: at[min(i, j), max(i, j)] - m[i] * m[j])

    def _second_moments(self, drift: sp.Matrix, diffusion: sp.Matrix) -> sp.Matrix:
        """The matrix of the second moments among themselves."""
        pairs: list[tuple[int, ...]] = list(combinations_with_replacement(range(len(self.state)), 2))
        return sp.Matrix([self._generator_row(monomial, pairs, drift, diffusion) for monomial in pairs])

    def __repr__(self) -> str:
        return summary("MomentEquations", map(plain, self.mean + self.covariance))

    def _repr_latex_(self) -> str:
        return aligned(rf"{sp.latex(e.lhs)} &= {sp.latex(e.rhs)}" for e in self.mean + self.covariance)

    def _generator_row(
        self, monomial: tuple[int, ...], basis: list[tuple[int, ...]], drift: sp.Matrix, diffusion: sp.Matrix
    ) -> list[Expr]:
        """The coefficients of `𝒜` of a monomial."""
        f, x = sp.Mul(*(self.state[i] for i in monomial)), self.state
        size = range(len(x))
        image = sum(drift[i] * sp.diff(f, x[i]) for i in size)
        image += sum(diffusion[i, j] * sp.diff(f, x[i], x[j]) for i in size for j in size) / 2
        poly = sp.Poly(sp.expand(image), *x)
        return [poly.coeff_monomial(sp.Mul(*(x[i] for i in other))) for other in basis]


def _degree(f: Expr, state: tuple[Symbol, ...]) -> float:
    """The degree of a polynomial in the state; infinite for other functions."""
    polynomial = sp.expand(f).as_poly(*state)
    return polynomial.total_degree() if polynomial is not None else math.inf


def _not_closed(method: str) -> str:
    return (
        f"{method}: got equations that do not close, as .mean and .covariance show; expected a drift that is affine in "
        f"the state and a covariance that is at most quadratic"
    )
