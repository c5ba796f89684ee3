"""Heat capacities, compressibilities, adiabats, and the deviation of the gas from extensivity."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.gas._gases import calorically_perfect
from thermo_ideal.symbolic.gas._numerical_check import GasPoint
from thermo_ideal.symbolic.gas._partial import Partial

T, V, p, R = n.TEMPERATURE, n.VOLUME, n.PRESSURE, n.GAS_CONSTANT
_S, _U, _H = map(n.named, ("entropy", "internal_energy", "enthalpy"))
_C_V, _C_p, _gamma = map(n.named, ("heat_capacity_volume", "heat_capacity_pressure", "heat_capacity_ratio"))
_exponent = Symbol("n", positive=True)
_mu = Symbol("mu", real=True)
_d = dict(zip((T, V, R, p, _mu), sp.symbols("dT dV dR dp dmu"), strict=True))  # differentials


def response_functions(dimension: int | None = None) -> Derivation:
    """Derives the response functions of the gas of an arbitrary scale-invariant loss, its adiabats and polytropes.

    Among them are `C_p − C_V = R`, `γ = 1 + R/C_V`, `α = 1/T`, `κ_T = 1/p`, `κ_S = 1/(γp)` and `μ_JT = 0`.

    Args:
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.

    Returns:
        A `Derivation`. `result` has "mayer" (`C_p − C_V`), "heat_capacity_ratio", "expansivity",
        "isothermal_compressibility", "adiabatic_compressibility", "joule_thomson", "adiabat_temperature" and
        "adiabat_pressure" (logarithmic derivatives by V), "polytrope" (the heat capacity at constant `pV^n`),
        "chemical_potential" and "euler" (`U − TS + pV − μR`, which is 0 for an extensive gas).

    Raises:
        ValueError: `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.response_functions().result["heat_capacity_ratio"]
        1 + R/C_V

    Source: Callen, Thermodynamics, chapters 3 and 7; arXiv 2511.07308 for the equation of state.
    """
    builder = Builder(partial(response_functions, dimension))
    builder.add(
        "state",
        "the equation of state",
        Eq(p * V, R * T),
        "it holds for every scale-invariant loss, with R = (d − 1)/2",
        kind="assumption",
    )
    builder.add(
        "heat",
        "the difference of the heat capacities",
        Eq(_C_p - _C_V, T * Partial(p, T, V) * Partial(V, T, p)),
        "C_p = T(∂S/∂T)_p by the chain rule for S(T, V(T, p)), with (∂S/∂V)_T = (∂p/∂T)_V",
        kind="numeric check",
    )
    mayer = T * sp.diff(R * T / V, T) * sp.diff(R * T / p, T)
    mayer = sp.simplify(mayer.subs(p, R * T / V))
    builder.add(
        "mayer",
        "Mayer's relation",
        Eq(_C_p - _C_V, mayer),
        "both derivatives follow from pV = RT",
        uses=("state", "heat"),
        result=mayer,
    )
    ratio = 1 + mayer / _C_V
    claim = "the ratio γ of the heat capacities"
    builder.add("heat_capacity_ratio", claim, Eq(_gamma, ratio), "γ = C_p/C_V", uses=("mayer",), result=ratio)
    expansivity = sp.diff(R * T / p, T) / (R * T / p)
    isothermal = sp.simplify(-sp.diff(R * T / p, p) / (R * T / p))
    for name, value, because in [
        ("expansivity", expansivity, "α = (∂V/∂T)_p/V"),
        ("isothermal_compressibility", isothermal, "κ_T = −(∂V/∂p)_T/V"),
    ]:
        claim = f"the {DICTIONARY[name].phrase}"
        builder.add(name, claim, Eq(n.named(name), value), because, uses=("state",), result=value)
    adiabatic = isothermal / _gamma
    builder.add(
        "adiabatic_compressibility",
        "the adiabatic compressibility",
        Eq(n.named("adiabatic_compressibility"), adiabatic),
        "κ_S/κ_T = C_V/C_p by Jacobians",
        uses=("isothermal_compressibility", "heat_capacity_ratio"),
        result=adiabatic,
        kind="numeric check",
    )
    joule_thomson = sp.simplify((T * expansivity - 1) * V / _C_p)
    builder.add(
        "joule_thomson",
        "throttling does not change the temperature",
        Eq(Partial(T, p, _H), joule_thomson),
        "(∂T/∂p)_H = V(Tα − 1)/C_p, and Tα = 1",
        uses=("expansivity",),
        result=joule_thomson,
    )
    _adiabats(builder)
    _extensivity(builder)
    return builder.finish("The response functions of the gas of a scale-invariant loss", GasPoint.exact, dimension)


def _adiabats(builder: Builder) -> None:
    """Adiabats and polytropes, from `dS = C_V dT/T + R dV/V`."""
    slope = 1 - _gamma
    builder.add(
        "adiabat_temperature",
        "the logarithmic derivative of the temperature along an adiabat",
        Eq(Partial(sp.log(T), sp.log(V), _S), slope),
        "0 = dS = C_V d log T + R d log V and R/C_V = γ − 1; for a constant γ, T V^{γ−1} is constant",
        uses=("heat_capacity_ratio",),
        result=slope,
        kind="numeric check",
    )
    builder.add(
        "adiabat_pressure",
        "the logarithmic derivative of the pressure along an adiabat",
        Eq(Partial(sp.log(p), sp.log(V), _S), sp.expand(slope - 1)),
        "p = RT/V; for a constant γ, p V^γ is constant",
        uses=("adiabat_temperature", "state"),
        result=sp.expand(slope - 1),
    )
    polytropic = _C_V + R / (1 - _exponent)
    builder.add(
        "polytrope",
        "the heat capacity along a polytrope",
        Eq(T * Partial(_S, T, p * V**_exponent), polytropic),
        "p V^n and T V^{n−1} are constant, so d log V = d log T/(1 − n); n = 0 gives C_p, and n = γ an adiabat",
        uses=("state", "mayer"),
        result=polytropic,
        kind="numeric check",
    )


def _extensivity(builder: Builder) -> None:
    """With R as the amount of substance, F is not of degree one in (V, R): the weights are distinguishable."""
    F = -R * T * sp.log(4 * sp.pi * T * V)
    mu = sp.diff(F, R)
    builder.add(
        "chemical_potential",
        "the chemical potential of the calorically perfect gas, with R as the amount of substance",
        Eq(_mu, mu),
        "μ = (∂F/∂R)_{T,V}, and F = −RT log(4πTV)",
        lambda equation, point: _finite_difference(equation.rhs, point),
        result=mu,
    )
    S, pressure, U = -sp.diff(F, T), -sp.diff(F, V), F - T * sp.diff(F, T)
    euler = sp.simplify(U - T * S + pressure * V - mu * R)
    builder.add(
        "euler",
        "Euler's relation fails by RT: the gas of distinguishable weights is not extensive",
        Eq(_U - T * _S + p * V - _mu * R, euler),
        "this is Gibbs' paradox; F + RT(log R − 1), the F of indistinguishable weights, is of degree one in (V, R)",
        lambda equation, point: _extensive(equation.rhs, point),
        ("chemical_potential",),
        euler,
    )
    duhem = -sum(sp.diff(euler, x) * _d[x] for x in (T, V, R))
    builder.add(
        "gibbs_duhem",
        "the Gibbs–Duhem relation with the differential of RT",
        Eq(_S * _d[T] - V * _d[p] + R * _d[_mu], duhem),
        "the first law less the differential of the previous equation",
        lambda equation, point: _differential(equation.rhs, S, pressure, mu),
        ("euler",),
    )


def _finite_difference(mu: Expr, point: GasPoint) -> Iterable[Expr]:
    """The chemical potential minus a difference quotient, which is exact because F is linear in R."""
    more = calorically_perfect(point.dimension + 4)["F"] - calorically_perfect(point.dimension)["F"]
    yield mu - more / 2


def _extensive(deviation: Expr, point: GasPoint) -> Iterable[Expr]:
    """The deviation from `F(T, 2V, 2R) − 2F(T, V, R)` of two perfect gases, by Euler's theorem."""
    size, more = point.dimension, 2 * point.dimension - 1  # R and 2R
    small, large = (calorically_perfect(d)["F"].subs(V, scale * V) for d, scale in ((size, 1), (more, 2)))
    # F less c RT log R is of degree one if U − TS + pV − μR is −cRT; the logarithm of the doubled size gives log 2.
    yield large - 2 * small + deviation.subs(R, sp.Rational(size - 1, 2)) * 2 * sp.log(2)


def _differential(right: Expr, S: Expr, pressure: Expr, mu: Expr) -> Iterable[Expr]:
    """`S dT − V dp + R dμ` less the right side: every coefficient of a polynomial in differentials, also of none."""
    variables = (T, V, R)

    def d(f: Expr) -> Expr:
        return sum(sp.diff(f, x) * _d[x] for x in variables)

    difference = sp.expand(S * _d[T] - V * d(pressure) + R * d(mu) - right)
    yield from sp.Poly(difference, *_d.values()).coeffs()
