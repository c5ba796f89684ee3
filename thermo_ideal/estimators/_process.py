"""Processes run by the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from thermo_ideal._arguments import as_positive, require_count
from thermo_ideal.dynamics import SGD, AbstractZonalLoss, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.estimators._entropy import zonal_entropy
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._work import WorkRecord, measure_work
from thermo_ideal.integrators import EulerMaruyama, ProgressBar, ZonalEulerMaruyama
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
                f"legs: got a record at every {self.record.time[1]:g}, wanted points at {ends[1:-1]}; save oftener, as "
                "in save=num_steps // 100"
            )
        return Estimate(np.diff(self.record.heat[at], axis=0))

    def entropy(self) -> Estimate:
        """`S = S_dir + (d − 1) E log r` at each point of the record, from the spacings of the ensemble's angles."""
        points, replicas = self.depth.shape
        grouped = self.depth.reshape(points, _GROUPS, replicas // _GROUPS)
        radial = (self.dimension - 1) * np.log(self.record.radius).reshape(grouped.shape).mean(axis=-1)
        return Estimate(zonal_entropy(grouped, self.dimension).values + radial)


def run_process(
    key: PRNGKeyArray,
    process: Process,
    protocol: str,
    num_steps: int,
    *,
    replicas: int = 256,
    dt: float = 1.0,
    hold: int = 0,
    save: int | None = None,
    loss: AbstractZonalLoss | None = None,
    full: bool = False,
    devices: Sequence[jax.Device] | None = None,
    progress: ProgressBar | bool = False,
) -> ProcessRun:
    """Takes an ensemble through a process, from the equilibrium that it starts in, and measures work and heat.

    Args:
        key: a JAX key.
        process: the path, of a gas that knows its loss.
        protocol: what to schedule, "fixed-lr", "fixed-elr" or "fixed-sphere".
        num_steps: how many steps the path takes.
        replicas: independent trajectories, a multiple of 8.
        dt: the step; what SGD itself, `dt = 1`, is off by from its SDE falls as `dt`.
        hold: steps at the end of the path that follow it, for the ensemble to settle.
        save: keep the balance after every so many steps, a divisor of `num_steps + hold`; None keeps start and end.
        loss: the loss of the gas; the toy's if None.
        full: simulate all of R^d, instead of the chain of radius and overlap, which is exact in law.
        devices: as in `simulate`.
        progress: as in `simulate`.

    Returns:
        A `ProcessRun`.

    Raises:
        ValueError: an argument out of its range, or a gas that does not know its loss.
        FloatingPointError: a run left the finite numbers.

    Example:
        A gas that is heated at constant weight decay, slowly:

        >>> import jax
        >>> from thermo_ideal.estimators import run_process
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isobaric
        >>> start = State(VonMisesFisherGas(11), temperature=0.05, pressure=0.5, noise_scale=6.0)
        >>> process = isobaric(start, temperature=0.1)
        >>> run = run_process(jax.random.key(0), process, "fixed-elr", 40_000, replicas=64)
        >>> f"{float(run.work.value):.2f} {process.work:.2f}"  # R ΔT
        '0.25 0.25'

    Source: the balance is that of `WorkMeter`.
    """
    for name, value, multiple in (("num_steps", num_steps, 1), ("replicas", replicas, _GROUPS)):
        require_count(name, value, least=multiple)
        if value % multiple:
            raise ValueError(f"{name}: got {value}, wanted a multiple of {multiple}, as in {name}={multiple * 32}")
    dt = float(as_positive("dt", dt))
    start, d = process.start, int(process.start.dimension)
    loss = VonMisesFisherLoss(jnp.eye(d)[0] if full else None) if loss is None else loss
    sgd = SGD(loss, IsotropicNoise(start.noise_scale), process.protocol(protocol, num_steps, hold=hold))
    law, (start_key, run_key) = start.gas.law(float(start.temperature)), jax.random.split(key)
    if full:
        mean_direction = loss.mean_direction
        integrator: EulerMaruyama | ZonalEulerMaruyama = EulerMaruyama(sgd, dt)
        position = start.radius * law.sample_directions(start_key, mean_direction, (replicas,))
    else:
        integrator = ZonalEulerMaruyama(sgd, d, dt)
        position = integrator.start(radius=start.radius, depth=law.sample_depth(start_key, (replicas,)))
    record = measure_work(
        run_key,
        integrator,
        position,
        num_steps + hold,
        initial=process.initial(protocol),
        save=save,
        devices=devices,
        progress=progress,
    )
    depth = _depth(record.position.astype(np.float64), np.asarray(loss.mean_direction, np.float64) if full else None)
    return ProcessRun(process, protocol, num_steps * dt, record, depth, d)


def _depth(position: np.ndarray, mean_direction: np.ndarray | None) -> np.ndarray:
    """`1 − m` of weights, or of the chain's `(μ·w, |w − (μ·w)μ|)`, without a difference near `μ`."""
    direction = position / np.linalg.norm(position, axis=-1, keepdims=True)
    pole = np.array([1.0, 0.0]) if mean_direction is None else mean_direction
    return np.asarray(((direction - pole) ** 2).sum(axis=-1) / 2)
