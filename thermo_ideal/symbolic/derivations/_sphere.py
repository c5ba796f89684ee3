"""The noise of the direction is a Laplacian of the sphere, and densities are those on its surface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import sympy as sp
from sympy import Eq, Expr, IndexedBase, KroneckerDelta, Rational, Sum, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess, TensorSpace
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.derivations._component_check import ComponentCheck, on_sphere
from thermo_ideal.symbolic.derivations._protocol import SGDModel

LAPLACIAN = Symbol("Laplacian_f")  # Δ_S f

_i, _k, _d = n.FREE_INDEX, n.NOISE_INDEX, n.DIMENSION
_gradient, _hessian = IndexedBase("Df"), IndexedBase("DDf")
_symmetric, _dirichlet = Symbol("<h Laplacian_f>"), Symbol("<grad_h.grad_f>")


def laplacian(builder: Builder, sgd: SGDModel) -> None:
    """Itô's drift and the projected Hessian add up to `½η_eff²σ² Δ_S f`, and the surface measure makes it symmetric."""
    eta, sigma, x = sgd.effective_learning_rate, n.NOISE_SCALE, n.DIRECTION
    rate = eta**2 * sigma**2 / 2
    projector = KroneckerDelta(_i, _k) - x[_i] * x[_k]
    drift = -rate * (_d - 1) * Sum(x[_i] * _gradient[_i], (_i, 1, _d))
    hessian = rate * Sum(projector * _hessian[_i, _k], (_i, 1, _d), (_k, 1, _d))
    _require_same(rate)
    builder.add(
        "laplacian",
        "Itô's drift and the projected Hessian of the noise are the Laplacian of the sphere",
        Eq(drift + hessian, rate * LAPLACIAN),
        "in R^d the Laplacian is ∂²f/∂r² + (d−1)/r ∂f/∂r + Δ_S f/r², for any f that is extended off the sphere",
        _on_chart,
        ("direction_sde", "noise_trace"),
    )
    builder.add(
        "reference_measure",
        "densities are those with respect to the surface measure, for which the Laplacian is symmetric",
        Eq(_symmetric, -_dirichlet),
        "Green's identity on a sphere, which has no boundary; ⟨·⟩ is the mean over the surface, so without a loss the "
        "stationary law is the uniform one",
        _green,
        ("laplacian",),
        kind="numeric check",
    )


def _require_same(rate: Expr) -> None:
    """The generator of the noise in symbolic dimension, and the Laplacian of `R^d` in polar coordinates."""
    x, first, second, along = n.DIRECTION, IndexedBase("f1"), IndexedBase("f2"), IndexedBase("f3")
    full, radial, radial_twice = sp.symbols("full radial radial_twice")
    space = TensorSpace(
        _d,
        products={
            (x, x): lambda: sp.S.One,
            (x, first): lambda: radial,
            (x, second): lambda i: along[i],
            (x, along): lambda: radial_twice,
            (second,): lambda: full,
        },
        gradients={Symbol("f"): lambda j: first[j], first: lambda i, j: second[i, j]},
    )
    noise = ItoProcess(
        space,
        drift=lambda i: -rate * (_d - 1) * x[i],
        diffusion=lambda i, k: sp.sqrt(2 * rate) * (KroneckerDelta(i, k) - x[i] * x[k]),
        time=n.TIME,
    )
    on_the_sphere = full - radial_twice - (_d - 1) * radial
    if sp.expand(noise.generator(Symbol("f")) - rate * on_the_sphere) != 0:
        raise ArithmeticError("the generator of the noise of the direction is not the Laplacian of the sphere")


def _functions(x: Sequence[Expr]) -> tuple[Expr, Expr]:
    """Two functions of the position, neither of which is constant along rays."""
    return x[0] ** 2 * x[1] / 3 + x[-1] ** 3 / 5 + x[0], x[0] * x[-1] - x[1] ** 2 / 2 + x[-1] / 4


def _on_chart(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
    """The left side in components, and the Laplacian from the metric of the stereographic projection."""
    f = _functions(case.weights)[0]
    unit = dict(zip(case.weights, on_sphere(case.plane), strict=True))
    hessian = sp.hessian(f, case.weights).xreplace(unit)
    gradient = sp.Matrix([sp.diff(f, w) for w in case.weights]).xreplace(unit)
    left = case.with_tensors({_gradient: gradient, _hessian: hessian}).explicit(equation.lhs)
    yield left - case.explicit(equation.rhs).subs(LAPLACIAN, _laplacian_on_chart(case.plane))


def _laplacian_on_chart(plane: Sequence[Expr]) -> Expr:
    """`Δ_S f = φ^{−n} Σ_a ∂_a(φ^{n−2} ∂_a f)` with the metric `φ²δ_ab`, `φ = 2/(1 + |y|²)` and `n = d − 1`."""
    y, size = sp.symbols(f"y1:{len(plane) + 1}", real=True), len(plane)
    f = _functions(on_sphere(y))[0]
    phi = 2 / (1 + sum(a**2 for a in y))
    total = sum(sp.diff(phi ** (size - 2) * sp.diff(f, a), a) for a in y) / phi**size
    return total.xreplace(dict(zip(y, plane, strict=True)))


def _green(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
    symmetric, dirichlet = _green_means(case.dimension)
    yield symmetric - equation.rhs.subs(_dirichlet, dirichlet)


@cache
def _green_means(dimension: int) -> tuple[Expr, Expr]:
    """The means of `h Δ_S f` and of `∇_S h·∇_S f` over the unit sphere, exact."""
    w = sp.symbols(f"w1:{dimension + 1}", real=True)
    f, h = _functions(w)
    slope_f, slope_h = ([sp.diff(g, x) for x in w] for g in (f, h))
    radial_f, radial_h = (sum(x * s for x, s in zip(w, slope, strict=True)) for slope in (slope_f, slope_h))
    hessian = sp.hessian(f, w)
    projected = hessian.trace() - sum(w[i] * w[j] * hessian[i, j] for i in range(dimension) for j in range(dimension))
    product = sum(a * b for a, b in zip(slope_h, slope_f, strict=True)) - radial_h * radial_f
    return _mean(h * (projected - (dimension - 1) * radial_f), w), _mean(product, w)


def _mean(polynomial: Expr, w: Sequence[Symbol]) -> Expr:
    """The mean over the unit sphere, `E Π x_i^{a_i} = Γ(d/2) Π Γ((a_i+1)/2) / (π^{d/2} Γ((d + Σa_i)/2))`, all even."""
    half = Rational(len(w), 2)
    total = sp.S.Zero
    for powers, coefficient in sp.Poly(polynomial, *w).terms():
        if all(power % 2 == 0 for power in powers):
            gammas = sp.Mul(*(sp.gamma(Rational(power + 1, 2)) for power in powers))
            total += coefficient * sp.gamma(half) * gammas / sp.pi**half / sp.gamma(half + Rational(sum(powers), 2))
    return total
