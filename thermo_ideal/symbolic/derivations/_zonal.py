"""The zonal reduction: for a loss that is a function of the overlap, one step of SGD is one of radius and overlap."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import sympy as sp
from sympy import Eq, Expr, IndexedBase, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess, Polar, TensorSpace
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.derivations._component_check import PointCheck, on_sphere
from thermo_ideal.symbolic.derivations._derivation import Check, Derivation
from thermo_ideal.symbolic.derivations._protocol import ProtocolLike, SGDModel
from thermo_ideal.symbolic.derivations._random_point import RandomPoint

_i, _k, _r, _m, _sigma, _d = n.FREE_INDEX, n.NOISE_INDEX, n.RADIUS, n.OVERLAP, n.NOISE_SCALE, n.DIMENSION
_s = sp.Symbol("s", positive=True)  # √(1 − m²)
_a = sp.Symbol("a", real=True)  # the component of the noise along e
_q = sp.Symbol("q", nonnegative=True)  # the squared length of the noise orthogonal to w̄ and e
_next_radius, _next_overlap = sp.Symbol("r'", positive=True), sp.Symbol("m'", real=True)
_tangent, _across = IndexedBase("e"), IndexedBase("b")
_f = sp.Function("f")
_slope = sp.Symbol("f'", real=True)  # f'(m)


class ZonalComponentCheck(PointCheck):
    """One step on an explicit zonal loss in `dimension` components, at a rational point with rational noise.

    Args:
        sgd: protocol and hyperparameters.
        dimension: the number of weights, at least 2.
        number: the number of the random point.
    """

    def __init__(self, sgd: SGDModel, dimension: int, number: int = 0) -> None:
        point = RandomPoint(dimension, number)
        unit, pole = (sp.Matrix(on_sphere(point.vector(dimension - 1))) for _ in range(2))
        normals, radius = sp.Matrix(point.vector(dimension)), point.values[_r]
        overlap = (unit.T * pole)[0]
        tangent = (pole - overlap * unit) / sp.sqrt(1 - overlap**2)
        along, radial = (tangent.T * normals)[0], (unit.T * normals)[0]
        across = normals - radial * unit - along * tangent
        weights = sp.symbols(f"w1:{dimension + 1}", real=True)
        self.path = sum(x * c for x, c in zip(weights, pole, strict=True)) / sp.sqrt(sum(x**2 for x in weights))
        loss, at = self.loss(self.path), dict(zip(weights, radius * unit, strict=True))
        gradient = sp.Matrix([sp.diff(loss, x) for x in weights]).xreplace(at)
        tensors = {
            n.WEIGHTS: radius * unit,
            n.DIRECTION: unit,
            n.POLE: pole,
            n.GRADIENT: gradient,
            n.NORMALS: normals,
            _tangent: tangent,
            _across: across,
        }
        scalars = {
            _m: overlap,
            _s: sp.sqrt(1 - overlap**2),
            _a: along,
            _q: (across.T * across)[0],
            _r: radius,
            _slope: sp.diff(self.loss(_m), _m).subs(_m, overlap),
        }
        super().__init__(point, weights, list(radius * unit), tensors, scalars)
        self.frame = sp.Matrix.hstack(unit, tangent)
        eta, decay = sgd.step_size.subs(_r, radius), sgd.weight_decay
        projector = sp.eye(dimension) - unit * unit.T
        batch = gradient + _sigma * projector * normals / radius
        self.next = (1 - eta * decay) * radius * unit - eta * batch
        self.next_radius = sp.sqrt((self.next.T * self.next)[0])
        self.next_overlap = (self.next.T * pole)[0] / self.next_radius
        self.process = ItoProcess(
            weights,
            drift=-eta * (gradient + decay * radius * unit),
            diffusion=eta * _sigma * projector / radius,
        )

    @staticmethod
    def loss(overlap: Expr) -> Expr:
        """A cubic `f`: what holds only for linear losses fails."""
        return 1 - overlap + overlap**2 / 3 + overlap**3 / 5


def zonal_chain(protocol: ProtocolLike, dimension: int | None = None) -> Derivation:
    """Derives the exact Markov chain of radius and overlap for a loss `f(m)` of `m = μ·w̄` and isotropic noise.

    The noise is Gaussian. With `s = √(1 − m²)`, `a ~ N(0, 1)` and `q ~ χ²_{d−2}`, one step with learning rate `η` makes

    `r' = √(x² + y² + (ησ/r)² q)` and `m' = (m x + s y)/r'`, where `x = (1 − ηλ) r`, `y = −(η/r)(f'(m) s + σ a)`.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere", or a protocol of `thermo_ideal.dynamics` (on the sphere
            radius and overlap are those before the rescaling, which sets r).
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.

    Returns:
        A `Derivation`. `result` has "next_radius" and "next_overlap", functions of the radius `r`, the overlap `m`,
        `s = √(1 − m²)`, `a ~ N(0, 1)`, `q ~ χ²` and the slope `f'` at m; "degrees_of_freedom" of `q`;
        "zonal_drift" and "zonal_variance" of the SDE of `m`; and "overlap_density", its stationary density over that at
        `m = 0`.

    Raises:
        ValueError: the protocol is unknown, or `dimension < 2`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.zonal_chain("fixed-sphere")
        >>> derivation.result["degrees_of_freedom"]
        d - 2
        >>> derivation.result["zonal_variance"]
        -eta_eff**2*sigma**2*(m - 1)*(m + 1)
        >>> derivation.verify() > 0
        True

    Source: the SDE of the direction is that of arXiv 2511.07308; the chain is derived here.
    """
    sgd = SGDModel(protocol)
    builder = Builder(partial(zonal_chain, sgd.protocol, dimension))
    _frame(builder, sgd)
    _components(builder, sgd)
    _diffusion(builder, sgd)
    return builder.finish(f"The zonal chain of {sgd.subject}", partial(ZonalComponentCheck, sgd), dimension)


def _frame(builder: Builder, sgd: SGDModel) -> None:
    """Gradient and noise in components along the direction, along the tangent `e`, and orthogonal to both."""
    polar = Polar(_d, direction=n.DIRECTION, pole=n.POLE, overlap=_m)
    noise = Sum((sp.KroneckerDelta(_i, _k) - n.DIRECTION[_i] * n.DIRECTION[_k]) * n.NORMALS[_k], (_k, 1, _d))
    eta, decay = sgd.step_size, sgd.weight_decay
    builder.add(
        "sgd_step",
        "one step of SGD" + (", before the weights are rescaled" if sgd.fixes_radius else ""),
        Eq(n.NEXT_WEIGHTS[_i], (1 - eta * decay) * n.WEIGHTS[_i] - eta * (n.GRADIENT[_i] + _sigma * noise / _r)),
        f"{sgd.step}; the loss is a function of μ·w̄, and the gradient noise is isotropic and Gaussian: ξ are "
        "independent standard normal numbers",
        lambda equation, case: case.vector(equation, case.next),
        kind="assumption",
    )
    builder.add(
        "frame",
        "the pole lies in the plane of w̄ and a unit tangent vector e",
        Eq(n.POLE[_i], _m * n.DIRECTION[_i] + _s * _tangent[_i]),
        "m = μ·w̄, s = √(1 − m²), and e is the component of μ orthogonal to w̄, normalised",
        kind="numeric check",
    )
    gradient = polar.gradient(_f(_m), _i).subs(sp.diff(_f(_m), _m), _slope).subs(polar.radius, _r)
    gradient = sp.factor(gradient.subs(n.POLE[_i], _m * n.DIRECTION[_i] + _s * _tangent[_i]))
    builder.add(
        "gradient",
        "the gradient of a zonal loss is along e",
        Eq(n.GRADIENT[_i], gradient),
        "∇f(m) = f'(m)(μ − m w̄)/r",
        uses=("sgd_step", "frame"),
    )
    builder.add(
        "noise",
        "tangent noise has a component a along e and a part b orthogonal to it",
        Eq(noise, _a * _tangent[_i] + _across[_i]),
        "a = e·ξ and b = (I − w̄w̄ᵀ − eeᵀ) ξ; orthogonal projections of independent normal numbers are independent",
        uses=("sgd_step", "frame"),
        kind="numeric check",
    )
    space = TensorSpace(
        _d,
        products={
            (n.DIRECTION, n.DIRECTION): lambda: sp.S.One,
            (_tangent, _tangent): lambda: sp.S.One,
            (n.DIRECTION, _tangent): lambda: sp.S.Zero,
        },
    )
    i, k = sp.symbols("i k", integer=True)

    def projection(i: sp.Symbol, k: sp.Symbol) -> Expr:
        plane = n.DIRECTION[i] * n.DIRECTION[k] + _tangent[i] * _tangent[k]
        return sp.KroneckerDelta(i, k) - plane

    if sp.expand(space.total(lambda j: projection(i, j) * projection(j, k)) - projection(i, k)) != 0:
        raise ArithmeticError("I − w̄w̄ᵀ − eeᵀ is not a projection")
    degrees = space.total(lambda j: projection(j, j))
    builder.add(
        "degrees_of_freedom",
        "q = |b|² has a χ² distribution",
        Eq(sp.Symbol("dof"), degrees),
        "q = ξᵀQξ with the projection Q = I − w̄w̄ᵀ − eeᵀ, so q has Tr Q degrees of freedom",
        _chi_square,
        ("noise",),
        degrees,
    )


def _chi_square(equation: Eq, case: ZonalComponentCheck) -> Iterable[Expr]:
    """`Q = I − w̄w̄ᵀ − eeᵀ` in components: that it is a projection, its trace, and `q = ξᵀQξ`."""
    Q = sp.eye(case.dimension) - case.frame * case.frame.T
    xi = case.tensors[n.NORMALS]
    yield from Q * Q - Q
    yield Q.trace() - case.explicit(equation.rhs)
    yield (xi.T * Q * xi)[0] - case.scalars[_q]


def _components(builder: Builder, sgd: SGDModel) -> None:
    """The step in the frame of w̄ and e, its length, and its overlap with the pole."""
    eta, decay = sgd.step_size, sgd.weight_decay
    par = (1 - eta * decay) * _r
    tan = sp.expand(-eta / _r * (_slope * _s + _sigma * _a))
    perp = -eta * _sigma / _r
    builder.add(
        "step",
        "one step in the frame of w̄ and e",
        Eq(n.NEXT_WEIGHTS[_i], par * n.DIRECTION[_i] + tan * _tangent[_i] + perp * _across[_i]),
        "W' = (1 − ηλ)W − η(∇L + σ P ξ/r)" + (", before the rescaling" if sgd.fixes_radius else ""),
        lambda equation, case: case.vector(equation, case.next),
        ("sgd_step", "gradient", "noise"),
        kind="numeric check",
    )
    space = TensorSpace(
        _d,
        products={
            (n.DIRECTION, n.DIRECTION): lambda: sp.S.One,
            (_tangent, _tangent): lambda: sp.S.One,
            (_across, _across): lambda: _q,
            (n.DIRECTION, _tangent): lambda: sp.S.Zero,
            (n.DIRECTION, _across): lambda: sp.S.Zero,
            (_tangent, _across): lambda: sp.S.Zero,
        },
    )
    # The coefficients are symbols so that the contraction does not expand them.
    parts = dict(zip(sp.symbols("par tan perp"), (par, tan, perp), strict=True))
    x, y, z = parts

    def step(i: sp.Symbol) -> Expr:
        return x * n.DIRECTION[i] + y * _tangent[i] + z * _across[i]

    radius = sp.sqrt(space.total(lambda i: step(i) ** 2)).subs(parts)
    overlap = space.total(lambda i: step(i) * (_m * n.DIRECTION[i] + _s * _tangent[i])).subs(parts) / radius
    builder.add(
        "next_radius",
        "the radius after the step",
        Eq(_next_radius, radius),
        "w̄, e and b are orthogonal, so their squared lengths add up",
        lambda equation, case: [case.next_radius - case.explicit(equation.rhs)],
        ("step", "degrees_of_freedom"),
        radius,
    )
    builder.add(
        "next_overlap",
        "the overlap after the step",
        Eq(_next_overlap, overlap),
        "it is μ·W'/r'; the next r and m depend on the weights only through r and m, so they are a Markov chain",
        lambda equation, case: [case.next_overlap - case.explicit(equation.rhs)],
        ("step", "frame", "next_radius"),
        overlap,
    )


def _diffusion(builder: Builder, sgd: SGDModel) -> None:
    """The SDE of `m` from that of the direction, from the chain, and its stationary density."""
    elr = n.EFFECTIVE_LEARNING_RATE
    polar = Polar(_d, direction=n.DIRECTION, pole=n.POLE, overlap=_m)
    direction = ItoProcess(
        polar.space,
        drift=lambda i: (
            -elr * _slope * (n.POLE[i] - _m * n.DIRECTION[i]) - elr**2 * _sigma**2 * (_d - 1) / 2 * n.DIRECTION[i]
        ),
        diffusion=lambda i, k: elr * _sigma * polar.projector(i, k),
    )
    zonal = direction.transform({_m: _m}, inverse={polar.radius: 1})
    drift, variance = _in_slope(zonal.drift[0]), sp.factor(zonal.covariance(0, 0))
    effective = {elr: sp.cancel(sgd.step_size / _r**2)}

    def itos_lemma(side: int) -> Check:
        def check(equation: Eq, case: ZonalComponentCheck) -> Iterable[Expr]:
            differential = case.process.lemma(case.path)
            explicit = (differential.drift, differential.covariation(differential))[side]
            yield explicit - case.explicit(equation.rhs.subs(effective))

        return check

    because = "Itô's lemma on μ·w̄ for the SDE of the direction; the result is a function of m alone"
    dm, dt = sp.symbols("E[dm] dt")
    claim = "the drift of the overlap"
    builder.add("zonal_drift", claim, Eq(dm / dt, drift), because, itos_lemma(0), ("gradient",), drift)
    claim, rate = "the rate of the quadratic variation of the overlap", sp.Symbol("d[m,m]") / dt
    builder.add("zonal_variance", claim, Eq(rate, variance), because, itos_lemma(1), ("gradient",), variance)
    _small_steps(builder, {"drift": drift, "scatter": variance}, effective)

    temperature = elr * _sigma**2 / 2
    full_drift = drift.subs(_slope, sp.diff(_f(_m), _m))
    density = sp.exp((_f(0) - _f(_m)) / temperature) * (1 - _m**2) ** ((_d - 3) / 2)
    builder.add(
        "overlap_density",
        "the stationary density of the overlap",
        Eq(sp.Function("rho")(_m) / sp.Function("rho")(0), density),
        "its probability current vanishes: a ρ = ½ (Dρ)' with drift a and squared diffusion D",
        lambda equation, case: _no_current(equation, case, full_drift, variance),
        ("zonal_drift", "zonal_variance"),
        density,
        "numeric check",
    )


def _in_slope(expression: Expr) -> Expr:
    """`α f' + β` with factored coefficients."""
    expression = sp.expand(expression)
    return sp.factor(expression.coeff(_slope, 1)) * _slope + sp.factor(expression.coeff(_slope, 0))


def _no_current(equation: Eq, case: ZonalComponentCheck, drift: Expr, variance: Expr) -> Iterable[Expr]:
    """The probability current over the density, and the density at `m = 0`."""
    rho, drift = (expression.replace(_f, case.loss).doit() for expression in (equation.rhs, drift))
    current = (drift * rho - sp.diff(variance * rho, _m) / 2) / rho
    for value in (current.subs(_m, case.scalars[_m]), rho.subs(_m, 0) - 1):
        yield value.subs(_d, case.dimension)


def _small_steps(builder: Builder, sde: dict[str, Expr], effective: dict[Expr, Expr]) -> None:
    """The chain with `h` times the drift and `√h` times the noise (Euler–Maruyama with step h), to first order in h."""
    h = sp.Symbol("h", positive=True)
    root = sp.Symbol("root_h", positive=True)  # √h
    chain = builder.result["next_overlap"]
    shrunk = {rate: root**2 * rate for rate in (n.LEARNING_RATE, n.EFFECTIVE_LEARNING_RATE)} | {_sigma: _sigma / root}
    scaled = chain.subs(shrunk, simultaneous=True).subs(_s, sp.sqrt(1 - _m**2))
    change = sp.series(scaled - _m, root, 0, 3).removeO()

    def mean(expression: Expr) -> Expr:
        """E a = 0, E a² = 1, E q = degrees of freedom, and a is independent of q; nothing higher is of order h."""
        second = sp.expand(expression).coeff(root, 2)
        average = second.coeff(_a, 0) + second.coeff(_a, 2)
        return _in_slope(average.subs(_q, builder.result["degrees_of_freedom"]))

    for name, moment, symbol, power in (("drift", "mean", "E[m'-m]", 1), ("scatter", "mean square", "E[m'-m]^2", 2)):
        builder.add(
            f"small_steps_{name}",
            f"the {moment} of the change of the overlap in a small step is that of the SDE",
            Eq(sp.Symbol(symbol) / h, mean(change**power)),
            "the step with learning rate hη and noise σ/√h, to first order in h",
            _agrees_with(sde[name].subs(effective)),
            ("next_overlap", "zonal_drift" if power == 1 else "zonal_variance"),
        )


def _agrees_with(rate: Expr) -> Check:
    """A check that the right side is a rate of the SDE."""
    return lambda equation, case: [case.explicit(equation.rhs - rate)]
