"""The potentials of the calorically perfect gas by Legendre transforms, from one fundamental relation."""

from __future__ import annotations

from functools import partial

import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.gas._gases import calorically_perfect
from thermo_ideal.symbolic.gas._numerical_check import GasPoint

T, V, p, R = n.TEMPERATURE, n.VOLUME, n.PRESSURE, n.GAS_CONSTANT
_S, _U = n.quantity("entropy"), n.named("internal_energy", positive=True)
_F, _G, _H = map(n.named, ("helmholtz_energy", "gibbs_energy", "enthalpy"))


def legendre_transform(f: Expr, x: Symbol, slope: Expr) -> Expr:
    """The Legendre transform `f − x ∂f/∂x` as a function of the slope `∂f/∂x` in place of `x`.

    Args:
        f: a function of `x`.
        x: the variable that is replaced.
        slope: the symbol of `∂f/∂x`, or minus a symbol: T replaces S in U(S, V), and −p replaces V.

    Returns:
        The transform, a function of the slope.

    Raises:
        ValueError: the equation `∂f/∂x = slope` has no solution for x, or more than one.

    Example:
        >>> import sympy as sp
        >>> S, T = sp.symbols("S T", positive=True)
        >>> F = legendre_transform(sp.exp(S), S, T)
        >>> sp.expand(F)
        -T*log(T) + T
        >>> legendre_transform(F, T, -S)
        exp(S)

    Source: Callen, Thermodynamics, chapter 5.
    """
    solutions = sp.solve(sp.Eq(sp.diff(f, x), slope), x)
    if len(solutions) != 1:
        raise ValueError(
            f"f: got {f}, for which ∂f/∂{x} = {slope} has {len(solutions)} solutions for {x}, expected one solution"
        )
    transformed = sp.powdenest(sp.simplify((f - x * slope).subs(x, solutions[0])), force=True)
    return sp.factor_terms(transformed.replace(sp.log, _logarithm))


def _logarithm(argument: Expr) -> Expr:
    """The logarithm of a power with the exponent in front of it: every quantity here is positive."""
    base, exponent = sp.powsimp(argument, combine="base", force=True).as_base_exp()
    return exponent * sp.log(base)


def potentials(dimension: int | None = None) -> Derivation:
    """Derives U, F, H and G of the calorically perfect gas from `S(U, V)` by Legendre transforms, and their inverses.

    `F = U − TS`, `H = U + pV` and `G = F + pV`, each as a function of its natural variables.

    Args:
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.

    Returns:
        A `Derivation`. `result` has each potential in its natural variables: "entropy" S(U, V), "internal_energy"
        U(S, V), "helmholtz_energy" F(T, V), "enthalpy" H(S, p), "gibbs_energy" G(T, p).

    Raises:
        ValueError: `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.potentials().result["internal_energy"]
        R*exp((-R + S)/R)/(4*pi*V)

    Source: Callen, Thermodynamics, chapter 5.
    """
    builder = Builder(partial(potentials, dimension))
    perfect = calorically_perfect(2 * R + 1)
    entropy = R * sp.log(4 * sp.pi * sp.E * _U * V / R)
    energy_of = {_U: perfect["U"]}
    builder.add(
        "entropy",
        "the fundamental relation of the calorically perfect gas",
        Eq(_S, entropy),
        "S = R log(4πe TV) with T = U/R and R = (d − 1)/2",
        lambda equation, point: [perfect["S"] - equation.rhs.subs(energy_of)],
        result=entropy,
        kind="numeric check",
    )
    (energy,) = sp.solve(sp.Eq(_S, entropy), _U)
    energy = sp.simplify(energy)
    because = "U(S, V) solves S(U, V) = S"
    builder.add("internal_energy", "the internal energy", Eq(_U, energy), because, uses=("entropy",), result=energy)
    for name, symbol, slope, because in [
        ("temperature", T, sp.diff(energy, _S), "T = ∂U/∂S"),
        ("pressure", p, -sp.diff(energy, V), "p = −∂U/∂V"),
    ]:
        slope = sp.simplify(slope)
        builder.add(name, f"the {name}", Eq(symbol, slope), because, uses=("internal_energy",), result=slope)

    helmholtz = legendre_transform(energy, _S, T)
    enthalpy = legendre_transform(energy, V, -p)
    gibbs = legendre_transform(helmholtz, V, -p)
    for name, symbol, potential, because, uses in [
        ("helmholtz_energy", _F, helmholtz, "F = U − TS is the Legendre transform of U in S", "temperature"),
        ("enthalpy", _H, enthalpy, "H = U + pV is the Legendre transform of U in V", "pressure"),
        ("gibbs_energy", _G, gibbs, "G = F + pV is the Legendre transform of F in V", "helmholtz_energy"),
    ]:
        claim = f"the {DICTIONARY[name].phrase}"
        builder.add(name, claim, Eq(symbol, potential), because, uses=(uses,), result=potential)

    for name, symbol, potential, because, uses in [
        ("back_to_energy", _U, legendre_transform(helmholtz, T, -_S), "F + TS", "helmholtz_energy"),
        ("back_to_helmholtz", _F, legendre_transform(gibbs, p, V), "G − pV", "gibbs_energy"),
        ("back_to_enthalpy", _H, legendre_transform(gibbs, T, -_S), "G + TS", "gibbs_energy"),
        ("back_from_enthalpy", _U, legendre_transform(enthalpy, p, V), "H − pV", "enthalpy"),
    ]:
        claim = f"a Legendre transform of {because[0]} gives {symbol} again"
        builder.add(name, claim, Eq(symbol, potential), f"{symbol} = {because}", uses=(uses,))
    return builder.finish("The potentials of the calorically perfect gas", _perfect, dimension)


def _perfect(dimension: int, number: int = 0) -> GasPoint:
    return GasPoint(calorically_perfect(dimension), number)
