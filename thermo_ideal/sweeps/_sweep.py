"""A sweep: everything that a batch of simulations is, and nothing of how it is run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from json import dumps
from typing import Any

from thermo_ideal.dynamics._protocols import PROTOCOLS
from thermo_ideal.sweeps._fields import AUTO, MOST, checked_fields
from thermo_ideal.sweeps._grid import Grid, checked_grid
from thermo_ideal.sweeps._problems import Problem, SweepError
from thermo_ideal.sweeps._registry import experiment_named
from thermo_ideal.sweeps._toml import line_of, read, write


@dataclass(frozen=True, eq=True)
class Sweep:
    """What to simulate, for every point of one or more grids. It can be compared, hashed, and written as TOML.

    Args:
        experiment: the name of what a block does and measures; "stationary" keeps time averages of observables with
            their standard errors, "isotropic" is the paper's isotropic-noise model.
        grids: each a protocol with its axes; no two of one protocol.
        integrator: "euler-maruyama", all of `R^d`, or "zonal", the chain of radius and overlap, whose cost does not
            depend on `d`.
        loss: "von-mises-fisher", `1 − μ·w̄`.
        noise: "isotropic".
        noise_scale: `σ`, where it is no axis.
        dimension: `d`, where it is no axis.
        replicas: independent runs of each point.
        initial_radii: where they start, in stationary radii; as many groups of replicas as there are radii.
        initial_directions: "minimum" of the loss or "uniform", for each of these groups.
        num_steps: of every run, or "auto": planned from the relaxation times of each point. Where a standard error is
            asked for it is the most that a run makes.
        burn_in: steps that are left out, or "auto": half of `num_steps`, or as planned.
        samples: how many observations of the direction a run should last for, or keeps.
        stride: every how many steps to measure.
        standard_error: of the mean over time and replicas of an observable at each point, by name, as in
            `{"loss": 1e-4}`: a block goes on until all of its points have reached all of them, or the steps end; which
            have is in "standard_error_reached". Each point goes on by itself with `block_points=1`.
        observables: which to keep, for experiments that let one choose; all if empty.
        precision: "float32" or "float64".
        seed: of every random number.
        block_points: points of a block, or "auto": by memory. The random numbers depend on it.
        options: numbers, words and switches for an experiment of one's own, by name.

    Raises:
        SweepError: fields that are not as they should be, all of them at once.

    Example:
        >>> from thermo_ideal.sweeps import Grid, Sweep, logspace
        >>> grid = Grid("fixed-elr", effective_learning_rate=logspace(-3, -1, 9), weight_decay=[0.01, 0.1])
        >>> sweep = Sweep("stationary", [grid], integrator="zonal", dimension=10_000, num_steps=10_000, replicas=4)
        >>> sweep.runs, sweep == Sweep.from_toml(sweep.to_toml())
        (72, True)
    """

    experiment: str
    grids: tuple[Grid, ...]
    integrator: str = "euler-maruyama"
    loss: str = "von-mises-fisher"
    noise: str = "isotropic"
    noise_scale: float = 1.0
    dimension: int = 3
    replicas: int = 1
    initial_radii: tuple[float, ...] = (1.0,)
    initial_directions: tuple[str, ...] = ("minimum",)
    num_steps: int | str = AUTO
    burn_in: int | str = AUTO
    samples: int = 1000
    stride: int = 1
    standard_error: tuple[tuple[str, float], ...] = ()
    observables: tuple[str, ...] = ()
    precision: str = "float32"
    seed: int = 0
    block_points: int | str = AUTO
    options: tuple[tuple[str, Any], ...] = ()

    def __init__(self, experiment: str, grids: Iterable[Grid], **others: Any) -> None:
        given = {"experiment": experiment, "grids": grids, **others}
        values, problems = checked_fields(given, _defaults())
        if problems:
            raise SweepError(problems)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        problems = [Problem(name, message) for name, message in _contradictions(self).items()]
        if problems:
            raise SweepError(problems)

    @property
    def points(self) -> int:
        """How many grid points there are, in all grids."""
        return sum(grid.size for grid in self.grids)

    @property
    def runs(self) -> int:
        """How many simulations there are."""
        return self.points * self.replicas

    def replace(self, **others: Any) -> Sweep:
        """The sweep with other values of some fields.

        Args:
            others: by name.
        """
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return Sweep(**given | others)

    def option(self, name: str, default: Any = None) -> Any:
        """One of the options.

        Args:
            name: of the option.
            default: if there is none of that name.
        """
        return dict(self.options).get(name, default)

    def plain(self) -> dict[str, Any]:
        """As TOML has it: what differs from the defaults, and always the experiment and the grids."""
        kept: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "grids" and (field.name == "experiment" or value != field.default):
                kept[field.name] = list(value) if isinstance(value, tuple) else value
        kept |= {name: dict(getattr(self, name)) for name in ("standard_error", "options") if name in kept}
        return kept | {"grids": [grid.plain() for grid in self.grids]}

    def text(self) -> dict[str, str]:
        """Every field as text, for comparison: protocols with all that they keep."""
        found = {field.name: dumps(getattr(self, field.name)) for field in fields(self) if field.name != "grids"}
        for i, grid in enumerate(self.grids):
            found |= {f"grids[{i}].{name}": dumps(axis.plain()) for name, axis in grid.axes}
            found[f"grids[{i}].protocol"] = grid.text
        return found

    @property
    def digest(self) -> str:
        """A short name, different for sweeps that are not equal."""
        return hashlib.sha256(dumps(self.text(), sort_keys=True).encode()).hexdigest()[:16]

    def to_toml(self) -> str:
        """The sweep as the text of a file.

        Returns:
            TOML, from which `from_toml` makes an equal sweep.

        Raises:
            ValueError: a protocol of one's own, which a file has no name for.
        """
        for grid in self.grids:
            if grid.kind is not PROTOCOLS.get(grid.name):
                raise ValueError(
                    f"grids: got {grid.kind!r}, expected a protocol that files have a name for: "
                    f"{', '.join(PROTOCOLS)}; run the sweep from the script that has the protocol"
                )
        return write(self.plain())

    @classmethod
    def from_toml(cls, text: str, source: str = "sweep") -> Sweep:
        """A sweep from the text of a file.

        Args:
            text: TOML.
            source: the name of the file, for errors.

        Raises:
            SweepError: everything that is wrong with it, with the lines.
        """
        table, lines = read(text, source)
        grids, problems = _grids_of(table.get("grids"))
        given = {"experiment": None, **table, "grids": grids}
        others = checked_fields(given, _defaults())[1]
        problems += [problem for problem in others if not (problem.field == "grids" and problems)]
        if not problems:
            try:
                return cls(**given)
            except SweepError as error:
                problems = list(error.problems)
        placed = [Problem(one.field, one.message, line_of(lines, one.field)) for one in problems]
        raise SweepError(sorted(placed, key=lambda one: one.line or 0), source)


def _defaults() -> dict[str, Any]:
    return {field.name: field.default for field in fields(Sweep)}


def _grids_of(listed: Any) -> tuple[list[Grid], list[Problem]]:
    """The grids of a TOML file that are good, and what is wrong with the others."""
    if not isinstance(listed, list) or not listed:
        return [], [Problem("grids", f"got {listed!r}, expected at least one table [[grids]]")]
    grids, problems = [], []
    for i, one in enumerate(listed):
        if not isinstance(one, Mapping):
            problems.append(Problem(f"grids[{i}]", f"got {one!r}, expected a table [[grids]]"))
            continue
        protocol, axes = one.get("protocol"), {name: value for name, value in one.items() if name != "protocol"}
        wrong = checked_grid(protocol, axes, f"grids[{i}].")[1]
        problems += wrong
        if not wrong:
            grids.append(Grid(protocol, **axes))
    return grids, problems


def _contradictions(sweep: Sweep) -> dict[str, str]:
    """What is wrong with fields that are good each by itself, by name."""
    found: dict[str, str] = {}
    radii, directions = len(sweep.initial_radii), len(sweep.initial_directions)
    if radii != directions:
        found["initial_directions"] = f"got {directions}, expected one for each of the {radii} initial_radii"
    elif sweep.replicas % radii:
        found["replicas"] = f"got {sweep.replicas}, expected a multiple of {radii}, the number of initial_radii"
    if isinstance(sweep.num_steps, int):
        for name, value in (("stride", sweep.stride), ("samples", sweep.samples)):
            if value > sweep.num_steps:
                found[name] = f"got {value}, expected at most num_steps = {sweep.num_steps}"
        if isinstance(sweep.burn_in, int) and sweep.burn_in + sweep.stride > sweep.num_steps:
            found["burn_in"] = f"got {sweep.burn_in}, expected less than num_steps = {sweep.num_steps} by a stride"
    elif isinstance(sweep.burn_in, int):
        found["burn_in"] = f'got {sweep.burn_in}, expected "{AUTO}" where num_steps is'
    for i, grid in enumerate(sweep.grids):
        scales = dict(grid.axes).get("noise_scale")
        if scales is not None and not (scales.array <= 1e30).all():
            found[f"grids[{i}].noise_scale"] = f"got {scales.array.max()}, expected at most 1e30"
    for name, _ in sweep.standard_error:
        if sweep.observables and name not in sweep.observables:
            found["standard_error"] = f"got {name!r}, expected one of observables = {list(sweep.observables)}"
    if sweep.runs > MOST:
        found["replicas"] = f"got {sweep.runs} runs, expected at most {MOST}"
    own = experiment_named(sweep.experiment).check
    return found if found or own is None else own(sweep)
