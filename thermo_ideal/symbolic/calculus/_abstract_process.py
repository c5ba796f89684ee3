"""What Itô and Stratonovich processes share: state, coefficients, Brownian motions, and what is required of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sympy as sp
from sympy import Expr, ImmutableMatrix, Symbol

from thermo_ideal.symbolic.calculus._differentials import Coefficient
from thermo_ideal.symbolic.calculus._tensors import Cartesian, Index, Space, TensorSpace


@dataclass(frozen=True)
class Process:
    """State, coefficients and Brownian motions of a stochastic differential equation, checked."""

    # What is accepted (sequences of numbers and expressions) and what is kept (tuples and immutable matrices) differ.
    state: Any
    drift: Any
    diffusion: Any
    time: Any = None
    correlation: Any = None
    parameters: Any = None
    space: Space = field(init=False, repr=False, compare=False)
    _noise: Space = field(init=False, repr=False, compare=False)
    _product: ClassVar[str] = r"\,"  # what stands before dB

    def __post_init__(self) -> None:
        if isinstance(self.state, TensorSpace):
            self._set(space=self.state, _noise=self.state)
            if not (callable(self.drift) and callable(self.diffusion)):
                raise ValueError(
                    "drift and diffusion: a TensorSpace wants functions of the indices, "
                    "as in drift=lambda i: -x[i], diffusion=lambda i, k: KroneckerDelta(i, k)"
                )
            if self.correlation is not None:
                raise ValueError("correlation: a TensorSpace has independent noise; put the correlation into diffusion")
            return
        state, a, b = self._read_components()
        self._set(state=state, drift=a, diffusion=b, space=Cartesian(state))
        self._set(_noise=Cartesian(tuple(sp.Dummy() for _ in range(b.cols))))
        if self.correlation is not None:
            self._set(correlation=_read_correlation(self.correlation, b.cols))
        if self.parameters is not None:
            self._set(parameters=frozenset(self.parameters))
        for name in ("drift", "diffusion", "correlation"):
            if (matrix := getattr(self, name)) is not None:
                self._require_known(name, matrix.free_symbols, self.parameters)

    def _read_components(self) -> tuple[tuple[Symbol, ...], ImmutableMatrix, ImmutableMatrix]:
        """State, drift and diffusion as a tuple and matrices that fit."""
        if not isinstance(self.state, Sequence) or not all(isinstance(symbol, Symbol) for symbol in self.state):
            raise ValueError(f"state: got {self.state!r}, expected a list of symbols, as in sympy.symbols('x y')")
        if not (self.time is None or isinstance(self.time, Symbol)):
            raise ValueError(f"time: got {self.time!r}, expected a symbol, as in sympy.Symbol('t')")
        state = tuple(self.state)
        names = [variable.name for variable in state + ((self.time,) if self.time is not None else ())]
        if len(set(names)) != len(names):
            raise ValueError(f"state, time: got {names}, expected a different name for each")
        size = len(state)
        if not isinstance(self.drift, Sequence | sp.MatrixBase):
            raise ValueError(f"drift: got {self.drift!r}, expected a list of {size} expressions, as in [-x]")
        rows = self.diffusion
        nested = isinstance(rows, Sequence) and all(isinstance(row, Sequence | sp.MatrixBase) for row in rows)
        if not (nested or isinstance(rows, sp.MatrixBase)):
            raise ValueError(f"diffusion: got {rows!r}, expected a row for each component, as in [[1, 0], [0, 1]]")
        a, b = ImmutableMatrix(self.drift), ImmutableMatrix(self.diffusion)
        if a.shape != (size, 1):
            shape = f"{len(a)} expressions" if a.cols == 1 else f"a matrix of shape {a.shape}"
            raise ValueError(f"drift: got {shape} for a state of {size} components, expected a column of {size}")
        if b.rows != size:
            raise ValueError(
                f"diffusion: got a matrix of shape {b.shape}, expected {size} rows, one for each component"
            )
        return state, a, b

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def _variables(self) -> tuple[Symbol, ...]:
        return tuple(self.state) + ((self.time,) if self.time is not None else ())

    def _require_known(self, name: str, symbols: Collection[Symbol], parameters: Collection[Symbol] | None) -> None:
        """`Symbol("x")` and `Symbol("x", positive=True)` differ, and a derivative by the wrong one is a silent 0."""
        for symbol in sorted(set(symbols) - set(self._variables), key=str):
            if symbol.name in {variable.name for variable in self._variables}:
                raise ValueError(
                    f"{name}: {symbol} has the name of a variable of the process but other assumptions; "
                    f"use the symbol that is in state={list(self.state)}, time={self.time}"
                )
            if parameters is not None and symbol not in parameters:
                raise ValueError(
                    f"{name}: depends on {symbol}, which is not in state={list(self.state)}, time={self.time} "
                    f"or parameters; add it, as in parameters={[*sorted(parameters, key=str), symbol]}"
                )

    def _check_function(self, name: str, f: Expr) -> Expr:
        if isinstance(f, str):
            raise ValueError(f"{name}: got the text {f!r}, expected an expression in the symbols of the process")
        f = sp.sympify(f)
        if not isinstance(self.state, TensorSpace):
            self._require_known(name, f.free_symbols, None)
        return f

    def _require_components(self, method: str) -> None:
        if isinstance(self.state, TensorSpace):
            raise ValueError(f"{method}: wants a state of named components, as in ItoProcess(sympy.symbols('x y'), …)")

    def _a(self, i: Index) -> Expr:
        return self.drift(i) if callable(self.drift) else self.drift[i]

    def _b(self, i: Index, k: Index) -> Expr:
        return self.diffusion(i, k) if callable(self.diffusion) else self.diffusion[i, k]

    def pair(self, b: Coefficient, c: Coefficient) -> Expr:
        """`Σ_kl ρ_kl b_k c_l`."""
        rho = self.correlation
        if rho is None:
            return self._noise.total(lambda k: b(k) * c(k))
        return self._noise.total(lambda k: self._noise.total(lambda l: rho[k, l] * b(k) * c(l)))

    def _noise_drift(self, i: Index) -> Expr:
        """`½ Σ_kl ρ_kl Σ_j b_jl ∂_j b_ik`: the Itô drift of component i less its Stratonovich drift."""
        x = self.space
        return x.total(lambda j: self.pair(lambda k: x.partial(self._b(i, k), j), lambda k: self._b(j, k))) / 2

    def _shifted(self, sign: int) -> dict[str, Any]:
        """The fields of the same process in the other convention."""

        def shifted(i: Index) -> Expr:
            return self._a(i) + sign * self._noise_drift(i)

        drift: Any = shifted
        if not isinstance(self.state, TensorSpace):
            drift = [sp.simplify(shifted(i)) for i in range(len(self.state))]
        names = ("state", "diffusion", "time", "correlation", "parameters")
        return {"drift": drift} | {name: getattr(self, name) for name in names}

    def _explicit_time(self, f: Expr) -> Expr:
        return sp.S.Zero if self.time is None else sp.diff(f, self.time)

    def _noise_of(self, f: Expr) -> Coefficient:
        """`Σ_i b_ik ∂_i f` as a function of `k`."""
        x = self.space
        return lambda k: x.total(lambda i: x.partial(f, i) * self._b(i, k))

    def _repr_latex_(self) -> str:
        if isinstance(self.state, TensorSpace):
            i, k = sp.symbols("i k", integer=True)
            a, b = sp.latex(self._a(i)), sp.latex(self._b(i, k))
            return rf"$\displaystyle dX_i = ({a})\,dt + \sum_k ({b}){self._product}dB_k$"
        vector = sp.latex(sp.Matrix(self.state))
        return rf"$\displaystyle d{vector} = {sp.latex(self.drift)}\,dt + {sp.latex(self.diffusion)}{self._product}dB$"


def _read_correlation(correlation: Any, size: int) -> ImmutableMatrix:
    """A correlation matrix, refused where it cannot be one."""
    rho = ImmutableMatrix(correlation)
    if (
        rho.shape != (size, size)
        or not (rho - rho.T).is_zero_matrix
        or not all((rho[k, k] - 1).is_zero for k in range(size))
        or (not rho.free_symbols and rho.is_positive_semidefinite is False)
    ):
        raise ValueError(
            f"correlation: got {rho.tolist()}, expected a symmetric {size}×{size} matrix without negative eigenvalues "
            f"and with ones on its diagonal, a row for each column of diffusion"
        )
    return rho
