"""A derivation that can be read, and replayed in explicit components."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal.symbolic import _notation as n


@runtime_checkable
class Ground(Protocol):
    """A concrete case, on which the lines of a derivation are put to the test."""

    dimension: int

    def algebraic(self, equation: Eq) -> Iterable[Expr]:
        """Left minus right."""

    def evaluate(self, residual: Expr) -> Expr:
        """The value of an expression there."""


Check = Callable[[Eq, Any], Iterable[Expr]]


class VerificationError(AssertionError):
    """A step of a derivation does not hold when it is replayed in a concrete case."""


@dataclass(frozen=True)
class Step:
    """One line of a derivation.

    Args:
        name: a word for it.
        claim: what is stated, in words.
        equation: the statement.
        because: how it follows from the lines above.
        check: returns expressions that vanish if and only if `equation` holds in the concrete case it is given.
        uses: the names of the lines that it rests on.
    """

    name: str
    claim: str
    equation: Eq
    because: str
    check: Check
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Derivation:
    """Named steps from what is assumed to what follows.

    Args:
        title: what is derived.
        steps: the lines, in order.
        result: what later work uses, each under the name of the step that states it.
        ground: makes the concrete case of an explicit dimension, for `verify`.
        dimension: an explicit dimension, or None for symbolic `d`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.derive("fixed-elr", noise="isotropic")
        >>> derivation.result["stationary_radius"]
        sqrt(2)*sqrt(eta_eff)*sigma*sqrt(d - 1)/(2*sqrt(lambda))
        >>> [step.name for step in derivation.towards("temperature").steps][-2:]
        ['noise_trace', 'temperature']
    """

    title: str
    steps: tuple[Step, ...]
    result: Mapping[str, Expr | Eq]
    ground: Callable[[int], Ground]
    dimension: int | None = None

    def __getitem__(self, name: str) -> Step:
        """The step of that name."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(f"{name!r} is not a step of {self.title}; it has {', '.join(s.name for s in self.steps)}")

    def towards(self, *names: str) -> Derivation:
        """The part of the derivation that the named steps rest on, with their results only.

        Args:
            *names: of steps.

        Raises:
            KeyError: there is no such step.
        """
        wanted, open_names = set(), list(names)
        while open_names:
            step = self[open_names.pop()]
            if step.name not in wanted:
                wanted.add(step.name)
                open_names += step.uses
        steps = tuple(step for step in self.steps if step.name in wanted)
        return replace(self, steps=steps, result={name: self.result[name] for name in names if name in self.result})

    def verify(self, dimensions: Sequence[int] = (2, 3, 4), tolerance: float = 1e-25) -> int:
        """Replays every step in concrete cases and returns the number of residuals found to vanish.

        In each dimension a case without symmetry is set up in explicit components (for SGD: a scale-invariant loss, a
        noise covariance, rational weights), SymPy's own derivatives are taken, and the two sides of each equation are
        compared with 40 digits.

        Args:
            dimensions: the explicit dimensions; a derivation made for one dimension uses that one only.
            tolerance: the largest residual that counts as zero.

        Raises:
            ValueError: no dimension, or one below 2.
            VerificationError: naming the first step that fails, the dimension and the residual; or a result that is
                not what its step states.
        """
        if self.dimension is not None:
            dimensions = (self.dimension,)
        if not dimensions or min(dimensions) < 2:
            raise ValueError(f"dimensions: got {tuple(dimensions)}, expected explicit dimensions ≥ 2, as in (2, 3, 4)")
        for name, value in self.result.items():
            if value not in (self[name].equation, self[name].equation.rhs):
                raise VerificationError(f"{self.title}, result {name!r}: {value} is not what its step states")
        count = 0
        for dimension in dimensions:
            ground = self.ground(dimension)
            for number, step in enumerate(self.steps, 1):
                where = f"{self.title}, step {number} ({step.claim}) fails at d = {dimension}"
                try:
                    for residual in step.check(step.equation, ground):
                        size = abs(ground.evaluate(residual))
                        if not (size.is_Number and size < tolerance):
                            raise VerificationError(f"{where}: residual {sp.N(size, 5)}, expected 0")
                        count += 1
                except VerificationError:
                    raise
                except Exception as error:
                    raise VerificationError(f"{where}: it cannot be evaluated: {error}") from error
        return count

    def evaluate(self, name: str, **values: int | float | np.ndarray) -> np.ndarray:
        """A result as a number.

        Args:
            name: which result.
            **values: "dimension", "noise_scale", "radius", "temperature", the protocol's hyperparameters and what else
                the result depends on, as numbers or arrays.

        Raises:
            KeyError: there is no such result.
            ValueError: a value that the result depends on is missing, the dimension is not that of the derivation, or
                the result is not a number.

        Example:
            >>> from thermo_ideal import symbolic
            >>> derivation = symbolic.derive("fixed-elr")
            >>> float(derivation.evaluate("temperature", effective_learning_rate=0.01, noise_scale=1.0))
            0.005
        """
        if name not in self.result:
            raise KeyError(f"{name!r} is not a result of {self.title}; it has {', '.join(map(repr, self.result))}")
        expression = self.result[name]
        unknown = sorted(values.keys() - n.NAMES.keys())
        if unknown:
            raise ValueError(f"{unknown[0]}: no such quantity, expected some of {', '.join(n.NAMES)}")
        if self.dimension is not None and np.any(np.asarray(values.get("dimension", self.dimension)) != self.dimension):
            raise ValueError(
                f"dimension: got {values['dimension']} for a derivation at d = {self.dimension}; leave it out"
            )
        undefined = expression.free_symbols - set(n.NAMES.values()) | expression.atoms(sp.core.function.AppliedUndef)
        if isinstance(expression, Eq) or undefined:
            raise ValueError(f"{name}: {expression} is not a number; use it symbolically, as in .result[{name!r}]")
        symbols = {n.NAMES[key]: value for key, value in values.items()}
        missing = [key for key, symbol in n.NAMES.items() if symbol in expression.free_symbols - symbols.keys()]
        if missing:
            raise ValueError(f"{name} depends on {', '.join(missing)} too; add {missing[0]}=…")
        lowered = sp.lambdify(list(symbols), expression, "numpy")
        try:
            return np.asarray(lowered(*map(np.asarray, symbols.values())))
        except NameError as error:
            raise ValueError(
                f"{name}: {expression} has no form in NumPy; put numbers for its symbols and call .n()"
            ) from error

    def symbols(self) -> dict[str, str]:
        """The names that occur in the equations, and what they mean."""
        names: set[str] = set()
        for step in self.steps:
            atoms = step.equation.atoms(Symbol, sp.IndexedBase, sp.core.function.AppliedUndef)
            names |= {str(getattr(atom, "name", None) or atom.func) for atom in atoms}
        return {name: meaning for name, meaning in n.MEANING.items() if name in names}

    def latex(self) -> str:
        """The steps as a LaTeX `align*` block, each with its claim, which has Unicode letters: XeLaTeX or LuaLaTeX."""
        lines = [rf"&\text{{{step.claim}}} && {_latex(step.equation)}" for step in self.steps]
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"

    def to_dict(self) -> dict[str, Any]:
        """Title, steps, results and symbols in strings, ready for JSON; formulas as text, LaTeX and `srepr`."""

        def formula(expression: Expr | Eq) -> dict[str, str]:
            return {"text": _plain(expression), "latex": _latex(expression), "srepr": sp.srepr(expression)}

        steps = [
            {"name": s.name, "claim": s.claim, "because": s.because, "uses": list(s.uses), **formula(s.equation)}
            for s in self.steps
        ]
        result = {name: formula(value) for name, value in self.result.items()}
        record = {"title": self.title, "dimension": self.dimension, "steps": steps, "result": result}
        return record | {"symbols": self.symbols()}

    def text(self) -> str:
        """The steps and results as they are typed, for a terminal."""
        lines = [self.title, ""]
        for number, step in enumerate(self.steps, 1):
            lines += [f"{number:2}. {step.claim}: {step.because}", f"        {_plain(step.equation)}"]
        width = max(map(len, self.result), default=0)
        results = [f"{name:{width}}  {_plain(value)}" for name, value in self.result.items()]
        symbols = [f"{name:{width}}  {meaning}" for name, meaning in self.symbols().items()]
        return "\n".join([*lines, "", *results, "", *symbols])

    def markdown(self, level: int = 3) -> str:
        """Title, steps and what each follows from, with LaTeX between dollar signs.

        Args:
            level: of the title's heading.
        """
        numbers = {step.name: number for number, step in enumerate(self.steps, 1)}
        blocks = []
        for number, step in enumerate(self.steps, 1):
            rests_on = ", ".join(str(numbers[name]) for name in step.uses)
            because = f"{step.because} (from {rests_on})" if rests_on else step.because
            blocks.append(f"{number}. **{step.claim}**: {because}\n\n$${_latex(step.equation)}$$")
        symbols = "; ".join(f"${_latex(Symbol(name))}$ {meaning}" for name, meaning in self.symbols().items())
        return f"{'#' * level} {self.title}\n\n" + "\n\n".join([*blocks, f"Here {symbols}."])

    def _repr_markdown_(self) -> str:
        return self.markdown()


def _plain(expression: Expr | Eq) -> str:
    return f"{expression.lhs} = {expression.rhs}" if isinstance(expression, Eq) else str(expression)


def _latex(expression: Expr | Eq) -> str:
    names = {symbol: n.LATEX[symbol.name] for symbol in expression.free_symbols if symbol.name in n.LATEX}
    return str(sp.latex(expression, symbol_names=names))
