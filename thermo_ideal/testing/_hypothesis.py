"""Hypothesis, imported when a strategy is asked for, and the numbers that all strategies are made of."""

import importlib
import math
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, Union

import numpy as np

T = TypeVar("T")
if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy as SearchStrategy  # for the other files
else:  # for those that execute annotations; Hypothesis need not be there
    SearchStrategy = Union[T, Any]  # noqa: UP007

Numbers = Any
"""How an argument narrows what is drawn: a number, the pair of the least and the largest, or a strategy."""


def strategies(name: str) -> ModuleType:
    """`hypothesis.strategies`.

    Args:
        name: of the function that needs them, for the error.

    Raises:
        ImportError: Hypothesis is not installed, with the line to type.
    """
    try:
        return importlib.import_module("hypothesis.strategies")
    except ImportError as error:
        raise ImportError(
            f"thermo_ideal.testing.{name}: got no Hypothesis, expected it to be installed; type pip install hypothesis"
        ) from error


def is_strategy(value: Any) -> bool:
    """Whether it is one of Hypothesis."""
    return isinstance(value, importlib.import_module("hypothesis.strategies").SearchStrategy)


def drawn_from(value: Any) -> Any:
    """A strategy as it is, or one that draws nothing but this object."""
    return value if is_strategy(value) else strategies("strategies").just(value)


def real_numbers(name: str, given: Numbers) -> Any:
    """Numbers of all magnitudes in a range, which shrink to 0 where it is one of them, and to small whole numbers.

    Args:
        name: of the argument, for the error.
        given: a number, a pair, or a strategy.

    Raises:
        ValueError: anything else, or a pair that is no interval of numbers ≥ 0.
    """
    st = strategies(name)
    pair = _pair(name, given)
    if pair is None:
        return drawn_from(given)
    low, high = pair
    smallest = low if low > 0 else min(1e-9, high / 2)
    # The ends as numbers of single precision inside, so that no rounding leaves the range.
    smallest, largest = _rounded(smallest, up=True), _rounded(high, up=False)
    powers = st.floats(math.log10(smallest), math.log10(largest)).map(
        lambda x: min(max(float(np.float32(10.0**x)), smallest), largest)
    )
    whole = math.ceil(smallest), math.floor(min(largest, 1e6))
    options = [st.just(0.0)] if low == 0 else []
    options += [st.integers(*whole).map(float)] if whole[0] <= whole[1] else []
    return st.one_of(*options, powers)


def whole_numbers(name: str, given: Numbers, least: int) -> Any:
    """Whole numbers of all magnitudes in a range, which shrink to the least.

    Args:
        name: of the argument, for the error.
        given: a number, a pair, or a strategy.
        least: what the argument may be.

    Raises:
        ValueError: anything else, or a pair that is no interval of whole numbers from the least on.
    """
    st = strategies(name)
    pair = _pair(name, given)
    if pair is None:
        if not is_strategy(given) and (int(given) != given or given < least):
            raise ValueError(f"{name}: got {given}, expected a whole number ≥ {least}, as in {name}={least}")
        return drawn_from(given)
    low, high = int(pair[0]), int(pair[1])
    if (low, high) != pair or low < least:
        raise ValueError(f"{name}: got {given}, expected whole numbers ≥ {least}, as in {name}=({least}, {least + 9})")
    powers = st.floats(math.log10(max(low, 1)), math.log10(high)).map(lambda x: min(max(round(10.0**x), low), high))
    return st.one_of(st.integers(low, min(high, low + 10)), powers)


def _pair(name: str, given: Numbers) -> tuple[float, float] | None:
    """The interval that is given; None where it is a number or a strategy, which say it all."""
    if is_strategy(given) or (isinstance(given, int | float) and not isinstance(given, bool)):
        return None
    if not isinstance(given, tuple) or len(given) != 2 or not 0 <= given[0] < given[1] < math.inf:
        raise ValueError(
            f"{name}: got {given!r}, expected a number, a strategy, or the least and the largest of numbers ≥ 0, as in "
            f"{name}=(2, 10)"
        )
    return given


def _rounded(x: float, up: bool) -> float:
    near = np.float32(x)
    if up and float(near) < x:  # as Python's floats: NumPy would round the other first
        near = np.nextafter(near, np.float32(np.inf))
    if not up and float(near) > x:
        near = np.nextafter(near, np.float32(0))
    return float(near)
