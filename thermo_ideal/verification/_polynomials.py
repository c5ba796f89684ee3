"""Orthonormal polynomials and Gauss quadrature for the Gibbs law of a depth, a normal and a χ² variable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import brentq

from thermo_ideal.special import log_sphere_area

# Fine nodes for integrals over the Gibbs law, and the log-density at which its support is cut.
_FINE, _CUT = 400, 80.0


@dataclass(frozen=True)
class Family:
    """Polynomials `p_0 … p_{n−1}`, orthonormal for a probability law, by their three-term recurrence.

    Args:
        centre: where the argument is shifted from.
        scale: what it is divided by.
        diagonal: `α_k`, `√β_{k+1} p_{k+1} = (x − α_k) p_k − √β_k p_{k−1}`.
        off_diagonal: `√β_{k+1}`.
    """

    centre: float
    scale: float
    diagonal: np.ndarray
    off_diagonal: np.ndarray

    def __call__(self, argument: np.ndarray, size: int) -> np.ndarray:
        """`p_0 … p_{size−1}` at `argument`, along a new last axis."""
        x = (argument - self.centre) / self.scale
        values = np.empty((*x.shape, size))
        values[..., 0] = 1.0
        previous = np.zeros_like(x)
        for k in range(size - 1):
            lower = self.off_diagonal[k - 1] * previous if k else 0.0
            previous = values[..., k]
            values[..., k + 1] = ((x - self.diagonal[k]) * previous - lower) / self.off_diagonal[k]
        return values

    def quadrature(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Gauss nodes and probabilities (Golub–Welsch)."""
        nodes, vectors = eigh_tridiagonal(self.diagonal[:size], self.off_diagonal[: size - 1])
        return self.centre + self.scale * nodes, vectors[0] ** 2


def hermite(centre: float, scale: float, size: int) -> Family:
    """The family of a normal variable."""
    return Family(centre, scale, np.zeros(size), np.sqrt(np.arange(1.0, size)))


def chi_square(freedom: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss nodes and probabilities of `χ²_freedom`, generalised Laguerre; a single node at 0 without freedom."""
    if freedom == 0:
        return np.zeros(1), np.ones(1)
    alpha, k = freedom / 2 - 1, np.arange(size)
    family = Family(0.0, 2.0, 2 * k + alpha + 1, np.sqrt(k[1:] * (k[1:] + alpha)))
    return family.quadrature(size)


@dataclass(frozen=True)
class GibbsDepth:
    """The law of the depth `u = 1 − m` under `e^{−κu}` on the sphere, the reference that other laws are expanded about.

    Args:
        family: its orthonormal polynomials in `u`.
        fine: fine nodes for integrals of anything else.
        weights: their probabilities.
        log_density: the logarithm of its density on the sphere, at the fine nodes.
        log_density_at: the same at any depth.
    """

    family: Family
    fine: np.ndarray
    weights: np.ndarray
    log_density: np.ndarray
    log_density_at: Callable[[np.ndarray], np.ndarray]


def gibbs_depth(dimension: int, kappa: float, size: int) -> GibbsDepth:
    """Builds the family by Stieltjes' procedure on Gauss–Legendre nodes in the angle `θ`, where all is analytic.

    Args:
        dimension: `d ≥ 2`.
        kappa: `κ > 0`.
        size: how many polynomials.
    """

    def exponent(theta: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            volume = (dimension - 2) * np.log(np.sin(theta)) if dimension > 2 else 0.0
        return np.asarray(-2 * kappa * np.sin(theta / 2) ** 2 + volume)

    # cos θ at the peak of e^{κ cos θ} sin^{d−2} θ, by the quadratic formula without cancellation.
    ratio = (dimension - 2) / (2 * kappa)
    peak = float(np.arccos(1 / (ratio + np.hypot(ratio, 1))))
    top = float(exponent(np.asarray(peak)))

    def edge(end: float) -> float:
        if exponent(np.asarray(end)) > top - _CUT:
            return end
        return float(brentq(lambda theta: float(exponent(np.asarray(theta))) - top + _CUT, peak, end))

    low, high = edge(1e-12 if dimension > 2 else 0.0), edge(np.pi - 1e-12 if dimension > 2 else np.pi)
    x, w = np.polynomial.legendre.leggauss(_FINE)
    theta = low + (high - low) * (x + 1) / 2
    density = np.exp(exponent(theta) - top) * w * (high - low) / 2
    total = density.sum()
    log_norm = float(np.log(total) + top + log_sphere_area(dimension - 1))
    fine, weights = 2 * np.sin(theta / 2) ** 2, density / total
    return GibbsDepth(
        _stieltjes(fine, weights, size),
        fine,
        weights,
        -kappa * fine - log_norm,
        lambda u: -kappa * u - log_norm,
    )


def _stieltjes(nodes: np.ndarray, weights: np.ndarray, size: int) -> Family:
    centre = weights @ nodes
    scale = np.sqrt(weights @ (nodes - centre) ** 2)
    x = (nodes - centre) / scale
    diagonal, off_diagonal = np.empty(size), np.empty(size - 1)
    previous, current = np.zeros_like(x), np.ones_like(x)
    for k in range(size):
        diagonal[k] = weights @ (x * current**2)
        if k == size - 1:
            break
        following = (x - diagonal[k]) * current - (off_diagonal[k - 1] if k else 0.0) * previous
        off_diagonal[k] = np.sqrt(weights @ following**2)
        previous, current = current, following / off_diagonal[k]
    return Family(float(centre), float(scale), diagonal, off_diagonal)
