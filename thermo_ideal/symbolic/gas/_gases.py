"""The gases of an arbitrary scale-invariant loss, of the loss `1 − μ·w̄`, and of a quadratic loss."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Expr, Function

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._von_mises_fisher import LogPartition
from thermo_ideal.symbolic.gas._model import Gas, T, V


class HeatCapacity(Function):
    """`C_V(T)`, an unknown function: the heat capacity of a gas whose energy depends on the temperature alone."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return "C_V" if exp is None else rf"C_V^{{{exp}}}"


class MeanLoss(Function):
    """`U(T)`, an unknown function with `dU/dT = C_V`."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """`C_V`."""
        return HeatCapacity(*self.args)


class DirectionEntropy(Function):
    """`S_dir(T)`, an unknown function with `dS_dir/dT = C_V/T`."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """`C_V/T`."""
        return HeatCapacity(*self.args) / self.args[0]


def _dimension(dimension: Expr | int | float) -> Expr:
    d = sp.sympify(dimension)
    if d.is_number and not d >= 2:
        raise ValueError(f"dimension: got {dimension}, expected a number ≥ 2 (d = 2 is a circle) or a symbol")
    return d


def scale_invariant(dimension: Expr | int = n.DIMENSION) -> Gas:
    """The gas of an arbitrary scale-invariant loss, `F = U(T) − T S_dir(T) − R T log 2V` with unknown `U` and `S_dir`.

    For every such loss the partition function on the sphere of radius r is `r^{d−1}` times that on the unit sphere.

    Args:
        dimension: `d ≥ 2`, a number or a symbol.

    Returns:
        The gas, with the unknown functions `MeanLoss(T)`, `DirectionEntropy(T)` and `HeatCapacity(T)`.

    Raises:
        ValueError: `dimension < 2`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.scale_invariant()["p*V/T"], gas.scale_invariant(3).partial("U", "V", at="T")
        (d/2 - 1/2, 0)

    Source: arXiv 2511.07308.
    """
    d = _dimension(dimension)
    F = MeanLoss(T) - T * DirectionEntropy(T) - (d - 1) / 2 * T * sp.log(2 * V)
    return Gas(F, d, "gas of any scale-invariant loss")


def von_mises_fisher(dimension: Expr | int = n.DIMENSION) -> Gas:
    """The exact gas of the loss `1 − μ·w̄`, `F = −T log z_d(1/T) − R T log 2V`.

    Args:
        dimension: `d ≥ 2`, a number or a symbol.

    Returns:
        The gas, in terms of `MeanResultantLength` and `LogPartition`.

    Raises:
        ValueError: `dimension < 2`.

    Example:
        >>> von_mises_fisher(3)["U"]
        1 - MeanResultantLength(3, 1/T)

    Source: Mardia & Jupp, Directional Statistics, section 9.3, for the partition function.
    """
    d = _dimension(dimension)
    return Gas(-T * LogPartition(d, 1 / T) - (d - 1) / 2 * T * sp.log(2 * V), d, "von Mises–Fisher gas")


def calorically_perfect(dimension: Expr | int = n.DIMENSION) -> Gas:
    """The gas of a quadratic loss, `F = −R T log(4π T V)` with `C_V = R`: the limit of low temperature.

    Args:
        dimension: `d ≥ 2`, a number or a symbol.

    Returns:
        The gas, with γ = 2.

    Raises:
        ValueError: `dimension < 2`.

    Example:
        >>> calorically_perfect(7)["C_V"], calorically_perfect(7)["C_p"]
        (3, 6)

    Source: arXiv 2511.07308.
    """
    d = _dimension(dimension)
    return Gas(-(d - 1) / 2 * T * sp.log(4 * sp.pi * T * V), d, "calorically perfect gas")


_default = scale_invariant()


def partial(X: str | Expr, Y: str | Expr | None = None, at: str | Expr | None = None, order: int = 1) -> Expr:
    """`(∂X/∂Y)_Z` of the gas of an arbitrary scale-invariant loss, by `Gas.partial`.

    Args:
        X: the quantity that is differentiated; without Y, a text with derivatives in it, as in "(dS/dT)_V",
            "d(S)/d(log(lambda))|eta" or "d2U/dTdV".
        Y: the quantity with respect to which X is differentiated.
        at: Z, which is held fixed.
        order: of the derivative, 1 to 3.

    Returns:
        A function of `T` and `V`, with `HeatCapacity(T)` for what depends on the loss.

    Raises:
        ValueError: a name is unknown, one of Y and `at` is missing, or Y is constant where Z is.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.partial("S", "log(r)", at="eta_eff")
        d - 1

    Source: H. Carroll, J. Chem. Educ. 42, 218 (1965), on the method of Jacobians.
    """
    return _default.partial(X, Y, at, order)
