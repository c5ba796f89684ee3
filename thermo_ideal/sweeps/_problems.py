"""What is wrong with a sweep: every field that is, with the line of the file where there is one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One field that is not as it should be.

    Args:
        field: its name, as in "replicas" or "grids[0].learning_rate".
        message: what came and what was expected.
        line: of the file, if it came from one.

    Example:
        >>> from thermo_ideal.sweeps import Problem
        >>> print(Problem("replicas", "got -1, expected a whole number ≥ 1", line=4))
        line 4: replicas: got -1, expected a whole number ≥ 1
    """

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        return f"{where}{self.field}: {self.message}"


class SweepError(ValueError):
    """A sweep that cannot be run, with everything that is wrong with it.

    Args:
        problems: at least one.
        source: the file it came from.

    Example:
        >>> from thermo_ideal.sweeps import Sweep, SweepError
        >>> try:
        ...     Sweep("stationary", [], replicas=0, seed=-1)
        ... except SweepError as error:
        ...     print([problem.field for problem in error.problems])
        ['grids', 'replicas', 'seed']
    """

    def __init__(self, problems: Iterable[Problem], source: str = "sweep") -> None:
        self.problems = tuple(problems)
        self.source = source
        count = f"{len(self.problems)} problem{'s' * (len(self.problems) != 1)}"
        super().__init__("\n  ".join([f"{source}: {count}", *map(str, self.problems)]))

    def __reduce__(self) -> tuple[type, tuple[tuple[Problem, ...], str]]:
        return type(self), (self.problems, self.source)
