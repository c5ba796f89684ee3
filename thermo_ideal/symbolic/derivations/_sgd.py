"""From one step of SGD to radius, direction and temperature, for the three protocols."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy import Eq, Expr, IndexedBase, KroneckerDelta, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess, TensorSpace
from thermo_ideal.symbolic.derivations._builder import Draft
from thermo_ideal.symbolic.derivations._component_check import differential
from thermo_ideal.symbolic.derivations._derivation import Derivation
from thermo_ideal.symbolic.derivations._momentum import heavy_ball
from thermo_ideal.symbolic.derivations._protocol import Setting
from thermo_ideal.symbolic.derivations._thermodynamics import (
    equation_of_state,
    isotropic,
    pressure,
    radius,
    temperature,
)

NOISES = ("isotropic", "general")

_i, _k, _r, _tau = n.FREE_INDEX, n.NOISE_INDEX, n.RADIUS, n.NOISE_TRACE
_covariance = IndexedBase("Sigma")
_covariance_trace = sp.Symbol("TrSigma", positive=True)


def derive(
    protocol: str,
    noise: str = "isotropic",
    dimension: int | None = None,
    *,
    time_dependent: Sequence[str] = (),
    momentum: bool = False,
) -> Derivation:
    """Derives the SDEs of radius and direction and, with isotropic noise, the thermodynamics.

    Starts at `dW = −η(∇L(W) + λW) dt + η Σ_W^{1/2} dB` with a scale-invariant loss, applies Itô's lemma to `|W|` and
    `W/|W|` in symbolic dimension, solves the radius and finds the temperature from the Fokker–Planck equation.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".
        noise: "isotropic", `Σ_w̄ = σ²(I − w̄w̄ᵀ)`, or "general", any `Σ_w̄`, known by its trace `τ`. Only isotropic noise
            has a temperature.
        dimension: an explicit `d ≥ 2`, or None for the symbol `d`.
        time_dependent: hyperparameters that are functions of time, as in ("learning_rate", "weight_decay") or
            ("radius",). The radius is then solved in quadratures, and what is stationary is so at frozen
            hyperparameters.
        momentum: whether SGD has heavy-ball momentum `β`, in its small-step limit. On the fixed sphere the velocity is
            rescaled together with the weights.

    Returns:
        A `Derivation`. `result` has "radius_sde" and "direction_sde"; "radius_solution", "stationary_radius" and
        "relaxation_rate" where the radius moves; "pressure" on the fixed sphere; and with isotropic noise
        "temperature" (of the stationary state), "stationary_density" and "equation_of_state".

    Raises:
        ValueError: an unknown protocol, noise or hyperparameter, or `dimension < 2`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.derive("fixed-lr", noise="general")
        >>> derivation.result["radius_sde"]
        Eq(dr, dt*(eta**2*tau/(2*r**3) - eta*lambda*r))
        >>> derivation.verify(dimensions=(2,)) > 0
        True
        >>> symbolic.derive("fixed-elr", momentum=True).result["temperature"]
        eta_eff*sigma**2/(2*(1 - beta))

    Source: arXiv 2511.07308, section 3 and appendix.
    """
    setting = Setting(protocol, noise == "isotropic", time_dependent, momentum)
    if noise not in NOISES:
        raise ValueError(f"noise: got {noise!r}, expected one of {', '.join(map(repr, NOISES))}")

    draft = Draft()
    _weights(draft, setting)
    _scale_invariance(draft)
    drift = _itos_lemma(draft, setting)
    if setting.isotropic:
        drift = isotropic(draft, drift)
    if setting.rescales:
        pressure(draft, setting, drift)
    else:
        radius(draft, setting, drift)
    if setting.isotropic:
        temperature(draft, setting)
        equation_of_state(draft, setting)
    return draft.finish(setting.title, setting.replay, dimension)


def _noise(root: IndexedBase, size: Expr) -> Expr:
    return size * Sum(root[_i, _k] * n.DB[_k], (_k, 1, n.DIMENSION))


def _weights(draft: Draft, setting: Setting) -> None:
    """The SDE of the weights, or of the average that momentum moves like weights."""
    uses: tuple[str, ...] = ()
    because = {
        "fixed-lr": "SGD with learning rate η and weight decay λ, one step as the unit of time",
        "fixed-elr": "SGD whose learning rate η_eff r² follows the radius before the step",
        "fixed-sphere": "SGD with learning rate η_eff r² and no weight decay, before the weights are rescaled",
    }[setting.protocol]
    if setting.momentum:
        uses = heavy_ball(draft, setting)
        because = "the average z, from here on written W, makes plain SGD steps with a learning rate 1/(1−β) as large"
    eta, decay = setting.step_size, setting.weight_decay
    equation = Eq(n.DW[_i], -eta * (n.GRADIENT[_i] + decay * n.WEIGHTS[_i]) * n.DT + _noise(n.NOISE_ROOT, eta))
    check = differential(lambda x: x.weights.__getitem__)
    draft.add("weights", "the weights follow an Itô process", equation, because, check, uses)


def _scale_invariance(draft: Draft) -> None:
    """Euler's theorem for `L(cw) = L(w)`: by the chain rule the derivative in `c` is `w·∇L(cw)`."""
    over = (_i, 1, n.DIMENSION)
    draft.add(
        "tangent_gradient",
        "the gradient is tangent to the sphere",
        Eq(Sum(n.WEIGHTS[_i] * n.GRADIENT[_i], over), 0),
        "differentiate L(cw) = L(w) with respect to c at c = 1",
        lambda equation, replay: [replay.explicit(equation.lhs - equation.rhs)],
    )
    draft.add(
        "gradient_scaling",
        "the gradient shrinks with the radius",
        Eq(n.GRADIENT[_i], n.DIRECTION_GRADIENT[_i] / _r),
        "differentiate L(cw) = L(w) with respect to w at c = 1/r",
    )
    draft.add(
        "tangent_noise",
        "the gradient noise is tangent to the sphere",
        Eq(Sum(n.NOISE_ROOT[_k, _i] * n.WEIGHTS[_i], over), 0),
        "every batch has a scale-invariant loss, so |Σ_W^{1/2} W|² = Var(W·g) = 0",
        lambda equation, replay: (
            replay.explicit((equation.lhs - equation.rhs).subs(_k, row + 1)) for row in range(replay.dimension)
        ),
        ("tangent_gradient",),
    )
    draft.add(
        "noise_scaling",
        "the gradient noise shrinks with the radius",
        Eq(n.NOISE_ROOT[_i, _k], n.DIRECTION_NOISE_ROOT[_i, _k] / _r),
        "every batch's gradient does",
        lambda equation, replay: (
            residual for k in range(replay.dimension) for residual in replay.algebraic(equation.subs(_k, k + 1))
        ),
        ("gradient_scaling",),
    )


