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
from thermo_ideal.symbolic.derivations._draft import Draft, tidy
from thermo_ideal.symbolic.derivations._replay import DIGITS, Replay
from thermo_ideal.symbolic.derivations._setting import Setting

T, V, p, r, sigma, d, G = n.TEMPERATURE, n.VOLUME, n.PRESSURE, n.RADIUS, n.NOISE_SCALE, n.DIMENSION, n.GRADIENT_NORM
elr = n.EFFECTIVE_LEARNING_RATE
_ratio = Symbol("VarV/V^2", positive=True)
_rate = Symbol("rate", positive=True)


def volume_fluctuations(protocol: str, dimension: int | None = None) -> Derivation:
    """Derives the relative variance of the volume under a piston, and the one that SGD has.

    A gas at given temperature and pressure has `Var V/V² = 1/R`. The radius of SGD is moved by noise of second order
    only, and its volume fluctuates by `η_eff σ` (fixed effective learning rate) or `η_eff σ/√2` (fixed learning rate),
    whatever the dimension: here the analogy ends.

    Args:
        protocol: "fixed-lr" or "fixed-elr".
        dimension: an explicit `d ≥ 2`, or None.

    Returns:
        A `Derivation`. `result` has "piston" and "sgd", the two relative variances; "step_variance", that of one step,
        with the gradient norm `G`; and "sgd_with_gradient".

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
        raise ValueError("protocol: the fixed sphere holds the volume; wanted 'fixed-lr' or 'fixed-elr'")
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
    step = 2 * elr**4 * sigma**2 * (2 * G**2 + sigma**2 * (d - 1))
    draft.add(
        "step_variance",
        "one step of SGD scatters the volume",
        Eq(_ratio, step),
        "r'² has η_eff²r²σ²χ²_{d−1} of variance 2(d−1), and twice the product of gradient and noise",
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
        "relaxation_rate",
        "and the balance pulls it back",
        Eq(_rate, rate),
        "the volume relaxes as the radius does; at the stationary radius, in terms of η_eff",
        lambda equation, replay: _pull(equation, setting),
        result=rate,
    )
    x = Symbol("x", real=True)
    noise = Symbol("s", positive=True)
    linear = ItoProcess([x], [-_rate * x], [[noise]])
    (law,) = linear.moment_equations().covariance
    (stationary,) = sp.solve(law.rhs, linear.moment_equations().covariance_of(0, 0))
    with_gradient = tidy(stationary.subs(noise, sp.sqrt(step)).subs(_rate, rate))
    draft.add(
        "sgd_with_gradient",
        "the relative variance of the volume under SGD",
        Eq(_ratio, with_gradient),
        "an Ornstein–Uhlenbeck process: half the variance of a step over the rate",
        lambda equation, replay: [replay.explicit(2 * rate * equation.rhs - step)],
        ("step_variance", "relaxation_rate"),
        with_gradient,
    )
    leading = tidy(with_gradient.subs(G, 0))
    draft.add(
        "sgd",
        "to first order in the temperature",
        Eq(_ratio, leading),
        "G² = (d−1)T at low temperature is of order η_eff beside σ²(d−1); nothing here depends on d",
        lambda equation, replay: [replay.explicit(with_gradient.subs(G, 0) - equation.rhs)],
        ("sgd_with_gradient",),
        leading,
    )
    title = f"Volume fluctuations under {protocol.replace('-', ' ')}"
    return draft.finish(title, setting.replay, dimension)


@cache
def _moments(dimension: int) -> tuple[Expr, Expr]:
    """Mean and variance of `V` under the weight `V^{R−1} e^{−pV/T}` by quadrature, at `T = p = 1`."""
    with mpmath.workdps(DIGITS + 10):
        power = mpmath.mpf(dimension - 1) / 2

        def moment(k: int) -> Any:
            # In log V the integrand is smooth; the tails beyond are far below the tolerance.
            return mpmath.quad(lambda u: mpmath.exp((power + k) * u - mpmath.exp(u)), mpmath.linspace(-240, 6, 42))

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
