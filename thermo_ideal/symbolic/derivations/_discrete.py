"""SGD in discrete time: the exact second moment of the radius after one step, its fixed point, and the SDE's error."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import mpmath
import sympy as sp
from sympy import Eq, Expr, IndexedBase, Sum, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import TensorSpace
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.derivations._component_check import ComponentCheck
from thermo_ideal.symbolic.derivations._derivation import Derivation, Kind
from thermo_ideal.symbolic.derivations._protocol import ProtocolLike, SGDModel
from thermo_ideal.symbolic.derivations._random_point import DIGITS
from thermo_ideal.symbolic.derivations._scale_invariance import one_step, scale_invariance

_i, _k, _r, _tau, _G = n.FREE_INDEX, n.NOISE_INDEX, n.RADIUS, n.NOISE_TRACE, n.GRADIENT_NORM
_mean_square = sp.Symbol("E r'^2", positive=True)
_forces = _G**2 + _tau


def discrete_radius(protocol: ProtocolLike, dimension: int | None = None, order: int = 3) -> Derivation:
    """Derives the exact mean square of the radius after one step of SGD, and its fixed point.

    `E r'² = (1 − ηλ)² r² + η²(|ḡ|² + τ)/r²` with `|ḡ| = |∇L(w̄)|` and `τ = Tr Σ_w̄`, for every scale-invariant loss and
    every covariance of the noise.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere", or a protocol of `thermo_ideal.dynamics`.
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.
        order: the number of terms of the series in the learning rate.

    Returns:
        A `Derivation`. `result` has "second_moment"; "excess", the change of `E r²` in one step less that of the SDE;
        "balance", the `r²` at which the second moment is constant (at a fixed learning rate it exists for `ηλ < 2`, at
        a fixed effective learning rate for `η_eff²(|ḡ|² + τ) < 1`), or on the sphere the pressure; and "series", the
        ratio of "balance" to its value in the SDE, in powers of the learning rate.

    Raises:
        ValueError: the protocol is unknown, `dimension < 2` or `order < 1`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.discrete_radius("fixed-lr")
        >>> derivation.result["balance"]
        sqrt(eta)*sqrt(tau + |gbar|**2)*sqrt(1/(-eta*lambda**2 + 2*lambda))
        >>> derivation.verify() > 0
        True

    Source: derived here; to first order it is the discrete prediction of arXiv 2511.07308.
    """
    sgd = SGDModel(protocol, isotropic=False)
    if order < 1:
        raise ValueError(
            f"order: got {order}, expected the number of terms of the series, at least 1, as in "
            f"discrete_radius({sgd.protocol!r}, order=3)"
        )
    builder = Builder(partial(discrete_radius, sgd.protocol, dimension, order))
    step = one_step(builder, sgd)
    scale_invariance(builder)
    moment = _second_moment(builder, sgd, step)
    _excess(builder, sgd, moment)
    balance = _balance(builder, sgd, moment)
    _series(builder, sgd, balance, order)
    return builder.finish(f"One step of {sgd.subject}", sgd.component_check, dimension)


def _second_moment(builder: Builder, sgd: SGDModel, step: Expr) -> Expr:
    """`E|W'|²` by contraction: the square of the mean plus the trace of the covariance."""
    w, g, root, covariance = n.WEIGHTS, n.GRADIENT, n.NOISE_ROOT, IndexedBase("Sigma")
    space = TensorSpace(
        n.DIMENSION,
        products={
            (w, w): lambda: _r**2,
            (w, g): lambda: sp.S.Zero,
            (g, g): lambda: _G**2 / _r**2,
            (root, root): lambda i, j: covariance[i, j],
            (covariance,): lambda: _tau / _r**2,
        },
    )
    mean = step.replace(Sum, lambda *_: sp.S.Zero)
    noise = sgd.step_size * root[_i, _k]
    square = space.total(lambda i: mean.subs(_i, i) ** 2)
    spread = space.total(lambda i: space.total(lambda k: noise.subs({_i: i, _k: k}) ** 2))
    shrunk = (1 - sgd.step_size * sgd.weight_decay) ** 2 * _r**2
    moment = shrunk + sp.factor(sp.expand(square + spread - shrunk))
    builder.add(
        "second_moment",
        "the mean square of the radius after a step",
        Eq(_mean_square, moment),
        "W·∇L = 0 and Σ_W^{1/2} W = 0, so only the squares of weights, gradient and noise contribute",
        lambda equation, case: [_explicit_moment(case) - case.explicit(equation.rhs)],
        ("step", "tangent_gradient", "tangent_noise", "gradient_scaling", "noise_scaling"),
        moment,
    )
    return moment


def _explicit_moment(case: ComponentCheck) -> Expr:
    """`|E W'|² + Tr Cov W'` in components."""
    mean, covariance = case.step_moments()
    return (mean.T * mean)[0] + covariance.trace()


def _excess(builder: Builder, sgd: SGDModel, moment: Expr) -> None:
    """The change of the mean square in a step, less the drift of `r²` in the SDE times the unit of time."""
    eta, decay = sgd.step_size, sgd.weight_decay
    drift = -2 * eta * decay * _r**2 + eta**2 * _tau / _r**2
    excess = sp.factor(sp.expand(moment - _r**2 - drift))

    def check(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
        square = case.process.generator(case.radius**2)
        yield _explicit_moment(case) - case.explicit(_r**2) - square - case.explicit(equation.rhs)

    builder.add(
        "excess",
        "the change of the mean square in a step, less that of the SDE",
        Eq(_mean_square - _r**2 - sp.Symbol("E dr^2/dt"), excess),
        "Itô's lemma on |W|² has the terms of noise and decay, but not the squares of gradient and decay",
        check,
        ("second_moment",),
        excess,
    )


def _balance(builder: Builder, sgd: SGDModel, moment: Expr) -> Expr:
    """The `r²` at which `E r'² = r²`; on the sphere, the weight decay that would keep `E r'²` at r²."""
    elr, decay = n.EFFECTIVE_LEARNING_RATE, n.WEIGHT_DECAY
    claim, left = "the squared radius whose mean a step does not change", _r**2
    if sgd.fixes_radius:
        claim, left = "the pressure from the mean square", n.PRESSURE
        balance = (sp.sqrt(1 + elr**2 * _forces) - 1) / (elr * _r**2)
        because = "rescaling reduces √(E r'²) to r, as a weight decay of (√(E r'²) − r)/(η_eff r³) would"
    elif sgd.fixes_learning_rate:
        fourth = Symbol("r^4", positive=True)
        (solution,) = sp.solve(_imbalance(sgd, moment, sp.sqrt(fourth)), fourth)
        above, below = (sp.expand(-part) for part in sp.fraction(solution))
        balance = sp.sqrt(sp.factor(above) / below)
        because = "E r'² = r² is a linear equation in r⁴, with a positive solution for ηλ < 2"
    else:
        balance = (1 - sp.sqrt(1 - elr**2 * _forces)) / (elr * decay)
        because = (
            "E r'² = r² means (1 − η_eff λ r²)² = 1 − η_eff²(|ḡ|² + τ); this is the root that agrees with the SDE at "
            "small steps, and it exists for η_eff²(|ḡ|² + τ) < 1"
        )

    def check(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
        value = equation.rhs.subs(case.point.small)
        yield case.explicit(_imbalance(sgd, moment, equation.rhs).subs(case.point.small))
        yield case.explicit(value - sp.Abs(value))
        if not sgd.fixes_radius:
            yield _unless_stable(case, moment, value)

    kind: Kind = "derivation" if sgd.fixes_learning_rate else "numeric check"
    builder.add("balance", claim, Eq(left, balance), because, check, ("second_moment",), balance, kind)
    return balance


def _unless_stable(case: ComponentCheck, moment: Expr, value: Expr) -> Expr:
    """0 where steps lead back to the fixed point `value`: `|d E r'²/d r²| < 1` there; the slope where they do not."""
    square = sp.Dummy(positive=True)
    slope = sp.diff(moment.subs(_r, sp.sqrt(square)), square).subs(square, value).subs(case.point.small)
    number = case.evaluate(case.explicit(slope))
    return sp.S.Zero if abs(number) < 1 else number


def _imbalance(sgd: SGDModel, moment: Expr, value: Expr) -> Expr:
    """A polynomial in `value` that is 0 if the second moment is constant at this squared radius (or pressure)."""
    if sgd.fixes_radius:
        return moment - (1 + n.EFFECTIVE_LEARNING_RATE * _r**2 * value) ** 2 * _r**2
    return sp.expand((moment - _r**2) * _r**2).subs(_r, sp.sqrt(value))


def _series(builder: Builder, sgd: SGDModel, balance: Expr, order: int) -> None:
    """The fixed point over that of the SDE, in powers of the learning rate."""
    eta, elr, decay = n.LEARNING_RATE, n.EFFECTIVE_LEARNING_RATE, n.WEIGHT_DECAY
    small, continuous, power = {
        "fixed-lr": (eta, sp.sqrt(eta * _tau / (2 * decay)), 1),
        "fixed-elr": (elr, elr * _tau / (2 * decay), 2),
        "fixed-sphere": (elr, elr * _tau / (2 * _r**2), 2),
    }[sgd.protocol]
    taylor = sp.series(sp.simplify(balance / continuous), small, 0, power * order).removeO()
    series = sum(sp.factor(taylor.coeff(small, k)) * small**k for k in range(0, power * order, power))

    def check(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
        """Every coefficient, also of the powers that the series does not have."""
        polynomial = sp.Poly(sp.expand(case.explicit(equation.rhs)), small)
        expected = _taylor(case, balance / continuous, small, power * order)
        for k in range(max(polynomial.degree() + 1, power * order)):
            yield polynomial.coeff_monomial(small**k) - (expected[k] if k < power * order else 0)

    builder.add(
        "series",
        "the ratio of the previous result to its value in the SDE",
        Eq(sp.Symbol("ratio"), series),
        f"the Taylor series in {n.written(small)} has {order} terms; |ḡ|² ∝ η_eff at low temperature",
        check,
        ("balance",),
        series,
    )


def _taylor(case: ComponentCheck, function: Expr, small: Symbol, size: int) -> list[Expr]:
    """The Taylor coefficients at 0 by Cauchy's integrals over a circle, by the trapezoidal rule."""
    values = {symbol: value for symbol, value in case.point.values.items() if symbol != small}
    lowered = sp.lambdify(small, case.explicit(function).xreplace(values), "mpmath")
    points = 8 * size
    with mpmath.workdps(DIGITS + 4 * size):
        circle = [mpmath.expjpi(mpmath.mpf(2 * j + 1) / points) / 100 for j in range(points)]
        ordinates = [lowered(z) for z in circle]
        means = (mpmath.fsum(f / z**k for f, z in zip(ordinates, circle, strict=True)) / points for k in range(size))
        return [sp.Float(mean.real, DIGITS + 10) for mean in means]
