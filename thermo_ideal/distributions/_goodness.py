"""Whether directions come from a given law."""

from typing import Any, NamedTuple

import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal._display import listing
from thermo_ideal.distributions._abstract_law import AbstractSphericalLaw
from thermo_ideal.distributions._overlap_law import on_host
from thermo_ideal.distributions._sufficient_statistics import require_unit_rows


class GoodnessOfFit(NamedTuple):
    """p-values of three independent tests, each uniform on (0, 1) if the law is right.

    Attributes:
        overlap: Kolmogorov–Smirnov, of `1 − μ·x` against its exact law.
        polarity: Rayleigh's test, whether the part of `x` across `μ` has no preferred direction.
        axiality: Bingham's test, whether that part has no preferred axes. 1 at `d = 2`, where there is one axis.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import VonMisesFisher, goodness_of_fit
        >>> law = VonMisesFisher(jnp.eye(3)[0], 5.0)
        >>> found = goodness_of_fit(law.sample(jax.random.key(0), (500,)), law)
        >>> min(found) > 1e-3
        True

    Source: Mardia & Jupp, Directional Statistics, chapter 10.
    """

    overlap: float
    polarity: float
    axiality: float

    def __repr__(self) -> str:
        return listing("GoodnessOfFit", *((f"p({name})", value) for name, value in self._asdict().items()))


def goodness_of_fit(samples: Any, law: Any) -> GoodnessOfFit:
    """Tests independent samples against a law that was not fitted to them.

    The law is right if and only if the overlaps have their law and the tangents, `ξ ∝ x − (μ·x)μ` of norm 1, are
    uniform on `S^{D−1}`, `D = d − 1`, and independent of them. The statistics

        polarity:  (D/n) |Σξ|²,    axiality:  (D(D+2)/2n) (Σ_{ij} (ξ_i·ξ_j)² − n²/D)

    are `χ²` with `D` and `(D−1)(D+2)/2` degrees of freedom for large `n`; their means are exact at any `n`, at any
    dimension. Costs `O(nd min(n, d))`.

    Args:
        samples: unit vectors, of shape `(n, d)`, `n ≥ 2`. Overlaps are found from `|x − μ|²`, which in single precision
            is a rounding error beyond `κ = 10¹³` or so: sample in double precision there.
        law: the law, one of any kind, not a `VonMisesFisherFit`. If it was fitted to the samples, all three p-values
            are too large; fit it to others.

    Returns:
        The three p-values.

    Raises:
        ValueError: another shape or dimension, numbers that are not finite, vectors whose norm is not 1
            or that are `μ` itself, a batch of laws or a law without a direction.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import VonMisesFisher, goodness_of_fit
        >>> law = VonMisesFisher(jnp.eye(10)[0], 5.0)
        >>> x = law.sample(jax.random.key(0), (1_000,))
        >>> min(goodness_of_fit(x, law)) > 0.01, goodness_of_fit(x, VonMisesFisher(jnp.eye(10)[0], 6.0)).overlap < 1e-4
        (True, True)

    Source: Mardia & Jupp, Directional Statistics, sections 10.4.1 (Rayleigh), 10.7.1 (Bingham), 12.3 (tangents).
    """
    if not isinstance(law, AbstractSphericalLaw):
        raise ValueError(
            f"law: got {law!r}, expected a law that was not fitted to these samples; fit it to others, as in "
            "goodness_of_fit(x[::2], VonMisesFisher.fit(x[1::2]).law)"
        )
    x = on_host("samples", samples)
    require_unit_rows(x)
    n, d = x.shape
    if n < 2 or d != law.dimension:
        raise ValueError(f"samples: got shape {x.shape}, expected (n, {law.dimension:g}) with n ≥ 2, as the law has")
    if law.axis is None or law.batch_shape:
        raise ValueError(
            f"law: got {law!r}, expected one law about a direction, as in VonMisesFisher(jnp.eye({d})[0], 5.0)"
        )
    mu = np.asarray(law.axis, np.float64)
    mu = mu / np.linalg.norm(mu)
    depth = np.sum((x - mu) ** 2, axis=1) / 2
    overlap = scipy.stats.kstest(depth, law.overlap_law().depth_cdf).pvalue
    tangent = x - (1 - depth)[:, None] * mu
    tangent -= (tangent @ mu)[:, None] * mu
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    if not length.all():
        row = int(np.flatnonzero(length == 0)[0])
        raise ValueError(
            f"samples: got the mean direction itself in row {row}, expected more digits; sample in double precision"
        )
    tangent /= length
    D = d - 1
    polarity = scipy.stats.chi2(D).sf(D / n * np.sum(tangent.sum(axis=0) ** 2))
    if D == 1:
        return GoodnessOfFit(float(overlap), float(polarity), 1.0)
    gram = tangent @ tangent.T if n < d else tangent.T @ tangent
    statistic = D * (D + 2) / (2 * n) * (np.sum(gram**2) - n**2 / D)
    return GoodnessOfFit(float(overlap), float(polarity), float(scipy.stats.chi2((D - 1) * (D + 2) / 2).sf(statistic)))
