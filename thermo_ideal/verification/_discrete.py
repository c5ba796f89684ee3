"""The exact stationary law of SGD itself, at learning rates that are not small.

One step at radius `r` and overlap `m` moves `par = c r` along `w`, `c = 1 − ηλ`, and `t r` along the tangent towards
`μ`, `t = η_eff(s − σa)`, `s = √(1−m²)`, `a` normal; `η_eff²σ²q r²`, `q ~ χ²_{d−2}`, is the square of the rest. So

    ρ² = (r'/r)² = c² + t² + η_eff²σ²q,    m' = (c m + t s)/ρ

is a Markov chain in `m` alone on the fixed sphere (`c = 1`), and in `(V, m)` under the other protocols. Its stationary
density is the SDE's Gibbs density times a series of orthonormal polynomials, in `u = 1 − m` and, where the radius
moves, in `log V` (Hermite). The coefficients solve `E p(u', V') = E p(u, V)`; the expectation over `(a, q)` is a Gauss
rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, FixedLearningRate, VonMisesFisherLoss
from thermo_ideal.numerics import OrthonormalPolynomials, chi_square_rule, hermite
from thermo_ideal.thermodynamics._equilibrium import require_stationary
from thermo_ideal.verification._gibbs_depth import GibbsDepth, gibbs_depth

_SIZES = (12, 16, 28, 44)  # polynomials of the depth, until the series has converged
_JOINT_SIZES = (10, 10)  # of the depth and of log V
_TOLERANCE = 1e-9
# Low moments of log V do not feel the high coefficients (an asymptotic series); they must be small all the same.
_LARGEST_TAIL = 0.02
_SLOWEST = 1e-9  # relaxation of the radius per step
_COLDEST = 1e-5  # η_eff, the relaxation of the direction


@dataclass(frozen=True)
class StationaryLaw:
    """Expectations under the stationary law of discrete SGD; each an array of the shape of the hyperparameters.

    Args:
        mean_loss: `E L`, the internal energy.
        direction_entropy: the differential entropy of the direction.
        mean_radius: `E r`.
        mean_log_radius: `E log r`.
        mean_volume: `E r²/2`.
        effective_weight_decay: `E(|w'| − r)/(η_eff r³)` before the rescaling; NaN where the radius is free.
        dimension: `d`.
    """

    mean_loss: np.ndarray
    direction_entropy: np.ndarray
    mean_radius: np.ndarray
    mean_log_radius: np.ndarray
    mean_volume: np.ndarray
    effective_weight_decay: np.ndarray
    dimension: int
    _densities: Any

    @property
    def entropy(self) -> np.ndarray:
        """`S = S_dir + (d − 1) E log r`, with the entropy of the direction whatever the radius."""
        return np.asarray(self.direction_entropy + (self.dimension - 1) * self.mean_log_radius)

    def density(self, overlap: np.ndarray) -> np.ndarray:
        """The density of the direction on the sphere, at overlap `m`, for scalar hyperparameters.

        Raises:
            ValueError: the law is that of a whole grid.
        """
        if self._densities.ndim:
            shape = self._densities.shape
            raise ValueError(f"density: the law is for a grid of shape {shape}, expected one point; ask for one SGD")
        evaluate: Callable[[np.ndarray], np.ndarray] = self._densities[()]
        return evaluate(1 - np.asarray(overlap, np.float64))


def stationary_law(sgd: SGD, dimension: int | None = None) -> StationaryLaw:
    """Solves for the stationary law of SGD on the toy loss with isotropic Gaussian noise, at `dt = 1`.

    Args:
        sgd: the process; hyperparameters may be arrays.
        dimension: `d`, where the loss has no mean direction.

    Returns:
        A `StationaryLaw`. It tends to the SDE's law with an error `O(η_eff)`.

    Raises:
        ValueError: the dimension is missing or contradictory, another loss, or no stationary state.
        ArithmeticError: `η_eff` is so large that the expansion about the SDE's law does not converge, or so small that
            the radius does not relax in double precision.

    Example:
        The SDE would give 0.025 here:

        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.verification import stationary_law
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(0.05, radius=1.0))
        >>> round(float(stationary_law(sgd, dimension=3).mean_loss), 8)
        0.025541
    """
    require_stationary(sgd)
    if not isinstance(sgd.loss, VonMisesFisherLoss):
        raise ValueError(f"loss: got {type(sgd.loss).__name__}, expected VonMisesFisherLoss(), whose law this is")
    d, protocol = sgd.loss.resolve_dimension(dimension), sgd.protocol
    digits = np.finfo(jnp.result_type(sgd.noise.scale, *jax.tree.leaves(protocol))).precision
    sigma = np.asarray(sgd.noise.scale, np.float64)
    stationary = protocol.stationary_radius(sgd.noise.trace(d))
    radius = np.asarray(stationary, np.float64)
    if isinstance(protocol, FixedLearningRate):
        # The chain in units of r* knows the hyperparameters by ηλ alone.
        decay = np.asarray(protocol.learning_rate * protocol.weight_decay, np.float64)
        effective, exponent = np.sqrt(2 * decay / (d - 1)) / sigma, 1
    else:
        effective, exponent = np.asarray(protocol.effective_learning_rate_at(stationary), np.float64), 0
    free = isinstance(protocol, FixedLearningRate | FixedEffectiveLearningRate)
    effective, sigma, radius = np.broadcast_arrays(effective, sigma, radius)
    solve = np.vectorize(
        lambda e, s: (
            _free_radius(d, _rounded(e, digits), _rounded(s, digits), exponent)
            if free
            else _fixed_radius(d, _rounded(e, digits), _rounded(s, digits))
        ),
        otypes=[object],
    )
    laws = solve(effective, sigma)

    def field(name: str) -> np.ndarray:
        return np.vectorize(lambda law: getattr(law, name), otypes=[np.float64])(laws)

    return StationaryLaw(
        mean_loss=field("mean_depth"),
        direction_entropy=field("entropy"),
        mean_radius=np.asarray(radius * field("root_volume")),
        mean_log_radius=np.asarray(np.log(radius) + field("log_volume") / 2),
        mean_volume=np.asarray(radius**2 / 2 * field("volume")),
        effective_weight_decay=np.asarray(field("growth") / (effective * radius**2)),
        dimension=d,
        _densities=np.vectorize(lambda law: law.density, otypes=[object])(laws),
    )


def _rounded(value: float, digits: int) -> float:
    """To the digits that the hyperparameters have; grid points that differ by rounding alone share one solution."""
    return float(f"{value:.{digits}e}")


@dataclass(frozen=True)
class _Solution:
    """A law in units of the SDE's stationary volume; `growth` is `E ρ − 1`."""

    mean_depth: float
    entropy: float
    growth: float
    root_volume: float
    log_volume: float
    volume: float
    density: Callable[[np.ndarray], np.ndarray]


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


