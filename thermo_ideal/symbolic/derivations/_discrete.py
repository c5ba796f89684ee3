"""SGD in discrete time: the exact second moment of the radius after one step, its balance, and the SDE's departure."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy import Eq, Expr, IndexedBase, Sum, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import TensorSpace
from thermo_ideal.symbolic.derivations._builder import Draft
from thermo_ideal.symbolic.derivations._component_check import Replay
from thermo_ideal.symbolic.derivations._derivation import Derivation
from thermo_ideal.symbolic.derivations._protocol import Setting

_i, _k, _r, _tau, _G = n.FREE_INDEX, n.NOISE_INDEX, n.RADIUS, n.NOISE_TRACE, n.GRADIENT_NORM
_mean_square = sp.Symbol("E r'^2", positive=True)
_forces = _G**2 + _tau
# The larger learning rates of the replay have no balance: a step adds more than any weight decay takes.
_small = {n.LEARNING_RATE: sp.Rational(1, 60), n.EFFECTIVE_LEARNING_RATE: sp.Rational(1, 70)}


def discrete_radius(protocol: str, dimension: int | None = None, order: int = 3) -> Derivation:
    """Derives the exact mean square of the radius after one step of SGD, and where it balances.

    Nothing is assumed of the loss but scale invariance, or of the noise but its trace `τ = Tr Σ_w̄`; `|ḡ|` is
    `|∇L(w̄)|`.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".
        dimension: an explicit `d ≥ 2`, or None.
        order: how many terms the series of the balance in the learning rate has.

    Returns:
        A `Derivation`. `result` has "second_moment"; "excess", what one step adds to `E r²` beyond the SDE; "balance",
        `r²` where the second moment stands still, if it does (fixed learning rate: `ηλ < 2`; fixed effective learning
        rate: `η_eff²(|ḡ|² + τ) < 1`; on the sphere: the pressure, always);
        and "series", that over the SDE's as a series in the learning rate.

    Raises:
        ValueError: an unknown protocol, `dimension < 2` or `order < 1`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> derivation = symbolic.discrete_radius("fixed-lr")
        >>> derivation.result["balance"]
        sqrt(eta)*sqrt(tau + |gbar|**2)*sqrt(1/(-eta*lambda**2 + 2*lambda))
        >>> derivation.verify() > 0
        True

    Source: THEORY §6.
    """
    setting = Setting(protocol, isotropic=False)
    if order < 1:
        raise ValueError(f"order: got {order}, expected how many terms the series shall have, 1 or more")
    draft = Draft()
    step = _one_step(draft, setting)
    moment = _second_moment(draft, setting, step)
    _excess(draft, setting, moment)
    balance = _balance(draft, setting, moment)
    _series(draft, setting, moment, balance, order)
    return draft.finish(f"One step of {setting.subject}", setting.replay, dimension)


def _one_step(draft: Draft, setting: Setting) -> Expr:
    """`W'` as a function of the free index."""
    eta, decay = setting.step_size, setting.weight_decay
    noise = Sum(n.NOISE_ROOT[_i, _k] * n.NORMALS[_k], (_k, 1, n.DIMENSION))
    step = (1 - eta * decay) * n.WEIGHTS[_i] - eta * (n.GRADIENT[_i] + noise)
    draft.add(
        "step",
        "one step of SGD" + (", before the weights are rescaled" if setting.rescales else ""),
        Eq(n.NEXT_WEIGHTS[_i], step),
        "the gradient of a batch is ∇L + Σ_W^{1/2} ξ with independent ξ of mean 0 and variance 1",
        lambda equation, replay: replay.vector(
            equation, replay.tensors[n.WEIGHTS] - replay.step_size * replay.noisy_gradient()
        ),
    )
    return step


def _second_moment(draft: Draft, setting: Setting, step: Expr) -> Expr:
    """`E|W'|²` by contraction: the mean's square, and the trace of the noise."""
    w, g, root, covariance = n.WEIGHTS, n.GRADIENT, n.NOISE_ROOT, IndexedBase("Sigma")
    space = TensorSpace(
        n.DIMENSION,
        products={
            (w, w): lambda: _r**2,
            (w, g): lambda: sp.S.Zero,
            (g, g): lambda: _G**2 / _r**2,
            (root, root): lambda i, j: covariance[i, j],
            (covariance,): lambda: _tau / _r**2,
        },
    )
    mean = step.replace(Sum, lambda *_: sp.S.Zero)
    noise = setting.step_size * root[_i, _k]
    square = space.total(lambda i: mean.subs(_i, i) ** 2)
    spread = space.total(lambda i: space.total(lambda k: noise.subs({_i: i, _k: k}) ** 2))
    shrunk = (1 - setting.step_size * setting.weight_decay) ** 2 * _r**2
    moment = shrunk + sp.factor(sp.expand(square + spread - shrunk))
    draft.add(
        "second_moment",
        "the mean square of the radius after a step",
        Eq(_mean_square, moment),
        "W·∇L = 0 and W·Σ_W^{1/2} = 0 leave the squares: of the weights, of the gradient, of the noise",
        lambda equation, replay: [_explicit_moment(replay) - replay.explicit(equation.rhs)],
        ("step",),
        moment,
    )
    return moment


