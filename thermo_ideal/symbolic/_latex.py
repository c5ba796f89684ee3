"""Derivations in LaTeX: claims in ASCII, and equations that are broken where they would be wider than a page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from sympy import Add, Eq, Expr

from thermo_ideal.symbolic._printing import latex

_WIDTH = 52  # quads of an A4 page in 10 pt that an equation may take, less an indent
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|\S")
_SPACING = ("left", "right", "displaystyle", "limits", "text", "mathbf", "mathcal", "bar", "begin", "end")
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
    """The lines of an equation with `&` where they are aligned: one, or one for each few terms of a wide right side."""
    left, right = latex(equation.lhs), latex(equation.rhs)
    if width(f"{left} = {right}") <= _WIDTH or not isinstance(equation.rhs, Add):
        return [rf"&\quad {left} = {right}"]
    lines = [rf"&\quad {left} ="]
    for line in _packed(equation.rhs.as_ordered_terms()):
        lines.append(rf"&\qquad {line}")
    return lines


def _packed(terms: Iterable[Expr]) -> Iterable[str]:
    """The terms with their signs, as many on a line as it can take."""
    line = ""
    for term in terms:
        written = latex(term)
        signed = written if written.startswith("-") or not line else f"+ {written}"
        if line and width(f"{line} {signed}") > _WIDTH:
            yield line
            line = signed if signed.startswith(("-", "+")) else f"+ {signed}"
        else:
            line = f"{line} {signed}".strip()
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
            total += max(_argument(tokens), _argument(tokens))
        elif token.startswith("\\"):
            name = token[1:]
            total += 0 if name in _SPACING else 0.3 if name in (",", ";", " ") else 1.2
        else:
            total += 1.6 if token in "+-=" else 1
    return total


def _argument(tokens: list[str]) -> float:
    if tokens and tokens[0] == "{":
        tokens.pop(0)
        return _width(tokens)
    return _width([tokens.pop(0)]) if tokens else 0.0
