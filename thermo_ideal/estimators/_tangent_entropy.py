"""Entropies of directions from their tangent coordinates, without neighbours, in any dimension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from thermo_ideal.estimators._entropy import zonal_entropy
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._replica_statistics import pseudo_values
from thermo_ideal.estimators._samples import as_samples


@dataclass(frozen=True, repr=False)
class EntropyEstimate(Estimate):
    """An entropy with what it assumes of the samples, and how well they bear it out.

    Args:
        values: pseudo-values of the replicas, `(*grid, replicas)`; their mean is the estimate.
        assumption: what the law is assumed to be.
        score: how far the samples depart from that, a standard normal score for each point of the grid.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import EntropyEstimate
        >>> entropy = EntropyEstimate(np.array([1.0, 1.2, 1.1]), "a normal law", np.array(0.3))
        >>> entropy, bool(entropy.holds)
        (Estimate(1.10(6), replicas=3), assumes a normal law (z = +0.3), True)
    """

    assumption: str = ""
    score: np.ndarray | float = 0.0

    @property
    def holds(self) -> np.ndarray:
        """Where the samples do not contradict the assumption, by five standard errors."""
        return np.asarray(np.abs(self.score) < 5)

    def __repr__(self) -> str:
        worst = np.ravel(self.score)[np.argmax(np.abs(np.ravel(self.score)))]
        return f"{super().__repr__()}, assumes {self.assumption} (z = {worst:+.1f})"


def gaussian_entropy(directions: np.ndarray) -> EntropyEstimate:
    r"""Entropy of directions whose tangent coordinates are normal, exactly unbiased for independent samples.

    In the orthographic chart about the mean direction, `x` are the `D = d − 1` tangent components and `m = √(1 − |x|²)`
    the other one; the surface is `dx/m`, so that

    .. math:: S = H(x) - E \log m, \qquad
        H = \tfrac D2 \log πe + \tfrac12 \log|A| - \tfrac12 \sum_{i=1}^D ψ\bigl(\tfrac{N-i}2\bigr),

    with `A` the scatter matrix of all `N` samples about their mean. Replicas are left out in turn; the spread of the
    pseudo-values is the error. The assumption is tested by Mardia's kurtosis.

    Args:
        directions: unit vectors, `(*batch, replicas, samples, d)`, independent of each other.

    Returns:
        The entropy in nats with its error, of shape `(*batch,)`, and the score of the assumption.

    Raises:
        ValueError: shapes, norms, fewer than two replicas, or no more samples than dimensions.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import gaussian_entropy
        >>> law = VonMisesFisher(np.eye(20)[0], concentration=1e4)
        >>> estimate = gaussian_entropy(np.asarray(law.sample(jax.random.key(0), (8, 100))))
        >>> bool(abs(estimate.z_score(float(law.entropy()))) < 5), bool(estimate.holds)
        (True, True)

    Source: Misra, Singh & Demchuk, J. Multivar. Anal. 92, 324 (2005); Mardia, Biometrika 57, 519 (1970).
    """
    directions = as_directions(directions)
    *batch, replicas, samples, d = directions.shape
    D = d - 1
    if (replicas - 1) * samples <= D + 1:
        raise ValueError(
            f"directions: got {replicas} replicas of {samples} samples, expected more than {D + 1} samples without any "
            f"one replica; use radial_entropy, or run longer"
        )
    values, scores = [], []
    for point in directions.reshape(-1, replicas, samples, d):
        x, depth = tangent_coordinates(point)
        log_m = log_height(depth)
        scatters, sums = np.matmul(x.swapaxes(1, 2), x), x.sum(axis=1)
        everything = _normal_entropy(scatters.sum(axis=0), sums.sum(axis=0), replicas * samples) - log_m.mean()
        left = [
            _normal_entropy(scatters.sum(axis=0) - one, sums.sum(axis=0) - part, (replicas - 1) * samples)
            - np.delete(log_m, r, axis=0).mean()
            for r, (one, part) in enumerate(zip(scatters, sums, strict=True))
        ]
        values.append(pseudo_values(everything, np.array(left)))
        scores.append(_mardia(x.reshape(-1, D)))
    shape = (*batch, replicas)
    return EntropyEstimate(np.reshape(values, shape), "a normal law in the tangent plane", np.reshape(scores, batch))


def radial_entropy(directions: np.ndarray) -> EntropyEstimate:
    """Entropy of directions whose law is isotropic about its mean direction, whatever its radial part.

    The angle to the mean direction is treated as in `zonal_entropy`, by spacings; the mean direction is that of the
    samples, so that tangent coordinates are too short by `√(1 − 1/N)`, which is added back. The assumption is tested by
    the scatter matrix: under isotropy `N U − D` of `U = Tr(S/s − 1)²/D` is normal around 1 with the variance 4, in any
    dimension.

    Args:
        directions: unit vectors, `(*batch, replicas, samples, d)`, independent of each other.

    Returns:
        The entropy in nats with its error, of shape `(*batch,)`, and the score of the assumption.

    Raises:
        ValueError: shapes, norms, too few samples or replicas.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import radial_entropy
        >>> law = VonMisesFisher(np.eye(200)[0], concentration=1e3)
        >>> estimate = radial_entropy(np.asarray(law.sample(jax.random.key(0), (8, 50))))
        >>> bool(abs(estimate.z_score(float(law.entropy()))) < 5), bool(estimate.holds)
        (True, True)

    Source: Ledoit & Wolf, Ann. Stat. 30, 1081 (2002), for the test of isotropy.
    """
    directions = as_directions(directions)
    *batch, replicas, samples, d = directions.shape
    depths, scores = [], []
    for point in directions.reshape(-1, replicas, samples, d):
        x, depth = tangent_coordinates(point)
        depths.append(depth)
        scores.append(_anisotropy(x.reshape(-1, d - 1)))
    entropy = zonal_entropy(np.reshape(depths, directions.shape[:-1]), d)
    shortened = -(d - 1) / 2 * np.log1p(-1 / (replicas * samples))
    values = entropy.values + shortened
    return EntropyEstimate(values, "isotropy about the mean direction", np.reshape(scores, batch))


def as_directions(directions: np.ndarray, least_dimension: int = 3) -> np.ndarray:
    """Unit vectors of at least two replicas in double precision.

    Args:
        directions: `(*batch, replicas, samples, d)`.
        least_dimension: of `d`.

    Raises:
        ValueError: another shape, or norms that are not 1.
    """
    directions = as_samples("directions", directions)
    if directions.ndim < 3 or directions.shape[-1] < least_dimension or directions.shape[-3] < 2:
        raise ValueError(
            f"directions: got shape {directions.shape}, expected (*batch, replicas, samples, d) with two replicas and "
            f"d ≥ {least_dimension}"
        )
    norm = np.linalg.norm(directions, axis=-1)
    if not np.allclose(norm, 1, atol=1e-5):
        raise ValueError(f"directions: got norms from {norm.min():g} to {norm.max():g}, expected 1; divide by the norm")
    return directions


def tangent_coordinates(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tangent coordinates about the mean direction, `(replicas, samples, d − 1)`, and the depths `1 − m`.

    Args:
        directions: `(replicas, samples, d)`.
    """
    mean = directions.mean(axis=(0, 1))
    axis = mean / np.linalg.norm(mean)
    depth = ((directions - axis) ** 2).sum(axis=-1) / 2
    mirror = axis - np.eye(len(axis))[0]  # takes the mean direction to the first axis
    square = mirror @ mirror
    turned = directions - (2 / square) * (directions @ mirror)[..., None] * mirror if square > 0 else directions
    return turned[..., 1:], depth


