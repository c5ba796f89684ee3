"""How much the volume fluctuates: as that of a gas under a piston, and as that of SGD."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import mpmath
import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess
from thermo_ideal.symbolic.derivations import Derivation, derive
from thermo_ideal.symbolic.derivations._builder import Draft, tidy
from thermo_ideal.symbolic.derivations._component_check import DIGITS, Replay
from thermo_ideal.symbolic.derivations._protocol import Setting

T, V, p, r, sigma, d, g = n.TEMPERATURE, n.VOLUME, n.PRESSURE, n.RADIUS, n.NOISE_SCALE, n.DIMENSION, n.GRADIENT_NORM
elr = n.EFFECTIVE_LEARNING_RATE
_ratio = Symbol("VarV/V^2", positive=True)
_rate = Symbol("rate", positive=True)


def volume_fluctuations(protocol: str, dimension: int | None = None) -> Derivation:
    """Derives the relative variance of the volume under a piston, and the one that SGD has.

    A gas at given temperature and pressure has `Var V/V² = 1/R`. The radius of SGD is moved by noise of second order
    only, and its volume fluctuates by `η_eff σ` (fixed effective learning rate) or `η_eff σ/√2` (fixed learning rate),
    whatever the dimension, as long as `η_eff²σ²(d − 1) ≪ 1`: here the analogy ends.

    Args:
        protocol: "fixed-lr" or "fixed-elr".
        dimension: an explicit `d ≥ 2`, or None.

    Returns:
        A `Derivation`. `result` has "piston" and "sgd", the two relative variances; "step_variance", that of one step
        with the gradient's part; and "pull", the rate at which the volume relaxes, in terms of `η_eff`.

    Raises:
        ValueError: an unknown protocol, the fixed sphere (where the volume is given), or `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> derivation = gas.volume_fluctuations("fixed-elr")
        >>> derivation.result["piston"], derivation.result["sgd"]
        (2/(d - 1), eta_eff**2*sigma**2)

    Source: THEORY §5.
    """
    setting = Setting(protocol)
    if setting.rescales:
        raise ValueError("protocol: the fixed sphere holds the volume; expected 'fixed-lr' or 'fixed-elr'")
    draft = Draft()
    R = (d - 1) / 2
    draft.add(
        "fluctuation_formula",
        "under a piston the volume fluctuates as it yields",
        Eq(Symbol("VarV"), -T * sp.diff(R * T / p, p)),
        "Var V = T² ∂² log Δ/∂p² = −T(∂V/∂p)_T with Δ = ∫ e^{−pV/T} Z dV/V and Z ∝ V^R",
        _piston,
    )
    piston = sp.factor(-T * sp.diff(R * T / p, p) / (R * T / p) ** 2)
    draft.add(
        "piston",
        "relative to the volume",
        Eq(_ratio, piston),
        "V = RT/p: the relative variance is 1/R",
        lambda equation, replay: [equation.rhs - _moments(replay.dimension)[1] / _moments(replay.dimension)[0] ** 2],
        ("fluctuation_formula",),
        piston,
    )
    step = 2 * elr**4 * sigma**2 * (2 * g**2 + sigma**2 * (d - 1))
    draft.add(
        "step_variance",
        "one step of SGD scatters the volume",
        Eq(Symbol("Var[V'-V]/V^2"), step),
        "r'² has η_eff²r²σ² times a χ² number of d − 1 degrees of freedom, and twice the product of gradient and noise",
        _scatter,
        result=step,
    )
    rate = derive(protocol).result["relaxation_rate"]
    if protocol == "fixed-lr":
        # In terms of η_eff: λ from the balance r⁴ = ησ²(d−1)/2λ at η = η_eff r².
        balance = sp.solve(sp.Eq(derive(protocol).result["stationary_radius"], r), n.WEIGHT_DECAY)[0]
        rate = rate.subs(n.WEIGHT_DECAY, balance).subs(n.LEARNING_RATE, elr * r**2)
    rate = sp.factor(rate)
    draft.add(
        "pull",
        "and the balance pulls it back; assumption: by far less than all of it in a step",
        Eq(_rate, rate),
        "the volume relaxes as the radius does, and a rate far below 1 a step makes steps small: η_eff²σ²(d−1) ≪ 1",
        lambda equation, replay: _pull(equation, setting),
        result=rate,
    )
    x, noise = Symbol("x", real=True), Symbol("s", positive=True)
    linear = ItoProcess([x], [-_rate * x], [[noise]]).moment_equations()
    (stationary,) = sp.solve(linear.covariance[0].rhs, linear.covariance_of(0, 0))
    scatter = step.subs(g, 0)
    variance = tidy(stationary.subs(noise, sp.sqrt(scatter)).subs(_rate, rate))
    draft.add(
        "sgd",
        "the relative variance of the volume under SGD, to leading order in the effective learning rate",
        Eq(_ratio, variance),
        "an Ornstein–Uhlenbeck process has half the variance of a step over the rate; |ḡ|² is of order η_eff beside τ, "
        "and d drops out",
        lambda equation, replay: [replay.explicit(equation.rhs) - _memory(replay, scatter, rate)],
        ("step_variance", "pull"),
        variance,
    )
    return draft.finish(f"Volume fluctuations of {setting.subject}", setting.replay, dimension)


def _memory(replay: Replay, scatter: Expr, rate: Expr) -> Expr:
    """All past steps' variances, each forgotten at twice the rate: `∫ scatter e^{−2 rate t} dt` by quadrature."""
    spread, pull = (replay.evaluate(replay.explicit(value)) for value in (scatter, rate))
    with mpmath.workdps(DIGITS + 10):
        a, b = mpmath.mpf(spread._mpf_), 2 * mpmath.mpf(pull._mpf_)
        return sp.Float(mpmath.quad(lambda t: a * mpmath.exp(-b * t), [0, 1 / b, 10 / b, 140 / b]), DIGITS + 10)


@cache
def _moments(dimension: int) -> tuple[Expr, Expr]:
    """Mean and variance of `V` under the weight `V^{R−1} e^{−pV/T}` by quadrature, at `T = p = 1`."""
    with mpmath.workdps(DIGITS + 10):
        power = mpmath.mpf(dimension - 1) / 2
        peak = mpmath.log(power)

        def moment(k: int) -> Any:
            # In log V the integrand is smooth with its peak at log R; beyond, it is far below the tolerance.
            points = mpmath.linspace(peak - 2 - 120 / power, peak + 6, 42)
            return mpmath.quad(lambda u: mpmath.exp((power + k) * (u - peak) - mpmath.exp(u)), points) * mpmath.exp(
                k * peak
            )

        total, first, second = moment(0), moment(1), moment(2)
        mean = first / total
        return sp.Float(mean, DIGITS + 10), sp.Float(second / total - mean**2, DIGITS + 10)


def _piston(equation: Eq, replay: Replay) -> Iterable[Expr]:
    at = {T: 1, p: 1, d: replay.dimension}
    yield equation.rhs.subs(at) - _moments(replay.dimension)[1]
    # The dependence on T and p is that of a scale: V ∝ T/p.
    yield equation.rhs.subs({T: 2, p: 3, d: replay.dimension}) - equation.rhs.subs(at) * sp.Rational(4, 9)


def _scatter(equation: Eq, replay: Replay) -> Iterable[Expr]:
    """`Var r'²/r⁴` in components: `2 Tr C² + 4 mᵀCm` of a Gaussian step with mean m and covariance C."""
    eta = replay.step_size
    weights, gradient, root = (replay.tensors[key] for key in (n.WEIGHTS, n.GRADIENT, n.NOISE_ROOT))
    mean = weights - eta * (gradient + replay.weight_decay * weights)
    C = eta**2 * root * root.T
    variance = 2 * (C * C).trace() + 4 * (mean.T * C * mean)[0]
    effective = equation.rhs.subs(elr, eta / r**2)
    yield variance / replay.explicit(r) ** 4 - replay.explicit(effective)


def _pull(equation: Eq, setting: Setting) -> Iterable[Expr]:
    """`−d(dV/dt)/dV` of the volume's own ODE at its fixed point."""
    derivation = derive(setting.protocol)
    drift = derivation.result["radius_sde"].rhs.coeff(n.DT).subs(n.NOISE_TRACE, sigma**2 * (d - 1))
    volume = sp.expand((r * drift).subs(r, sp.sqrt(2 * V)))
    fixed = derivation.result["stationary_radius"]
    rate = -sp.diff(volume, V).subs(V, fixed**2 / 2)
    effective = n.LEARNING_RATE / fixed**2 if setting.protocol == "fixed-lr" else elr
    yield rate - equation.rhs.subs(elr, effective)
