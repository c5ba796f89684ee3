"""Heavy-ball momentum, in the limit of small steps."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy import Eq, Expr, Rational

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.derivations._component_check import ComponentCheck
from thermo_ideal.symbolic.derivations._protocol import SGDModel

_i, _beta = n.FREE_INDEX, n.MOMENTUM


def heavy_ball(builder: Builder, sgd: SGDModel) -> tuple[str, ...]:
    """The steps from heavy-ball SGD to plain SGD of the average `z = W − β v/(1−β)`; returns the names of two."""
    eta, decay = sgd.learning_rate, sgd.weight_decay
    gradient_step = eta * (n.GRADIENT[_i] + decay * n.WEIGHTS[_i])
    rescaled = "; the velocity is rescaled together with the weights, which does not change any direction"
    builder.add(
        "velocity",
        "the velocity of the heavy ball",
        Eq(n.NEXT_VELOCITY[_i], _beta * n.VELOCITY[_i] + gradient_step),
        "Polyak's step is W' = W − η(g + λW) + β(W − W₋) with 0 < β < 1 and the previous weights W₋, and v = W₋ − W"
        + (rescaled if sgd.fixes_radius else ""),
        lambda equation, case: case.vector(equation, case.tensors[n.WEIGHTS] - _polyak(case, eta, decay)),
        kind="assumption",
    )
    average = -gradient_step / (1 - _beta)
    builder.add(
        "average",
        "the average z = W − βv/(1−β) makes a plain SGD step",
        Eq(n.NEXT_AVERAGED[_i] - n.AVERAGED[_i], average),
        "the velocity cancels; a gradient g moves W by −ηg(1 + β + β² + …) over all later steps, and z by that at once",
        lambda equation, case: _average_step(equation, case, eta, decay),
        ("velocity",),
        kind="numeric check",
    )
    distance = (_beta / (1 - _beta)) ** 2 * eta**2 * n.NOISE_TRACE / n.RADIUS**4 / (1 - _beta**2)
    builder.add(
        "small_steps",
        "assumption: this ratio is far below 1, so that gradient, noise and radius at W are those at z",
        Eq(sp.Symbol("E|W-z|^2/r^2"), distance),
        "in the stationary state E|v|² = β²E|v|² + η²Tr Σ_W; for β → 1 at a given η/(1−β) the ratio grows as 1/(1−β)",
        lambda equation, case: _velocity_variance(equation, case, eta),
        ("average",),
        kind="assumption",
    )
    return ("average", "small_steps")


def _polyak(case: ComponentCheck, eta: Expr, decay: Expr) -> sp.MatrixBase:
    """`W' = W − η(g + λW) + β(W − W₋)` in components, from the last two positions."""
    here = case.tensors[n.WEIGHTS]
    before = here + case.tensors[n.VELOCITY]
    size = case.explicit(eta)
    return here - size * (case.tensors[n.GRADIENT] + decay * here) + _beta * (here - before)


def _average_step(equation: Eq, case: ComponentCheck, eta: Expr, decay: Expr) -> Iterable[Expr]:
    """`z' − z` from three successive positions, minus the right side."""
    here, ahead = case.tensors[n.WEIGHTS], _polyak(case, eta, decay)
    lag = _beta / (1 - _beta)
    moved = (ahead - lag * (here - ahead)) - (here - lag * case.tensors[n.VELOCITY])
    return case.vector(equation, moved)


def _velocity_variance(equation: Eq, case: ComponentCheck, eta: Expr) -> Iterable[Expr]:
    """The stationary `E|v|²` as a sum over the noise of all past steps, truncated far below the tolerance."""
    noise = case.tensors[n.NOISE_ROOT]
    one_step = case.explicit(eta) ** 2 * (noise * noise.T).trace() / case.explicit(n.RADIUS) ** 2
    for beta in (case.point.values[_beta], Rational(1, 7)):
        all_steps = sum(beta ** (2 * k) for k in range(120)) * one_step
        yield ((beta / (1 - beta)) ** 2 * all_steps - case.explicit(equation.rhs)).subs(_beta, beta)