def log_height(depth: np.ndarray) -> np.ndarray:
    """`log m`, by which the orthographic chart is steeper than the sphere.

    Args:
        depth: `1 − m`.

    Raises:
        ValueError: one beyond the horizon.
    """
    if not depth.max() < 1:
        raise ValueError(
            f"directions: got one at {np.arccos(1 - depth.max()):.3g} rad from the mean direction, expected all "
            "within π/2, where tangent coordinates tell them apart; use radial_entropy"
        )
    return np.asarray(np.log1p(-depth))


def _normal_entropy(scatter: np.ndarray, total: np.ndarray, n: int) -> float:
    """The unbiased entropy of a normal law, from `Σ xxᵀ` and `Σ x`."""
    D = len(total)
    sign, logarithm = np.linalg.slogdet(scatter - np.outer(total, total) / n)
    if not sign > 0:
        raise ValueError("directions: got samples in a plane, expected samples that fill the tangent space")
    return float(D / 2 * (np.log(np.pi) + 1) + logarithm / 2 - digamma((n - np.arange(1, D + 1)) / 2).sum() / 2)


def _mardia(x: np.ndarray) -> float:
    """The score of Mardia's kurtosis, the mean fourth power of the distance in units of the covariance."""
    n, D = x.shape
    apart = x - x.mean(axis=0)
    whitened = np.linalg.solve(np.linalg.cholesky(apart.T @ apart / n), apart.T)
    kurtosis = ((whitened**2).sum(axis=0) ** 2).mean()
    return float((kurtosis - D * (D + 2) * (n - 1) / (n + 1)) / np.sqrt(8 * D * (D + 2) / n))


def _anisotropy(x: np.ndarray) -> float:
    """The score of Ledoit and Wolf's test of sphericity."""
    n, D = x.shape
    apart = x - x.mean(axis=0)
    gram = apart @ apart.T if n < D else apart.T @ apart
    trace, square = np.trace(gram) / (n - 1), (gram**2).sum() / (n - 1) ** 2
    return float(((n - 1) * (D * square / trace**2 - 1) - D - 1) / 2)
