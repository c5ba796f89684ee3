"""Panels of the angle `θ` to `μ`: where a law may be, where its loss has kinks, and how wide its steps are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from thermo_ideal.dynamics import temperature
from thermo_ideal.numerics import adaptive_cells, chi_square_rule, gauss_legendre, hermite
from thermo_ideal.verification._chain import Chain
from thermo_ideal.verification._step_density import Sources

ORDER = 16  # nodes of a panel
_NODES, _WEIGHTS = gauss_legendre(ORDER, 0.0, 1.0)
_BARYCENTRIC = np.array([1 / np.prod(x - np.delete(_NODES, i)) for i, x in enumerate(_NODES)])
_SCAN, _POLE, _CUT = np.linspace(-54.0, 54.0, 4001), 1e-12, 45.0  # of the log-odds of the depth, and of the Gibbs law
_BAND = 0.25
_MOST_PANELS = 4000
_PLACES = 129  # where the width of a step is looked at
_EDGE, _MOST_KINKS = 1e-6, 40  # of a window; more are rounding errors of a loss
_CELLS, _MOST_CELLS, _NARROW, _SMOOTH = 64, 2000, 1e-3, 1e-10  # for the kinks of a loss


@dataclass(frozen=True)
class Panels:
    """Gauss–Legendre nodes in panels.

    Args:
        edges: of the panels, in increasing order.
    """

    edges: np.ndarray

    @cached_property
    def nodes(self) -> np.ndarray:
        """`θ`."""
        return np.asarray((self.edges[:-1, None] + np.diff(self.edges)[:, None] * _NODES).ravel())

    @cached_property
    def weights(self) -> np.ndarray:
        """Of the nodes."""
        return np.asarray((np.diff(self.edges)[:, None] * _WEIGHTS).ravel())

    def interpolate(self, values: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """A function at angles between the ends, from its values at the nodes.

        Args:
            values: at the nodes.
            angle: `θ`, any shape.
        """
        panel = np.clip(np.searchsorted(self.edges, angle, side="right") - 1, 0, len(self.edges) - 2)
        x = (angle - self.edges[panel]) / np.diff(self.edges)[panel]
        apart = x[..., None] - _NODES
        apart = np.where(np.abs(apart) < 1e-200, 1e-200, apart)
        shares = _BARYCENTRIC / apart
        own = values.reshape(-1, ORDER)[panel]
        return np.asarray((shares * own).sum(axis=-1) / shares.sum(axis=-1))


def gibbs_window(chain: Chain) -> tuple[float, float]:
    """The angles between which the Gibbs law, with all of its peaks, is not negligible.

    Args:
        chain: the step.
    """
    theta = np.concatenate([[_POLE], 2 * np.arctan(np.exp(_SCAN / 2)), [np.pi - _POLE]])
    T = temperature(chain.effective_learning_rate, chain.noise_scale)
    exponent = (chain.dimension - 2) * np.log(np.sin(theta)) - chain.loss(2 * np.sin(theta / 2) ** 2) / T
    exponent = np.where(np.isfinite(exponent), exponent, -np.inf)
    inside = np.flatnonzero(exponent > exponent.max() - _CUT)
    return float(theta[max(inside[0] - 1, 0)]), float(theta[min(inside[-1] + 1, len(theta) - 1)])


def kinks(chain: Chain, low: float, high: float) -> np.ndarray:
    """The angles at which the loss or its slope jumps, or has a kink.

    Args:
        chain: the step.
        low: where they are looked for.
        high: the end of that.
    """

    def values(theta: np.ndarray) -> np.ndarray:
        u = 2 * np.sin(theta / 2) ** 2
        return np.stack([chain.loss(u), np.nan_to_num(chain.slope(u) * np.sin(theta))])

    def allowed(size: np.ndarray) -> np.ndarray:
        return np.broadcast_to(_SMOOTH * (size.sum(axis=1, keepdims=True) + 1e-300), size.shape)

    cells = adaptive_cells(values, np.linspace(low, high, _CELLS + 1), allowed, _MOST_CELLS)
    width = cells.high - cells.low
    narrow = np.concatenate([[False], width < _NARROW * (high - low) / _CELLS, [False]])
    begins, ends = np.flatnonzero(narrow[1:] & ~narrow[:-1]), np.flatnonzero(~narrow[1:] & narrow[:-1])
    found = [begin + int(np.argmin(width[begin:end])) for begin, end in zip(begins, ends, strict=True)]
    middle = (cells.low + cells.high)[found] / 2
    inside = _EDGE * (high - low)
    middle = middle[(middle > low + inside) & (middle < high - inside)]
    return middle if len(middle) <= _MOST_KINKS else np.zeros(0)


def step_width(sources: Callable[[np.ndarray], Sources], theta: np.ndarray) -> np.ndarray:
    """The angle over which the density of a step changes, where it begins or where it ends, whichever is less.

    Args:
        sources: the sources at angles.
        theta: the angles.
    """

    def after(angle: np.ndarray) -> np.ndarray:
        at = sources(angle)
        a, a_weights = hermite(0.0, 1.0, 8).quadrature(8)
        q, q_weights = chi_square_rule(at.dimension - 2, 8)
        c, s, m = at.shrink[:, None, None], np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
        t = at.drift[:, None, None] + at.noise[:, None, None] * a[:, None]
        p = at.noise[:, None, None] * np.sqrt(q)
        ends = np.arctan2(np.hypot(c * s - t * m, p), c * m + t * s)
        weights = np.outer(a_weights, q_weights)
        mean = (ends * weights).sum(axis=(1, 2))
        return np.stack([mean, np.sqrt(((ends - mean[:, None, None]) ** 2 * weights).sum(axis=(1, 2)))])

    width = after(theta)[1]
    apart = np.minimum(1e-3 * width, np.minimum(theta, np.pi - theta) / 2)
    pull = np.abs(after(theta + apart)[0] - after(theta - apart)[0]) / (2 * apart)
    at = sources(theta)  # steps much longer than 1 end in a narrow band at the equator of where they begin
    band = _BAND * np.abs(at.shrink) / np.hypot(at.shrink, at.noise * np.sqrt(at.dimension - 1))
    return np.asarray(np.minimum(width / np.maximum(pull, 1.0), band))


def panels_of(
    sources: Callable[[np.ndarray], Sources],
    low: float,
    high: float,
    fineness: float,
    breaks: np.ndarray,
    more: int = 0,
) -> Panels:
    """Panels as wide as so many widths of a step.

    Args:
        sources: the sources at angles.
        low: where they begin.
        high: where they end.
        fineness: the width of a panel in widths of a step, over the nodes of a panel.
        breaks: ends of panels.
        more: panels, so that a finer rule is one.
    """
    breaks = breaks[(breaks > low) & (breaks < high)]
    stops = np.concatenate([[low], breaks, [high]])
    edges = [np.array([low])]
    for begin, end in pairwise(stops):
        places = begin + (end - begin) * (0.5 + np.arange(_PLACES)) / _PLACES
        steps = np.cumsum((end - begin) / _PLACES / step_width(sources, places))
        number = int(np.ceil(steps[-1] / (fineness * ORDER))) if steps[-1] < 1e9 else 10**9
        if number > _MOST_PANELS:
            raise ArithmeticError("more nodes would be needed than there may be")
        marks = np.linspace(0.0, steps[-1], number + more + 1)
        ends = np.linspace(begin, end, _PLACES + 1)
        edges.append(np.interp(marks, np.concatenate([[0.0], steps]), ends)[1:])
        edges[-1][-1] = end
    return Panels(np.concatenate(edges))