def _weights_process(eta: Expr, decay: Expr) -> ItoProcess:
    """The weights in symbolic dimension, with scale invariance as contraction rules."""
    w, g, root, covariance = n.WEIGHTS, n.GRADIENT, n.NOISE_ROOT, _covariance
    space = TensorSpace(
        n.DIMENSION,
        products={
            (w, w): lambda: _r**2,
            (w, g): lambda: sp.S.Zero,
            (w, root): lambda i: sp.S.Zero,
            (w, covariance): lambda i: sp.S.Zero,
            (root, root): lambda i, j: covariance[i, j],
            (covariance,): lambda: _covariance_trace,
        },
        gradients={w: KroneckerDelta, _r: lambda j: w[j] / _r},
    )
    return ItoProcess(
        space,
        drift=lambda i: -eta * (g[i] + decay * w[i]),
        diffusion=lambda i, k: eta * root[i, k],
    )


def _on_sphere(expression: Expr) -> Expr:
    """Writes a result in terms of the direction, by the two scaling rules."""
    scaling = {
        n.WEIGHTS[_i]: _r * n.DIRECTION[_i],
        n.GRADIENT[_i]: n.DIRECTION_GRADIENT[_i] / _r,
        n.NOISE_ROOT[_i, _k]: n.DIRECTION_NOISE_ROOT[_i, _k] / _r,
        _covariance_trace: _tau / _r**2,
    }
    return sp.Add(*(sp.factor(term) for term in sp.Add.make_args(expression.subs(scaling).expand())))


