"""What was measured of the runs of one protocol, whether a dataset or a user's arrays have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal.estimators import zonal_entropy
from thermo_ideal.estimators._equally_many import equally_many

if TYPE_CHECKING:
    import xarray as xr

SPACING = 5  # how much farther apart the samples are whose entropy must be the same
EXPECTED_DATASET = (
    "expected a dataset of thermo_ideal.experiments.run_isotropic, as in open_results('toy/results.zarr')['fixed-lr']"
)
_REQUIRED = (
    *("loss", "energy_variance", "log_radius", "volume", "volume_variance"),
    *("direction_entropy", "loss_samples", "burn_in_relaxation_times", "started_inside"),
)
_BY_NEIGHBOURS = ("direction_entropy_knn", "direction_entropy_knn_change")  # where the samples are enough for it
# What a simulation measures of a mechanical response.
MECHANICAL_VARIABLES = {"radius": "radius", "pressure": "effective_weight_decay"}


@dataclass(frozen=True, eq=False)
class Measurements:
    """Numbers of runs over a grid of hyperparameters.

    Args:
        runs: one number a run, `(*grid, replicas)`, by the names that a dataset gives them: "loss", "energy_variance",
            "radius", "log_radius", "volume", "volume_variance", "effective_weight_decay", "direction_entropy" and
            "direction_entropy_knn".
        entropy_changes: by the same names, how much an entropy changes where its samples are five times as far apart.
        losses: thinned losses, `(*grid, replicas, samples)`, or None.
        depths: thinned depths `1 − m`, or None.
        started_inside: which replicas started inside the stationary radius, `(replicas,)`, or None.
        burn_in: in relaxation times, of the shape of the grid, or None.
        samples: of the positions of each run, from which its entropies are.
        by_neighbours: whether "direction_entropy_knn" is by nearest neighbours, whose bias is known from exact samples.
        refusals: by symbol, why a quantity could not be estimated from what there is.
    """

    runs: Mapping[str, np.ndarray]
    entropy_changes: Mapping[str, np.ndarray]
    losses: np.ndarray | None
    depths: np.ndarray | None
    started_inside: np.ndarray | None
    burn_in: np.ndarray | None
    samples: int
    by_neighbours: bool = True
    refusals: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_dataset(cls, data: xr.Dataset, names: Sequence[str], response: str, dimension: int) -> Measurements:
        """Those of a dataset of the von Mises–Fisher loss, whose depth is the loss itself.

        Args:
            data: of `run_isotropic`.
            names: the hyperparameters, the axes of its grid.
            response: "radius" or "pressure".
            dimension: `d`.

        Raises:
            ValueError: the dataset lacks a variable.
        """
        by_neighbours = _BY_NEIGHBOURS if _BY_NEIGHBOURS[0] in data else ()
        require_variables(data, [*by_neighbours, *_REQUIRED, MECHANICAL_VARIABLES[response]])

        def values(variable: str, *more: str) -> np.ndarray:
            return data[variable].transpose(*names, *more).to_numpy().astype(np.float64)

        single = [*_REQUIRED[:6], MECHANICAL_VARIABLES[response]]
        runs = {name: values(name, "replica") for name in single}
        depths = values("loss_samples", "replica", "sample")
        changes = {"direction_entropy": change_of_zonal_entropy(depths, dimension)}
        refusals = {}
        if by_neighbours:
            entropy, change = by_neighbours
            runs[entropy], changes[entropy] = values(entropy, "replica"), values(change, "replica")
        else:
            refusals["S_kNN"] = f"nearest neighbours say nothing of {depths.shape[-1]} samples at d = {dimension}"
        inside = data["started_inside"].to_numpy().astype(bool)
        burn_in = values("burn_in_relaxation_times")
        return cls(runs, changes, depths, depths, inside, burn_in, depths.shape[-1], refusals=refusals)


def require_variables(data: xr.Dataset, variables: Sequence[str]) -> None:
    """Raises ValueError unless the dataset has all these variables."""
    missing = [variable for variable in variables if variable not in data]
    if missing:
        raise ValueError(
            f"dataset: got none of the variables {', '.join(missing)}, {EXPECTED_DATASET}; "
            "results of an older version lack some, run it again"
        )


def in_blocks(samples: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples in so many consecutive blocks, and as many of every so manieth one: equally many, differently far apart.

    Args:
        samples: with time along `axis`.
        axis: which.

    Returns:
        Two arrays with a first axis of length `SPACING`.
    """
    return equally_many(samples, 1, SPACING, axis), equally_many(samples, SPACING, SPACING, axis)


def change_of_zonal_entropy(depths: np.ndarray, dimension: int) -> np.ndarray:
    """By how much the entropy of each run, `(*grid, replicas)`, changes where its samples are five times as far apart.

    Both entropies are of equally many samples of one run, so that what the estimator is biased by cancels, and runs are
    independent. NaN where a run's
    depths are not numbers, or too few.
    """
    *grid, replicas, samples = depths.shape
    change = np.full((*grid, replicas), np.nan)
    known = np.isfinite(depths).all(axis=(-2, -1))
    if known.any() and samples // SPACING > replicas:
        consecutive, apart = (
            zonal_entropy(blocks, dimension, pooled=False).values.mean(axis=0)
            for blocks in in_blocks(depths[known], axis=depths[known].ndim - 1)
        )
        change[known] = apart - consecutive
    return change
