"""Integration in cells that are halved where a rule is uncertain, and maxima between the points of a scan."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre

_ORDER = 9
_NODES, _WEIGHTS = legendre.leggauss(_ORDER)
_SEEN = np.concatenate([[-1.0], _NODES, [1.0]])
# The components of eleven values that no polynomial of degree 6 has. A jump or a kink can hide from one of them, and
# from the difference of any two rules, but nowhere in a cell from all four: the factor makes their norm a bound.
_ROUGHNESS = np.linalg.qr(legendre.legvander(_SEEN, _ORDER + 1))[0][:, -4:]
_BOUND = 0.75
_SPLITS = 60


class Cells(NamedTuple):
    """The cells of an integral of several functions.

    Attributes:
        low: where each cell begins.
        high: where it ends.
        nodes: of shape `(cells, 9)`, in increasing order.
        parts: of shape `(functions, cells, 9)`: weight times value at each node. Their sum is the integral.
        errors: of shape `(functions, cells)`: what the integral over a cell is uncertain by.
    """

    low: np.ndarray
    high: np.ndarray
    nodes: np.ndarray
    parts: np.ndarray
    errors: np.ndarray

    @property
    def edges(self) -> np.ndarray:
        """The ends of the cells, where one begins with the end of another."""
        return np.append(self.low, self.high[-1])


def adaptive_cells(
    f: Callable[[np.ndarray], np.ndarray],
    edges: np.ndarray,
    allowed: Callable[[np.ndarray], np.ndarray],
    maximum: int,
) -> Cells:
    """Gauss's rule of nine points in each cell, which is halved until its error is allowed.

    The error of a cell is bounded by what its nodes and both of its ends have beyond a polynomial of degree 6: that
    sees a jump or a kink wherever it lies in the cell. An end is looked at from within, so that a function may jump
    there.

    Args:
        f: the functions, from numbers of any shape to `(functions, *shape)`.
        edges: of the cells to begin with, increasing.
        allowed: the error that is allowed in each cell, from the integrals of the absolute values over the cells,
            both of shape `(functions, cells)`.
        maximum: how many cells there may be; where that is reached, errors stay as they are.

    Returns:
        The cells, in increasing order.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.numerics import adaptive_cells
        >>> step = lambda x: (x > 0.3)[None].astype(float)
        >>> cells = adaptive_cells(step, np.array([0.0, 1.0]), lambda size: np.full_like(size, 1e-13), 1_000)
        >>> abs(cells.parts.sum() - 0.7) < cells.errors.sum() < 1e-12
        np.True_

    Source: Berntsen & Espelid, ACM Transactions on Mathematical Software 17, 233 (1991), for rules whose value is zero.
    """
    cells = _evaluate(f, edges[:-1], edges[1:])
    for _ in range(_SPLITS):
        middle = cells.low + (cells.high - cells.low) / 2
        size = np.abs(cells.parts).sum(axis=-1)
        split = (cells.errors > allowed(size)).any(axis=0) & (middle > cells.low) & (middle < cells.high)
        if not split.any() or split.size + split.sum() > maximum:
            break
        low, middle, high = cells.low[split], middle[split], cells.high[split]
        halves = _evaluate(f, np.concatenate([low, middle]), np.concatenate([middle, high]))
        cells = _joined(_taken(cells, ~split), halves)
    return _taken(cells, np.argsort(cells.low))


def _evaluate(f: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> Cells:
    half = (high - low)[:, None] / 2
    inwards = np.minimum(8 * np.spacing(np.maximum(np.abs(low), np.abs(high)))[:, None], half / 64)
    x = np.clip(low[:, None] + half * (1 + _SEEN), low[:, None] + inwards, high[:, None] - inwards)
    values = f(x)
    errors = _BOUND * half[:, 0] * np.linalg.norm(values @ _ROUGHNESS, axis=-1)
    return Cells(low, high, x[:, 1:-1], half * _WEIGHTS * values[..., 1:-1], errors)


def _taken(cells: Cells, which: np.ndarray) -> Cells:
    return Cells(*(a[which] for a in cells[:3]), *(a[:, which] for a in cells[3:]))


def _joined(a: Cells, b: Cells) -> Cells:
    whole = (np.concatenate(pair) for pair in zip(a[:3], b[:3], strict=True))
    return Cells(*whole, *(np.concatenate(pair, axis=1) for pair in zip(a[3:], b[3:], strict=True)))


_FRACTIONS = np.linspace(0.0, 1.0, 9)
_ZOOMS = 18  # each by four or more


def local_maxima(
    f: Callable[[np.ndarray], np.ndarray], points: np.ndarray, prominent: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Every maximum of a function that the points of a scan have inside, refined between its neighbours.

    Args:
        f: a function of arrays, element by element; it may be −∞.
        points: increasing.
        prominent: by how much, relative to its value, a maximum must be above the lower one of its neighbours.

    Returns:
        Where the maxima are, in increasing order, and their values; the highest point of all but the first and the last
        is among them.

    Raises:
        ValueError: no value inside is finite.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.numerics import local_maxima
        >>> where, values = local_maxima(np.cos, np.linspace(-1.0, 10.0, 50))
        >>> [round(float(x / np.pi), 6) for x in where]
        [0.0, 2.0]
    """
    values = f(points)
    inner = values[1:-1]
    if not np.isfinite(inner).any():
        raise ValueError("f: got no finite value inside the points, expected one")
    with np.errstate(invalid="ignore"):  # between two walls
        above = inner - np.minimum(values[:-2], values[2:]) > prominent * np.abs(inner)
    chosen = (inner > values[:-2]) & (inner >= values[2:]) & above & np.isfinite(inner)
    chosen[np.argmax(inner)] = True
    top = 1 + np.flatnonzero(chosen)
    low, high, best, height = points[top - 1], points[top + 1], points[top], values[top]
    for _ in range(_ZOOMS):
        x = low[:, None] + (high - low)[:, None] * _FRACTIONS
        fx = f(x)
        at = np.argmax(fx, axis=1)[:, None]
        low, high = (np.take_along_axis(x, np.clip(at + step, 0, 8), axis=1)[:, 0] for step in (-1, 1))
        found, there = (np.take_along_axis(array, at, axis=1)[:, 0] for array in (fx, x))
        best, height = np.where(found > height, there, best), np.maximum(height, found)
    return best, height
