"""The Gibbs law of the depth, with the polynomials that other laws are expanded in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from thermo_ideal.numerics import OrthonormalPolynomials, gauss_legendre, stieltjes
from thermo_ideal.special import log_sphere_area

# Fine nodes for integrals over the Gibbs law, and the log-density at which its support is cut.
_FINE, _CUT = 400, 80.0
# Logarithms of the odds of the depth, among which the peak is looked for, and the angle next to a pole.
_SCAN, _POLE = np.linspace(-54.0, 54.0, 4001), 1e-12
_REFINEMENTS, _REFINED = 2, 200
_ROUNDING = 1e-12
_NOWHERE = np.zeros(0)


@dataclass(frozen=True)
class GibbsDepth:
    """The law of the depth `u = 1 − m` under `e^{−L(u)/T}` on the sphere, the reference of other laws' expansions.

    Args:
        family: its orthonormal polynomials in `u`.
        fine: fine nodes for integrals of anything else.
        weights: their probabilities.
        log_density: the logarithm of its density on the sphere, at the fine nodes.
        log_density_at: the same at any depth.
        ends: the angles between which it is not negligible.
    """

    family: OrthonormalPolynomials
    fine: np.ndarray
    weights: np.ndarray
    log_density: np.ndarray
    log_density_at: Callable[[np.ndarray], np.ndarray]
    ends: tuple[float, float]


def gibbs_depth(
    dimension: int, potential: Callable[[np.ndarray], np.ndarray], size: int, breaks: np.ndarray = _NOWHERE
) -> GibbsDepth:
    """Builds the family by Stieltjes' procedure on Gauss–Legendre nodes in the angle `θ`, where all is analytic.

    Args:
        dimension: `d ≥ 2`.
        potential: `L/T`, a function of arrays of depths.
        size: how many polynomials.
        breaks: angles at which the potential has kinks.

    Raises:
        ArithmeticError: a law with several peaks.
    """

    def exponent(theta: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            volume = (dimension - 2) * np.log(np.sin(theta)) if dimension > 2 else 0.0
        return np.asarray(volume - potential(2 * np.sin(theta / 2) ** 2))

    ends = (_POLE, np.pi - _POLE) if dimension > 2 else (0.0, np.pi)
    scan = np.concatenate([ends[:1], 2 * np.arctan(np.exp(_SCAN / 2)), ends[1:]])
    peak = _peak(exponent, scan)
    top = exponent(peak).item()
    low, high = (_edge(lambda theta: exponent(theta) > top - _CUT, side, peak.item()) for side in (scan, scan[::-1]))
    stops = np.concatenate([[low], breaks[(breaks > low) & (breaks < high)], [high]])
    nodes, rule = _reference_rule()
    theta = (stops[:-1, None] + np.diff(stops)[:, None] * nodes).ravel()
    density = np.exp(exponent(theta) - top) * (np.diff(stops)[:, None] * rule).ravel()
    total = density.sum()
    log_norm = float(np.log(total) + top + log_sphere_area(dimension - 1))
    fine, weights = 2 * np.sin(theta / 2) ** 2, density / total
    return GibbsDepth(
        stieltjes(fine, weights, size),
        fine,
        weights,
        -potential(fine) - log_norm,
        lambda u: -potential(u) - log_norm,
        (low, high),
    )


@cache
def _reference_rule() -> tuple[np.ndarray, np.ndarray]:
    return gauss_legendre(_FINE, 0.0, 1.0)


def _peak(exponent: Callable[[np.ndarray], np.ndarray], scan: np.ndarray) -> np.ndarray:
    """Where the density in the angle is highest."""
    heights = exponent(scan)
    change = np.diff(heights)
    turns = np.diff(np.sign(change[np.abs(change) > _ROUNDING * np.abs(heights[1:])]))
    if (turns > 0).any():
        raise ArithmeticError("a Gibbs law with several peaks")
    for _ in range(_REFINEMENTS):
        best = int(np.argmax(exponent(scan)))
        scan = np.linspace(scan[max(best - 1, 0)], scan[min(best + 1, len(scan) - 1)], _REFINED)
    return scan[np.argmax(exponent(scan))][None]


def _edge(inside: Callable[[np.ndarray], np.ndarray], side: np.ndarray, peak: float) -> float:
    """The last point of a side that is outside, if not all is inside on the way from there to the peak."""
    side = np.append(side[(side - peak) * (side[0] - peak) > 0], peak)
    for _ in range(_REFINEMENTS):
        first = int(np.argmax(inside(side)))
        if first == 0:
            break
        side = np.linspace(side[first - 1], side[first], _REFINED)
    return float(side[0])
