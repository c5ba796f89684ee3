"""From the partition function of any scale-invariant loss to its equations of state."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Eq, Function

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations import Derivation
from thermo_ideal.symbolic.derivations._draft import Draft
from thermo_ideal.symbolic.gas._ground import GasPoint
from thermo_ideal.symbolic.gas._model import calorically_perfect, scale_invariant, von_mises_fisher
from thermo_ideal.symbolic.gas._von_mises_fisher import LogPartition

T, V, p, r, sigma = n.TEMPERATURE, n.VOLUME, n.PRESSURE, n.RADIUS, n.NOISE_SCALE
_Z, _F, _S, _U, _S_dir = sp.symbols("Z F S U S_dir")
_R = (n.DIMENSION - 1) / 2


class _LogPartitionOfLoss(Function):
    """`log z(T)`, of a loss that nothing is known of."""

    nargs = 1

    def _sympystr(self, printer: Any) -> str:
        return f"log_z({printer._print(self.args[0])})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\log{f'^{{{exp}}}' if exp else ''} z({printer._print(self.args[0])})"


_log_z = _LogPartitionOfLoss(T)


def equations_of_state(dimension: int | None = None) -> Derivation:
    """Derives the ideal-gas law of every scale-invariant loss, its energy and its entropy, from `F = −T log Z`.

    Args:
        dimension: an explicit `d ≥ 2`, or None.

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

    Source: THEORY §5.
    """
    draft = Draft()
    Z = r ** (n.DIMENSION - 1) * sp.exp(_log_z)
    draft.add(
        "partition_function",
        "the partition function on the sphere of radius r",
        Eq(_Z, Z),
        "∫ e^{−L/T} over |w| = r: the loss is the same on every sphere, and the surface grows as r^{d−1}",
        lambda equation, point: [point.average(0) * r ** (n.DIMENSION - 1) - _with_partition(equation.rhs, point)],
    )
    F = -T * _log_z - _R * T * sp.log(2 * V)
    draft.add(
        "helmholtz_energy",
        "the Helmholtz energy",
        Eq(_F, F),
        "F = −T log Z with V = r²/2",
        lambda equation, point: [
            -T * sp.log(point.average(0)) - _R * T * sp.log(2 * V) - _with_partition(equation.rhs, point)
        ],
        ("partition_function",),
        F,
    )
    gas = scale_invariant()
    draft.add(
        "pressure",
        "the thermal equation of state is ideal, whatever the loss",
        Eq(p, gas["p"]),
        "p = −∂F/∂V: log z does not know the volume, so pV = RT with R = (d − 1)/2",
        uses=("helmholtz_energy",),
        result=gas["p"],
    )
    internal = T**2 * sp.diff(_log_z, T)
    draft.add(
        "internal_energy",
        "the internal energy is a function of the temperature alone",
        Eq(_U, internal),
        "U = F + TS = −T² ∂(F/T)/∂T, the mean loss",
        lambda equation, point: [point.average(1) / point.average(0) - _with_partition(equation.rhs, point)],
        ("helmholtz_energy",),
        internal,
    )
    entropy = _S_dir + (n.DIMENSION - 1) * sp.log(r)
    draft.add(
        "entropy",
        "the entropy splits into direction and radius",
        Eq(_S, entropy),
        "S = −∂F/∂T; S_dir = log z + U/T is the entropy of the Gibbs density on the unit sphere",
        lambda equation, point: [_S - equation.rhs.subs(_S_dir, _gibbs_entropy(point))],
        ("helmholtz_energy", "internal_energy"),
        entropy,
    )
    isotherm = n.LEARNING_RATE * sigma**2 / 4
    draft.add(
        "isotherm",
        "a learning rate fixes the product of temperature and volume",
        Eq(T * V, isotherm),
        "T = η_eff σ²/2, η_eff = η/r² and V = r²/2",
        lambda equation, point: [
            n.EFFECTIVE_LEARNING_RATE * sigma**2 / 2 * r**2 / 2
            - equation.rhs.subs(n.LEARNING_RATE, n.EFFECTIVE_LEARNING_RATE * r**2)
        ],
        result=isotherm,
    )
    adiabat = _R * sp.log(sp.pi * sp.E * n.LEARNING_RATE * sigma**2)
    draft.add(
        "adiabat",
        "at low temperature a learning rate fixes the entropy: weight decay moves along an adiabat",
        Eq(_S, adiabat),
        "S = R log(4πe TV) of the calorically perfect gas",
        lambda equation, point: [calorically_perfect(point.dimension)["S"] - equation.rhs],
        ("isotherm",),
        adiabat,
    )
    return draft.finish("The equations of state of a scale-invariant loss", _exact, dimension)


def _exact(dimension: int) -> GasPoint:
    return GasPoint(von_mises_fisher(dimension))


def _with_partition(expression: sp.Expr, point: GasPoint) -> sp.Expr:
    return expression.replace(_LogPartitionOfLoss, lambda t: LogPartition(point.dimension, 1 / t)).doit()


def _gibbs_entropy(point: GasPoint) -> sp.Expr:
    """`−∫ ρ log ρ` by quadrature."""
    z, energy = point.average(0), point.average(1)
    return sp.log(z) + energy / z / T
