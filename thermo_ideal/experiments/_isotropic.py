"""The paper's isotropic-noise model, under its three protocols on its grid, or under others."""

from __future__ import annotations

import datetime
import platform
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import SimpleQueue

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from rich.console import Console

import thermo_ideal
from thermo_ideal._arguments import in_double_precision, require_count
from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import (
    SGD,
    AbstractProtocol,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
    IsotropicNoise,
    VonMisesFisherLoss,
)
from thermo_ideal.dynamics._protocols import PROTOCOLS
from thermo_ideal.estimators import spherical_entropy, zonal_entropy
from thermo_ideal.integrators import EulerMaruyama, Trajectory, simulate
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.thermodynamics import plan
from thermo_ideal.verification._compare import LONG_ENOUGH
from thermo_ideal.verification._measurements import in_blocks

DIMENSION, NOISE_SCALE = 3, 1.0
# Off every axis, where spherical angles have their poles.
_MEAN_DIRECTION = np.ones(DIMENSION) / np.sqrt(DIMENSION)
# Half of the replicas start inside and cold, half outside and hot; both must end up in the same state.
_INSIDE, _OUTSIDE = 0.9, 1.1
_STRIDE = 4
# Of the blocks of samples that are farther apart, of which each one's nearest neighbours take milliseconds.
_BLOCKS = 2
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
        require_count("samples", self.samples, minimum=10)
        if self.num_steps is not None and self.num_steps < 2 * _STRIDE * self.samples:
            minimum = 2 * _STRIDE * self.samples
            raise ValueError(f"num_steps: got {self.num_steps}, expected at least {minimum} for samples={self.samples}")


