"""The stationary law of the chain of volume and overlap, as a series of orthonormal polynomials.

One step at radius `r` and overlap `m` moves `par = c r` along `w`, `c = 1 − ηλ`, and `t r` along the tangent towards
`μ`, `t = η_eff(s dL/du − σa)`, `s = √(1−m²)`, `a` normal; `p² = η_eff²σ²q r²`, `q ~ χ²_{d−2}`, is the square of the
rest. So

    ρ² = (r'/r)² = c² + t² + p²,    m' = (c m + t s)/ρ

is a Markov chain in `m` alone where the radius is fixed, and in `(V, m)` elsewhere, `c` and `η_eff` being functions of
`V`. Its stationary density is the SDE's Gibbs density times a series of orthonormal polynomials, in `u = 1 − m` and,
where the radius moves, in `log V` (Hermite). The coefficients solve `E p(u', V') − E p(u, V) = 0`, of which the
differences are formed by their own recurrence, so that steps of any smallness keep their digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from thermo_ideal.dynamics import temperature
from thermo_ideal.numerics import OrthonormalPolynomials, chi_square_rule, gauss_legendre, hermite
from thermo_ideal.special import log_sphere_area
from thermo_ideal.verification._angle_panels import gibbs_window, kinks
from thermo_ideal.verification._chain import Chain
from thermo_ideal.verification._chain_law import AngleCumulative, ChainLaw
from thermo_ideal.verification._gibbs_depth import GibbsDepth, gibbs_depth
from thermo_ideal.verification._step_density import FARTHEST, log_chi, mode_of_chi


class _Size(NamedTuple):
    """Polynomials of the depth and of `log V`, and nodes of the noise along the tangent to `μ` and across."""

    depths: int
    volumes: int
    along: int
    across: int


_FIXED = (
    _Size(12, 1, 24, 16),
    _Size(18, 1, 32, 24),
    _Size(28, 1, 40, 32),
    _Size(40, 1, 48, 40),
    _Size(56, 1, 64, 56),
    _Size(80, 1, 96, 96),
)
_FREE = (
    _Size(8, 6, 20, 14),
    _Size(11, 9, 24, 18),
    _Size(15, 12, 28, 22),
    _Size(20, 16, 34, 28),
    _Size(26, 20, 40, 32),
)
_ROUGH = _Size(6, 3, 16, 12)
_MORE = 8  # nodes than polynomials
_PASSES, _CENTRED, _APART, _FARTHEST_SHIFT = 24, 0.1, 0.3, 6.0  # towards where the law is, in standard deviations
_NEAR = 14.0
_SETTLED = 1e-12
_SHORT = 0.6  # steps that Gauss rules are for
_SLOW, _GOOD, _PATIENCE = 0.3, 1e-8, 2  # what two increases must gain while the error is not good
_GOAL = 1e-10  # of the change from one size to the next
_ROUNDING = 1e-13
_PANELS = 32
_CHUNK = 3_000_000


def solve_by_series(chain: Chain) -> ChainLaw:
    """The stationary law of a chain, with more and more polynomials until it no longer changes.

    Args:
        chain: the step.

    Returns:
        The law, with the changes at the last increase as its errors.

    Raises:
        ArithmeticError: a loss whose Gibbs law has several peaks, or no law was found.
    """
    breaks = kinks(chain, *gibbs_window(chain))
    best, previous, slow = None, None, 0
    reference = _reference(chain, breaks)
    for size in _FIXED if chain.fixes_radius else _FREE:
        found, centre, scale = _law(chain, size, reference)
        reference = reference.about(centre, scale)
        if previous is not None:
            found = found.with_errors(previous, _ROUNDING)
            slow = slow + 1 if found.worst_error > _SLOW * max(previous.worst_error, _GOOD) else 0
            best = found if best is None or found.worst_error < best.worst_error else best
            if found.worst_error < _GOAL or slow == _PATIENCE:
                break
        previous = found
    if best is None:
        raise ArithmeticError("one solution only")
    return best


@dataclass(frozen=True)
class _Reference:
    """The law that another is expanded about: the Gibbs law, moved and widened, and a normal `log V`.

    Each move multiplies it by `e^{ax − bx²/2}`, where `x` is the distance from a centre in standard deviations.
    """

    breaks: np.ndarray
    moves: tuple[tuple[float, float, float, float], ...]
    centre: float
    scale: float

    def about(self, centre: float, scale: float) -> _Reference:
        """With another law of `log V`."""
        return replace(self, centre=centre, scale=scale) if scale > 0 and np.isfinite(centre) else self

    def depths(self, chain: Chain, size: int) -> GibbsDepth:
        """The law of the depth, with so many polynomials."""
        T = temperature(chain.effective_learning_rate, chain.noise_scale)

        def potential(u: np.ndarray) -> np.ndarray:
            energy = chain.loss(u) / T
            for middle, width, pull, narrower in self.moves:
                x = (u - middle) / width
                energy = energy - pull * x + narrower * np.clip(x, -_NEAR, _NEAR) ** 2 / 2
            return np.asarray(energy)

        return gibbs_depth(chain.dimension, potential, size, self.breaks)


def _reference(chain: Chain, breaks: np.ndarray) -> _Reference:
    """Moved to where the law is, by as many rough solutions as that takes."""
    found = _Reference(breaks, (), 0.0, 1.0 if chain.fixes_radius else chain.width)
    rough = _ROUGH._replace(volumes=1) if chain.fixes_radius else _ROUGH
    for _ in range(_PASSES):
        gibbs = found.depths(chain, 2 * rough.depths).family
        law, centre, scale = _law(chain, rough, found)
        shift = (law.mean_depth - gibbs.centre) / gibbs.scale
        wider = float(np.sqrt(max(law.depth_variance, 0.0))) / gibbs.scale
        near = chain.fixes_radius or abs(centre - found.centre) < _CENTRED * found.scale
        found = found.about(centre, scale if near else found.scale)
        if not abs(shift) < _APART:
            pull, narrower = float(np.clip(shift, -_FARTHEST_SHIFT, _FARTHEST_SHIFT)), 0.0
        elif not abs(np.log(wider)) < _APART:
            pull, narrower = 0.0, float(np.clip(wider, 0.6, 1.6)) ** -2 - 1
        elif near:
            return found
        else:
            continue
        found = replace(found, moves=(*found.moves, (gibbs.centre, gibbs.scale, pull, narrower)))
    raise ArithmeticError("no law near the SDE's")


class _Noise(NamedTuple):
    """Ends of steps from each state, along the tangent and across, and their probabilities; `(states, nodes)`."""

    along: np.ndarray
    across: np.ndarray
    weights: np.ndarray


def _noise(dimension: int, shrink: np.ndarray, noise: np.ndarray, drift: np.ndarray, size: _Size) -> _Noise:
    """Gauss rules for short steps; for long ones, rules in `asinh(t/c)` and `asinh(p/c)`.

    A function of the step has branch points at `±ic` and farther.
    """
    freedom = dimension - 2
    unit = np.maximum(np.abs(shrink), 1e-3 * noise)[:, None]
    noise, drift = noise[:, None], drift[:, None]
    mode, spread = mode_of_chi(freedom)
    if (np.hypot(noise * (mode + 3), drift) < _SHORT * unit).all():
        a, t_weights = hermite(0.0, 1.0, size.along // 2).quadrature(size.along // 2)
        q, p_weights = chi_square_rule(freedom, size.across // 2)
        t, p = drift + noise * a, noise * np.sqrt(q)
        t_weights, p_weights = t_weights + 0 * t, p_weights + 0 * p
    else:
        even = (0.5 + np.arange(size.along)) / size.along
        t, t_weights = _stretched(drift - FARTHEST * noise, drift + FARTHEST * noise, unit, even, np.ones(size.along))
        t_weights = t_weights * np.exp(-(((t - drift) / noise) ** 2) / 2)
        p, p_weights = np.zeros((len(unit), 1)), np.ones((len(unit), 1))
        if freedom:
            least, most = noise * max(mode - FARTHEST * spread, 0.0), noise * (mode + FARTHEST)
            p, p_weights = _stretched(least, most, unit, *gauss_legendre(size.across, 0.0, 1.0))
            p_weights = p_weights * np.exp(log_chi(p / noise, freedom))
        t_weights = t_weights / t_weights.sum(axis=1, keepdims=True)
        p_weights = p_weights / p_weights.sum(axis=1, keepdims=True)
    shape = (len(unit), -1)
    t, p = np.broadcast_arrays(t[:, :, None], p[:, None])
    weights = t_weights[:, :, None] * p_weights[:, None]
    return _Noise(t.reshape(shape), p.reshape(shape), weights.reshape(shape))


def _stretched(
    low: np.ndarray, high: np.ndarray, unit: np.ndarray, nodes: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A rule for the interval from one for (0, 1), in `asinh(x/unit)`."""
    low, high = np.arcsinh(low / unit), np.arcsinh(high / unit)
    x = low + (high - low) * nodes
    return unit * np.sinh(x), (high - low) * weights * unit * np.cosh(x)


