"""What follows from the SDEs: fixed point, pressure, temperature, equation of state."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy import Eq, Expr, IndexedBase, KroneckerDelta

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._draft import Draft, tidy
from thermo_ideal.symbolic._ito import ItoProcess
from thermo_ideal.symbolic._replay import Replay
from thermo_ideal.symbolic._space import TensorSpace

_r, _tau = n.RADIUS, n.NOISE_TRACE


def isotropic(draft: Draft, drift: Expr) -> Expr:
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


def pressure(draft: Draft, drift: Expr) -> None:
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


def radius(draft: Draft, drift: Expr) -> None:
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
    fixed_point = tidy((-b / a) ** sp.Rational(1, power))
    draft.result["stationary_radius"] = draft.add(
        "the stationary radius",
        Eq(_r, fixed_point),
        "weight decay and noise balance",
        lambda equation, replay: [
            replay.explicit(drift.subs(_r, equation.rhs)),
            replay.explicit(equation.rhs - sp.Abs(equation.rhs)),
        ],
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


def temperature(draft: Draft, protocol: str) -> None:
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
        Eq(sp.Function("rho")(n.LOSS) / sp.Function("rho")(0), sp.exp(-n.LOSS / value)),
        "detailed balance: the Gibbs density has no current",
        lambda equation, replay: [
            replay.fokker_planck(lambda loss: equation.rhs.subs(n.LOSS, loss)),
            equation.rhs.subs(n.LOSS, 0) - 1,
        ],
    )
    draft.result["stationary_density"] = sp.exp(-n.LOSS / n.TEMPERATURE)
    draft.result["temperature"] = value
    if protocol == "fixed-lr":
        radius = draft.result["stationary_radius"]
        stationary = tidy(value.subs(eta, n.LEARNING_RATE / radius**2))
        draft.add(
            "the stationary temperature",
            Eq(n.TEMPERATURE, stationary),
            "the effective learning rate η/r² at the stationary radius",
            lambda equation, replay: [replay.explicit(equation.rhs - n.LEARNING_RATE * sigma**2 / (2 * radius**2))],
        )
        draft.result["temperature"] = stationary


def equation_of_state(draft: Draft, protocol: str) -> None:
    """`pV = RT` with `p = λ`, `V = r²/2`, `R = (d − 1)/2`."""
    volume = _r**2 / 2
    if protocol == "fixed-sphere":
        work = draft.result["pressure"] * volume
    else:
        work = n.WEIGHT_DECAY * volume.subs(_r, draft.result["stationary_radius"])
    constant = tidy(work / draft.result["temperature"])
    draft.result["equation_of_state"] = draft.add(
        "the equation of state",
        Eq(n.PRESSURE * n.VOLUME, constant * n.TEMPERATURE),
        "p is the weight decay, V = r²/2 and R = (d − 1)/2",
        lambda equation, replay: [
            replay.explicit(work - equation.rhs.subs(n.TEMPERATURE, draft.result["temperature"]))
        ],
    )
