"""Quadrature of zonal laws in the log-odds `s = log(u/(2 − u))` of the depth `u = 1 − m`."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import optimize

from thermo_ideal.numerics import gauss_legendre

CUT = 60.0  # nats below the highest density, where the quadrature ends: e^{−60} is 1e-26
SCAN = np.linspace(-170.0, 170.0, 20_001)
_CELLS, _MAXIMUM_CELLS = 2_000, 200_000
_SPLITS = 40
_UNCERTAIN = 1e-13  # of the whole, in one cell
_RULE, _CHECK = (gauss_legendre(n, -1.0, 1.0) for n in (5, 4))


def from_log_odds(s: np.ndarray) -> np.ndarray:
    """The depth `u = 1 + tanh(s/2)` at `s = log(u/(2 − u))`."""
    small = np.exp(-np.abs(s))
    return np.where(s < 0, 2 * small, 2.0) / (1 + small)


def to_log_odds(u: np.ndarray) -> np.ndarray:
    """`s = log(u/(2 − u))`."""
    with np.errstate(divide="ignore"):
        return np.log(u) - np.log(2 - u)


class Origin(NamedTuple):
    """The point from which energies and volumes are measured, so that large numbers do not cancel."""

    s: float
    depth: float

    def depth_change(self, s: np.ndarray) -> np.ndarray:
        """`u(s)` less the depth here."""
        rise = np.expm1(np.minimum(s - self.s, 700.0))
        return self.depth * (2 - self.depth) * rise / (2 + self.depth * rise)

    def log_volume_change(self, s: np.ndarray) -> np.ndarray:
        """`log sech(s/2)` less that here."""
        change = np.minimum(s - self.s, 700.0)
        return change / 2 - np.log1p(self.depth * np.expm1(change) / 2)


class LogOddsQuadrature:
    """The law of `s` with density `∝ sech(s/2)^power e^{−rise(s, origin)}`, integrated peak by peak.

    Args:
        rise: the exponent at `s`, less that at the origin.
        power: `d − 1`.
        rounding: relative error of the density by which `rise` is uncertain: no finer cells would reduce that.

    Attributes:
        origin: the place of the highest density.
        s: the nodes; `mass`: their probabilities.
        log_total: `log ∫` of the density, which is 1 at the origin.
        error: what two rules differ by, relative.
    """

    def __init__(
        self, rise: Callable[[np.ndarray, Origin], np.ndarray], power: float, rounding: Callable[[Origin], float]
    ) -> None:
        self.rise, self.power = rise, power
        self.origin = Origin(0.0, 1.0)
        edges = np.unique(np.concatenate([np.linspace(*edge, _CELLS + 1) for edge in self._peaks()]))
        noise = rounding(self.origin)
        for _ in range(_SPLITS):
            uncertain = self._integrate(edges)
            split = uncertain > _UNCERTAIN + noise * self.mass.sum(axis=1)
            if not split.any() or edges.size > _MAXIMUM_CELLS:
                break
            edges = np.unique(np.concatenate([edges, (edges[:-1] + edges[1:])[split] / 2]))
        self.error = float(uncertain.sum())

    def log_weight(self, s: np.ndarray) -> np.ndarray:
        """The log-density of `s`, measured from the origin."""
        return self.power * self.origin.log_volume_change(s) - self.rise(s, self.origin)

    def _peaks(self) -> list[tuple[float, float]]:
        """Moves the origin to the highest density; returns the interval of each peak, which ends `CUT` below that."""
        # From a far origin the log-densities of a cold law are rounding errors; each round begins nearer to the peak.
        for _ in range(3):
            heights = self.log_weight(SCAN)
            if not np.isfinite(heights[1:-1]).any():
                raise ValueError(
                    "f: got no finite value at which the density has a maximum, expected one inside (−1, 1)"
                )
            best = self.top(1 + int(np.argmax(heights[1:-1])))
            self.origin = Origin(best, float(from_log_odds(np.array([best]))[0]))
        heights = self.log_weight(SCAN)
        inner, noise = heights[1:-1], 1e-12 * np.abs(heights[1:-1])
        higher = (inner >= heights[:-2]) & (inner >= heights[2:])
        with np.errstate(invalid="ignore"):  # between two walls
            prominent = inner - np.minimum(heights[:-2], heights[2:]) > noise
        tops = 1 + np.flatnonzero(higher & prominent & np.isfinite(inner))
        peaks = {best, *(self.top(int(top)) for top in tops)}
        return [(self._edge(s, -1.0), self._edge(s, 1.0)) for s in peaks if self.height(s) > -CUT]

    def top(self, index: int) -> float:
        """The highest point near one of the scan."""
        found = optimize.minimize_scalar(
            lambda s: -self.height(s),
            bounds=(SCAN[index - 1], SCAN[index + 1]),
            method="bounded",
            options={"xatol": 1e-12},
        )
        return float(found.x if -found.fun >= self.height(SCAN[index]) else SCAN[index])

    def height(self, s: float) -> float:
        return float(self.log_weight(np.array([s]))[0])

    def _edge(self, s: float, side: float) -> float:
        """Where the density has fallen by `CUT` from the origin's."""
        steps = 1e-18 * 2.0 ** np.arange(16)
        # Block by block, and not beyond the edge by more than one: far out a loss may overflow.
        while (inside := self.log_weight(s + side * steps) > -CUT).all():
            steps = steps * 2.0**16
        step = steps[np.argmin(inside)]
        steps = np.linspace(step / 2, step, 100)
        return float(s + side * 1.01 * steps[self.log_weight(s + side * steps) > -CUT][-1])

    def _integrate(self, edges: np.ndarray) -> np.ndarray:
        """Over these cells; returns what two rules differ by in each, relative to the whole."""
        self._edges, width = edges, np.diff(edges)[:, None] / 2
        masses = []
        for nodes, weights in (_CHECK, _RULE):
            s = edges[:-1, None] + width * (1 + nodes)
            masses.append(width * weights * np.exp(self.log_weight(s)))
        check, mass = (mass.sum(axis=1) for mass in masses)
        total = mass.sum()
        self.s, self.mass, self.log_total = s, masses[1] / total, float(np.log(total))
        cells = mass / total
        below = np.concatenate([[0.0], np.cumsum(cells)])
        above = np.concatenate([np.cumsum(cells[::-1])[::-1], [0.0]])
        self._tails = (below, above)
        return np.abs(check - mass) / total

    def depth_density(self, u: np.ndarray) -> np.ndarray:
        """The density of the depth; 0 outside (0, 2)."""
        known, inside = ~np.isnan(u), (u > 0) & (u < 2)
        u = np.where(inside, u, 1.0)
        log_density = self.log_weight(to_log_odds(u)) - self.log_total - np.log(u * (2 - u) / 2)
        return np.where(inside, np.exp(log_density), np.where(known, 0.0, np.nan))

    def depth_tail(self, u: np.ndarray, upper: bool) -> np.ndarray:
        """The probability below a depth, or above it."""
        inside = (u > 0) & (u < 2)
        probability = np.minimum(self._tail(to_log_odds(np.where(inside, u, 1.0)), upper), 1.0)
        outside = np.where(np.isnan(u), np.nan, (u <= 0) if upper else (u >= 2))
        return np.where(inside, probability, outside)

    def depth_quantile(self, p: np.ndarray, upper: bool) -> np.ndarray:
        """The depth with this probability below it, or above it."""
        # From the end that is nearer: there the sums have their digits.
        near, far = self._solve(np.minimum(p, 0.5), upper), self._solve(np.minimum(1 - p, 0.5), not upper)
        u = from_log_odds(np.where(p > 0.5, far, near))
        ends = (2.0, 0.0) if upper else (0.0, 2.0)
        return np.where(p == 0, ends[0], np.where(p == 1, ends[1], u))

    def _tail(self, s: np.ndarray, upper: bool) -> np.ndarray:
        """The probability below `s`, or above it."""
        cell = np.clip(np.searchsorted(self._edges, s) - 1, 0, len(self._edges) - 2)
        return self._tail_in(cell, np.clip(s, self._edges[0], self._edges[-1]), int(upper))

    def _tail_in(self, cell: np.ndarray, s: np.ndarray, side: int) -> np.ndarray:
        """The probability on one side of `s`, which lies in that cell: that of whole cells, and a rule on the rest."""
        far = self._edges[cell + side]
        width = np.abs(s - far)[..., None] / 2
        nodes, weights = _RULE
        inside = (s + far)[..., None] / 2 + width * nodes
        return self._tails[side][cell + side] + np.sum(
            width * weights * np.exp(self.log_weight(inside) - self.log_total), axis=-1
        )

    def _solve(self, target: np.ndarray, upper: bool) -> np.ndarray:
        """`s` with this probability below it, or above it, by Newton's method inside its cell."""
        side, sign = int(upper), -1 if upper else 1
        cell = np.searchsorted(sign * self._tails[side], sign * target) - 1
        cell = np.clip(cell, 0, len(self._edges) - 2)
        low, high = self._edges[cell], self._edges[cell + 1]
        s = (low + high) / 2
        for _ in range(8):
            density = np.exp(self.log_weight(s) - self.log_total)
            excess = self._tail_in(cell, s, side) - target
            s = np.clip(s - sign * excess / np.maximum(density, 1e-300), low, high)
        lost = np.abs(self._tail_in(cell, s, side) - target) > 1e-9 * target
        for _ in range(60 * lost.any()):  # at a wall, where the tail has no derivative for Newton's method
            s = np.where(lost, (low + high) / 2, s)
            beyond = sign * (self._tail_in(cell, s, side) - target) > 0
            low, high = np.where(beyond, low, s), np.where(beyond, s, high)
        return s
