"""A block of a sweep: points that are simulated together, and all that an experiment needs for it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermo_ideal.dynamics import SGD, VonMisesFisherLoss
from thermo_ideal.dynamics._protocols import PROTOCOLS
from thermo_ideal.integrators import AbstractIntegrator, EulerMaruyama, Trajectory, ZonalEulerMaruyama, simulate
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.sweeps._grid import Grid
from thermo_ideal.sweeps._precision_reached import nothing_left, reached, steps_between_looks
from thermo_ideal.sweeps._schedule import system
from thermo_ideal.sweeps._sweep import Sweep


@dataclass(frozen=True)
class Block:
    """Points of a grid that are simulated together.

    Args:
        sweep: what it is of.
        grid: whose points.
        number: of the block in the sweep.
        points: their numbers in the grid, the last axis of which varies fastest, `(points,)`.
        num_steps: of every run.
        burn_in: steps that are left out.
        interval: steps from one sample to the next.
        relaxation_time: the longer one of each point, in steps, where it was planned by, `(points,)`.
        settings: what `simulate` is to be handed besides, as in `simulate(key, …, **block.settings)`: devices, progress
            and the file of the checkpoint.
        outcome: what became of `simulate` where the spec asks for a standard error: "num_steps" that were made, and
            "standard_error_reached", each `(points,)`.

    Example:
        What an experiment of one's own sees:

        >>> import tempfile
        >>> from thermo_ideal.sweeps import Grid, Sweep, experiment, run
        >>> @experiment
        ... def energies(block):
        ...     trajectory = block.simulate()
        ...     return {"loss": trajectory.mean("loss"), "temperature": block.values["effective_learning_rate"] / 2}
        >>> grid = Grid("fixed-sphere", effective_learning_rate=[0.05, 0.1], radius=1.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     results = run(Sweep("energies", [grid], replicas=4, num_steps=2000), folder)
        ...     dict(results["fixed-sphere"]["loss"].sizes)
        {'effective_learning_rate': 2, 'radius': 1, 'replica': 4}
    """

    sweep: Sweep
    grid: Grid
    number: int
    points: np.ndarray
    num_steps: int
    burn_in: int
    interval: int
    relaxation_time: np.ndarray | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    outcome: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        """Steps of all runs together."""
        return self.num_steps * self.points.size * self.sweep.replicas

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The values of the axes of the grid, by name, each `(points,)`."""
        return self.grid.values(self.points)

    @property
    def dimension(self) -> int:
        """`d`, the same for all points of a block."""
        return int(self.values["dimension"][0]) if "dimension" in self.values else self.sweep.dimension

    @cached_property
    def key(self) -> jax.Array:
        """Of all random numbers of the block; it depends on the seed, the protocol and the first point alone."""
        return jax.random.fold_in(_stream(jax.random.key(self.sweep.seed), self.grid.name), int(self.points[0]))

    @property
    def start_key(self) -> jax.Array:
        """Of where the runs start."""
        return jax.random.split(self.key)[0]

    @property
    def run_key(self) -> jax.Array:
        """Of the runs."""
        return jax.random.split(self.key)[1]

    @cached_property
    def sgd(self) -> SGD:
        """The processes, a batch `(points, 1)` that broadcasts with replicas."""
        return system(self.sweep, self.grid, self.points, (1,), VonMisesFisherLoss(self._given_direction))

    @cached_property
    def integrator(self) -> AbstractIntegrator:
        """As the spec says."""
        if self.sweep.integrator == "zonal":
            return ZonalEulerMaruyama(self.sgd, self.dimension)
        return EulerMaruyama(self.sgd)

    def start(self) -> jax.Array:
        """Where the runs start, as the spec says, `(points, replicas, p)`."""
        radius = self.sgd.protocol.stationary_radius(self.sgd.noise.trace(self.dimension))[..., None]
        radii, directions = self.sweep.initial_radii, self.sweep.initial_directions
        each = self.sweep.replicas // len(radii)
        uniform = self._uniform(directions.count("uniform") * each)
        groups = []
        for factor, direction in zip(radii, directions, strict=True):
            if direction == "uniform":
                chosen, uniform = uniform[:, :each], uniform[:, each:]
            else:
                chosen = self._minimum(each)
            groups.append((1.0 if self.sgd.protocol.fixes_radius else factor) * radius * chosen)
        return jnp.concatenate(groups, axis=1)

    def simulate(self, **others: Any) -> Trajectory:
        """Runs the block as the spec says, until the standard errors are reached that it asks for.

        Args:
            others: more arguments of `simulate`, or others than those of the spec.

        Returns:
            The trajectories, a batch `(points, replicas)`.
        """
        targets = self.sweep.standard_error
        given = {"burn_in": self.burn_in, "stride": self.sweep.stride, **self.settings}
        if targets:
            given["stop"] = lambda trajectory: nothing_left(trajectory, targets)
            runs = self.points.size * self.sweep.replicas
            given["chunk_size"] = steps_between_looks(self.num_steps, self.sweep.stride, runs)
        trajectory = simulate(self.run_key, self.integrator, self.start(), self.num_steps, **given | others)
        if targets:
            self.outcome["num_steps"] = np.full(self.points.size, trajectory.num_steps, np.int64)
            self.outcome["standard_error_reached"] = reached(trajectory, targets)
        return trajectory

    @property
    def mean_direction(self) -> np.ndarray:
        """Of the loss: off every axis, where spherical angles have their poles; the pole itself of the zonal chain."""
        if self.sweep.integrator == "zonal":
            return np.array([1.0, 0.0])
        return np.ones(self.dimension) / np.sqrt(self.dimension)

    @property
    def _given_direction(self) -> np.ndarray | None:
        return None if self.sweep.integrator == "zonal" else self.mean_direction

    def _minimum(self, replicas: int) -> Any:
        pole = self.mean_direction
        return np.broadcast_to(pole, (self.points.size, replicas, pole.size))

    def _uniform(self, replicas: int) -> jax.Array:
        """Directions all over the sphere, `(points, replicas, p)`."""
        shape = (self.points.size, replicas)
        if not replicas:
            return jnp.zeros((*shape, 1))
        if self.sweep.integrator == "zonal":
            along, across = jax.random.split(self.start_key)
            a, q = jax.random.normal(along, shape), jax.random.chisquare(across, float(self.dimension - 1), shape)
            found = jnp.stack([a, jnp.sqrt(q)], axis=-1)
        else:
            found = jax.random.normal(self.start_key, (*shape, self.dimension))
        return found / jnp.linalg.norm(found, axis=-1, keepdims=True)


@dataclass(frozen=True)
class Surroundings:
    """Where a block is executed.

    Args:
        devices: which it may use.
        progress: a bar that its steps are shown on.
        checkpoint: the file that keeps it while it is not finished, or None.
        interval: seconds from one time that it is written to the next.
    """

    devices: Sequence[jax.Device]
    progress: ProgressBar | None = None
    checkpoint: Path | None = None
    interval: float = 60.0

    @property
    def settings(self) -> dict[str, Any]:
        """As arguments of `simulate`."""
        found: dict[str, Any] = {"devices": list(self.devices)}
        if self.progress is not None:
            found["progress"] = self.progress
        if self.checkpoint is not None:
            found |= {"checkpoint": self.checkpoint, "checkpoint_interval": self.interval}
        return found


def _stream(key: jax.Array, name: str) -> jax.Array:
    """A key for a protocol, so that its random numbers do not depend on which others run, or in what order.

    The ends of their names tell the paper's three apart; another's may be that of one of them.
    """
    key = jax.random.fold_in(key, int.from_bytes(name.encode()[-4:], "big") % 2**31)
    return key if name in PROTOCOLS else jax.random.fold_in(key, zlib.crc32(name.encode()))
