"""The entropy of the von Mises–Fisher law that fits directions, and whether they are of one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal.distributions import VonMisesFisher, goodness_of_fit
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.estimators._tangent_entropy import EntropyEstimate, as_directions
from thermo_ideal.special import log_sphere_area

_LEAST_P_VALUE = 1e-300


def von_mises_fisher_entropy(directions: np.ndarray) -> EntropyEstimate:
    r"""Plug-in entropy of directions whose law is von Mises–Fisher, in any dimension, from one number of each replica.

    `A²` is the mean of `x̄_r·x̄_s` over pairs of different replicas, `x̄_r` the mean of a replica, so that no sample is
    paired with itself, which makes `|x̄|` of a plain fit too long in high dimension. `κ` solves `A_d(κ) = A`, and

    .. math:: S = -\log C_d(κ) - κ A, \qquad \frac{dS}{dA^2} = -\frac{κ}{2A}

    is moved with each replica by what it adds to `A²` (delta method). Pairs of a law without any mean direction have a
    negative `A²` as often as not; there `S` goes on along its tangent, `log|S^{d−1}| − (d/2) A²`, and is unbiased.
    Replicas may be correlated series: only their means count. The assumption is tested by goodness of fit, overlaps
    by Kolmogorov and Smirnov and axes of the tangents by Bingham, as if samples were independent; since the law is
    fitted to them, the former finds less than it could.

    Args:
        directions: unit vectors, `(*batch, replicas, samples, d)`, of independent replicas.

    Returns:
        The entropy in nats with its error, of shape `(*batch,)`, and the score of the assumption, which is positive.

    Raises:
        ValueError: shapes, norms, fewer than two replicas, or directions that are all the same.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import von_mises_fisher_entropy
        >>> law = VonMisesFisher(np.eye(20)[0], concentration=50.0)
        >>> estimate = von_mises_fisher_entropy(np.asarray(law.sample(jax.random.key(0), (8, 100))))
        >>> bool(abs(estimate.z_score(float(law.entropy()))) < 5), bool(estimate.holds)
        (True, True)

    Source: Mardia & Jupp, Directional Statistics, sections 10.3.1 (the fit) and 10.4 to 12.3 (the tests).
    """
    directions = as_directions(directions, least_dimension=2)
    *batch, replicas, _, d = directions.shape
    values, scores = [], []
    for point in directions.reshape(-1, *directions.shape[-3:]):
        means = point.mean(axis=1)
        complements = 1 - (means * (means.sum(axis=0) - means)).sum(axis=-1) / (replicas - 1)  # 1 − x̄_r·x̄_s
        complement = complements.mean()
        if not complement > 0:
            raise ValueError(
                "directions: got directions that are all the same, expected draws of a law; run with noise"
            )
        kappa, entropy, slope = _entropy_of(d, complement)
        values.append(entropy + 2 * slope * (complements - complement))
        axis = means.sum(axis=0) / np.linalg.norm(means.sum(axis=0))
        with jax.enable_x64(True):
            fit = goodness_of_fit(point.reshape(-1, d), VonMisesFisher(jnp.asarray(axis), kappa))
        scores.append(scipy.stats.norm.isf(max(min(fit.overlap, fit.axiality), _LEAST_P_VALUE) / 2))
    shape = (*batch, replicas)
    return EntropyEstimate(np.reshape(values, shape), "a von Mises–Fisher law", np.reshape(scores, batch))


def _entropy_of(dimension: int, complement: float) -> tuple[float, float, float]:
    """`κ`, `S` and `dS/d(1 − A²)` of a law with this `1 − A²`."""
    if complement >= 1:
        return 0.0, float(log_sphere_area(dimension)) + dimension / 2 * (complement - 1), dimension / 2
    A = np.sqrt(1 - complement)
    with jax.enable_x64(True):
        kappa = vmf.concentration(float(dimension), one_minus_resultant_length=np.float64(complement / (1 + A)))
        return float(kappa), float(vmf.entropy(float(dimension), kappa)), float(kappa) / (2 * A)
