"""The density of one step of the zonal chain, in the angle to `μ`, without a change of variables that is singular.

From angle `θ` a step goes to `c` along `w`, `t = D − εa` along the tangent towards `μ` and `p = ε√q` across, in units
of `r`, where `a` is normal and `q ~ χ²_{d−2}`. With `φ` the azimuth about `μ` of where it ends,

    cos(angle to w) = A = cos(θ − θ') − sin θ sin θ' (1 − cos φ),    ρ = c/A,    p = ρ sin θ' sin φ,
    t = ρ (sin(θ − θ') + cos θ sin θ' (1 − cos φ)),    dt dp = sin θ' ρ³/|c| dθ' dφ,

so that the density of `θ'` is a smooth integral over `φ`, and every `φ` has its own `ρ`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from thermo_ideal.numerics import gauss_legendre

FARTHEST = 9.0  # standard deviations that a step may go: beyond that is 1e-18
_ACROSS = np.linspace(-FARTHEST, FARTHEST, 19)
_NEWTON, _LONGEST = 12, 0.5  # steps towards the peak in φ, and the longest of them
_LEAST = 1e-3  # of the cosine, in units of c, on the way to the peak
_WIDE = 1.5  # of a window in φ, from which on all of (0, π) is looked at
_LONG, _CONCENTRATED = 0.3, 400  # steps after which the peak in φ has long tails, but in high dimensions


@dataclass(frozen=True)
class Sources:
    """Where steps begin, one entry of each array for each.

    Args:
        dimension: `d`.
        angle: `θ`.
        shrink: `c = 1 − ηλ`.
        noise: `ε = η_eff σ`.
        drift: `D = η_eff dL/du sin θ`.
    """

    dimension: int
    angle: np.ndarray
    shrink: np.ndarray
    noise: np.ndarray
    drift: np.ndarray

    def __getitem__(self, which: np.ndarray | slice) -> Sources:
        return Sources(self.dimension, self.angle[which], self.shrink[which], self.noise[which], self.drift[which])

    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest angle that a step may end at."""
        freedom = self.dimension - 2
        c, s, m = self.shrink[:, None], np.sin(self.angle)[:, None], np.cos(self.angle)[:, None]
        noise, drift = self.noise[:, None], self.drift[:, None]
        mode, spread = mode_of_chi(freedom)
        across = (
            noise * np.unique(np.maximum(mode + np.where(_ACROSS < 0, spread, 1.0) * _ACROSS, 0.0))
            if freedom
            else 0.0 * noise
        )
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            turn = np.nan_to_num(s * (c**2 + across**2) / (c * m), nan=0.0)  # where the angle turns
        turn = np.clip(turn, drift - FARTHEST * noise, drift + FARTHEST * noise)
        along = np.concatenate([np.repeat(drift + noise * _ACROSS, across.shape[1], axis=1), turn], axis=1)
        across = np.tile(across, (1, len(_ACROSS) + 1))
        after = np.arctan2(np.hypot(c * s - along * m, across), c * m + along * s)
        return after.min(axis=1), after.max(axis=1)


class Step(NamedTuple):
    """The density at angles `θ'` after steps from as many sources, in parts by the azimuth.

    Attributes:
        density: of `θ'`, in parts whose sum it is, of shape `(steps, azimuths)`.
        longer: `ρ − c` of each part.
        log_square: `log ρ²` of each part.
    """

    density: np.ndarray
    longer: np.ndarray
    log_square: np.ndarray


def step_density(sources: Sources, after: np.ndarray, order: int, width: float) -> Step:
    """The density after a step.

    Args:
        sources: where each begins.
        after: `θ'`, where each ends.
        order: azimuths of the rule.
        width: of its window, in standard deviations to each side of the peak.
    """
    c, drift, noise = (x[:, None] for x in (sources.shrink, sources.drift, sources.noise))
    sign, c_size = np.where(c < 0, -1.0, 1.0), np.abs(c)
    theta, target = sources.angle[:, None], after[:, None]
    freedom = sources.dimension - 2
    phi, rule = _azimuths(sources, after, order, width) if freedom else (np.array([[0.0, np.pi]]), np.ones((1, 2)))
    turned = 2 * np.sin(phi / 2) ** 2
    to_target = np.sin(theta) * np.sin(target) * turned
    apart = 2 * np.sin((theta - target) / 2) ** 2 + to_target  # 1 − A
    along = np.sin(theta - target) + np.cos(theta) * np.sin(target) * turned
    cosine = sign * (1 - apart)
    ahead = cosine > 0
    cosine = np.where(ahead, cosine, 1.0)
    rho = c_size / cosine
    with np.errstate(over="ignore", divide="ignore"):
        exponent = -(((rho * along - drift) / noise) ** 2) / 2 + 3 * np.log(rho)
        if freedom:
            exponent = exponent + log_chi(rho * np.sin(target) * np.sin(phi) / noise, freedom)
            unit = rule * np.sin(target) / (noise**2 * c_size)
        else:
            exponent = exponent - np.log(rho)
            unit = rule / (noise * c_size)
    density = np.where(ahead, np.exp(exponent), 0.0) * unit / np.sqrt(2 * np.pi)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_cosine = np.where(sign > 0, np.log1p(-np.where(ahead, apart, 0.0)), np.log(cosine))
    longer = np.where(c > 0, c * np.where(ahead, apart, 0.0) / cosine, rho - c)
    return Step(density, longer, 2 * (np.log(c_size) - log_cosine))


