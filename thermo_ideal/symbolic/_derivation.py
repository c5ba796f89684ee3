"""A derivation that can be read, and replayed in explicit components."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy import Eq, Expr

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._replay import Replay

Check = Callable[[Eq, Replay], Iterable[Expr]]


class VerificationError(AssertionError):
    """A step of a derivation does not hold when it is replayed in explicit components."""


@dataclass(frozen=True)
class Step:
    """One line of a derivation.

    Args:
        claim: what is stated, in words.
        equation: the statement.
        because: how it follows from the lines above.
        check: returns expressions that vanish if and only if `equation` holds for the explicit replay it is given.
    """

    claim: str
    equation: Eq
    because: str
    check: Check


@dataclass(frozen=True)
class Derivation:
    """Named steps from a step of SGD to its thermodynamics.

    Args:
        title: what is derived.
        steps: the lines, in order.
        result: what later work uses, by name.
        isotropic: whether the replay uses isotropic noise.
        protocol: the protocol's name.
        dimension: an explicit dimension, or None for symbolic `d`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.derive("fixed-elr", noise="isotropic")
        >>> derivation.result["stationary_radius"]
        sqrt(2)*sqrt(eta_eff)*sigma*sqrt(d - 1)/(2*sqrt(lambda))
    """

    title: str
    steps: tuple[Step, ...]
    result: Mapping[str, Expr | Eq]
    isotropic: bool
    protocol: str
    dimension: int | None = None

    def verify(self, dimensions: Sequence[int] = (2, 3, 4), tolerance: float = 1e-25) -> int:
        """Replays every step in explicit components and returns the number of residuals found to vanish.

        In each dimension a concrete scale-invariant loss and a concrete noise covariance are set up, SymPy's own
        derivative is taken component by component, and the two sides of each equation are compared at a rational
        point with 40 digits.

        Args:
            dimensions: the explicit dimensions; a derivation made for one dimension uses that one only.
            tolerance: the largest residual that counts as zero.

        Raises:
            ValueError: no dimension, or one below 2.
            VerificationError: naming the first step that fails, the dimension and the residual.
        """
        if self.dimension is not None:
            dimensions = (self.dimension,)
        if not dimensions or min(dimensions) < 2:
            raise ValueError(f"dimensions: got {tuple(dimensions)}, wanted explicit dimensions ≥ 2, as in (2, 3, 4)")
        count = 0
        for dimension in dimensions:
            replay = Replay(dimension, self.protocol, self.isotropic)
            for number, step in enumerate(self.steps, 1):
                for residual in step.check(step.equation, replay):
                    size = abs(replay.evaluate(residual))
                    if not size < tolerance:
                        raise VerificationError(
                            f"{self.title}, step {number} ({step.claim}) fails at d = {dimension}: "
                            f"residual {sp.N(size, 5)}, wanted 0"
                        )
                    count += 1
        return count

    def evaluate(self, name: str, **values: int | float | np.ndarray) -> np.ndarray:
        """A result as a number.

        Args:
            name: which result.
            **values: "dimension", "noise_scale", "radius" and the protocol's hyperparameters, as numbers or arrays.

        Raises:
            KeyError: there is no such result.
            ValueError: a value that the result depends on is missing, or the result is not a number.

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
            raise ValueError(f"{unknown[0]}: no such quantity, wanted some of {', '.join(n.NAMES)}")
        if isinstance(expression, Eq) or expression.free_symbols - set(n.NAMES.values()):
            raise ValueError(f"{name}: {expression} is not a number; use it symbolically, as in .result[{name!r}]")
        symbols = {n.NAMES[key]: value for key, value in values.items()}
        missing = [key for key, symbol in n.NAMES.items() if symbol in expression.free_symbols - symbols.keys()]
        if missing:
            raise ValueError(f"{name} depends on {', '.join(missing)} too; add {missing[0]}=…")
        return np.asarray(sp.lambdify(list(symbols), expression, "numpy")(*map(np.asarray, symbols.values())))

    def latex(self) -> str:
        """The steps as a LaTeX `align*` block, each with its claim."""
        lines = [rf"&\text{{{step.claim}}} && {sp.latex(step.equation, symbol_names=n.LATEX)}" for step in self.steps]
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"

    def _repr_markdown_(self) -> str:
        blocks = [
            f"{number}. **{step.claim}**: {step.because}\n\n$${sp.latex(step.equation, symbol_names=n.LATEX)}$$"
            for number, step in enumerate(self.steps, 1)
        ]
        return f"### {self.title}\n\n" + "\n\n".join(blocks)
