"""Scale-invariant networks over grids of hyperparameters, measured as gases."""

from __future__ import annotations

from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.flatten_util import ravel_pytree

from thermo_ideal.dynamics._protocol_kinds import with_hyperparameters
from thermo_ideal.estimators import angular_entropy, gradient_noise
from thermo_ideal.experiments._network_setup import NetworkSetup, check_options, random_data
from thermo_ideal.sweeps import Block, Experiment, Grid, Sweep, register
from thermo_ideal.sweeps._grid import SYSTEM

if TYPE_CHECKING:
    from thermo_ideal.networks import TrainingRun

_LOOKS = 128  # steps between two looks at how far it is
_FRESH = ("fresh_noise_trace", "full_gradient_square")
_LOSSES, _TESTED = ("loss", "train_loss", "train_accuracy"), ("test_loss", "test_accuracy")
_NOISE = ("participation_ratio", "signal_to_noise")
_NOT_OF_NETWORKS = ("integrator", "dimension", "noise_scale", "initial_radii", "initial_directions", "observables")
_HALVES = ("loss", "log_radius", "noise_trace")  # compared between the halves of the time after the burn-in


def shipped_networks() -> dict[str, Path]:
    """The specs of networks that the package ships: two of digits, and the thirteen grids of arXiv 2511.07308.

    Returns:
        Files of TOML, by the names that `thermo-ideal reproduce networks --profile` knows.

    Example:
        >>> from thermo_ideal.experiments import shipped_networks
        >>> from thermo_ideal.sweeps import Sweep
        >>> quick = Sweep.from_toml(shipped_networks()["quick"].read_text())
        >>> quick.points, quick.replicas, dict(quick.options)["network"]
        (75, 4, 'mlp')
    """
    folder = files("thermo_ideal.experiments") / "specs" / "networks"
    return {path.stem: path for path in sorted(Path(str(folder)).glob("*.toml"))}


def _measure(block: Block) -> dict[str, Any]:
    device = block.settings.get("devices", jax.devices())[0]
    with jax.default_device(device):
        measurement = _Measurement(block)
        try:
            return measurement.measured()
        except FloatingPointError:  # no run of the block is left
            return measurement.lost()


