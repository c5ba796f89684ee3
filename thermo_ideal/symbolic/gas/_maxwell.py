"""Maxwell relations, and what they say of hyperparameters under each protocol."""

from __future__ import annotations

import sympy as sp
from sympy import Eq, Expr

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._builder import Draft, tidy
from thermo_ideal.symbolic.derivations._protocol import PROTOCOLS, Setting
from thermo_ideal.symbolic.gas._model import scale_invariant
from thermo_ideal.symbolic.gas._numerical_check import GasPoint
from thermo_ideal.symbolic.gas._partial import Partial

T, V, p = n.TEMPERATURE, n.VOLUME, n.PRESSURE
_S, _U = sp.symbols("S U")

# Potential, its natural variables, and its slopes in them.
POTENTIALS = {
    "U": ((_S, V), (T, -p)),
    "H": ((_S, p), (T, V)),
    "F": ((T, V), (-_S, -p)),
    "G": ((T, p), (-_S, V)),
}


def maxwell_relations(protocol: str, dimension: int | None = None) -> Derivation:
    """Derives the four Maxwell relations and, by change of variables, their form in a protocol's hyperparameters.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".
        dimension: an explicit `d ≥ 2`, or None.

    Returns:
        A `Derivation`. `result` has the relations "U", "H", "F", "G" of the potentials, and "hyperparameters".

    Raises:
        ValueError: an unknown protocol, or `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.maxwell_relations("fixed-elr").result["hyperparameters"]
        Eq(d(S)/d(log(lambda))|eta_eff, 1/2 - d/2)

    Source: THEORY §5.
    """
    setting = Setting(protocol)
    draft = Draft()
    draft.add("heat", "the first law: heat", Eq(Partial(_U, _S, V), T), "dU = T dS − p dV")
    draft.add("work", "the first law: work", Eq(Partial(_U, V, _S), -p), "dU = T dS − p dV")
    for name, ((x, y), (along_x, along_y)) in POTENTIALS.items():
        sign = -1 if name == "F" else 1  # both slopes of F are negative
        relation = Eq(_partial(sign * along_x, y, x), _partial(sign * along_y, x, y))
        draft.add(
            name,
            f"the Maxwell relation of {name}",
            relation,
            f"∂²{name}/∂{x}∂{y} in either order, with d{name} = {_one_form(x, y, along_x, along_y)}",
            uses=("heat", "work"),
            result=relation,
        )
    _hyperparameters(draft, protocol)
    return draft.finish(f"The Maxwell relations of {setting.subject}", GasPoint.exact, dimension)


def _partial(X: Expr, y: Expr, z: Expr) -> Expr:
    """`∂(±X)` with the sign in front."""
    return -Partial(-X, y, z) if X.could_extract_minus_sign() else Partial(X, y, z)


def _one_form(x: Expr, y: Expr, along_x: Expr, along_y: Expr) -> str:
    text = f"{along_x} d{x} + {along_y} d{y}"
    return text.replace("+ -", "− ").replace("-", "−")


def _hyperparameters(draft: Draft, protocol: str) -> None:
    """`dT∧dS = dp∧dV` in the coordinates `log x, log y` of the protocol."""
    gas = scale_invariant()
    x, y = PROTOCOLS[protocol].values()
    solutions = sp.solve([sp.Eq(s, gas[s.name]) for s in (x, y)], [T, V], dict=True)
    (at,) = solutions
    at = {symbol: tidy(value) for symbol, value in at.items()} | {p: tidy(gas["p"].subs(at))}
    for symbol, name in ((T, "temperature"), (V, "volume"), (p, "pressure")):
        draft.add(
            name,
            f"the {name} in hyperparameters",
            Eq(symbol, at[symbol]),
            "from η_eff = 2T/σ², r² = 2V, η = η_eff r², λ = p and pV = RT",
        )
    draft.add(
        "area",
        "the four relations are one: the same area in (T, S) and (p, V)",
        Eq(Partial(T, p, V) * Partial(_S, V, p) - Partial(_S, p, V) * Partial(T, V, p), 1),
        "d(dU) = dT∧dS − dp∧dV = 0, per dp∧dV",
        uses=("heat", "work"),
    )

    def slope(f: Expr, symbol: Expr) -> Expr:
        return symbol * sp.diff(f, symbol)

    # T_x S_y − T_y S_x = p_x V_y − p_y V_x, subscripts for logarithmic derivatives.
    work = slope(at[p], x) * slope(at[V], y) - slope(at[p], y) * slope(at[V], x)
    heat = {Partial(_S, sp.log(y), x): slope(at[T], x), Partial(_S, sp.log(x), y): -slope(at[T], y)}
    heat = {derivative: factor for derivative, factor in heat.items() if factor != 0}
    leading = heat[max(heat, key=lambda derivative: derivative.args[1] == sp.log(x))]
    left = sum(sp.simplify(factor / leading) * derivative for derivative, factor in heat.items())
    relation = Eq(left, tidy(work / leading))
    draft.add(
        "hyperparameters",
        "the Maxwell relation in hyperparameters",
        relation,
        f"the areas in the coordinates log {x}, log {y}: ∂T and ∂p∧∂V are known there, and leave a law for S",
        uses=("area", "temperature", "volume", "pressure"),
        result=relation,
    )
