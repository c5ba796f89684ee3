"""A partial derivative of thermodynamics, unevaluated."""

from __future__ import annotations

from typing import Any

import sympy as sp


class Partial(sp.Expr):
    """`(∂X/∂Y)_Z`, unevaluated, of expressions in the symbols of quantities.

    Args:
        X: the quantity that is differentiated.
        Y: the quantity that varies.
        Z: the quantity that is held fixed.

    Example:
        >>> import sympy as sp
        >>> S, p, T = sp.symbols("S p T")
        >>> Partial(S, p, T)
        d(S)/d(p)|T
    """

    is_commutative = True

    def _sympystr(self, printer: Any) -> str:
        X, Y, Z = map(printer._print, self.args)
        return f"d({X})/d({Y})|{Z}"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        X, Y, Z = map(printer._print, self.args)
        written = rf"\left(\frac{{\partial {X}}}{{\partial {Y}}}\right)_{{{Z}}}"
        return written if exp is None else rf"{written}^{{{exp}}}"
