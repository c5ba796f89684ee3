"""Training of networks under a protocol, with what is measured on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, PRNGKeyArray

from thermo_ideal._arguments import as_nonnegative, require_count
from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.dynamics._protocol_kinds import require_kind
from thermo_ideal.networks._data import ImageData
from thermo_ideal.networks._extra import optax
from thermo_ideal.networks._find_groups import invariance_groups
from thermo_ideal.networks._group_gas import GROUP_QUANTITIES
from thermo_ideal.networks._groups import InvarianceGroups
from thermo_ideal.networks._training_checkpoint import fingerprint, load, save
from thermo_ideal.networks._training_run import TrainingRun, TrainingState
from thermo_ideal.networks._training_step import Settings, begin_all, cross_entropy, measure, steps
from thermo_ideal.networks._weights import split_weights

_CHUNK = 1000  # steps whose sums are in single precision
_LOGS = 40


_OF_NOISE = ("noise_trace", "thermal_energy")  # not of the first step
_MEASURED_BY_GROUP = ("fresh_noise_trace", "full_gradient_square")


def logged_steps(num_steps: int, *, spacing: int = 200, dense: int = 10_000, per_decade: int = 75) -> np.ndarray:
    """When to log: every so many steps at first, then evenly in the logarithm.

    Args:
        num_steps: of the run, the last of them.
        spacing: of the first logs.
        dense: up to where they go.
        per_decade: logs for each factor of 10 beyond.

    Returns:
        Steps, increasing.

    Example:
        >>> from thermo_ideal.networks import logged_steps
        >>> steps = logged_steps(10**6)
        >>> len(steps), int(steps[0]), int(steps[-1])
        (200, 200, 1000000)

    Source: the defaults are those of arXiv 2511.07308.
    """
    for name, value in (("num_steps", num_steps), ("spacing", spacing), ("dense", dense), ("per_decade", per_decade)):
        require_count(name, value)
    first = np.arange(spacing, min(dense, num_steps) + 1, spacing)
    later = np.empty(0)
    if num_steps > dense:
        later = np.geomspace(dense, num_steps, 1 + int(np.ceil(per_decade * np.log10(num_steps / dense))))
    return np.unique(np.concatenate([first, np.rint(later), [num_steps]]).astype(int))


def train(
    key: PRNGKeyArray,
    model: Any,
    data: ImageData,
    protocol: Any,
    num_steps: int,
    *,
    batch_size: int = 128,
    replicas: int | None = None,
    log_steps: Sequence[int] | np.ndarray | None = None,
    groups: InvarianceGroups | None = None,
    protocol_groups: InvarianceGroups | None = None,
    loss: Callable[[Array, Array], Array] = cross_entropy,
    fresh_batches: int = 32,
    observe: Callable[[int, Any], object] | None = None,
    observe_every: int | Sequence[int] | np.ndarray | None = None,
    resume: TrainingRun | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_interval: float = 60.0,
) -> TrainingRun:
    """Trains a network, or a batch of them at once, and logs it as a gas.

    The batch of runs is that of the protocol's hyperparameters and of the replicas, which are its last axis, broadcast:
    learning rates `(5, 1, 1)`, weight decays `(5, 1)` and 4 replicas make `(5, 5, 4)`. Every step draws its examples
    with replacement, on the device, from `fold_in(key, step)`, so that a run that is resumed gives the same bits. All
    steps between two logs are one program on the device, in which convolutions on a CPU are products of matrices.

    Free of charge, from the gradients of training, come averages over the steps since the last log: the loss, and for
    every group radius, learning rate, noise (see `NoiseMeter`), `p V_g`, `R_g T_g` and angle of a step. At a log, fresh
    mini-batches of the size of training give loss, accuracy, the full gradient and the noise at the weights as they
    are; their averaged statistics normalise the test.

    Args:
        key: a JAX key.
        model: a pytree that maps a batch of inputs to logits; if there are replicas, the arrays of all have the axis of
            these in front, as `equinox.filter_vmap(lambda key: ConvNet(key=key))(jax.random.split(key, 4))` makes them.
        data: to train and to test.
        protocol: a protocol, or a gradient transformation of optax; of one that is not a protocol's, learning rate and
            weight decay are not known, and what needs them is NaN.
        num_steps: how many, those of `resume` included.
        batch_size: examples of a step.
        replicas: how many models there are in `model`; if None it is one model.
        log_steps: after which to log; 40 of them, evenly in the logarithm, if None. Add to them if a run is to go on.
        groups: that are measured, `invariance_groups(model)` if None, or the whole network if it does not know its own.
        protocol_groups: that the protocol acts on, each with a radius of its own; all weights together if None.
        loss: of logits and labels; `loss` of one example must be that of it alone.
        fresh_batches: of a log, at least 2.
        observe: called with the step and the trainable weights, as in `lambda step, weights: …`.
        observe_every: how many steps from one call of it to the next, or after which steps; only at logs if None.
        resume: a run of the same arguments but for `num_steps`, `log_steps` and `observe`, to go on from.
        checkpoint: a file in which the run is kept now and then, and when it ends or is interrupted; if it is there
            already, the run goes on from it.
        checkpoint_interval: seconds from one time that the file is written to the next.

    Returns:
        A `TrainingRun`.

    Raises:
        ValueError: numbers out of their range, a protocol that is none, a batch that does not broadcast, log steps that
            do not increase, a run to resume that is longer, or a checkpoint of another run.
        FloatingPointError: weights become NaN or infinite.

    Example:
        >>> import equinox as eqx, jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> from thermo_ideal.networks import ScaleInvariantMLP, digits, train
        >>> keys = jax.random.split(jax.random.key(0), 2)
        >>> models = eqx.filter_vmap(lambda key: ScaleInvariantMLP(64, (16,), 10, key=key))(keys)
        >>> protocol = FixedLearningRate(jnp.array([[0.01], [0.1]]), weight_decay=0.01)
        >>> run = train(jax.random.key(1), models, digits(), protocol, 300, replicas=2, log_steps=[100, 300])
        >>> run.logs["train_loss"].dims, run.logs["train_loss"].shape
        (('batch_0', 'replica', 'step'), (2, 2, 2))
        >>> bool((run.logs["train_loss"][..., -1] < 1).all())
        True

    Source: arXiv 2511.07308 for the protocols; `GroupGas` and `NoiseMeter` for what is measured.
    """
    for name, count, least in (
        ("num_steps", num_steps, 1),
        ("batch_size", batch_size, 2),
        ("fresh_batches", fresh_batches, 2),
    ):
        require_count(name, count, least)
    if not isinstance(protocol, optax.GradientTransformation):
        require_kind(protocol, f"train(key, model, data, {{}}(…), num_steps={num_steps})")
    groups = _groups_of(model) if groups is None else groups
    rule = None if isinstance(protocol, optax.GradientTransformation) else protocol
    other = protocol if rule is None else None
    batch = _batch(rule, replicas, protocol_groups)
    settings = Settings(groups, protocol_groups, other, loss, batch_size, fresh_batches, bool(batch))
    program = _Program(key, model, data, rule, settings, batch, replicas)
    logs = _log_steps(num_steps, log_steps)
    state = program.begin() if resume is None else resume.state
    file = _File(
        checkpoint,
        checkpoint_interval,
        fingerprint(program.keys, program.weights, program.rest, program.rule, program.data, batch_size, groups.names),
    )
    state = file.found(state)
    if state.step > num_steps:
        raise ValueError(f"num_steps: got {num_steps}, expected at least the {state.step} of the run to resume")
    looks = set() if observe is None else _looks(num_steps, observe_every, logs)
    stops = sorted({*logs, num_steps, *looks, *range(_CHUNK, num_steps, _CHUNK)})
    with file:
        for stop in (stop for stop in stops if stop > state.step):
            after = program.advance(state, stop)
            if stop % _CHUNK == 0 or stop in logs:
                after = program.gather(after)
            state = program.log(after) if stop in logs else after
            file.update(state)
            if observe is not None and stop in looks:
                observe(stop, program.in_batch(state.walkers.weights))
    return program.result(state)


class _File:
    """The file of a checkpoint, written now and then and in the end, however that comes."""

    def __init__(self, path: str | Path | None, interval: float, run: str) -> None:
        self._path, self._run = None if path is None else Path(path), run
        self._interval = float(as_nonnegative("checkpoint_interval", interval))
        self._latest: TrainingState | None = None
        self._saved = time.monotonic()

    def found(self, state: TrainingState) -> TrainingState:
        """The run that is there already, or `state`."""
        if self._path is None or not self._path.exists():
            return state
        if state.step:
            raise ValueError(f"resume: got a run and {self._path}, which is there, expected one of them to go on from")
        return load(self._path, state, self._run)

    def update(self, state: TrainingState) -> None:
        """Takes the run after some more steps, and writes it if it is time to."""
        self._latest = state
        if time.monotonic() - self._saved >= self._interval:
            self._write()

    def _write(self) -> None:
        if self._path is not None and self._latest is not None:
            save(self._path, self._latest, self._run)
            self._latest, self._saved = None, time.monotonic()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._write()


def _groups_of(model: Any) -> InvarianceGroups:
    if hasattr(model, "blocks"):
        return invariance_groups(model)
    raise ValueError(
        f"groups: got None for a {type(model).__name__} that does not know its own, expected some, as in "
        "groups=invariance_groups(loss, split_weights(model)[0])"
    )


def _batch(
    rule: AbstractProtocol | None, replicas: int | None, protocol_groups: InvarianceGroups | None
) -> tuple[int, ...]:
    own = () if rule is None else rule.batch_shape
    if replicas is None:
        return own
    require_count("replicas", replicas)
    try:
        return np.broadcast_shapes(own, (replicas,))
    except ValueError as error:
        raise ValueError(
            f"protocol: got hyperparameters of shape {own}, expected the replicas last, of which there are {replicas}; "
            "give a grid an axis before theirs, as in learning_rate[:, None]"
        ) from error


def _log_steps(num_steps: int, given: Sequence[int] | np.ndarray | None) -> set[int]:
    if given is None:
        return {int(step) for step in np.unique(np.rint(np.geomspace(min(100, num_steps), num_steps, _LOGS)))}
    return _increasing("log_steps", num_steps, given)


def _looks(num_steps: int, every: int | Sequence[int] | np.ndarray | None, logs: set[int]) -> set[int]:
    if every is None:
        return logs
    if np.ndim(every):
        return _increasing("observe_every", num_steps, every)  # type: ignore[arg-type]
    return set(range(int(every), num_steps + 1, int(every)))  # type: ignore[arg-type]


def _increasing(name: str, num_steps: int, given: Sequence[int] | np.ndarray) -> set[int]:
    chosen = np.asarray(given)
    increasing = chosen.ndim == 1 and np.issubdtype(chosen.dtype, np.integer) and bool((np.diff(chosen) > 0).all())
    if not increasing or not chosen.size or chosen[0] < 1:
        raise ValueError(
            f"{name}: got {given!r}, expected whole numbers ≥ 1 that increase, as in range(100, 1001, 100)"
        )
    return {int(step) for step in chosen if step <= num_steps}


class _Program:
    """The parts of a run that do not change, and what is done with a state."""

    def __init__(
        self,
        key: PRNGKeyArray,
        model: Any,
        data: ImageData,
        rule: AbstractProtocol | None,
        settings: Settings,
        batch: tuple[int, ...],
        replicas: int | None,
    ) -> None:
        self.settings, self.batch, self.replicas = settings, batch, replicas
        runs = int(np.prod(batch, dtype=int))
        lead = () if replicas is None else (replicas,)

        def over_batch(part: Any) -> Any:
            """The arrays of a model for each run."""
            if not eqx.is_array(part) or not batch:
                return part
            own = part.shape[len(lead) :]
            return jnp.broadcast_to(part, (*batch, *own)).reshape(runs, *own)

        self.ranks = np.asarray(settings.groups.ranks(self._one(split_weights(model)[0])))
        self.weights, self.rest = (jax.tree.map(over_batch, part) for part in split_weights(model))
        self.rule = rule
        if rule is not None and batch:
            values = {name: jnp.broadcast_to(value, batch).reshape(runs) for name, value in rule.constants.items()}
            self.rule = rule.replace(**values)
        train_key, measure_key = jax.random.split(key)
        self.keys = self._per_run(train_key, runs)
        self._measure_keys = lambda step: self._per_run(jax.random.fold_in(measure_key, step), runs)
        self.data = (jnp.asarray(data.images), jnp.asarray(data.labels))
        self.test = None
        if data.test_images is not None and hasattr(model, "predict") and hasattr(model, "statistics"):
            self.test = (jnp.asarray(data.test_images), jnp.asarray(data.test_labels))

    def _one(self, weights: Any) -> Any:
        """Shapes of one model."""
        if self.replicas is None:
            return weights
        return jax.tree.map(lambda leaf: np.broadcast_to(np.zeros((), np.int8), leaf.shape[1:]), weights)

    def _per_run(self, key: PRNGKeyArray, runs: int) -> Any:
        keys = jax.vmap(lambda run: jax.random.fold_in(key, run))(jnp.arange(runs))
        return keys if self.batch else keys[0]

    def in_batch(self, tree: Any) -> Any:
        """Arrays of all runs in the shape of the batch."""
        if not self.batch:
            return tree
        return jax.tree.map(lambda x: x.reshape(*self.batch, *x.shape[1:]) if eqx.is_array(x) else x, tree)

    def begin(self) -> TrainingState:
        """Before the first step."""
        walkers = begin_all(self.settings, self.weights, self.rule)
        return TrainingState(0, walkers, {name: np.zeros(x.shape) for name, x in walkers.sums.items()}, (0, 0), ())

    def advance(self, state: TrainingState, stop: int) -> TrainingState:
        """Steps on the device."""
        first, length = jnp.asarray(state.step), jnp.asarray(stop - state.step)
        walkers = steps(self.settings, state.walkers, self.rest, self.rule, self.keys, self.data, first, length)
        made = stop - state.step
        counts = (state.counts[0] + made, state.counts[1] + made - (state.step == 0))
        return TrainingState(stop, walkers, state.totals, counts, state.logs)

    def gather(self, state: TrainingState) -> TrainingState:
        """Sums to the host, where they are added in double precision."""
        sums = jax.device_get(state.walkers.sums)
        if not np.isfinite(sums["loss"]).any():
            raise FloatingPointError(f"weights: got NaN or infinite ones by step {state.step}, expected finite ones")
        totals = {name: total + sums[name] for name, total in state.totals.items()}
        empty = state.walkers._replace(sums=jax.tree.map(jnp.zeros_like, state.walkers.sums))
        return TrainingState(state.step, empty, totals, state.counts, state.logs)

    def log(self, state: TrainingState) -> TrainingState:
        """Averages since the last log, and what is measured here."""
        count, noisy = state.counts
        number = {name: max(noisy if name in _OF_NOISE else count, 1) for name in state.totals}
        row: dict[str, Any] = {name: total / number[name] for name, total in state.totals.items()}
        here = measure(self.settings, state.walkers, self.rest, self._measure_keys(state.step), self.data, self.test)
        row |= {name: np.asarray(x, np.float64) for name, x in here.items()}
        row |= {"step": state.step, "interval": count}
        totals = {name: np.zeros_like(total) for name, total in state.totals.items()}
        return TrainingState(state.step, state.walkers, totals, (0, 0), (*state.logs, row))

    def result(self, state: TrainingState) -> TrainingRun:
        """The run as a user sees it."""
        model = eqx.combine(self.in_batch(state.walkers.weights), self.in_batch(self.rest))
        ranks = np.append(self.ranks, self.ranks.sum())
        return TrainingRun(model, self._dataset(state), state, bool(self.replicas and self.replicas > 1), ranks)

    def _dataset(self, state: TrainingState) -> xr.Dataset:
        axes = [f"batch_{i}" for i in range(len(self.batch))]
        if self.replicas is not None:
            axes[-1] = "replica"
        names = [*self.settings.groups.names, "whole"]
        coordinates = {"step": [row["step"] for row in state.logs], "group": names}
        data = xr.Dataset(coords=coordinates, attrs={"batch_size": self.settings.batch_size})
        data["interval"] = "step", np.array([row["interval"] for row in state.logs], int)
        for name in state.logs[0] if state.logs else ():
            if name in ("step", "interval"):
                continue
            values = np.stack([row[name] for row in state.logs])  # (step, runs, …)
            by_group = name in GROUP_QUANTITIES or name in _MEASURED_BY_GROUP
            own = ["group"] if by_group else []
            values = np.moveaxis(values, 0, 1) if self.batch else values
            values = values.reshape(*self.batch, len(state.logs), *([len(names)] if by_group else []))
            attributes = DICTIONARY[name].attributes if name in DICTIONARY else {}
            data[name] = [*axes, "step", *own], values, attributes
        return data
