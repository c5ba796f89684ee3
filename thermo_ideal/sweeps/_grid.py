"""A grid: a protocol, and an axis for each of its hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from thermo_ideal._arguments import as_positive, require_dimension
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind, require_kind
from thermo_ideal.dynamics._protocols import PROTOCOLS
from thermo_ideal.sweeps._axis import Axis
from thermo_ideal.sweeps._problems import Problem, SweepError

MOST_POINTS = 10**7
SYSTEM = ("dimension", "noise_scale")
"""What may be an axis besides the hyperparameters of the protocol."""


@dataclass(frozen=True, init=False)
class Grid:
    """All combinations of the values of some axes, under one protocol.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere"; or a protocol of one's own, a class of them or one whose
            static fields are kept.
        axes: by name, in the order of the dimensions of the results: each hyperparameter of the protocol, and
            `dimension` and `noise_scale` if they are to be varied. A number, a list or an array, or what `logspace`,
            `linspace` and `geomspace` return.

    Raises:
        SweepError: a protocol that is not known, or axes that are not its own, or values out of their range; all that
            is wrong at once.

    Example:
        >>> from thermo_ideal.sweeps import Grid, logspace
        >>> grid = Grid("fixed-lr", learning_rate=logspace(-3, -1, 9), weight_decay=[0.01, 0.1])
        >>> grid.name, grid.shape
        ('fixed-lr', (9, 2))
    """

    protocol: ProtocolKind
    axes: tuple[tuple[str, Axis], ...]

    def __init__(self, protocol: ProtocolKind, **axes: Any) -> None:
        grid, problems = checked_grid(protocol, axes, "")
        if problems:
            raise SweepError(problems, "grid")
        assert grid is not None
        object.__setattr__(self, "protocol", grid[0])
        object.__setattr__(self, "axes", grid[1])

    @property
    def kind(self) -> ProtocolKind:
        """The protocol without its hyperparameters: a class, or one whose static fields are kept."""
        return PROTOCOLS.get(self.protocol, self.protocol) if isinstance(self.protocol, str) else self.protocol

    @property
    def name(self) -> str:
        """What the protocol is called in files."""
        return str(self.kind.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(axis.array.size for _, axis in self.axes)

    @property
    def size(self) -> int:
        """How many points there are."""
        return prod(self.shape)

    def values(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """The values of the axes at points, by name.

        Args:
            points: numbers of points; the last axis varies fastest.
        """
        index = np.unravel_index(points, self.shape)
        return {name: axis.array[i] for (name, axis), i in zip(self.axes, index, strict=True)}

    def plain(self) -> dict[str, Any]:
        """As TOML has it."""
        return {"protocol": self.name, **{name: axis.plain() for name, axis in self.axes}}

    def __hash__(self) -> int:
        return hash((self.name, self.axes))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and (self.text, self.axes) == (other.text, other.axes)

    @property
    def text(self) -> str:
        """The protocol with all that it keeps besides hyperparameters, as text."""
        return self.name if self.kind is PROTOCOLS.get(self.name) else f"{self.name}: {self.kind!r}"


def checked_grid(
    protocol: Any, axes: Mapping[str, Any], where: str
) -> tuple[tuple[ProtocolKind, tuple[tuple[str, Axis], ...]] | None, list[Problem]]:
    """The fields of a grid, if they are good, and what is wrong with them.

    Args:
        protocol: as given.
        axes: as given.
        where: the grid is in a sweep, in front of the names of fields, as in "grids[0].".
    """
    problems: list[Problem] = []
    known = ", ".join(map(repr, PROTOCOLS))
    kind = PROTOCOLS.get(protocol) if isinstance(protocol, str) else protocol
    own = False
    try:
        require_kind(kind, "Grid({}, …)")
        own = True
    except ValueError:
        problems.append(Problem(f"{where}protocol", f"got {protocol!r}, expected one of {known}, as in 'fixed-lr'"))
    hyperparameters = kind.hyperparameters() if own and kind is not None else tuple(axes)
    allowed = (*hyperparameters, *SYSTEM)
    for name in axes:
        if name not in allowed:
            problems.append(Problem(f"{where}{name}", f"got an axis, expected one of {', '.join(allowed)}"))
    problems.extend(
        Problem(f"{where}{name}", f"got nothing, expected the values of {name}, as in {name} = [0.01, 0.1]")
        for name in hyperparameters
        if name not in axes
    )
    found = {}
    for name, value in axes.items():
        try:
            found[name] = Axis.of(value)
            _require_range(name, found[name].array)
        except ValueError as error:
            found.pop(name, None)
            problems.append(Problem(f"{where}{name}", str(error).removeprefix(f"{name}: ")))
    if not problems:
        size = prod(axis.array.size for axis in found.values())
        if size > MOST_POINTS:
            problems.append(Problem(f"{where}protocol", f"got a grid of {size} points, expected at most {MOST_POINTS}"))
    return (None if problems else (protocol, tuple(found.items()))), problems


def _require_range(name: str, values: np.ndarray) -> None:
    if name == "dimension":
        require_dimension(name, values)
        if not (values < 2**53).all():
            raise ValueError(f"got {values.max():g}, expected whole numbers below 2^53")
    else:
        as_positive(name, values)
    distinct, counts = np.unique(values, return_counts=True)
    if distinct.size < values.size:
        twice = float(distinct[counts > 1][0])
        raise ValueError(f"got {twice} twice, expected values that differ")
