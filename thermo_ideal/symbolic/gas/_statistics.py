"""von Mises–Fisher statistics from the partition function, with series at low and at high temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._builder import Draft
from thermo_ideal.symbolic.derivations._component_check import DIGITS
from thermo_ideal.symbolic.gas._numerical_check import GasPoint
from thermo_ideal.symbolic.gas._von_mises_fisher import (
    SERIES,
    LogPartition,
    MeanResultantLength,
    high_temperature_series,
    low_temperature_series,
)

T, kappa, d = n.TEMPERATURE, n.CONCENTRATION, n.DIMENSION
_A = MeanResultantLength(d, kappa)
_U, _C_V, _S_dir = sp.symbols("U C_V S_dir")
_EXTREME = sp.Integer(10) ** 60


def statistics(dimension: int | None = None, order: int = 3) -> Derivation:
    """Derives the statistics of the loss `1 − μ·w̄`: partition function, mean, energy, entropy, heat capacity, series.

    Args:
        dimension: an explicit `d ≥ 2`, or None.
        order: how many terms the series have.

    Returns:
        A `Derivation`. `result` has "partition_function", "mean_resultant_length", "riccati", "internal_energy",
        "heat_capacity_volume", "direction_entropy", each of these three also with "_low" and "_high" behind its name.

    Raises:
        ValueError: `dimension < 2` or `order < 1`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.statistics(order=2).result["internal_energy_low"]
        -T**2*(d - 3)*(d - 1)/8 + T*(d - 1)/2

    Source: THEORY §4.
    """
    draft = Draft()
    partition = LogPartition(d, kappa).rewrite(sp.besseli)
    ratio = _A.rewrite(sp.besseli)
    draft.add(
        "partition_function",
        "the partition function in Bessel functions",
        Eq(Symbol("log_z"), partition),
        "log ∫ e^{−κ(1−μ·w̄)} dw̄, Poisson's integral for I_ν with ν = d/2 − 1",
        lambda equation, point: [sp.log(point.average(0)) - _at(equation.rhs, point)],
        result=partition,
    )
    draft.add(
        "mean_resultant_length",
        "the mean resultant length",
        Eq(Symbol("A"), ratio),
        "A = E μ·w̄ = 1 + d log z/dκ, and I_ν' = I_{ν+1} + ν I_ν/κ",
        lambda equation, point: [1 - point.average(1) / point.average(0) - _at(equation.rhs, point)],
        ("partition_function",),
        ratio,
    )
    riccati = _A.diff(kappa)
    draft.add(
        "riccati",
        "Riccati's equation",
        Eq(Symbol("A'"), riccati),
        "the recurrences of I_ν and I_{ν+1}",
        lambda equation, point: [_at(sp.diff(ratio, kappa), point) - _at(equation.rhs, point)],
        ("mean_resultant_length",),
        riccati,
    )
    mean = MeanResultantLength(d, 1 / T)
    closed = {
        "internal_energy": (_U, 1 - mean, "U = E L", "mean_resultant_length"),
        "heat_capacity_volume": (_C_V, riccati.subs(kappa, 1 / T) / T**2, "dU/dT = κ² A'(κ)", "riccati"),
        "direction_entropy": (_S_dir, LogPartition(d, 1 / T) + (1 - mean) / T, "log z + U/T", "partition_function"),
    }
    measured = {"internal_energy": _mean, "heat_capacity_volume": _variance, "direction_entropy": _entropy}
    for name, (symbol, value, because, uses) in closed.items():
        claim = f"the {name.replace('_', ' ')}"
        check = partial(_against_quadrature, measured[name])
        draft.add(name, claim, Eq(symbol, value), because, check, (uses,), value)
    _series(draft, {name: (symbol, value) for name, (symbol, value, _, _) in closed.items()}, order)
    draft.add(
        "caloric",
        "the gas is calorically perfect only in the limit of low temperature",
        Eq(sp.Limit(Symbol("C_V"), T, 0), (d - 1) / 2),
        "C_V = R + O(T), though pV = RT holds at every temperature",
        lambda equation, point: [equation.rhs - low_temperature_series("heat_capacity_volume", 1, point.dimension)],
        ("heat_capacity_volume_low",),
        (d - 1) / 2,
    )
    return draft.finish("The von Mises–Fisher gas", GasPoint.exact, dimension)


def _series(draft: Draft, closed: Mapping[str, tuple[Symbol, Expr]], order: int) -> None:
    """The three properties in powers of `T` and of `κ`; the checks want the last power that each series holds."""
    last = {
        "internal_energy": (order, 2 * order - 1),
        "heat_capacity_volume": (order - 1, 2 * order),
        "direction_entropy": (order, 2 * order),
    }
    for name in SERIES:
        symbol, value = closed[name]
        words = name.replace("_", " ")
        low, high = low_temperature_series(name, order), high_temperature_series(name, order)
        draft.add(
            f"{name}_low",
            f"the {words} at low temperature",
            Eq(symbol, low),
            "powers of 1/κ in Riccati's equation; the entropy by dS = C_V dT/T from a Gaussian's",
            partial(_asymptotic, value, T, 1 / _EXTREME, last[name][0]),
            ("riccati", name),
            low,
        )
        draft.add(
            f"{name}_high",
            f"the {words} at high temperature",
            Eq(symbol, high),
            "powers of κ in Riccati's equation; the entropy by dS = −κ dA from the uniform law's",
            partial(_asymptotic, value, 1 / T, _EXTREME, last[name][1]),
            ("riccati", name),
            high,
        )


def _at(expression: Expr, point: GasPoint) -> Expr:
    return expression.subs({kappa: 1 / T, d: point.dimension})


def _mean(point: GasPoint) -> Expr:
    return point.average(1) / point.average(0)


def _variance(point: GasPoint) -> Expr:
    return (point.average(2) / point.average(0) - _mean(point) ** 2) / T**2


def _entropy(point: GasPoint) -> Expr:
    return sp.log(point.average(0)) + _mean(point) / T


def _against_quadrature(measured: Callable[[GasPoint], Expr], equation: Eq, point: GasPoint) -> Iterable[Expr]:
    yield measured(point) - _at(equation.rhs, point)


def _asymptotic(value: Expr, small: Expr, extreme: Expr, power: int, equation: Eq, point: GasPoint) -> Iterable[Expr]:
    """Exact minus series, over the last power that the series has, far out: what is left is the next power."""
    difference = (value - equation.rhs) / small**power
    # The terms cancel to the last power, for which SymPy's usual 100 digits do not suffice.
    yield sp.N(difference.subs(d, point.dimension).subs(T, extreme), DIGITS, maxn=200 * (power + 4))
