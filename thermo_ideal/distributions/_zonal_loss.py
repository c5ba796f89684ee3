"""Losses of the overlap, evaluated on the host in double precision."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from thermo_ideal.distributions._depth_quadrature import Origin, from_log_odds, to_log_odds
from thermo_ideal.distributions._overlap_law import on_host


@runtime_checkable
class HostLoss(Protocol):
    """A loss as the quadrature needs it.

    Attributes:
        granularity: how far apart the depths are that its argument tells apart near `m = 1`.
    """

    granularity: float

    def log_odds(self, points: Any) -> np.ndarray:
        """The log-odds of the depth at values of its argument."""

    def at_depth(self, depth: np.ndarray) -> np.ndarray:
        """Its values."""

    def rise(self, s: np.ndarray, origin: Origin) -> np.ndarray:
        """Its values at the log-odds `s` of the depth, less that at the origin."""


class GivenLoss:
    """A user's function of the overlap or of the depth.

    Args:
        f: the function.
        argument: "overlap" or "depth".

    Raises:
        ValueError: another argument; on a call, values that are NaN or −∞.
    """

    def __init__(self, f: Callable[[np.ndarray], Any], argument: str) -> None:
        if argument not in ("overlap", "depth"):
            raise ValueError(f"argument: got {argument!r}, expected 'overlap' for f(m) or 'depth' for f(1 − m)")
        self._function = f if argument == "depth" else lambda u: f(1 - u)
        self._argument = argument
        self.granularity = 0.0 if argument == "depth" else float(np.finfo(np.float64).eps)

    def log_odds(self, points: Any) -> np.ndarray:
        """Of overlaps or depths, none of which may be a pole."""
        x = on_host("breakpoints", points).reshape(-1)
        low, high = (0.0, 2.0) if self._argument == "depth" else (-1.0, 1.0)
        wrong = ~((x > low) & (x < high))
        if wrong.any():
            raise ValueError(
                f"breakpoints: got {x[wrong][0]:g}, expected numbers between {low:g} and {high:g}, the ends of the "
                f"{self._argument}, as in breakpoints=[{(low + high) / 2 + 0.25:g}]"
            )
        return to_log_odds(x) if self._argument == "depth" else np.log1p(-x) - np.log1p(x)

    def at_depth(self, depth: np.ndarray) -> np.ndarray:
        """`f(1 − u)` or `f(u)`."""
        with jax.enable_x64(True), np.errstate(divide="ignore", over="ignore"):
            values = np.broadcast_to(np.asarray(self._function(depth), np.float64), depth.shape)
        wrong = np.isnan(values) | np.isneginf(values)
        if wrong.any():
            bad = depth[wrong].flat[0]
            raise ValueError(f"f: got NaN or −∞ at overlap {1 - bad} (depth {bad}), expected a number or +∞")
        return values

    def rise(self, s: np.ndarray, origin: Origin) -> np.ndarray:
        """A difference of two values, with their rounding."""
        base = self.at_depth(np.array([origin.depth]))
        return self.at_depth(from_log_odds(s)) - np.where(np.isfinite(base), base, 0.0)


class LinearLoss:
    """`f = 1 − m` as a function of the depth, whose differences are formed exactly."""

    granularity = 0.0

    def log_odds(self, points: Any) -> np.ndarray:
        """None: the loss is smooth."""
        return np.zeros(0)

    def __call__(self, depth: np.ndarray) -> np.ndarray:
        """`u`."""
        return depth

    def at_depth(self, depth: np.ndarray) -> np.ndarray:
        """`u`."""
        return self(depth)

    def rise(self, s: np.ndarray, origin: Origin) -> np.ndarray:
        """`u(s)` less the depth of the origin."""
        return origin.depth_change(s)
