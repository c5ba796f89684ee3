"""From one step of SGD to radius, direction and temperature, for the three protocols."""

from __future__ import annotations

import sympy as sp
from sympy import Eq, Expr, IndexedBase, KroneckerDelta, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._consequences import equation_of_state, isotropic, pressure, radius, temperature
from thermo_ideal.symbolic._derivation import Derivation
from thermo_ideal.symbolic._draft import Draft, differential
from thermo_ideal.symbolic._ito import ItoProcess
from thermo_ideal.symbolic._space import TensorSpace

PROTOCOLS = ("fixed-lr", "fixed-elr", "fixed-sphere")
NOISES = ("isotropic", "general")

_i, _k, _r, _tau = n.FREE_INDEX, n.NOISE_INDEX, n.RADIUS, n.NOISE_TRACE
_covariance = IndexedBase("Sigma")
_covariance_trace = sp.Symbol("TrSigma", positive=True)


def derive(protocol: str, noise: str = "isotropic", dimension: int | None = None) -> Derivation:
    """Derives the SDEs of radius and direction and, with isotropic noise, the thermodynamics.

    Starts at `dW = −η(∇L(W) + λW) dt + η Σ_W^{1/2} dB` with a scale-invariant loss, applies Itô's lemma to `|W|` and
    `W/|W|` in symbolic dimension, solves the radius and finds the temperature from the Fokker–Planck equation.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".
        noise: "isotropic", `Σ_w̄ = σ²(I − w̄w̄ᵀ)`, or "general", any `Σ_w̄`, known by its trace `τ`. Only isotropic noise
            has a temperature.
        dimension: an explicit `d ≥ 2`, or None for the symbol `d`.

    Returns:
        A `Derivation`. `result` has "radius_sde" and "direction_sde"; "stationary_radius", "radius_solution" and
        "relaxation_rate" where the radius moves; "pressure" on the fixed sphere; and with isotropic noise
        "temperature" (of the stationary state), "stationary_density" and "equation_of_state".

    Raises:
        ValueError: an unknown protocol or noise, or `dimension < 2`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.derive("fixed-lr", noise="general")
        >>> derivation.result["radius_sde"]
        Eq(dr, dt*(eta**2*tau/(2*r**3) - eta*lambda*r))
        >>> derivation.verify(dimensions=(2,)) > 0
        True

    Source: arXiv 2511.07308, section 3 and appendix.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol: got {protocol!r}, wanted one of {', '.join(map(repr, PROTOCOLS))}")
    if noise not in NOISES:
        raise ValueError(f"noise: got {noise!r}, wanted one of {', '.join(map(repr, NOISES))}")
    if dimension is not None and not (isinstance(dimension, int) and dimension >= 2):
        raise ValueError(f"dimension: got {dimension}, wanted an integer ≥ 2 (a circle at least), or None for d")

    draft = Draft()
    eta, decay = _step_size(draft, protocol)
    _scale_invariance(draft)
    drift = _itos_lemma(draft, protocol, eta, decay)
    if noise == "isotropic":
        drift = isotropic(draft, drift)
    if protocol == "fixed-sphere":
        pressure(draft, drift)
    else:
        radius(draft, drift)
    if noise == "isotropic":
        temperature(draft, protocol)
        equation_of_state(draft, protocol)
    return draft.finish(protocol, noise, dimension)


def _noise(root: IndexedBase, size: Expr) -> Expr:
    return size * Sum(root[_i, _k] * n.DB[_k], (_k, 1, n.DIMENSION))


def _step_size(draft: Draft, protocol: str) -> tuple[Expr, Expr]:
    """The protocol's learning rate and weight decay, and the SDE of the weights."""
    decay = sp.S.Zero if protocol == "fixed-sphere" else n.WEIGHT_DECAY
    eta = n.LEARNING_RATE if protocol == "fixed-lr" else n.EFFECTIVE_LEARNING_RATE * _r**2
    because = {
        "fixed-lr": "SGD with learning rate η and weight decay λ, one step as the unit of time",
        "fixed-elr": "SGD whose learning rate η_eff r² follows the radius before the step",
        "fixed-sphere": "SGD with learning rate η_eff r² and no weight decay, before the weights are rescaled",
    }[protocol]
    equation = Eq(n.DW[_i], -eta * (n.GRADIENT[_i] + decay * n.WEIGHTS[_i]) * n.DT + _noise(n.NOISE_ROOT, eta))
    draft.add("the weights follow an Itô process", equation, because, differential(lambda x: x.weights.__getitem__))
    return eta, decay


