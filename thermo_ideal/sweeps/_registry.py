"""Experiments by name: what a block of a sweep does and measures."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_EXPERIMENTS: dict[str, Experiment] = {}
# What registers the package's own experiments. It is on a higher floor, and is looked up by name like a plug-in.
_OWN = "thermo_ideal.experiments"
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Experiment:
    """What a block of a sweep does and measures, and what else the engine may ask of it.

    Args:
        name: in specs.
        measure: takes a `Block` and returns measurements by name: arrays whose first axis are the points of the block
            and whose second, if there is one, are replicas; or a pair of the names of the axes after the first, and
            such an array. "diverged_at" is the step at which a run became NaN or infinite, or 0.
        check: takes a `Sweep` and returns what is wrong with it, by field; None asks nothing.
        schedule: takes a `Sweep` and a `Grid` and returns a `Schedule`; None plans from the relaxation times where
            `num_steps` is "auto".
        points_per_block: takes a `Sweep` and a `Grid`; None goes by memory.
        describe: takes a dataset of one grid, its `Sweep` and its `Grid`, and returns it with more coordinates and
            attributes.
        bytes_per_run: takes a `Sweep` and a `Grid` and returns how much memory a run takes; None goes by the dimension.
        rehearsal: takes a `Sweep` and returns one that costs the same and needs nothing that may be missing yet, as
            data, to be timed before it is run; None times the sweep itself.
        read_checkpoint: takes the path of the file that keeps an unfinished block and raises ValueError if it is
            damaged; None is for those of `simulate`.

    Example:
        >>> from thermo_ideal.sweeps import Experiment
        >>> Experiment("mine", measure=lambda block: {"number": block.points}).name
        'mine'
    """

    name: str
    measure: Callable[..., Any]
    check: Callable[..., dict[str, str]] | None = None
    schedule: Callable[..., Any] | None = None
    points_per_block: Callable[..., int] | None = None
    describe: Callable[..., Any] | None = None
    bytes_per_run: Callable[..., int] | None = None
    rehearsal: Callable[..., Any] | None = None
    read_checkpoint: Callable[..., object] | None = None


def register(made: Experiment) -> Experiment:
    """Makes an experiment known by its name; one of the same name is replaced.

    Args:
        made: the experiment.

    Returns:
        The same.

    Example:
        >>> from thermo_ideal.sweeps import Experiment, register
        >>> register(Experiment("mine", measure=lambda block: {"number": block.points})).name
        'mine'
    """
    _EXPERIMENTS[made.name] = made
    return made


def experiment(function: _Function) -> _Function:
    """Makes a function an experiment, which sweeps then know by the function's name.

    Args:
        function: takes a `Block` and returns what `Experiment.measure` does.

    Returns:
        The function as it is.

    Example:
        >>> from thermo_ideal.sweeps import experiment
        >>> @experiment
        ... def radii(block):
        ...     return {"radius": block.simulate().mean("radius")}
    """
    register(Experiment(function.__name__, function))
    return function


def experiment_named(name: str) -> Experiment:
    """The experiment of a name, or, as in "script.py:function", a function of a file.

    Raises:
        ValueError: there is none, with those that there are.
    """
    if name not in _EXPERIMENTS:
        importlib.import_module(_OWN)
    if name not in _EXPERIMENTS and ".py:" in name:
        _load(*name.rsplit(":", 1))
    if name not in _EXPERIMENTS:
        known = ", ".join(repr(one) for one in _EXPERIMENTS if ".py:" not in one)
        raise ValueError(f"got {name!r}, expected one of {known}, or a function of a file, as in 'script.py:function'")
    return _EXPERIMENTS[name]


def _load(file: str, function: str) -> None:
    """Registers a function of a file under "file:function"."""
    try:
        specification = importlib.util.spec_from_file_location(f"_sweep_{Path(file).stem}", file)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        register(Experiment(f"{file}:{function}", getattr(module, function)))
    except Exception as error:  # whatever a script of the user does
        raise ValueError(
            f"got {file}:{function}, which cannot be loaded ({type(error).__name__}: {error}), expected a function in "
            "a Python file"
        ) from error
