"""Radius, direction and temperature of SGD under the three protocols, from the SDE of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import sympy as sp
from sympy import Eq, Expr, IndexedBase, KroneckerDelta, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess, TensorSpace
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.derivations._component_check import ComponentCheck, differential
from thermo_ideal.symbolic.derivations._derivation import Derivation
from thermo_ideal.symbolic.derivations._momentum import heavy_ball
from thermo_ideal.symbolic.derivations._protocol import ProtocolLike, SGDModel, schedules
from thermo_ideal.symbolic.derivations._scale_invariance import one_step, scale_invariance
from thermo_ideal.symbolic.derivations._sphere import laplacian
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
    protocol: ProtocolLike,
    noise: str = "isotropic",
    dimension: int | None = None,
    *,
    time_dependent: Sequence[str] = (),
    momentum: bool = False,
) -> Derivation:
    """Derives the SDEs of radius and direction and, with isotropic noise, the thermodynamics.

    The derivation starts at `dW = −η(∇L(W) + λW) dt + η Σ_W^{1/2} dB` with a scale-invariant loss, applies Itô's lemma
    to `|W|` and `W/|W|` in symbolic dimension, solves the equation of the radius, and finds the temperature from the
    Fokker–Planck equation of the direction.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere", or a protocol of `thermo_ideal.dynamics`,
            whose numbers stay symbols, and whose schedules are functions of time.
        noise: "isotropic", `Σ_w̄ = σ²(I − w̄w̄ᵀ)`, or "general", any `Σ_w̄` of trace `τ`. Only isotropic noise has a
            temperature.
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.
        time_dependent: the hyperparameters that are functions of time, as in ("learning_rate", "weight_decay") or
            ("radius",). The radius is then given by integrals over the schedules, and stationary states are those at
            frozen hyperparameters.
        momentum: whether SGD has heavy-ball momentum `β`, in the limit of small steps. On the fixed sphere the velocity
            is rescaled together with the weights.

    Returns:
        A `Derivation`. `result` has "radius_sde" and "direction_sde"; "radius_solution", "stationary_radius" and
        "relaxation_rate" unless the protocol fixes the radius; "pressure" on the fixed sphere; and with isotropic noise
        "temperature" (of the stationary state), "stationary_density" and "equation_of_state".

    Raises:
        ValueError: the protocol, the noise or a hyperparameter is unknown, or `dimension < 2`.

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
    named = [time_dependent] if isinstance(time_dependent, str) else time_dependent
    sgd = SGDModel(protocol, noise == "isotropic", (*dict.fromkeys((*named, *schedules(protocol))),), momentum)
    if noise not in NOISES:
        raise ValueError(f"noise: got {noise!r}, expected one of {', '.join(map(repr, NOISES))}")

    options: dict[str, Any] = {"time_dependent": sgd.time_dependent, "momentum": momentum}
    builder = Builder(partial(derive, sgd.protocol, noise, dimension, **options))
    _weights(builder, sgd)
    scale_invariance(builder)
    drift = _itos_lemma(builder, sgd)
    if sgd.isotropic:
        drift = isotropic(builder, drift)
    if sgd.fixes_radius:
        pressure(builder, sgd, drift)
    else:
        radius(builder, sgd, drift)
    if sgd.isotropic:
        laplacian(builder, sgd)
        temperature(builder, sgd)
        equation_of_state(builder, sgd)
    return builder.finish(sgd.title, sgd.component_check, dimension)


def _noise(root: IndexedBase, size: Expr) -> Expr:
    return size * Sum(root[_i, _k] * n.DB[_k], (_k, 1, n.DIMENSION))


def _weights(builder: Builder, sgd: SGDModel) -> None:
    """The SDE of the weights; with momentum, of an average of them that makes plain SGD steps."""
    uses: tuple[str, ...] = ("step",)
    because = "its drift is the mean of a step and its covariance that of a step, one step as the unit of time"
    if sgd.momentum:
        uses = heavy_ball(builder, sgd)
        because = (
            "the average z, written W from here on, makes plain SGD steps whose learning rate is 1/(1−β) times as "
            f"large; {because}"
        )
    else:
        one_step(builder, sgd)
    eta, decay = sgd.step_size, sgd.weight_decay
    builder.add(
        "weights",
        "SGD with small steps is its diffusion: the weights follow an Itô process",
        Eq(n.DW[_i], -eta * (n.GRADIENT[_i] + decay * n.WEIGHTS[_i]) * n.DT + _noise(n.NOISE_ROOT, eta)),
        f"{because}; what depends on more than mean and covariance, and on the finite step, is left out",
        _diffusion_approximation,
        uses,
        kind="assumption",
    )


