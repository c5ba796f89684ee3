"""Expressions of thermodynamics as text, such as `d(S)/d(log(lambda))|eta`.

An `Algebra` says what an expression is made of: SymPy expressions, or functions of a state. The names of the quantities
are those of the dictionary.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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


_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_DERIVATIVE = re.compile(r"(?<![\w.])d(2?)\(")
_SPACE = re.compile(r"\s*([()/|*^+-])\s*")
_GRAMMAR = "arithmetic of names, pi, log, exp and sqrt, with derivatives as d(X)/d(Y)|Z and d2(X)/d(Y)2|Z"


def parse(text: str, names: Mapping[str, _Value], algebra: Algebra[_Value]) -> _Value:
    """The expression that a text stands for.

    Args:
        text: arithmetic of names, `pi`, `log`, `exp` and `sqrt`; `d(X)/d(Y)|Z` is `(∂X/∂Y)_Z` and `d2(X)/d(Y)2|Z` the
            second derivative, and derivatives nest. Z is a name, a function of a name, or an expression in parentheses.
        names: the value of every name.
        algebra: what the expression is made of.

    Returns:
        The value of the expression.

    Raises:
        ValueError: the text is not of this form, or it has an unknown name.

    Example:
        >>> numbers = Algebra(float, 3.14, {"sqrt": lambda x: x**0.5}, lambda f, *x: f(*x), lambda X, Y, Z, n: X / Y)
        >>> parse("p*V/T + sqrt(T)", {"p": 2.0, "V": 3.0, "T": 4.0}, numbers)
        3.5
    """
    found = {"pi": algebra.pi}
    flat = _SPACE.sub(r"\1", text)
    while match := _DERIVATIVE.search(flat):
        order, start = (2 if match[1] else 1), match.start()
        inner, end = _parenthesised(flat, match.end() - 1, text)
        if not flat.startswith("/d(", end):
            raise _error(
                text,
                f"a derivative of {inner} without /d(…)",
                f"d({inner})/d({_but(inner)})|{_but(inner, _but(inner))}",
            )
        by, end = _parenthesised(flat, end + 2, text)
        if order == 2:
            if not flat.startswith("2", end):
                raise _error(text, f"d2({inner})/d({by}) without the 2 behind it", f"d2({inner})/d({by})2|{_but(by)}")
            end += 1
        held = re.match(r"\|([A-Za-z_]\w*)?", flat[end:])
        if held is None:
            raise _error(text, f"d({inner})/d({by}) without |Z, what is held fixed", f"d({inner})/d({by})|{_but(by)}")
        end += held.end()
        held_text = held[1] or ""
        if flat.startswith("(", end):
            argument, end = _parenthesised(flat, end, text)
            held_text += f"({argument})"
        if not held_text:
            raise _error(text, f"d({inner})/d({by})| with nothing behind it", f"d({inner})/d({by})|{_but(by)}")
        # The leftmost derivative is the outermost, so its parts are still as they were typed.
        X, Y, Z = (parse(part, names, algebra) for part in (inner, by, held_text))
        placeholder = f"derivative_{len(found)}"
        found[placeholder] = algebra.differentiate(X, Y, Z, order)
        flat = f"{flat[:start]} {placeholder} {flat[end:]}"
    return _arithmetic(flat, found, names, algebra, text)


def _parenthesised(text: str, start: int, whole: str) -> tuple[str, int]:
    """The text between the parenthesis at `start` and the one that closes it, and the position after that."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return text[start + 1 : place], place + 1
    raise _error(whole, "a parenthesis that is not closed", f"{text[start:].rstrip()})")


def _arithmetic(
    text: str, found: Mapping[str, _Value], names: Mapping[str, _Value], algebra: Algebra[_Value], whole: str
) -> _Value:
    # `lambda` is a keyword of Python, and the name of the weight decay.
    source = re.sub(r"\blambda\b", "lambda_", text).replace("^", "**").strip()
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise _error(whole, f"{text.strip()!r}") from error

    def value(node: ast.expr) -> _Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return algebra.number(str(number))
            case ast.Name(id=name):
                name = "lambda" if name == "lambda_" else name
                if name in found:
                    return found[name]
                if name not in names:
                    raise ValueError(f"{whole!r}: {name!r} is no quantity, expected one of {', '.join(names)}")
                return names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return algebra.operate(operator.neg, value(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return value(operand)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
                return algebra.operate(_OPERATORS[type(op)], value(left), value(right))
            case ast.Call(func=ast.Name(id=name), args=[argument]) if name in algebra.functions:
                return algebra.functions[name](value(argument))
        raise _error(whole, f"{ast.unparse(node)!r}")

    return value(tree)


def _but(*taken: str) -> str:
    """A variable for an error's example that is none of these."""
    return next(name for name in ("T", "V", "p") if name not in taken)


def _error(text: str, came: str, line: str = "d(S)/d(log(lambda))|eta") -> ValueError:
    return ValueError(f"{text!r}: got {came}, expected {_GRAMMAR}, as in {line!r}")
