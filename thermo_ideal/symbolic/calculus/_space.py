"""What a process asks of its state space.

Itô's lemma needs a derivative and a sum over components. Components with names and tensors in a symbolic dimension both
have these two, so the lemma is written once, and every result in symbolic dimension can be checked in components.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import sympy as sp
from sympy import Expr, ImmutableMatrix, Symbol

from thermo_ideal.symbolic._printing import Language

Index: TypeAlias = int | sp.Integer | Symbol
Coefficient: TypeAlias = Callable[[Index], Expr]


class Space(ABC):
    """What a process asks of its coordinates, and of the index that counts its Brownian motions."""

    @property
    @abstractmethod
    def components(self) -> tuple[Symbol, ...]:
        """The symbols of the components; none in symbolic dimension."""

    @property
    @abstractmethod
    def rows(self) -> tuple[tuple[Index, str], ...]:
        """The indices to write an equation for, each with the name of its component."""

    @abstractmethod
    def partial(self, f: Expr, index: Index) -> Expr:
        """`∂f/∂x_index`."""

    @abstractmethod
    def total(self, term: Callable[[Index], Expr]) -> Expr:
        """`Σ_i term(i)` over all components."""

    @abstractmethod
    def vector(self, term: Coefficient) -> Any:
        """A vector as a process takes it for its drift."""

    @abstractmethod
    def coefficient(self, term: Coefficient) -> Coefficient:
        """A function of the index as a value, which can be compared, substituted into and pickled."""

    @abstractmethod
    def read_coefficients(self, drift: Any, diffusion: Any) -> tuple[Any, Any, Space]:
        """Drift and diffusion as a process keeps them, and the space of its noise; raises where they do not fit."""

    @abstractmethod
    def read_correlation(self, correlation: Any) -> ImmutableMatrix:
        """The correlation of the Brownian motions that this space counts; raises where it cannot be one."""

    @abstractmethod
    def written_noise(self, language: Language, diffusion: Coefficient, sign: str) -> list[str]:
        """The terms of `Σ_k diffusion(k) dB_k`, with `sign` before every increment."""
