"""Radius, direction and overlap with a pole in Euclidean space of symbolic dimension, and the unit sphere."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import Expr, IndexedBase, KroneckerDelta, Symbol

from thermo_ideal.symbolic._printing import displayed
from thermo_ideal.symbolic._symbolic_object import SymbolicObject
from thermo_ideal.symbolic.calculus._space import Index
from thermo_ideal.symbolic.calculus._tensors import TensorSpace


@dataclass(frozen=True)
class Polar(SymbolicObject):
    """The calculus of functions of `r = |x|`, `x̄ = x/|x|` and `m = μ·x̄` in `R^d`, for symbolic `d`.

    Functions are written in the symbols `radius` and `overlap` and the tensors `point[i]`, `direction[i]` and
    `pole[i]`; on the unit sphere set `radius` to 1.

    Args:
        dimension: the symbol (or number) `d`.
        point: the tensor `x`.
        direction: the tensor `x̄`.
        pole: a constant unit vector `μ`.
        radius: the symbol `r`.
        overlap: the symbol `m` of the overlap `μ·x̄`.

    Example:
        The Laplacian of a power of the radius, and the Laplace–Beltrami operator on zonal functions:

        >>> import sympy as sp
        >>> d, n = sp.symbols("d n", positive=True)
        >>> polar = Polar(d)
        >>> sp.factor(polar.laplacian(polar.radius**n))
        n*r**(n - 2)*(d + n - 2)
        >>> f = sp.Function("f")(polar.overlap)
        >>> polar.laplace_beltrami(f)
        -m*(d - 1)*Derivative(f(m), m) - (m - 1)*(m + 1)*Derivative(f(m), (m, 2))

    Source: Müller, Analysis of Spherical Symmetries in Euclidean Spaces, §1.
    """

    dimension: Expr | int
    point: IndexedBase = IndexedBase("x")  # noqa: RUF009  (SymPy's objects are immutable)
    direction: IndexedBase = IndexedBase("xbar")  # noqa: RUF009
    pole: IndexedBase = IndexedBase("mu")  # noqa: RUF009
    radius: Symbol = Symbol("r", positive=True)  # noqa: RUF009
    overlap: Symbol = Symbol("m", real=True)  # noqa: RUF009

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", sp.sympify(self.dimension))

    def _repr_latex_(self) -> str:
        x, u, mu, r, m = map(sp.latex, (self.point, self.direction, self.pole, self.radius, self.overlap))
        space = rf"{x} \in \mathbf{{R}}^{{{sp.latex(self.dimension)}}}"
        return displayed(rf"{r} = |{x}|,\quad {u} = {x}/{r},\quad {m} = {mu} \cdot {u},\quad {space}")

    @property
    def space(self) -> TensorSpace:
        """The contraction rules of point, direction and pole, and the gradients of all five."""
        x, u, mu, r, m = self.point, self.direction, self.pole, self.radius, self.overlap
        return TensorSpace(
            self.dimension,
            products={
                (x, x): lambda: r**2,
                (x, u): lambda: r,
                (x, mu): lambda: r * m,
                (u, u): lambda: sp.S.One,
                (u, mu): lambda: m,
                (mu, mu): lambda: sp.S.One,
            },
            gradients={
                x: KroneckerDelta,
                u: lambda i, j: self.projector(i, j) / r,
                mu: lambda i, j: sp.S.Zero,
                r: lambda j: u[j],
                m: lambda j: (mu[j] - m * u[j]) / r,
            },
        )

    def projector(self, i: Index, j: Index) -> Expr:
        """The projector on the tangent space of the sphere, `P_ij = δ_ij − x̄_i x̄_j`.

        Args:
            i: an index.
            j: another.

        Returns:
            The component `P_ij`.
        """
        return KroneckerDelta(i, j) - self.direction[i] * self.direction[j]

    def gradient(self, f: Expr, i: Index) -> Expr:
        """The gradient `∂_i f` in `R^d`.

        Args:
            f: a function of radius, overlap, point, direction and pole.
            i: the index of the derivative.

        Returns:
            Its component `i`.
        """
        return self.space.partial(f, i)

    def hessian(self, f: Expr, i: Index, j: Index) -> Expr:
        """The Hessian `∂_i ∂_j f` in `R^d`.

        Args:
            f: a function of radius, overlap, point, direction and pole.
            i: an index.
            j: another.

        Returns:
            Its component `ij`.
        """
        return self.space.partial(self.space.partial(f, i), j)

    def laplacian(self, f: Expr) -> Expr:
        """The Laplacian `Σ_i ∂_i ∂_i f` in `R^d`.

        Args:
            f: a function of radius, overlap, point, direction and pole.

        Returns:
            The Laplacian, a function of the same.
        """
        return self.space.total(lambda i: self.hessian(f, i, i))

    def laplace_beltrami(self, f: Expr) -> Expr:
        """The Laplacian of the unit sphere, `Δ_S f = Σ_ij P_ij ∂_i∂_j f − (d−1) Σ_i x̄_i ∂_i f` at `|x| = 1`.

        The result does not depend on how `f` is extended off the sphere. For a zonal function `f(m)` it is
        `(1 − m²) f'' − (d − 1) m f'`.

        Args:
            f: a function of radius, overlap, point, direction and pole.

        Returns:
            The Laplacian on the sphere, with the radius set to 1.
        """
        space = self.space
        tangential = space.total(lambda i: space.total(lambda j: self.projector(i, j) * self.hessian(f, i, j)))
        radial = space.total(lambda i: self.direction[i] * self.gradient(f, i))
        operator = sp.expand((tangential - (self.dimension - 1) * radial).subs(self.radius, 1))
        return sp.collect(operator, [sp.diff(f, self.overlap, k) for k in (2, 1)], sp.factor)
