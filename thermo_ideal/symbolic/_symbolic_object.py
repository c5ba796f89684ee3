"""What objects that are made of SymPy's expressions do as these do: substitution, simplification, symbols, copies."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any, TypeAlias, TypeVar

import sympy as sp
from sympy import Basic, Symbol
from sympy.core.parameters import distribute

Change: TypeAlias = Callable[[Basic], Any]
_Object = TypeVar("_Object", bound="SymbolicObject")


class SymbolicObject:
    """A frozen dataclass whose fields are expressions, objects like itself, and what has no symbols, such as text.

    Two are equal, and have one hash, if they are of one class and their fields are equal. They can be copied and
    pickled.
    """

    @property
    def free_symbols(self) -> set[Symbol]:
        """The symbols that occur in it."""
        return {symbol for part in expressions(self) for symbol in part.free_symbols if isinstance(symbol, Symbol)}

    def subs(self: _Object, *arguments: Any, **options: Any) -> _Object:
        """The same object with other expressions in the place of symbols.

        Args:
            *arguments: as SymPy's `subs` takes them: `old, new`, a dictionary, or a list of pairs.
            **options: as SymPy's `subs` takes them.

        Returns:
            A new object, which is checked as any other is.

        Raises:
            ValueError: nothing of this kind is left, such as a process whose state is a number.
        """
        return self._changed(partial(_substituted, arguments=arguments, options=options))

    def simplify(self: _Object, **options: Any) -> _Object:
        """The same object with every expression simplified.

        Args:
            **options: as SymPy's `simplify` takes them.

        Returns:
            A new object.
        """
        return self._changed(partial(_simplified, options=options))

    def _changed(self: _Object, change: Change) -> _Object:
        """The object with every expression changed."""
        return replace(self, **{name: changed(part, change) for name, part in self._parts()})  # type: ignore[type-var]

    def _parts(self) -> Iterator[tuple[str, Any]]:
        """What the constructor takes, by name."""
        return ((each.name, getattr(self, each.name)) for each in fields(self) if each.init)  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        # What was computed and kept beside the fields does not travel.
        return _rebuilt, (type(self), pickle.dumps([part for _, part in self._parts()]))


def changed(part: Any, change: Change) -> Any:
    """A field with every expression in it changed; text, functions and numbers stay."""
    if isinstance(part, Basic):
        return change(part)
    if isinstance(part, SymbolicObject):
        return part._changed(change)
    if isinstance(part, tuple | frozenset):
        return type(part)(changed(each, change) for each in part)
    if isinstance(part, Mapping):
        return {changed(key, change): changed(each, change) for key, each in part.items()}
    return part


def expressions(part: Any) -> Iterator[Basic]:
    """The expressions that `changed` changes."""
    if isinstance(part, Basic):
        yield part
    elif isinstance(part, SymbolicObject):
        yield from expressions(tuple(each for _, each in part._parts()))
    elif isinstance(part, tuple | frozenset):
        for each in part:
            yield from expressions(each)
    elif isinstance(part, Mapping):
        yield from expressions((*part.keys(), *part.values()))


def _rebuilt(kind: Callable[..., Any], parts: bytes) -> Any:
    """An object from its pickled fields; SymPy would write (d − 1)/2 as another expression when it reads it."""
    with distribute(False):
        values = pickle.loads(parts)
    return kind(*values)


def _substituted(expression: Basic, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Basic:
    return expression.subs(*arguments, **options)


def _simplified(expression: Basic, options: Mapping[str, Any]) -> Basic:
    if isinstance(expression, sp.Lambda):  # SymPy would simplify its signature too
        return sp.Lambda(expression.signature, sp.simplify(expression.expr, **options))
    return sp.simplify(expression, **options)
