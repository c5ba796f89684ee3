"""What Itô and Stratonovich processes share: state, coefficients, Brownian motions, and what is required of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic._printing import LATEX, TEXT, Language, aligned, summary
from thermo_ideal.symbolic._symbolic_object import Change, SymbolicObject, changed
from thermo_ideal.symbolic.calculus._space import Coefficient, Index, Space
from thermo_ideal.symbolic.calculus._tensors import as_space

_Process = TypeVar("_Process", bound="AbstractProcess")


@dataclass(frozen=True, repr=False)
class AbstractProcess(SymbolicObject):
    """State, coefficients and Brownian motions of a stochastic differential equation, checked."""

    # What is accepted (sequences, arrays, functions) and what is kept (tuples, immutable matrices, `Lambda`s) differ.
    state: Any
    drift: Any
    diffusion: Any
    time: Any = None
    correlation: Any = None
    parameters: Any = None
    space: Space = field(init=False, repr=False, compare=False)
    _noise: Space = field(init=False, repr=False, compare=False)  # its index counts the Brownian motions
    _stratonovich: ClassVar[bool]

    def __post_init__(self) -> None:
        space = as_space(self.state)
        if not (self.time is None or isinstance(self.time, Symbol)):
            raise ValueError(f"time: got {self.time!r}, expected a symbol, as in sympy.Symbol('t')")
        self._set(space=space, state=space.components or space)
        names = [variable.name for variable in self._variables]
        if len(set(names)) != len(names):
            raise ValueError(f"state, time: got {names}, expected a different name for each")
        drift, diffusion, noise = space.read_coefficients(self.drift, self.diffusion)
        self._set(drift=drift, diffusion=diffusion, _noise=noise)
        if self.correlation is not None:
            self._set(correlation=noise.read_correlation(self.correlation))
        if self.parameters is not None:
            self._set(parameters=frozenset(self.parameters))
        # In symbolic dimension the coefficients are made of tensors, which are neither state nor parameters.
        for name in ("drift", "diffusion", "correlation") if space.components else ():
            symbols: set[Symbol] = getattr(getattr(self, name), "free_symbols", set())
            self._require_known(name, symbols, self.parameters)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _changed(self: _Process, change: Change) -> _Process:
        parts = {name: changed(part, change) for name, part in self._parts()}
        if self.space.components and not all(isinstance(symbol, Symbol) for symbol in parts["state"]):
            raise ValueError(
                f"state: got {list(parts['state'])} for {list(self.state)}, but a state is made of symbols; substitute "
                f"parameters or the time in the process, and the state in a coefficient, as in process.drift.subs(…)"
            )
        # At a number for the time, the coefficients are constant.
        parts["time"] = None if parts["time"] is not None and parts["time"].is_number else parts["time"]
        if self.parameters is not None:
            parts["parameters"] = frozenset().union(*(each.free_symbols for each in parts["parameters"]))
        return replace(self, **parts)

    @property
    def _variables(self) -> tuple[Symbol, ...]:
        return self.space.components + ((self.time,) if self.time is not None else ())

    def _require_known(self, name: str, symbols: Collection[Symbol], parameters: Collection[Symbol] | None) -> None:
        """`Symbol("x")` is not `Symbol("x", positive=True)`, and a derivative by the wrong one would be 0."""
        for symbol in sorted(set(symbols) - set(self._variables), key=str):
            if symbol.name in {variable.name for variable in self._variables}:
                raise ValueError(
                    f"{name}: {symbol} has the name of a variable of the process but other assumptions; "
                    f"use the symbol that is in state={list(self.space.components)}, time={self.time}"
                )
            if parameters is not None and symbol not in parameters:
                raise ValueError(
                    f"{name}: depends on {symbol}, which is not in state={list(self.space.components)}, "
                    f"time={self.time} or parameters; add it, as in parameters={[*sorted(parameters, key=str), symbol]}"
                )

    def _check_function(self, name: str, f: Expr) -> Expr:
        if isinstance(f, str):
            raise ValueError(
                f"{name}: got the text {f!r}, expected an expression in the symbols of the process, as in "
                f"sympy.sympify({f!r})"
            )
        f = sp.sympify(f)
        self._require_known(name, {s for s in f.free_symbols if isinstance(s, Symbol)}, None)
        self._require_time("drift, diffusion", self._coefficient_symbols())
        return f

    def _check_function_of_time(self, name: str, f: Expr) -> Expr:
        """A function of which a method takes `∂_t`, or which must not depend on time."""
        f = self._check_function(name, f)
        self._require_time(name, {s for s in f.free_symbols if isinstance(s, Symbol)})
        return f

    def _require_time(self, name: str, symbols: Collection[Symbol]) -> None:
        """A forgotten `time=` would make `∂_t` 0 by mistake; a parameter `t` is declared as one."""
        for symbol in () if self.time is not None else set(symbols) - (self.parameters or frozenset()):
            if symbol.name == "t" and symbol not in self.space.components:
                raise ValueError(
                    f"time: got None, and {name} with the symbol {symbol}; pass time={symbol} to the process if it is "
                    f"the time, or parameters=[…, {symbol}] if it is constant"
                )

    def _coefficient_symbols(self) -> set[Symbol]:
        """The symbols of drift, diffusion and correlation."""
        correlation: set[Symbol] = getattr(self.correlation, "free_symbols", set())
        symbols = self.drift.free_symbols | self.diffusion.free_symbols | correlation
        return {symbol for symbol in symbols if isinstance(symbol, Symbol)}

    def _require_components(self, method: str) -> None:
        if not self.space.components:
            raise ValueError(
                f"{method}: got a state of symbolic dimension, expected one of named components, as in "
                f"ItoProcess(sympy.symbols('x y'), …)"
            )

    def _a(self, i: Index) -> Expr:
        return self.drift(i) if callable(self.drift) else self.drift[i]

    def _b(self, i: Index, k: Index) -> Expr:
        return self.diffusion(i, k) if callable(self.diffusion) else self.diffusion[i, k]

    def covariation_rate(self, b: Coefficient, c: Coefficient) -> Expr:
        """`Σ_kl ρ_kl b_k c_l`, the rate of the covariation of `∫ Σ_k b_k dB_k` and `∫ Σ_k c_k dB_k`.

        Args:
            b: the coefficient of `dB_k` as a function of `k`.
            c: another.

        Returns:
            The rate as a function of the state.
        """
        rho = self.correlation
        if rho is None:
            return self._noise.total(lambda k: b(k) * c(k))
        return self._noise.total(lambda k: self._noise.total(lambda l: rho[k, l] * b(k) * c(l)))

    def _noise_drift(self, i: Index) -> Expr:
        """`½ Σ_kl ρ_kl Σ_j b_jl ∂_j b_ik`: the Itô drift of component i less its Stratonovich drift."""
        x = self.space
        rate = x.total(lambda j: self.covariation_rate(lambda k: x.partial(self._b(i, k), j), lambda k: self._b(j, k)))
        return rate / 2

    def _shifted(self, sign: int) -> dict[str, Any]:
        """The fields of the same process in the other convention."""
        names = ("state", "diffusion", "time", "correlation", "parameters")
        kept = {name: getattr(self, name) for name in names}
        return {"drift": self.space.vector(lambda i: self._a(i) + sign * self._noise_drift(i))} | kept

    def _explicit_time(self, f: Expr) -> Expr:
        return sp.S.Zero if self.time is None else sp.diff(f, self.time)

    def _noise_of(self, f: Expr) -> Coefficient:
        """`Σ_i b_ik ∂_i f` as a function of `k`."""
        x = self.space
        return lambda k: x.total(lambda i: x.partial(f, i) * self._b(i, k))

    def written(self, language: Language, drift: Expr, diffusion: Coefficient) -> str:
        """`drift dt + Σ_k diffusion(k) dB_k` as text or LaTeX.

        Args:
            language: how it is written.
            drift: the coefficient of `dt`.
            diffusion: the coefficient of `dB_k` as a function of `k`.

        Returns:
            The sum, "0" if nothing is left of it.
        """
        sign = language.stratonovich if self._stratonovich else ""
        terms = language.term(drift, "dt") + self._noise.written_noise(language, diffusion, sign)
        return " + ".join(terms) or "0"

    def _row(self, language: Language, i: Index) -> str:
        return self.written(language, self._a(i), lambda k: self._b(i, k))

    def __repr__(self) -> str:
        lines = [f"d{name} = {self._row(TEXT, i)}" for i, name in self.space.rows]
        correlation = [] if self.correlation is None else [f"correlation of dB: {self.correlation.tolist()}"]
        return summary(type(self).__name__, lines + correlation)

    def _repr_latex_(self) -> str:
        return aligned(rf"d{sp.latex(Symbol(name))} &= {self._row(LATEX, i)}" for i, name in self.space.rows)
