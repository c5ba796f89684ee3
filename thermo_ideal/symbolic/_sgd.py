"""From one step of SGD to radius, direction and temperature, for the three protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import sympy as sp
from sympy import Eq, Expr, IndexedBase, KroneckerDelta, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._derivation import Check, Derivation, Step
from thermo_ideal.symbolic._ito import ItoProcess
from thermo_ideal.symbolic._replay import Replay
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
    if dimension is not None and dimension < 2:
        raise ValueError(f"dimension: got {dimension}, wanted an integer ≥ 2 (a circle at least), or None for d")

    draft = _Draft()
    eta, decay = _step_size(draft, protocol)
    _scale_invariance(draft)
    drift = _itos_lemma(draft, protocol, eta, decay)
    if noise == "isotropic":
        drift = _isotropic(draft, drift)
    if protocol == "fixed-sphere":
        _pressure(draft, drift)
    else:
        _radius(draft, drift)
    if noise == "isotropic":
        _temperature(draft, protocol)
        _equation_of_state(draft, protocol)
    return draft.finish(protocol, noise, dimension)


@dataclass
class _Draft:
    steps: list[Step] = field(default_factory=list)
    result: dict[str, Expr | Eq] = field(default_factory=dict)

    def add(self, claim: str, equation: Eq, because: str, check: Check | None = None) -> Eq:
        check = check or (lambda statement, replay: replay.algebraic(statement))
        self.steps.append(Step(claim, equation, because, check))
        return equation

    def finish(self, protocol: str, noise: str, dimension: int | None) -> Derivation:
        steps, result = tuple(self.steps), dict(self.result)
        if dimension is not None:
            at = {n.DIMENSION: dimension}
            steps = tuple(Step(s.claim, s.equation.subs(at), s.because, s.check) for s in steps)
            result = {name: value.subs(at) for name, value in result.items()}
        title = f"SGD with {protocol.replace('-', ' ')} and {noise} noise"
        return Derivation(title, steps, result, noise == "isotropic", protocol, dimension)


def _differential(function: Callable[[Replay], Callable[[int], Expr]]) -> Check:
    """A check that hands the equation to Itô's lemma in components, applied to `function`."""

    def check(equation: Eq, replay: Replay) -> Iterable[Expr]:
        return replay.differential(equation, function(replay))

    return check


def _tidy(expression: Expr) -> Expr:
    """Simplifies with `√((d−1)²) = d − 1`: every symbol here is positive and d ≥ 2, which SymPy cannot be told."""
    return sp.powdenest(sp.factor(sp.simplify(expression)), force=True)


def _noise(root: IndexedBase, size: Expr) -> Expr:
    return size * Sum(root[_i, _k] * n.DB[_k], (_k, 1, n.DIMENSION))


def _step_size(draft: _Draft, protocol: str) -> tuple[Expr, Expr]:
    """The protocol's learning rate and weight decay, and the SDE of the weights."""
    decay = sp.S.Zero if protocol == "fixed-sphere" else n.WEIGHT_DECAY
    eta = n.LEARNING_RATE if protocol == "fixed-lr" else n.EFFECTIVE_LEARNING_RATE * _r**2
    because = {
        "fixed-lr": "SGD with learning rate η and weight decay λ, one step as the unit of time",
        "fixed-elr": "SGD whose learning rate η_eff r² follows the radius before the step",
        "fixed-sphere": "SGD with learning rate η_eff r² and no weight decay, before the weights are rescaled",
    }[protocol]
    equation = Eq(n.DW[_i], -eta * (n.GRADIENT[_i] + decay * n.WEIGHTS[_i]) * n.DT + _noise(n.NOISE_ROOT, eta))
    draft.add("the weights follow an Itô process", equation, because, _differential(lambda x: x.weights.__getitem__))
    return eta, decay


def _scale_invariance(draft: _Draft) -> None:
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


