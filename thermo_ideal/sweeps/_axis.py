"""An axis of a grid: numbers, or the recipe that they are made by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_LONGEST = 10**6
_SPACINGS = ("linspace", "logspace", "geomspace")
AXIS = "a number, a list of numbers, or { logspace = [-3, -1, 9] }, likewise linspace and geomspace"


@dataclass(frozen=True)
class Axis:
    """The values of one hyperparameter, as they were asked for.

    Args:
        kind: "values", or the function of NumPy that spaces them.
        numbers: the values, or the arguments of that function.

    Raises:
        ValueError: what is no axis.

    Example:
        >>> from thermo_ideal.sweeps import logspace
        >>> axis = logspace(-3, -1, 3)
        >>> axis, axis.array
        (Axis(kind='logspace', numbers=(-3.0, -1.0, 3)), array([0.001, 0.01 , 0.1  ]))
    """

    kind: str
    numbers: tuple[Any, ...]

    def __post_init__(self) -> None:
        if self.kind == "values":
            object.__setattr__(self, "numbers", tuple(map(_real, self.numbers)))
            if not 1 <= len(self.numbers) <= _LONGEST:
                raise ValueError(f"got {len(self.numbers)} values, expected 1 to {_LONGEST}")
        elif self.kind in _SPACINGS:
            if len(self.numbers) != 3:
                raise ValueError(f"got {self.kind} of {len(self.numbers)} numbers, expected [start, stop, how many]")
            start, stop, count = self.numbers
            if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 1 <= count <= _LONGEST:
                raise ValueError(f"got {count!r} values, expected a whole number from 1 to {_LONGEST}")
            object.__setattr__(self, "numbers", (_real(start), _real(stop), int(count)))
        else:
            raise ValueError(f"got {self.kind!r}, expected {AXIS}")

    @property
    def array(self) -> np.ndarray:
        """The values in double precision."""
        if self.kind == "values":
            return np.array(self.numbers)
        start, stop, count = self.numbers
        try:
            with np.errstate(all="ignore"):  # what overflows is refused by whoever knows the range
                return np.asarray(getattr(np, self.kind)(start, stop, int(count)), np.float64)
        except ValueError as error:  # geomspace through 0
            raise ValueError(f"got {self.kind} from {start} to {stop}, expected two numbers of one sign") from error

    def plain(self) -> Any:
        """As TOML has it: a list of numbers, or a table with the recipe."""
        return list(self.numbers) if self.kind == "values" else {self.kind: list(self.numbers)}

    @classmethod
    def of(cls, value: Any) -> Axis:
        """An axis from an axis, a number, an array, a list, or a table with a recipe.

        Args:
            value: any of these.

        Raises:
            ValueError: it is something else.
        """
        if isinstance(value, Axis):
            return value
        if isinstance(value, Mapping):
            if len(value) != 1 or not isinstance(next(iter(value.values())), list | tuple):
                raise ValueError(f"got {dict(value)!r}, expected {AXIS}")
            ((kind, numbers),) = value.items()
            return cls(str(kind), tuple(numbers))
        if isinstance(value, list | tuple | np.ndarray):
            array = value.tolist() if isinstance(value, np.ndarray) else value
            return cls("values", tuple(array) if isinstance(array, list | tuple) else (array,))
        return cls("values", (value,))


def _real(value: Any) -> float:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    try:
        if number and np.isfinite(float(value)):
            return float(value)
    except OverflowError:
        pass
    raise ValueError(f"got {value!r}, expected a finite number")


def linspace(start: float, stop: float, num: int) -> Axis:
    """Evenly spaced values, as NumPy's.

    Args:
        start: the first.
        stop: the last.
        num: how many.

    Returns:
        An axis that remembers its recipe.

    Example:
        >>> from thermo_ideal.sweeps import linspace
        >>> linspace(0.1, 0.3, 2).array
        array([0.1, 0.3])
    """
    return Axis("linspace", (start, stop, num))


def logspace(start: float, stop: float, num: int) -> Axis:
    """Values from `10^start` to `10^stop`, evenly spaced in their logarithms, as NumPy's.

    Args:
        start: the logarithm of the first to the base 10.
        stop: that of the last.
        num: how many.

    Returns:
        An axis that remembers its recipe.

    Example:
        >>> from thermo_ideal.sweeps import logspace
        >>> logspace(-2, 0, 3).array
        array([0.01, 0.1 , 1.  ])
    """
    return Axis("logspace", (start, stop, num))


def geomspace(start: float, stop: float, num: int) -> Axis:
    """Values from `start` to `stop`, evenly spaced in their logarithms, as NumPy's.

    Args:
        start: the first.
        stop: the last.
        num: how many.

    Returns:
        An axis that remembers its recipe.

    Example:
        >>> from thermo_ideal.sweeps import geomspace
        >>> geomspace(0.01, 1, 3).array
        array([0.01, 0.1 , 1.  ])
    """
    return Axis("geomspace", (start, stop, num))
