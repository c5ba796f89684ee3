"""The variance of the volume: that of a gas at given temperature and pressure, and that of SGD."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import mpmath
import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess
from thermo_ideal.symbolic.derivations import Derivation, derive
from thermo_ideal.symbolic.derivations._builder import Builder, simplify_positive
from thermo_ideal.symbolic.derivations._component_check import ComponentCheck
from thermo_ideal.symbolic.derivations._protocol import ProtocolLike, SGDModel
from thermo_ideal.symbolic.derivations._random_point import DIGITS

T, V, p, r, sigma, d, g = n.TEMPERATURE, n.VOLUME, n.PRESSURE, n.RADIUS, n.NOISE_SCALE, n.DIMENSION, n.GRADIENT_NORM
elr = n.EFFECTIVE_LEARNING_RATE
_ratio = Symbol("VarV/V^2", positive=True)
_rate = Symbol("rate", positive=True)


def volume_fluctuations(protocol: ProtocolLike, dimension: int | None = None) -> Derivation:
    """Derives the relative variance of the volume of a gas under a piston, and that of SGD.

    A gas at given temperature and pressure has `Var V/V² = 1/R`. The radius of SGD has no noise of first order, and the
    relative standard deviation of the volume is `η_eff σ` at a fixed effective learning rate and `η_eff σ/√2` at a
    fixed learning rate, in every dimension with `η_eff²σ²(d − 1) ≪ 1`: in this, SGD differs from a gas.

    Args:
        protocol: "fixed-lr" or "fixed-elr", or a protocol of `thermo_ideal.dynamics` of that name.
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.

    Returns:
        A `Derivation`. `result` has "piston" and "sgd", the two relative variances; "step_variance", the variance of
        the change in one step; and "pull", the rate at which the volume relaxes, in terms of `η_eff`.

    Raises:
        ValueError: the protocol is unknown, or it is the fixed sphere, where the volume is given; or `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> derivation = gas.volume_fluctuations("fixed-elr")
        >>> derivation.result["piston"], derivation.result["sgd"]
        (2/(d - 1), eta_eff**2*sigma**2)

    Source: Callen, Thermodynamics, chapter 19, for the gas; the variance of SGD is derived here.
    """
    sgd = SGDModel(protocol)
    if sgd.fixes_radius:
        raise ValueError(
            f"protocol: got {sgd.protocol!r}, where the volume is given; expected 'fixed-lr' or 'fixed-elr', as in "
            f"volume_fluctuations('fixed-elr')"
        )
    builder = Builder(partial(volume_fluctuations, sgd.protocol, dimension))
    R = (d - 1) / 2
    builder.add(
        "fluctuation_formula",
        "the variance of the volume of a gas under a piston, at given temperature and pressure",
        Eq(Symbol("VarV"), -T * sp.diff(R * T / p, p)),
        "Var V = T² ∂² log Δ/∂p² = −T(∂V/∂p)_T with Δ = ∫ e^{−pV/T} Z dV/V and Z ∝ V^R",
        _piston_variance,
        kind="numeric check",
    )
    piston = sp.factor(-T * sp.diff(R * T / p, p) / (R * T / p) ** 2)
    builder.add(
        "piston",
        "the relative variance of the volume of a gas under a piston",
        Eq(_ratio, piston),
        "it is 1/R, because V = RT/p",
        lambda equation, case: [
            equation.rhs - _piston_moments(case.dimension)[1] / _piston_moments(case.dimension)[0] ** 2
        ],
        ("fluctuation_formula",),
        piston,
    )
    step = 2 * elr**4 * sigma**2 * (2 * g**2 + sigma**2 * (d - 1))
    builder.add(
        "step_variance",
        "the variance of the volume after one step of SGD",
        Eq(Symbol("Var[V'-V]/V^2"), step),
        "r'² contains η_eff²r²σ² times a χ² number of d − 1 degrees of freedom, and a product of noise and gradient",
        _step_variance,
        result=step,
        kind="numeric check",
    )
    rate = derive(protocol).result["relaxation_rate"]
    if sgd.fixes_learning_rate:
        # λ in terms of η_eff: the stationary radius is r⁴ = ησ²(d−1)/2λ with η = η_eff r².
        balance = sp.solve(sp.Eq(derive(protocol).result["stationary_radius"], r), n.WEIGHT_DECAY)[0]
        rate = rate.subs(n.WEIGHT_DECAY, balance).subs(n.LEARNING_RATE, elr * r**2)
    rate = sp.factor(rate)
    builder.add(
        "pull",
        "the relaxation rate of the volume; assumption: it is far below 1 per step",
        Eq(_rate, rate),
        "the volume relaxes at the rate of the radius; the assumption is η_eff²σ²(d−1) ≪ 1",
        lambda equation, case: _relaxation(equation, sgd),
        result=rate,
        kind="assumption",
    )
    x, noise = Symbol("x", real=True), Symbol("s", positive=True)
    linear = ItoProcess([x], [-_rate * x], [[noise]]).moment_equations()
    (stationary,) = sp.solve(linear.covariance[0].rhs, linear.covariance_of(0, 0))
    noise_only = step.subs(g, 0)
    variance = simplify_positive(stationary.subs(noise, sp.sqrt(noise_only)).subs(_rate, rate))
    builder.add(
        "sgd",
        "the relative variance of the volume under SGD, to leading order in the effective learning rate",
        Eq(_ratio, variance),
        "the variance of an Ornstein–Uhlenbeck process is that of a step over twice the rate; |ḡ|² is negligible "
        "beside τ, and d cancels",
        lambda equation, case: [case.explicit(equation.rhs) - _accumulated(case, noise_only, rate)],
        ("step_variance", "pull"),
        variance,
    )
    return builder.finish(f"Volume fluctuations of {sgd.subject}", sgd.component_check, dimension)


def _accumulated(case: ComponentCheck, step_variance: Expr, rate: Expr) -> Expr:
    """The variance accumulated over all past steps, `∫ step_variance e^{−2 rate t} dt`, by quadrature."""
    a, b = (case.evaluate(case.explicit(value)) for value in (step_variance, 2 * rate))
    with mpmath.workdps(DIGITS + 10):
        a, b = mpmath.mpf(a._mpf_), mpmath.mpf(b._mpf_)
        return sp.Float(mpmath.quad(lambda t: a * mpmath.exp(-b * t), [0, 1 / b, 10 / b, 140 / b]), DIGITS + 10)


@cache
def _piston_moments(dimension: int) -> tuple[Expr, Expr]:
    """Mean and variance of `V` under the weight `V^{R−1} e^{−pV/T}` by quadrature, at `T = p = 1`."""
    with mpmath.workdps(DIGITS + 10):
        power = mpmath.mpf(dimension - 1) / 2
        peak = mpmath.log(power)

        def moment(k: int) -> Any:
            # In log V the integrand is smooth with a peak at log R, and negligible outside of the interval.
            points = mpmath.linspace(peak - 2 - 120 / power, peak + 6, 42)
            return mpmath.quad(lambda u: mpmath.exp((power + k) * (u - peak) - mpmath.exp(u)), points) * mpmath.exp(
                k * peak
            )

        total, first, second = moment(0), moment(1), moment(2)
        mean = first / total
        return sp.Float(mean, DIGITS + 10), sp.Float(second / total - mean**2, DIGITS + 10)


def _piston_variance(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
    """The variance by quadrature at `T = p = 1`, and its scaling, since V is proportional to T/p."""
    at = {T: 1, p: 1, d: case.dimension}
    yield equation.rhs.subs(at) - _piston_moments(case.dimension)[1]
    yield equation.rhs.subs({T: 2, p: 3, d: case.dimension}) - equation.rhs.subs(at) * sp.Rational(4, 9)


def _step_variance(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
    """`Var r'²/r⁴` in components: `2 Tr C² + 4 mᵀCm` of a Gaussian step with mean m and covariance C."""
    mean, C = case.step_moments()
    variance = 2 * (C * C).trace() + 4 * (mean.T * C * mean)[0]
    effective = equation.rhs.subs(elr, case.step_size / r**2)
    yield variance / case.explicit(r) ** 4 - case.explicit(effective)


def _relaxation(equation: Eq, sgd: SGDModel) -> Iterable[Expr]:
    """`−d(dV/dt)/dV` of the ODE of the volume, at its fixed point."""
    derivation = derive(sgd.protocol)
    drift = derivation.result["radius_sde"].rhs.coeff(n.DT).subs(n.NOISE_TRACE, sigma**2 * (d - 1))
    volume = sp.expand((r * drift).subs(r, sp.sqrt(2 * V)))
    fixed = derivation.result["stationary_radius"]
    rate = -sp.diff(volume, V).subs(V, fixed**2 / 2)
    effective = n.LEARNING_RATE / fixed**2 if sgd.fixes_learning_rate else elr
    yield rate - equation.rhs.subs(elr, effective)