def _step(
    u: np.ndarray, shrink: np.ndarray | float, effective: np.ndarray | float, sigma: float, noise: _Innovations
) -> tuple[np.ndarray, np.ndarray]:
    """`u'` and `ρ − c` after one step from depth `u`, without cancellation; innovations along the last axis."""
    s = np.sqrt(u * (2 - u))
    t = effective * (s - sigma * noise.normal)
    square = t**2 + (effective * sigma) ** 2 * noise.square
    rho = np.sqrt(shrink**2 + square)
    longer = square / (rho + shrink)
    return (longer + shrink * u - t * s) / rho, longer


def _solve(matrix: np.ndarray) -> np.ndarray:
    """The coefficients with `matrix @ c = c` and `c_0 = 1`."""
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


@lru_cache(maxsize=4096)
def _fixed_radius(dimension: int, effective: float, sigma: float) -> _Solution:
    previous = None
    for size in _SIZES:
        solution = _fixed_radius_of_size(dimension, effective, sigma, size)
        if previous is not None and _agree(previous, solution):
            return solution
        previous = solution
    raise _too_cold(effective, sigma) if effective < _COLDEST else _diverged(effective, sigma)


def _fixed_radius_of_size(dimension: int, effective: float, sigma: float, size: int) -> _Solution:
    kappa = 2 / (effective * sigma**2)
    gibbs = gibbs_depth(dimension, kappa, 2 * size)
    noise = _Innovations.gauss(dimension, size + 8)
    u, weights = gibbs.family.quadrature(2 * size)
    after, longer = _step(u[:, None], 1.0, effective, sigma, noise)
    image = np.einsum("iqn,q->in", gibbs.family(after, size), noise.weights)
    coefficients = _solve(image.T @ (weights[:, None] * gibbs.family(u, size)))
    density = gibbs.family(u, size) @ coefficients * weights
    return _Solution(
        mean_depth=float(density @ u),
        entropy=_direction_entropy(gibbs, gibbs.family, coefficients),
        growth=float(density @ (longer @ noise.weights)),
        root_volume=1.0,
        log_volume=0.0,
        volume=1.0,
        density=_density(gibbs, coefficients),
    )


