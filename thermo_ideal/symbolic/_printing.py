"""How expressions, equations and stochastic differentials are written, in full and in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from textwrap import wrap

import sympy as sp
from sympy import Eq, Expr

from thermo_ideal.symbolic import _notation as n

_WIDTH = 110
_MOST_LINES = 12


def plain(expression: Expr | Eq) -> str:
    """An expression, or an equation with its sign of equality, as text."""
    return f"{expression.lhs} = {expression.rhs}" if isinstance(expression, Eq) else str(expression)


def latex(expression: Expr | Eq) -> str:
    """An expression or an equation in LaTeX, under the names of the notation."""
    # A prime in braces can have an exponent beside it.
    names = {
        s: n.LATEX.get(s.name, f"{{{s.name}}}") for s in expression.free_symbols if s.name in n.LATEX or "'" in s.name
    }
    return str(sp.latex(expression, symbol_names=names))


def displayed(text: str) -> str:
    """LaTeX as a notebook shows it."""
    return rf"$\displaystyle {text}$"


def aligned(rows: Iterable[str]) -> str:
    """Equations in LaTeX with `&` before their signs of equality, one below the other, as a notebook shows them."""
    return displayed(r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}")


def summary(title: str, lines: Iterable[str] = ()) -> str:
    """A title, wrapped, and indented lines below it, none too long and not too many: what `repr` returns."""
    below = list(lines)
    if len(below) > _MOST_LINES:
        below = [*below[: _MOST_LINES - 1], f"… {len(below) - _MOST_LINES + 1} more"]
    return "\n".join([*wrap(title, _WIDTH), *(shortened(f"  {line}") for line in below)])


def shortened(line: str) -> str:
    """A line that is cut where it is too long."""
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 2]} …"


@dataclass(frozen=True)
class Language:
    """Text or LaTeX: how a stochastic differential is written.

    Args:
        expression: writes an expression.
        product: a coefficient and an increment, for `str.format`.
        increment: that of the Brownian motion k, for `str.format`.
        stratonovich: the sign before an increment in Stratonovich's convention.
        total: the sign of a sum over k.
    """

    expression: Callable[[Expr], str]
    product: str
    increment: str
    stratonovich: str
    total: str

    def term(self, coefficient: Expr, increment: str) -> list[str]:
        """`(a) dt`; nothing where the coefficient is 0."""
        return [] if coefficient == 0 else [self.product.format(self.expression(coefficient), increment)]


TEXT = Language(str, "({}) {}", "dB_{}", "∘ ", "Σ_k ")
LATEX = Language(sp.latex, r"\left({}\right) {}", "dB_{{{}}}", r"\circ ", r"\sum_k ")
