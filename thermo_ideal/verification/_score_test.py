"""Whether the scores of many points are independent standard normal numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # whose parts load when they are used
from jaxtyping import ArrayLike

_ALMOST_SURE = 1 - 2**-53


@dataclass(frozen=True)
class ScoreTest:
    """Scores of many points, by what all of them share, by their spread, and by the largest.

    Under the hypothesis the scores are independent and standard normal. Their sum sees a small departure that all
    points share, `χ²` one that differs from point to point (or errors that are stated too large), the largest a single
    wrong point. The p-value is three times the smallest of the three, at most 1.

    Args:
        count: how many scores.
        pooled: `Σ z/√n`, itself a score.
        mean_square: `χ²/n`.
        largest: `max |z|`.
        p_value: of the three together; 0 where a score is NaN or infinite, or there is none.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.verification import ScoreTest
        >>> scores = np.random.default_rng(0).normal(size=81)
        >>> bool(ScoreTest.of(scores).p_value > 0.01), bool(ScoreTest.of(scores + 0.8).p_value < 1e-6)
        (True, True)
    """

    count: int
    pooled: float
    mean_square: float
    largest: float
    p_value: float

    @classmethod
    def of(cls, scores: ArrayLike, shared: ArrayLike = 0.0) -> ScoreTest:
        """Tests scores, of any shape.

        Args:
            scores: `z`, as `Estimate.z_score` gives them.
            shared: the standard error of what all of them were compared with, in units of the standard error of each; a
                number or an array of the shape of the scores.
        """
        z, common = (x.ravel() for x in np.broadcast_arrays(np.asarray(scores, np.float64), shared))
        n = z.size
        if n == 0 or not np.isfinite([z, common]).all():
            return cls(n, np.nan, np.nan, float(np.abs(z).max()) if n else np.nan, 0.0)
        # The covariance is 1 + ccᵀ: along c the scores are that much wider, and after this they are independent.
        if width := np.sqrt(common @ common):
            z = z - common * (common @ z) / width**2 * (1 - 1 / np.sqrt(1 + width**2))
        pooled, square, largest = z.sum() / np.sqrt(n), float(z @ z), np.abs(z).max()
        by_sum = 2 * scipy.stats.norm.sf(abs(pooled))
        by_spread = 2 * min(scipy.stats.chi2.sf(square, n), scipy.stats.chi2.cdf(square, n))
        by_largest = -np.expm1(n * np.log1p(-np.minimum(2 * scipy.stats.norm.sf(largest), _ALMOST_SURE)))
        p_value = min(1.0, 3 * min(by_sum, by_spread, by_largest))
        return cls(n, float(pooled), square / n, float(largest), float(p_value))

    def __str__(self) -> str:
        return f"all together z = {self.pooled:+.1f}, χ²/n = {self.mean_square:.2f}, max |z| = {self.largest:.1f}"
