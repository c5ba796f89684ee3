"""Exact distances to nearest neighbours: a tree in few dimensions, screened matrix products in many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal._arguments import require_count, require_finite
from thermo_ideal.estimators._samples import as_samples, in_units

_LARGEST_DIMENSION_OF_TREE = 10  # above it a tree visits nearly all samples, and matrix products are faster
_COLUMNS = 4096  # of one matrix product: the bound on its rounding grows with them
_ENTRIES = 2**25  # of the matrix of distances that is held at once
_MANY = 32  # candidates of one sample, from which a screening in double precision costs less than their distances


def neighbour_distances(
    samples: np.ndarray, k: int | Sequence[int] = 1, window: int = 0, *, series: int = 1
) -> np.ndarray:
    r"""Euclidean distances to the `k`-th nearest neighbour among the samples, to double precision in any dimension.

    In many dimensions

        |x_i − x_j|² = |x_i|² + |x_j|² − 2 x_i·x_j

    is formed from matrix products in single precision with a bound on its rounding; the distances of all samples that
    may be neighbours within that bound are then the norms of differences. So near duplicates keep their digits.

    Args:
        samples: `(*batch, N, D)`, each set of the batch apart from the others; single precision is not copied.
        k: which neighbour, or several.
        window: Theiler's: samples of one series with `|i − j| ≤ window` are no neighbours of each other.
        series: how many series of equal length follow each other along `N`, for the window.

    Returns:
        `(*batch, N)` for one `k`, `(*batch, N, len(k))` for several, in the unit of the samples.

    Raises:
        ValueError: samples that are not finite or not `(*batch, N, D)`, series that do not divide `N`, or fewer samples
            outside the window than `k`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import neighbour_distances
        >>> walk = np.array([[0.0], [1.0], [3.0], [7.0]])
        >>> neighbour_distances(walk)
        array([1., 1., 2., 4.])
        >>> neighbour_distances(walk, window=1)
        array([3., 6., 3., 6.])

    Source: Theiler, Phys. Rev. A 34, 2427 (1986), the window; Higham, Accuracy and Stability of Numerical Algorithms,
        section 3.5, the bound on the rounding of matrix products.
    """
    several = list(k) if isinstance(k, Sequence) else [k]
    for which in several or [0]:
        require_count("k", which)
    require_count("window", window, minimum=0)
    require_count("series", series)
    x = samples if getattr(samples, "dtype", None) == np.float32 else as_samples("samples", samples)
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"samples: got shape {x.shape}, expected (*batch, N, D), as in samples[:, None]")
    require_finite("samples", x)
    *batch, n, dimension = x.shape
    if n % series:
        raise ValueError(f"series: got {series} for {n} samples, expected a divisor of it, all series of one length")
    length = n // series
    fewest = max(several) + min(length, 2 * window + 1) - 1  # of the sample in the middle of a series
    if n <= fewest:
        raise ValueError(f"samples: got {n}, expected more than {fewest} for k={k} and window={window}")
    excluded = _Window(window, length)
    sets = x.reshape(-1, n, dimension)
    find = _by_tree if dimension <= _LARGEST_DIMENSION_OF_TREE else _by_screening
    distances = np.stack([find(one, several, excluded) for one in sets]).reshape(*batch, n, len(several))
    return distances if isinstance(k, Sequence) else distances[..., 0]


@dataclass(frozen=True)
class _Window:
    """Which pairs are too near in time to be neighbours; each sample is so to itself."""

    width: int
    length: int

    def __call__(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        return (np.abs(i - j) <= self.width) & (i // self.length == j // self.length)


def _by_tree(x: np.ndarray, several: list[int], excluded: _Window) -> np.ndarray:
    scaled, unit = in_units(x.astype(np.float64).reshape(-1))
    scaled = scaled.reshape(x.shape)
    n, most = len(x), max(several)
    tree = scipy.spatial.cKDTree(scaled, balanced_tree=False, compact_nodes=False)
    if excluded.width == 0:
        # Of samples that coincide any may come first, but one distance 0 is that of the sample to itself.
        return unit * tree.query(scaled, k=[which + 1 for which in several])[0]
    asked = min(n, most + 2 * excluded.width + 1)
    found = np.empty((n, len(several)))
    step = max(1, _ENTRIES // asked)
    for start in range(0, n, step):
        rows = np.arange(start, min(n, start + step))
        distance, index = tree.query(scaled[rows], k=asked)
        distance[excluded(rows[:, None], index)] = np.inf
        found[rows] = unit * np.sort(distance, axis=1)[:, [which - 1 for which in several]]
    return found


def _by_screening(x: np.ndarray, several: list[int], excluded: _Window) -> np.ndarray:
    n, most = len(x), max(several)
    unit = float(in_units(np.array([np.abs(x).max()], np.float64))[1])
    centre = x.mean(axis=0, dtype=np.float64)
    found = np.empty((n, len(several)))
    step = max(1, _ENTRIES // n)
    for start in range(0, n, step):
        rows = np.arange(start, min(n, start + step))
        candidates = _candidates(x, rows, centre, unit, most, excluded, np.float32)
        crowded = rows[candidates.sum(axis=1) > most + _MANY]
        if crowded.size:
            candidates[crowded - start] = _candidates(x, crowded, centre, unit, most, excluded, np.float64)
        for i in rows:
            nearest = np.sort(_exact_squares(x, x[i], np.flatnonzero(candidates[i - start]), unit))
            found[i] = unit * np.sqrt(nearest[[which - 1 for which in several]])
    return found


def _candidates(
    x: np.ndarray, rows: np.ndarray, centre: np.ndarray, unit: float, most: int, excluded: _Window, dtype: type
) -> np.ndarray:
    """Which samples may be among the `most` nearest of each row, for all that rounding in `dtype` can do."""
    n, dimension = x.shape
    all_rows = rows.size == n
    squares, product = np.zeros(n), np.zeros((rows.size, n))
    for begin in range(0, dimension, _COLUMNS):
        part = slice(begin, begin + _COLUMNS)
        exact = (x[:, part] - centre[part]) / unit
        squares += np.einsum("ij,ij->i", exact, exact)
        rounded = exact.astype(dtype)
        product += (rounded if all_rows else rounded[rows]) @ rounded.T  # of itself: half of the work
    columns = min(dimension, _COLUMNS)
    rounding = (columns + 4) * np.finfo(dtype).eps  # twice the bound, for products whose order is not known
    norm = np.sqrt(squares)
    bound = 2 * rounding * norm[rows, None] * norm
    bound += (2 * dimension + 8) * np.finfo(np.float64).eps * (squares[rows, None] + squares)
    bound += 8 * dimension * float(np.finfo(dtype).tiny)
    distance = squares[rows, None] + squares - 2 * product
    distance[excluded(rows[:, None], np.arange(n))] = np.inf
    at_most = np.partition(distance + bound, most - 1, axis=1)[:, most - 1 : most]
    return np.asarray(distance - bound <= at_most)


def _exact_squares(x: np.ndarray, here: np.ndarray, others: np.ndarray, unit: float) -> np.ndarray:
    """`|x_j − here|²` in units of `unit²`, from differences in double precision."""
    found = np.empty(others.size)
    step = max(1, _ENTRIES // 8 // x.shape[1])
    here = here.astype(np.float64)
    for start in range(0, others.size, step):
        chosen = others[start : start + step]
        apart = (x[chosen] - here) / unit
        found[start : start + step] = np.einsum("ij,ij->i", apart, apart)
    return found
