"""The law of the overlap `m = μ·x` of a zonal law, by quadrature."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from thermo_ideal._arguments import require_real
from thermo_ideal.distributions._depth_quadrature import LogOddsQuadrature

# What NumPy's own functions return: arrays, and scalars for scalars.
Numbers = np.ndarray | np.floating


def on_host(name: str, x: Any) -> np.ndarray:
    """An argument in double precision on the host.

    Raises:
        ValueError: what is no real number, or is being traced.
    """
    if isinstance(x, jax.core.Tracer):
        raise ValueError(
            f"{name}: got values that are being traced, expected numbers; a law by quadrature is worked out on the "
            "host, so call it outside jit, or take VonMisesFisher, whose methods are traced"
        )
    require_real(name, x)
    try:
        return np.asarray(x, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: got {x!r}, expected an array of real numbers") from error


def elementwise(function: Callable[[np.ndarray], np.ndarray], x: Any, name: str = "depth") -> Numbers:
    x = on_host(name, x)
    return function(x.reshape(-1)).reshape(x.shape)[()]


class AbstractOverlapLaw(eqx.Module):
    """The law of `m = μ·x` and of the depth `u = 1 − m`, which keeps its digits where the law is cold.

    Methods take and return NumPy arrays in double precision, on the host.
    """

    _quadrature: eqx.AbstractVar[LogOddsQuadrature]

    @property
    @abc.abstractmethod
    def dimension(self) -> float:
        """`d`, of the vectors `x`."""

    @abc.abstractmethod
    def log_density(self, depth: Any) -> Numbers:
        """The logarithm of the density of `x` on the sphere, as a function of the depth.

        Args:
            depth: `u`, between 0 and 2.

        Returns:
            A number for each depth; −∞ where the density vanishes.
        """

    @property
    def points(self) -> np.ndarray:
        """Values of `s = log(u/(2 − u))` that are close enough to each other to see whatever the density does."""
        return self._quadrature.points

    def expectation(self, g: Callable[[np.ndarray], np.ndarray]) -> float:
        """`E g(u)`, `u = 1 − m` the depth.

        Args:
            g: a function of arrays of depths.

        Returns:
            The expectation; where the law has no mass, values do not matter.
        """
        return self._quadrature.mean(g)

    def _mean(self, values: np.ndarray) -> float:
        """The expectation of what has these values at the nodes; without mass an infinite one counts nothing."""
        mass = self._quadrature.mass
        return float(np.sum(mass * np.where(mass > 0, values, 0.0)))

    def _depth_change(self) -> np.ndarray:
        """At the nodes, the depth less that of the origin."""
        return self._quadrature.origin.depth_change(self._quadrature.s)

    @property
    def mean_depth(self) -> float:
        """`E(1 − m)`."""
        return self._quadrature.origin.depth + self._mean(self._depth_change())

    @property
    def mean_overlap(self) -> float:
        """`E m`."""
        return 1 - self.mean_depth

    @property
    def overlap_variance(self) -> float:
        """`Var m`."""
        change = self._depth_change()
        return self._mean((change - self._mean(change)) ** 2)

    def depth_pdf(self, depth: Any) -> Numbers:
        """The density of `1 − m`.

        Args:
            depth: any numbers; outside (0, 2) the density is 0.

        Returns:
            A number for each depth.
        """
        return elementwise(self._quadrature.depth_density, depth)

    def depth_cdf(self, depth: Any) -> Numbers:
        """`P(1 − m ≤ depth)`, with full relative precision where it is small.

        Args:
            depth: any numbers.

        Returns:
            A probability for each depth.
        """
        return elementwise(lambda u: self._quadrature.depth_tail(u, upper=False), depth)

    def depth_sf(self, depth: Any) -> Numbers:
        """`P(1 − m > depth) = 1 − depth_cdf(depth)`, without the cancellation where it is small.

        Args:
            depth: any numbers.
        """
        return elementwise(lambda u: self._quadrature.depth_tail(u, upper=True), depth)

    def depth_quantile(self, probability: Any, *, upper: bool = False) -> Numbers:
        """The depth below which (or with `upper` above which) the law has this probability.

        Args:
            probability: between 0 and 1; below 10⁻²⁶ the law is cut off.
            upper: count from the other end, which keeps the digits of a small probability there.

        Returns:
            A depth for each probability.

        Raises:
            ValueError: a probability out of its range.
        """
        p = on_host("probability", probability)
        if not ((p >= 0) & (p <= 1)).all():
            bad = p[~((p >= 0) & (p <= 1))].flat[0]
            raise ValueError(f"probability: got {bad}, expected a number from 0 to 1")
        return elementwise(lambda p: self._quadrature.depth_quantile(p, upper), p)

    def pdf(self, overlap: Any) -> Numbers:
        """The density of `m`, `∝ e^{−f(m)/T} (1−m²)^{(d−3)/2}`.

        Args:
            overlap: any numbers; outside (−1, 1) the density is 0.

        Returns:
            A number for each overlap.
        """
        return self.depth_pdf(1 - on_host("overlap", overlap))

    def cdf(self, overlap: Any) -> Numbers:
        """`P(m ≤ overlap)`.

        Args:
            overlap: any numbers.

        Returns:
            A probability for each overlap.
        """
        return self.depth_sf(1 - on_host("overlap", overlap))

    def quantile(self, probability: Any) -> Numbers:
        """The overlap below which the law has this probability.

        Args:
            probability: between 0 and 1.

        Returns:
            An overlap for each probability.

        Raises:
            ValueError: a probability out of its range.
        """
        return 1 - self.depth_quantile(probability, upper=True)