def _scale_invariance(draft: Draft) -> None:
    """Euler's theorem for `L(cw) = L(w)`: by the chain rule the derivative in `c` is `w·∇L(cw)`."""
    over = (_i, 1, n.DIMENSION)
    draft.add(
        "the gradient is tangent to the sphere",
        Eq(Sum(n.WEIGHTS[_i] * n.GRADIENT[_i], over), 0),
        "differentiate L(cw) = L(w) with respect to c at c = 1",
        lambda equation, replay: [replay.explicit(equation.lhs - equation.rhs)],
    )
    draft.add(
        "the gradient shrinks with the radius",
        Eq(n.GRADIENT[_i], n.DIRECTION_GRADIENT[_i] / _r),
        "differentiate L(cw) = L(w) with respect to w at c = 1/r",
    )
    draft.add(
        "the gradient noise is tangent to the sphere",
        Eq(Sum(n.NOISE_ROOT[_k, _i] * n.WEIGHTS[_i], over), 0),
        "every batch has a scale-invariant loss, so |Σ_W^{1/2} W|² = Var(W·g) = 0",
        lambda equation, replay: (
            replay.explicit((equation.lhs - equation.rhs).subs(_k, row + 1)) for row in range(replay.dimension)
        ),
    )
    draft.add(
        "the gradient noise shrinks with the radius",
        Eq(n.NOISE_ROOT[_i, _k], n.DIRECTION_NOISE_ROOT[_i, _k] / _r),
        "every batch's gradient does",
        lambda equation, replay: (
            residual for k in range(replay.dimension) for residual in replay.algebraic(equation.subs(_k, k + 1))
        ),
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
        gradients={w: lambda i, j: KroneckerDelta(i, j), _r: lambda j: w[j] / _r},
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
    return sp.expand(expression.subs(scaling))


def _itos_lemma(draft: Draft, protocol: str, eta: Expr, decay: Expr) -> Expr:
    """Radius and direction by Itô's lemma; returns the drift of `|W|` (before any rescaling)."""
    process = _weights_process(eta, decay)
    radius = process.lemma(_r)
    drift = _on_sphere(radius.drift)
    equation = draft.add(
        "the step lengthens the weights" if protocol == "fixed-sphere" else "the radius is deterministic",
        Eq(n.DR, drift * n.DT + radius.diffusion(_k) * n.DB[_k]),
        "Itô's lemma on |W|; the noise is tangent, so only its second-order effect Tr Σ_W / 2r is left",
        differential(lambda replay: lambda _: replay.radius),
    )
    if protocol == "fixed-sphere":
        equation = draft.add(
            "rescaling keeps the radius",
            Eq(n.DR, 0),
            "the weights are r W/|W| after every step; the norm of that is constant, so Itô's lemma gives 0",
            differential(lambda replay: lambda _: sp.sqrt(sum((n.RADIUS * c) ** 2 for c in replay.direction))),
        )
    draft.result["radius_sde"] = equation

    direction = process.lemma(n.WEIGHTS[_i] / _r)
    direction_drift = _on_sphere(direction.drift)
    direction_noise = _on_sphere(direction.diffusion(_k)).coeff(n.DIRECTION_NOISE_ROOT[_i, _k])
    draft.result["direction_sde"] = draft.add(
        "the direction diffuses on the sphere",
        Eq(n.DWBAR[_i], direction_drift * n.DT + _noise(n.DIRECTION_NOISE_ROOT, direction_noise)),
        "Itô's lemma on W/|W|; weight decay and the rescaling act along W and drop out",
        differential(lambda replay: replay.direction.__getitem__),
    )
    if protocol == "fixed-lr":
        draft.add(
            "the effective learning rate",
            Eq(n.EFFECTIVE_LEARNING_RATE, n.LEARNING_RATE / _r**2),
            "it is what multiplies ∇L(w̄) in the direction's SDE",
            lambda equation, replay: [replay.explicit(direction_drift.coeff(n.DIRECTION_GRADIENT[_i]) + equation.rhs)],
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
        gradients={x: lambda i, j: KroneckerDelta(i, j), square: lambda j: 2 * x[j]},
    )
    process = ItoProcess(
        space,
        drift=lambda i: drift.subs(_i, i),
        diffusion=lambda i, k: noise * root[i, k],
    )
    draft.add(
        "the direction stays on the unit sphere",
        Eq(n.D_SQUARED_NORM, process.lemma(square).drift * n.DT),
        "Itô's lemma on |w̄|²: the drift −½η_eff²τ w̄ takes away what the noise adds",
        lambda equation, replay: replay.differential(equation, lambda _: sum(c**2 for c in replay.direction)),
    )
