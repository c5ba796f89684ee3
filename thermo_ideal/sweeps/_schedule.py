"""How many steps the runs of a sweep make."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.dynamics._protocol_kinds import with_hyperparameters
from thermo_ideal.sweeps._fields import MOST
from thermo_ideal.sweeps._grid import SYSTEM, Grid
from thermo_ideal.sweeps._sweep import Sweep
from thermo_ideal.thermodynamics import plan

_BURN_IN = 10.0  # relaxation times
# Of the length that a standard error should take: estimates of it are cautious, and how far they scatter is not known.
_MARGIN = 4
_PLANNED_AS = {"loss": "loss", "depth": "loss", "radius": "radius"}  # observables of which the error can be planned


@dataclass(frozen=True)
class Schedule:
    """Steps of the runs of every point of a grid; a block of points makes as many as the one that needs most.

    Args:
        burn_in: steps that are left out, `(points,)`.
        length: steps after them, `(points,)`.
        interval: steps from one sample to the next, `(points,)`.
        order: points of alike numbers come into one block, `(points,)`.
        relaxation_time: the longer one of each point, in steps, `(points,)`, or None.
        samples: how many intervals a block lasts at least.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.sweeps import Schedule
        >>> Schedule.constant(points=2, num_steps=100, burn_in=20, interval=10).length
        array([80, 80])
    """

    burn_in: np.ndarray
    length: np.ndarray
    interval: np.ndarray
    order: np.ndarray
    relaxation_time: np.ndarray | None = None
    samples: int = 0

    @classmethod
    def constant(cls, points: int, num_steps: int, burn_in: int, interval: int) -> Schedule:
        """The same for every point.

        Args:
            points: how many there are.
            num_steps: of every run.
            burn_in: how many of them are left out.
            interval: steps from one sample to the next.
        """
        all_of = np.ones(points, np.int64)
        return cls(burn_in * all_of, (num_steps - burn_in) * all_of, interval * all_of, 0 * all_of)

    def of(self, points: np.ndarray, stride: int) -> tuple[int, int, int]:
        """`(num_steps, burn_in, interval)` of a block, multiples of the stride.

        Args:
            points: of the block.
            stride: every how many steps it measures.
        """
        burn_in, length, interval = (
            up(int(steps[points].max()), stride) for steps in (self.burn_in, self.length, self.interval)
        )
        return burn_in + up(max(length, self.samples * interval), stride), burn_in, interval


def scheduled(sweep: Sweep, grid: Grid) -> Schedule:
    """What the spec says, or what the relaxation times ask for where it says "auto".

    Args:
        sweep: the sweep.
        grid: one of its grids.

    Returns:
        A `Schedule`.

    Raises:
        ValueError: a state that takes too long to reach.

    Example:
        >>> from thermo_ideal.sweeps import Grid, Sweep, scheduled
        >>> grid = Grid("fixed-sphere", effective_learning_rate=[0.01, 0.1], radius=1.0)
        >>> scheduled(Sweep("stationary", [grid], samples=100), grid).burn_in
        array([1000,  100])
    """
    if isinstance(sweep.num_steps, int):
        return fixed(sweep, grid)
    return planned(sweep, grid)


def fixed(sweep: Sweep, grid: Grid) -> Schedule:
    """As many steps as the spec says, rounded up to strides; half of them are left out if it does not say how many."""
    assert isinstance(sweep.num_steps, int)
    if isinstance(sweep.burn_in, int):
        num_steps, burn_in = up(sweep.num_steps, sweep.stride), up(sweep.burn_in, sweep.stride)
    else:
        num_steps = up(sweep.num_steps, 2 * sweep.stride)
        burn_in = num_steps // 2
    length = num_steps - burn_in
    interval = up(max(length // sweep.samples, 1), sweep.stride)
    return Schedule.constant(grid.size, num_steps, burn_in, interval)


def planned(sweep: Sweep, grid: Grid) -> Schedule:
    """As many steps as the relaxation times ask for, and several times as many where a standard error is."""
    given = grid.values(np.arange(grid.size))
    dimensions = given.get("dimension", np.full(grid.size, sweep.dimension)).astype(np.int64)
    targets = [(_PLANNED_AS[name], x) for name, x in sweep.standard_error if name in _PLANNED_AS]
    # That of one run, of which there are some.
    errors = {name: min(x for other, x in targets if other == name) * sweep.replicas**0.5 for name, _ in targets}
    found: dict[str, np.ndarray] = {}
    with jax.enable_x64(sweep.precision == "float64"):
        for dimension in np.unique(dimensions).tolist():
            of = dimensions == dimension
            sgd = system(sweep, grid, np.flatnonzero(of), ())
            made = plan(sgd, dimension, samples=sweep.samples, relaxation_times=_BURN_IN, standard_error=errors)
            length = made.num_steps - made.burn_in
            if sweep.standard_error:
                length = np.minimum(length, MOST // _MARGIN) * _MARGIN
            numbers = {
                "burn_in": made.burn_in,
                "length": length,
                "interval": made.sampling_interval,
                "order": made.num_steps,
                "relaxation_time": np.maximum(made.radius_time, made.direction_time),
            }
            for name, values in numbers.items():
                found.setdefault(name, np.zeros(grid.size, values.dtype))[of] = values
    return Schedule(**found, samples=sweep.samples)


def system(sweep: Sweep, grid: Grid, points: np.ndarray, extra: tuple[int, ...], loss: object = None) -> SGD:
    """SGD at points of a grid.

    Args:
        sweep: the sweep.
        grid: one of its grids.
        points: their numbers.
        extra: shape of further axes of the batch, as in `(1,)`, which broadcasts with replicas.
        loss: the loss; that without a mean direction if None.
    """
    values = {name: x.reshape(-1, *extra) for name, x in grid.values(points).items()}
    hyperparameters = {name: x for name, x in values.items() if name not in SYSTEM}
    protocol = with_hyperparameters(
        grid.kind, {name: jax.numpy.asarray(x, float) for name, x in hyperparameters.items()}
    )
    noise = IsotropicNoise(values.get("noise_scale", sweep.noise_scale))
    return SGD(VonMisesFisherLoss() if loss is None else loss, noise, protocol)  # type: ignore[arg-type]


def up(value: int, multiple: int) -> int:
    """The next multiple."""
    return -(-value // multiple) * multiple
