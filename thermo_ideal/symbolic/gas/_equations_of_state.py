"""The equations of state of a scale-invariant loss, from its partition function."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import mpmath
import sympy as sp
from sympy import Eq, Expr, Function

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._von_mises_fisher import LogPartition
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._builder import Builder
from thermo_ideal.symbolic.derivations._random_point import DIGITS
from thermo_ideal.symbolic.gas._gases import calorically_perfect, scale_invariant
from thermo_ideal.symbolic.gas._numerical_check import GasPoint

T, V, p, r, sigma = n.TEMPERATURE, n.VOLUME, n.PRESSURE, n.RADIUS, n.NOISE_SCALE
_Z = sp.Symbol("Z")
_F, _S, _U, _S_dir = map(n.named, ("helmholtz_energy", "entropy", "internal_energy", "direction_entropy"))
_R = (n.DIMENSION - 1) / 2


class _LogPartitionOfLoss(Function):
    """`log z(T)` of an arbitrary loss."""

    nargs = 1

    def _sympystr(self, printer: Any) -> str:
        return f"log_z({printer._print(self.args[0])})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\log{f'^{{{exp}}}' if exp else ''} z({printer._print(self.args[0])})"


_log_z = _LogPartitionOfLoss(T)


def equations_of_state(dimension: int | None = None) -> Derivation:
    """Derives the ideal-gas law `pV = RT` of every scale-invariant loss, its energy and entropy, from `F = −T log Z`.

    Args:
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.

    Returns:
        A `Derivation`. `result` has "helmholtz_energy", "pressure", "entropy", "internal_energy", "isotherm" (`TV`
        under a fixed learning rate) and "adiabat" (the entropy of the calorically perfect gas there).

    Raises:
        ValueError: `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> derivation = gas.equations_of_state()
        >>> derivation.result["pressure"]
        T*(d - 1)/(2*V)
        >>> derivation.verify() > 0
        True

    Source: arXiv 2511.07308.
    """
    builder = Builder(partial(equations_of_state, dimension))
    Z = r ** (n.DIMENSION - 1) * sp.exp(_log_z)
    builder.add(
        "partition_function",
        "the partition function on the sphere of radius r",
        Eq(_Z, Z),
        "Z is the integral of e^{−L/T} over |w| = r; the loss is the same on every sphere, whose area is ∝ r^{d−1}",
        _surface,
        kind="numeric check",
    )
    F = -T * (_log_z + _R * sp.log(2 * V))  # log r^{d−1} = R log r²
    builder.add(
        "helmholtz_energy",
        "the Helmholtz energy",
        Eq(_F, F),
        "F = −T log Z with V = r²/2",
        lambda equation, point: [
            -T * sp.log(point.average(0) * r ** (point.dimension - 1)) - _with_partition(equation.rhs, point)
        ],
        ("partition_function",),
        F,
        "numeric check",
    )
    gas = scale_invariant()
    builder.add(
        "pressure",
        "the thermal equation of state is that of an ideal gas, for every scale-invariant loss",
        Eq(p, gas["p"]),
        "p = −∂F/∂V, and log z does not depend on the volume, so pV = RT with R = (d − 1)/2",
        uses=("helmholtz_energy",),
        result=gas["p"],
    )
    internal = sp.simplify(-(T**2) * sp.diff(F / T, T))
    builder.add(
        "internal_energy",
        "the internal energy is a function of the temperature alone",
        Eq(_U, internal),
        "U = F + TS = −T² ∂(F/T)/∂T, which is the mean loss",
        lambda equation, point: [point.average(1) / point.average(0) - _with_partition(equation.rhs, point)],
        ("helmholtz_energy",),
        internal,
    )
    entropy = _S_dir + (n.DIMENSION - 1) * sp.log(r)
    builder.add(
        "entropy",
        "the entropy is the sum of those of direction and radius",
        Eq(_S, entropy),
        "S = −∂F/∂T; S_dir = log z + U/T is the entropy of the Gibbs density on the unit sphere",
        lambda equation, point: [_S - equation.rhs.subs(_S_dir, _gibbs_entropy(point))],
        ("helmholtz_energy", "internal_energy"),
        entropy,
        "numeric check",
    )
    isotherm = sp.simplify(
        (n.EFFECTIVE_LEARNING_RATE * sigma**2 / 2 * r**2 / 2).subs(n.EFFECTIVE_LEARNING_RATE, n.LEARNING_RATE / r**2)
    )
    builder.add(
        "isotherm",
        "the learning rate determines the product of temperature and volume",
        Eq(T * V, isotherm),
        "T = η_eff σ²/2 with η_eff = η/r², and V = r²/2",
        result=isotherm,
    )
    perfect = calorically_perfect()["S"].subs(V, isotherm / T)
    adiabat = _R * sp.logcombine(sp.expand_log(sp.simplify(perfect / _R - 1)), force=True) + _R
    builder.add(
        "adiabat",
        "at low temperature the learning rate determines the entropy: weight decay changes the state along an adiabat",
        Eq(_S, adiabat),
        "the entropy of the calorically perfect gas is S = R log(4πe TV)",
        lambda equation, point: [calorically_perfect(point.dimension)["S"] - equation.rhs],
        ("isotherm",),
        adiabat,
    )
    return builder.finish("The equations of state of a scale-invariant loss", GasPoint.exact, dimension)


def _surface(equation: Eq, point: GasPoint) -> Iterable[Expr]:
    """The power of r, by the radial part `Γ(d/2)/2` of `∫ e^{−w²} dw` in polar coordinates; and `log z`."""
    profile = sp.lambdify(r, equation.rhs.subs(n.DIMENSION, point.dimension) / sp.exp(_log_z), "mpmath")
    with mpmath.workdps(DIGITS + 10):
        radial = mpmath.quad(lambda x: profile(x) * mpmath.exp(-(x**2)), [0, 1, 3, 12])
    yield sp.Float(radial, DIGITS + 10) - sp.gamma(sp.Rational(point.dimension, 2)) / 2
    yield sp.log(point.average(0)) - _with_partition(_log_z, point)


def _with_partition(expression: sp.Expr, point: GasPoint) -> sp.Expr:
    return expression.replace(_LogPartitionOfLoss, lambda t: LogPartition(point.dimension, 1 / t)).doit()


def _gibbs_entropy(point: GasPoint) -> sp.Expr:
    """`−∫ ρ log ρ` by quadrature."""
    z, energy = point.average(0), point.average(1)
    return sp.log(z) + energy / z / T
