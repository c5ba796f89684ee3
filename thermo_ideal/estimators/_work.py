"""Energy balances along trajectories."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Array

from thermo_ideal.estimators._estimate import Estimate


@dataclass(frozen=True)
class WorkRecord:
    """Energy balances of a batch of trajectories at `points` times, the first before step 0.

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

    @property
    def volume(self) -> np.ndarray:
        """`V = r²/2`."""
        return self.radius**2 / 2

    def mean(self, name: str) -> Estimate:
        """The ensemble mean of a series, by name, at each time: replicas are the last axis of the batch.

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
            entropy_change: `ΔS` between the ensembles at both ends, for each point of the grid that the batch is
                without its last axis, the replicas.
        """
        return Estimate(np.asarray(entropy_change, np.float64)[..., None] - self.entropy_flow[-1])

    def closure(self) -> float:
        """`|ΔU − (Q − W)|`, the largest of all trajectories and times, in units of the last place of its terms.

        A few units are rounding; more is an energy that was not accounted for.
        """
        gap = np.abs(self.loss - self.loss[0] - (self.heat - self.work))
        largest = sum(np.abs(x).max(axis=0) for x in (self.loss, self.heat, self.work))
        return float(np.max(gap / (self.precision * largest)))
