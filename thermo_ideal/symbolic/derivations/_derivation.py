"""A derivation that can be read, and checked numerically step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np
import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._latex import rows, text
from thermo_ideal.symbolic._printing import aligned, latex, plain, summary
from thermo_ideal.symbolic._symbolic_object import Change, SymbolicObject, changed


@runtime_checkable
class NumericalCheck(Protocol):
    """A concrete case in which the equations of a derivation are evaluated."""

    dimension: int

    def algebraic(self, equation: Eq) -> Iterable[Expr]:
        """Left side minus right side, for every value of the free index."""

    def evaluate(self, residual: Expr) -> Expr:
        """The value of an expression in this case."""


Check = Callable[[Eq, Any], Iterable[Expr]]
Kind: TypeAlias = Literal["derivation", "numeric check", "assumption"]


class VerificationError(AssertionError):
    """An equation of a derivation is wrong in a concrete case, or a result is not what its step states.

    Example:
        >>> from dataclasses import replace
        >>> from sympy import Integer
        >>> from thermo_ideal import symbolic
        >>> derivation = replace(symbolic.derive("fixed-elr"), result={"temperature": Integer(1)})
        >>> try:
        ...     derivation.verify()
        ... except symbolic.VerificationError as error:
        ...     print(error)
        SGD at a fixed effective learning rate with isotropic noise, result 'temperature': 1 is not what its step states
    """


@dataclass(frozen=True, repr=False)
class Step(SymbolicObject):
    """One step of a derivation: an equation, and how it follows from the steps before.

    Two steps are equal if they state the same; how they are checked is not compared.

    Args:
        name: a word for the step.
        claim: what the equation states, in words.
        equation: the equation.
        because: how it follows.
        check: returns expressions that vanish if and only if `equation` holds in the concrete case that it is given.
        uses: the names of the earlier steps that it follows from.
        kind: "derivation": SymPy computes the equation from those of earlier steps; "numeric check": the reason is in
            words, and only the numbers of concrete cases confirm it; "assumption": it is taken as given, and the
            concrete cases are made such that it holds.

    Raises:
        ValueError: the kind is none of these.

    Example:
        >>> from thermo_ideal import symbolic
        >>> symbolic.derive("fixed-elr")["noise_trace"]
        Step 'noise_trace': the trace of the covariance of isotropic noise
          tau = sigma**2*(d - 1)
    """

    name: str
    claim: str
    equation: Eq
    because: str
    check: Check = field(compare=False)
    uses: tuple[str, ...] = ()
    kind: str = "derivation"

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind: got {self.kind!r}, expected one of {', '.join(map(repr, get_args(Kind)))}")

    def _changed(self, change: Change) -> Step:
        return replace(self, equation=_sides_changed(self.equation, change), check=_ChangedCheck(self, change))

    def __repr__(self) -> str:
        return summary(f"Step {self.name!r}: {self.claim}", [plain(self.equation)])

    def _repr_latex_(self) -> str:
        return aligned(rows(self.equation))

    def _repr_markdown_(self) -> str:
        return f"**{self.claim}**: {self.because} *[{self.kind}]*\n\n$${latex(self.equation)}$$"


def _sides_changed(equation: Any, change: Change) -> Eq:
    """An equation stays one, also where its two sides have become the same."""
    return Eq(change(equation.lhs), change(equation.rhs), evaluate=False)


@dataclass(frozen=True)
class _ChangedCheck:
    """The check of a step whose equation was substituted into or simplified: that, and the check of the original."""

    original: Step
    change: Change

    def __call__(self, equation: Eq, case: NumericalCheck) -> Iterator[Expr]:
        yield sp.S.Zero if equation == _sides_changed(self.original.equation, self.change) else sp.oo
        yield from self.original.check(self.original.equation, case)


@dataclass(frozen=True, repr=False)
class Derivation(SymbolicObject):
    """Named steps from assumptions to results.

    Two derivations are equal if they state the same. After `.subs` and `.simplify`, `verify` asks whether each equation
    is the changed one of its step, and whether the step before the change holds. A pickled derivation has what it
    states, and is derived again when it is verified.

    Args:
        title: what is derived.
        steps: the steps, in order.
        result: the equations and expressions that are derived, each under the name of the step that states it.
        numerical_check: makes the concrete case in which `verify` evaluates the steps, from an explicit dimension and
            the number of a random point.
        dimension: an explicit dimension, or None for symbolic `d`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.derive("fixed-elr", noise="isotropic")
        >>> derivation.result["stationary_radius"]
        sqrt(2)*sqrt(eta_eff)*sigma*sqrt(d - 1)/(2*sqrt(lambda))
        >>> derivation.towards("temperature")
        Derivation: SGD at a fixed effective learning rate with isotropic noise (13 steps)
          temperature: eta_eff*sigma**2/2
    """

    title: str
    steps: tuple[Step, ...]
    result: Mapping[str, Expr | Eq] = field(hash=False)
    numerical_check: Callable[[int, int], NumericalCheck] = field(compare=False)
    dimension: int | None = None

    def _changed(self, change: Change) -> Derivation:
        sides = {name: _sides_changed if isinstance(each, Eq) else changed for name, each in self.result.items()}
        result = {name: sides[name](each, change) for name, each in self.result.items()}
        d = change(n.DIMENSION if self.dimension is None else sp.Integer(self.dimension))
        dimension = int(d) if d.is_Integer else None
        return replace(self, steps=changed(self.steps, change), result=result, dimension=dimension)

    def __getitem__(self, name: str) -> Step:
        """The step of that name."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(f"{name!r} is not a step of {self.title}; it has {', '.join(s.name for s in self.steps)}")

    def towards(self, *names: str) -> Derivation:
        """The part of the derivation that the named steps follow from, with their results only.

        Args:
            *names: names of steps.

        Returns:
            A derivation that ends in these steps.

        Raises:
            KeyError: there is no such step.
        """
        needed, pending = set(), list(names)
        while pending:
            step = self[pending.pop()]
            if step.name not in needed:
                needed.add(step.name)
                pending += step.uses
        steps = tuple(step for step in self.steps if step.name in needed)
        return replace(self, steps=steps, result={name: self.result[name] for name in names if name in self.result})

    def verify(
        self, dimensions: Sequence[int] = (2, 3, 4), tolerance: float = 1e-25, points: int = 2, seed: int = 0
    ) -> int:
        """Evaluates every step in concrete cases and counts the residuals that vanish.

        In each dimension the cases are without symmetry, in explicit components (for SGD: a scale-invariant loss, a
        noise covariance, weights), at random rational points. SymPy differentiates the explicit functions, and the two
        sides of each equation are compared with 40 digits. An equation with a number in the place of a symbol holds at
        one point at most, so fewer than two points say little.

        Args:
            dimensions: the explicit dimensions; a derivation that was made for one dimension uses only that one.
            tolerance: the largest residual that counts as zero.
            points: how many random points there are in each dimension, at least 2.
            seed: of the points.

        Returns:
            The number of residuals, all of which vanish.

        Raises:
            ValueError: there is no dimension, or one below 2; or fewer than two points.
            VerificationError: an equation does not hold; the message names the step, the dimension and the residual. Or
                a step uses what no step before it states, two steps have one name, or a result is not what its step
                states.
        """
        if self.dimension is not None:
            dimensions = (self.dimension,)
        if not dimensions or min(dimensions) < 2:
            raise ValueError(
                f"dimensions: got {tuple(dimensions)}, expected integers ≥ 2, as in verify(dimensions=(2, 3, 4))"
            )
        if points < 2:
            raise ValueError(f"points: got {points}, expected an integer ≥ 2, as in verify(points=2)")
        self._require_order()
        for name, value in self.result.items():
            if value not in (self[name].equation, self[name].equation.rhs):
                raise VerificationError(f"{self.title}, result {name!r}: {value} is not what its step states")
        numbers = range(seed * points, (seed + 1) * points)
        return sum(self._verified(dimension, number, tolerance) for dimension in dimensions for number in numbers)

    def _require_order(self) -> None:
        """Raises VerificationError unless every step has a name of its own and uses steps before it."""
        stated: set[str] = set()
        for number, step in enumerate(self.steps, 1):
            where = f"{self.title}, step {number} ({step.claim})"
            if missing := sorted(set(step.uses) - stated):
                raise VerificationError(f"{where} uses {', '.join(map(repr, missing))}, which no step before it states")
            if step.name in stated:
                raise VerificationError(f"{where} has the name {step.name!r} of a step before it")
            stated.add(step.name)

    def _verified(self, dimension: int, point: int, tolerance: float) -> int:
        """The number of residuals at one point, all of which vanish."""
        case, count = self.numerical_check(dimension, point), 0
        for number, step in enumerate(self.steps, 1):
            where = f"{self.title}, step {number} ({step.claim}) fails at d = {dimension}"
            try:
                for residual in step.check(step.equation, case):
                    size = abs(case.evaluate(residual))
                    if not (size.is_Number and size < tolerance):
                        raise VerificationError(f"{where}: got a residual of {sp.N(size, 5)}, expected 0")
                    count += 1
            except VerificationError:
                raise
            except Exception as error:
                raise VerificationError(f"{where}: the residual cannot be evaluated: {error}") from error
        return count

    def evaluate(self, name: str, **values: int | float | np.ndarray) -> np.ndarray:
        """A result as a number.

        Args:
            name: the name of the result.
            **values: dimension, noise_scale, radius, temperature, hyperparameters and whatever else the result depends
                on, as numbers or arrays.

        Returns:
            The value, of the shape to which the values broadcast.

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
        if unknown := sorted(values.keys() - n.NAMES.keys()):
            raise ValueError(f"{unknown[0]}: got an unknown quantity, expected some of {', '.join(n.NAMES)}")
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
            line = ", ".join([repr(name), *(f"{key}=…" for key in [*values, *missing])])
            raise ValueError(f"{name}: got no value of {', '.join(missing)}, expected one, as in evaluate({line})")
        try:
            lowered = sp.lambdify(list(symbols), expression, "numpy")
            return np.asarray(lowered(*map(np.asarray, symbols.values())))
        except (NameError, NotImplementedError) as error:
            raise ValueError(
                f"{name}: {expression} has no form in NumPy; substitute numbers for its symbols and call .n()"
            ) from error

    def symbols(self) -> dict[str, str]:
        """The names that occur in the equations, and what they mean.

        Returns:
            A meaning for each name.
        """
        names: set[str] = set()
        for step in self.steps:
            atoms = step.equation.atoms(Symbol, sp.IndexedBase, sp.core.function.AppliedUndef)
            names |= {str(getattr(atom, "name", None) or atom.func) for atom in atoms}
        return {name: meaning for name, meaning in n.MEANING.items() if name in names}

    def latex(self) -> str:
        """The steps as a LaTeX `align*` block: each claim in a paragraph, and its equation below it.

        Returns:
            LaTeX in ASCII, for `amsmath` and any engine; wide sums are broken into lines.
        """
        lines: list[str] = []
        for number, step in enumerate(self.steps, 1):
            lines.append(rf"&\parbox[t]{{0.9\linewidth}}{{{number}. {text(step.claim)} [{step.kind}]}}")
            lines += rows(step.equation)
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"

    def to_dict(self) -> dict[str, Any]:
        """Title, steps, results and symbols as strings, ready for JSON.

        Returns:
            A dictionary in which every formula is given as text, LaTeX and `srepr`.
        """

        def formula(expression: Expr | Eq) -> dict[str, str]:
            return {"text": plain(expression), "latex": latex(expression), "srepr": sp.srepr(expression)}

        steps = [
            {"name": s.name, "claim": s.claim, "because": s.because, "uses": list(s.uses), "kind": s.kind}
            | formula(s.equation)
            for s in self.steps
        ]
        result = {name: formula(value) for name, value in self.result.items()}
        record = {"title": self.title, "dimension": self.dimension, "steps": steps, "result": result}
        return record | {"symbols": self.symbols()}

    def text(self) -> str:
        """All steps, results and symbols for a terminal.

        Returns:
            Lines of text, with formulas as SymPy reads them.
        """
        lines = [self.title, ""]
        for number, step in enumerate(self.steps, 1):
            lines += [f"{number:2}. {step.claim}: {step.because} [{step.kind}]", f"        {plain(step.equation)}"]
        width = max(map(len, self.result), default=0)
        results = [f"{name:{width}}  {plain(value)}" for name, value in self.result.items()]
        symbols = [f"{name:{width}}  {meaning}" for name, meaning in self.symbols().items()]
        return "\n".join([*lines, "", *results, "", *symbols])

    def markdown(self, level: int = 3) -> str:
        """Title, steps and symbols in Markdown, with LaTeX between dollar signs.

        Args:
            level: the level of the title's heading.

        Returns:
            Markdown, with the numbers of the steps that each step follows from.
        """
        numbers = {step.name: number for number, step in enumerate(self.steps, 1)}
        blocks = []
        for number, step in enumerate(self.steps, 1):
            uses = ", ".join(str(numbers[name]) for name in step.uses)
            because = f"{step.because} (from {uses})" if uses else step.because
            blocks.append(f"{number}. **{step.claim}**: {because} *[{step.kind}]*\n\n$${latex(step.equation)}$$")
        symbols = "; ".join(f"${latex(Symbol(name))}$ {meaning}" for name, meaning in self.symbols().items())
        return f"{'#' * level} {self.title}\n\n" + "\n\n".join([*blocks, f"Here {symbols}."])

    def __repr__(self) -> str:
        where = "" if self.dimension is None else f" at d = {self.dimension}"
        lines = [f"{name}: {plain(value)}" for name, value in self.result.items()]
        return summary(f"Derivation: {self.title}{where} ({len(self.steps)} steps)", lines)

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_latex_(self) -> str:
        return aligned(line for step in self.steps for line in rows(step.equation))
