"""Stationary radius, pressure, temperature and equation of state, from the SDEs of radius and direction."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy import Eq, Expr, IndexedBase, Integral, KroneckerDelta

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess, TensorSpace
from thermo_ideal.symbolic.derivations._builder import Builder, simplify_positive
from thermo_ideal.symbolic.derivations._component_check import ComponentCheck
from thermo_ideal.symbolic.derivations._protocol import SGDModel
from thermo_ideal.symbolic.derivations._scale_invariance import matrix_components

_r, _tau, _t = n.RADIUS, n.NOISE_TRACE, n.TIME


def isotropic(builder: Builder, drift: Expr) -> Expr:
    """`Tr Σ_w̄ = σ²(d − 1)` by contraction of the projector; returns the drift of the radius with it."""
    x = n.DIRECTION
    space = TensorSpace(n.DIMENSION, products={(x, x): lambda: sp.S.One})

    def root(i: sp.Symbol, k: sp.Symbol) -> Expr:
        return n.NOISE_SCALE * (KroneckerDelta(i, k) - x[i] * x[k])

    builder.add(
        "isotropic_noise",
        "the gradient noise has the same variance along every tangent",
        Eq(n.DIRECTION_NOISE_ROOT[n.FREE_INDEX, n.NOISE_INDEX], root(n.FREE_INDEX, n.NOISE_INDEX)),
        "the model of isotropic noise, Σ_w̄ = σ²(I − w̄w̄ᵀ), whose square root is σ(I − w̄w̄ᵀ)",
        matrix_components,
        kind="assumption",
    )
    trace = sp.factor(space.total(lambda i: space.total(lambda k: root(i, k) * root(i, k))))
    builder.add(
        "noise_trace",
        "the trace of the covariance of isotropic noise",
        Eq(_tau, trace),
        "Σ_w̄ = σ²(I − w̄w̄ᵀ), and the trace of I − w̄w̄ᵀ is d − 1",
        uses=("isotropic_noise",),
    )
    return drift.subs(_tau, trace)


def _trace(sgd: SGDModel) -> tuple[str, ...]:
    return ("noise_trace",) if sgd.isotropic else ()


def pressure(builder: Builder, sgd: SGDModel, drift: Expr) -> None:
    """The weight decay that would keep the radius as the rescaling does."""
    elr = sgd.effective_learning_rate
    pressure = sp.factor(drift / (elr * _r**3))
    builder.add(
        "pressure",
        "the pressure on the sphere",
        Eq(n.PRESSURE, pressure),
        "a weight decay p would reduce the radius at the rate η_eff r³ p; it equals the rate at which steps increase r",
        lambda equation, case: [case.process.lemma(case.radius).drift - case.explicit(elr * _r**3 * equation.rhs)],
        ("growth", *_trace(sgd)),
        pressure,
    )
    if "radius" in sgd.time_dependent:
        path = sgd.sphere_radius
        decay = sp.expand((pressure - sp.diff(path, _t) / (elr * _r**3)).subs(_r, path))
        builder.add(
            "effective_weight_decay",
            "the weight decay that would change the radius in the same way",
            Eq(n.WEIGHT_DECAY, decay),
            "the rate at which steps increase r, less η_eff r³ λ, is the prescribed rate dr/dt",
            lambda equation, case: [case.explicit(drift - elr * _r**3 * equation.rhs - sp.diff(path, _t))],
            ("growth", "pressure", "radius_sde"),
            decay,
        )


def _bernoulli(drift: Expr) -> tuple[Expr, Expr, int]:
    """The coefficients `a`, `b` and the exponent `m` of `ṙ = a r + b r^m`."""
    powers = (sp.factor(term).as_coeff_exponent(_r) for term in sp.Add.make_args(drift))
    terms = {int(exponent): coefficient for coefficient, exponent in powers}
    a = terms.pop(1)
    ((m, b),) = terms.items()
    return a, b, m


def _linear(a: Expr, b: Expr, start: Expr) -> Expr:
    """The solution of `ẏ = a y + b` by variation of constants; with integrals where a or b depends on time."""
    s, u = sp.symbols("t' t''", nonnegative=True)
    if not (a.has(_t) or b.has(_t)):
        return simplify_positive(-b / a) + (start - simplify_positive(-b / a)) * sp.exp(a * _t)

    def growth(until: sp.Symbol) -> Expr:
        return sp.exp(Integral(a.subs(_t, u), (u, 0, until)))

    return growth(_t) * (start + Integral(b.subs(_t, s) / growth(s), (s, 0, _t)))


def radius(builder: Builder, sgd: SGDModel, drift: Expr) -> None:
    """Solution and stationary radius by Bernoulli's substitution: `y = r^{1−m}` obeys `ẏ = (1−m)(a y + b)`."""
    a, b, m = _bernoulli(drift)
    power = 1 - m
    solved = _linear(power * a, power * b, n.INITIAL_RADIUS**power)
    path = sp.Function("r", positive=True)(_t)
    by = ("radius_sde", *_trace(sgd))
    equation = Eq(path ** abs(power), solved if power > 0 else 1 / solved)
    builder.add(
        "radius_solution",
        "the radius as a function of time" + (", with integrals over the schedules" if sgd.time_dependent else ""),
        equation,
        f"the ODE of r is a Bernoulli equation, so that of r^{power} is linear",
        lambda equation, case: _solves(equation, drift, case),
        by,
        equation,
    )
    fixed_point = simplify_positive((-b / a) ** sp.Rational(1, power))
    builder.add(
        "stationary_radius",
        "the stationary radius" + sgd.frozen,
        Eq(_r, fixed_point),
        "the drift of the radius is 0: weight decay and noise balance",
        lambda equation, case: [
            case.explicit(drift.subs(_r, equation.rhs)),
            case.explicit(equation.rhs - sp.Abs(equation.rhs)),
        ],
        by,
        fixed_point,
    )
    rate = sp.simplify(-sp.diff(drift, _r).subs(_r, fixed_point))
    builder.add(
        "relaxation_rate",
        "the fixed point is stable" + sgd.frozen,
        Eq(sp.Symbol("rate"), rate),
        "small departures of r decay at the rate −d(dr/dt)/dr, which is positive",
        lambda equation, case: _decays(equation, drift, fixed_point, case),
        ("stationary_radius",),
        rate,
    )