def _changes(
    family: OrthonormalPolynomials, at: np.ndarray, change: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The polynomials after a change of the argument, and how they have changed, along a new last axis."""
    x, step = (at - family.centre) / family.scale, change / family.scale
    after = x + step
    values, changes = np.empty((*step.shape, size)), np.empty((*step.shape, size))
    values[..., 0], changes[..., 0] = 1.0, 0.0
    for k in range(size - 1):
        b = family.off_diagonal[k]
        value = (after - family.diagonal[k]) * values[..., k]
        moved = (x - family.diagonal[k]) * changes[..., k] + step * values[..., k]
        if k:
            value -= family.off_diagonal[k - 1] * values[..., k - 1]
            moved -= family.off_diagonal[k - 1] * changes[..., k - 1]
        values[..., k + 1], changes[..., k + 1] = value / b, moved / b
    return values, changes


def _law(chain: Chain, size: _Size, reference: _Reference) -> tuple[ChainLaw, float, float]:
    """The law with so many polynomials, and the mean and standard deviation of `log V`."""
    d, sigma = chain.dimension, chain.noise_scale
    depth_nodes, volume_nodes = (n + min(n, _MORE) for n in (size.depths, size.volumes))
    gibbs = reference.depths(chain, depth_nodes)
    family = hermite(reference.centre, reference.scale, volume_nodes)
    if not np.isfinite(gibbs.family.off_diagonal).all():
        raise ArithmeticError("polynomials beyond double precision")
    u, u_weights = gibbs.family.quadrature(depth_nodes)
    y, y_weights = (np.zeros(1), np.ones(1)) if chain.fixes_radius else family.quadrature(volume_nodes)
    if chain.fixes_radius:
        effective, decay = np.full(1, chain.effective_learning_rate), np.full(1, chain.decay)
    else:
        effective, decay = chain.rates(np.exp(y))
    if not (np.isfinite(effective) & (effective >= 0) & np.isfinite(decay)).all():
        raise ArithmeticError("no rates")
    u, y = (x.ravel() for x in np.meshgrid(u, y, indexing="ij"))
    weights = np.outer(u_weights, y_weights).ravel()
    effective, decay = (np.tile(x, len(u_weights)) for x in (effective, decay))
    slope = chain.slope(u)
    moved, longer = np.empty((len(u), size.depths, size.volumes)), np.empty(len(u))
    chunk = max(_CHUNK // (size.along * size.across * (size.depths + size.volumes)), 1)
    for k in range(0, len(u), chunk):
        part = slice(k, k + chunk)
        at, c, rate = u[part][:, None], 1 - decay[part][:, None], effective[part]
        s = np.sqrt(at * (2 - at))
        noise = _noise(d, c[:, 0], rate * sigma, rate * slope[part] * s[:, 0], size)
        square = noise.along**2 + noise.across**2
        rho = np.sqrt(c**2 + square)
        further = np.where(c > 0, square / (rho + np.abs(c)), rho - c)
        change = (further * (1 - at) - noise.along * s) / rho
        p_moved = _changes(gibbs.family, at, change, size.depths)[1]
        longer[part] = (further * noise.weights).sum(axis=1)
        if chain.fixes_radius:
            moved[part, :, 0] = (noise.weights[:, None, :] @ p_moved)[:, 0]
            continue
        log_square = 2 * np.log1p(further - decay[part][:, None])
        h, h_moved = _changes(family, y[part][:, None], log_square, size.volumes)
        before = gibbs.family(u[part], size.depths)
        moved[part] = np.swapaxes(p_moved, 1, 2) @ (noise.weights[:, :, None] * h)
        moved[part] += before[:, :, None] * (noise.weights[:, None, :] @ h_moved)
    basis = (gibbs.family(u, size.depths)[:, :, None] * family(y, size.volumes)[:, None]).reshape(len(u), -1)
    residual = moved.reshape(len(u), -1).T @ (weights[:, None] * basis)
    coefficients = _null_vector(residual)
    table = coefficients.reshape(size.depths, size.volumes)
    joint = basis @ coefficients * weights
    v, mean = np.exp(y), float(joint @ y)
    fine = gibbs.family(gibbs.fine, size.depths) @ table[:, 0] * gibbs.weights
    loss = chain.loss(gibbs.fine)
    mean_loss, volume = float(fine @ loss), float(joint @ v)
    area = float(log_sphere_area(d - 1))

    def density(depth: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # in many dimensions it is beyond double precision
            height = np.exp(gibbs.log_density_at(depth))
        return np.asarray(height * (gibbs.family(depth, size.depths) @ table[:, 0]))

    def of_angle(angle: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            surface = area + (d - 2) * np.log(np.sin(angle)) if d > 2 else area + 0 * angle
        depth = 2 * np.sin(angle / 2) ** 2
        series = gibbs.family(depth, size.depths) @ table[:, 0]
        return np.asarray(np.exp(gibbs.log_density_at(depth) + surface) * series)

    mean_depth = float(fine @ gibbs.fine)
    law = ChainLaw(
        mean_depth=mean_depth,
        depth_variance=float(fine @ (gibbs.fine - mean_depth) ** 2),
        mean_loss=mean_loss,
        loss_variance=float(fine @ (loss - mean_loss) ** 2),
        entropy=_direction_entropy(gibbs, table[:, 0]),
        growth=float(joint @ longer) - chain.decay if chain.fixes_radius else float("nan"),
        root_volume=float(joint @ np.sqrt(v)),
        log_volume=mean,
        volume=volume,
        volume_variance=float(joint @ (v - volume) ** 2),
        spectral_gap=_gap(residual.reshape(size.depths, size.volumes, size.depths, size.volumes)),
        density=density,
        beyond=AngleCumulative(np.linspace(*gibbs.ends, _PANELS + 1), of_angle),
    )
    return law, mean, float(np.sqrt(max(joint @ (y - mean) ** 2, 0.0)))


def _null_vector(residual: np.ndarray) -> np.ndarray:
    """The coefficients with `residual @ c = 0` and `c_0 = 1`."""
    inner = residual[1:, 1:]
    size = np.abs(inner).max(axis=1, keepdims=True)
    if not (np.isfinite(residual).all() and (size > 0).all()):
        raise ArithmeticError("polynomials beyond double precision")
    try:
        others = np.linalg.solve(inner / size, -residual[1:, 0] / size[:, 0])
    except np.linalg.LinAlgError as error:
        raise ArithmeticError("a singular system") from error
    return np.concatenate([[1.0], others])


def _gap(residual: np.ndarray) -> float:
    """`1 − |1 + x|` for the eigenvalue `x` at which it is least, without a difference of near numbers.

    The highest polynomials have eigenvalues without a meaning: of the gaps for more and more of them, it is the one
    from which the next differs least.
    """
    depths, volumes = residual.shape[:2]
    gaps = []
    for size in range(2, depths + 1):
        moving = max(-(-size * volumes // depths), min(volumes, 2))
        low = residual[:size, :moving, :size, :moving].reshape(size * moving, -1)[1:, 1:]
        x = np.linalg.eigvals(low)
        gaps.append(float(np.min(-(2 * x.real + np.abs(x) ** 2) / (1 + np.abs(1 + x)))))
        if len(gaps) > 2 and abs(gaps[-1] - gaps[-2]) < _SETTLED * abs(gaps[-1]):
            break
    return gaps[1 + int(np.argmin(np.abs(np.diff(gaps))))]


def _direction_entropy(gibbs: GibbsDepth, coefficients: np.ndarray) -> float:
    """`−∫ρ log ρ` with `ρ` the Gibbs density times the series, which may only turn negative where it is nothing."""
    series = gibbs.family(gibbs.fine, len(coefficients)) @ coefficients
    positive = np.maximum(series, 0.0)
    logarithm = np.log(np.where(positive > 0, positive, 1.0))
    return float(-gibbs.weights @ (positive * (gibbs.log_density + logarithm)))
