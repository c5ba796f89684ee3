"""Entropy of directions that spread along a few axes and evenly along all others, from samples as few as one has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from thermo_ideal._arguments import require_count
from thermo_ideal.estimators._replica_statistics import pseudo_values
from thermo_ideal.estimators._tangent_entropy import EntropyEstimate, as_directions, log_height, tangent_coordinates

_ABOVE_EDGE = 5.0  # of Tracy and Widom's law, whose tail beyond is 1e-5 or so
_ROUNDS, _CONVERGED = 1000, 1e-13


def low_rank_entropy(directions: np.ndarray, rank: int | None = None) -> EntropyEstimate:
    r"""Entropy of directions whose tangent coordinates are normal with `q` large variances and all others the same.

    In the orthographic chart about the mean direction, as of `gaussian_entropy`, with `D = d − 1`,

    .. math:: S = \tfrac D2 \log 2πe + \tfrac12 \sum_{i \le q} \log λ_i + \tfrac{D-q}2 \log s^2 - E \log m .

    The largest eigenvalues of the sample covariance are too large, `ℓ = λ (1 + γ s²/(λ − s²))` with
    `γ = (D − q)/(N − 1)`, whatever `N` is beside `D`; that is inverted, together with `Tr = Σ λ_i + (D − q) s²`, which
    has no bias. Replicas are left out in turn. The assumption is tested by the rest of the spectrum, which must be that
    of equal variances, and by the variance of `|x|²`, which is `2 Σ λ_i² + 2 (D − q) s⁴` of a normal law.

    Args:
        directions: unit vectors, `(*batch, replicas, samples, d)`, independent of each other.
        rank: `q`; if None, of each point so many eigenvalues as are beyond the edge of those of equal variances.

    Returns:
        The entropy in nats with its error, of shape `(*batch,)`, and the score of the assumption.

    Raises:
        ValueError: shapes, norms, fewer than two replicas, directions beyond π/2 from their mean, or a rank that is
            not below the number of samples without a replica and of dimensions.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import low_rank_entropy
        >>> law = VonMisesFisher(np.eye(200)[0], concentration=1e4)
        >>> estimate = low_rank_entropy(np.asarray(law.sample(jax.random.key(0), (8, 10))))  # 80 samples
        >>> bool(abs(estimate.z_score(float(law.entropy()))) < 5), bool(estimate.holds)
        (True, True)

    Source: Baik & Silverstein, J. Multivar. Anal. 97, 1382 (2006), the eigenvalues; Johnstone, Ann. Stat. 29, 295
        (2001), the edge; Schott, J. Multivar. Anal. 97, 827 (2006), the test of the rest.
    """
    directions = as_directions(directions)
    *batch, replicas, samples, d = directions.shape
    D, least = d - 1, (replicas - 1) * samples
    if rank is not None:
        require_count("rank", rank, minimum=0)
    if not (rank or 0) < min(D, least - 1) - 1:
        raise ValueError(
            f"rank: got {rank or 0} with {least} samples without any one replica at d = {d}, expected less than "
            f"{min(D, least - 1) - 1}; run longer"
        )
    values, scores, ranks = [], [], []
    for point in directions.reshape(-1, replicas, samples, d):
        x, depth = tangent_coordinates(point)
        log_m = log_height(depth).mean(axis=1)
        everything, *without = _spectra(x)
        own = _beyond_edge(everything, replicas * samples - 1, D) if rank is None else rank
        whole = _entropy(everything, replicas * samples - 1, D, own) - log_m.mean()
        left = [
            _entropy(spectrum, least - 1, D, own) - np.delete(log_m, r).mean() for r, spectrum in enumerate(without)
        ]
        values.append(pseudo_values(whole, np.array(left)))
        scores.append(_departure(x.reshape(-1, D), everything, own))
        ranks.append(own)
    found = " or ".join(map(str, sorted(set(ranks))))
    assumption = f"a normal law, isotropic but for {found} directions"
    return EntropyEstimate(np.reshape(values, (*batch, replicas)), assumption, np.reshape(scores, batch))


def _spectra(x: np.ndarray) -> Iterator[np.ndarray]:
    """Eigenvalues of the sample covariance, descending, of all samples and without each replica.

    They are those of the smaller of the scatter matrix and the matrix of products of samples.
    """
    replicas, samples, D = x.shape
    flat, n = x.reshape(-1, D), replicas * samples
    series = np.arange(n) // samples
    if n > D:
        scatters, sums = np.matmul(x.swapaxes(1, 2), x), x.sum(axis=1)
        wholes = [scatters.sum(axis=0), *(scatters.sum(axis=0) - scatters)]
        totals = [sums.sum(axis=0), *(sums.sum(axis=0) - sums)]
        for whole, total, number in zip(wholes, totals, [n, *[n - samples] * replicas], strict=True):
            yield _eigenvalues(whole - np.outer(total, total) / number, number)
        return
    products = flat @ flat.T
    for kept in (np.ones(n, bool), *(series != r for r in range(replicas))):
        own = products[np.ix_(kept, kept)]
        mean = own.mean(axis=0)
        yield _eigenvalues(own - mean - mean[:, None] + mean.mean(), len(own))


def _eigenvalues(matrix: np.ndarray, samples: int) -> np.ndarray:
    return np.maximum(np.linalg.eigvalsh(matrix)[::-1], 0.0) / (samples - 1)


def _beyond_edge(spectrum: np.ndarray, n: int, D: int) -> int:
    """How many eigenvalues are beyond the largest that equal variances have by chance."""
    total, most = spectrum.sum(), min(D, n) // 2
    for q in range(most):
        p, left = D - q, n - q
        root = np.sqrt(left) + np.sqrt(p)
        edge = root**2 + _ABOVE_EDGE * root * (1 / np.sqrt(left) + 1 / np.sqrt(p)) ** (1 / 3)
        total -= spectrum[q]
        # That one itself is no part of the rest, which is too little by what it would have had of it.
        if not spectrum[q] * left > edge * total / (p - 1):
            return q
    return most


def _spikes(spectrum: np.ndarray, n: int, D: int, q: int) -> tuple[np.ndarray, float]:
    """`λ_i` and `s²`."""
    found, total, gamma = spectrum[:q], spectrum.sum(), (D - q) / n
    variances, rest = found, 0.0
    for _ in range(_ROUNDS):
        last, rest = rest, (total - variances.sum()) / (D - q)
        half = (found + rest * (1 - gamma)) / 2
        variances = half + np.sqrt(np.maximum(half**2 - found * rest, 0.0))
        if abs(rest - last) <= _CONVERGED * rest:
            break
    return variances, rest


def _entropy(spectrum: np.ndarray, n: int, D: int, q: int) -> float:
    variances, rest = _spikes(spectrum, n, D, q)
    if not rest > 0:
        raise ValueError(f"directions: got samples in a plane of dimension {q}, expected samples that fill the space")
    return float(D / 2 * (np.log(2 * np.pi) + 1) + np.log(variances).sum() / 2 + (D - q) / 2 * np.log(rest))


def _departure(x: np.ndarray, spectrum: np.ndarray, q: int) -> float:
    """The score of the rest of the spectrum or of the lengths, whichever is larger."""
    samples, D = x.shape
    n, p, rest = samples - 1 - q, D - q, spectrum[q:]
    of_rest = (n * (p * (rest**2).sum() / rest.sum() ** 2 - 1) - p - 1) / 2
    variances, s2 = _spikes(spectrum, samples - 1, D, q)
    square, fourth = (variances**k @ np.ones(q) + p * s2**k for k in (2, 4))
    squares = ((x - x.mean(axis=0)) ** 2).sum(axis=1)
    of_lengths = (squares.var(ddof=1) / (2 * square) - 1) / np.sqrt((2 + 12 * fourth / square**2) / samples)
    return float(max(of_rest, of_lengths, key=abs))