def _itos_lemma(draft: _Draft, protocol: str, eta: Expr, decay: Expr) -> Expr:
    """Radius and direction by Itô's lemma; returns the drift of `|W|` (before any rescaling)."""
    process = _weights_process(eta, decay)
    radius = process.lemma(_r)
    drift = _on_sphere(radius.drift)
    equation = draft.add(
        "the step lengthens the weights" if protocol == "fixed-sphere" else "the radius is deterministic",
        Eq(n.DR, drift * n.DT + radius.diffusion(_k) * n.DB[_k]),
        "Itô's lemma on |W|; the noise is tangent, so only its second-order effect Tr Σ_W / 2r is left",
        _differential(lambda replay: lambda _: replay.radius),
    )
    if protocol == "fixed-sphere":
        equation = draft.add(
            "rescaling keeps the radius",
            Eq(n.DR, 0),
            "the weights are put back on the sphere after every step",
            lambda equation, replay: [equation.rhs],
        )
    draft.result["radius_sde"] = equation

    direction = process.lemma(n.WEIGHTS[_i] / _r)
    direction_drift = _on_sphere(direction.drift)
    direction_noise = _on_sphere(direction.diffusion(_k)).coeff(n.DIRECTION_NOISE_ROOT[_i, _k])
    draft.result["direction_sde"] = draft.add(
        "the direction diffuses on the sphere",
        Eq(n.DWBAR[_i], direction_drift * n.DT + _noise(n.DIRECTION_NOISE_ROOT, direction_noise)),
        "Itô's lemma on W/|W|; weight decay and the rescaling act along W and drop out",
        _differential(lambda replay: replay.direction.__getitem__),
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


def _unit_norm(draft: _Draft, drift: Expr, noise: Expr) -> None:
    """Itô's lemma on `|w̄|²` along the direction's own SDE."""
    x, g, root = n.DIRECTION, n.DIRECTION_GRADIENT, n.DIRECTION_NOISE_ROOT
    square = sp.Symbol("|wbar|^2")
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
        Eq(sp.Symbol("d|wbar|^2"), process.lemma(square).drift * n.DT),
        "Itô's lemma on |w̄|²: the drift −½η_eff²τ w̄ takes away what the noise adds",
        lambda equation, replay: replay.differential(equation, lambda _: sum(c**2 for c in replay.direction)),
    )


def _isotropic(draft: _Draft, drift: Expr) -> Expr:
    """`Tr Σ_w̄ = σ²(d − 1)` by contraction of the projector, put into the radius' drift."""
    x = n.DIRECTION
    space = TensorSpace(n.DIMENSION, products={(x, x): lambda: sp.S.One})

    def root(i: sp.Symbol, k: sp.Symbol) -> Expr:
        return n.NOISE_SCALE * (KroneckerDelta(i, k) - x[i] * x[k])

    trace = sp.factor(space.total(lambda i: space.total(lambda k: root(i, k) * root(i, k))))
    draft.add(
        "isotropic noise has the trace of a projector",
        Eq(_tau, trace),
        "Σ_w̄ = σ²(I − w̄w̄ᵀ), and Σ_i δ_ii = d",
    )
    return drift.subs(_tau, trace)


def _pressure(draft: _Draft, drift: Expr) -> None:
    """The weight decay that would do what the rescaling does."""
    decay = sp.Symbol("lambda_eff", positive=True)
    (pressure,) = sp.solve(drift - n.EFFECTIVE_LEARNING_RATE * _r**3 * decay, decay)
    draft.result["pressure"] = draft.add(
        "the effective weight decay",
        Eq(n.PRESSURE, pressure),
        "a weight decay p would shrink the radius by η_eff r³ p, which is what the rescaling takes away",
        lambda equation, replay: [
            replay.process.lemma(replay.radius).drift
            - replay.explicit(n.EFFECTIVE_LEARNING_RATE * _r**3 * equation.rhs)
        ],
    ).rhs


def _radius(draft: _Draft, drift: Expr) -> None:
    """Bernoulli's substitution: where `ṙ = a r + b r^m`, `y = r^{1−m}` obeys `ẏ = (1−m)(a y + b)`."""
    coefficients = sp.Poly(sp.expand(drift), _r, 1 / _r).terms()
    terms = {exponent - inverse: coefficient for (exponent, inverse), coefficient in coefficients}
    a = terms.pop(1)
    ((m, b),) = terms.items()
    power = 1 - m

    y = sp.Function("y", positive=True)(n.TIME)
    linear = Eq(y.diff(n.TIME), power * (a * y + b))
    solved = sp.dsolve(linear, y, ics={y.subs(n.TIME, 0): n.INITIAL_RADIUS**power}).rhs
    path = sp.Function("r", positive=True)(n.TIME)
    draft.result["radius_solution"] = draft.add(
        "the radius in closed form",
        Eq(path ** abs(power), sp.simplify(solved if power > 0 else 1 / solved)),
        f"a Bernoulli equation: linear in r^{power}",
        lambda equation, replay: _solves(equation, drift, replay),
    )
    fixed_point = _tidy((-b / a) ** sp.Rational(1, power))
    draft.result["stationary_radius"] = draft.add(
        "the stationary radius",
        Eq(_r, fixed_point),
        "weight decay and noise balance",
        lambda equation, replay: [replay.explicit(drift.subs(_r, equation.rhs))],
    ).rhs
    draft.result["relaxation_rate"] = draft.add(
        "the fixed point is stable",
        Eq(sp.Symbol("rate"), sp.simplify(-sp.diff(drift, _r).subs(_r, fixed_point))),
        "small departures of r decay at −d(dr/dt)/dr, which is positive",
        lambda equation, replay: _decays(equation, drift, fixed_point, replay),
    ).rhs


