"""State spaces of components with names, in an explicit dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy import Expr, ImmutableMatrix, Symbol

from thermo_ideal.symbolic._printing import Language
from thermo_ideal.symbolic._symbolic_object import SymbolicObject
from thermo_ideal.symbolic.calculus._entries import column, listed, rows
from thermo_ideal.symbolic.calculus._space import Coefficient, Index, Space


@dataclass(frozen=True)
class Components(SymbolicObject):
    """Expressions as a function of the index of a component, from 0."""

    values: tuple[Expr, ...]

    def __call__(self, index: Index) -> Expr:
        return self.values[int(index)]


@dataclass(frozen=True)
class Cartesian(Space):
    """Components with names, in an explicit dimension.

    Args:
        symbols: one SymPy symbol for each coordinate.

    Example:
        >>> import sympy as sp
        >>> x, y = sp.symbols("x y")
        >>> plane = Cartesian((x, y))
        >>> plane.total(lambda i: plane.partial(plane.partial(x**2 + x * y**3, i), i))
        6*x*y + 2
    """

    symbols: tuple[Symbol, ...]

    @property
    def components(self) -> tuple[Symbol, ...]:
        """The symbols of the components."""
        return self.symbols

    @property
    def rows(self) -> tuple[tuple[Index, str], ...]:
        """The index and the name of every component."""
        return tuple(enumerate(map(str, self.symbols)))

    def partial(self, f: Expr, index: Index) -> Expr:
        """`∂f/∂x_index`."""
        return sp.diff(f, self.symbols[int(index)])

    def total(self, term: Callable[[Index], Expr]) -> Expr:
        """`Σ_i term(i)`."""
        return sp.Add(*(term(i) for i in range(len(self.symbols))))

    def vector(self, term: Coefficient) -> list[Expr]:
        """The components, simplified."""
        return [sp.simplify(term(i)) for i in range(len(self.symbols))]

    def coefficient(self, term: Coefficient) -> Components:
        """The expressions of all components."""
        return Components(tuple(sp.sympify(term(k)) for k in range(len(self.symbols))))

    def read_coefficients(self, drift: Any, diffusion: Any) -> tuple[ImmutableMatrix, ImmutableMatrix, Space]:
        """A column, a matrix with a row for each component, and a space with a component for each column."""
        size = len(self.symbols)
        a, b = column(drift, size), rows(diffusion, size)
        if not isinstance(a, Sequence):
            raise ValueError(f"drift: got {drift!r}, expected a list of {size} expressions, as in [-x]")
        if not (isinstance(b, Sequence) and all(isinstance(row, Sequence) for row in b)):
            raise ValueError(f"diffusion: got {diffusion!r}, expected a row for each component, as in [[1, 0], [0, 1]]")
        a, b = ImmutableMatrix(a), ImmutableMatrix(b)
        if a.shape != (size, 1):
            shape = f"{len(a)} expressions" if a.cols == 1 else f"a matrix of shape {a.shape}"
            raise ValueError(f"drift: got {shape} for a state of {size} components, expected a column of {size}")
        if b.rows != size:
            raise ValueError(
                f"diffusion: got a matrix of shape {b.shape}, expected {size} rows, one for each component"
            )
        return a, b, Cartesian(tuple(sp.Dummy() for _ in range(b.cols)))

    def read_correlation(self, correlation: Any) -> ImmutableMatrix:
        """A correlation matrix with a row for each component."""
        rho, size = ImmutableMatrix(listed(correlation)), len(self.symbols)
        if (
            rho.shape != (size, size)
            or not (rho - rho.T).is_zero_matrix
            or not all((rho[k, k] - 1).is_zero for k in range(size))
            or (not rho.free_symbols and rho.is_positive_semidefinite is False)
        ):
            raise ValueError(
                f"correlation: got {rho.tolist()}, expected a symmetric {size}×{size} matrix without negative "
                f"eigenvalues and with ones on its diagonal, a row for each column of diffusion"
            )
        return rho

    def written_noise(self, language: Language, diffusion: Coefficient, sign: str) -> list[str]:
        """A term for each Brownian motion."""
        terms = (language.term(diffusion(k), sign + language.increment.format(k)) for k in range(len(self.symbols)))
        return [term for some in terms for term in some]
