"""Quadrature of zonal laws in the log-odds `s = log(u/(2 − u))` of the depth `u = 1 − m`."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import ArrayLike

from thermo_ideal.numerics import adaptive_cells, gauss_legendre, local_maxima
from thermo_ideal.numerics._adaptive_cells import Cells

CUT = 60.0  # nats below the highest density, where the quadrature ends: e^{−60} is 1e-26


def _scan() -> np.ndarray:
    """Even in `s`, for the poles, and in the overlap, for what is between them."""
    m = np.linspace(-1.0, 1.0, 12_702)[1:-1]
    return np.union1d(np.linspace(-170.0, 170.0, 20_001), np.log1p(-m) - np.log1p(m))


SCAN = _scan()
_CELLS, _FEWEST, _MAXIMUM_CELLS = 1_000, 50, 200_000
_LOOKS = 8  # each at a peak that the ones before have missed
_HIGHEST = 100.0  # nats that such a peak may count for until it is looked at
_UNCERTAIN = 1e-13  # of the whole, in one cell
_PART = gauss_legendre(5, -1.0, 1.0)  # the rule for a part of a cell


def from_log_odds(s: ArrayLike) -> np.ndarray:
    """The depth `u = 1 + tanh(s/2)` at `s = log(u/(2 − u))`."""
    small = np.exp(-np.abs(s))
    return np.asarray(np.where(np.asarray(s) < 0, 2 * small, 2.0) / (1 + small))


def to_log_odds(u: ArrayLike) -> np.ndarray:
    """`s = log(u/(2 − u))`."""
    u = np.asarray(u)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(u) - np.log(2 - u))


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


def _about(breaks: np.ndarray) -> np.ndarray:
    """Points just beside each break, and some from each to the next, for the wells that lie between them."""
    beside = 16 * np.spacing(np.maximum(np.abs(breaks), 1.0))
    between = np.linspace(breaks[:-1], breaks[1:], 18)[1:-1] if breaks.size > 1 else np.zeros(0)
    return np.concatenate([breaks - beside, breaks + beside, between.reshape(-1)])


class LogOddsQuadrature:
    """The law of `s` with density `∝ sech(s/2)^power e^{−rise(s, origin)}`, integrated where it is not negligible.

    Args:
        rise: the exponent at `s`, less that at the origin.
        power: `d − 1`.
        rounding: relative error of the density by which `rise` is uncertain: no finer cells would reduce that.
        breaks: where, in `s`, `rise` jumps or has a kink, or between which it has a well too narrow for the scan.

    Attributes:
        origin: the place of the highest density.
        points: where peaks are looked for.
        s: the nodes; `mass`: their probabilities.
        log_total: `log ∫` of the density, which is 1 at the origin.
        error: what the integral is uncertain by, relative.

    Raises:
        ArithmeticError: the density cannot be integrated.
    """

    def __init__(
        self,
        rise: Callable[[np.ndarray, Origin], np.ndarray],
        power: float,
        rounding: Callable[[Origin], float],
        breaks: np.ndarray,
    ) -> None:
        self.rise, self.power, self._breaks = rise, power, np.sort(breaks)
        self.origin = Origin(0.0, 1.0)
        self.points = np.union1d(SCAN, _about(self._breaks))
        for _ in range(_LOOKS):
            cells = self._cells(self._edges_of(*self._intervals()), rounding(self.origin))
            cell, node = np.unravel_index(np.argmax(cells.parts[0] / np.diff(cells.edges)[:, None]), cells.nodes.shape)
            peak = float(cells.nodes[cell, node])
            if self.height(peak) < 1:
                break
            self.points = np.union1d(self.points, [*np.linspace(cells.low[cell], cells.high[cell], 9), peak])
        else:
            raise ArithmeticError(
                f"f: got wells within wells, the last at overlap {-np.tanh(peak / 2):.6g}, expected all of them to be "
                "wider than 1e-4; name both sides of a narrow one, as in breakpoints=[0.3, 0.30001]"
            )
        self._keep(cells)

    def log_weight(self, s: np.ndarray) -> np.ndarray:
        """The log-density of `s`, measured from the origin."""
        return self.power * self.origin.log_volume_change(s) - self.rise(s, self.origin)

    def height(self, s: float) -> float:
        """The log-density at one place."""
        return float(self.log_weight(np.array([s]))[0])

    def _intervals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Moves the origin to the highest density; begins, ends and peaks of what is less than `CUT` below that."""
        # From a far origin the log-densities of a cold law are rounding errors; each round begins nearer to the peak.
        for _ in range(3):
            tops, heights = local_maxima(self.log_weight, self.points, prominent=1e-12)
            best = float(tops[np.argmax(heights)])
            self.origin = Origin(best, float(from_log_odds(np.array([best]))[0]))
        points = np.union1d(self.points, tops)
        points = np.concatenate([[self._beyond(points[0], -1.0)], points, [self._beyond(points[-1], 1.0)]])
        inside = self.log_weight(points) > -CUT
        begins = 1 + np.flatnonzero(~inside[:-1] & inside[1:])
        ends = np.flatnonzero(inside[:-1] & ~inside[1:])
        low = self._edge(points[begins], points[begins - 1])
        return low, self._edge(points[ends], points[ends + 1]), tops

    def _beyond(self, s: float, side: float) -> float:
        """A place on that side of `s` where the density is negligible."""
        for step in 2.0 ** np.arange(12):
            if not self.height(s + side * step) > -CUT:
                return s + side * step
        raise ArithmeticError(
            f"f: got a density that does not decay towards overlap {-side:g}, expected one that can be normalised"
        )

    def _edge(self, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """Where the density falls by `CUT`: to a nat, or at a wall to the last digit."""
        level = np.full(outside.shape, -np.inf)
        for _ in range(60):
            if (level > -CUT - 1).all():
                break
            middle = (inside + outside) / 2
            height = self.log_weight(middle)
            high = height > -CUT
            inside, outside = np.where(high, middle, inside), np.where(high, outside, middle)
            level = np.where(high, level, height)
        return outside

    def _edges_of(self, low: np.ndarray, high: np.ndarray, tops: np.ndarray) -> np.ndarray:
        """Of cells that cover the intervals; peaks and breaks are edges, where the rule is sure to see them."""
        number = max(_CELLS // low.size, _FEWEST)
        inner = np.concatenate([tops, self._breaks])
        inner = inner[(inner > low[0]) & (inner < high[-1])]
        return np.unique(np.concatenate([np.linspace(low, high, number + 1).reshape(-1), inner]))

    def _cells(self, edges: np.ndarray, noise: float) -> Cells:
        """Cells for the density and for the energy: where it is hot, only the energy shows a kink of the loss."""

        def weights(s: np.ndarray) -> np.ndarray:
            rise = self.rise(s, self.origin)
            weight = np.exp(np.minimum(self.power * self.origin.log_volume_change(s) - rise, _HIGHEST))
            return np.stack([weight, weight * np.where(weight > 0, rise, 0.0)])

        def allowed(size: np.ndarray) -> np.ndarray:
            return _UNCERTAIN * size.sum(axis=1, keepdims=True) + noise * (size + size[:1])

        return adaptive_cells(weights, edges, allowed, _MAXIMUM_CELLS)

    def _keep(self, cells: Cells) -> None:
        total = cells.parts[0].sum()
        self.error = float(cells.errors[0].sum() / total)
        self.s, self.mass, self.log_total = cells.nodes, cells.parts[0] / total, float(np.log(total))
        self._edges, probability = cells.edges, self.mass.sum(axis=1)
        below = np.concatenate([[0.0], np.cumsum(probability)])
        above = np.concatenate([np.cumsum(probability[::-1])[::-1], [0.0]])
        self._tails = (below, above)

    def mean(self, g: Callable[[np.ndarray], np.ndarray]) -> float:
        """The expectation of a function of the depth, in cells that are halved where it jumps or has a kink."""

        def density(s: np.ndarray) -> np.ndarray:
            weight = np.exp(self.log_weight(s) - self.log_total)
            return (weight * np.where(weight > 0, g(from_log_odds(s)), 0.0))[None]

        def allowed(size: np.ndarray) -> np.ndarray:
            return _UNCERTAIN * size.sum(axis=1, keepdims=True) + np.zeros_like(size)

        with np.errstate(invalid="ignore"):  # an infinite expectation is one
            # Few cells more are enough for jumps; rounding errors would be halved for ever.
            return float(adaptive_cells(density, self._edges, allowed, 4 * self._edges.size).parts.sum())

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
        return from_log_odds(self.quantile(p, upper))

    def quantile(self, p: np.ndarray, upper: bool) -> np.ndarray:
        """`s` with this probability below it, or above it; infinite at 0 and 1."""
        # From the end that is nearer: there the sums have their digits.
        near, far = self._solve(np.minimum(p, 0.5), upper), self._solve(np.minimum(1 - p, 0.5), not upper)
        sign = -1 if upper else 1
        return np.where(p == 0, -sign * np.inf, np.where(p == 1, sign * np.inf, np.where(p > 0.5, far, near)))

    def _tail(self, s: np.ndarray, upper: bool) -> np.ndarray:
        """The probability below `s`, or above it."""
        cell = np.clip(np.searchsorted(self._edges, s) - 1, 0, len(self._edges) - 2)
        return self._tail_in(cell, np.clip(s, self._edges[0], self._edges[-1]), int(upper))

    def _tail_in(self, cell: np.ndarray, s: np.ndarray, side: int) -> np.ndarray:
        """The probability on one side of `s`, which lies in that cell: that of whole cells, and a rule on the rest."""
        far = self._edges[cell + side]
        width = np.abs(s - far)[..., None] / 2
        nodes, weights = _PART
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
