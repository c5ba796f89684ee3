"""What is known of the stationary law of a chain, and by how much two solutions differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np

from thermo_ideal.numerics import gauss_legendre

_RULE = gauss_legendre(16, 0.0, 1.0)


@dataclass(frozen=True)
class ChainLaw:
    """A law in units of the SDE's stationary volume.

    Args:
        mean_depth: `E(1 − m)`.
        depth_variance: `Var m`.
        mean_loss: `E L`.
        loss_variance: `Var L`.
        entropy: of the direction.
        growth: `E ρ − 1` where the radius is fixed; NaN elsewhere.
        root_volume: `E √v`.
        log_volume: `E log v`.
        volume: `E v`.
        volume_variance: `Var v`.
        spectral_gap: `1 − |λ₂|` of a step.
        density: of the direction on the sphere, a function of arrays of depths.
        beyond: the probability of depths that are larger, a function of arrays of depths.
        errors: what the numbers are uncertain by.
    """

    mean_depth: float
    depth_variance: float
    mean_loss: float
    loss_variance: float
    entropy: float
    growth: float
    root_volume: float
    log_volume: float
    volume: float
    volume_variance: float
    spectral_gap: float
    density: Callable[[np.ndarray], np.ndarray]
    beyond: Callable[[np.ndarray], np.ndarray]
    errors: Mapping[str, float] = field(default_factory=dict)

    def with_errors(self, coarser: ChainLaw, at_least: float) -> ChainLaw:
        """The law with the change since a coarser solution as its errors.

        Args:
            coarser: the solution before.
            at_least: rounding, relative.
        """
        names = [x.name for x in fields(self) if x.type == "float"]
        pairs = {name: (getattr(self, name), getattr(coarser, name)) for name in names}
        return replace(self, errors={name: abs(a - b) + at_least * abs(a) for name, (a, b) in pairs.items()})

    @property
    def worst_error(self) -> float:
        """The largest of the errors, relative, that of a small entropy in nats; infinite where a number is none."""
        if not self.errors:
            return np.inf
        relative = ["mean_depth", "volume", "root_volume"] + ["growth"] * bool(np.isfinite(self.growth))
        errors = [self.errors[name] / abs(getattr(self, name)) for name in relative]
        worst = float(np.max([*errors, self.errors["entropy"] / max(abs(self.entropy), 1.0)]))
        return worst if np.isfinite(worst) else np.inf


class AngleCumulative:
    """The probability of depths beyond one, from the density of the angle in panels.

    Args:
        edges: of the panels in `θ`, in increasing order.
        density: of the angle, a function of arrays.
    """

    def __init__(self, edges: np.ndarray, density: Callable[[np.ndarray], np.ndarray]) -> None:
        self._edges, self._density = edges, density
        inside = self._to_edge(edges[:-1], edges[1:])
        self._above = np.concatenate([np.cumsum(inside[::-1])[::-1], [0.0]])

    def _to_edge(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        nodes, weights = _RULE
        width = np.asarray(high - low)[..., None]
        return np.asarray((self._density(low[..., None] + width * nodes) * width) @ weights)

    def __call__(self, depth: np.ndarray) -> np.ndarray:
        """`P(u' > u)`, between 0 and 1."""
        angle = 2 * np.arcsin(np.sqrt(np.clip(depth / 2, 0.0, 1.0)))
        inside = np.clip(angle, self._edges[0], self._edges[-1])
        panel = np.clip(np.searchsorted(self._edges, inside, side="right") - 1, 0, len(self._edges) - 2)
        beyond = self._above[panel + 1] + self._to_edge(inside, self._edges[panel + 1])
        return np.clip(beyond / self._above[0], 0.0, 1.0)
