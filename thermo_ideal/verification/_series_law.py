"""The stationary law of the chain of volume and overlap, as a series of orthonormal polynomials.

One step at radius `r` and overlap `m` moves `par = c r` along `w`, `c = 1 − ηλ`, and `t r` along the tangent towards
`μ`, `t = η_eff(s dL/du − σa)`, `s = √(1−m²)`, `a` normal; `η_eff²σ²q r²`, `q ~ χ²_{d−2}`, is the square of the rest.
So

    ρ² = (r'/r)² = c² + t² + η_eff²σ²q,    m' = (c m + t s)/ρ

is a Markov chain in `m` alone where the radius is fixed, and in `(V, m)` elsewhere, `c` and `η_eff` being functions of
`V`. Its stationary density is the SDE's Gibbs density times a series of orthonormal polynomials, in `u = 1 − m` and,
where the radius moves, in `log V` (Hermite). The coefficients solve `E p(u', V') = E p(u, V)`; the expectation over
`(a, q)` is a Gauss rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from thermo_ideal.dynamics import temperature
from thermo_ideal.numerics import OrthonormalPolynomials, chi_square_rule, hermite
from thermo_ideal.verification._chain import NODES, Chain
from thermo_ideal.verification._gibbs_depth import GibbsDepth, gibbs_depth

_SIZES = (12, 16, 28, 44)  # polynomials of the depth, until the series has converged
_JOINT_SIZES = (10, NODES // 2)  # of the depth and of log V
_TOLERANCE = 1e-9
# Low moments of log V do not feel the high coefficients (an asymptotic series); they must be small all the same.
_LARGEST_TAIL = 0.02
_SLOWEST = 1e-9  # relaxation of the radius per step
_COLDEST = 1e-5  # η_eff, the relaxation of the direction


@dataclass(frozen=True)
class SeriesLaw:
    """A law in units of the SDE's stationary volume.

    Args:
        mean_depth: `E(1 − m)`.
        mean_loss: `E L`.
        entropy: of the direction.
        growth: `E ρ − 1` where the radius is fixed; NaN elsewhere.
        root_volume: `E √v`.
        log_volume: `E log v`.
        volume: `E v`.
        density: of the direction on the sphere, a function of arrays of depths.
    """

    mean_depth: float
    mean_loss: float
    entropy: float
    growth: float
    root_volume: float
    log_volume: float
    volume: float
    density: Callable[[np.ndarray], np.ndarray]


@lru_cache(maxsize=4096)
def solve(chain: Chain) -> SeriesLaw:
    """The stationary law of a chain.

    Args:
        chain: the step.

    Raises:
        ValueError: a loss whose Gibbs law has several peaks.
        ArithmeticError: `η_eff` too large for the series to converge, or too small for double precision.
    """
    return _fixed_radius(chain) if chain.fixes_radius else _free_radius(chain)


@dataclass(frozen=True)
class _Innovations:
    """Nodes and probabilities of `(a, q)`."""

    normal: np.ndarray
    square: np.ndarray
    weights: np.ndarray

    @classmethod
    def gauss(cls, dimension: int, size: int) -> _Innovations:
        a, a_weights = hermite(0.0, 1.0, size).quadrature(size)
        q, q_weights = chi_square_rule(dimension - 2, size)
        a, q = np.meshgrid(a, q, indexing="ij")
        return cls(a.ravel(), q.ravel(), np.outer(a_weights, q_weights).ravel())


def _rates(chain: Chain, volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`η_eff` and `c` at volumes in units of the SDE's."""
    effective, decay = chain.rates(volume)
    if not (np.isfinite(effective) & (effective >= 0) & np.isfinite(decay)).all() or decay.max() >= 1:
        raise _diverged(chain)
    return effective, 1 - decay


def _gibbs(chain: Chain, size: int) -> GibbsDepth:
    """The SDE's law of the depth, with twice as many polynomials."""
    T = temperature(chain.effective_learning_rate, chain.noise_scale)
    return gibbs_depth(chain.dimension, lambda u: chain.loss(u) / T, 2 * size)


def _step(
    chain: Chain,
    u: np.ndarray,
    slope: np.ndarray,
    shrink: np.ndarray | float,
    effective: np.ndarray | float,
    noise: _Innovations,
) -> tuple[np.ndarray, np.ndarray]:
    """`u'` and `ρ − c` after one step from depth `u`, without cancellation; innovations along the last axis."""
    s = np.sqrt(u * (2 - u))
    t = effective * (slope * s - chain.noise_scale * noise.normal)
    square = t**2 + (effective * chain.noise_scale) ** 2 * noise.square
    rho = np.sqrt(shrink**2 + square)
    longer = square / (rho + shrink)
    return (longer + shrink * u - t * s) / rho, longer


def _coefficients(matrix: np.ndarray) -> np.ndarray:
    """Those with `matrix @ c = c` and `c_0 = 1`."""
    if not np.isfinite(matrix).all():
        raise ArithmeticError(
            "the stationary law's polynomials are beyond double precision at this dimension; use "
            "thermodynamics.equilibrium, or simulate"
        )
    residual = matrix - np.eye(len(matrix))
    tail, *_ = np.linalg.lstsq(residual[1:, 1:], -residual[1:, 0], rcond=None)
    return np.concatenate([[1.0], tail])


