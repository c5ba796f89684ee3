"""Entropy of directions by nearest neighbours along the sphere, and at several numbers of neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaln, digamma

from thermo_ideal.estimators._entropy import require_enough_neighbours
from thermo_ideal.estimators._entropy_scan import EntropyScan
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._nearest_neighbours import neighbour_distances
from thermo_ideal.estimators._tangent_entropy import EntropyEstimate, as_directions
from thermo_ideal.special import log_sphere_area

_FARTHER = 4  # times as many neighbours, whose estimate must be the same
_SMALLEST = 1e-280  # share of a sphere that a double holds with all digits


def geodesic_entropy(
    directions: np.ndarray, k: int = 1, window: int = 0, *, pooled: bool = True, outside: str = "refuse"
) -> EntropyEstimate:
    r"""Nearest-neighbour entropy on the sphere itself, whose balls have a known volume: no chart, no frame.

    With `θ_i` the angle to the `k`-th neighbour and `M_i` the number of samples that may be neighbours,

    .. math:: S = \frac1N \sum_i \bigl[\log V(θ_i) + ψ(M_i + 1)\bigr] - ψ(k), \qquad
        V(θ) = \tfrac12 |S^{d-1}|\, I_{\sin^2 θ}\bigl(\tfrac{d-1}2, \tfrac12\bigr) \text{ up to } \tfrac π2.

    The uniform law has no bias; another has one of about `N^{−2/(d−1)}`, since its density varies in a ball. That it
    does not is the assumption, and is tested by the change to four times as many neighbours. Each replica's share is
    its own estimate, and their spread is the error; where replicas are each other's neighbours, it is too small by a
    tenth or so.

    Args:
        directions: unit vectors, `(*batch, replicas, samples, d)`, in their order.
        k: which neighbour.
        window: of samples in a row, how many on each side do not count as neighbours (Theiler's).
        pooled: whether replicas are each other's neighbours.
        outside: "refuse" raises where the bias would exceed 0.03 nats; "allow" returns what comes out.

    Returns:
        The entropy in nats with its error, of shape `(*batch,)`, and the score of the assumption.

    Raises:
        ValueError: shapes, norms, fewer than two replicas, too few samples, or samples that repeat.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import geodesic_entropy
        >>> law = VonMisesFisher(np.eye(3)[0], concentration=5.0)
        >>> estimate = geodesic_entropy(np.asarray(law.sample(jax.random.key(0), (8, 500))))
        >>> bool(abs(estimate.z_score(float(law.entropy()))) < 5), bool(estimate.holds)
        (True, True)

    Source: Kozachenko & Leonenko, Probl. Inf. Transm. 23, 95 (1987); Li, Mnatsakanov & Andrew, Entropy 13, 650 (2011),
        on spheres.
    """
    near, far = _by_neighbours(directions, (k, _FARTHER * k), window, pooled, outside)
    score = Estimate(far - near).z_score(0.0)
    return EntropyEstimate(near, "a density that is even among neighbours", score)


@dataclass(frozen=True, repr=False)
class NeighbourScan(EntropyScan):
    """A nearest-neighbour entropy at several numbers of neighbours.

    Args:
        neighbours: `k`, ascending.
        entropies: at each, over replicas: values of shape `(len(neighbours), replicas)`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate, NeighbourScan
        >>> NeighbourScan((1, 4), Estimate(np.array([[1.0, 1.1, 0.9], [1.1, 1.0, 0.9]])))
        NeighbourScan: 1.00(6) at k = 1, 1.00(6) at k = 4 nat; flat, it moves by 0.00(6)
    """

    neighbours: tuple[int, ...]
    entropies: Estimate

    @property
    def is_flat(self) -> bool:
        """Whether the density is even among so many neighbours: no change is beyond four standard errors."""
        return self.stands_still

    def __repr__(self) -> str:
        texts = self._texts([f"k = {k}" for k in self.neighbours])
        word = "flat" if self.is_flat else "NOT flat"
        return f"NeighbourScan: {texts} nat; {word}, it moves by {self._largest_change()}"


def neighbour_scan(
    directions: np.ndarray,
    neighbours: Sequence[int] = (1, 2, 4, 8),
    window: int = 0,
    *,
    pooled: bool = True,
    outside: str = "refuse",
) -> NeighbourScan:
    """`geodesic_entropy` at several `k`, from one search: more neighbours spread less and are more biased.

    Args:
        directions: unit vectors, `(replicas, samples, d)`.
        neighbours: `k`, ascending.
        window: as of `geodesic_entropy`.
        pooled: likewise.
        outside: likewise.

    Returns:
        A `NeighbourScan`.

    Raises:
        ValueError: fewer than two `k`, not ascending, or what `geodesic_entropy` refuses.

    Example:
        A law that is narrow beside the distance to the eighth neighbour:

        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import neighbour_scan
        >>> few = VonMisesFisher(np.eye(3)[0], concentration=5.0).sample(jax.random.key(0), (64, 30))
        >>> neighbour_scan(np.asarray(few), (1, 8)).is_flat, neighbour_scan(np.asarray(few), (1, 240)).is_flat
        (True, False)
    """
    given = list(neighbours)
    if len(given) < 2 or given != sorted(set(given)):
        raise ValueError(f"neighbours: got {neighbours}, expected two or more, ascending, as in neighbours=(1, 2, 4)")
    if np.ndim(directions) != 3:
        raise ValueError(f"directions: got shape {np.shape(directions)}, expected (replicas, samples, d)")
    return NeighbourScan(tuple(given), Estimate(_by_neighbours(directions, given, window, pooled, outside)))


def _by_neighbours(
    directions: np.ndarray, neighbours: Sequence[int], window: int, pooled: bool, outside: str
) -> np.ndarray:
    """At each `k`, the share of each replica, `(len(neighbours), *batch, replicas)`."""
    directions = as_directions(directions, least_dimension=2)
    *batch, replicas, samples, d = directions.shape
    series = replicas if pooled else 1
    require_enough_neighbours("directions", series * samples, d - 1, outside)
    sets = directions.reshape(*batch, replicas // series, series * samples, d)
    chords = neighbour_distances(sets, list(neighbours), window, series=series)
    if not chords.all():
        raise ValueError(
            f"directions: got {int((chords[..., 0] == 0).sum())} of {chords[..., 0].size} samples that repeat, "
            "expected distinct samples; keep each state once, and in more digits"
        )
    i = np.arange(samples)
    beside = np.minimum(i + window, samples - 1) - np.maximum(i - window, 0) + 1  # the sample itself is one of them
    terms = log_ball_volume(d, chords).reshape(*batch, replicas, samples, len(neighbours))
    terms = terms + digamma(series * samples - beside + 1)[:, None] - digamma(np.asarray(neighbours))
    return np.moveaxis(terms.mean(axis=-2), -1, 0)


def log_ball_volume(dimension: int, chords: np.ndarray) -> np.ndarray:
    """The logarithm of the part of `S^{d−1}` that is within a distance of a point.

    Args:
        dimension: `d`.
        chords: distances in space, `2 sin(θ/2)`, from 0 to 2.
    """
    a, b = (dimension - 1) / 2, 0.5
    x = np.minimum(chords**2 * (1 - chords**2 / 4), 1.0)  # sin²θ
    share = betainc(a, b, x) / 2
    with np.errstate(divide="ignore"):
        log_share = np.log(share)
    if (tiny := share < _SMALLEST).any():
        # I_x = x^a (1 − x)^b F(a + b, 1; a + 1; x)/(a B(a, b)), whose series has positive terms below x^n.
        small = x[tiny]
        total, term, n = np.ones_like(small), np.ones_like(small), 0
        while (term > np.finfo(float).eps * total).any():
            term = term * small * (a + b + n) / (a + 1 + n)
            total, n = total + term, n + 1
        log_share[tiny] = a * np.log(small) + b * np.log1p(-small) + np.log(total / (2 * a)) - betaln(a, b)
    return np.where(chords**2 > 2, np.log1p(-share), log_share) + float(log_sphere_area(dimension))
