"""A batch of SGD processes, from arguments to a trajectory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import ArrayLike, Float, PRNGKeyArray
from rich.console import Console

from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._checkpoint import Checkpoint
from thermo_ideal.integrators._checkpoint_file import CheckpointFile
from thermo_ideal.integrators._loop import Loop
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.integrators._request import Request
from thermo_ideal.integrators._save import Save
from thermo_ideal.integrators._threads import num_threads
from thermo_ideal.integrators._trajectory import Trajectory


def simulate(
    key: PRNGKeyArray,
    integrator: AbstractIntegrator,
    position: Float[ArrayLike, "*batch p"],
    num_steps: int,
    *,
    burn_in: int = 0,
    stride: int = 1,
    save: Save | int | None = None,
    observe: Mapping[str, Any] | None = None,
    stop: Callable[[Trajectory], bool] | None = None,
    resume: Trajectory | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_interval: float = 60.0,
    devices: Sequence[jax.Device] | None = None,
    threads: int | None = None,
    chunk_size: int | None = None,
    on_divergence: str = "nan",
    progress: ProgressBar | bool = False,
) -> Trajectory:
    """Runs a batch of independent SGD processes.

    The batch is that of the positions and of every parameter of the process, broadcast: learning rates of shape
    `(289,)` with one start make 289 runs, and `(40, 1, 1)` with weight decays `(1, 30, 1)` and starts `(8, d)` make
    `(40, 30, 8)`, a grid with replicas. Random numbers are drawn from `fold_in`s of the key: the same key, arguments
    and kind of device give the same result, bit for bit, however many devices and threads there are and however often
    the run is interrupted and resumed. Memory does not grow with `num_steps`, except for samples that were asked for.

    Args:
        key: a JAX key.
        integrator: the process and its step.
        position: where to start, `(*batch, p)`; on the fixed sphere, rescaled to its radius.
        num_steps: how many steps to make.
        burn_in: how many of them to leave out of statistics and samples.
        stride: measure every `stride`-th step only. Steps closer than the relaxation time say the same thing twice, and
            measuring costs as much as stepping. Every other number of steps must be a multiple of it.
        save: what to keep besides moments, a `Save`; a number is short for `Save(positions=number)`.
        observe: observables of one's own, by name: JAX functions of one position that return a number, as in
            `observe={"first": lambda w: w[0]}`. They are followed like those of the integrator.
        stop: asked with the trajectory so far after every chunk past the burn-in; True ends the run there. Standard
            errors of trajectories that it sees are widened: a run that ends where its error is small ends where it is
            too small by chance.
        resume: a trajectory to go on from, made by the same call with fewer steps.
        checkpoint: a file in which the run is kept now and then, and when it ends or is interrupted, by Ctrl-C or by
            SIGTERM, as far as whole chunks go; if it is there already, the run goes on from it. One run at a time.
        checkpoint_interval: seconds from one time that the file is written to the next. In the beginning it is written
            more often: after the first chunk, and then each time the run has lasted twice as long.
        devices: which share the batch; all of `jax.devices()` if None.
        threads: which share the blocks of a CPU's devices; as many as the process may use cores if None.
        chunk_size: steps from one return to Python to the next; chosen by the size of the batch if None.
        on_divergence: "nan" gives runs that become NaN or infinite the result NaN, with the step and the reason in
            `Trajectory.diverged_at` and `divergences`, and the others go on; if all have, the simulation ends. "raise"
            ends it at the first.
        progress: True for a progress bar, in notebooks too, and a line a minute where the output is a file; or a bar
            that is shared with other calls.

    Returns:
        A `Trajectory`.

    Raises:
        ValueError: a start that is not finite or is the origin, a loss that is not scale-invariant, parameters
            whose shapes do not broadcast, numbers of steps that do not fit, no threads, a run to resume that began with
            other arguments, a checkpoint that another run is writing, or a call inside `jax.jit`, `vmap` or `grad`.
        FloatingPointError: `on_divergence="raise"`, and a run became NaN or infinite; the message names the run and the
            step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import EulerMaruyama, simulate
        >>> protocol = FixedEffectiveLearningRate(jnp.array([0.05, 0.1]), weight_decay=0.01)
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), protocol)
        >>> trajectory = simulate(jax.random.key(0), EulerMaruyama(sgd), jnp.ones(3), 20_000, burn_in=4000)
        >>> trajectory.mean("radius").round(1)
        array([2.3, 3.2])
    """
    _require_concrete(key, integrator, position)
    save = save if isinstance(save, Save) else Save(positions=save)
    request = Request(key, integrator, position, burn_in, stride, save, observe, chunk_size, devices)
    request.require_steps(num_steps)
    if not (stop is None or callable(stop)):
        raise ValueError(f"stop: got {stop!r}, expected a function of the trajectory, as in lambda trajectory: False")
    if on_divergence not in ("nan", "raise"):
        raise ValueError(f'on_divergence: got {on_divergence!r}, expected "nan" or "raise"')
    if not (resume is None or isinstance(resume, Trajectory)):
        raise ValueError(f"resume: got a {type(resume).__name__}, expected a Trajectory; for a file, use checkpoint=…")
    with CheckpointFile(checkpoint, checkpoint_interval) as file:
        found = _found(resume, file)
        made = 0 if found is None else _made(found, request, num_steps)
        workers = ThreadPoolExecutor(num_threads(threads, request.devices))
        with workers, _progress(progress, num_steps * request.layout.runs) as bar:
            bar.advance(made * request.layout.runs)
            return Loop(request, found, workers, on_divergence).run(num_steps, stop, file, bar)


def _require_concrete(*arguments: Any) -> None:
    """Raises ValueError inside a transformation of JAX."""
    leaves = [*jax.tree.leaves(arguments), jnp.zeros(())]  # the last is traced inside jit, whatever is given
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        raise ValueError(
            "simulate: got traced arrays, expected numbers: it is a loop in Python that compiles its steps, and cannot "
            "be inside jax.jit, vmap, grad or scan. Instead of vmap, give a batch: positions (*batch, d), learning "
            "rates (*batch,). Instead of grad, differentiate thermo_ideal.thermodynamics.equilibrium(sgd). Instead "
            "of jit or scan, call it as it is, or write the loop with integrator.step(position, normal)"
        )


def _found(resume: Trajectory | None, file: CheckpointFile) -> Checkpoint | None:
    """What there is to go on from."""
    there = file.load()
    if there is not None and resume is not None:
        raise ValueError(f"resume: got a trajectory and {file.path}, which is there, expected one run to go on from")
    return there if resume is None else resume.checkpoint


def _made(found: Checkpoint, request: Request, num_steps: int) -> int:
    """How many steps a run to go on from has made."""
    found.require(request.fingerprint)
    made = found.chunks * request.layout.chunk_size
    if made > num_steps:
        raise ValueError(f"num_steps: got {num_steps}, expected at least the {made} that the run to resume has made")
    return made


def _progress(progress: ProgressBar | bool, total: int) -> AbstractContextManager[ProgressBar]:
    """The caller's bar as it is, or one of our own."""
    if isinstance(progress, ProgressBar):
        return nullcontext(progress)
    return ProgressBar("simulating", total, None if progress else Console(quiet=True))