class _Measurement:
    """The runs of a block, trained together, and what is kept of them."""

    def __init__(self, block: Block) -> None:
        from thermo_ideal.networks import invariance_groups

        self.block, self.sweep, self.setup = block, block.sweep, NetworkSetup.of(block.sweep)
        # Each replica has a beginning of its own, the same at every point of the grid.
        self.models = eqx.filter_vmap(self.setup.model)(jax.random.split(jax.random.key(self.sweep.seed), self._count))
        self.groups = invariance_groups(self.setup.shapes())
        self.data = self.setup.load()
        values = {name: jnp.asarray(x, float)[:, None] for name, x in block.values.items()}
        self.protocol = with_hyperparameters(block.grid.kind, values)
        self.done = 0
        self.queues: dict[int, list[np.ndarray]] = {spacing: [] for spacing in self.setup.spacings}

    @property
    def _count(self) -> int:
        return self.sweep.replicas

    def measured(self) -> dict[str, Any]:
        """Averages after the burn-in, each `(points, replicas, …)`, entropies and the spectrum of the noise."""
        setup, last = self.setup, self.block.num_steps
        begin = last - self.sweep.samples * setup.spacings[-1]
        run = None
        if begin:  # what comes before the samples is kept on disk, they are not
            kept = {name: value for name, value in self.block.settings.items() if name.startswith("checkpoint")}
            run = self._train(begin, _looks(0, begin), None, **kept)
        wanted = {last - spacing * i for spacing in setup.spacings for i in range(self.sweep.samples)}
        run = self._train(last, np.union1d(_looks(begin, last), sorted(wanted)), run)
        return self._of_logs(run.logs) | self._entropies() | self._of_noise(run)

    def _train(self, num_steps: int, looks: np.ndarray, run: TrainingRun | None, **kept: Any) -> TrainingRun:
        """The runs, up to a step."""
        from thermo_ideal.networks import train

        block, setup = self.block, self.setup
        logs = np.unique(np.rint(np.linspace(block.burn_in, block.num_steps, setup.logs + 1)).astype(int))
        return train(
            block.run_key,
            self.models,
            self.data,
            self.protocol,
            num_steps,
            batch_size=setup.batch_size,
            replicas=self._count,
            log_steps=logs[logs > 0],
            fresh_batches=setup.fresh_batches,
            observe=self._look,
            observe_every=looks,
            resume=run,
            **kept,
        )

    def lost(self) -> dict[str, Any]:
        """As `measured`, where all runs became NaN or infinite, after the last look."""
        from thermo_ideal.networks._group_gas import GROUP_QUANTITIES

        shape = (self.block.points.size, self._count)
        groups, spacings = (*shape, len(self.groups) + 1), (*shape, len(self.setup.spacings))
        found: dict[str, Any] = {
            f"group_{name}": (("replica", "group"), np.full(groups, np.nan)) for name in (*GROUP_QUANTITIES, *_FRESH)
        }
        found |= {f"{name}_halves": (("replica", "half"), np.full((*shape, 2), np.nan)) for name in _HALVES}
        tested = () if self.data.test_images is None else _TESTED
        found |= {name: np.full(shape, np.nan) for name in (*_LOSSES, *tested, *_NOISE)}
        found["direction_entropy_knn"] = ("replica", "spacing"), np.full(spacings, np.nan)
        return found | {"diverged_at": np.full(shape, max(self.done, 1))}

    def _look(self, step: int, weights: Any) -> None:
        """Says how far it is, and keeps the samples."""
        jax.block_until_ready(weights)
        if "progress" in self.block.settings:
            self.block.settings["progress"].advance((step - self.done) * self.block.points.size * self._count)
        self.done = step
        left = self.block.num_steps - step
        due = [s for s in self.setup.spacings if left % s == 0 and left < s * self.sweep.samples]
        if due:
            flat = _flat(weights, 2)
            for spacing in due:
                self.queues[spacing].append(flat)

    def _of_logs(self, logs: xr.Dataset) -> dict[str, Any]:
        from thermo_ideal.networks._group_gas import GROUP_QUANTITIES

        after = logs.sel(step=logs["step"] > self.block.burn_in).rename(batch_0="point")
        after["thermal_energy"] = after["effective_learning_rate"] * after["fresh_noise_trace"] / 4
        share = after["interval"] / after["interval"].mean()
        means = (after.drop_vars("interval") * share).mean("step")
        found: dict[str, Any] = {}
        for name in (*GROUP_QUANTITIES, *_FRESH):
            found[f"group_{name}"] = ("replica", "group"), means[name].transpose("point", "replica", "group").values
        for name in (*_LOSSES, *_TESTED):
            if name in means:
                found[name] = means[name].transpose("point", "replica").values
        whole = after.sel(group="whole")
        log_radius: xr.DataArray = xr.apply_ufunc(np.log, whole["radius"])
        series = (whole["loss"], log_radius, whole["fresh_noise_trace"])
        half = after.sizes["step"] // 2
        for name, one in zip(_HALVES, series, strict=True):
            parts = [part.mean("step") for part in (one[..., :half], one[..., -half:])]
            halves = np.stack([part.transpose("point", "replica").values for part in parts], axis=-1)
            found[f"{name}_halves"] = ("replica", "half"), halves
        radius = logs["radius"].sel(group="whole").transpose("batch_0", "replica", "step").values
        lost = ~np.isfinite(radius)  # its loss may still be that of equal probabilities
        first = logs["step"].values[lost.argmax(axis=-1)]
        return found | {"diverged_at": np.where(lost.any(axis=-1), first, 0)}

    def _entropies(self) -> dict[str, Any]:
        """The paper's estimator for each run and spacing, from equally many samples."""
        of_spacings = []
        for queue in self.queues.values():
            samples = np.stack(queue).astype(np.float64)  # (samples, points, replicas, d)
            values = [_entropy(samples[:, i, r]) for i, r in np.ndindex(samples.shape[1:3])]
            of_spacings.append(np.reshape(values, samples.shape[1:3]))
        return {"direction_entropy_knn": (("replica", "spacing"), np.stack(of_spacings, axis=-1))}

    def _of_noise(self, run: Any) -> dict[str, Any]:
        """Participation ratio and signal of the gradient at the last weights."""
        data = jnp.asarray(self.data.images), jnp.asarray(self.data.labels)
        filters = len(self.groups.at("filter"))
        shape = (self.block.points.size, self._count)
        ratios, signals = np.full(shape, np.nan), np.full(shape, np.nan)
        for i, r in np.ndindex(shape):
            model = jax.tree.map(lambda x, at=(i, r): x[at] if eqx.is_array(x) else x, run.model)
            key = jax.random.fold_in(jax.random.fold_in(self.block.start_key, i), r)
            draws = np.asarray(_draws(self.setup, model, data, key))
            if np.isfinite(draws).all() and np.ptp(draws, axis=0).any():
                noise = gradient_noise(draws, groups=filters)
                ratios[i, r], signals[i, r] = noise.participation_ratio.value, noise.signal_to_noise.value
        return dict(zip(_NOISE, (ratios, signals), strict=True))


def _looks(begin: int, end: int) -> np.ndarray:
    """Close at first, so that a trial need not wait long, and then evenly."""
    first = begin + 2 ** np.arange(int(np.log2(_LOOKS)))
    evenly = np.arange(begin + _LOOKS, end, _LOOKS)
    return np.unique(np.concatenate([first[first < end], evenly, [end]])).astype(int)


