"""von Mises–Fisher statistics as SymPy functions with their derivatives, and their series to any order."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp
from sympy import Expr, Function, Rational
from sympy.core.function import ArgumentIndexError

from thermo_ideal.symbolic import _notation as n

# The series of Bessel functions needs about as many terms as d or κ; mpmath gives up early unless it is told not to.
_TERMS = 10**8
# Printers of code ask for these by name, so that nothing is imported before a user lowers an expression.
_NUMPY = "thermo_ideal.symbolic._von_mises_fisher_numbers"
_JAX = "thermo_ideal.distributions.von_mises_fisher"


class _FunctionOfConcentration(Function):
    """A function of dimension and concentration whose derivative with respect to the concentration is known.

    `sympy.lambdify` lowers it to NumPy, SciPy, mpmath and JAX.
    """

    _number: ClassVar[str]

    def _slope(self) -> Expr:
        raise NotImplementedError

    def fdiff(self, argindex: int = 2) -> Expr:
        """The derivative with respect to `κ`.

        Args:
            argindex: 2, the position of `κ`.

        Returns:
            The derivative.

        Raises:
            ArgumentIndexError: the derivative with respect to the dimension is not known.
        """
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        return self._slope()

    def _eval_evalf(self, prec: int) -> Expr:
        return self.rewrite(sp.besseli)._eval_evalf(prec)

    def _numpycode(self, printer: Any) -> str:
        return _call(printer, f"{_NUMPY}.{self._number}", self.args)

    _scipycode = _numpycode


def _call(printer: Any, function: str, arguments: tuple[Expr, ...], more: str = "") -> str:
    """The code that calls a function under its full name."""
    return f"{printer._module_format(function)}({', '.join(map(printer._print, arguments))}{more})"


def _hypergeometric(printer: Any, b: Expr, kappa: Expr) -> str:
    """`₀F₁(b; κ²/4)`, in mpmath."""
    return _call(printer, "mpmath.hyp0f1", (b, kappa**2 / 4), f", maxterms={_TERMS}")


class MeanResultantLength(_FunctionOfConcentration):
    """`A_d(κ) = I_{d/2}(κ)/I_{d/2−1}(κ)`, the mean overlap of a von Mises–Fisher law on `S^{d−1}`.

    Its derivative is that of Riccati's equation, `A' = 1 − A² − (d−1)A/κ`, so all derivatives are rational in `A`.
    `.rewrite(besseli)` gives Bessel functions, which `sympy.besselsimp` makes elementary at odd d.

    Args:
        d: the dimension.
        kappa: the concentration.

    Example:
        >>> import sympy as sp
        >>> d, kappa = sp.symbols("d kappa", positive=True)
        >>> MeanResultantLength(d, kappa).diff(kappa)
        -MeanResultantLength(d, kappa)**2 + 1 - (d - 1)*MeanResultantLength(d, kappa)/kappa
        >>> elementary = sp.besselsimp(MeanResultantLength(3, kappa).rewrite(sp.besseli))
        >>> elementary.has(sp.besseli), elementary.equals(sp.coth(kappa) - 1 / kappa)
        (False, True)
        >>> MeanResultantLength(3, 2).n(10)
        0.5373147207
        >>> resultant = sp.lambdify((d, kappa), MeanResultantLength(d, kappa), "numpy")
        >>> round(float(resultant(1e4, 1e6)), 6)
        0.995013

    Source: Mardia & Jupp, Directional Statistics, appendix 1.
    """

    nargs = 2
    _number = "mean_resultant_length"

    def _mpmathcode(self, printer: Any) -> str:
        d, kappa = self.args
        above, below = (_hypergeometric(printer, b, kappa) for b in (d / 2 + 1, d / 2))
        return f"(({printer._print(kappa / d)})*{above}/{below})"

    def _jaxcode(self, printer: Any) -> str:
        return _call(printer, f"{_JAX}.mean_resultant_length", self.args)

    def _slope(self) -> Expr:
        d, kappa = self.args
        return 1 - self**2 - (d - 1) * self / kappa

    def _eval_rewrite_as_besseli(self, d: Expr, kappa: Expr, **hints: Any) -> Expr:
        return sp.besseli(d / 2, kappa) / sp.besseli(d / 2 - 1, kappa)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        d, kappa = map(printer.doprint, self.args)
        return rf"A_{{{d}}}" + (rf"^{{{exp}}}" if exp else "") + rf"\left({kappa}\right)"


class LogPartition(_FunctionOfConcentration):
    """`log z_d(κ)`, with `z = ∫ e^{−κ(1−μ·w̄)} dw̄ = (2π)^{d/2} κ^{1−d/2} I_{d/2−1}(κ) e^{−κ}` over `S^{d−1}`.

    Its derivative is `A − 1`, minus the mean of the loss `1 − μ·w̄`.

    Args:
        d: the dimension.
        kappa: the concentration.

    Example:
        >>> from sympy.abc import d, kappa
        >>> LogPartition(d, kappa).diff(kappa)
        MeanResultantLength(d, kappa) - 1
        >>> LogPartition(3, 2).n(10)
        1.126244439

    Source: Mardia & Jupp, Directional Statistics, section 9.3.
    """

    nargs = 2
    _number = "log_partition"

    def _mpmathcode(self, printer: Any) -> str:
        # One logarithm of a product, none of whose factors overflows in mpmath: their logarithms would cancel.
        d, kappa = self.args
        factor = 2 * sp.pi ** (d / 2) / sp.gamma(d / 2) * sp.exp(-kappa)
        logarithm = printer._module_format("mpmath.log")
        return f"{logarithm}(({printer._print(factor)})*{_hypergeometric(printer, d / 2, kappa)})"

    def _jaxcode(self, printer: Any) -> str:
        return f"(-{_call(printer, f'{_JAX}.log_normalizer_scaled', self.args)})"

    def _slope(self) -> Expr:
        return MeanResultantLength(*self.args) - 1

    def _eval_rewrite_as_besseli(self, d: Expr, kappa: Expr, **hints: Any) -> Expr:
        nu = d / 2 - 1
        return (nu + 1) * sp.log(2 * sp.pi) - nu * sp.log(kappa) + sp.log(sp.besseli(nu, kappa)) - kappa

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        d, kappa = map(printer.doprint, self.args)
        power = rf"^{{{exp}}}" if exp else ""
        return rf"\log{power} z_{{{d}}}\left({kappa}\right)"


def _require_order(order: int) -> None:
    if order < 1:
        raise ValueError(f"order: got {order}, expected the number of terms of the series, at least 1, as in order=3")


_K, _D = sp.field("D", sp.QQ)  # rational functions of the dimension, with fast arithmetic


def _at(coefficients: list[Any], dimension: Expr) -> list[Expr]:
    return [sp.factor(coefficient.as_expr().subs(sp.Symbol("D"), dimension)) for coefficient in coefficients]


def low_temperature_coefficients(order: int, dimension: Expr = n.DIMENSION) -> list[Expr]:
    """`c_0 = 1, c_1, …, c_order` of `A = Σ c_k κ^{−k}`, from Riccati's equation.

    With `A' = 1 − A² − (d−1)A/κ` the power `κ^{−k}` gives `2c_k = (k − d) c_{k−1} − Σ_{0<i<k} c_i c_{k−i}`.
    """
    c = [_K(1)]
    for k in range(1, order + 1):
        products = sum((c[i] * c[k - i] for i in range(1, k)), _K(0))
        c.append(((k - _D) * c[k - 1] - products) / 2)
    return _at(c, dimension)


def high_temperature_coefficients(order: int, dimension: Expr = n.DIMENSION) -> list[Expr]:
    """`a_0 = 1/d, …, a_{order−1}` of `A = Σ a_k κ^{2k+1}`, from Riccati's equation.

    The power `κ^{2k}` gives `(2k + d) a_k = −Σ_{i+j=k−1} a_i a_j`.
    """
    a = [1 / _D]
    for k in range(1, order):
        a.append(-sum((a[i] * a[k - 1 - i] for i in range(k)), _K(0)) / (2 * k + _D))
    return _at(a, dimension)


def low_temperature_series(quantity: str, order: int, dimension: Expr | int = n.DIMENSION) -> Expr:
    """A property of the von Mises–Fisher gas as a series in `T = 1/κ`.

    `U = (d−1)T/2 − (d−1)(d−3)T²/8 + …`, `C_V = dU/dT` and `S_dir = ((d−1)/2) log(2πeT) + …`.

    Args:
        quantity: "internal_energy" (`U = 1 − A`), "heat_capacity_volume" or "direction_entropy".
        order: the number of powers of T (for the entropy, beside the logarithm).
        dimension: `d`.

    Returns:
        The series, asymptotic as `T → 0`; at d = 3 it is finite, and its error is of order `e^{−2/T}`.

    Raises:
        ValueError: there is no series of that quantity, or `order < 1`.

    Example:
        >>> low_temperature_series("internal_energy", 2)
        -T**2*(d - 3)*(d - 1)/8 + T*(d - 1)/2
        >>> low_temperature_series("heat_capacity_volume", 1)
        (d - 1)/2

    Source: the recurrence that Riccati's equation gives for the coefficients.
    """
    _require_order(order)
    T, d = n.TEMPERATURE, sp.sympify(dimension)
    u = [-c for c in low_temperature_coefficients(order + 1, d)]  # U = Σ_{k≥1} u_k T^k
    if quantity == "internal_energy":
        return sum(u[k] * T**k for k in range(1, order + 1))
    if quantity == "heat_capacity_volume":
        return sum(k * u[k] * T ** (k - 1) for k in range(1, order + 1))
    if quantity == "direction_entropy":
        # dS = C_V dT/T, and the law tends to a Gaussian of variance T in d − 1 dimensions as T → 0.
        gaussian = (d - 1) / 2 * sp.log(2 * sp.pi * sp.E * T)
        return gaussian + sum(Rational(k, k - 1) * u[k] * T ** (k - 1) for k in range(2, order + 2))
    raise ValueError(f"quantity: got {quantity!r}, expected one of {', '.join(map(repr, SERIES))}")


def high_temperature_series(quantity: str, order: int, dimension: Expr | int = n.DIMENSION) -> Expr:
    """A property of the von Mises–Fisher gas as a series in `κ = 1/T`, convergent for small κ.

    `U = 1 − κ/d + …`, `C_V = κ²/d + …` and `S_dir = log|S^{d−1}| − κ²/2d + …`.

    Args:
        quantity: "internal_energy" (`U = 1 − A`), "heat_capacity_volume" or "direction_entropy".
        order: the number of powers of κ beside the value for the uniform law.
        dimension: `d`.

    Returns:
        The series.

    Raises:
        ValueError: there is no series of that quantity, or `order < 1`.

    Example:
        >>> high_temperature_series("internal_energy", 2)
        1 - 1/(T*d) + 1/(T**3*d**2*(d + 2))
        >>> high_temperature_series("heat_capacity_volume", 1)
        1/(T**2*d)

    Source: the recurrence that Riccati's equation gives for the coefficients.
    """
    _require_order(order)
    kappa, d = 1 / n.TEMPERATURE, sp.sympify(dimension)
    a = high_temperature_coefficients(order, d)
    if quantity == "internal_energy":
        return 1 - sum(a[k] * kappa ** (2 * k + 1) for k in range(order))
    if quantity == "heat_capacity_volume":
        return sum((2 * k + 1) * a[k] * kappa ** (2 * k + 2) for k in range(order))
    if quantity == "direction_entropy":
        # dS = −κ A' dκ, and the uniform law has the entropy log|S^{d−1}|.
        uniform = sp.log(2) + d / 2 * sp.log(sp.pi) - sp.log(sp.gamma(d / 2))
        return uniform - sum(Rational(2 * k + 1, 2 * k + 2) * a[k] * kappa ** (2 * k + 2) for k in range(order))
    raise ValueError(f"quantity: got {quantity!r}, expected one of {', '.join(map(repr, SERIES))}")


SERIES = ("internal_energy", "heat_capacity_volume", "direction_entropy")
