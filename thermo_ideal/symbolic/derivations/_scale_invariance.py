"""What a derivation of SGD starts from: a step with a noisy gradient, and a scale-invariant loss."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy import Eq, Expr, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.derivations._component_check import ComponentCheck
from thermo_ideal.symbolic.derivations._protocol import SGDModel
from thermo_ideal.symbolic.derivations._random_point import SCALE

_i, _k, _r = n.FREE_INDEX, n.NOISE_INDEX, n.RADIUS
_L = sp.Function("L")


def one_step(builder: Builder, sgd: SGDModel) -> Expr:
    """Assumes that SGD moves by the gradient of a batch; returns `W'` as a function of the free index."""
    eta, decay = sgd.step_size, sgd.weight_decay
    noise = Sum(n.NOISE_ROOT[_i, _k] * n.NORMALS[_k], (_k, 1, n.DIMENSION))
    step = (1 - eta * decay) * n.WEIGHTS[_i] - eta * (n.GRADIENT[_i] + noise)
    builder.add(
        "step",
        "one step of SGD" + (", before the weights are rescaled" if sgd.fixes_radius else ""),
        Eq(n.NEXT_WEIGHTS[_i], step),
        f"{sgd.step}; the gradient of a batch is ∇L + Σ_W^{{1/2}} ξ with independent ξ of mean 0 and variance 1",
        lambda equation, case: case.vector(equation, case.tensors[n.WEIGHTS] - case.step_size * case.noisy_gradient()),
        kind="assumption",
    )
    return step


def scale_invariance(builder: Builder) -> None:
    """What `L(cw) = L(w)` says of gradient and noise: by the chain rule the derivative in `c` is `w·∇L(cw)`."""
    over = (_i, 1, n.DIMENSION)
    builder.add(
        "scale_invariance",
        "the loss of every batch is scale invariant",
        Eq(_L(SCALE * n.WEIGHTS[_i]), _L(n.WEIGHTS[_i])),
        "normalisation layers make it so; it is the only property of the loss that is used",
        _same_loss,
        kind="assumption",
    )
    builder.add(
        "tangent_gradient",
        "the gradient is tangent to the sphere",
        Eq(Sum(n.WEIGHTS[_i] * n.GRADIENT[_i], over), 0),
        "differentiate L(cw) = L(w) with respect to c at c = 1",
        lambda equation, case: [case.explicit(equation.lhs - equation.rhs)],
        ("scale_invariance",),
        kind="numeric check",
    )
    builder.add(
        "gradient_scaling",
        "the gradient is inversely proportional to the radius",
        Eq(n.GRADIENT[_i], n.DIRECTION_GRADIENT[_i] / _r),
        "differentiate L(cw) = L(w) with respect to w at c = 1/r",
        uses=("scale_invariance",),
        kind="numeric check",
    )
    builder.add(
        "tangent_noise",
        "the gradient noise is tangent to the sphere",
        Eq(Sum(n.NOISE_ROOT[_k, _i] * n.WEIGHTS[_i], over), 0),
        "the loss of every batch is scale invariant, so the variance of W·g, which is |Σ_W^{1/2} W|², is 0",
        lambda equation, case: (
            case.explicit((equation.lhs - equation.rhs).subs(_k, row + 1)) for row in range(case.dimension)
        ),
        ("tangent_gradient",),
        kind="numeric check",
    )
    builder.add(
        "noise_scaling",
        "the gradient noise is inversely proportional to the radius",
        Eq(n.NOISE_ROOT[_i, _k], n.DIRECTION_NOISE_ROOT[_i, _k] / _r),
        "the loss of every batch is scale invariant, so the gradient of every batch is inversely proportional to r",
        matrix_components,
        ("gradient_scaling",),
        kind="numeric check",
    )


def matrix_components(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
    """Left side minus right side of an equation between matrices, for all values of both indices."""
    for k in range(case.dimension):
        yield from case.algebraic(equation.subs(_k, k + 1))


def _same_loss(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
    def loss(argument: Expr) -> Expr:
        position = [case.explicit(argument, component + 1) for component in range(case.dimension)]
        return case.loss.xreplace(dict(zip(case.weights, position, strict=True)))

    yield (equation.lhs - equation.rhs).replace(_L, loss)
