"""What the options of all commands are made of: whole numbers that are not rounded, and text that no stream loses."""

import codecs
import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from cyclopts import Parameter, Token

_LARGEST_POWER = 307  # of ten; more digits than a number has are a slip


def whole_number(text: str, minimum: int) -> int:
    """The whole number that was typed, as 12, 1e9 or 3.0.

    Args:
        text: as typed.
        minimum: the smallest that is allowed.

    Raises:
        ValueError: it is none, or is below the minimum or beyond 1e307.

    Example:
        >>> whole_number("1e9", 2), whole_number("43692.0", 2)
        (1000000000, 43692)
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    whole = number.is_finite() and number.adjusted() <= _LARGEST_POWER and number == number.to_integral_value()
    if not (whole and number >= minimum):
        raise ValueError(f"got {text}, expected a whole number ≥ {minimum}, as in 12 or 1e9")
    return int(number)


def _option(minimum: int) -> Parameter:
    def convert(type_: Any, tokens: Sequence[Token]) -> int:
        return whole_number(tokens[0].value, minimum)

    return Parameter(converter=convert, n_tokens=1)


DIMENSION = _option(2)
"""Of an option `d`, whose annotation it stands in: a number with a fraction is refused, not rounded."""
COUNT = _option(0)
"""Of an option that counts something, or of a seed; likewise."""

ASCII = "thermo-ideal-ascii"
"""The name of the error handler of streams that lack characters: symbols become their names, anything else its code."""

_NAMES = {
    **{
        "−": "-",
        "–": "-",
        "—": "-",
        "×": "x",
        "·": "*",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "∝": "~",
        "±": "+-",
        "≠": "!=",
    },
    **{"∂": "d", "Δ": "Delta", "∇": "grad ", "∫": "int ", "∞": "inf", "√": "sqrt", "→": "->", "…": "...", "ö": "oe"},
    **{"’": "'", "‘": "'", "“": '"', "”": '"', "\N{COMBINING MACRON}": "bar", "│": "|", "─": "-", "Σ": "Sigma"},
}


def ascii_name(character: str) -> str:
    r"""What stands for a character in ASCII: "eta" for η, "^2" for ², its code where it has no name.

    Args:
        character: one.

    Example:
        >>> "".join(map(ascii_name, "η²≥δ")), ascii_name("\u2603")
        ('eta^2>=delta', '\\u2603')
    """
    if character in _NAMES:
        return _NAMES[character]
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and words[2:3] == ["LETTER"]:
        return words[3].lower() if words[1] == "SMALL" else words[3].capitalize()
    plain = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    if plain and plain.isascii():
        mark = {"SUPERSCRIPT": "^", "SUBSCRIPT": "_"}.get(words[0], "")
        return mark + plain
    return character.encode("ascii", "backslashreplace").decode()


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(ascii_name, error.object[error.start : error.end])), error.end


codecs.register_error(ASCII, _replace)
