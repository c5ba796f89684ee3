"""Maxwell relations, and their form in the hyperparameters of each protocol."""

from __future__ import annotations

from functools import partial

import sympy as sp
from sympy import Eq, Expr

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._builder import Builder, simplify_positive
from thermo_ideal.symbolic.derivations._protocol import PROTOCOLS, ProtocolLike, SGDModel
from thermo_ideal.symbolic.gas._gases import scale_invariant
from thermo_ideal.symbolic.gas._numerical_check import GasPoint
from thermo_ideal.symbolic.gas._partial import Partial

T, V, p = n.TEMPERATURE, n.VOLUME, n.PRESSURE
_S, _U = n.named("entropy"), n.named("internal_energy")

# Each potential with its natural variables and its derivatives with respect to them.
POTENTIALS = {
    "U": ((_S, V), (T, -p)),
    "H": ((_S, p), (T, V)),
    "F": ((T, V), (-_S, -p)),
    "G": ((T, p), (-_S, V)),
}


def maxwell_relations(protocol: ProtocolLike, dimension: int | None = None) -> Derivation:
    """Derives the four Maxwell relations and, by a change of variables, their form in the protocol's hyperparameters.

    In logarithms of hyperparameters, `∂S/∂log λ|_{η_eff} = −R` at a fixed effective learning rate,
    `∂S/∂log η|_λ − ∂S/∂log λ|_η = R` at a fixed learning rate and `∂S/∂log r|_{η_eff} = 2R` on the sphere.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere", or a protocol of `thermo_ideal.dynamics`.
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.

    Returns:
        A `Derivation`. `result` has the relations "U", "H", "F", "G" of the potentials, and "hyperparameters".

    Raises:
        ValueError: the protocol is unknown, or `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.maxwell_relations("fixed-elr").result["hyperparameters"]
        Eq(d(S)/d(log(lambda))|eta_eff, 1/2 - d/2)

    Source: arXiv 2511.07308, for the relations in hyperparameters; Callen, Thermodynamics, chapter 7.
    """
    sgd = SGDModel(protocol)
    builder = Builder(partial(maxwell_relations, sgd.protocol, dimension))
    for name, by, relation in (
        ("heat", "entropy", Eq(Partial(_U, _S, V), T)),
        ("work", "volume", Eq(Partial(_U, V, _S), -p)),
    ):
        claim = f"the derivative of the internal energy with respect to the {by}"
        builder.add(name, claim, relation, "the first law is dU = T dS − p dV", kind="assumption")
    for name, ((x, y), (along_x, along_y)) in POTENTIALS.items():
        sign = -1 if name == "F" else 1  # both derivatives of F are negative
        relation = Eq(_partial(sign * along_x, y, x), _partial(sign * along_y, x, y))
        builder.add(
            name,
            f"the Maxwell relation of {name}",
            relation,
            f"the two orders of ∂²{name}/∂{x}∂{y} agree, and d{name} = {_one_form(x, y, along_x, along_y)}",
            uses=("heat", "work"),
            result=relation,
        )
    _hyperparameters(builder, sgd.protocol)
    return builder.finish(f"The Maxwell relations of {sgd.subject}", GasPoint.exact, dimension)


def _partial(X: Expr, y: Expr, z: Expr) -> Expr:
    """`∂(±X)` with the sign in front."""
    return -Partial(-X, y, z) if X.could_extract_minus_sign() else Partial(X, y, z)


def _one_form(x: Expr, y: Expr, along_x: Expr, along_y: Expr) -> str:
    text = f"{along_x} d{x} + {along_y} d{y}"
    return text.replace("+ -", "− ").replace("-", "−")


def _hyperparameters(builder: Builder, protocol: str) -> None:
    """`dT∧dS = dp∧dV` in the coordinates `log x, log y` of the protocol."""
    gas = scale_invariant()
    x, y = PROTOCOLS[protocol].values()
    solutions = sp.solve([sp.Eq(s, gas[s.name]) for s in (x, y)], [T, V], dict=True)
    (at,) = solutions
    at = {symbol: simplify_positive(value) for symbol, value in at.items()} | {p: simplify_positive(gas["p"].subs(at))}
    for symbol, name in ((T, "temperature"), (V, "volume"), (p, "pressure")):
        builder.add(
            name,
            f"the {name} in hyperparameters",
            Eq(symbol, at[symbol]),
            "it solves η_eff = 2T/σ², r² = 2V, η = η_eff r², λ = p and pV = RT",
        )
    builder.add(
        "area",
        "the four relations are one: the map from (p, V) to (T, S) conserves areas",
        Eq(Partial(T, p, V) * Partial(_S, V, p) - Partial(_S, p, V) * Partial(T, V, p), 1),
        "0 = d(dU) = dT∧dS − dp∧dV, divided by dp∧dV",
        uses=("heat", "work"),
        kind="numeric check",
    )

    def slope(f: Expr, symbol: Expr) -> Expr:
        return symbol * sp.diff(f, symbol)

    # T_x S_y − T_y S_x = p_x V_y − p_y V_x, subscripts for logarithmic derivatives.
    work = slope(at[p], x) * slope(at[V], y) - slope(at[p], y) * slope(at[V], x)
    heat = {Partial(_S, sp.log(y), x): slope(at[T], x), Partial(_S, sp.log(x), y): -slope(at[T], y)}
    heat = {derivative: factor for derivative, factor in heat.items() if factor != 0}
    leading = heat[max(heat, key=lambda derivative: derivative.args[1] == sp.log(x))]
    left = sum(sp.simplify(factor / leading) * derivative for derivative, factor in heat.items())
    relation = Eq(left, simplify_positive(work / leading))
    builder.add(
        "hyperparameters",
        "the Maxwell relation in hyperparameters",
        relation,
        f"dT∧dS = dp∧dV in the coordinates log {n.written(x)} and log {n.written(y)}, where T, p and V are known",
        uses=("area", "temperature", "volume", "pressure"),
        result=relation,
    )
