"""State spaces of tensors in a symbolic dimension, and how a state is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import sympy as sp
from sympy import Expr, Indexed, IndexedBase, KroneckerDelta, Symbol

from thermo_ideal.symbolic._printing import Language, aligned, summary
from thermo_ideal.symbolic._symbolic_object import SymbolicObject
from thermo_ideal.symbolic.calculus._cartesian import Cartesian
from thermo_ideal.symbolic.calculus._entries import flat
from thermo_ideal.symbolic.calculus._space import Coefficient, Index, Space

# The indices that a coefficient or a rule is a function of; no others are called so.
_BOUND = sp.symbols("_0:9", integer=True)


def as_space(state: Any) -> Space:
    """A symbol, or a list, matrix or array of them, as the space of these components; a space as it is."""
    components = flat(state)
    named = isinstance(components, Sequence) and all(isinstance(symbol, Symbol) for symbol in components)
    space = Cartesian(tuple(components)) if named else state
    if not isinstance(space, Space):
        raise ValueError(
            f"state: got {state!r}, expected a list of symbols, as in sympy.symbols('x y'), or a TensorSpace"
        )
    return space


def _lambda(function: Callable[..., Expr], number: int) -> sp.Lambda:
    """A function of so many indices as SymPy's, which can be compared, substituted into and pickled."""
    return sp.Lambda(_BOUND[:number], sp.sympify(function(*_BOUND[:number])))


def _rule(name: str, key: Any, rule: Callable[..., Expr]) -> sp.Lambda:
    """A rule as SymPy's function of as many indices as it names."""
    if isinstance(rule, sp.Lambda):
        return _lambda(rule, len(rule.signature))
    parameters = inspect.signature(rule).parameters.values()
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        raise ValueError(
            f"{name}: got a rule for {key} that takes any number of indices, expected one that names them, as in "
            f"lambda i, j: …"
        )
    return _lambda(rule, sum(each.default is each.empty for each in parameters))


@dataclass(frozen=True, repr=False)
class TensorSpace(SymbolicObject, Space):
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
    # What is accepted (any functions of indices) and what is kept (`Lambda`s) differ.
    products: Mapping[tuple[IndexedBase, ...], Any] = field(default_factory=dict, hash=False)
    gradients: Mapping[Expr | IndexedBase, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", sp.sympify(self.dimension))
        for name in ("products", "gradients"):
            rules = getattr(self, name)
            object.__setattr__(self, name, {key: _rule(name, key, rule) for key, rule in rules.items()})

    def __repr__(self) -> str:
        contractions = ("·".join(map(str, key)) if len(key) > 1 else f"Tr {key[0]}" for key in self.products)
        lists = {"contractions": ", ".join(contractions), "gradients": ", ".join(map(str, self.gradients))}
        return summary(f"TensorSpace of dimension {self.dimension}", (f"{k}: {v or 'none'}" for k, v in lists.items()))

    def _repr_latex_(self) -> str:
        names = dict(zip(_BOUND, sp.symbols("i:q"), strict=False))
        rows = [rf"&\mathbf{{R}}^{{{sp.latex(self.dimension)}}}"]
        for key, rule in self.products.items():
            left = r" \cdot ".join(map(sp.latex, key)) if len(key) > 1 else rf"\mathrm{{Tr}}\,{sp.latex(key[0])}"
            rows.append(rf"{left} &= {sp.latex(rule.expr.xreplace(names))}")
        for tensor, rule in self.gradients.items():
            *own, last = (sp.latex(names[index]) for index in rule.signature)
            left = rf"\partial_{{{last}}} {sp.latex(tensor)}" + (f"_{{{' '.join(own)}}}" if own else "")
            rows.append(rf"{left} &= {sp.latex(rule.expr.xreplace(names))}")
        return aligned(rows)

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

    def coefficient(self, term: Coefficient) -> sp.Lambda:
        """A function of the index as a value, which can be compared, substituted into and pickled.

        Args:
            term: the function.

        Returns:
            The same function.
        """
        return _lambda(term, 1)

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
        return _lambda(drift, 1), _lambda(diffusion, 2), self

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