def _flat(weights: Any, axes: int) -> np.ndarray:
    """All weights of each run as one vector, behind so many axes of runs."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(weights)]
    return np.concatenate([leaf.reshape(*leaf.shape[:axes], -1) for leaf in leaves], axis=-1)


def _entropy(samples: np.ndarray) -> float:
    if not np.isfinite(samples).all():
        return float("nan")
    return angular_entropy(samples / np.linalg.norm(samples, axis=-1, keepdims=True), outside="allow")


@eqx.filter_jit
def _draws(setup: NetworkSetup, model: Any, data: tuple[jax.Array, jax.Array], key: jax.Array) -> jax.Array:
    """Gradients of fresh mini-batches at the weights of a model, `(draws, d)`."""
    from thermo_ideal.networks import cross_entropy, split_weights

    weights, rest = split_weights(model)

    def loss(weights: Any, chosen: jax.Array) -> jax.Array:
        return cross_entropy(eqx.combine(weights, rest)(data[0][chosen]), data[1][chosen])

    def one(key: jax.Array) -> jax.Array:
        chosen = jax.random.randint(key, (setup.batch_size,), 0, data[0].shape[0])
        return ravel_pytree(jax.grad(loss)(weights, chosen))[0]

    return jax.lax.map(one, jax.random.split(key, setup.draws))


def _check(sweep: Sweep) -> dict[str, str]:
    found = check_options(sweep)
    if found:
        return found
    if sweep.replicas < 2:
        found["replicas"] = f"got {sweep.replicas}, expected at least 2, whose spread is the error"
    if isinstance(sweep.num_steps, str) or isinstance(sweep.burn_in, str):
        name = "num_steps" if isinstance(sweep.num_steps, str) else "burn_in"
        return found | {name: f"got {getattr(sweep, name)!r}, expected a number of steps; a network has no plan"}
    after, longest = sweep.num_steps - sweep.burn_in, NetworkSetup.of(sweep).spacings[-1]
    if sweep.samples < 2 or sweep.samples * longest > after:
        found["samples"] = f"got {sweep.samples}, expected 2 to {after // longest}: {after} steps at spacing {longest}"
    if after < NetworkSetup.of(sweep).logs:
        found["burn_in"] = f"got {sweep.burn_in}, expected a step at least for each log after it"
    if sweep.stride != 1:
        found["stride"] = f"got {sweep.stride}, expected 1: every step is measured"
    for field in fields(sweep):
        if field.name in _NOT_OF_NETWORKS and getattr(sweep, field.name) != field.default:
            found[field.name] = f"got {getattr(sweep, field.name)!r}, expected none: networks have no such thing"
    for i, grid in enumerate(sweep.grids):
        for name in SYSTEM:
            if name in dict(grid.axes):
                found[f"grids[{i}].{name}"] = "got an axis, expected none: a network's own"
    return found


def _bytes_per_run(sweep: Sweep, grid: Grid) -> int:
    """Weights, gradients and sums, the samples of the entropies, the gradients of the spectrum, and activations."""
    setup = NetworkSetup.of(sweep)
    d, pixels = setup.dimension, int(np.prod(setup.shape[:2]))
    wide = sum(setup.widths) if setup.network == "mlp" else 16 * setup.widths[0] * pixels
    kept = len(setup.spacings) * sweep.samples
    return int(4 * (10 * d + kept * d) + 12 * setup.draws * d + 4 * 10 * setup.batch_size * wide)


def _points_per_block(sweep: Sweep, grid: Grid) -> int:
    """A row of the grid where networks are small; each point by itself where convolutions fill the processor."""
    return grid.shape[-1] if NetworkSetup.of(sweep).network == "mlp" else 1


def _describe(data: xr.Dataset, sweep: Sweep, grid: Grid) -> xr.Dataset:
    """Which groups there are, with the ranks of their noise, and what was trained."""
    from thermo_ideal.networks import invariance_groups, split_weights

    setup = NetworkSetup.of(sweep)
    shapes = setup.shapes()
    groups = invariance_groups(shapes)
    ranks = groups.ranks(split_weights(shapes)[0])
    about = data.attrs | {"dimension": setup.dimension, "network": setup.network, "data": setup.data}
    about |= {"batch_size": setup.batch_size, "samples": sweep.samples, "burn_in_steps": sweep.burn_in}
    data.attrs = {name: value for name, value in about.items() if name != "noise_scale"}
    data.attrs["groups"] = [*groups.names, "whole"]  # as coordinates, texts have no standard in Zarr
    data = data.assign_coords(spacing=list(setup.spacings))
    return data.assign(rank=("group", np.append(ranks, ranks.sum())))


def _read_checkpoint(path: Path) -> None:
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                file[name]
    except (KeyError, OSError, ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"checkpoint: got {path}, which is damaged ({error!r}), expected that of train") from error


NETWORKS = register(
    Experiment(
        "networks",
        _measure,
        check=_check,
        points_per_block=_points_per_block,
        describe=_describe,
        bytes_per_run=_bytes_per_run,
        rehearsal=random_data,
        read_checkpoint=_read_checkpoint,
    )
)
