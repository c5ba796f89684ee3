"""Heavy-ball momentum, in the limit of small steps."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy import Eq, Expr, Rational

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._builder import Draft
from thermo_ideal.symbolic.derivations._component_check import Replay
from thermo_ideal.symbolic.derivations._protocol import Setting

_i, _beta = n.FREE_INDEX, n.MOMENTUM


def heavy_ball(draft: Draft, setting: Setting) -> tuple[str, ...]:
    """The steps from the heavy ball to plain SGD of the average `z = W − β v/(1−β)`; returns their names."""
    eta, decay = setting.raw_step_size, setting.weight_decay
    drive = eta * (n.GRADIENT[_i] + decay * n.WEIGHTS[_i])
    together = "; the velocity is rescaled with the weights, which leaves every direction as it is"
    draft.add(
        "velocity",
        "the heavy ball remembers its last step",
        Eq(n.NEXT_VELOCITY[_i], _beta * n.VELOCITY[_i] + drive),
        "Polyak's form, W' = W − η(g + λW) + β(W − W₋) with 0 < β < 1 and v = W₋ − W, so that v has η in it"
        + (together if setting.rescales else ""),
        lambda equation, replay: replay.vector(equation, replay.tensors[n.WEIGHTS] - _polyak(replay, eta, decay)),
    )
    average = -drive / (1 - _beta)
    draft.add(
        "average",
        "the average z = W − βv/(1−β) makes a plain SGD step",
        Eq(n.NEXT_AVERAGED[_i] - n.AVERAGED[_i], average),
        "the velocity drops out exactly: every gradient acts 1/(1−β) times in all, which z takes in at once",
        lambda equation, replay: _moves(equation, replay, eta, decay),
        ("velocity",),
    )
    distance = (_beta / (1 - _beta)) ** 2 * eta**2 * n.NOISE_TRACE / n.RADIUS**4 / (1 - _beta**2)
    draft.add(
        "small_steps",
        "assumption: this is far below 1, so that gradient, noise and radius at W are those at z",
        Eq(sp.Symbol("E|W-z|^2/r^2"), distance),
        "E|v|² = β²E|v|² + η²Tr Σ_W at rest; at a given η/(1−β) it grows as 1/(1−β) when β nears 1",
        lambda equation, replay: _echoes(equation, replay, eta),
        ("average",),
    )
    return ("average", "small_steps")


def _polyak(replay: Replay, eta: Expr, decay: Expr) -> sp.MatrixBase:
    """`W' = W − η(g + λW) + β(W − W₋)` in components, from the last two positions."""
    here = replay.tensors[n.WEIGHTS]
    before = here + replay.tensors[n.VELOCITY]
    size = replay.explicit(eta)
    return here - size * (replay.tensors[n.GRADIENT] + decay * here) + _beta * (here - before)


def _moves(equation: Eq, replay: Replay, eta: Expr, decay: Expr) -> Iterable[Expr]:
    """`z' − z` from three positions."""
    here, ahead = replay.tensors[n.WEIGHTS], _polyak(replay, eta, decay)
    lag = _beta / (1 - _beta)
    moved = (ahead - lag * (here - ahead)) - (here - lag * replay.tensors[n.VELOCITY])
    return replay.vector(equation, moved)


def _echoes(equation: Eq, replay: Replay, eta: Expr) -> Iterable[Expr]:
    """The stationary `E|v|²` as the sum over all past draws of noise, cut off far below the tolerance."""
    noise = replay.tensors[n.NOISE_ROOT]
    drawn = replay.explicit(eta) ** 2 * (noise * noise.T).trace() / replay.explicit(n.RADIUS) ** 2
    for beta in (Rational(3, 5), Rational(1, 7)):
        echoes = sum(beta ** (2 * k) for k in range(120)) * drawn
        yield ((beta / (1 - beta)) ** 2 * echoes - replay.explicit(equation.rhs)).subs(_beta, beta)
