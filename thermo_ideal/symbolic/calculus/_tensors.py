"""Two ways to say `x_i`: named components, and abstract indices in a symbolic dimension.

Itô's lemma needs only a derivative and a sum over components. Both spaces offer these two, so the lemma is
written once, and every result in symbolic dimension can be replayed in components.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import sympy as sp
from sympy import Expr, Indexed, IndexedBase, KroneckerDelta, Symbol

Index: TypeAlias = int | sp.Integer | Symbol


class Space(Protocol):
    """What Itô's lemma asks of a coordinate system."""

    def partial(self, f: Expr, index: Index) -> Expr:
        """`∂f/∂x_index`."""

    def total(self, term: Callable[[Index], Expr]) -> Expr:
        """`Σ_i term(i)` over all components."""


@dataclass(frozen=True)
class Cartesian:
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

    def partial(self, f: Expr, index: Index) -> Expr:
        """`∂f/∂x_index`."""
        return sp.diff(f, self.symbols[int(index)])

    def total(self, term: Callable[[Index], Expr]) -> Expr:
        """`Σ_i term(i)`."""
        return sp.Add(*(term(i) for i in range(len(self.symbols))))


@dataclass(frozen=True)
class TensorSpace:
    """Tensor calculus in a symbolic dimension, with sums done by contraction rules.

    `Σ_i` of a product of tensors is reduced by `Σ_i δ_ii = d`, `Σ_i δ_ij a_i = a_j` and the rules in `products`.
    Matrices are symmetric. An undeclared product or derivative raises; nothing is taken to be zero in silence.

    Args:
        dimension: the symbol (or number) `d`.
        products: `{(u, v): rule}` for the sum over one shared index of two tensors, and `{(A,): rule}` for a trace.
            A rule is called with the indices that stay free, in the order of its tensors, and returns their tensor or
            scalar.
        gradients: `{tensor or scalar symbol: rule}`; a rule is called with the tensor's own indices and then the
            index of the derivative. Symbols that are not listed are constants.

    Example:
        The gradient and the Laplacian of the norm, for every dimension at once:

        >>> import sympy as sp
        >>> d, r = sp.symbols("d r", positive=True)
        >>> x = sp.IndexedBase("x")
        >>> space = TensorSpace(
        ...     d,
        ...     products={(x, x): lambda: r**2},
        ...     gradients={x: lambda i, j: sp.KroneckerDelta(i, j), r: lambda j: x[j] / r},
        ... )
        >>> sp.factor(space.total(lambda i: space.partial(space.partial(r, i), i)))
        (d - 1)/r
    """

    dimension: Expr | int
    products: Mapping[tuple[IndexedBase, ...], Callable[..., Expr]] = field(default_factory=dict)
    gradients: Mapping[Expr | IndexedBase, Callable[..., Expr]] = field(default_factory=dict)

    def partial(self, f: Expr, index: Index) -> Expr:
        """`∂f/∂x_index` by the chain rule through every tensor and every scalar field in `f`.

        Raises:
            ValueError: `f` holds a tensor whose gradient was not declared.
        """
        f = sp.sympify(f)
        self._require_known(f)
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

    def _require_known(self, f: Expr) -> None:
        """`Symbol("r")` is not `Symbol("r", positive=True)`, and a derivative by the wrong one is a silent 0."""
        fields = {key.name: key for key in self.gradients if isinstance(key, Symbol)}
        for symbol in sorted(f.free_symbols, key=str):
            if isinstance(symbol, Symbol) and fields.get(symbol.name, symbol) != symbol:
                raise ValueError(
                    f"{symbol} has the name of a field of the space but other assumptions; "
                    f"use the symbol that is in gradients, with {fields[symbol.name].assumptions0}"
                )

    def total(self, term: Callable[[Index], Expr]) -> Expr:
        """`Σ_i term(i)` by contraction.

        Raises:
            ValueError: a product in the sum has no rule.
        """
        index = sp.Dummy("i", integer=True)
        terms = sp.Add.make_args(sp.expand(term(index)))
        return sp.Add(*(self._contract(product, index) for product in terms))

    def _contract(self, product: Expr, index: Symbol) -> Expr:
        bystanders, carriers = [], []
        for factor in sp.Mul.make_args(product):
            base, exponent = factor.as_base_exp()
            if not factor.has(index):
                bystanders.append(factor)
            elif isinstance(base, (Indexed, KroneckerDelta)) and exponent.is_Integer and exponent > 0:
                carriers.extend([base] * int(exponent))
            else:
                raise ValueError(f"cannot sum {factor} over {index}: only products of tensors have contraction rules")
        rest = sp.Mul(*bystanders)
        if not carriers:
            return self.dimension * product
        for delta in carriers:
            if isinstance(delta, KroneckerDelta):
                (other,) = set(delta.args) - {index}
                carriers.remove(delta)
                return rest * sp.Mul(*carriers).xreplace({index: other})
        bases = tuple(sorted((c.base for c in carriers), key=str))
        for key, rule in self.products.items():
            if tuple(sorted(key, key=str)) == bases:
                carriers.sort(key=lambda carrier: key.index(carrier.base))
                return rest * rule(*(j for c in carriers for j in c.indices if j != index))
        raise ValueError(f"cannot sum {sp.Mul(*carriers)} over {index}: add products={{{tuple(map(str, bases))}: ...}}")