def _solves(equation: Eq, drift: Expr, replay: Replay) -> Iterable[Expr]:
    """The residual of the ODE and of the initial condition."""
    power = equation.lhs.exp
    path = equation.rhs ** (1 / power)
    path = path.subs(_tau, replay.noise_trace)
    rate = drift.subs(_tau, replay.noise_trace)
    yield sp.diff(path, n.TIME) - rate.subs(_r, path)
    yield path.subs(n.TIME, 0) - n.INITIAL_RADIUS


def _decays(equation: Eq, drift: Expr, fixed_point: Expr, replay: Replay) -> Iterable[Expr]:
    """The rate against a difference quotient of the drift, which is free of SymPy's derivative."""
    h = sp.Rational(1, 10**16)
    quotient = (drift.subs(_r, fixed_point + h) - drift.subs(_r, fixed_point - h)) / (2 * h)
    yield replay.explicit(equation.rhs + quotient)
    value = replay.evaluate(replay.explicit(equation.rhs))
    yield sp.S.Zero if value > 0 else value - 1


def _temperature(draft: _Draft, protocol: str) -> None:
    """The temperature at which the direction's generator is in detailed balance with `exp(−L/T)`."""
    x, g = n.DIRECTION, n.DIRECTION_GRADIENT
    first, second = IndexedBase("f1"), IndexedBase("f2")  # ∇f and ∇∇f of any f constant along rays
    laplacian, overlap = sp.symbols("Laplacian_f grad_L.grad_f")
    temperature = sp.Symbol("T", positive=True)
    space = TensorSpace(
        n.DIMENSION,
        products={
            (x, x): lambda: sp.S.One,
            (x, first): lambda: sp.S.Zero,
            (x, g): lambda: sp.S.Zero,
            (x, second): lambda i: -first[i],  # ∇f has degree −1
            (second,): lambda: laplacian,
            (g, first): lambda: overlap,
        },
        gradients={
            n.LOSS: lambda j: g[j],
            sp.Symbol("f"): lambda j: first[j],
            first: lambda i, j: second[i, j],
        },
    )
    eta, sigma = n.EFFECTIVE_LEARNING_RATE, n.NOISE_SCALE
    trace = sigma**2 * (n.DIMENSION - 1)
    generator = ItoProcess(
        space,
        drift=lambda i: -eta * g[i] - eta**2 * trace / 2 * x[i],
        diffusion=lambda i, k: eta * sigma * (KroneckerDelta(i, k) - x[i] * x[k]),
    ).generator(sp.Symbol("f"))
    gibbs = sp.exp(-n.LOSS / temperature)
    reversible = sp.expand(space.total(lambda i: space.partial(gibbs * first[i], i)) / gibbs)
    diffusivity = sp.expand(generator).coeff(laplacian) / reversible.coeff(laplacian)
    (value,) = sp.solve(sp.expand(generator - diffusivity * reversible).coeff(overlap), temperature)
    draft.add(
        "the temperature",
        Eq(n.TEMPERATURE, value),
        "the generator −η_eff ∇L·∇f + ½η_eff²σ² Δf equals ½η_eff²σ² e^{L/T} ∇·(e^{−L/T} ∇f) for this T only",
        lambda equation, replay: [replay.fokker_planck(lambda loss: sp.exp(-loss / equation.rhs))],
    )
    draft.add(
        "the stationary density",
        Eq(sp.Function("rho")(n.LOSS), sp.exp(-n.LOSS / value)),
        "detailed balance: the Gibbs density, up to its normaliser, has no current",
        lambda equation, replay: [replay.fokker_planck(lambda loss: equation.rhs.subs(n.LOSS, loss))],
    )
    draft.result["stationary_density"] = sp.exp(-n.LOSS / n.TEMPERATURE)
    draft.result["temperature"] = value
    if protocol == "fixed-lr":
        radius = draft.result["stationary_radius"]
        stationary = _tidy(value.subs(eta, n.LEARNING_RATE / radius**2))
        draft.add(
            "the stationary temperature",
            Eq(n.TEMPERATURE, stationary),
            "the effective learning rate η/r² at the stationary radius",
            lambda equation, replay: [replay.explicit(equation.rhs - n.LEARNING_RATE * sigma**2 / (2 * radius**2))],
        )
        draft.result["temperature"] = stationary


def _equation_of_state(draft: _Draft, protocol: str) -> None:
    """`pV = RT` with `p = λ`, `V = r²/2`, `R = (d − 1)/2`."""
    volume = _r**2 / 2
    if protocol == "fixed-sphere":
        work = draft.result["pressure"] * volume
    else:
        work = n.WEIGHT_DECAY * volume.subs(_r, draft.result["stationary_radius"])
    constant = _tidy(work / draft.result["temperature"])
    draft.result["equation_of_state"] = draft.add(
        "the equation of state",
        Eq(n.PRESSURE * n.VOLUME, constant * n.TEMPERATURE),
        "p is the weight decay, V = r²/2 and R = (d − 1)/2",
        lambda equation, replay: [
            replay.explicit(work - equation.rhs.subs(n.TEMPERATURE, draft.result["temperature"]))
        ],
    )
