"""Numbers with the size of what they were made of, on the host: how much of one may be rounding.

A difference of numbers that are nearly the same is as uncertain as they are, however small it is. So each number has a
size beside its value, which sums and products carry on: rounding is a part `ROUNDING` of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

import numpy as np

from thermo_ideal.thermodynamics._partial_derivatives import Arithmetic, algebra_of

ROUNDING = 1000 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Rounded:
    """An array of numbers.

    Args:
        value: the numbers.
        size: of the numbers that they are sums, products and functions of, none of them smaller than the value; it is
            infinite where one of them was divided by what may be 0.
    """

    value: Any
    size: Any

    @property
    def rounding(self) -> Any:
        """How far the value may be from the exact one."""
        return ROUNDING * self.size

    @property
    def vanishes(self) -> Any:
        """Where it may be 0."""
        return np.abs(self.value) <= self.rounding

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.size)

    def __abs__(self) -> Rounded:
        return Rounded(np.abs(self.value), self.size)

    def __add__(self, other: Any) -> Rounded:
        other = _rounded(other)
        return Rounded(self.value + other.value, self.size + other.size)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Rounded:
        return self + (-other)

    def __rsub__(self, other: Any) -> Rounded:
        return -self + other

    def __mul__(self, other: Any) -> Rounded:
        other = _rounded(other)
        size = np.abs(self.value) * other.size + np.abs(other.value) * self.size + self.rounding * other.size
        return Rounded(self.value * other.value, size)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Rounded:
        return self * _rounded(other)._reciprocal()

    def __rtruediv__(self, other: Any) -> Rounded:
        return other * self._reciprocal()

    def __pow__(self, power: Any) -> Rounded:
        if isinstance(power, int) and power > 0:
            return reduce(mul, [self] * power)
        value = self.value**power
        return self._function(value, power * value / self.value)

    def log(self) -> Rounded:
        """Its natural logarithm."""
        return self._function(np.log(self.value), 1 / self.value)

    def exp(self) -> Rounded:
        """Its exponential function."""
        value = np.exp(self.value)
        return Rounded(value, value * (1 + self.size))

    def _reciprocal(self) -> Rounded:
        value = 1 / self.value
        return self._function(value, -(value**2))

    def _function(self, value: Any, slope: Any) -> Rounded:
        """A function that is not defined at 0."""
        return Rounded(value, np.where(self.vanishes, np.inf, np.abs(value) + np.abs(slope) * self.size))


def _rounded(number: Any) -> Rounded:
    return number if isinstance(number, Rounded) else Rounded(number, np.abs(number))


def _larger(a: Rounded, b: Rounded) -> Any:
    size = np.maximum(np.abs(a.value), np.abs(b.value))
    return np.where(size > 0, size, 1.0)


ALGEBRA = algebra_of(
    # What may be 0 is told by its size.
    Arithmetic(log=Rounded.log, exp=Rounded.exp, larger=_larger, determinate=lambda a, b: 1)
)
"""What expressions are made of whose numbers are these."""