def _itos_lemma(draft: Draft, setting: Setting) -> Expr:
    """Radius and direction by Itô's lemma; returns the drift of `|W|` (before any rescaling)."""
    process = _weights_process(setting.step_size, setting.weight_decay)
    by = ("weights", "tangent_gradient", "tangent_noise", "gradient_scaling", "noise_scaling")
    radius = process.lemma(_r)
    drift = _on_sphere(radius.drift)
    growth = Eq(n.DR, drift * n.DT + radius.diffusion(_k) * n.DB[_k])
    because = "Itô's lemma on |W|; the noise is tangent, so only its second-order effect Tr Σ_W / 2r is left"
    check = differential(lambda replay: lambda _: replay.radius)
    if setting.rescales:
        draft.add("growth", "the step lengthens the weights", growth, because, check, by)
        path = setting.sphere_radius
        equation = Eq(n.DR, sp.diff(path, n.TIME) * n.DT)
        draft.add(
            "radius_sde",
            "rescaling sets the radius",
            equation,
            "the weights are r W/|W| after every step, and Itô's lemma on the norm of that leaves the change of r",
            differential(lambda replay: lambda _: sp.sqrt(sum((path * c) ** 2 for c in replay.direction))),
            ("weights",),
            equation,
        )
    else:
        draft.add("radius_sde", "the radius is deterministic", growth, because, check, by, growth)

    direction = process.lemma(n.WEIGHTS[_i] / _r)
    direction_drift = _on_sphere(direction.drift)
    direction_noise = _on_sphere(direction.diffusion(_k)).coeff(n.DIRECTION_NOISE_ROOT[_i, _k])
    equation = Eq(n.DWBAR[_i], direction_drift * n.DT + _noise(n.DIRECTION_NOISE_ROOT, direction_noise))
    draft.add(
        "direction_sde",
        "the direction diffuses on the sphere",
        equation,
        "Itô's lemma on W/|W|; weight decay and the rescaling act along W and drop out",
        differential(lambda replay: replay.direction.__getitem__),
        by,
        equation,
    )
    if setting.protocol == "fixed-lr":
        draft.add(
            "effective_learning_rate",
            "the effective learning rate",
            Eq(n.EFFECTIVE_LEARNING_RATE, setting.step_size / _r**2),
            "it is what multiplies ∇L(w̄) in the direction's SDE",
            lambda equation, replay: [replay.explicit(direction_drift.coeff(n.DIRECTION_GRADIENT[_i]) + equation.rhs)],
            ("direction_sde",),
        )
    _unit_norm(draft, direction_drift, direction_noise)
    return drift


def _unit_norm(draft: Draft, drift: Expr, noise: Expr) -> None:
    """Itô's lemma on `|w̄|²` along the direction's own SDE."""
    x, g, root = n.DIRECTION, n.DIRECTION_GRADIENT, n.DIRECTION_NOISE_ROOT
    square = n.SQUARED_NORM
    space = TensorSpace(
        n.DIMENSION,
        products={
            (x, x): lambda: sp.S.One,
            (x, g): lambda: sp.S.Zero,
            (x, root): lambda i: sp.S.Zero,
            (root, root): lambda i, j: _covariance[i, j],
            (_covariance,): lambda: _tau,
        },
        gradients={x: KroneckerDelta, square: lambda j: 2 * x[j]},
    )
    process = ItoProcess(
        space,
        drift=lambda i: drift.subs(_i, i),
        diffusion=lambda i, k: noise * root[i, k],
    )
    draft.add(
        "unit_norm",
        "the direction stays on the unit sphere",
        Eq(n.D_SQUARED_NORM, sp.simplify(process.lemma(square).drift) * n.DT),
        "Itô's lemma on |w̄|²: the drift −½η_eff²τ w̄ takes away what the noise adds",
        lambda equation, replay: replay.differential(equation, lambda _: sum(c**2 for c in replay.direction)),
        ("direction_sde",),
    )
