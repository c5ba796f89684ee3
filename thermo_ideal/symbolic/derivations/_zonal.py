"""The zonal reduction: for a loss of the overlap alone, one step of SGD is a step of radius and overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sympy as sp
from sympy import Eq, Expr, IndexedBase, Rational, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess, Polar, TensorSpace
from thermo_ideal.symbolic.derivations._builder import Draft
from thermo_ideal.symbolic.derivations._component_check import VALUES, number, rational_direction
from thermo_ideal.symbolic.derivations._derivation import Check, Derivation
from thermo_ideal.symbolic.derivations._protocol import Setting

_i, _k, _r, _m, _sigma, _d = n.FREE_INDEX, n.NOISE_INDEX, n.RADIUS, n.OVERLAP, n.NOISE_SCALE, n.DIMENSION
_s = sp.Symbol("s", positive=True)  # √(1 − m²)
_a = sp.Symbol("a", real=True)  # the normal number along the gradient
_q = sp.Symbol("q", nonnegative=True)  # the squared length of the noise across it
_next_radius, _next_overlap = sp.Symbol("r'", positive=True), sp.Symbol("m'", real=True)
_tangent, _across = IndexedBase("e"), IndexedBase("b")
_f = sp.Function("f")
_slope = sp.Symbol("f'", real=True)  # f'(m)


class ZonalReplay:
    """One step on an explicit zonal loss in `dimension` components, from a rational point with rational noise.

    Args:
        dimension: the number of weights, at least 2.
        setting: protocol and hyperparameters.
    """

    def __init__(self, dimension: int, setting: Setting) -> None:
        self.dimension = dimension
        unit, pole = sp.Matrix(rational_direction(dimension)), sp.Matrix(rational_direction(dimension, start=1))
        normals = sp.Matrix([Rational(3 * k - 4, k + 2) for k in range(dimension)])
        overlap = (unit.T * pole)[0]
        tangent = (pole - overlap * unit) / sp.sqrt(1 - overlap**2)
        along, radial = (tangent.T * normals)[0], (unit.T * normals)[0]
        across = normals - radial * unit - along * tangent
        self.radius = VALUES[_r]
        self.frame = sp.Matrix.hstack(unit, tangent)
        self.scalars = {
            _m: overlap,
            _s: sp.sqrt(1 - overlap**2),
            _a: along,
            _q: (across.T * across)[0],
            _r: self.radius,
            _slope: sp.diff(self.loss(_m), _m).subs(_m, overlap),
        }
        self.tensors = {n.DIRECTION: unit, n.POLE: pole, n.NORMALS: normals, _tangent: tangent, _across: across}
        eta = setting.step_size.subs(_r, self.radius)
        decay = setting.weight_decay
        self.weights = sp.symbols(f"w1:{dimension + 1}", real=True)
        self._at = dict(zip(self.weights, self.radius * unit, strict=True))
        length = sp.sqrt(sum(x**2 for x in self.weights))
        self.path = sum(x * c for x, c in zip(self.weights, pole, strict=True)) / length
        loss = self.loss(self.path)
        self.gradient = sp.Matrix([sp.diff(loss, x) for x in self.weights]).xreplace(self._at)
        projector = sp.eye(dimension) - unit * unit.T
        batch = self.gradient + _sigma * projector * normals / self.radius
        self.next = (1 - eta * decay) * self.radius * unit - eta * batch
        self.next_radius = sp.sqrt((self.next.T * self.next)[0])
        self.next_overlap = (self.next.T * pole)[0] / self.next_radius
        self.process = ItoProcess(
            self.weights,
            drift=-eta * (self.gradient + decay * self.radius * unit),
            diffusion=eta * _sigma * projector / self.radius,
        )

    @staticmethod
    def loss(overlap: Expr) -> Expr:
        """A cubic `f`, so that nothing holds for linear losses only."""
        return 1 - overlap + overlap**2 / 3 + overlap**3 / 5

    def evaluate(self, residual: Expr) -> Expr:
        """The value of an explicit expression at the rational point, to 40 digits."""
        return number(residual, self._at | VALUES | {_d: sp.Integer(self.dimension)})

    def explicit(self, expression: Expr, component: int = 1) -> Expr:
        """An expression with tensors at the point; the free index becomes `component` (from 1)."""
        expression = sp.sympify(expression).subs({_i: component, _d: self.dimension})
        expression = expression.replace(Sum, lambda *arguments: Sum(*arguments).doit())
        tensors = {t: self.tensors[t.base][int(t.indices[0]) - 1] for t in expression.atoms(sp.Indexed)}
        return expression.xreplace(tensors).xreplace(self.scalars)

    def algebraic(self, equation: Eq) -> Iterator[Expr]:
        """Left minus right."""
        yield self.explicit(equation.lhs - equation.rhs)

    def vector(self, equation: Eq, left: sp.MatrixBase) -> Iterator[Expr]:
        """Explicit components minus the right side."""
        for component in range(self.dimension):
            yield left[component] - self.explicit(equation.rhs, component + 1)


def zonal_chain(protocol: str, dimension: int | None = None) -> Derivation:
    """Derives the exact chain of radius and overlap, for a loss `f(m)` of `m = μ·w̄` and isotropic Gaussian noise.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere" (radius and overlap before the rescaling, which sets r).
        dimension: an explicit `d ≥ 2`, or None.

    Returns:
        A `Derivation`. `result` has "next_radius" and "next_overlap", functions of the radius `r`, the overlap `m`,
        `s = √(1 − m²)`, `a ~ N(0, 1)`, `q ~ χ²` and the slope `f'` at m; "degrees_of_freedom" of `q`;
        "zonal_drift" and "zonal_variance" of the SDE of `m`; and "overlap_density", its stationary density over that at
        `m = 0`.

    Raises:
        ValueError: an unknown protocol, or `dimension < 2`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.zonal_chain("fixed-sphere")
        >>> derivation.result["degrees_of_freedom"]
        d - 2
        >>> derivation.result["zonal_variance"]
        -eta_eff**2*sigma**2*(m - 1)*(m + 1)
        >>> derivation.verify() > 0
        True

    Source: THEORY §3 and §6.
    """
    setting = Setting(protocol)
    draft = Draft()
    _frame(draft)
    _components(draft, setting)
    _diffusion(draft, setting)
    return draft.finish(
        f"The zonal chain of {setting.subject}", lambda explicit: ZonalReplay(explicit, setting), dimension
    )


def _frame(draft: Draft) -> None:
    """Gradient and noise in the frame of the direction, the tangent towards the pole, and the rest."""
    polar = Polar(_d, direction=n.DIRECTION, pole=n.POLE, overlap=_m)
    draft.add(
        "frame",
        "the pole lies in the plane of w̄ and a tangent e",
        Eq(n.POLE[_i], _m * n.DIRECTION[_i] + _s * _tangent[_i]),
        "m = μ·w̄ and s = √(1 − m²): e is what is left of μ, made a unit vector",
        lambda equation, replay: replay.vector(equation, replay.tensors[n.POLE]),
    )
    gradient = polar.gradient(_f(_m), _i).subs(sp.diff(_f(_m), _m), _slope).subs(polar.radius, _r)
    gradient = sp.factor(gradient.subs(n.POLE[_i], _m * n.DIRECTION[_i] + _s * _tangent[_i]))
    draft.add(
        "gradient",
        "the gradient of a zonal loss is along e",
        Eq(n.GRADIENT[_i], gradient),
        "∇f(m) = f'(m)(μ − m w̄)/r",
        lambda equation, replay: replay.vector(equation, replay.gradient),
        ("frame",),
    )
    noise = Sum((sp.KroneckerDelta(_i, _k) - n.DIRECTION[_i] * n.DIRECTION[_k]) * n.NORMALS[_k], (_k, 1, _d))
    draft.add(
        "noise",
        "tangent noise is a along e and b across it",
        Eq(noise, _a * _tangent[_i] + _across[_i]),
        "a = e·ξ and b = (I − w̄w̄ᵀ − eeᵀ) ξ; orthogonal parts of independent normal numbers are independent",
        lambda equation, replay: [
            replay.explicit(equation.lhs - equation.rhs, component + 1) for component in range(replay.dimension)
        ],
        ("frame",),
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

    def rest(i: sp.Symbol, k: sp.Symbol) -> Expr:
        plane = n.DIRECTION[i] * n.DIRECTION[k] + _tangent[i] * _tangent[k]
        return sp.KroneckerDelta(i, k) - plane

    if sp.expand(space.total(lambda j: rest(i, j) * rest(j, k)) - rest(i, k)) != 0:
        raise ArithmeticError("the rest of the space is not a projection")
    degrees = space.total(lambda j: rest(j, j))
    draft.add(
        "degrees_of_freedom",
        "q = |b|² has a χ² law",
        Eq(sp.Symbol("dof"), degrees),
        "q = ξᵀQξ with a projection Q = Q², so χ² with Tr Q degrees of freedom",
        _chi_square,
        ("noise",),
        degrees,
    )


def _chi_square(equation: Eq, replay: ZonalReplay) -> Iterable[Expr]:
    """`Q = I − w̄w̄ᵀ − eeᵀ` in components: a projection, its trace, and the `q` of the replay's noise."""
    Q = sp.eye(replay.dimension) - replay.frame * replay.frame.T
    xi = replay.tensors[n.NORMALS]
    yield from Q * Q - Q
    yield Q.trace() - replay.explicit(equation.rhs)
    yield (xi.T * Q * xi)[0] - replay.scalars[_q]