def _diffusion_approximation(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
    """The SDE against Itô's lemma in components, and its mean and covariance against those of a step."""
    yield from differential(lambda x: x.weights.__getitem__)(equation, case)
    ahead, behind = (-case.step_size * case.noisy_gradient(sign) for sign in (1, -1))
    yield from (ahead + behind) / 2 - case.process.drift
    noise = case.process.diffusion * case.tensors[n.NORMALS]
    half = (ahead - behind) / 2  # the noise of a step is odd in ξ, and its sign is that of −ξ
    yield from half * half.T - noise * noise.T


def _weights_process(eta: Expr, decay: Expr) -> ItoProcess:
    """The weights in symbolic dimension; the contraction rules express scale invariance."""
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
        time=n.TIME,
    )


def _on_sphere(expression: Expr) -> Expr:
    """An expression in terms of the direction, by the scaling of gradient and noise with the radius."""
    scaling = {
        n.WEIGHTS[_i]: _r * n.DIRECTION[_i],
        n.GRADIENT[_i]: n.DIRECTION_GRADIENT[_i] / _r,
        n.NOISE_ROOT[_i, _k]: n.DIRECTION_NOISE_ROOT[_i, _k] / _r,
        _covariance_trace: _tau / _r**2,
    }
    return sp.Add(*(sp.factor(term) for term in sp.Add.make_args(expression.subs(scaling).expand())))


def _itos_lemma(builder: Builder, sgd: SGDModel) -> Expr:
    """Radius and direction by Itô's lemma; returns the drift of `|W|` (before any rescaling)."""
    process = _weights_process(sgd.step_size, sgd.weight_decay)
    by = ("weights", "tangent_gradient", "tangent_noise", "gradient_scaling", "noise_scaling")
    radius = process.lemma(_r)
    drift = _on_sphere(radius.drift)
    growth = Eq(n.DR, drift * n.DT + radius.diffusion(_k) * n.DB[_k])
    because = "Itô's lemma on |W|; the noise is tangent, so it contributes only the second-order term Tr Σ_W / 2r"
    check = differential(lambda case: lambda _: case.radius)
    if sgd.fixes_radius:
        builder.add("growth", "every step increases the radius", growth, because, check, by)
        path = sgd.sphere_radius
        equation = Eq(n.DR, sp.diff(path, n.TIME) * n.DT)
        builder.add(
            "radius_sde",
            "rescaling sets the radius",
            equation,
            "the weights are r W/|W| after every step, and by Itô's lemma the norm of r W/|W| changes with r only",
            differential(lambda case: lambda _: sp.sqrt(sum((path * c) ** 2 for c in case.direction))),
            ("weights",),
            equation,
            "numeric check",
        )
    else:
        builder.add("radius_sde", "the radius is deterministic", growth, because, check, by, growth)

    direction = process.lemma(n.WEIGHTS[_i] / _r)
    direction_drift = _on_sphere(direction.drift)
    direction_noise = _on_sphere(direction.diffusion(_k)).coeff(n.DIRECTION_NOISE_ROOT[_i, _k])
    equation = Eq(n.DWBAR[_i], direction_drift * n.DT + _noise(n.DIRECTION_NOISE_ROOT, direction_noise))
    builder.add(
        "direction_sde",
        "the direction diffuses on the sphere",
        equation,
        "Itô's lemma on W/|W|; weight decay and rescaling act along W, so they do not change the direction",
        differential(lambda case: case.direction.__getitem__),
        by,
        equation,
    )
    if sgd.fixes_learning_rate:
        builder.add(
            "effective_learning_rate",
            "the effective learning rate",
            Eq(n.EFFECTIVE_LEARNING_RATE, -direction_drift.coeff(n.DIRECTION_GRADIENT[_i])),
            "η_eff is the coefficient of −∇L(w̄) in the SDE of the direction",
            lambda equation, case: [case.explicit(direction_drift.coeff(n.DIRECTION_GRADIENT[_i]) + equation.rhs)],
            ("direction_sde",),
        )
    _unit_norm(builder, direction_drift, direction_noise)
    return drift


def _unit_norm(builder: Builder, drift: Expr, noise: Expr) -> None:
    """Itô's lemma on `|w̄|²` for the SDE of the direction."""
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
        time=n.TIME,
    )
    builder.add(
        "unit_norm",
        "the direction stays on the unit sphere",
        Eq(n.D_SQUARED_NORM, sp.simplify(process.lemma(square).drift) * n.DT),
        "Itô's lemma on |w̄|²: the drift −½η_eff²τ w̄ cancels the second-order term of the noise",
        lambda equation, case: case.differential(equation, lambda _: sum(c**2 for c in case.direction)),
        ("direction_sde",),
    )
