"""What each field of a sweep must be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from thermo_ideal.sweeps._grid import Grid
from thermo_ideal.sweeps._problems import Problem
from thermo_ideal.sweeps._registry import experiment_named

AUTO = "auto"
MOST = 2**62  # steps, and runs
_DIRECTIONS = ("minimum", "uniform")


def _word(allowed: Iterable[str]) -> Callable[[Any], str]:
    words = tuple(allowed)

    def check(value: Any) -> str:
        if not (isinstance(value, str) and value in words):
            raise ValueError(f"got {value!r}, expected one of {', '.join(map(repr, words))}")
        return value

    return check


def _count(minimum: int, most: int = MOST, auto: bool = False) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if auto and isinstance(value, str) and value == AUTO:
            return value
        whole = hasattr(value, "__index__") and not isinstance(value, bool)
        if not (whole and minimum <= int(value) <= most):
            expected = f"a whole number from {minimum} to {most}" + (f', or "{AUTO}"' if auto else "")
            raise ValueError(f"got {value!r}, expected {expected}")
        return int(value)

    return check


def _positive(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 1e-30 <= value <= 1e30):
        raise ValueError(f"got {value!r}, expected a number from 1e-30 to 1e30")
    return float(value)


def _list_of(check: Callable[[Any], Any], example: str, minimum: int = 1) -> Callable[[Any], tuple[Any, ...]]:
    def checked(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) < minimum:
            raise ValueError(f"got {value!r}, expected a list, as in {example}")
        return tuple(check(one) for one in value)

    return checked


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"got {value!r}, expected the name of an observable, as in 'loss'")
    return value


def _options(value: Any) -> tuple[tuple[str, Any], ...]:
    if isinstance(value, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        value = dict(value)
    if not isinstance(value, Mapping):
        raise ValueError(f"got {value!r}, expected a table of numbers, words and switches")
    for name, one in value.items():
        finite = not isinstance(one, float) or abs(one) < float("inf")
        if not (isinstance(name, str) and isinstance(one, str | int | float | bool) and finite):
            raise ValueError(f"got {name} = {one!r}, expected a finite number, a word or a switch")
    return tuple(sorted(value.items()))


def _targets(value: Any) -> tuple[tuple[str, float], ...]:
    if isinstance(value, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        value = dict(value)
    if not isinstance(value, Mapping):
        raise ValueError(f"got {value!r}, expected a table of errors by observable, as in {{ loss = 1e-4 }}")
    for name, target in value.items():
        if not isinstance(name, str) or isinstance(target, bool) or not isinstance(target, int | float):
            raise ValueError(f"got {name} = {target!r}, expected a number > 0, as in {{ loss = 1e-4 }}")
    return tuple(sorted((_name(name), _positive(target)) for name, target in value.items()))


def _grids(value: Any) -> tuple[Grid, ...]:
    if isinstance(value, Grid):
        value = [value]
    grids = tuple(value) if isinstance(value, Iterable) else ()
    if not grids or not all(isinstance(grid, Grid) for grid in grids):
        raise ValueError(f"got {value!r}, expected a list of grids, as in [Grid('fixed-lr', learning_rate=0.1, …)]")
    names = [grid.name for grid in grids]
    if len(set(names)) < len(names):
        raise ValueError(f"got the protocols {', '.join(names)}, expected each only once")
    return grids


def _experiment(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"got {value!r}, expected the name of an experiment, as in 'stationary'")
    experiment_named(value)
    return value


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "experiment": _experiment,
    "grids": _grids,
    "integrator": _word(("euler-maruyama", "zonal")),
    "loss": _word(("von-mises-fisher",)),
    "noise": _word(("isotropic",)),
    "noise_scale": _positive,
    "dimension": _count(2, 2**53),
    "replicas": _count(1, 2**31 - 1),
    "initial_radii": _list_of(_positive, "[0.9, 1.1]"),
    "initial_directions": _list_of(_word(_DIRECTIONS), '["minimum", "uniform"]'),
    "num_steps": _count(1, auto=True),
    "burn_in": _count(0, auto=True),
    "samples": _count(1, 2**31 - 1),
    "stride": _count(1, 2**31 - 1),
    "standard_error": _targets,
    "observables": _list_of(_name, '["loss", "radius"]', minimum=0),
    "precision": _word(("float32", "float64")),
    "seed": _count(0, 2**32 - 1),
    "block_points": _count(1, auto=True),
    "options": _options,
}
"""What each field of a sweep must be: functions that return it, or raise ValueError."""


def checked_fields(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The fields of a sweep, those that are good, and what is wrong with the others.

    Args:
        given: by name.
        defaults: of what is missing.
    """
    values, problems = {}, []
    for name in given:
        if name not in CHECKS:
            problems.append(Problem(name, f"got a field that sweeps do not have, expected one of {', '.join(CHECKS)}"))
    for name, check in CHECKS.items():
        try:
            values[name] = check(given[name]) if name in given else defaults[name]
        except ValueError as error:
            problems.append(Problem(name, str(error)))
    return values, problems
