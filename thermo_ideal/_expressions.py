"""Expressions of thermodynamics as text, such as `(dS/dT)_V`, `d2U/dTdV` or `d(S)/d(log(lambda))|eta`.

An `Algebra` says what an expression is made of: SymPy expressions, or functions of a state. The names of the quantities
are those of the dictionary.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Algebra(Generic[_Value]):
    """What the parts of an expression are made of.

    Args:
        number: makes the value of a literal from its text.
        pi: the value of π.
        functions: the functions of one value, by name.
        operate: applies a function of the module `operator` to one or two values.
        differentiate: makes `(∂X/∂Y)_Z` from X, Y, Z and the order of the derivative.
    """

    number: Callable[[str], _Value]
    pi: _Value
    functions: Mapping[str, Callable[[_Value], _Value]]
    operate: Callable[..., _Value]
    differentiate: Callable[[_Value, _Value, _Value, int], _Value]


HIGHEST_ORDER = 3
"""Of a derivative."""

# The mark `_` of what is held fixed follows a parenthesis at once.
_TOKEN = re.compile(r"(?<=\))_|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[^\W\d]\w*|\*\*|[-+*/^()|]")
_SUMS = {"+": operator.add, "-": operator.sub}
_PRODUCTS = {"*": operator.mul, "/": operator.truediv}
_ALIASES = {"P": "p"}
# What a potential is a function of where nothing is said to be held fixed.
_NATURAL = {"U": ("S", "V"), "H": ("S", "p"), "F": ("T", "V"), "G": ("T", "p")}
_GRAMMAR = (
    "arithmetic of names, pi, log, exp and sqrt, with derivatives as (dX/dY)_Z or d(X)/d(Y)|Z, d2X/dYdZ and (d3X/dY3)_Z"
)


def parse(text: str, names: Mapping[str, _Value], algebra: Algebra[_Value]) -> _Value:
    """The expression that a text stands for.

    A derivative is `(dX/dY)_Z` or `dX/dY|Z`, of second or third order `(d2X/dY2)_Z`, and `d(X)/d(Y)|Z` where X or Y is
    no name; Z is a name, a function of a name, or an expression in parentheses. A mixed derivative such as `d2X/dYdZ`
    is of X as a function of Y and Z. Without Z, a potential is a function of its natural variables, `d3G/dT3` is
    `(d3G/dT3)_p`. Derivatives nest, and P is the pressure too.

    Args:
        text: arithmetic of names, `pi`, `log`, `exp`, `sqrt` and derivatives.
        names: the value of every name.
        algebra: what the expression is made of.

    Returns:
        The value of the expression.

    Raises:
        ValueError: the text is not of this form, or it has an unknown name.

    Example:
        >>> numbers = Algebra(float, 3.14, {"sqrt": lambda x: x**0.5}, lambda f, *x: f(*x), lambda X, Y, Z, n: X / Y)
        >>> parse("P*V/T + sqrt(T) + (dV/dT)_p", {"p": 2.0, "V": 3.0, "T": 4.0}, numbers)
        4.25
    """
    return _Reader(text, names, algebra).whole()


@dataclass(frozen=True)
class _Operand(Generic[_Value]):
    """What is differentiated or varied, and how often."""

    value: _Value
    text: str
    order: int = 1

    @property
    def differential(self) -> str:
        """As a user types it, without the order."""
        return f"d{self.text}" if self.text.isidentifier() else f"d({self.text})"


class _Reader(Generic[_Value]):
    """Recursive descent through the tokens of a text."""

    def __init__(self, text: str, names: Mapping[str, _Value], algebra: Algebra[_Value]) -> None:
        self._text, self._algebra = text, algebra
        aliases = {alias: names[name] for alias, name in _ALIASES.items() if name in names and alias not in names}
        self._names, self._also = names, aliases | {"pi": algebra.pi}
        known = "|".join(map(re.escape, sorted([*names, *aliases], key=len, reverse=True)))
        self._differential = re.compile(rf"d(\d?)({known})(\d?)")
        self._differentials = re.compile(rf"d\d?(?:{known})\d?(?:d(?:{known})\d?)*")
        self._call = re.compile(rf"d(\d?)({'|'.join(algebra.functions)})?")
        self._tokens = list(self._read())  # each with its place in the text
        self._at = 0

    def _read(self) -> Iterator[tuple[str, int]]:
        open_at: list[int] = []
        place = 0
        while rest := self._text[place:].lstrip():
            place = len(self._text) - len(rest)
            found = _TOKEN.match(self._text, place)
            if found is None:
                raise self._error(repr(rest[0]), place)
            if found[0] == "(":
                open_at.append(place)
            elif found[0] == ")":
                if not open_at:
                    raise self._error("a parenthesis that is not opened", place)
                open_at.pop()
            yield found[0], place
            place = found.end()
        if open_at:
            raise self._error("a parenthesis that is not closed", open_at[-1], f"{self._text.rstrip()})")

    def _token(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at][0] if at < len(self._tokens) else ""

    def _place(self) -> int:
        return self._tokens[self._at][1] if self._token() else len(self._text)

    def _take(self, *expected: str) -> str:
        """The next token, which must be one of these if there are any."""
        token = self._token()
        if not token or (expected and token not in expected):
            raise self._error(repr(token) if token else "the end of the text", self._place())
        self._at += 1
        return token

    def _written(self, start: int) -> str:
        """The text from the token of that number to the last one that was taken."""
        last, place = self._tokens[self._at - 1]
        return self._text[self._tokens[start][1] : place + len(last)]

    def whole(self) -> _Value:
        """The value of the text."""
        value = self._sum()
        if self._token():
            raise self._error(repr(self._token()), self._place())
        return value

    def _sum(self) -> _Value:
        return self._chain(self._product, _SUMS)

    def _product(self) -> _Value:
        return self._chain(self._signed, _PRODUCTS)

    def _chain(self, part: Callable[[], _Value], operations: Mapping[str, Callable[[Any, Any], Any]]) -> _Value:
        value = part()
        while self._token() in operations:
            value = self._algebra.operate(operations[self._take()], value, part())
        return value

    def _signed(self) -> _Value:
        if self._token() not in ("+", "-"):
            return self._power()
        sign = self._take()
        value = self._signed()
        return value if sign == "+" else self._algebra.operate(operator.neg, value)

    def _power(self) -> _Value:
        value = self._atom()
        if self._token() not in ("**", "^"):
            return value
        self._take()
        return self._algebra.operate(operator.pow, value, self._signed())

    def _atom(self) -> _Value:
        if self._starts_derivative():
            return self._derivative()
        if self._token() == "(":
            return self._parenthesised()
        if re.match(r"[\d.]", self._token()):
            return self._algebra.number(self._take())
        return self._named()

    def _parenthesised(self) -> _Value:
        self._take("(")
        value = self._sum()
        self._take(")")
        return value

    def _named(self) -> _Value:
        """A name, or a function of an expression."""
        place, name = self._place(), self._take()
        if name in self._algebra.functions and self._token() == "(":
            return self._algebra.functions[name](self._parenthesised())
        if not name.isidentifier():
            raise self._error(repr(name), place)
        return self._value(name, place)

    def _value(self, name: str, place: int) -> _Value:
        if name in self._also:
            return self._also[name]
        if name not in self._names:
            raise ValueError(
                f"{self._text!r}, character {place + 1}: {name!r} is no quantity, expected one of "
                f"{', '.join(self._names)}"
            )
        return self._names[name]

    def _starts_differential(self, ahead: int = 0) -> bool:
        token = self._token(ahead)
        if self._token(ahead + 1) == "(":
            return self._call.fullmatch(token) is not None
        return token not in self._names and self._differentials.fullmatch(token) is not None

    def _starts_derivative(self) -> bool:
        """Whether a derivative follows, also one in parentheses of its own."""
        if self._token() != "(" or not self._starts_differential(1):
            return self._starts_differential()
        depth, signs = 0, []
        for token, _ in self._tokens[self._at :]:
            depth += {"(": 1, ")": -1}.get(token, 0)
            if depth == 0:
                break
            signs += [token] if depth == 1 and token in ("|", *_SUMS, *_PRODUCTS, "**", "^") else []
        return signs == ["/"]

    def _derivative(self) -> _Value:
        start, place, enclosed = self._at, self._place(), self._token() == "("
        if enclosed:
            self._take()
        X, by = self._ratio(place)
        if enclosed:
            self._take(")")
        written = self._written(start)
        if self._token() not in (("|", "_") if enclosed else ("|",)):
            return self._of_two_variables(X, by, written, place)
        mark = self._take()
        if len(by) > 1:
            line = f"d{X.order}{X.differential[1:]}/" + "".join(Y.differential + _times(Y.order) for Y in by)
            raise self._error(f"{written}{mark}, whose two variables leave nothing to hold fixed", place, line)
        if not re.match(r"\w|\(", self._token()):
            raise self._error(f"{written}{mark} with nothing behind it", place, f"{written}{mark}{_but(by[0].text)}")
        held = self._parenthesised() if self._token() == "(" else self._named()
        return self._algebra.differentiate(X.value, by[0].value, held, X.order)

    def _of_two_variables(self, X: _Operand[_Value], by: list[_Operand[_Value]], written: str, place: int) -> _Value:
        """The derivative of X as a function of the variables below it, or of a potential's natural variables."""
        if len(by) == 1:
            (Y,) = by
            natural = _NATURAL.get(X.text, ())
            others = [name for name in natural if name != _ALIASES.get(Y.text, Y.text)]
            if len(others) != 1:
                mark = "_" if written.startswith("(") else "|"
                line = f"{written}{mark}{_but(Y.text)}"
                raise self._error(f"{written} without |Z, what is held fixed", place, line)
            return self._algebra.differentiate(X.value, Y.value, self._value(others[0], place), X.order)
        Y, Z = by
        inner = self._algebra.differentiate(X.value, Z.value, Y.value, Z.order)
        return self._algebra.differentiate(inner, Y.value, Z.value, Y.order)

    def _ratio(self, place: int) -> tuple[_Operand[_Value], list[_Operand[_Value]]]:
        """`dX/dY` or `d2X/dYdZ`: what is differentiated, with the order, and by what."""
        X, *more = self._take_differentials()
        if self._token() != "/" or not self._starts_differential(1) or more:
            example = f"d({X.text})/d({_but(X.text)})|{_but(X.text, _but(X.text))}"
            raise self._error(f"a derivative of {X.text} without /d(…)", place, example)
        self._take("/")
        times: dict[str, _Operand[_Value]] = {}
        while self._starts_differential():
            for Y in self._take_differentials(behind=True):
                before = times[Y.text].order if Y.text in times else 0
                times[Y.text] = _Operand(Y.value, Y.text, before + Y.order)
        by = list(times.values())
        total = sum(Y.order for Y in by)
        if total != X.order or len(by) > 2 or total > HIGHEST_ORDER:
            self._refuse_order(X, by, place)
        return X, by

    def _refuse_order(self, X: _Operand[_Value], by: list[_Operand[_Value]], place: int) -> NoReturn:
        total, top = sum(Y.order for Y in by), X.differential[1:]
        below = "".join(Y.differential + _times(Y.order) for Y in by)
        held = f"|{_but(by[0].text)}" if len(by) == 1 else ""
        came, line = f"d{_times(X.order)}{top}/{below}, of two orders", f"d{_times(total)}{top}/{below}{held}"
        if len(by) > 2:
            came, line = f"a derivative by {len(by)} variables", f"d2{top}/{by[0].differential}{by[1].differential}"
        elif max(total, X.order) > HIGHEST_ORDER:
            came = f"a derivative of order {max(total, X.order)}"
            line = f"d{HIGHEST_ORDER}{top}/{by[0].differential}{HIGHEST_ORDER}|{_but(by[0].text)}"
        elif total == 1:
            came = f"d{X.order}{top}/{below} without the {X.order} behind it"
            line = f"d{X.order}{top}/{below}{X.order}{held}"
        raise self._error(came, place, line)

    def _take_differentials(self, behind: bool = False) -> list[_Operand[_Value]]:
        """The differentials of one token, or `d(X)` or `dlog(X)`, with the order that is before or `behind` X."""
        place, token = self._place(), self._take()
        if self._token() != "(":
            found = list(self._differential.finditer(token))
            orders = [(m[1], m[3])[:: -1 if behind else 1] for m in found]
            if any(other for _, other in orders):
                raise self._error(repr(token), place)
            return [
                _Operand(self._value(m[2], place + m.start(2)), m[2], int(order or 1))
                for m, (order, _) in zip(found, orders, strict=True)
            ]
        start, function = self._at, token[1:].lstrip("0123456789")
        value = self._parenthesised()
        text = self._written(start)[1:-1].strip()
        if function:
            value, text = self._algebra.functions[function](value), f"{function}({text})"
        order = token.removesuffix(function)[1:]
        if behind and re.fullmatch(r"\d", self._token()):
            order = self._take()
        return [_Operand(value, text, int(order or 1))]

    def _error(self, came: str, place: int, line: str = "d(S)/d(log(lambda))|eta") -> ValueError:
        where = f"{self._text!r}, character {place + 1}"
        return ValueError(f"{where}: got {came}, expected {_GRAMMAR}, as in {line!r}")


def _times(order: int) -> str:
    """The order of a derivative, which is not written where it is 1."""
    return "" if order == 1 else str(order)


def _but(*taken: str) -> str:
    """A variable for an error's example that is none of these."""
    return next(name for name in ("T", "V", "p") if name not in taken)