def _direction_entropy(gibbs: GibbsDepth, family: OrthonormalPolynomials, coefficients: np.ndarray) -> float:
    """`−∫ρ log ρ` with `ρ` the Gibbs density times the series, which may only turn negative where it is nothing."""
    series = family(gibbs.fine, len(coefficients)) @ coefficients
    positive = np.maximum(series, 0.0)
    logarithm = np.log(np.where(positive > 0, positive, 1.0))
    return float(-gibbs.weights @ (positive * (gibbs.log_density + logarithm)))


def _density(gibbs: GibbsDepth, coefficients: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    size = len(coefficients)
    return lambda u: np.exp(gibbs.log_density_at(u)) * (gibbs.family(u, size) @ coefficients)


def _fixed_radius(chain: Chain) -> SeriesLaw:
    if not chain.decay < 1:
        raise _diverged(chain)
    previous = None
    for size in _SIZES:
        law = _fixed_radius_of_size(chain, size)
        if previous is not None and _agree(previous, law):
            return law
        previous = law
    raise _too_cold(chain) if chain.effective_learning_rate < _COLDEST else _diverged(chain)


def _fixed_radius_of_size(chain: Chain, size: int) -> SeriesLaw:
    gibbs = _gibbs(chain, size)
    noise = _Innovations.gauss(chain.dimension, size + 8)
    u, weights = gibbs.family.quadrature(2 * size)
    slope = chain.slope(u)[:, None]
    after, longer = _step(chain, u[:, None], slope, 1 - chain.decay, chain.effective_learning_rate, noise)
    image = np.einsum("iqn,q->in", gibbs.family(after, size), noise.weights)
    coefficients = _coefficients(image.T @ (weights[:, None] * gibbs.family(u, size)))
    density = gibbs.family(u, size) @ coefficients * weights
    return SeriesLaw(
        mean_depth=float(density @ u),
        mean_loss=float(density @ chain.loss(u)),
        entropy=_direction_entropy(gibbs, gibbs.family, coefficients),
        growth=float(density @ (longer @ noise.weights)) - chain.decay,
        root_volume=1.0,
        log_volume=0.0,
        volume=1.0,
        density=_density(gibbs, coefficients),
    )


def _agree(a: SeriesLaw, b: SeriesLaw) -> bool:
    """Expectations converge long before the coefficients do, and they are what is asked for."""
    energy = abs(a.mean_depth / b.mean_depth - 1)
    return energy < _TOLERANCE and abs(a.growth / b.growth - 1) < _TOLERANCE and abs(a.entropy - b.entropy) < 1e-6


def _free_radius(chain: Chain) -> SeriesLaw:
    depths, volumes = _JOINT_SIZES
    gibbs = _gibbs(chain, depths)
    noise = _Innovations.gauss(chain.dimension, 14)
    u, u_weights = gibbs.family.quadrature(2 * depths)
    slope = chain.slope(u)[:, None, None]
    if chain.decay < _SLOWEST:
        raise _too_cold(chain)
    centre, scale = 0.0, chain.width
    # Each pass is centred on what the one before has found.
    for _ in range(2):
        family = hermite(centre, scale, 2 * volumes)
        y, y_weights = family.quadrature(2 * volumes)
        effective, shrink = (rate[None, :, None] for rate in _rates(chain, np.exp(y)))
        after, longer = _step(chain, u[:, None, None], slope, shrink, effective, noise)
        y_after = y[None, :, None] + 2 * np.log(longer + shrink)
        image = np.einsum(
            "ijqn,ijqk,q->ijnk",
            gibbs.family(after, depths),
            family(y_after, volumes),
            noise.weights,
            optimize=True,
        ).reshape(len(u) * len(y), -1)
        basis = np.einsum("in,jk->ijnk", gibbs.family(u, depths), family(y, volumes)).reshape(image.shape)
        weights = np.outer(u_weights, y_weights).ravel()
        coefficients = _coefficients(image.T @ (weights[:, None] * basis))
        table = coefficients.reshape(depths, volumes)
        joint = (basis @ coefficients * weights).reshape(len(u), len(y))
        marginal = joint.sum(0)
        centre = float(marginal @ y)
        scale = float(np.sqrt(marginal @ (y - centre) ** 2))
    if not max(np.abs(table[-1]).max(), np.abs(table[:, -1]).max()) < _LARGEST_TAIL:
        raise _diverged(chain)
    return SeriesLaw(
        mean_depth=float(joint.sum(1) @ u),
        mean_loss=float(joint.sum(1) @ chain.loss(u)),
        entropy=_direction_entropy(gibbs, gibbs.family, table[:, 0]),
        growth=float("nan"),
        root_volume=float(marginal @ np.exp(y / 2)),
        log_volume=float(marginal @ y),
        volume=float(marginal @ np.exp(y)),
        density=_density(gibbs, table[:, 0]),
    )


def _at(chain: Chain) -> str:
    return f"η_eff = {chain.effective_learning_rate:g}, σ = {chain.noise_scale:g}"


def _too_cold(chain: Chain) -> ArithmeticError:
    return ArithmeticError(
        f"at {_at(chain)} one step relaxes so little that double precision cannot resolve it; "
        "SGD is its SDE there up to a factor 1 + O(η_eff): use thermodynamics.equilibrium"
    )


def _diverged(chain: Chain) -> ArithmeticError:
    return ArithmeticError(
        f"the stationary law at {_at(chain)} is too far from the SDE's to expand about it; lower the effective "
        "learning rate, or simulate"
    )
