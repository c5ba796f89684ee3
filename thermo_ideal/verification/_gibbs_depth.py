"""The Gibbs law of the depth, with the polynomials that other laws are expanded in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from thermo_ideal.numerics import OrthonormalPolynomials, gauss_legendre, stieltjes
from thermo_ideal.special import log_sphere_area

# Fine nodes for integrals over the Gibbs law, and the log-density at which its support is cut.
_FINE, _CUT = 400, 80.0


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

    family: OrthonormalPolynomials
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
    theta, w = gauss_legendre(_FINE, low, high)
    density = np.exp(exponent(theta) - top) * w
    total = density.sum()
    log_norm = float(np.log(total) + top + log_sphere_area(dimension - 1))
    fine, weights = 2 * np.sin(theta / 2) ** 2, density / total
    return GibbsDepth(
        stieltjes(fine, weights, size),
        fine,
        weights,
        -kappa * fine - log_norm,
        lambda u: -kappa * u - log_norm,
    )
