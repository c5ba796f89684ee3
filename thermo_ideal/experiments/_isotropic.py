"""The paper's isotropic-noise model, under its three protocols on its grid, or under others."""

from __future__ import annotations

import datetime
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import thermo_ideal
from thermo_ideal._arguments import in_double_precision, require_count
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.estimators import fewest_samples, spherical_entropy, zonal_entropy
from thermo_ideal.integrators import EulerMaruyama, Trajectory, simulate
from thermo_ideal.sweeps import (
    Block,
    Experiment,
    Grid,
    Schedule,
    Sweep,
    logspace,
    open_results,
    register,
    run,
    scheduled,
)
from thermo_ideal.sweeps._schedule import planned
from thermo_ideal.verification._measurements import SPACING, in_blocks

_STRIDE = 4
# Of the blocks of samples that are farther apart, of which each one's nearest neighbours take milliseconds.
_BLOCKS = 2
_FEWEST = 10  # samples, for an entropy from spacings
_LINE = "FixedLearningRate(rates[:, None], weight_decays[None, :])"


@dataclass(frozen=True)
class Profile:
    """How much of the paper's experiment to run.

    Args:
        name: "quick", "paper" or one's own.
        points: grid points along each axis of the paper's grids.
        replicas: independent runs of each grid point, an even number.
        samples: about how many samples of the direction to keep of each run.
        num_steps: steps of every run, or None to plan them from the relaxation times.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> from thermo_ideal.experiments import PROFILES, Profile
        >>> PROFILES["quick"]
        Profile(name='quick', points=9, replicas=8, samples=1000, num_steps=None)
        >>> Profile("sharp", points=5, replicas=64).replicas
        64
    """

    name: str
    points: int
    replicas: int = 8
    samples: int = 1000
    num_steps: int | None = None

    def __post_init__(self) -> None:
        if self.points < 3:
            raise ValueError(f"points: got {self.points}, expected at least 3 along each axis to fit a slope")
        if self.replicas < 4 or self.replicas % 2:
            raise ValueError(f"replicas: got {self.replicas}, expected an even number ≥ 4, as in replicas=8")
        require_count("samples", self.samples, minimum=_FEWEST)
        if self.num_steps is not None and self.num_steps < 2 * _STRIDE * self.samples:
            minimum = 2 * _STRIDE * self.samples
            raise ValueError(f"num_steps: got {self.num_steps}, expected at least {minimum} for samples={self.samples}")


def run_isotropic(
    profile: Profile,
    protocols: Sequence[AbstractProtocol] | None = None,
    *,
    seed: int = 0,
    devices: Sequence[jax.Device] | None = None,
    progress: bool = False,
) -> xr.DataTree:
    """Simulates isotropic-noise SGD on `1 − μ·w̄` at `d = 3`, `σ = 1` over grids of two hyperparameters.

    Each device takes a block of grid points at a time, the longest first; the results do not depend on how many there
    are.

    Args:
        profile: how large the paper's grids are and how long the runs are.
        protocols: of two hyperparameters each, arrays of shapes `(n, 1)` and `(1, m)`; if None, the paper's three, with
            `η, η_eff, λ ∈ [10⁻³, 10⁻¹]` and `r ∈ [0.1, 10]`.
        seed: of every random number.
        devices: all of JAX's if None.
        progress: whether to show a progress bar.

    Returns:
        A tree with a dataset for each protocol, called by its name, over its two hyperparameters, `replica`, and
        `sample` of the thinned losses. Units and symbols are attributes. Runs that became NaN or infinite are NaN, with
        the step in "diverged_at".

    Raises:
        ValueError: an argument out of its range, or hyperparameters of other shapes.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> from thermo_ideal.experiments import Profile, run_isotropic
        >>> rates, weight_decays = np.array([0.02, 0.04, 0.08]), np.array([0.05, 0.1])
        >>> grid = FixedLearningRate(rates[:, None], weight_decays[None, :])
        >>> results = run_isotropic(Profile("tiny", points=3, replicas=4, samples=50, num_steps=4096), [grid])
        >>> dict(results["fixed-lr"].sizes)
        {'learning_rate': 3, 'weight_decay': 2, 'replica': 4, 'sample': 50}

    Source: arXiv 2511.07308, section 4 (the grid, `d`, `σ`).
    """
    require_count("seed", seed, minimum=0)
    if seed >= 2**32:
        raise ValueError(f"seed: got {seed}, expected a whole number below 2**32")
    sweep = shipped_sweep(profile.name) if profile == PROFILES.get(profile.name) else None
    if sweep is None or protocols is not None:
        sweep = _own_sweep(profile, _paper_grids(profile.points) if protocols is None else _own_grids(protocols))
    sweep = sweep.replace(seed=int(seed), precision=str(jnp.zeros(()).dtype))
    with tempfile.TemporaryDirectory() as folder:
        run(sweep, folder, devices=devices, checkpoint_interval=None, progress=progress)
        results = open_results(folder).load()
    provenance = _provenance(profile, seed)
    for data in results.children.values():
        data.attrs |= provenance
    results.attrs = provenance | {"spec": results.attrs["spec"]}
    return results