def _components(draft: Draft, setting: Setting) -> None:
    """The step in the frame, its length and its overlap with the pole."""
    eta, decay = setting.step_size, setting.weight_decay
    par = (1 - eta * decay) * _r
    tan = sp.expand(-eta / _r * (_slope * _s + _sigma * _a))
    perp = -eta * _sigma / _r
    draft.add(
        "step",
        "one step in the frame",
        Eq(n.NEXT_WEIGHTS[_i], par * n.DIRECTION[_i] + tan * _tangent[_i] + perp * _across[_i]),
        "W' = (1 − ηλ)W − η(∇L + σ P ξ/r)" + (", before the rescaling" if setting.rescales else ""),
        lambda equation, replay: replay.vector(equation, replay.next),
        ("gradient", "noise"),
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
    # Held as symbols so that the contraction leaves them whole.
    parts = dict(zip(sp.symbols("par tan perp"), (par, tan, perp), strict=True))
    x, y, z = parts

    def step(i: sp.Symbol) -> Expr:
        return x * n.DIRECTION[i] + y * _tangent[i] + z * _across[i]

    radius = sp.sqrt(space.total(lambda i: step(i) ** 2)).subs(parts)
    overlap = space.total(lambda i: step(i) * (_m * n.DIRECTION[i] + _s * _tangent[i])).subs(parts) / radius
    draft.add(
        "next_radius",
        "the radius after the step",
        Eq(_next_radius, radius),
        "Pythagoras: w̄, e and b are orthogonal",
        lambda equation, replay: [replay.next_radius - replay.explicit(equation.rhs)],
        ("step", "degrees_of_freedom"),
        radius,
    )
    draft.add(
        "next_overlap",
        "the overlap after the step",
        Eq(_next_overlap, overlap),
        "μ·W'/r' with μ in the frame: r and m need nothing else of the weights, so they are a Markov chain",
        lambda equation, replay: [replay.next_overlap - replay.explicit(equation.rhs)],
        ("step", "frame", "next_radius"),
        overlap,
    )


def _diffusion(draft: Draft, setting: Setting) -> None:
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
    effective = {elr: sp.cancel(setting.step_size / _r**2)}

    def itos_lemma(side: int) -> Check:
        def check(equation: Eq, replay: ZonalReplay) -> Iterable[Expr]:
            differential = replay.process.lemma(replay.path)
            explicit = (differential.drift, differential.covariation(differential))[side]
            yield explicit - replay.explicit(equation.rhs.subs(effective))

        return check

    because = "Itô's lemma on μ·w̄ along the direction's SDE; the result is a function of m alone"
    dm, dt = sp.symbols("E[dm] dt")
    claim = "the overlap drifts"
    draft.add("zonal_drift", claim, Eq(dm / dt, drift), because, itos_lemma(0), ("gradient",), drift)
    claim, rate = "and diffuses", sp.Symbol("d[m,m]") / dt
    draft.add("zonal_variance", claim, Eq(rate, variance), because, itos_lemma(1), ("gradient",), variance)
    _small_steps(draft, {"drift": drift, "scatter": variance}, effective)

    temperature = elr * _sigma**2 / 2
    full_drift = drift.subs(_slope, sp.diff(_f(_m), _m))
    density = sp.exp((_f(0) - _f(_m)) / temperature) * (1 - _m**2) ** ((_d - 3) / 2)
    draft.add(
        "overlap_density",
        "the stationary density of the overlap",
        Eq(sp.Function("rho")(_m) / sp.Function("rho")(0), density),
        "it has no probability current: a ρ = ½ (Dρ)', with T = η_eff σ²/2",
        lambda equation, replay: _no_current(equation, replay, full_drift, variance),
        ("zonal_drift", "zonal_variance"),
        density,
    )


def _in_slope(expression: Expr) -> Expr:
    """`α f' + β` with each coefficient factored."""
    expression = sp.expand(expression)
    return sp.factor(expression.coeff(_slope, 1)) * _slope + sp.factor(expression.coeff(_slope, 0))


def _no_current(equation: Eq, replay: ZonalReplay, drift: Expr, variance: Expr) -> Iterable[Expr]:
    """The current of the density, relative to it."""
    rho, drift = (expression.replace(_f, replay.loss).doit() for expression in (equation.rhs, drift))
    current = (drift * rho - sp.diff(variance * rho, _m) / 2) / rho
    for value in (current.subs(_m, replay.scalars[_m]), rho.subs(_m, 0) - 1):
        yield value.subs(_d, replay.dimension)


def _small_steps(draft: Draft, sde: dict[str, Expr], effective: dict[Expr, Expr]) -> None:
    """The chain with drift `h` and noise `√h` times as large (Euler–Maruyama with step h), to first order in h."""
    h = sp.Symbol("h", positive=True)
    root = sp.Symbol("root_h", positive=True)  # √h
    chain = draft.result["next_overlap"]
    shrunk = {rate: root**2 * rate for rate in (n.LEARNING_RATE, n.EFFECTIVE_LEARNING_RATE)} | {_sigma: _sigma / root}
    scaled = chain.subs(shrunk, simultaneous=True).subs(_s, sp.sqrt(1 - _m**2))
    change = sp.series(scaled - _m, root, 0, 3).removeO()

    def mean(expression: Expr) -> Expr:
        """E a = 0, E a² = 1, E q = degrees of freedom, and a is independent of q; nothing higher is of order h."""
        second = sp.expand(expression).coeff(root, 2)
        average = second.coeff(_a, 0) + second.coeff(_a, 2)
        return _in_slope(average.subs(_q, draft.result["degrees_of_freedom"]))

    for name, symbol, power in (("drift", "E[m'-m]", 1), ("scatter", "E[m'-m]^2", 2)):
        draft.add(
            f"small_steps_{name}",
            f"small steps of the chain {name} as the SDE does" if power == 1 else "and scatter as it does",
            Eq(sp.Symbol(symbol) / h, mean(change**power)),
            "the step with η → hη and σ → σ/√h, to first order in h",
            _agrees_with(sde[name].subs(effective)),
            ("next_overlap", "zonal_drift" if power == 1 else "zonal_variance"),
        )


def _agrees_with(rate: Expr) -> Check:
    """A check that the right side is a rate of the SDE."""
    return lambda equation, replay: [replay.explicit(equation.rhs - rate)]