PROFILES: Mapping[str, Profile] = {
    "quick": Profile("quick", points=9),
    "paper": Profile("paper", points=17, replicas=4),
}


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
        A tree with a dataset for each protocol, called by its name, over its two hyperparameters and `replica`. Units
        and symbols are attributes. Runs that became NaN or infinite are NaN, with the step in "diverged_at".

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
        {'learning_rate': 3, 'weight_decay': 2, 'replica': 4}

    Source: arXiv 2511.07308, section 4 (the grid, `d`, `σ`).
    """
    require_count("seed", seed, minimum=0)
    if seed >= 2**32:
        raise ValueError(f"seed: got {seed}, expected a whole number below 2**32")
    grids = _paper_grids(profile.points) if protocols is None else protocols
    _require_grids(grids)
    sweeps = [_Sweep(protocol, profile) for protocol in grids]
    key = jax.random.key(seed)
    jobs = [(sweep, block) for sweep in sweeps for block in sweep.blocks]
    jobs.sort(key=lambda job: -job[0].cost(job[1]))
    total = sum(sweep.cost(block) for sweep, block in jobs)
    free: SimpleQueue[jax.Device] = SimpleQueue()
    for device in jax.devices() if devices is None else devices:
        free.put(device)

    def work(sweep: _Sweep, block: np.ndarray) -> None:
        device = free.get()
        try:
            sweep.run(key, block, device, bar)
        finally:
            free.put(device)

    with ProgressBar("simulating", total, None if progress else Console(quiet=True)) as bar:
        executor = ThreadPoolExecutor(free.qsize())
        try:
            futures = [executor.submit(work, sweep, block) for sweep, block in jobs]
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in finished:
                future.result()
        except BaseException:
            bar.cancel()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
    provenance = _provenance(profile, seed)
    datasets = {f"/{sweep.protocol.name}": sweep.dataset().assign_attrs(provenance) for sweep in sweeps}
    tree = xr.DataTree.from_dict(datasets)
    tree.attrs = provenance
    return tree


def _paper_grids(points: int) -> list[AbstractProtocol]:
    rates, radii = np.logspace(-3, -1, points), np.logspace(-1, 1, points)
    return [
        FixedEffectiveLearningRate(rates[:, None], rates[None]),
        FixedLearningRate(rates[:, None], rates[None]),
        FixedSphere(rates[:, None], radii[None]),
    ]


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


class _Sweep:
    """One protocol's grid, cut into blocks of points with alike relaxation times and equal shape."""

    def __init__(self, protocol: AbstractProtocol, profile: Profile) -> None:
        values = protocol.constants
        self.axes = {name: in_double_precision(value).reshape(-1) for name, value in values.items()}
        grid = jnp.broadcast_arrays(*(jnp.asarray(value, float) for value in values.values()))
        self.protocol = protocol.replace(**dict(zip(values, grid, strict=True)))
        self.profile = profile
        self.sgd = SGD(VonMisesFisherLoss(_MEAN_DIRECTION), IsotropicNoise(NOISE_SCALE), self.protocol)
        self.plan = plan(self.sgd, samples=profile.samples, relaxation_times=LONG_ENOUGH)
        order = np.argsort(self.plan.num_steps, axis=None, kind="stable")
        size = max(protocol.batch_shape)
        self.blocks = [order[i : i + size] for i in range(0, order.size, size)]
        self._measured: dict[str, np.ndarray] = {}

    def schedule(self, block: np.ndarray) -> tuple[int, int, int]:
        """`(num_steps, burn_in, save)` of a block."""
        if self.profile.num_steps is not None:
            num_steps = _up(self.profile.num_steps, 2 * _STRIDE)
            save = _up(num_steps // (2 * self.profile.samples), _STRIDE)
            return num_steps, num_steps // 2, save
        save = _up(int(self.plan.sampling_interval.flat[block].max()), _STRIDE)
        burn_in = _up(int(self.plan.burn_in.flat[block].max()), _STRIDE)
        length = (self.plan.num_steps - self.plan.burn_in).flat[block].max()
        return burn_in + _up(max(int(length), self.profile.samples * save), _STRIDE), burn_in, save

    def cost(self, block: np.ndarray) -> int:
        """Steps of all runs of a block together."""
        return self.schedule(block)[0] * block.size * self.profile.replicas

    def run(self, key: jax.Array, block: np.ndarray, device: jax.Device, bar: ProgressBar) -> None:
        """Simulates one block and files its measurements."""
        key = jax.random.fold_in(_stream(key, self.protocol.name), int(block[0]))
        start_key, run_key = jax.random.split(key)
        protocol = jax.tree.map(lambda leaf: leaf.reshape(-1)[block][:, None], self.protocol)
        sgd = SGD(self.sgd.loss, self.sgd.noise, protocol)
        num_steps, burn_in, save = self.schedule(block)
        trajectory = simulate(
            run_key,
            EulerMaruyama(sgd),
            self._start(start_key, sgd, block.size),
            num_steps,
            burn_in=burn_in,
            save=save,
            stride=_STRIDE,
            devices=[device],
            progress=bar,
        )
        steps = {"num_steps": num_steps, "burn_in": burn_in, "sampling_interval": save}
        for name, value in (_measurements(trajectory, self.profile.samples) | steps).items():
            shape = (self.plan.num_steps.size, *np.shape(value)[1:])
            dtype = np.int64 if name in (*steps, "diverged_at") else np.asarray(value).dtype
            self._measured.setdefault(name, np.empty(shape, dtype))[block] = value

    def _start(self, key: jax.Array, sgd: SGD, points: int) -> jax.Array:
        """Inside and at the minimum of the loss, or outside and anywhere on the sphere."""
        half = self.profile.replicas // 2
        cold = np.broadcast_to(_MEAN_DIRECTION, (points, half, DIMENSION))
        hot = jax.random.normal(key, cold.shape)
        hot = hot / jnp.linalg.norm(hot, axis=-1, keepdims=True)
        radius = sgd.protocol.stationary_radius(sgd.noise.trace(DIMENSION))[..., None]
        inside, outside = (1.0, 1.0) if self.protocol.fixes_radius else (_INSIDE, _OUTSIDE)
        return jnp.concatenate([inside * radius * cold, outside * radius * hot], axis=1)

    def dataset(self) -> xr.Dataset:
        """All measurements, by name, with units."""
        sizes = tuple(len(values) for values in self.axes.values())
        half = self.profile.replicas // 2
        data = xr.Dataset(coords={name: (name, values, self._attributes(name)) for name, values in self.axes.items()})
        data = data.assign_coords(started_inside=("replica", [True] * half + [False] * half))
        for name, values in self._measured.items():
            if name in self.axes:  # the fixed sphere's radius is not a measurement
                continue
            dims = tuple(self.axes) + ("replica", "sample")[: values.ndim - 1]
            data[name] = (dims, values.reshape(*sizes, *values.shape[1:]), self._attributes(name))
        times = data["burn_in"].to_numpy() / np.maximum(self.plan.radius_time, self.plan.direction_time)
        data["burn_in_relaxation_times"] = (tuple(self.axes), times, self._attributes("burn_in_relaxation_times"))
        data.attrs = {"protocol": self.protocol.name, "dimension": DIMENSION, "noise_scale": NOISE_SCALE}
        return data

    def _attributes(self, name: str) -> dict[str, str]:
        if name not in DICTIONARY:
            return {"description": f"hyperparameter of {type(self.protocol).__name__}, in a unit of its own"}
        estimator = {"estimator": _ESTIMATORS[name]} if name in _ESTIMATORS else {}
        return DICTIONARY[name].attributes | {"long_name": DICTIONARY[name].meaning} | estimator


def _measurements(trajectory: Trajectory, samples_kept: int) -> dict[str, np.ndarray]:
    """Time averages and entropies, each `(points, replicas)`, and thinned losses, `(points, replicas, samples)`."""
    # The depth is this loss itself.
    measured = {name: moments.mean for name, moments in trajectory.moments.items() if name != "depth"}
    measured |= {"energy_variance": trajectory.variance("loss"), "volume_variance": trajectory.variance("volume")}
    measured["diverged_at"] = trajectory.diverged_at
    assert trajectory.samples is not None
    samples = np.moveaxis(trajectory.samples.astype(np.float64), 0, 2)
    directions = samples / np.linalg.norm(samples, axis=-1, keepdims=True)
    depth = ((directions - _MEAN_DIRECTION) ** 2).sum(axis=-1) / 2
    diverged = trajectory.diverged_at > 0
    measured["direction_entropy"] = of_finite(lambda u: zonal_entropy(u, DIMENSION).values, depth, diverged)
    measured["direction_entropy_knn"] = of_finite(_by_neighbours, directions, diverged)
    measured["direction_entropy_knn_change"] = of_finite(_change_of_neighbours, directions, diverged)
    measured["loss_samples"] = depth[..., :samples_kept].astype(np.float32)
    return measured


def _by_neighbours(directions: np.ndarray) -> np.ndarray:
    return spherical_entropy(directions, pooled=False).values


def _change_of_neighbours(directions: np.ndarray) -> np.ndarray:
    """How much the entropy by nearest neighbours changes where samples are farther apart."""
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


def _stream(key: jax.Array, name: str) -> jax.Array:
    """A key for a protocol, so that its random numbers do not depend on which others run, or in what order.

    The ends of their names tell the paper's three apart; another's may be that of one of them.
    """
    key = jax.random.fold_in(key, int.from_bytes(name.encode()[-4:], "big") % 2**31)
    return key if name in PROTOCOLS else jax.random.fold_in(key, zlib.crc32(name.encode()))


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