def shipped_sweep(name: str) -> Sweep:
    """The spec of a profile, which is a file of the package."""
    file = files("thermo_ideal.experiments") / "specs" / f"{name}.toml"
    return Sweep.from_toml(file.read_text(encoding="utf-8"), f"{name}.toml")


def _paper_grids(points: int) -> list[Grid]:
    rates = logspace(-3, -1, points)
    return [
        Grid("fixed-elr", effective_learning_rate=rates, weight_decay=rates),
        Grid("fixed-lr", learning_rate=rates, weight_decay=rates),
        Grid("fixed-sphere", effective_learning_rate=rates, radius=logspace(-1, 1, points)),
    ]


def _own_grids(protocols: Sequence[AbstractProtocol]) -> list[Grid]:
    _require_grids(protocols)
    return [
        Grid(protocol, **{name: in_double_precision(x).reshape(-1) for name, x in protocol.constants.items()})
        for protocol in protocols
    ]


def _own_sweep(profile: Profile, grids: Sequence[Grid]) -> Sweep:
    """Half of the replicas start inside and cold, half outside and hot; both must end up in the same state."""
    return Sweep(
        "isotropic",
        grids,
        replicas=profile.replicas,
        initial_radii=(0.9, 1.1),
        initial_directions=("minimum", "uniform"),
        num_steps="auto" if profile.num_steps is None else profile.num_steps,
        samples=profile.samples,
        stride=_STRIDE,
    )


def _require_grids(protocols: Sequence[AbstractProtocol]) -> None:
    """Raises ValueError unless each is a protocol over a grid of two hyperparameters, with a name of its own."""
    for protocol in protocols:
        if not isinstance(protocol, AbstractProtocol):
            raise ValueError(f"protocols: got {protocol!r}, expected protocols, as in protocols=[{_LINE}]")
        shapes = {name: np.shape(value) for name, value in protocol.constants.items()}
        two = [shape if len(shape) == 2 else (0, 0) for shape in shapes.values()]
        if len(two) != 2 or len(protocol.hyperparameters()) != 2 or two[0][1] != 1 or two[1][0] != 1:
            found = ", ".join(f"{name} of shape {shape}" for name, shape in shapes.items()) or "schedules"
            raise ValueError(
                f"protocols: got {protocol.name!r} with {found}, expected two hyperparameters of shapes (n, 1) and "
                f"(1, m), as in protocols=[{_LINE}]"
            )
    names = [protocol.name for protocol in protocols]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"protocols: got the names {names}, expected at least one, each with a name of its own")


def _measure(block: Block) -> dict[str, Any]:
    trajectory = simulate(
        block.run_key,
        block.integrator,
        block.start(),
        block.num_steps,
        burn_in=block.burn_in,
        save=block.interval,
        stride=block.sweep.stride,
        **block.settings,
    )
    return _measurements(trajectory, block.mean_direction, block.sweep.samples)


def _measurements(trajectory: Trajectory, mean_direction: np.ndarray, samples_kept: int) -> dict[str, Any]:
    """Time averages and entropies, each `(points, replicas)`, and thinned losses, `(points, replicas, samples)`."""
    # The depth is this loss itself.
    measured = {name: moments.mean for name, moments in trajectory.moments.items() if name != "depth"}
    measured |= {"energy_variance": trajectory.variance("loss"), "volume_variance": trajectory.variance("volume")}
    measured["diverged_at"] = trajectory.diverged_at
    assert trajectory.samples is not None
    samples = np.moveaxis(trajectory.samples.astype(np.float64), 0, 2)
    directions = samples / np.linalg.norm(samples, axis=-1, keepdims=True)
    depth = ((directions - mean_direction) ** 2).sum(axis=-1) / 2
    diverged, d = trajectory.diverged_at > 0, mean_direction.size
    measured["direction_entropy"] = of_finite(lambda u: zonal_entropy(u, d).values, depth, diverged)
    if samples_kept >= fewest_samples(d - 1):
        measured["direction_entropy_knn"] = of_finite(_by_neighbours, directions, diverged)
        measured["direction_entropy_knn_change"] = of_finite(_change_of_neighbours, directions, diverged)
    return measured | {"loss_samples": (("replica", "sample"), depth[..., :samples_kept])}