def _solves(equation: Eq, drift: Expr, case: ComponentCheck) -> Iterable[Expr]:
    """The residuals of the ODE and of the initial condition."""
    power = equation.lhs.exp
    path = equation.rhs ** (1 / power)
    path = path.subs(_tau, case.noise_trace)
    rate = drift.subs(_tau, case.noise_trace)
    yield sp.diff(path, _t) - rate.subs(_r, path)
    yield path.subs(_t, 0).doit() - n.INITIAL_RADIUS


def _decays(equation: Eq, drift: Expr, fixed_point: Expr, case: ComponentCheck) -> Iterable[Expr]:
    """The rate plus a difference quotient of the drift, which does not use SymPy's derivative; and its sign."""
    h = sp.Rational(1, 10**16)
    quotient = (drift.subs(_r, fixed_point + h) - drift.subs(_r, fixed_point - h)) / (2 * h)
    yield case.explicit(equation.rhs + quotient)
    value = case.evaluate(case.explicit(equation.rhs))
    yield sp.S.Zero if value > 0 else value - 1


def temperature(builder: Builder, sgd: SGDModel) -> None:
    """The temperature at which the generator of the direction is in detailed balance with `exp(−L/T)`."""
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
    eta, sigma = sgd.effective_learning_rate, n.NOISE_SCALE
    trace = sigma**2 * (n.DIMENSION - 1)
    generator = ItoProcess(
        space,
        drift=lambda i: -eta * g[i] - eta**2 * trace / 2 * x[i],
        diffusion=lambda i, k: eta * sigma * (KroneckerDelta(i, k) - x[i] * x[k]),
        time=n.TIME,
    ).generator(sp.Symbol("f"))
    gibbs = sp.exp(-n.LOSS / temperature)
    reversible = sp.expand(space.total(lambda i: space.partial(gibbs * first[i], i)) / gibbs)
    diffusivity = sp.expand(generator).coeff(laplacian) / reversible.coeff(laplacian)
    (value,) = sp.solve(sp.expand(generator - diffusivity * reversible).coeff(overlap), temperature)
    value = sp.factor(value)
    stationary_elsewhere = sgd.fixes_learning_rate
    name = "instantaneous_temperature" if stationary_elsewhere else "temperature"
    builder.add(
        name,
        "the temperature" + (" at a given effective learning rate" if stationary_elsewhere else ""),
        Eq(n.TEMPERATURE, value),
        "the generator −η_eff ∇L·∇f + ½η_eff²σ² Δ_S f equals ½η_eff²σ² e^{L/T} ∇·(e^{−L/T} ∇f) for this T only",
        lambda equation, case: [case.fokker_planck(lambda loss: sp.exp(-loss / equation.rhs), eta)],
        ("direction_sde", "laplacian", "reference_measure"),
        value,
    )
    builder.add(
        "stationary_density",
        "the stationary density" + sgd.frozen,
        Eq(sp.Function("rho")(n.LOSS) / sp.Function("rho")(0), sp.exp(-n.LOSS / n.TEMPERATURE)),
        "detailed balance: the Gibbs density has no probability current, for every scale-invariant loss",
        lambda equation, case: [
            case.fokker_planck(lambda loss: equation.rhs.subs({n.LOSS: loss, n.TEMPERATURE: value}), eta),
            equation.rhs.subs(n.LOSS, 0) - 1,
        ],
        (name,),
        sp.exp(-n.LOSS / n.TEMPERATURE),
    )
    if stationary_elsewhere:
        radius = builder.result["stationary_radius"]
        stationary = simplify_positive(value.subs(eta, sgd.step_size / radius**2))
        builder.add(
            "temperature",
            "the stationary temperature" + sgd.frozen,
            Eq(n.TEMPERATURE, stationary),
            "the effective learning rate is η/r² at the stationary radius",
            lambda equation, case: [case.explicit(equation.rhs - sgd.step_size * sigma**2 / (2 * radius**2))],
            (name, "effective_learning_rate", "stationary_radius"),
            stationary,
        )


def equation_of_state(builder: Builder, sgd: SGDModel) -> None:
    """`pV = RT` with `p = λ`, `V = r²/2`, `R = (d − 1)/2`."""
    volume = _r**2 / 2
    temperature = builder.result["temperature"]
    if sgd.fixes_radius:
        work = builder.result["pressure"] * volume
    else:
        work = sgd.weight_decay * volume.subs(_r, builder.result["stationary_radius"])
    constant = simplify_positive(work / temperature)
    equation = Eq(n.PRESSURE * n.VOLUME, constant * n.TEMPERATURE)
    builder.add(
        "equation_of_state",
        "the equation of state" + sgd.frozen,
        equation,
        "p is the weight decay, V = r²/2 and R = (d − 1)/2; the loss may be any scale-invariant one",
        lambda equation, case: [case.explicit(work - equation.rhs.subs(n.TEMPERATURE, temperature))],
        ("temperature", "pressure" if sgd.fixes_radius else "stationary_radius"),
        equation,
    )
