"""Eigenvalues of the covariance of a gradient's noise, from draws or from products with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import ArrayLike, PRNGKeyArray
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator, eigsh

from thermo_ideal._arguments import require_count, require_finite
from thermo_ideal._display import span
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._replica_statistics import jackknife

_LARGEST_DENSE = 2048  # the smaller of draws and dimension up to which all eigenvalues are found
_ACCURACY = 1e-6  # relative, of eigenvalues by Lanczos's method from draws
_AT_ONCE = 2**12  # rows of that size that are in double precision together
_ROUNDING = 1e-13  # of an eigenvalue over the largest, for each row that is summed
_ROUNDING_OF_PRODUCTS = 1e-6
_TOLERANCE = 1e-5  # the same of products, which may be of single precision


@dataclass(frozen=True, repr=False)
class NoiseSpectrum:
    r"""The largest eigenvalues of a noise's covariance and what its whole spectrum sums up to.

    Args:
        dimension: `d`.
        eigenvalues: the largest, falling, `(k,)`, in gradient². Of draws, each is the mean of `(z·v)²` with the error
            of that mean; the largest of few draws in many dimensions are too large, up to `λ(1 + √(d/n))²` for
            isotropic noise, and `gradient_noise(others, directions=eigenvectors).along` has the variances without that
            bias. Of products the error is the norm of the residual.
        eigenvectors: orthonormal, `(k, d)`.
        trace: `Tr Σ`.
        null_directions: how many have no noise; NaN where draws are too few to tell, or too many to count.
        participation_ratio: `(Tr Σ)²/(rank Tr Σ²)`, or None: of draws it is `gradient_noise`'s, which has no bias.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.estimators import noise_spectrum
        >>> variances = np.r_[9.0, np.ones(198), 0.0]
        >>> noise_spectrum(lambda v: variances * v, dimension=200, key=jax.random.key(0), probes=64)
        NoiseSpectrum, d = 200: λ = 1 … 9, Tr Σ = 208(2), null directions: 0.9(1), PR = 0.75(3)
    """

    dimension: int
    eigenvalues: Estimate
    eigenvectors: np.ndarray
    trace: Estimate
    null_directions: Estimate
    participation_ratio: Estimate | None

    def __repr__(self) -> str:
        null = self.null_directions if np.isfinite(self.null_directions.value) else "not counted"
        ratio = "" if self.participation_ratio is None else f", PR = {self.participation_ratio}"
        return (
            f"NoiseSpectrum, d = {self.dimension}: λ = {span(self.eigenvalues.value)}, Tr Σ = {self.trace}, "
            f"null directions: {null}{ratio}"
        )

    @property
    def rank(self) -> Estimate:
        """`d` less the directions without noise, by which `temperature_from_noise` divides."""
        return Estimate(self.dimension - self.null_directions.values)


def noise_spectrum(
    source: ArrayLike | Callable[[np.ndarray], Any],
    dimension: int | None = None,
    *,
    num_eigenvalues: int = 8,
    key: PRNGKeyArray | None = None,
    probes: int = 16,
    steps: int = 64,
    tolerance: float | None = None,
) -> NoiseSpectrum:
    r"""The spectrum of a noise's covariance `Σ`, from draws of the noise or from a function `v ↦ Σv`.

    Of draws, the eigenvalues are those of `ZᵀZ/n`: all of them where the smaller of `n` and `d` is up to 2048, else
    the largest by Lanczos's method; then the null directions are not counted. Of products, the largest are Lanczos's
    too, and the trace, the null directions and the participation ratio are sums over the spectrum by stochastic Lanczos
    quadrature: from each random unit vector `m` steps give `m` nodes and weights of its spectral measure, and `d` times
    the weight near 0 counts the null directions, with a relative error of about `√(2/(probes × null directions))`.

    Args:
        source: draws `(n, d)` less their mean, or a function that takes a vector `(d,)` to `Σv`.
        dimension: `d`, for a function.
        num_eigenvalues: how many of the largest.
        key: for the random vectors of a function.
        probes: how many of these, at least 2.
        steps: of Lanczos's method from each; as many as there are distinct eigenvalues are exact.
        tolerance: the eigenvalue over the largest up to which a direction counts as one without noise; if None that of
            rounding, `10⁻⁵` for a function. The ε of a BatchNorm leaves some noise along radii.

    Returns:
        A `NoiseSpectrum`.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, a function without dimension or key, or one
            that is not that of a covariance.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import noise_spectrum
        >>> draws = np.random.default_rng(0).normal(size=(1000, 10)) * np.r_[3.0, np.ones(8), 0.0]
        >>> noise_spectrum(draws, num_eigenvalues=2)
        NoiseSpectrum, d = 10: λ = 1.142 … 9.399, Tr Σ = 17.3(4), null directions: 1

    Source: Lanczos, J. Res. Nat. Bur. Stand. 45, 255 (1950); Ubaru, Chen & Saad, SIAM J. Matrix Anal. Appl. 38, 1075
        (2017), the quadrature.
    """
    require_count("num_eigenvalues", num_eigenvalues)
    if tolerance is not None and not 0 < tolerance < 1:
        raise ValueError(f"tolerance: got {tolerance}, expected a number between 0 and 1, as in tolerance=1e-6")
    if not callable(source):
        return _of_draws(np.asarray(source), num_eigenvalues, tolerance)
    require_count("probes", probes, minimum=2)
    require_count("steps", steps, minimum=2)
    if dimension is None or key is None:
        name, line = ("dimension", "weights.size") if dimension is None else ("key", "jax.random.key(0)")
        raise ValueError(f"{name}: got None for a function, expected it, as in {name}={line}")
    require_count("dimension", dimension, minimum=2)
    start, *starts = np.asarray(jax.random.normal(key, (probes + 1, dimension)), np.float64)
    product, unit = _near_one(_checked(source, dimension), start)
    count = min(num_eigenvalues, dimension - 1)
    operator = LinearOperator((dimension, dimension), matvec=product, dtype=np.float64)
    values, vectors = eigsh(operator, k=count, v0=start)
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors.T[order]
    residuals = np.array([np.linalg.norm(product(v) - x * v) for x, v in zip(values, vectors, strict=True)])
    measures = [_spectral_measure(product, x / np.linalg.norm(x), min(steps, dimension)) for x in starts]
    largest = max(values[0], *(nodes.max() for nodes, _ in measures))
    if not (largest > 0 and min(nodes.min() for nodes, _ in measures) > -np.sqrt(_TOLERANCE) * largest):
        raise ValueError("source: got a function with a negative or no positive eigenvalue, expected v ↦ Σv")
    least = (_TOLERANCE if tolerance is None else tolerance) * largest
    moments = np.array([[w @ x, w @ x**2, w[x < least].sum()] for x, w in measures]).T
    trace, null = dimension * moments[0], dimension * moments[2]
    ratio = jackknife(lambda mean, square, null: mean**2 / (square * (1 - null)), *moments)
    pairs = Estimate(unit * np.stack([values - residuals, values + residuals], axis=-1))
    return NoiseSpectrum(dimension, pairs, vectors, Estimate(unit * trace), Estimate(null), ratio)


def _of_draws(draws: np.ndarray, num_eigenvalues: int, tolerance: float | None) -> NoiseSpectrum:
    if draws.ndim != 2 or not min(draws.shape) >= 2:
        raise ValueError(f"source: got shape {draws.shape}, expected draws (n, d), or a function that gives Σv")
    require_finite("source", draws)
    if not draws.any():
        raise ValueError("source: got draws that are all 0, expected the noise of a gradient")
    n, d = draws.shape
    unit = float(np.ldexp(1.0, np.frexp(np.abs(draws).max())[1]))
    wide = n <= d
    small, large = min(n, d), max(n, d)
    slices = [slice(first, first + _AT_ONCE) for first in range(0, large, _AT_ONCE)]

    def parts() -> Iterator[np.ndarray]:
        """The draws, or their transpose, a few rows of `small` numbers at a time."""
        for rows in slices:
            yield (draws[:, rows].T if wide else draws[rows]).astype(np.float64) / unit

    count, null = min(num_eigenvalues, small - 1), np.nan
    if small <= _LARGEST_DENSE:
        values, vectors = np.linalg.eigh(sum(x.T @ x for x in parts()) / n)
        rank = int((values > (large * _ROUNDING if tolerance is None else tolerance) * values[-1]).sum())
        null = d - rank if rank < n else np.nan
    else:
        # In the precision of the draws: twice through memory for each product is what it costs.
        scaled = draws / np.asarray(unit, np.result_type(draws.dtype, np.float32))
        scaled = scaled if wide else scaled.T

        def product(u: np.ndarray) -> np.ndarray:
            return np.asarray(scaled @ (u.astype(scaled.dtype) @ scaled) / n, np.float64)

        values, vectors = eigsh(
            LinearOperator((small, small), matvec=product, dtype=np.float64), k=count, v0=np.ones(small), tol=_ACCURACY
        )
    order = np.argsort(values)[::-1][:count]
    values, vectors = values[order], vectors[:, order]
    if wide:  # Z = Σ √(nλ) u vᵀ, and these are the u
        projections, squares = vectors.T * np.sqrt(n * values)[:, None], sum((x**2).sum(axis=0) for x in parts())
        vectors = np.concatenate([x @ vectors for x in parts()])
        vectors /= np.linalg.norm(vectors, axis=0)
    else:
        projections = np.concatenate([x @ vectors for x in parts()]).T
        squares = np.concatenate([(x**2).sum(axis=1) for x in parts()])
    found = Estimate(unit**2 * projections**2), vectors.T, Estimate(unit**2 * np.asarray(squares))
    return NoiseSpectrum(d, *found, Estimate(np.full(2, null)), None)


def _checked(source: Callable[[np.ndarray], Any], dimension: int) -> Callable[[np.ndarray], np.ndarray]:
    """The function on the host; what it returns must have the shape of a vector."""

    def product(vector: np.ndarray) -> np.ndarray:
        found = np.asarray(source(vector.reshape(-1)), np.float64)
        if found.shape != (dimension,) or not np.isfinite(found).all():
            what = f"shape {found.shape}" if found.shape != (dimension,) else "numbers that are not finite"
            raise ValueError(
                f"source: got {what} for Σv, expected ({dimension},) finite numbers, as in lambda v: cov @ v"
            )
        return found

    return product


def _near_one(
    product: Callable[[np.ndarray], np.ndarray], start: np.ndarray
) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """The function in units of its result: ARPACK takes 1e-30 for 0."""
    size = float(np.abs(product(start)).max())
    if not size > 0:
        raise ValueError("source: got a function that is 0 on a random vector, expected v ↦ Σv of some noise")
    unit = float(np.ldexp(1.0, np.frexp(size)[1]))
    return lambda vector: product(vector) / unit, unit


def _spectral_measure(
    product: Callable[[np.ndarray], np.ndarray], start: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of `v·f(Σ)v` for a unit vector `v`, by Lanczos's method with all vectors kept orthogonal."""
    basis, diagonal, beside = [start], [], []
    for _ in range(steps):
        image = product(basis[-1])
        diagonal.append(float(basis[-1] @ image))
        stacked = np.stack(basis)
        for _ in range(2):  # once leaves the rounding of the first pass
            image = image - stacked.T @ (stacked @ image)
        length = float(np.linalg.norm(image))
        # The space is used up: what is left is rounding, of single precision where the function has only that.
        if not length > _ROUNDING_OF_PRODUCTS * max(abs(x) for x in diagonal):
            break
        beside.append(length)
        basis.append(image / length)
    nodes, vectors = eigh_tridiagonal(np.array(diagonal), np.array(beside[: len(diagonal) - 1]))
    return nodes, vectors[0] ** 2
