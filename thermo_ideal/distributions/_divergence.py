"""Kullback–Leibler divergences of two zonal laws, whose axes may differ."""

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.distributions._depth_quadrature import from_log_odds
from thermo_ideal.distributions._overlap_law import AbstractOverlapLaw
from thermo_ideal.numerics import gegenbauer, spread

_SIZES = (32, 64, 128, 256, 512)  # nodes across the axis, until two rules agree
# Relative to the divergence: where two rules agree, and what they may differ by where the log-density has a kink.
_TOLERANCE, _ROUGH = 1e-10, 1e-6
_ROUNDING = 1e-13  # relative to the cross entropy
_BLOCK = 2**20  # numbers in the memory at a time
_COARSE = 50  # points of the scan for each that is looked at in every direction
_POLE = 1e-15  # nearer to a pole the overlap is rounded to it


class ExponentialForm(NamedTuple):
    """Densities `∝ e^{κ μ·x}`: `κ` and `μ`, in one batch."""

    concentration: Float[Array, "*batch"]
    mean_direction: Float[Array, "*batch d"]


def exponential(p: ExponentialForm, q: ExponentialForm) -> Float[Array, "..."]:
    """`E_p log(p/q)`: the divergence about one axis, and what turning that axis adds."""
    d, kappa_p, kappa_q, half = _aligned(p, q)
    turned = vmf.mean_resultant_length(d, kappa_p) * kappa_q * half
    return vmf.kl_divergence(d, kappa_p, kappa_q) + turned


def exponential_cross_entropy(p: ExponentialForm, q: ExponentialForm) -> Float[Array, "..."]:
    """`−E_p log q = κ_q E_p(1 − μ_q·x) − log C(κ_q) − κ_q`."""
    d, kappa_p, kappa_q, half = _aligned(p, q)
    depth = vmf.one_minus_mean_resultant_length(d, kappa_p) + vmf.mean_resultant_length(d, kappa_p) * half
    return kappa_q * depth - vmf.log_normalizer_scaled(d, kappa_q)


def _aligned(p: ExponentialForm, q: ExponentialForm) -> tuple[int, Array, Array, Array]:
    """`d`, both `κ`, and `1 − μ_p·μ_q` without its cancellation, in the common batch."""
    kappa_p, kappa_q = jnp.broadcast_arrays(p.concentration, q.concentration)
    mu_p, mu_q = (spread(form.mean_direction, kappa_p.shape) for form in (p, q))
    return mu_p.shape[-1], kappa_p, kappa_q, jnp.sum((mu_p - mu_q) ** 2, axis=-1) / 2


def half_distance(p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """`1 − μ_p·μ_q = |μ_p − μ_q|²/2` on the host, the batches broadcast."""
    mu_p, mu_q = (np.asarray(mu, np.float64) for mu in (p, q))
    mu_p, mu_q = (mu / np.linalg.norm(mu, axis=-1, keepdims=True) for mu in (mu_p, mu_q))
    return np.asarray(np.sum((mu_p - mu_q) ** 2, axis=-1) / 2)


def by_quadrature(p: AbstractOverlapLaw, q: AbstractOverlapLaw, half: np.ndarray) -> np.ndarray | np.floating:
    """`E_p log(p/q)` for each angle of the axes, given as `1 − cos`."""
    return np.vectorize(lambda half: _about(p, q, half), otypes=[np.float64])(half)[()]


def _about(p: AbstractOverlapLaw, q: AbstractOverlapLaw, half: float) -> float:
    if _escapes(p, q, half):
        return float("inf")
    if half == 0:
        return max(p.expectation(lambda u: _log_ratio(_log_density(p, u), _log_density(q, u))), 0.0)
    value, entropy = np.nan, -p.expectation(lambda u: _log_density(p, u))
    for size in _SIZES:
        nodes, weights = _rule(p.dimension - 1, size)

        def log_ratio(u: np.ndarray, nodes: np.ndarray = nodes, weights: np.ndarray = weights) -> np.ndarray:
            parts = np.array_split(u.reshape(-1), -(-u.size * len(nodes) // _BLOCK))
            seen = [_log_density(q, _turned(part[:, None], half, nodes)) @ weights for part in parts]
            return _log_ratio(_log_density(p, u), np.concatenate(seen).reshape(u.shape))

        previous, value = value, p.expectation(log_ratio)
        change, scale = abs(value - previous), max(1.0, abs(value))
        if np.isinf(value) or change <= max(_TOLERANCE * scale, _ROUNDING * abs(value + entropy)):
            return max(value, 0.0)
    if not change <= _ROUGH * scale:
        raise ArithmeticError(
            f"other: got a divergence upon which rules of {_SIZES[-2]} and {_SIZES[-1]} nodes differ by {change:.1e}, "
            "expected a log-density that is smoother in the overlap with its own axis"
        )
    return max(value, 0.0)


def _log_density(law: AbstractOverlapLaw, depth: np.ndarray) -> np.ndarray:
    """Where it vanishes at a pole, that a rounding error off it: the pole may be what a depth was rounded to."""
    value, inside = np.asarray(law.log_density(depth)), np.clip(depth, _POLE, 2 - _POLE)
    at_pole = np.isneginf(value) & (inside != depth)
    return np.where(at_pole, law.log_density(inside), value) if at_pole.any() else value


def _log_ratio(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """`log p − log q`, and 0 where both vanish."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(log_p), 0.0, log_p - log_q)


@cache
def _rule(dimension: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For one component of a uniform unit vector, as `1 −` that component."""
    nodes, weights = gegenbauer(dimension, size).quadrature(size)
    return 1 - nodes, weights


def _turned(depth: np.ndarray, half: float, across: np.ndarray) -> np.ndarray:
    """The depth below `μ_q` at a depth below `μ_p`, where the part across `μ_p` has the component `1 − across`.

    With angles, `cos θ_q = cos θ cos α + sin θ sin α (1 − v)`; written so that no small depth is a difference.
    """
    angle, turn = 2 * np.arcsin(np.sqrt(depth / 2)), 2 * np.arcsin(np.sqrt(half / 2))
    apart = np.sqrt(depth * (2 - depth) * half * (2 - half))
    return np.minimum(2 * np.sin((angle - turn) / 2) ** 2 + apart * across, 2.0)


def _escapes(p: AbstractOverlapLaw, q: AbstractOverlapLaw, half: float) -> bool:
    """Whether `p` has mass where `q` has none, however little."""
    points = np.union1d(p.points, q.points)
    depth = from_log_odds(points[:: _COARSE if half else 1])
    depth = depth[np.isfinite(_log_density(p, depth))]
    across = _rule(p.dimension - 1, 64)[0] if half else np.zeros(1)
    return bool(np.isneginf(_log_density(q, _turned(depth[:, None], half, across))).any())
