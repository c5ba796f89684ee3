"""The stationary vector of a transition matrix, and how fast it is approached."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy import linalg, sparse
from scipy.sparse import linalg as sparse_linalg

_DENSE = 1500  # rows of a matrix up to which it is solved as a dense one


def positive_stationary_vector(matrix: sparse.csr_array) -> np.ndarray:
    """The stationary probabilities of a banded matrix without negative elements, each with all its digits.

    The states are eliminated one after another without any subtraction, so that probabilities of 1e-200, and wells
    between which a step leads with a probability of 1e-200, are as accurate as others. The diagonal is not looked at:
    it is what makes the rows' sums 1.

    Args:
        matrix: `P_ij`, the probability to go from state `i` to `j`.

    Raises:
        ArithmeticError: states between which no step leads, in double precision.

    Source: Grassmann, Taksar & Heyman, Operations Research 33, 1107 (1985).
    """
    entries = matrix.tocoo()
    size, band = entries.shape[0], max(int(np.abs(entries.row - entries.col).max(initial=0)), 1)
    flat = np.zeros(size * (2 * band + 1))
    flat[entries.row * 2 * band + entries.col + band] = entries.data  # rows of a band, one after another

    def block(row: int, column: int, rows: int, columns: int) -> np.ndarray:
        begin = flat[row * 2 * band + column + band :]
        return as_strided(begin, (rows, columns), (2 * band * flat.itemsize, flat.itemsize))

    first = 0
    for k in range(size - 1, 0, -1):
        low = max(0, k - band)
        left, into = block(k, low, 1, k - low)[0], block(low, k, k - low, 1)[:, 0]
        leaving = left.sum()
        if not leaving > 0:  # what is below is never seen again
            if not into.sum() > 0:
                raise ArithmeticError("wells between which no step leads with a probability above 1e-308")
            first = k
            break
        into /= leaving
        block(low, low, k - low, k - low)[...] += np.outer(into, left)
    logarithm = np.full(size, -np.inf)  # of the probabilities, which between two wells may be below 1e-308
    logarithm[first] = 0.0
    with np.errstate(divide="ignore"):
        for k in range(first + 1, size):
            low = max(first, k - band)
            largest = logarithm[low:k].max()
            if largest > -np.inf:
                logarithm[k] = largest + np.log(np.exp(logarithm[low:k] - largest) @ block(low, k, k - low, 1)[:, 0])
    vector = np.exp(logarithm - logarithm.max())
    return np.asarray(vector / vector.sum())


def stationary_vector(matrix: sparse.csr_array, likely: int) -> np.ndarray:
    """The left eigenvector of the eigenvalue 1 of a matrix whose rows sum to 1, of sum 1.

    Args:
        matrix: `P`, whose elements may be negative.
        likely: a state that is not improbable.
    """
    others = np.arange(matrix.shape[0]) != likely
    vector = np.ones(matrix.shape[0])
    balance = (matrix - sparse.eye_array(matrix.shape[0], format="csr")).T.tocsr()
    reduced = balance[others]
    vector[others] = _solver(reduced[:, others])(-reduced[:, [likely]].toarray()[:, 0])
    return np.asarray(vector / vector.sum())


def spectral_gap(matrix: sparse.csr_array, right: np.ndarray, left: np.ndarray) -> float:
    """`1 − |λ₂|`, from the largest eigenvalue of the inverse of `1 − P`.

    Args:
        matrix: `P`, with an eigenvalue 1.
        right: its right eigenvector.
        left: its left eigenvector.

    Returns:
        The gap; NaN where it was not found.
    """
    size = matrix.shape[0]
    left = left / (left @ right)
    others = np.arange(size) != int(np.argmax(np.abs(left * right)))
    solve = _solver((sparse.eye_array(size, format="csr") - matrix)[others][:, others].tocsr())

    def relaxed(values: np.ndarray) -> np.ndarray:
        values = np.ravel(values)
        found = np.zeros(size)
        found[others] = solve((values - right * (left @ values))[others])
        return np.asarray(found - right * (left @ found))

    operator = sparse_linalg.LinearOperator((size, size), matvec=relaxed, dtype=np.float64)
    start = np.cos(np.arange(size) * np.pi / size)
    try:
        slow = sparse_linalg.eigs(operator, k=1, v0=start, return_eigenvectors=False, ncv=min(size, 20), tol=1e-10)[0]
    except sparse_linalg.ArpackError:
        return float("nan")
    return float(max(1 - np.abs(1 - 1 / slow), 0.0)) if slow else 1.0


def _solver(matrix: sparse.csr_array) -> Callable[[np.ndarray], np.ndarray]:
    if matrix.shape[0] <= _DENSE:
        factors = linalg.lu_factor(matrix.toarray())
        return lambda right: np.asarray(linalg.lu_solve(factors, right))
    return sparse_linalg.splu(matrix.tocsc()).solve
