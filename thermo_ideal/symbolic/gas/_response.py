"""Heat capacities, compressibilities, adiabats, and how far the gas is extensive."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._builder import Draft
from thermo_ideal.symbolic.gas._model import calorically_perfect
from thermo_ideal.symbolic.gas._numerical_check import GasPoint
from thermo_ideal.symbolic.gas._partial import Partial

T, V, p, R = n.TEMPERATURE, n.VOLUME, n.PRESSURE, n.GAS_CONSTANT
_S, _U, _H, _F, _C_V, _C_p, _gamma = sp.symbols("S U H F C_V C_p gamma")
_exponent = Symbol("n", positive=True)
_mu = Symbol("mu", real=True)
_heating, _widening, _adding = sp.symbols("dT dV dR")
_dp, _dmu = sp.symbols("dp dmu")


def response_functions(dimension: int | None = None) -> Derivation:
    """Derives the response functions of the gas of any scale-invariant loss, its adiabats and polytropes.

    Args:
        dimension: an explicit `d ≥ 2`, or None.

    Returns:
        A `Derivation`. `result` has "mayer" (`C_p − C_V`), "heat_capacity_ratio", "expansivity",
        "isothermal_compressibility", "adiabatic_compressibility", "joule_thomson", "adiabat_temperature" and
        "adiabat_pressure" (logarithmic slopes in V), "polytrope" (heat capacity along `pV^n`), "chemical_potential" and
        "euler" (how far the perfect gas is from extensive).

    Raises:
        ValueError: `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.response_functions().result["heat_capacity_ratio"]
        1 + R/C_V

    Source: THEORY §5.
    """
    draft = Draft()
    draft.add("state", "the equation of state", Eq(p * V, R * T), "of every scale-invariant loss, R = (d − 1)/2")
    draft.add(
        "heat",
        "heat at constant pressure also does work",
        Eq(_C_p - _C_V, T * Partial(p, T, V) * Partial(V, T, p)),
        "C_p = T(∂S/∂T)_p and S(T, V(T, p)), with (∂S/∂V)_T = (∂p/∂T)_V",
    )
    mayer = T * sp.diff(R * T / V, T) * sp.diff(R * T / p, T)
    mayer = sp.simplify(mayer.subs(p, R * T / V))
    draft.add(
        "mayer",
        "Mayer's relation",
        Eq(_C_p - _C_V, mayer),
        "both derivatives of pV = RT",
        uses=("state", "heat"),
        result=mayer,
    )
    ratio = 1 + mayer / _C_V
    draft.add("heat_capacity_ratio", "the ratio γ", Eq(_gamma, ratio), "γ = C_p/C_V", uses=("mayer",), result=ratio)
    expansivity = sp.diff(R * T / p, T) / (R * T / p)
    isothermal = sp.simplify(-sp.diff(R * T / p, p) / (R * T / p))
    for name, symbol, value, because in [
        ("expansivity", "alpha", expansivity, "α = (∂V/∂T)_p/V"),
        ("isothermal_compressibility", "kappa_T", isothermal, "κ_T = −(∂V/∂p)_T/V"),
    ]:
        claim = f"the {name.replace('_', ' ')}"
        draft.add(name, claim, Eq(Symbol(symbol), value), because, uses=("state",), result=value)
    adiabatic = isothermal / _gamma
    draft.add(
        "adiabatic_compressibility",
        "the adiabatic compressibility",
        Eq(Symbol("kappa_S"), adiabatic),
        "κ_S/κ_T = C_V/C_p, by Jacobians",
        uses=("isothermal_compressibility", "heat_capacity_ratio"),
        result=adiabatic,
    )
    joule_thomson = sp.simplify((T * expansivity - 1) * V / _C_p)
    draft.add(
        "joule_thomson",
        "throttling leaves the temperature alone",
        Eq(Partial(T, p, _H), joule_thomson),
        "(∂T/∂p)_H = V(Tα − 1)/C_p, and Tα = 1",
        uses=("expansivity",),
        result=joule_thomson,
    )
    _adiabats(draft)
    _extensivity(draft)
    return draft.finish("The response of a scale-invariant gas", GasPoint.exact, dimension)


def _adiabats(draft: Draft) -> None:
    """From `dS = C_V dT/T + R dV/V`."""
    slope = 1 - _gamma
    draft.add(
        "adiabat_temperature",
        "how the temperature falls along an adiabat",
        Eq(Partial(sp.log(T), sp.log(V), _S), slope),
        "0 = dS = C_V d log T + R d log V and R/C_V = γ − 1; where γ does not change, T V^{γ−1} stays",
        uses=("heat_capacity_ratio",),
        result=slope,
    )
    draft.add(
        "adiabat_pressure",
        "how the pressure falls along an adiabat",
        Eq(Partial(sp.log(p), sp.log(V), _S), sp.expand(slope - 1)),
        "p = RT/V; where γ does not change, p V^γ stays",
        uses=("adiabat_temperature", "state"),
        result=sp.expand(slope - 1),
    )
    polytropic = _C_V + R / (1 - _exponent)
    draft.add(
        "polytrope",
        "the heat capacity along a polytrope",
        Eq(T * Partial(_S, T, p * V**_exponent), polytropic),
        "p V^n stays, so T V^{n−1} does, and d log V = d log T/(1 − n); n = 0 is C_p, n = γ an adiabat",
        uses=("state", "mayer"),
        result=polytropic,
    )


def _extensivity(draft: Draft) -> None:
    """`R` is the amount of substance; the weights can be told apart, so F is not of degree one in (V, R)."""
    F = -R * T * sp.log(4 * sp.pi * T * V)
    mu = sp.diff(F, R)
    draft.add(
        "chemical_potential",
        "the chemical potential of the perfect gas, R being the amount of substance",
        Eq(_mu, mu),
        "μ = (∂F/∂R)_{T,V} of F = −RT log(4πTV)",
        lambda equation, point: _finite_difference(equation.rhs, point),
        result=mu,
    )
    S, pressure, U = -sp.diff(F, T), -sp.diff(F, V), F - T * sp.diff(F, T)
    euler = sp.simplify(U - T * S + pressure * V - mu * R)
    draft.add(
        "euler",
        "Euler's relation is missed by RT: the gas of distinguishable weights is not extensive",
        Eq(_U - T * _S + p * V - _mu * R, euler),
        "as in Gibbs' paradox; F + RT(log R − 1), which forgets the order of the weights, is of degree one in (V, R)",
        lambda equation, point: _extensive(equation.rhs, point),
        ("chemical_potential",),
        euler,
    )
    duhem = -R * _heating - T * _adding
    draft.add(
        "gibbs_duhem",
        "the Gibbs–Duhem relation, with what is missed",
        Eq(_S * _heating - V * _dp + R * _dmu, duhem),
        "the differential of Euler's relation less the first law",
        lambda equation, point: _differential(equation.rhs, S, pressure, mu),
        ("euler",),
    )


def _finite_difference(mu: Expr, point: GasPoint) -> Iterable[Expr]:
    """F is linear in R, so a step of any size gives its derivative."""
    more = calorically_perfect(point.dimension + 4)["F"] - calorically_perfect(point.dimension)["F"]
    yield mu - more / 2


def _extensive(missed: Expr, point: GasPoint) -> Iterable[Expr]:
    """`F(T, 2V, 2R) − 2F(T, V, R)` of two perfect gases, to which Euler's theorem adds up what is missed."""
    size, more = point.dimension, 2 * point.dimension - 1  # R and 2R
    small, large = (calorically_perfect(d)["F"].subs(V, scale * V) for d, scale in ((size, 1), (more, 2)))
    # F less c RT log R is of degree one if U − TS + pV − μR is −cRT; log 2 is the doubling's logarithm.
    yield large - 2 * small + missed.subs(R, sp.Rational(size - 1, 2)) * 2 * sp.log(2)


def _differential(right: Expr, S: Expr, pressure: Expr, mu: Expr) -> Iterable[Expr]:
    """`S dT − V dp + R dμ` by coefficients of `dT, dV, dR`."""
    steps = {T: _heating, V: _widening, R: _adding}

    def d(f: Expr) -> Expr:
        return sum(sp.diff(f, x) * dx for x, dx in steps.items())

    difference = sp.expand(S * _heating - V * d(pressure) + R * d(mu) - right)
    for dx in steps.values():
        yield difference.coeff(dx)
