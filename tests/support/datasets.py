"""Datasets as `run_isotropic` writes them, made of the exact laws: every mean is off by a score that is asked for."""

import numpy as np
import xarray as xr
from scipy import linalg, stats

from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.dynamics._protocol_kinds import with_hyperparameters
from thermo_ideal.verification import stationary_law

REPLICAS, POINTS = 8, 6
# Zero mean, orthogonal to each other and to the difference of the halves that started inside and outside.
_PATTERNS = linalg.hadamard(REPLICAS)[[1, 2, 3, 5, 6, 7]]
CONTRAST = linalg.hadamard(REPLICAS)[4]
# Standard errors: relative, or in nats.
ERRORS = {
    "loss": 5e-3,
    "direction_entropy": 1e-2,
    "direction_entropy_knn": 1e-2,
    "log_radius": 5e-4,
    "radius": 5e-4,
    "effective_weight_decay": 5e-4,
}
_NATS = ("direction_entropy", "direction_entropy_knn", "log_radius")


def student(score):
    """The departure in standard errors of `REPLICAS` replicas that has this normal score."""
    return np.sign(score) * stats.t.isf(stats.norm.sf(np.abs(score)), REPLICAS - 1)


def replicas(mean, error, pattern):
    """Replicas of exactly this mean and standard error."""
    return mean[..., None] + error[..., None] * np.sqrt(REPLICAS - 1) * _PATTERNS[pattern]


class Synthetic:
    """One protocol's measurements at 6 × 6 grid points. What a test changes is `scores` and `errors`, by variable.

    Args:
        kind: a protocol's class.
        seed: of the scores, which are normal.
    """

    def __init__(self, kind, seed=0):
        rates, radii = np.logspace(-3, -1, POINTS), np.logspace(-1, 1, POINTS)
        self.kind, self.names = kind, kind.hyperparameters()
        self.axes = [radii if name == "radius" else rates for name in self.names]
        grid = dict(zip(self.names, np.meshgrid(*self.axes, indexing="ij"), strict=True))
        law = stationary_law(SGD(VonMisesFisherLoss(), IsotropicNoise(), with_hyperparameters(kind, grid)), 3)
        mechanical = "effective_weight_decay" if kind.fixes_radius else "radius"
        self.exact = {
            "loss": law.mean_loss,
            "direction_entropy": law.direction_entropy,
            "direction_entropy_knn": law.direction_entropy,
            "log_radius": law.mean_log_radius,
            mechanical: law.mechanical(kind(*self.axes).mechanical_response),
        }
        rng = np.random.default_rng(seed)
        self.errors = {
            name: ERRORS[name] * (np.ones_like(x) if name in _NATS else np.abs(x)) for name, x in self.exact.items()
        }
        self.scores = {name: np.clip(rng.normal(size=x.shape), -2, 2) for name, x in self.exact.items()}
        self.burn_in = np.full((POINTS, POINTS), 6.0)
        self.extra = {}

    def dataset(self):
        """As `run_isotropic` would write it."""
        dims = (*self.names, "replica")
        data = xr.Dataset(coords=dict(zip(self.names, self.axes, strict=True)))
        data = data.assign_coords(started_inside=("replica", CONTRAST > 0))
        for pattern, (name, exact) in enumerate(self.exact.items()):
            mean = exact + self.errors[name] * student(self.scores[name])
            data[name] = dims, replicas(mean, self.errors[name], pattern) + self.extra.get(name, 0.0)
        data["burn_in_relaxation_times"] = self.names, self.burn_in
        return data.assign_attrs(protocol=self.kind.name, dimension=3, noise_scale=1.0)