def _explicit_moment(replay: Replay) -> Expr:
    """`|E W'|² + Tr Cov W'` in components."""
    eta = replay.step_size
    weights, gradient, root = (replay.tensors[key] for key in (n.WEIGHTS, n.GRADIENT, n.NOISE_ROOT))
    mean = weights - eta * (gradient + replay.weight_decay * weights)
    return (mean.T * mean)[0] + (eta**2 * root * root.T).trace()


def _excess(draft: Draft, setting: Setting, moment: Expr) -> None:
    """What the SDE, which moves `r²` by its drift in a unit of time to first order, leaves out."""
    eta, decay = setting.step_size, setting.weight_decay
    drift = -2 * eta * decay * _r**2 + eta**2 * _tau / _r**2
    excess = sp.factor(sp.expand(moment - _r**2 - drift))

    def check(equation: Eq, replay: Replay) -> Iterable[Expr]:
        square = replay.process.generator(replay.radius**2)
        yield _explicit_moment(replay) - replay.explicit(_r**2) - square - replay.explicit(equation.rhs)

    draft.add(
        "excess",
        "what a step adds beyond the SDE",
        Eq(_mean_square - _r**2 - sp.Symbol("E dr^2/dt"), excess),
        "Itô's lemma on |W|² has the noise and the cross term of decay; the squares of drift and decay are of order η²",
        check,
        ("second_moment",),
        excess,
    )


def _balance(draft: Draft, setting: Setting, moment: Expr) -> Expr:
    """The `r²` at which `E r'² = r²`; on the sphere, the weight decay that undoes a step."""
    elr, decay = n.EFFECTIVE_LEARNING_RATE, n.WEIGHT_DECAY
    if setting.protocol == "fixed-lr":
        fourth = Symbol("r^4", positive=True)
        (solution,) = sp.solve(_balances(setting, moment, sp.sqrt(fourth)), fourth)
        above, below = (sp.expand(-part) for part in sp.fraction(solution))
        left, balance = _r**2, sp.sqrt(sp.factor(above) / below)
        because = "r⁴ is the unknown of a linear equation; it exists while ηλ < 2"
    elif setting.protocol == "fixed-elr":
        left, balance = _r**2, (1 - sp.sqrt(1 - elr**2 * _forces)) / (elr * decay)
        because = (
            "(1 − η_eff λ r²)² = 1 − η_eff²(|ḡ|² + τ), and the root that small steps tend to; "
            "it exists while η_eff²(|ḡ|² + τ) < 1, beyond which every step adds more than weight decay takes"
        )
    else:
        left, balance = n.PRESSURE, (sp.sqrt(1 + elr**2 * _forces) - 1) / (elr * _r**2)
        because = "(√(E r'²) − r)/(η_eff r³) is what rescaling takes away; E|W'| is less by Var|W'|/2r"

    def check(equation: Eq, replay: Replay) -> Iterable[Expr]:
        value = equation.rhs.subs(_small)
        yield replay.explicit(_balances(setting, moment, equation.rhs).subs(_small))
        yield replay.explicit(value - sp.Abs(value))

    draft.add(
        "balance",
        "the pressure of the mean square" if setting.rescales else "where the mean square stands still",
        Eq(left, balance),
        because,
        check,
        ("second_moment",),
        balance,
    )
    return balance


def _balances(setting: Setting, moment: Expr, value: Expr) -> Expr:
    """An expression, polynomial in `value`, that is 0 where this balances the second moment."""
    if setting.rescales:
        return moment - (1 + n.EFFECTIVE_LEARNING_RATE * _r**2 * value) ** 2 * _r**2
    return sp.expand((moment - _r**2) * _r**2).subs(_r, sp.sqrt(value))


def _series(draft: Draft, setting: Setting, moment: Expr, balance: Expr, order: int) -> None:
    """The balance over that of the SDE, in powers of the learning rate."""
    eta, elr, decay = n.LEARNING_RATE, n.EFFECTIVE_LEARNING_RATE, n.WEIGHT_DECAY
    small, continuous, power, leading = {
        "fixed-lr": (eta, sp.sqrt(eta * _tau / (2 * decay)), 1, 2),
        "fixed-elr": (elr, elr * _tau / (2 * decay), 2, 4),
        "fixed-sphere": (elr, elr * _tau / (2 * _r**2), 2, 2),
    }[setting.protocol]
    taylor = sp.series(sp.simplify(balance / continuous), small, 0, power * order).removeO()
    series = sum(sp.factor(taylor.coeff(small, k)) * small**k for k in range(0, power * order, power))

    def check(equation: Eq, replay: Replay) -> Iterable[Expr]:
        """The series, put into the equation of balance, leaves nothing below its order."""
        residual = sp.expand(_balances(setting, moment, continuous * equation.rhs) / small**leading)
        for k in range(-leading, power * order):
            yield replay.explicit(residual.coeff(small, k))
        value = replay.explicit(equation.rhs.subs(_small))
        yield value - sp.Abs(value)

    draft.add(
        "series",
        "the balance over that of the SDE",
        Eq(sp.Symbol("ratio"), series),
        f"to {order} terms in {small}; |ḡ|² is of first order in η_eff at low temperature",
        check,
        ("balance",),
        series,
    )
