"""Anisotropic noise with one strong direction."""

import numpy as np

from thermo_ideal._arguments import as_positive, require_dimension
from thermo_ideal.dynamics._noise import AnisotropicNoise


def spiked_noise(participation_ratio: float, dimension: int, trace: float = 1.0) -> AnisotropicNoise:
    """Diagonal noise with a spike: at `e_1`, one tangent variance above the others, which are equal.

    With `D = d − 1` and `s² = (1/PR − 1)/(D − 1)` the tangent variances at `e_1` are `(1 − s)/D` of the trace, and
    `(1 − s)/D + s` along the spike, `e_2`. Along `e_1` it is their mean, so that 1 is isotropic noise everywhere and
    the trace's mean over the sphere does not depend on the ratio. The scale's `σ²` is the largest variance.

    Args:
        participation_ratio: `PR = (Tr Σ)²/(D Tr Σ²)` at `e_1`, above `1/D` and at most 1.
        dimension: `d ≥ 3`; at 2 there is one tangent direction, and no anisotropy.
        trace: `Tr Σ` at `e_1`, in loss².

    Returns:
        An `AnisotropicNoise`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> from thermo_ideal.dynamics import spiked_noise
        >>> noise = spiked_noise(0.8, dimension=3, trace=2.0)
        >>> [round(float(x), 4) for x in noise.scale**2 * noise.variance]  # 1/PR = 1 + s² at d = 3
        [1.0, 1.5, 0.5]

    Source: the spiked covariance model, Johnstone, Ann. Stat. 29, 295 (2001).
    """
    require_dimension("dimension", dimension, minimum=3)
    total, D = float(as_positive("trace", trace)), dimension - 1
    if not 1 / D < participation_ratio <= 1:
        raise ValueError(
            f"participation_ratio: got {participation_ratio}, expected above 1/(d − 1) = {1 / D:.4g} and at most 1, as "
            "in participation_ratio=0.8"
        )
    spike = np.sqrt((1 / participation_ratio - 1) / (D - 1))
    variance = np.full(dimension, (1 - spike) / D)
    variance[:2] = 1 / D, (1 - spike) / D + spike
    return AnisotropicNoise(variance / variance[1], scale=np.sqrt(total * variance[1]))
