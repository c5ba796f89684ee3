"""Derivations in LaTeX: claims in ASCII, and equations that are broken where they would be wider than a page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from sympy import Add, Eq, Expr, Mul

from thermo_ideal.symbolic._printing import latex

_WIDTH = 52  # letters that a line of an equation may take on an A4 page in 10 pt, less an indent
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|\S")
_SPACING = ("left", "right", "displaystyle", "limits", "text", "mathbf", "mathcal", "bar", "begin", "end")
_WIDE = {"log": 2.5, "exp": 2.8, "sum": 2.6, "int": 1.7, "sqrt": 1.7, "quad": 1.7, "qquad": 3.4}
_ACCENTED = re.compile("(\\w)([\u0300-\u030c])")
_ACCENTS = {
    "\N{COMBINING MACRON}": r"$\bar{{{}}}$",
    "\N{COMBINING DOT ABOVE}": r"$\dot{{{}}}$",
    "\N{COMBINING GRAVE ACCENT}": r"\`{{{}}}",
    "\N{COMBINING ACUTE ACCENT}": r"\'{{{}}}",
    "\N{COMBINING CIRCUMFLEX ACCENT}": r"\^{{{}}}",
    "\N{COMBINING DIAERESIS}": r"\"{{{}}}",
}
_SIGNS = {"−": "-", "·": r"\cdot", "×": r"\times", "²": "^2", "³": "^3", "⁴": "^4", "∂": r"\partial", "∇": r"\nabla"}
_SIGNS |= {
    "≤": r"\le",
    "≥": r"\ge",
    "≪": r"\ll",
    "∝": r"\propto",
    "→": r"\to",
    "∞": r"\infty",
    "√": r"\surd",
    "½": r"\tfrac12",
}


def text(sentence: str) -> str:
    """A sentence in ASCII, as the text mode of LaTeX reads it.

    Raises:
        ValueError: there is no LaTeX for one of its characters.
    """
    decomposed = unicodedata.normalize("NFD", sentence)
    written = _ACCENTED.sub(lambda found: _ACCENTS[found[2]].format(found[1]), decomposed)
    return "".join(character if character.isascii() else _character(character) for character in written)


def _character(character: str) -> str:
    if character in "–—":
        return "--"
    if character in _SIGNS:
        return f"${_SIGNS[character]}$"
    kind, _, letter = unicodedata.name(character, "").partition(" LETTER ")
    if kind not in ("GREEK SMALL", "GREEK CAPITAL"):
        raise ValueError(f"sentence: got {character!r}, which has no LaTeX here; write it in words")
    letter = letter.replace("LAMDA", "LAMBDA")
    return rf"$\{letter.lower() if kind == 'GREEK SMALL' else letter.capitalize()}$"


def rows(equation: Eq) -> list[str]:
    """The lines of an equation with `&` where they are aligned: one, or one for each few terms of a wide side."""
    left, right = latex(equation.lhs), latex(equation.rhs)
    if width(f"{left} = {right}") <= _WIDTH:
        return [rf"&\quad {left} = {right}"]
    first, *further = _broken(equation.lhs)
    *before, last = [rf"&\quad {first}", *(rf"&\qquad {line}" for line in further)]
    return [*before, f"{last} =", *(rf"&\qquad {line}" for line in _broken(equation.rhs))]


def _broken(side: Expr) -> Iterable[str]:
    """The lines of one side: a few terms of a sum on each, or a few factors of a product."""
    terms: Iterable[tuple[str, str]] = [(latex(side), "")]
    if isinstance(side, Add):
        terms = ((latex(term), "+ ") for term in side.as_ordered_terms())
    elif isinstance(side, Mul) and width(latex(side)) > _WIDTH:
        factors = ((latex(factor), factor) for factor in side.as_ordered_factors())
        terms = ((rf"\left({written}\right)" if factor.is_Add else written, r"\cdot ") for written, factor in factors)
    return _packed(terms)


def _packed(terms: Iterable[tuple[str, str]]) -> Iterable[str]:
    """The terms with the signs before them, as many on a line as it can take."""
    line = start = ""
    for written, sign in terms:
        signed = written if written.startswith("-") or not start else sign + written
        if line and width(f"{line} {signed}") > _WIDTH:
            yield line
            line = ""
        line = start = f"{line} {signed}".strip()
    yield line


def width(formula: str) -> float:
    """About how wide a formula is set, in the widths of a letter: of a fraction, its wider part."""
    tokens = _TOKEN.findall(formula)
    return _width(tokens)


def _width(tokens: list[str]) -> float:
    total = 0.0
    while tokens:
        token = tokens.pop(0)
        if token == "}":
            break
        if token == "{":
            total += _width(tokens)
        elif token in ("^", "_"):
            total += 0.7 * _argument(tokens)
        elif token == r"\frac":
            total += 0.4 + max(_argument(tokens), _argument(tokens))
        elif token.startswith("\\"):
            name = token[1:]
            total += 0 if name in _SPACING else 0.3 if name in (",", ";", " ") else _WIDE.get(name, 1.2)
        else:
            total += 2 if token in "+-=" else 1
    return total


def _argument(tokens: list[str]) -> float:
    if tokens and tokens[0] == "{":
        tokens.pop(0)
        return _width(tokens)
    return _width([tokens.pop(0)]) if tokens else 0.0
