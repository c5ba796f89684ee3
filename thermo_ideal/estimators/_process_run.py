"""An ensemble that went through a thermodynamic process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermo_ideal.estimators._entropy import zonal_entropy
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._work import WorkRecord
from thermo_ideal.thermodynamics.processes import Process

_GROUPS = 8  # of replicas, whose spread is the error of the entropy


@dataclass(frozen=True)
class ProcessRun:
    """An ensemble that went through a process.

    Args:
        process: the path.
        protocol: what was scheduled.
        duration: of the path, in units of a step with `dt = 1`, without the hold.
        record: the energy balances of the trajectories.
        depth: `1 − m` at the times of the record, `(points, replicas)`.
        dimension: `d`.
    """

    process: Process
    protocol: str
    duration: float
    record: WorkRecord
    depth: np.ndarray
    dimension: int

    @property
    def work(self) -> Estimate:
        """What the gas did from the beginning to the end; its quasi-static limit is `process.work`."""
        return Estimate(self.record.work[-1])

    @property
    def heat(self) -> Estimate:
        """What it took up; its quasi-static limit is `process.heat`."""
        return Estimate(self.record.heat[-1])

    @property
    def entropy_production(self) -> Estimate:
        """`ΔS − Σ δQ/T ≥ 0` between the equilibria at both ends, with the last relaxation of the direction.

        What the loss of a trajectory differs by from its mean at either end adds to `Σ δQ/T` and says nothing of the
        process. At the start that mean is known; at the end the direction relaxes to one that is, and the heat of that
        goes to the bath at the last temperature. A radius that lags at the end needs a hold.
        """
        record = self.record
        beta = 1 / record.temperature[[0, -1]]
        means = np.array([[float(state.internal_energy)] for state in (self.process.start, self.process.end)])
        apart = beta * (record.loss[[0, -1]] - means)
        return Estimate(self.process.entropy_change - (record.entropy_flow[-1] - apart[1] + apart[0]))

    def leg_heat(self) -> Estimate:
        """The heat of each leg, where the record has a point at its end, `(legs, replicas)`.

        Raises:
            ValueError: it has not; save oftener.
        """
        ends = np.concatenate([[0.0], np.cumsum(self.process.shares)]) * self.duration
        ends[-1] = self.record.time[-1]
        at = [int(np.argmin(np.abs(self.record.time - end))) for end in ends]
        if not np.allclose(self.record.time[at], ends, rtol=1e-9, atol=1e-9):
            raise ValueError(
                f"legs: got a record at every {self.record.time[1]:g}, expected points at {ends[1:-1]}; save "
                f"oftener, as "
                "in save=num_steps // 100"
            )
        return Estimate(np.diff(self.record.heat[at], axis=0))

    def entropy(self) -> Estimate:
        """`S = S_dir + (d − 1) E log r` at each point of the record, from the spacings of the ensemble's angles."""
        points, replicas = self.depth.shape
        grouped = self.depth.reshape(points, _GROUPS, replicas // _GROUPS)
        radial = (self.dimension - 1) * np.log(self.record.radius).reshape(grouped.shape).mean(axis=-1)
        return Estimate(zonal_entropy(grouped, self.dimension).values + radial)
