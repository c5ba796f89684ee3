"""Differential entropy of directions, from samples."""

import math

import numpy as np
import scipy  # whose parts load when they are used
from scipy.special import digamma, gammaln

from thermo_ideal._arguments import require_count, require_dimension, require_finite
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._nearest_neighbours import neighbour_distances
from thermo_ideal.estimators._replica_statistics import pseudo_values
from thermo_ideal.estimators._samples import as_samples, in_units
from thermo_ideal.special import log_sphere_area

# A nearest-neighbour estimate is biased by about N^{−2/D} nats: neighbourhoods grow as wide as the law.
_LARGEST_BIAS = 0.03
# Shares of samples that may be equal to another, by rounding. What nearest neighbours then miss is p(1 − log p);
# spacings of several samples miss less, and a share of samples that were kept twice biases them by 0.3 of it.
_LARGEST_REPEATS, _LARGEST_REPEATS_OF_ANGLES = 0.0045, 0.1
# Overlaps end at 1, and near it those of few dimensions crowd: so many of the largest tell.
_CROWD, _CROWDED_DIMENSION, _CLOSE = 20, 5, 0.25
_LONGEST = 9  # digits of a number of samples that is written out
_SMALLEST = 1e-8  # distance and sine in the paper's logarithms


def zonal_entropy(depth: np.ndarray, dimension: int, spacing: int | None = None, *, pooled: bool = True) -> Estimate:
    """Entropy of a direction whose law depends on the overlap `m = μ·w̄` alone, in any dimension.

    With the angle `θ = arccos m` between `w̄` and `μ`,

        S_dir = h(θ) + (d − 2) E log sin θ + log|S^{d−2}|,

    which is `h(m) + ((d−3)/2) E log(1−m²) + log|S^{d−2}|` without the cancellation near `m = 1`. `h` is estimated from
    the spacings of all `N` sorted angles together, those of `k` neighbours around each and of fewer at the ends,
    `E(log(θ_(j) − θ_(i)) − ψ(j − i)) + ψ(N + 1)`, which is exact for uniform angles. Replicas are left out in turn, so
    that each has a pseudo-value: their mean is free of the bias of order `1/N`, and their spread is the error. Towards
    the uniform law, whose log-density hardly varies, that error is too small by a seventh.

    Args:
        depth: `u = 1 − m`, of shape `(*batch, replicas, samples)`. Samples should be a relaxation time apart at least.
            A tenth of them may be equal to another, as by rounding; samples that were kept twice are refused.
        dimension: `d ≥ 2`.
        spacing: `k`, in a replica's share of the samples at most; `√N/3` if None. More spreads less and is more biased.
        pooled: whether the replicas' samples are taken together. If not, each replica's entropy is that of its own
            samples alone: more biased, but independent of the others'.

    Returns:
        The entropy in nats with its standard error over replicas, of shape `(*batch,)`.

    Raises:
        ValueError: a depth outside `[0, 2]` or too often at its ends, depths that are overlaps, too few samples, too
            many that repeat, or fewer than two replicas.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import zonal_entropy
        >>> law = VonMisesFisher(np.eye(3)[0], concentration=10.0)
        >>> depth = 1 - law.sample(jax.random.key(0), (8, 1000))[..., 0]
        >>> estimate = zonal_entropy(np.asarray(depth), dimension=3)
        >>> bool(abs(estimate.z_score(float(law.entropy()))) < 5)
        True

    Source: Vasicek, J. R. Stat. Soc. B 38, 54 (1976), with the exact bias of spacings and the jackknife of Quenouille,
    Biometrika 43, 353 (1956); the zonal reduction is exact.
    """
    require_dimension("dimension", dimension)
    if spacing is not None:
        require_count("spacing", spacing)
    depth = as_samples("depth", depth)
    if depth.ndim < 2 or depth.size == 0:
        raise ValueError(f"depth: got shape {depth.shape}, expected (*batch, replicas, samples)")
    require_finite("depth", depth)
    if not (depth.min() >= -1e-6 and depth.max() <= 2 + 1e-6):
        raise ValueError(f"depth: got values from {depth.min():g} to {depth.max():g}, expected 1 − m within [0, 2]")
    *batch, replicas, samples = depth.shape
    if replicas < 2:
        raise ValueError(
            f"depth: got shape {depth.shape}, expected at least 2 replicas along the last axis but one, whose spread "
            "is the error; run more replicas"
        )
    n = replicas * samples if pooled else samples
    k = max(2, round(np.sqrt(n) / 3)) if spacing is None else spacing
    if samples <= 2 * k:
        raise ValueError(f"depth: got {samples} samples a replica, expected more than {2 * k} for spacing={k}")
    theta = 2 * np.arcsin(np.sqrt(np.clip(depth, 0, 2) / 2))
    at_pole = (theta == 0) | (theta == np.pi) if dimension > 2 else np.zeros(theta.shape, bool)
    if not at_pole.mean() <= _LARGEST_REPEATS:
        raise ValueError(
            f"depth: got 0 or 2 in {at_pole.mean():.1%} of the samples, where the sphere around μ has no volume; "
            "compute it as |w̄ − μ|²/2 in double precision"
        )
    together = theta.reshape(*batch, -1, n)  # sets of samples: one, or one for each replica
    order = np.argsort(together, axis=-1)
    ranked = np.take_along_axis(together, order, axis=-1)
    gaps = ranked[..., k:] - ranked[..., :-k]
    if not (gaps > 0).all():
        raise ValueError(
            f"depth: got more than {k} samples that are equal, expected distinct ones; store them in more digits"
        )
    repeats = _share_of_repeats(ranked)
    if not repeats <= _LARGEST_REPEATS_OF_ANGLES:
        raise ValueError(
            f"depth: got {repeats:.0%} of the samples equal to another, expected at most "
            f"{_LARGEST_REPEATS_OF_ANGLES:.0%}; keep each state once, or compute it as |w̄ − μ|²/2 in double precision"
        )
    h = _entropy_by_spacings(ranked, k)
    if pooled:
        without = [ranked[order // samples != r].reshape(*batch, n - samples) for r in range(replicas)]
        left = np.stack([_entropy_by_spacings(others, k) for others in without], axis=-1)
        h = pseudo_values(h[..., 0], left)
    stretch = 0.0
    if dimension > 2:
        inside = np.where(at_pole, np.nan, theta)
        stretch = np.nanmean(np.log(np.sin(inside)), axis=-1) * (dimension - 2)
    entropy = Estimate(h + stretch + np.asarray(log_sphere_area(dimension - 1)))
    _require_no_overlaps(depth.reshape(*batch, replicas * samples), dimension)
    return entropy


def _entropy_by_spacings(ranked: np.ndarray, k: int) -> np.ndarray:
    """Of sorted samples along the last axis, at most `k` of which are equal."""
    n = ranked.shape[-1]
    i = np.arange(n)
    first, last = np.maximum(i - k // 2, 0), np.minimum(i + (k + 1) // 2, n - 1)
    gaps = ranked[..., last] - ranked[..., first]
    gaps = np.where(gaps > 0, gaps, np.nan)  # of fewer than k samples at the ends, or where a replica was left out
    return np.asarray(np.nanmean(np.log(gaps) - digamma(last - first), axis=-1) + digamma(n + 1))


def _share_of_repeats(ranked: np.ndarray) -> float:
    """Of the samples of the worst batch that are equal to another."""
    equal = np.diff(ranked, axis=-1) == 0
    none = np.zeros((*equal.shape[:-1], 1), bool)
    repeated = np.concatenate([equal, none], axis=-1) | np.concatenate([none, equal], axis=-1)
    return float(repeated.mean(axis=-1).max())


def _require_no_overlaps(pooled: np.ndarray, dimension: int) -> None:
    """Raises ValueError where samples end at 1 as overlaps do: many next to it, none beyond, most above ½."""
    if dimension > _CROWDED_DIMENSION or pooled.shape[-1] <= _CROWD:
        return
    largest = np.partition(pooled, -_CROWD, axis=-1)[..., -_CROWD:]
    room = 1 - largest.max(axis=-1)
    crowded = (room >= 0) & (room <= _CLOSE * (1 - largest.min(axis=-1))) & (np.median(pooled, axis=-1) > 0.5)
    if crowded.any():
        raise ValueError(
            "depth: got samples that crowd below 1 with none above, as overlaps do, expected 1 − m, as in "
            "zonal_entropy(1 - overlap, dimension); if they are depths, give 2 − depth, whose entropy is the same"
        )


def fewest_samples(dimension: int) -> float:
    """From how many samples in `R^D` on nearest neighbours are biased by at most 0.03 nats; the bias is `N^{−2/D}`.

    Args:
        dimension: `D`; that of directions is `d − 1`.

    Returns:
        A whole number, or infinity where it would be beyond every float.

    Example:
        >>> from thermo_ideal.estimators import fewest_samples
        >>> fewest_samples(2), fewest_samples(9), fewest_samples(10**4)
        (34, 7127782, inf)
    """
    require_count("dimension", dimension)
    logarithm = -dimension / 2 * math.log(_LARGEST_BIAS)
    return math.ceil(_LARGEST_BIAS ** (-dimension / 2)) if logarithm < 700 else math.inf


def kozachenko_leonenko(samples: np.ndarray, k: int = 1) -> np.ndarray:
    """Nearest-neighbour estimate of the differential entropy of `N` samples in `R^D`, sample by sample.

    `Ĥ = (D/N) Σ log ε_i + log(π^{D/2}/Γ(D/2 + 1)) + ψ(N) − ψ(k)`, with `ε_i` the distance to the `k`-th neighbour.

    Args:
        samples: `(N, D)`.
        k: which neighbour.

    Returns:
        Each sample's term; their mean is `Ĥ`.

    Raises:
        ValueError: too few samples for the dimension (the bias, about `N^{−2/D}`, would exceed 0.03 nats), samples in
            a plane, or more samples that repeat than by rounding, 0.45 % of them. Those that do have the next
            sample that is apart for a neighbour.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import kozachenko_leonenko
        >>> cube = np.random.default_rng(0).uniform(size=(4000, 2))
        >>> bool(abs(kozachenko_leonenko(cube).mean()) < 0.1)
        True

    Source: Kozachenko & Leonenko, Probl. Inf. Transm. 23, 95 (1987); arXiv 2511.07308 uses `k = 1`.
    """
    samples = as_samples("samples", samples)
    require_count("k", k)
    if samples.ndim != 2:
        raise ValueError(f"samples: got shape {samples.shape}, expected (N, D), as in samples[:, None]")
    require_finite("samples", samples)
    n, dimension = samples.shape
    if n <= k or n < fewest_samples(dimension):
        digits = -math.log10(_LARGEST_BIAS) * dimension / 2
        fewest = str(fewest_samples(dimension)) if digits < _LONGEST else f"10^{digits:.0f}"
        raise ValueError(
            f"samples: got {n} in dimension {dimension}, expected at least {fewest} for nearest neighbours; use "
            "zonal_entropy"
        )
    samples = samples + 0.0  # −0 is 0
    _, place, copies = np.unique(samples, axis=0, return_inverse=True, return_counts=True)
    copies = copies[place.reshape(-1)]
    if not (copies > 1).mean() <= _LARGEST_REPEATS:
        raise ValueError(
            f"samples: got {int((copies > 1).sum())} of {n} that repeat, expected distinct samples, whose nearest "
            f"neighbours are at a distance, but for {_LARGEST_REPEATS:.2%}; keep each state once, and in more digits"
        )
    rank = np.linalg.matrix_rank(in_units((samples - samples.mean(axis=0)).T)[0])
    if rank < dimension:
        raise ValueError(
            f"samples: got {n} in a plane of dimension {rank}, expected samples that fill all {dimension} dimensions; "
            "leave out columns that are constant or depend on the others"
        )
    scaled, unit = in_units(samples.reshape(-1))
    scaled = scaled.reshape(samples.shape)
    neighbour = np.maximum(copies, k)
    tree = scipy.spatial.cKDTree(scaled)
    distance = tree.query(scaled, k=[k + 1])[0][:, 0]
    for i in np.flatnonzero(neighbour > k):
        distance[i] = tree.query(scaled[i], k=[neighbour[i] + 1])[0][0]
    log_ball = dimension / 2 * np.log(np.pi) - gammaln(dimension / 2 + 1)
    return dimension * np.log(unit * distance) + log_ball + digamma(n) - digamma(neighbour)


def spherical_entropy(directions: np.ndarray, k: int = 1, *, pooled: bool = True) -> Estimate:
    """Nearest-neighbour entropy of directions in spherical angles, without any knowledge of their law.

    `Ĥ` of the `d − 1` angles of all replicas together, each angle divided by its standard deviation (whose logarithm is
    added back), plus the mean of the volume element, `E Σ_j (d − 1 − j) log sin φ_j`. The frame is turned to the mean
    direction first. Each replica's share is its own estimate, and their spread is the error; since replicas are each
    other's neighbours, it is too small by a tenth or so.

    Args:
        directions: unit vectors, `(*batch, replicas, samples, d)`.
        k: which neighbour.
        pooled: whether replicas are each other's neighbours. If not, each replica's entropy is that of its own samples
            alone: more biased, but independent of the others', so that the error is true.

    Returns:
        The entropy in nats with its standard error over replicas, of shape `(*batch,)`.

    Raises:
        ValueError: too few samples for the dimension, more that repeat than by rounding, directions on one circle, or
            fewer than two replicas.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import spherical_entropy
        >>> law = VonMisesFisher(np.ones(3) / 3**0.5, concentration=100.0)
        >>> estimate = spherical_entropy(np.asarray(law.sample(jax.random.key(0), (8, 1000))))
        >>> bool(abs(estimate.z_score(float(law.entropy()))) < 5)
        True

    Source: arXiv 2511.07308, appendix on entropy estimation.
    """
    directions = as_samples("directions", directions)
    if directions.ndim < 3 or directions.shape[-1] < 2:
        raise ValueError(
            f"directions: got shape {directions.shape}, expected (*batch, replicas, samples, d) with d ≥ 2"
        )
    replicas, samples, d = directions.shape[-3:]
    norm = np.linalg.norm(directions, axis=-1)
    if not np.allclose(norm, 1, atol=1e-5):
        raise ValueError(f"directions: got norms from {norm.min():g} to {norm.max():g}, expected 1; divide by the norm")
    rank = int(np.linalg.matrix_rank(directions.reshape(-1, replicas * samples, d)).min())
    if rank < min(d, replicas * samples):
        raise ValueError(
            f"directions: got a plane of dimension {rank}, expected directions that fill all {d} dimensions"
        )
    angles, log_element = _spherical_angles(_turned(directions))
    scale = angles.std(axis=(-3, -2), keepdims=True)
    scaled = (angles / scale).reshape(-1, replicas * samples if pooled else samples, d - 1)
    terms = np.stack([kozachenko_leonenko(together, k) for together in scaled]).reshape(directions.shape[:-1])
    return Estimate((terms + log_element).mean(axis=-1) + np.log(scale).sum(axis=-1)[..., 0])


def angular_entropy(directions: np.ndarray, k: int = 1, window: int = 0, *, outside: str = "refuse") -> float:
    """The paper's nearest-neighbour entropy of one run, in spherical angles as they are, in any dimension.

    `Ĥ` of the `d − 1` angles, unscaled and without wrap-around, plus the mean of the volume element, with distances and
    sines of at least 1e-8. In many dimensions it is biased by hundreds of nats, and of samples that follow each other
    it is the length of a step: `gaussian_entropy` and `radial_entropy` have no neighbours, `spacing_scan` tells.

    Args:
        directions: unit vectors of one run, `(samples, d)`, in their order.
        k: which neighbour.
        window: of samples in a row, how many on each side do not count as neighbours.
        outside: "refuse" raises where the bias would exceed 0.03 nats; "allow" returns what comes out.

    Returns:
        The entropy in nats, without an error, for which repeat it on replicas.

    Raises:
        ValueError: another shape, norms, or too few samples for the dimension.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import angular_entropy
        >>> x = np.random.default_rng(0).normal(size=(2000, 3))
        >>> uniform = x / np.linalg.norm(x, axis=-1, keepdims=True)
        >>> bool(abs(angular_entropy(uniform) - np.log(4 * np.pi)) < 0.1)
        True

    Source: arXiv 2511.07308, appendix on entropy estimation.
    """
    directions = as_samples("directions", directions)
    if directions.ndim != 2 or directions.shape[-1] < 2:
        raise ValueError(f"directions: got shape {directions.shape}, expected (samples, d) of one run")
    n, d = directions.shape
    require_enough_neighbours("directions", n, d - 1, outside)
    norm = np.linalg.norm(directions, axis=-1)
    if not np.allclose(norm, 1, atol=1e-5):
        raise ValueError(f"directions: got norms from {norm.min():g} to {norm.max():g}, expected 1; divide by the norm")
    angles, _ = _spherical_angles(directions)
    sines = np.maximum(np.abs(np.sin(angles[:, :-1])), _SMALLEST)
    log_element = np.log(sines) @ np.arange(d - 2, 0, -1) if d > 2 else np.zeros(n)
    distance = np.maximum(neighbour_distances(angles, k, window), _SMALLEST)
    log_ball = (d - 1) / 2 * np.log(np.pi) - gammaln((d - 1) / 2 + 1)
    h = (d - 1) * np.log(distance).mean() + log_ball + digamma(n) - digamma(k)
    return float(h + log_element.mean())


def require_enough_neighbours(name: str, samples: int, dimension: int, outside: str) -> None:
    """Raises ValueError where nearest neighbours are far, unless `outside` is "allow".

    Args:
        name: of the argument.
        samples: `N`.
        dimension: `D` of the space that they fill; the bias is about `N^{−2/D}`.
        outside: "refuse" or "allow".
    """
    if outside not in ("refuse", "allow"):
        raise ValueError(f"outside: got {outside!r}, expected 'refuse' or 'allow'")
    if outside == "refuse" and samples < fewest_samples(dimension):
        raise ValueError(
            f"{name}: got {samples} samples at d = {dimension + 1}, where nearest neighbours are biased by more than "
            f"{_LARGEST_BIAS} nats; use gaussian_entropy or radial_entropy, or see what comes out with outside='allow'"
        )


def _turned(directions: np.ndarray) -> np.ndarray:
    """Reflected so that the mean points along `(1, …, 1)`: away from the poles of the angles and the azimuth's cut."""
    d = directions.shape[-1]
    mean = directions.mean(axis=(-3, -2), keepdims=True)
    length = np.linalg.norm(mean, axis=-1, keepdims=True)
    mirror = mean / np.where(length > 0, length, 1.0) - np.ones(d) / np.sqrt(d)
    square = (mirror**2).sum(axis=-1, keepdims=True)
    return directions - 2 * mirror * (directions * mirror).sum(axis=-1, keepdims=True) / np.where(square > 0, square, 1)


def _spherical_angles(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`φ_1 … φ_{d−1}` and the logarithm of the volume element."""
    tail = np.sqrt(np.cumsum(directions[..., ::-1] ** 2, axis=-1))[..., ::-1]  # norm of components j, j+1, …
    polar = np.arctan2(tail[..., 1:-1], directions[..., :-2])
    azimuth = np.arctan2(directions[..., -1], directions[..., -2])
    d = directions.shape[-1]
    powers = np.arange(d - 2, 0, -1)
    log_element = (powers * np.log(np.sin(polar))).sum(axis=-1)
    return np.concatenate([polar, azimuth[..., None]], axis=-1), log_element