def _agree(a: _Solution, b: _Solution) -> bool:
    """Expectations converge long before the coefficients do, and they are what is wanted."""
    energy = abs(a.mean_depth / b.mean_depth - 1)
    return energy < _TOLERANCE and abs(a.growth / b.growth - 1) < _TOLERANCE and abs(a.entropy - b.entropy) < 1e-6


@lru_cache(maxsize=4096)
def _free_radius(dimension: int, effective: float, sigma: float, exponent: int) -> _Solution:
    """`η_eff(v) = effective/v^exponent` at volume `v` in units of the SDE's: 1 at fixed learning rate, else 0."""
    kappa = 2 / (effective * sigma**2)
    depths, volumes = _JOINT_SIZES
    gibbs = gibbs_depth(dimension, kappa, 2 * depths)
    noise = _Innovations.gauss(dimension, 14)
    u, u_weights = gibbs.family.quadrature(2 * depths)
    decay = effective**2 * sigma**2 * (dimension - 1) / 2  # ηλ at v = 1
    if decay < _SLOWEST:
        raise _too_cold(effective, sigma)
    centre, scale = 0.0, effective * sigma / np.sqrt(1 + exponent)
    # Each pass is centred on what the one before has found.
    for _ in range(2):
        family = hermite(centre, scale, 2 * volumes)
        y, y_weights = family.quadrature(2 * volumes)
        v = np.exp(y)[None, :, None]
        shrink = 1 - decay * v ** (1 - exponent)
        if shrink.min() <= 0:
            raise _diverged(effective, sigma)
        after, longer = _step(u[:, None, None], shrink, effective / v**exponent, sigma, noise)
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
        coefficients = _solve(image.T @ (weights[:, None] * basis))
        table = coefficients.reshape(depths, volumes)
        joint = (basis @ coefficients * weights).reshape(len(u), len(y))
        marginal = joint.sum(0)
        centre = float(marginal @ y)
        scale = float(np.sqrt(marginal @ (y - centre) ** 2))
    if not max(np.abs(table[-1]).max(), np.abs(table[:, -1]).max()) < _LARGEST_TAIL:
        raise _diverged(effective, sigma)
    return _Solution(
        mean_depth=float(joint.sum(1) @ u),
        entropy=_direction_entropy(gibbs, gibbs.family, table[:, 0]),
        growth=float("nan"),
        root_volume=float(marginal @ np.exp(y / 2)),
        log_volume=float(marginal @ y),
        volume=float(marginal @ np.exp(y)),
        density=_density(gibbs, table[:, 0]),
    )


def _too_cold(effective: float, sigma: float) -> ArithmeticError:
    return ArithmeticError(
        f"at η_eff = {effective:g}, σ = {sigma:g} one step relaxes so little that double precision cannot resolve it; "
        "SGD is its SDE there up to a factor 1 + O(η_eff): use thermodynamics.equilibrium"
    )


def _diverged(effective: float, sigma: float) -> ArithmeticError:
    return ArithmeticError(
        f"the stationary law at η_eff = {effective:g}, σ = {sigma:g} is too far from the SDE's to expand about it; "
        "lower the effective learning rate, or simulate"
    )