def _by_neighbours(directions: np.ndarray) -> np.ndarray:
    return spherical_entropy(directions, pooled=False).values


def _change_of_neighbours(directions: np.ndarray) -> np.ndarray:
    """How much the entropy by nearest neighbours changes where samples are farther apart; NaN of too few samples."""
    if directions.shape[-2] // SPACING < fewest_samples(directions.shape[-1] - 1):
        return np.full(directions.shape[:-2], np.nan)
    blocks = in_blocks(directions, axis=directions.ndim - 2)
    consecutive, apart = (_by_neighbours(block[:_BLOCKS]).mean(axis=0) for block in blocks)
    return np.asarray(apart - consecutive)


def of_finite(estimate: Callable[[np.ndarray], np.ndarray], samples: np.ndarray, diverged: np.ndarray) -> np.ndarray:
    """An estimate of each run, and NaN for those that diverged and where fewer than two replicas are left.

    Args:
        estimate: takes the samples of several runs, `(points, replicas, …)`, and returns `(points, replicas)`.
        samples: of all runs, `(*points, replicas, …)`.
        diverged: which runs to leave out, `(*points, replicas)`.
    """
    lost = diverged.reshape(-1, diverged.shape[-1])
    runs = samples.reshape(*lost.shape, *samples.shape[diverged.ndim :])
    values = np.full(lost.shape, np.nan)
    for pattern in np.unique(lost, axis=0):  # points that lost the same replicas are estimated together
        points = (lost == pattern).all(axis=1)
        if np.sum(~pattern) > 1:
            values[np.ix_(points, ~pattern)] = estimate(runs[points][:, ~pattern])
    return values.reshape(diverged.shape)


_ESTIMATORS = {
    "direction_entropy": "spacings of the angle to μ",
    "direction_entropy_knn": "Kozachenko–Leonenko, k = 1, angles, each run alone",
}


def _check(sweep: Sweep) -> dict[str, str]:
    found = {}
    if sweep.integrator != "euler-maruyama":
        found["integrator"] = f"got {sweep.integrator!r}, expected 'euler-maruyama', whose directions are measured"
    if sweep.replicas < 4 or sweep.replicas % 2:
        found["replicas"] = f"got {sweep.replicas}, expected an even number ≥ 4"
    if sweep.samples < _FEWEST:
        found["samples"] = f"got {sweep.samples}, expected at least {_FEWEST} for an entropy"
    if sweep.standard_error:
        found["standard_error"] = "got one, expected none; the entropies of the verdict need runs of a known length"
    if sweep.observables:
        found["observables"] = f"got {list(sweep.observables)}, expected none; all that the verdict asks for are kept"
    return found


def _schedule(sweep: Sweep, grid: Grid) -> Schedule:
    """As the spec says; blocks are of alike relaxation times in any case."""
    by_plan = planned(sweep, grid)
    if isinstance(sweep.num_steps, str):
        return by_plan
    return replace(scheduled(sweep, grid), order=by_plan.order, relaxation_time=by_plan.relaxation_time)


def _describe(data: xr.Dataset, sweep: Sweep, grid: Grid) -> xr.Dataset:
    """Which replicas started where, and how entropies are estimated."""
    each = sweep.replicas // len(sweep.initial_radii)
    inside = [radius < 1 for radius in sweep.initial_radii for _ in range(each)]
    data = data.assign_coords(started_inside=("replica", inside))
    for name, estimator in _ESTIMATORS.items():
        if name in data:  # nearest neighbours say nothing of few samples in many dimensions
            data[name].attrs["estimator"] = estimator
    return data


ISOTROPIC = register(
    Experiment(
        "isotropic",
        _measure,
        check=_check,
        schedule=_schedule,
        points_per_block=lambda sweep, grid: max(grid.shape),
        describe=_describe,
    )
)


def _profile(name: str) -> Profile:
    sweep = shipped_sweep(name)
    steps = None if isinstance(sweep.num_steps, str) else sweep.num_steps
    return Profile(name, max(sweep.grids[0].shape), sweep.replicas, sweep.samples, steps)


PROFILES: Mapping[str, Profile] = {name: _profile(name) for name in ("quick", "paper")}


def _provenance(profile: Profile, seed: int) -> dict[str, str | int | float]:
    return {
        "title": "isotropic-noise SGD on the von Mises–Fisher loss",
        "source": "arXiv 2511.07308",
        "profile": profile.name,
        "seed": seed,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "thermo_ideal": thermo_ideal.__version__,
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "dtype": str(jnp.zeros(()).dtype),
        "integrator": EulerMaruyama.__name__,
        "dt": 1.0,
        "prng": str(jax.random.key_impl(jax.random.key(seed))),
        "platform": platform.platform(),
    }
