"""Work, heat and entropy flow along simulated trajectories."""

from collections.abc import Sequence
from math import gcd

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, PRNGKeyArray

from thermo_ideal._arguments import require_count
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.estimators import WorkRecord
from thermo_ideal.integrators import AbstractIntegrator, WorkMeter, simulate
from thermo_ideal.integrators._progress import ProgressBar

_STRIDE = 64  # steps at most from one check that a run is finite to the next: what `simulate` measures is not used


def measure_work(
    key: PRNGKeyArray,
    integrator: AbstractIntegrator,
    position: Float[ArrayLike, "*batch p"],
    num_steps: int,
    *,
    initial: AbstractProtocol | None = None,
    save: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    chunk_size: int | None = None,
    on_divergence: str = "raise",
    progress: ProgressBar | bool = False,
) -> WorkRecord:
    """Runs a process and keeps the energy balance of each trajectory, as `WorkMeter` defines it.

    Args:
        key: a JAX key.
        integrator: the process and its step, with isotropic noise and usually a schedule.
        position: an ensemble to start from, `(*batch, p)`, with replicas along the last axis of the batch.
        num_steps: how many steps to make.
        initial: the protocol whose equilibrium that ensemble is in: the hyperparameters before step 0, without
            schedules; those of step 0 if None.
        save: keep the balance after every so many steps; None keeps the start and the end.
        devices: as in `simulate`.
        chunk_size: as in `simulate`.
        on_divergence: as in `simulate`, but that by default a run that becomes NaN ends all: work is a mean over an
            ensemble, and that of those that are left is another one.
        progress: as in `simulate`.

    Returns:
        A `WorkRecord`.

    Raises:
        ValueError: noise that is not isotropic, an initial protocol that does not fit, a `save` that does not divide
            `num_steps`, or what `simulate` refuses.
        FloatingPointError: a run became NaN or infinite, unless `on_divergence="nan"`.

    Example:
        Weight decay is doubled at once: the gas is compressed, and what it does not give back is dissipated.

        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.experiments import measure_work
        >>> from thermo_ideal.integrators import ZonalEulerMaruyama
        >>> before, after = (FixedEffectiveLearningRate(0.01, weight_decay) for weight_decay in (0.01, 0.02))
        >>> chain = ZonalEulerMaruyama(SGD(VonMisesFisherLoss(), IsotropicNoise(), after), dimension=101)
        >>> ensemble = jnp.broadcast_to(chain.start(radius=50**0.5, overlap=0.8), (8, 2))  # p V = R T
        >>> record = measure_work(jax.random.key(0), chain, ensemble, 3000, initial=before)
        >>> volume = record.mean("volume").value  # from R T/p to half of it
        >>> volume.round(0), record.mean("work").value.round(1), record.closure() < 10
        (array([25., 13.]), array([ 0. , -0.2]), True)

    Source: Sekimoto, Stochastic Energetics (2010); Seifert, Rep. Prog. Phys. 75, 126001 (2012).
    """
    require_count("num_steps", num_steps)
    every = num_steps if save is None else save
    require_count("save", every)
    if num_steps % every:
        raise ValueError(f"save: got {save}, expected a divisor of num_steps = {num_steps}, as in save={num_steps}")
    step = np.asarray(integrator.dt)
    if step.ndim:
        raise ValueError(
            f"dt: got shape {step.shape}, expected one number for all runs, as in EulerMaruyama(sgd, dt=0.5)"
        )
    meter = WorkMeter(integrator)
    start = meter.start(position, initial)
    stride = gcd(every, chunk_size or 0, _STRIDE)
    run = simulate(
        key,
        meter,
        start,
        num_steps,
        stride=stride,
        save=save,
        devices=devices,
        chunk_size=chunk_size,
        on_divergence=on_divergence,
        progress=progress,
    )
    samples = np.concatenate([np.asarray(start)[None], run.position[None] if run.samples is None else run.samples])
    metered = np.moveaxis(samples[..., -len(meter.metered) :].astype(np.float64), -1, 0)
    series = dict(zip(meter.metered, metered, strict=True))
    if meter.sgd.protocol.fixes_radius:
        series["pressure"][0] = np.nan
    time = float(step) * every * np.arange(len(samples))
    precision = float(np.finfo(samples.dtype).eps)
    return WorkRecord(time=time, position=samples[..., : -len(meter.metered)], precision=precision, **series)
