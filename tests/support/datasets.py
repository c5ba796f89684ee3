"""Datasets as `run_isotropic` writes them, of independent samples of the exact laws of discrete SGD."""

from functools import cache

import numpy as np
import xarray as xr

from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.dynamics._protocol_kinds import with_hyperparameters
from thermo_ideal.estimators import spherical_entropy, zonal_entropy
from thermo_ideal.verification import stationary_law
from thermo_ideal.verification._compare import _distributions_of_depth
from thermo_ideal.verification._measurements import in_blocks

REPLICAS, POINTS, SAMPLES = 8, 6, 300
INSIDE = np.arange(REPLICAS) < REPLICAS // 2
# Relative standard deviations of a replica's mean radius (or pressure).
RADIUS_SPREAD = 1e-3


def exact_dataset(kind, seed=0):
    """One protocol's measurements at 6 × 6 grid points.

    Args:
        kind: a protocol's class.
        seed: of the samples.
    """
    names, axes, law = kind.hyperparameters(), axes_of(kind), exact_law(kind)
    rng = np.random.default_rng(seed)
    depth = np.empty((POINTS, POINTS, REPLICAS, SAMPLES))
    for point, distribution in np.ndenumerate(_distributions_of_depth(law)):
        depth[point] = np.interp(rng.random((REPLICAS, SAMPLES)), distribution.cumulative, distribution.depths)
    radius = np.broadcast_to(law.mean_radius[..., None], depth.shape[:-1])
    if not kind.fixes_radius:
        radius = radius * (1 + RADIUS_SPREAD * rng.normal(size=radius.shape))
    directions = around_axis(depth, rng)
    by_neighbours = spherical_entropy(directions, pooled=False).values
    consecutive, apart = (
        spherical_entropy(block[:1], pooled=False).values.mean(axis=0) for block in in_blocks(directions, axis=3)
    )
    runs = {
        "loss": depth.mean(axis=-1),
        "energy_variance": depth.var(axis=-1),
        "radius": radius,
        "log_radius": np.log(radius) + (law.mean_log_radius - np.log(law.mean_radius))[..., None],
        "volume": radius**2 / 2 * (2 * law.mean_volume / law.mean_radius**2)[..., None],
        "volume_variance": np.full(radius.shape, 1e-6),
        "direction_entropy": zonal_entropy(depth, 3).values,
        "direction_entropy_knn": by_neighbours,
        "direction_entropy_knn_change": apart - consecutive,
    }
    if kind.fixes_radius:
        del runs["radius"]  # it is a hyperparameter
        pressure = law.effective_weight_decay[..., None]
        runs["effective_weight_decay"] = pressure * (1 + RADIUS_SPREAD * rng.normal(size=depth.shape[:-1]))
    data = xr.Dataset(coords=dict(zip(names, axes, strict=True)))
    data = data.assign_coords(started_inside=("replica", INSIDE))
    for name, values in runs.items():
        data[name] = (*names, "replica"), values
    data["loss_samples"] = (*names, "replica", "sample"), depth
    data["burn_in_relaxation_times"] = names, np.full((POINTS, POINTS), 10.0)
    return data.assign_attrs(protocol=kind.name, dimension=3, noise_scale=1.0)


def axes_of(kind):
    """The values of the two hyperparameters."""
    rates, radii = np.logspace(-3, -1, POINTS), np.logspace(-1, 1, POINTS)
    return [radii if name == "radius" else rates for name in kind.hyperparameters()]


@cache
def exact_law(kind):
    """The exact law that the samples are of, over the grid."""
    grid = dict(zip(kind.hyperparameters(), np.meshgrid(*axes_of(kind), indexing="ij"), strict=True))
    return stationary_law(SGD(VonMisesFisherLoss(), IsotropicNoise(), with_hyperparameters(kind, grid)), 3)


def around_axis(depth, rng, dimension=3):
    """Directions of these depths, uniform around the first axis."""
    around = rng.normal(size=(*depth.shape, dimension - 1))
    around /= np.linalg.norm(around, axis=-1, keepdims=True)
    return np.concatenate([(1 - depth)[..., None], np.sqrt(depth * (2 - depth))[..., None] * around], axis=-1)
