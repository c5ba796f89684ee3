"""Energy balances along trajectories."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Array

from thermo_ideal._display import equation, span
from thermo_ideal.estimators._estimate import Estimate

# What is shown: the totals and their units.
_SHOWN = {"work": ("W", "loss"), "heat": ("Q", "loss"), "entropy_flow": ("Σ δQ/T", "nat")}


@dataclass(frozen=True, repr=False)
class WorkRecord:
    """Energy balances of a batch of trajectories at `points` times, the first before step 0.

    `experiments.measure_work` makes it; replicas are the last axis of the batch. Energies are in units of the loss,
    entropies in nats.

    Args:
        time: in units of a step with `dt = 1`, `(points,)`.
        position: of the integrator that was metered, `(points, *batch, p)`.
        loss: `L`, `(points, *batch)`, as all that follow.
        radius: `r`.
        temperature: `T` of the last step; first, the initial one.
        pressure: `p` of the last step; first, the initial weight decay, or NaN on the fixed sphere.
        work: `Σ p ΔV`.
        heat: `Σ (ΔL + p ΔV)`.
        entropy_flow: `Σ δQ/T`.
        control_work: `Σ V Δλ`.
        reduced_work: `Σ L Δβ`.
        precision: the relative spacing of the numbers in which the totals were kept.

    Example:
        Two trajectories before and after a step in which the gas is heated at constant volume:

        >>> import numpy as np
        >>> from thermo_ideal.estimators import WorkRecord
        >>> zero, one = np.zeros((2, 2)), np.ones((2, 2))
        >>> loss = np.array([[0.1, 0.2], [0.3, 0.6]])
        >>> record = WorkRecord(
        ...     time=np.arange(2.0), position=np.ones((2, 2, 3)), loss=loss, radius=one, temperature=0.1 * one,
        ...     pressure=one, work=zero, heat=loss - loss[0], entropy_flow=10 * (loss - loss[0]), control_work=zero,
        ...     reduced_work=zero, precision=2.0**-52,
        ... )
        >>> record
        WorkRecord of 2 trajectories, shape (2,), at 2 times from 0 to 1 steps
          mean of the last: W = 0 loss, Q = 0.3(1) loss, Σ δQ/T = 3(1) nat
    """

    time: np.ndarray
    position: np.ndarray
    loss: np.ndarray
    radius: np.ndarray
    temperature: np.ndarray
    pressure: np.ndarray
    work: np.ndarray
    heat: np.ndarray
    entropy_flow: np.ndarray
    control_work: np.ndarray
    reduced_work: np.ndarray
    precision: float

    def __repr__(self) -> str:
        batch = self.loss.shape[1:]
        totals = {name: getattr(self, name)[-1] for name in _SHOWN}
        # Without replicas there is no error to show.
        texts = {name: str(Estimate(x)) if batch and batch[-1] > 1 else span(x) for name, x in totals.items()}
        return (
            f"WorkRecord of {int(np.prod(batch))} trajectories, shape {batch}, at {len(self.time)} times from "
            f"{self.time[0]:g} to {self.time[-1]:g} steps\n  mean of the last: "
            + ", ".join(equation(symbol, texts[name], unit) for name, (symbol, unit) in _SHOWN.items())
        )

    @property
    def volume(self) -> np.ndarray:
        """`V = r²/2`, `(points, *batch)`."""
        return self.radius**2 / 2

    def mean(self, name: str) -> Estimate:
        """The ensemble mean of a series at each time; replicas are the last axis of the batch.

        Args:
            name: of the series, as in "work".

        Returns:
            An `Estimate` of shape `(points, …)`, the batch without its last axis.

        Raises:
            ValueError: no such series, or fewer than two replicas.
        """
        series = (field.name for field in fields(self) if field.name not in ("time", "position", "precision"))
        names = [*series, "volume"]
        if name not in names:
            raise ValueError(f"name: got {name!r}, expected one of {', '.join(map(repr, names))}")
        return Estimate(getattr(self, name))

    def entropy_production(self, entropy_change: np.ndarray | Array | float) -> Estimate:
        """`ΔS − Σ δQ/T ≥ 0` of the whole process, in nats.

        Args:
            entropy_change: `ΔS` between the ensembles at both ends, for each point of the grid: the batch without its
                last axis, the replicas.

        Returns:
            An `Estimate` for each point of the grid.
        """
        return Estimate(np.asarray(entropy_change, np.float64)[..., None] - self.entropy_flow[-1])

    def closure(self) -> float:
        """The largest `|ΔU − (Q − W)|` of all trajectories and times, in units of the last place of its terms.

        Returns:
            A pure number: a few units are rounding, more is an energy that was not accounted for.
        """
        gap = np.abs(self.loss - self.loss[0] - (self.heat - self.work))
        largest = sum(np.abs(x).max(axis=0) for x in (self.loss, self.heat, self.work))
        return float(np.max(gap / (self.precision * largest)))
