"""von Mises–Fisher statistics from the partition function, with their series at low and at high temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import sympy as sp
from sympy import Eq, Expr, Symbol

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._von_mises_fisher import (
    SERIES,
    LogPartition,
    MeanResultantLength,
    high_temperature_series,
    low_temperature_series,
)
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.derivations._random_point import DIGITS
from thermo_ideal.symbolic.gas._numerical_check import GasPoint

T, kappa, d = n.TEMPERATURE, n.CONCENTRATION, n.DIMENSION
_A = MeanResultantLength(d, kappa)
_EXTREME = sp.Integer(10) ** 60


def statistics(dimension: int | None = None, order: int = 3) -> Derivation:
    """Derives the statistics of the loss `1 − μ·w̄`: partition function, mean, energy, entropy, heat capacity, series.

    With `A_d(κ) = I_{d/2}(κ)/I_{d/2−1}(κ)` and `κ = 1/T`, `U = 1 − A`, `C_V = κ² A'` and `S_dir = log z + U/T`.

    Args:
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.
        order: the number of terms of the series.

    Returns:
        A `Derivation`. `result` has "partition_function", "mean_resultant_length", "riccati", "internal_energy",
        "heat_capacity_volume" and "direction_entropy", and of these three also the series at low temperature ("…_low")
        and at high temperature ("…_high").

    Raises:
        ValueError: `dimension < 2` or `order < 1`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.statistics(order=2).result["internal_energy_low"]
        -T**2*(d - 3)*(d - 1)/8 + T*(d - 1)/2

    Source: Mardia & Jupp, Directional Statistics, section 9.3 and appendix 1.
    """
    builder = Builder(partial(statistics, dimension, order))
    partition = LogPartition(d, kappa).rewrite(sp.besseli)
    ratio = _A.rewrite(sp.besseli)
    builder.add(
        "partition_function",
        "the partition function in Bessel functions",
        Eq(Symbol("log_z"), partition),
        "z is the integral of e^{−κ(1−μ·w̄)} over the sphere, Poisson's integral for I_ν with ν = d/2 − 1",
        lambda equation, point: [sp.log(point.average(0)) - _at(equation.rhs, point)],
        result=partition,
        kind="numeric check",
    )
    builder.add(
        "mean_resultant_length",
        "the mean resultant length",
        Eq(Symbol("A"), ratio),
        "A = E μ·w̄ = 1 + d log z/dκ, with I_ν' = I_{ν+1} + ν I_ν/κ",
        lambda equation, point: [1 - point.average(1) / point.average(0) - _at(equation.rhs, point)],
        ("partition_function",),
        ratio,
        "numeric check",
    )
    riccati = _A.diff(kappa)
    builder.add(
        "riccati",
        "Riccati's equation for the mean resultant length",
        Eq(Symbol("A'"), riccati),
        "it follows from the recurrences of I_ν and I_{ν+1}",
        lambda equation, point: [_at(sp.diff(ratio, kappa), point) - _at(equation.rhs, point)],
        ("mean_resultant_length",),
        riccati,
        "numeric check",
    )
    mean = MeanResultantLength(d, 1 / T)
    closed = {
        "internal_energy": (1 - mean, "U is the mean of L = 1 − μ·w̄", "mean_resultant_length"),
        "heat_capacity_volume": (riccati.subs(kappa, 1 / T) / T**2, "C_V = dU/dT = κ² A'(κ)", "riccati"),
        "direction_entropy": (LogPartition(d, 1 / T) + (1 - mean) / T, "S_dir = log z + U/T", "partition_function"),
    }
    measured = {"internal_energy": _mean, "heat_capacity_volume": _variance, "direction_entropy": _entropy}
    for name, (value, because, uses) in closed.items():
        claim = f"the {DICTIONARY[name].phrase}"
        check = partial(_against_quadrature, measured[name])
        builder.add(name, claim, Eq(n.named(name), value), because, check, (uses,), value)
    _series(builder, {name: value for name, (value, _, _) in closed.items()}, order)
    builder.add(
        "caloric",
        "the gas is calorically perfect only in the limit of low temperature",
        Eq(sp.Limit(n.named("heat_capacity_volume"), T, 0), (d - 1) / 2),
        "C_V = R + O(T), whereas pV = RT holds at every temperature",
        lambda equation, point: [equation.rhs - low_temperature_series("heat_capacity_volume", 1, point.dimension)],
        ("heat_capacity_volume_low",),
        (d - 1) / 2,
    )
    return builder.finish("The von Mises–Fisher gas", GasPoint.exact, dimension)


def _series(builder: Builder, closed: Mapping[str, Expr], order: int) -> None:
    """The three properties in powers of `T` and of `κ`; the checks use the last power of each series."""
    last = {
        "internal_energy": (order, 2 * order - 1),
        "heat_capacity_volume": (order - 1, 2 * order),
        "direction_entropy": (order, 2 * order),
    }
    for name in SERIES:
        symbol, value, phrase = n.named(name), closed[name], DICTIONARY[name].phrase
        low, high = low_temperature_series(name, order), high_temperature_series(name, order)
        builder.add(
            f"{name}_low",
            f"the {phrase} at low temperature",
            Eq(symbol, low),
            "Riccati's equation in powers of 1/κ; dS = C_V dT/T gives the entropy, which starts at that of a Gaussian",
            partial(_asymptotic, value, T, 1 / _EXTREME, last[name][0]),
            ("riccati", name),
            low,
        )
        builder.add(
            f"{name}_high",
            f"the {phrase} at high temperature",
            Eq(symbol, high),
            "Riccati's equation in powers of κ; dS = −κ dA gives the entropy, which starts at that of the uniform law",
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
    """Exact value minus series over the last power of the series, so far out that the next power is negligible."""
    difference = (value - equation.rhs) / small**power
    # The terms cancel down to the last power, which takes more than SymPy's usual 100 digits.
    yield sp.N(difference.subs(d, point.dimension).subs(T, extreme), DIGITS, maxn=200 * (power + 4))
    yield from _superfluous(equation.rhs.subs(d, point.dimension), small, power)


def _superfluous(series: Expr, small: Expr, power: int) -> Iterable[Expr]:
    """The coefficients that a series of this length does not have: of higher powers, and beside its logarithm."""
    x, logarithm = sp.symbols("x log_x", positive=True)
    flat = sp.expand_log(sp.expand(series.subs(T, x if small == T else 1 / x)), force=True)
    for (k, l), coefficient in sp.Poly(flat.subs(sp.log(x), logarithm), x, logarithm).terms():
        yield sp.S.Zero if k <= power and l * (k + l) <= 1 else coefficient
