"""Whether the entropy of a comparison moves with the spacing of its samples, at several spacings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thermo_ideal.estimators import SpacingScan, spacing_scan, zonal_entropy
from thermo_ideal.verification._comparison import Comparison


def scan_spacing(comparison: Comparison, spacings: Sequence[int] = (1, 2, 5, 10, 20)) -> SpacingScan | None:
    """The entropy of the direction from samples at several spacings, a mean over the stationary points.

    An entropy stays where it is; the length of the steps of a walk grows by `(d − 1)/2 · log(spacing)`.

    Args:
        comparison: a protocol's measurements.
        spacings: in units of that of the samples, ascending; those that leave too few samples are left out.

    Returns:
        A `SpacingScan`, whose replicas are those of the runs; None where there are no depths, no stationary points, or
        too few samples for two spacings.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import compare, scan_spacing
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> scan_spacing(compare(results["fixed-lr"].to_dataset())).spacings
        (1, 2, 5, 10)
    """
    depths, use = comparison.measurements.depths, comparison.stationary
    if depths is None or not use.any():
        return None
    replicas, samples = depths.shape[-2:]
    enough = [spacing for spacing in spacings if samples // spacing > replicas]
    if len(enough) < 2:
        return None
    by_time = np.moveaxis(depths[use], 0, 2)  # (replicas, samples, points)

    def mean_entropy(part: np.ndarray) -> np.ndarray:
        entropies = zonal_entropy(np.moveaxis(part, 2, 0), comparison.dimension, pooled=False)
        return np.asarray(entropies.values.mean(axis=0))

    return spacing_scan(by_time, mean_entropy, enough)
