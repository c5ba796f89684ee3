"""Sections of a docstring that a family of functions shares."""

import inspect
from collections.abc import Callable
from typing import Any


def present_as(shown: Callable[..., Any], function: Callable[..., Any], sections: str) -> None:
    """Gives one function another's name and docstring, with shared sections put before its example.

    Args:
        shown: what the user calls.
        function: whose name and docstring it has.
        sections: in Google style, indented or not.
    """
    text, example, rest = inspect.cleandoc(function.__doc__ or "").partition("Example:\n")
    shown.__doc__ = f"{text}{inspect.cleandoc(sections)}\n\n{example}{rest}"
    shown.__module__, shown.__name__, shown.__qualname__ = function.__module__, function.__name__, function.__qualname__
