"""Coordinates of a stochastic process: named components, or abstract indices in a symbolic dimension.

Itô's lemma needs a derivative and a sum over components. Both spaces have these two, so the lemma is written once, and
every result in symbolic dimension can be checked in components.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

import sympy as sp
from sympy import Expr, ImmutableMatrix, Indexed, IndexedBase, KroneckerDelta, Symbol

from thermo_ideal.symbolic._printing import Language, summary

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
    def read_coefficients(self, drift: Any, diffusion: Any) -> tuple[Any, Any, Space]:
        """Drift and diffusion as a process keeps them, and the space of its noise; raises where they do not fit."""

    @abstractmethod
    def read_correlation(self, correlation: Any) -> ImmutableMatrix:
        """The correlation of the Brownian motions that this space counts; raises where it cannot be one."""

    @abstractmethod
    def written_noise(self, language: Language, diffusion: Coefficient, sign: str) -> list[str]:
        """The terms of `Σ_k diffusion(k) dB_k`, with `sign` before every increment."""


def as_space(state: Any) -> Space:
    """A sequence of symbols as the space of these components; a space as it is."""
    named = isinstance(state, Sequence) and all(isinstance(symbol, Symbol) for symbol in state)
    space = Cartesian(tuple(state)) if named else state
    if not isinstance(space, Space):
        raise ValueError(
            f"state: got {state!r}, expected a list of symbols, as in sympy.symbols('x y'), or a TensorSpace"
        )
    return space


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

    def read_coefficients(self, drift: Any, diffusion: Any) -> tuple[ImmutableMatrix, ImmutableMatrix, Space]:
        """A column, a matrix with a row for each component, and a space with a component for each column."""
        size = len(self.symbols)
        if not isinstance(drift, Sequence | sp.MatrixBase):
            raise ValueError(f"drift: got {drift!r}, expected a list of {size} expressions, as in [-x]")
        nested = isinstance(diffusion, Sequence) and all(isinstance(b, Sequence | sp.MatrixBase) for b in diffusion)
        if not (nested or isinstance(diffusion, sp.MatrixBase)):
            raise ValueError(f"diffusion: got {diffusion!r}, expected a row for each component, as in [[1, 0], [0, 1]]")
        a, b = ImmutableMatrix(drift), ImmutableMatrix(diffusion)
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
        rho, size = ImmutableMatrix(correlation), len(self.symbols)
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


@dataclass(frozen=True, repr=False)
class TensorSpace(Space):
    """Tensor calculus in a symbolic dimension, with sums done by contraction rules.

    `Σ_i` of a product of tensors is reduced by `Σ_i δ_ii = d`, `Σ_i δ_ij a_i = a_j` and the rules in `products`.
    Matrices are symmetric. An undeclared product or derivative raises an error; none is taken to be zero.

    Args:
        dimension: the symbol (or number) `d`.
        products: `{(u, v): rule}` for the sum over one shared index of two tensors, and `{(A,): rule}` for a trace.
            A rule is called with the indices that stay free, in the order of its tensors, and returns a tensor with
            these indices or a scalar.
        gradients: `{tensor or scalar symbol: rule}`; a rule is called with the indices of the tensor and then the
            index of the derivative. Symbols that are not listed are constants.

    Example:
        The Laplacian of the norm, for every dimension at once:

        >>> import sympy as sp
        >>> d, r = sp.symbols("d r", positive=True)
        >>> x = sp.IndexedBase("x")
        >>> space = TensorSpace(
        ...     d,
        ...     products={(x, x): lambda: r**2},
        ...     gradients={x: lambda i, j: sp.KroneckerDelta(i, j), r: lambda j: x[j] / r},
        ... )
        >>> space
        TensorSpace of dimension d
          contractions: x·x
          gradients: x, r
        >>> sp.factor(space.total(lambda i: space.partial(space.partial(r, i), i)))
        (d - 1)/r

    Source: G. 't Hooft & M. Veltman, Nucl. Phys. B 44, 189 (1972), for tensor algebra in a symbolic dimension.
    """

    dimension: Expr | int
    products: Mapping[tuple[IndexedBase, ...], Callable[..., Expr]] = field(default_factory=dict)
    gradients: Mapping[Expr | IndexedBase, Callable[..., Expr]] = field(default_factory=dict)

    def __repr__(self) -> str:
        contractions = ("·".join(map(str, key)) if len(key) > 1 else f"Tr {key[0]}" for key in self.products)
        lists = {"contractions": ", ".join(contractions), "gradients": ", ".join(map(str, self.gradients))}
        return summary(f"TensorSpace of dimension {self.dimension}", (f"{k}: {v or 'none'}" for k, v in lists.items()))

    @property
    def components(self) -> tuple[Symbol, ...]:
        """None: the components have no names."""
        return ()

    @property
    def rows(self) -> tuple[tuple[Index, str], ...]:
        """One free index, which stands for every component."""
        return ((Symbol("i", integer=True), "X_i"),)

    def partial(self, f: Expr, index: Index) -> Expr:
        """`∂f/∂x_index` by the chain rule through every tensor and every scalar field in `f`.

        Args:
            f: an expression in tensors and scalars.
            index: the index of the derivative.

        Returns:
            The derivative, an expression with the free indices of `f` and `index`.

        Raises:
            ValueError: `f` has a tensor whose gradient was not declared, or a symbol that has the name of a field of
                the space and other assumptions.
        """
        f = sp.sympify(f)
        self._require_fields(f)
        tensors: Iterable[Indexed] = f.atoms(Indexed)
        derivative = sp.S.Zero
        for scalar in f.free_symbols & self.gradients.keys():
            derivative += sp.diff(f, scalar) * self.gradients[scalar](index)
        for tensor in tensors:
            if tensor.base not in self.gradients:
                raise ValueError(
                    f"cannot differentiate {tensor}: no gradient is known for {tensor.base}; "
                    f"add gradients={{{tensor.base}: lambda i, j: ...}}"
                )
            # A dummy stands in for the component, since SymPy would differentiate Indexed by its own rule.
            component = sp.Dummy()
            outer = f.xreplace({tensor: component}).diff(component).xreplace({component: tensor})
            derivative += outer * self.gradients[tensor.base](*tensor.indices, index)
        return derivative

    def _require_fields(self, f: Expr) -> None:
        """A field's namesake with other assumptions is another symbol, and its derivative would be 0 by mistake."""
        fields = {key.name: key for key in self.gradients if isinstance(key, Symbol)}
        for symbol in sorted(f.free_symbols, key=str):
            if isinstance(symbol, Symbol) and fields.get(symbol.name, symbol) != symbol:
                raise ValueError(
                    f"{symbol} has the name of a field of the space but other assumptions; "
                    f"use the symbol that is in gradients, with {fields[symbol.name].assumptions0}"
                )

    def total(self, term: Callable[[Index], Expr]) -> Expr:
        """`Σ_i term(i)` by contraction.

        Args:
            term: the term as a function of its index.

        Returns:
            The sum, without the index.

        Raises:
            ValueError: a product in the sum has no rule.
        """
        index = sp.Dummy("i", integer=True)
        terms = sp.Add.make_args(sp.expand(term(index)))
        return sp.Add(*(self._contract(product, index) for product in terms))

    def _contract(self, product: Expr, index: Symbol) -> Expr:
        constants, tensors = [], []
        for factor in sp.Mul.make_args(product):
            base, exponent = factor.as_base_exp()
            if not factor.has(index):
                constants.append(factor)
            elif isinstance(base, (Indexed, KroneckerDelta)) and exponent.is_Integer and exponent > 0:
                tensors.extend([base] * int(exponent))
            else:
                raise ValueError(f"cannot sum {factor} over {index}: only products of tensors have contraction rules")
        constant = sp.Mul(*constants)
        if not tensors:
            return self.dimension * product
        for delta in tensors:
            if isinstance(delta, KroneckerDelta):
                (other,) = set(delta.args) - {index}
                tensors.remove(delta)
                return constant * sp.Mul(*tensors).xreplace({index: other})
        bases = tuple(sorted((tensor.base for tensor in tensors), key=str))
        for key, rule in self.products.items():
            if tuple(sorted(key, key=str)) == bases:
                tensors.sort(key=lambda tensor: key.index(tensor.base))
                return constant * rule(*(j for tensor in tensors for j in tensor.indices if j != index))
        raise ValueError(f"cannot sum {sp.Mul(*tensors)} over {index}: add products={{{tuple(map(str, bases))}: ...}}")

    def vector(self, term: Coefficient) -> Coefficient:
        """A vector as a process takes it for its drift.

        Args:
            term: the vector as a function of its index.

        Returns:
            The same function.
        """
        return term

    def read_coefficients(self, drift: Any, diffusion: Any) -> tuple[Any, Any, Space]:
        """Drift and diffusion as a process keeps them, and the space of its noise.

        Args:
            drift: a function of the index.
            diffusion: a function of the index of the component and that of the noise.

        Returns:
            The two functions and this space: there are as many Brownian motions as components.

        Raises:
            ValueError: they are not functions.
        """
        if not (callable(drift) and callable(diffusion)):
            raise ValueError(
                f"drift, diffusion: got {drift!r} and {diffusion!r}, expected functions of the indices in a "
                f"TensorSpace, as in drift=lambda i: -x[i], diffusion=lambda i, k: KroneckerDelta(i, k)"
            )
        return drift, diffusion, self

    def read_correlation(self, correlation: Any) -> NoReturn:
        """Refuses every correlation: the Brownian motions are independent.

        Args:
            correlation: a correlation of the Brownian motions.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"correlation: got {correlation!r}, but a TensorSpace has independent Brownian motions; leave correlation "
            f"out and put a square root of it into diffusion"
        )

    def written_noise(self, language: Language, diffusion: Coefficient, sign: str) -> list[str]:
        """The noise term of a written equation.

        Args:
            language: text or LaTeX.
            diffusion: the coefficient of `dB_k` as a function of `k`.
            sign: what stands before every increment.

        Returns:
            One term, a sum over the index `k`; none if the coefficient is 0.
        """
        terms = language.term(diffusion(Symbol("k", integer=True)), sign + language.increment.format("k"))
        return [language.total + term for term in terms]
