"""Measurements made of samples that anyone has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import ArrayLike

from thermo_ideal.dynamics import SGD
from thermo_ideal.estimators import spherical_entropy, zonal_entropy
from thermo_ideal.estimators._samples import as_samples
from thermo_ideal.thermodynamics import plan
from thermo_ideal.verification._measurements import Measurements, change_of_zonal_entropy, in_blocks
from thermo_ideal.verification._step_numbers import on_host

EntropyEstimator = Callable[[np.ndarray], ArrayLike]
"""The entropy of the direction of each run, `(replicas,)`, from unit vectors `(replicas, samples, d)`."""


def measurements_of(
    sgd: SGD,
    dimension: int,
    *,
    losses: ArrayLike | None,
    overlaps: ArrayLike | None,
    weights: ArrayLike | None,
    radii: ArrayLike | None,
    effective_weight_decays: ArrayLike | None,
    burn_in: ArrayLike | None,
    started_inside: ArrayLike | None,
    entropy: EntropyEstimator | None,
) -> Measurements:
    """Measurements of samples `(*grid, replicas, samples)`, and `(*grid, replicas, samples, d)` of weights.

    Args:
        sgd: whose batch is the grid.
        dimension: `d`.
        losses: `L`.
        overlaps: `m`.
        weights: `w`.
        radii: `|w|`.
        effective_weight_decays: `(|w'| − r)/(η r)` before the rescaling, on the fixed sphere.
        burn_in: steps before the first sample.
        started_inside: which replicas started inside the stationary radius.
        entropy: an estimator of the entropy of the direction, judged in the place of nearest neighbours.

    Raises:
        ValueError: shapes that are not those of the grid, different numbers of replicas, or nothing given.
    """
    given = {
        "losses": losses,
        "overlaps": overlaps,
        "radii": radii,
        "effective_weight_decays": effective_weight_decays,
    }
    series = {name: _series(name, value, sgd.batch_shape) for name, value in given.items() if value is not None}
    directions, depths = None, None
    if weights is not None:
        whole = _vectors(weights, sgd.batch_shape, dimension)
        norms = np.linalg.norm(whole, axis=-1)
        directions = whole / norms[..., None]
        series.setdefault("radii", norms)
        direction = getattr(sgd.loss, "mean_direction", None)
        if direction is not None:
            depths = ((directions - np.asarray(direction, np.float64)) ** 2).sum(axis=-1) / 2
    if not series:
        raise ValueError("samples: got none, expected at least one kind, as in losses=array of (replicas, samples)")
    if "overlaps" in series:
        depths = 1 - series["overlaps"]
    if depths is not None and sgd.loss.zonal is not None:
        series.setdefault("losses", on_host(sgd.loss.zonal.at_depth, depths))
    replicas = {name: values.shape[-2] for name, values in series.items()}
    if len(set(replicas.values())) > 1:
        raise ValueError(f"samples: got {replicas} replicas, expected as many of each kind")
    runs = _statistics(series)
    changes: dict[str, np.ndarray] = {}
    refusals: dict[str, str] = {}
    if depths is not None:
        try:
            runs["direction_entropy"] = zonal_entropy(depths, dimension).values
            changes["direction_entropy"] = change_of_zonal_entropy(depths, dimension)
        except ValueError as error:
            refusals |= {"S_dir": str(error), "S": str(error)}
    if directions is not None:
        estimate = _by_neighbours if entropy is None else entropy
        try:
            runs["direction_entropy_knn"] = _of_points(estimate, directions)
            blocks = in_blocks(directions, axis=directions.ndim - 2)
            consecutive, apart = (np.mean([_of_points(estimate, one) for one in block], axis=0) for block in blocks)
            changes["direction_entropy_knn"] = apart - consecutive
        except ValueError as error:
            refusals["S_kNN"] = str(error)
    inside = None if started_inside is None else np.asarray(started_inside, bool)
    if inside is not None and (
        inside.shape != (next(iter(replicas.values())),) or min(inside.sum(), (~inside).sum()) < 2
    ):
        raise ValueError(
            f"started_inside: got {inside.sum()} of shape {inside.shape}, expected one truth value for each of "
            f"{next(iter(replicas.values()))} replicas, two of each kind at least"
        )
    times = None if burn_in is None else _relaxation_times(sgd, dimension, burn_in)
    samples = next(iter(series.values())).shape[-1] if directions is None else directions.shape[-2]
    return Measurements(runs, changes, series.get("losses"), depths, inside, times, samples, entropy is None, refusals)


def _series(name: str, value: Any, grid: tuple[int, ...]) -> np.ndarray:
    values = as_samples(name, value)
    if values.shape[:-2] != grid or values.ndim < 2 or values.shape[-2] < 2 or values.shape[-1] < 2:
        shape = ", ".join([*map(str, grid), "replicas", "samples"])
        raise ValueError(f"{name}: got shape {values.shape}, expected ({shape}), two replicas and samples at least")
    return values


def _vectors(value: Any, grid: tuple[int, ...], dimension: int) -> np.ndarray:
    values = as_samples("weights", value)
    if values.ndim < 3 or values.shape[:-3] != grid or values.shape[-3] < 2 or values.shape[-1] != dimension:
        shape = ", ".join([*map(str, grid), "replicas", "samples", str(dimension)])
        raise ValueError(f"weights: got shape {values.shape}, expected ({shape}), two replicas at least")
    return values


def _statistics(series: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbers of each run, by the names that a dataset gives them."""
    runs: dict[str, np.ndarray] = {}
    if "losses" in series:
        runs |= {"loss": series["losses"].mean(axis=-1), "energy_variance": series["losses"].var(axis=-1)}
    if "radii" in series:
        radii, volumes = series["radii"], series["radii"] ** 2 / 2
        runs |= {"radius": radii.mean(axis=-1), "log_radius": np.log(radii).mean(axis=-1)}
        runs |= {"volume": volumes.mean(axis=-1), "volume_variance": volumes.var(axis=-1)}
    if "effective_weight_decays" in series:
        runs["effective_weight_decay"] = series["effective_weight_decays"].mean(axis=-1)
    return runs


def _by_neighbours(directions: np.ndarray) -> np.ndarray:
    return spherical_entropy(directions, pooled=False).values


def _of_points(estimate: EntropyEstimator, directions: np.ndarray) -> np.ndarray:
    """An estimate for each point of the grid."""
    *grid, replicas, samples, d = directions.shape
    points = directions.reshape(-1, replicas, samples, d)
    return np.stack([np.asarray(estimate(point), np.float64) for point in points]).reshape(*grid, replicas)


def _relaxation_times(sgd: SGD, dimension: int, burn_in: ArrayLike) -> np.ndarray:
    times = plan(sgd, dimension)
    slowest = np.maximum(times.radius_time, times.direction_time)
    return np.broadcast_to(np.asarray(burn_in, np.float64) / slowest, sgd.batch_shape)