def mode_of_chi(freedom: int) -> tuple[float, float]:
    """The mode of `√q`, `q ~ χ²`, and its standard deviation, about.

    Args:
        freedom: degrees of freedom, at least 1.
    """
    return float(np.sqrt(max(freedom - 1, 0))), float(np.sqrt(0.5)) if freedom > 1 else 1.0


def log_chi(root: np.ndarray, freedom: int) -> np.ndarray:
    """The log-density of `√q`, `q ~ χ²`, measured from its mode, so that large numbers do not cancel.

    Args:
        root: `√q`.
        freedom: degrees of freedom, at least 1.
    """
    if freedom == 1:
        return np.asarray(np.log(2 / np.pi) / 2 - root**2 / 2)
    mode = np.sqrt(freedom - 1.0)
    constant = (1 - freedom / 2) * np.log(2) - gammaln(freedom / 2) + (freedom - 1) * (np.log(mode) - 0.5)
    x = root / mode - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(constant + (freedom - 1) * (np.log1p(np.maximum(x, -1.0)) - x - x**2 / 2))


def _azimuths(sources: Sources, after: np.ndarray, order: int, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes about the peak in `φ`, which is that of a sum of two squares, and their weights."""
    s, m, target = np.sin(sources.angle), np.cos(sources.angle), np.sin(after)
    sign, c = np.where(sources.shrink < 0, -1.0, 1.0), np.abs(sources.shrink)
    mode, spread = mode_of_chi(sources.dimension - 2)
    phi = np.arctan2(sources.noise * (mode + spread), sources.shrink * s - sources.drift * m)
    level, fall, rise = np.cos(sources.angle - after), s * target, m * target
    start = np.sin(sources.angle - after)
    stiffness = np.ones_like(phi)
    for _ in range(_NEWTON):
        sine, cosine = np.sin(phi), np.cos(phi)
        turned = 2 * np.sin(phi / 2) ** 2
        A = np.maximum(sign * (level - fall * turned), _LEAST * c)
        A_slope, along, along_slope = -sign * fall * sine, start + rise * turned, rise * sine
        tangent = (c * along / A - sources.drift) / sources.noise
        tangent_slope = c * (along_slope * A - along * A_slope) / A**2 / sources.noise
        across = (c * target * sine / A / sources.noise - mode) / spread
        across_slope = c * target * (cosine * A - sine * A_slope) / A**2 / sources.noise / spread
        stiffness = tangent_slope**2 + across_slope**2 + 1e-300
        step = -(tangent * tangent_slope + across * across_slope) / stiffness
        phi = np.clip(phi + np.clip(step, -_LONGEST, _LONGEST), 0.0, np.pi)
    with np.errstate(divide="ignore", invalid="ignore"):
        equator = 2 * np.arcsin(np.sqrt(np.clip(np.nan_to_num(level / (2 * fall), nan=0.0), 0.0, 1.0)))  # A = 0 there
    first, last = np.where(sign > 0, 0.0, equator), np.where(sign > 0, equator, np.pi)
    half = width / np.sqrt(stiffness)
    low, high = np.clip(phi - half, first, last), np.clip(phi + half, first, last)
    long = (sources.noise * (mode + 1) > _LONG * c) & (sources.dimension < _CONCENTRATED)
    wide = (high - low > _WIDE) | long
    low, high = np.where(wide, first, low), np.where(wide, last, high)
    nodes, weights = gauss_legendre(order, 0.0, 1.0)
    return low[:, None] + (high - low)[:, None] * nodes, (high - low)[:, None] * weights
