"""An ensemble that went through a thermodynamic process."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from thermo_ideal._display import equation
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind
from thermo_ideal.estimators._entropy import zonal_entropy
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._work import WorkRecord
from thermo_ideal.thermodynamics import State
from thermo_ideal.thermodynamics.processes import Process

_GROUPS = 8  # of replicas, whose spread is the error of the entropy


@dataclass(frozen=True, repr=False)
class ProcessRun:
    """An ensemble that went through a process, as `experiments.run_process` makes it.

    Args:
        process: the path.
        protocol: the class of protocols, or the protocol, whose hyperparameters were scheduled.
        duration: of the path, in units of a step with `dt = 1`, without the hold.
        record: the energy balances of the trajectories.
        depth: `1 − m` at the times of the record, `(points, replicas)`.
        dimension: `d`.

    Example:
        >>> import jax
        >>> from thermo_ideal.dynamics import FixedSphere
        >>> from thermo_ideal.experiments import run_process
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isochoric
        >>> start = State(VonMisesFisherGas(11), temperature=0.1, radius=1.0, noise_scale=6.0)
        >>> run = run_process(jax.random.key(0), isochoric(start, temperature=0.05), FixedSphere, 200, replicas=64)
        >>> run.protocol.name, run.work.value.shape, bool(run.entropy_production.value > 0)
        ('fixed-sphere', (), True)
        >>> print(str(run).splitlines()[0])
        ProcessRun of 64 replicas through isochoric under fixed-sphere in 200 steps, d = 11
    """

    process: Process
    protocol: ProtocolKind
    duration: float
    record: WorkRecord
    depth: np.ndarray
    dimension: int

    def __repr__(self) -> str:
        kinds = ", ".join(self.process.kinds)
        measured = {"W": (self.work, "loss"), "Q": (self.heat, "loss"), "Σ": (self.entropy_production, "nat")}
        return (
            f"ProcessRun of {self.work.replicas} replicas through {kinds} under {self.protocol.name} in "
            f"{self.duration:g} steps, d = {self.dimension}\n  "
            + ", ".join(equation(symbol, str(estimate), unit) for symbol, (estimate, unit) in measured.items())
        )

    @property
    def work(self) -> Estimate:
        """The work that the gas did, in units of the loss; its quasi-static limit is `process.work`."""
        return Estimate(self.record.work[-1])

    @property
    def heat(self) -> Estimate:
        """The heat that the gas took up, in units of the loss; its quasi-static limit is `process.heat`."""
        return Estimate(self.record.heat[-1])

    @property
    def entropy_production(self) -> Estimate:
        """`Σ = ΔS − Σ δQ/T ≥ 0` from the first equilibrium to the last temperature and radius of the bath, in nats.

        The last relaxation of the direction is included. The loss of a trajectory differs from its mean at both ends,
        which changes `Σ δQ/T` and says nothing of the process. The equilibrium mean is known at both ends: at the end
        the direction relaxes to it, and the heat of that goes to the bath at the last temperature. A radius that lags
        at the end has its own entropy, not that of the end of the path. The same without simulation is
        `entropy_production[-1] + relaxation` of `process.evolve`.
        """
        record, start = self.record, self.process.start
        with jax.enable_x64(True):  # entropies are large, and their difference counts
            temperature, radius = (np.asarray(x[[0, -1]], np.float64) for x in (record.temperature, record.radius))
            sigma = np.float64(start.noise_scale)
            ends = State(start.gas, noise_scale=sigma, temperature=temperature, volume=radius**2 / 2)
            means, entropy = (np.asarray(x) for x in (ends.internal_energy, ends.entropy))
        apart = (record.loss[[0, -1]] - means) / record.temperature[[0, -1]]
        return Estimate(entropy[1] - entropy[0] - (record.entropy_flow[-1] - apart[1] + apart[0]))

    def leg_heat(self) -> Estimate:
        """The heat of each leg, from the points of the record at the ends of the legs.

        Returns:
            An `Estimate` of shape `(legs,)`, in units of the loss.

        Raises:
            ValueError: the record has no point at the end of a leg; save oftener.
        """
        ends = np.concatenate([[0.0], np.cumsum(self.process.shares)]) * self.duration
        ends[-1] = self.record.time[-1]
        at = [int(np.argmin(np.abs(self.record.time - end))) for end in ends]
        if not np.allclose(self.record.time[at], ends, rtol=1e-9, atol=1e-9):
            raise ValueError(
                f"legs: got a record at every {self.record.time[1]:g}, expected points at {ends[1:-1]}; save oftener, "
                "as in save=num_steps // 100"
            )
        return Estimate(np.diff(self.record.heat[at], axis=0))

    def entropy(self) -> Estimate:
        """`S = S_dir + (d − 1) E log r` at each time of the record, from the spacings of the ensemble's angles.

        Returns:
            An `Estimate` of shape `(points,)`, in nats.

        Raises:
            ValueError: fewer than 56 replicas.
        """
        points, replicas = self.depth.shape
        grouped = self.depth.reshape(points, _GROUPS, replicas // _GROUPS)
        radial = (self.dimension - 1) * np.log(self.record.radius).reshape(grouped.shape).mean(axis=-1)
        return Estimate(zonal_entropy(grouped, self.dimension).values + radial)
