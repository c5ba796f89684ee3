"""Thermodynamic processes, simulated."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from thermo_ideal._arguments import as_positive, require_count
from thermo_ideal.dynamics import SGD, AbstractZonalLoss, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind, require_kind
from thermo_ideal.estimators import ProcessRun
from thermo_ideal.experiments._work import measure_work
from thermo_ideal.integrators import EulerMaruyama, ZonalEulerMaruyama
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.thermodynamics.processes import Process

_GROUPS = 8


def run_process(
    key: PRNGKeyArray,
    process: Process,
    kind: ProtocolKind,
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
    """Takes an ensemble through a process, from the equilibrium at its start, and measures work and heat.

    Args:
        key: a JAX key.
        process: the path, of a gas that knows its loss.
        kind: the protocol whose hyperparameters are scheduled: a class, as in `FixedLearningRate`, or a protocol whose
            static fields are kept.
        num_steps: how many steps the path takes.
        replicas: independent trajectories, a multiple of 8.
        dt: the step; the error of SGD itself, `dt = 1`, against its SDE falls as `dt`.
        hold: how many steps follow at the end of the path, in which the ensemble can settle.
        save: keep the balance after every so many steps, a divisor of `num_steps + hold`; None keeps start and end.
        loss: the loss of the gas; the toy's if None.
        full: simulate all of R^d, instead of the chain of radius and overlap, which is exact in law.
        devices: as in `simulate`.
        progress: as in `simulate`.

    Returns:
        A `ProcessRun`.

    Raises:
        ValueError: an argument out of its range, no protocol or one that does not settle in the states of the path, or
            a gas that does not know its loss.
        FloatingPointError: weights become NaN or infinite.

    Example:
        A gas that is heated at constant weight decay, slowly:

        >>> import jax
        >>> from thermo_ideal.dynamics import FixedEffectiveLearningRate
        >>> from thermo_ideal.experiments import run_process
        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> from thermo_ideal.thermodynamics.processes import isobaric
        >>> start = State(VonMisesFisherGas(11), temperature=0.05, pressure=0.5, noise_scale=6.0)
        >>> process = isobaric(start, temperature=0.1)
        >>> run = run_process(jax.random.key(0), process, FixedEffectiveLearningRate, 40_000, replicas=64)
        >>> f"{float(run.work.value):.2f} {process.work:.2f}"  # R ΔT
        '0.25 0.25'

    Source: the balance is that of `WorkMeter`.
    """
    require_kind(kind, f"run_process(key, process, {{}}, num_steps={num_steps})")
    for name, value, multiple in (("num_steps", num_steps, 1), ("replicas", replicas, _GROUPS)):
        require_count(name, value, minimum=multiple)
        if value % multiple:
            raise ValueError(f"{name}: got {value}, expected a multiple of {multiple}, as in {name}={multiple * 32}")
    dt = float(as_positive("dt", dt))
    start, d = process.start, int(process.start.dimension)
    loss = VonMisesFisherLoss(jnp.eye(d)[0] if full else None) if loss is None else loss
    sgd = SGD(loss, IsotropicNoise(start.noise_scale), process.protocol(kind, num_steps, hold=hold))
    law, (start_key, run_key) = start.gas.law(float(start.temperature)), jax.random.split(key)
    if full:
        mean_direction = loss.mean_direction
        integrator: EulerMaruyama | ZonalEulerMaruyama = EulerMaruyama(sgd, dt)
        position = start.radius * law.about(mean_direction).sample(start_key, (replicas,))
    else:
        integrator = ZonalEulerMaruyama(sgd, d, dt)
        position = integrator.start(radius=start.radius, depth=law.sample_depth(start_key, (replicas,)))
    record = measure_work(
        run_key,
        integrator,
        position,
        num_steps + hold,
        initial=process.initial(kind),
        save=save,
        devices=devices,
        progress=progress,
    )
    depth = _depth(record.position.astype(np.float64), np.asarray(loss.mean_direction, np.float64) if full else None)
    return ProcessRun(process, kind, num_steps * dt, record, depth, d)


def _depth(position: np.ndarray, mean_direction: np.ndarray | None) -> np.ndarray:
    """`1 − m` of weights, or of the chain's `(μ·w, |w − (μ·w)μ|)`, without a difference near `μ`."""
    direction = position / np.linalg.norm(position, axis=-1, keepdims=True)
    pole = np.array([1.0, 0.0]) if mean_direction is None else mean_direction
    return np.asarray(((direction - pole) ** 2).sum(axis=-1) / 2)
