"""Distances to nearest neighbours in any dimension, exact where samples nearly coincide."""

from __future__ import annotations

import numpy as np

from thermo_ideal._arguments import require_count
from thermo_ideal.estimators._samples import as_samples

_BLOCK = 1024  # rows of the matrix of distances at a time
_CANDIDATES = 8  # more than is asked for, whose distances are worked out exactly


def neighbour_distances(samples: np.ndarray, k: int = 1, window: int = 0) -> np.ndarray:
    """The distance of each sample to its `k`-th nearest neighbour.

    Candidates are found by a matrix product, `|a − b|² = |a|² + |b|² − 2a·b` of samples about their mean, a block of
    rows at a time; the distances of the nearest are then worked out from differences, so that near duplicates keep
    their digits.

    Args:
        samples: `(N, D)`, any dimension.
        k: which neighbour.
        window: of samples in a row, how many on each side do not count as neighbours (Theiler's window): those within
            a relaxation time are near for having had no time to go.

    Returns:
        `(N,)`.

    Raises:
        ValueError: another shape, NaN, or not more than `k` samples outside of the window.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import neighbour_distances
        >>> neighbour_distances(np.array([[0.0], [1.0], [3.0]]))
        array([1., 1., 2.])
        >>> neighbour_distances(np.array([[0.0], [1.0], [3.0], [4.5]]), window=1)
        array([3. , 3.5, 3. , 3.5])

    Source: Theiler, Phys. Rev. A 34, 2427 (1986).
    """
    x = as_samples("samples", samples)
    require_count("k", k)
    require_count("window", window, minimum=0)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise ValueError(f"samples: got shape {x.shape} or NaN, expected finite numbers of shape (N, D)")
    n = len(x)
    if n <= k + 2 * window:
        raise ValueError(f"samples: got {n}, expected more than {k + 2 * window} for k={k} and window={window}")
    x = x - x.mean(axis=0)
    squares = np.einsum("ij,ij->i", x, x)
    candidates = min(k + _CANDIDATES, n)
    found = np.empty(n)
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        near = squares[rows, None] + squares - 2 * (x[rows] @ x.T)
        near[np.abs(rows[:, None] - np.arange(n)) <= window] = np.inf
        chosen = np.argpartition(near, candidates - 1, axis=1)[:, :candidates]
        for row, others in zip(rows, chosen, strict=True):
            distances = np.linalg.norm(x[others] - x[row], axis=1)
            distances[np.abs(others - row) <= window] = np.inf
            found[row] = np.partition(distances, k - 1)[k - 1]
    return found
