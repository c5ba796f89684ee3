"""What follows from the SDEs: fixed point, pressure, temperature, equation of state."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy import Eq, Expr, IndexedBase, Integral, KroneckerDelta

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess, TensorSpace
from thermo_ideal.symbolic.derivations._builder import Draft, tidy
from thermo_ideal.symbolic.derivations._component_check import Replay
from thermo_ideal.symbolic.derivations._protocol import Setting

_r, _tau, _t = n.RADIUS, n.NOISE_TRACE, n.TIME


def isotropic(draft: Draft, drift: Expr) -> Expr:
    """`Tr Σ_w̄ = σ²(d − 1)` by contraction of the projector, put into the radius' drift."""
    x = n.DIRECTION
    space = TensorSpace(n.DIMENSION, products={(x, x): lambda: sp.S.One})

    def root(i: sp.Symbol, k: sp.Symbol) -> Expr:
        return n.NOISE_SCALE * (KroneckerDelta(i, k) - x[i] * x[k])

    trace = sp.factor(space.total(lambda i: space.total(lambda k: root(i, k) * root(i, k))))
    draft.add(
        "noise_trace",
        "isotropic noise has the trace of a projector",
        Eq(_tau, trace),
        "Σ_w̄ = σ²(I − w̄w̄ᵀ), and Σ_i δ_ii = d",
    )
    return drift.subs(_tau, trace)


def _trace(setting: Setting) -> tuple[str, ...]:
    return ("noise_trace",) if setting.isotropic else ()


def pressure(draft: Draft, setting: Setting, drift: Expr) -> None:
    """The weight decay that would do what the rescaling does."""
    elr = setting.effective_learning_rate
    pressure = sp.factor(drift / (elr * _r**3))
    draft.add(
        "pressure",
        "the pressure on the sphere",
        Eq(n.PRESSURE, pressure),
        "a weight decay p would shrink the radius by η_eff r³ p, which must make up for the growth",
        lambda equation, replay: [
            replay.process.lemma(replay.radius).drift - replay.explicit(elr * _r**3 * equation.rhs)
        ],
        ("growth", *_trace(setting)),
        pressure,
    )
    if "radius" in setting.time_dependent:
        path = setting.sphere_radius
        decay = sp.expand((pressure - sp.diff(path, _t) / (elr * _r**3)).subs(_r, path))
        draft.add(
            "effective_weight_decay",
            "the weight decay that would move the radius alike",
            Eq(n.WEIGHT_DECAY, decay),
            "the growth less η_eff r³ λ is the prescribed change of r: a wall that yields lets the gas expand",
            lambda equation, replay: [replay.explicit(drift - elr * _r**3 * equation.rhs - sp.diff(path, _t))],
            ("growth", "pressure", "radius_sde"),
            decay,
        )


def _bernoulli(drift: Expr) -> tuple[Expr, Expr, int]:
    """`a`, `b`, `m` of `ṙ = a r + b r^m`."""
    powers = (sp.factor(term).as_coeff_exponent(_r) for term in sp.Add.make_args(drift))
    terms = {int(exponent): coefficient for coefficient, exponent in powers}
    a = terms.pop(1)
    ((m, b),) = terms.items()
    return a, b, m


def _linear(a: Expr, b: Expr, start: Expr) -> Expr:
    """The solution of `ẏ = a y + b` by variation of constants: closed for constants, in quadratures for schedules."""
    s, u = sp.symbols("t' t''", nonnegative=True)
    if not (a.has(_t) or b.has(_t)):
        return tidy(-b / a) + (start - tidy(-b / a)) * sp.exp(a * _t)

    def growth(until: sp.Symbol) -> Expr:
        return sp.exp(Integral(a.subs(_t, u), (u, 0, until)))

    return growth(_t) * (start + Integral(b.subs(_t, s) / growth(s), (s, 0, _t)))


def radius(draft: Draft, setting: Setting, drift: Expr) -> None:
    """Bernoulli's substitution: where `ṙ = a r + b r^m`, `y = r^{1−m}` obeys `ẏ = (1−m)(a y + b)`."""
    a, b, m = _bernoulli(drift)
    power = 1 - m
    solved = _linear(power * a, power * b, n.INITIAL_RADIUS**power)
    path = sp.Function("r", positive=True)(_t)
    by = ("radius_sde", *_trace(setting))
    equation = Eq(path ** abs(power), solved if power > 0 else 1 / solved)
    draft.add(
        "radius_solution",
        "the radius in quadratures" if setting.time_dependent else "the radius in closed form",
        equation,
        f"a Bernoulli equation: linear in r^{power}",
        lambda equation, replay: _solves(equation, drift, replay),
        by,
        equation,
    )
    frozen = " at frozen hyperparameters" if setting.time_dependent else ""
    fixed_point = tidy((-b / a) ** sp.Rational(1, power))
    draft.add(
        "stationary_radius",
        "the stationary radius" + frozen,
        Eq(_r, fixed_point),
        "weight decay and noise balance",
        lambda equation, replay: [
            replay.explicit(drift.subs(_r, equation.rhs)),
            replay.explicit(equation.rhs - sp.Abs(equation.rhs)),
        ],
        by,
        fixed_point,
    )
    rate = sp.simplify(-sp.diff(drift, _r).subs(_r, fixed_point))
    draft.add(
        "relaxation_rate",
        "the fixed point is stable" + frozen,
        Eq(sp.Symbol("rate"), rate),
        "small departures of r decay at −d(dr/dt)/dr, which is positive",
        lambda equation, replay: _decays(equation, drift, fixed_point, replay),
        ("stationary_radius",),
        rate,
    )


def _solves(equation: Eq, drift: Expr, replay: Replay) -> Iterable[Expr]:
    """The residual of the ODE and of the initial condition."""
    power = equation.lhs.exp
    path = equation.rhs ** (1 / power)
    path = path.subs(_tau, replay.noise_trace)
    rate = drift.subs(_tau, replay.noise_trace)
    yield sp.diff(path, _t) - rate.subs(_r, path)
    yield path.subs(_t, 0).doit() - n.INITIAL_RADIUS


def _decays(equation: Eq, drift: Expr, fixed_point: Expr, replay: Replay) -> Iterable[Expr]:
    """The rate against a difference quotient of the drift, which is free of SymPy's derivative."""
    h = sp.Rational(1, 10**16)
    quotient = (drift.subs(_r, fixed_point + h) - drift.subs(_r, fixed_point - h)) / (2 * h)
    yield replay.explicit(equation.rhs + quotient)
    value = replay.evaluate(replay.explicit(equation.rhs))
    yield sp.S.Zero if value > 0 else value - 1


def temperature(draft: Draft, setting: Setting) -> None:
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
    eta, sigma = setting.effective_learning_rate, n.NOISE_SCALE
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
    value = sp.factor(value)
    stationary_elsewhere = setting.protocol == "fixed-lr"
    frozen = " at frozen hyperparameters" if setting.time_dependent else ""
    name = "instantaneous_temperature" if stationary_elsewhere else "temperature"
    draft.add(
        name,
        "the temperature" + (" at a given effective learning rate" if stationary_elsewhere else ""),
        Eq(n.TEMPERATURE, value),
        "the generator −η_eff ∇L·∇f + ½η_eff²σ² Δf equals ½η_eff²σ² e^{L/T} ∇·(e^{−L/T} ∇f) for this T only",
        lambda equation, replay: [replay.fokker_planck(lambda loss: sp.exp(-loss / equation.rhs), eta)],
        ("direction_sde", "noise_trace"),
        value,
    )
    draft.add(
        "stationary_density",
        "the stationary density" + frozen,
        Eq(sp.Function("rho")(n.LOSS) / sp.Function("rho")(0), sp.exp(-n.LOSS / n.TEMPERATURE)),
        "detailed balance: the Gibbs density has no current, whatever the scale-invariant loss",
        lambda equation, replay: [
            replay.fokker_planck(lambda loss: equation.rhs.subs({n.LOSS: loss, n.TEMPERATURE: value}), eta),
            equation.rhs.subs(n.LOSS, 0) - 1,
        ],
        (name,),
        sp.exp(-n.LOSS / n.TEMPERATURE),
    )
    if stationary_elsewhere:
        radius = draft.result["stationary_radius"]
        stationary = tidy(value.subs(eta, setting.step_size / radius**2))
        draft.add(
            "temperature",
            "the stationary temperature" + frozen,
            Eq(n.TEMPERATURE, stationary),
            "the effective learning rate η/r² at the stationary radius",
            lambda equation, replay: [replay.explicit(equation.rhs - setting.step_size * sigma**2 / (2 * radius**2))],
            (name, "effective_learning_rate", "stationary_radius"),
            stationary,
        )


def equation_of_state(draft: Draft, setting: Setting) -> None:
    """`pV = RT` with `p = λ`, `V = r²/2`, `R = (d − 1)/2`."""
    volume = _r**2 / 2
    temperature = draft.result["temperature"]
    if setting.rescales:
        work = draft.result["pressure"] * volume
    else:
        work = setting.weight_decay * volume.subs(_r, draft.result["stationary_radius"])
    constant = tidy(work / temperature)
    equation = Eq(n.PRESSURE * n.VOLUME, constant * n.TEMPERATURE)
    frozen = " at frozen hyperparameters" if setting.time_dependent else ""
    draft.add(
        "equation_of_state",
        "the equation of state" + frozen,
        equation,
        "p is the weight decay, V = r²/2 and R = (d − 1)/2, for every scale-invariant loss",
        lambda equation, replay: [replay.explicit(work - equation.rhs.subs(n.TEMPERATURE, temperature))],
        ("temperature", "pressure" if setting.rescales else "stationary_radius"),
        equation,
    )
