"""Gibbs laws of functions of the overlap, by quadrature in the logarithm of the odds."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from thermo_ideal._arguments import as_unit, require_finite
from thermo_ideal.distributions._depth_quadrature import OddsQuadrature, Origin, from_odds, to_odds
from thermo_ideal.distributions._sampling import place
from thermo_ideal.special import log_sphere_area

_TOLERANCE = 1e-9


# What NumPy's own functions return: arrays, and scalars for scalars.
Numbers = np.ndarray | np.floating


def _elementwise(function: Callable[[np.ndarray], np.ndarray], x: Any) -> Numbers:
    x = np.asarray(x, np.float64)
    return function(x.reshape(-1)).reshape(x.shape)[()]


class Zonal:
    """The law on `S^{d−1}` with density `∝ e^{−f(m)/T}`, `m = μ·x`: the Gibbs law of a loss of the overlap alone.

    The overlap has the density `∝ e^{−f(m)/T} (1−m²)^{(d−3)/2}`. In `s = log((1−m)/(1+m))` that law is smooth, of width
    `√(2/(d−1))` or less, and decays exponentially, at any dimension and temperature. Every peak of it is integrated by
    Gauss–Legendre rules in 2,000 cells, split where two rules differ, and measured from the highest point, so that
    nothing large cancels; `quadrature_error` is what two rules differ by. Methods take and return NumPy arrays in
    double precision, on the host; the `depth_…` ones are those of `1 − m`, which keeps its digits where a law is cold.

    Args:
        f: the loss, a function of arrays of overlaps, smooth on a scale of 0.02 in `m`. It is called in double
            precision, with JAX's 64-bit mode on.
        dimension: `d ≥ 2`.
        temperature: `T > 0`.
        argument: "overlap", or "depth" if `f` is a function of `1 − m`.

    Raises:
        ValueError: an argument out of its range, or values of `f` that are NaN or −∞, or +∞ everywhere.
        ArithmeticError: the quadrature does not converge to a relative 10⁻⁹, or the rounding of `f/T` if more.

    Example:
        >>> from thermo_ideal.distributions import Zonal
        >>> law = Zonal(lambda u: u + u**2, dimension=1_000_000, temperature=1e-10, argument="depth")
        >>> f"{law.mean_depth:.4e}"  # (d − 1)T/2, but for a relative d T
        '4.9994e-05'
        >>> double_well = Zonal(lambda m: -(m**2), dimension=10, temperature=0.05)
        >>> round(float(double_well.quantile(0.25)), 3)
        -0.885
    """

    def __init__(
        self,
        f: Callable[[np.ndarray], Any],
        dimension: Any,
        temperature: Any = 1.0,
        *,
        argument: str = "overlap",
    ) -> None:
        if argument not in ("overlap", "depth"):
            raise ValueError(f"argument: got {argument!r}, expected 'overlap' for f(m) or 'depth' for f(1 − m)")
        self._loss = f if argument == "depth" else lambda u: f(1 - u)
        self._granularity = 0.0 if argument == "depth" else float(np.finfo(np.float64).eps)

        def rise(s: np.ndarray, origin: Origin) -> np.ndarray:
            base = self._loss_at(np.array([origin.depth]))
            return self._loss_at(from_odds(s)) - np.where(np.isfinite(base), base, 0.0)

        self._set_up(rise, dimension, temperature)

    @classmethod
    def linear(cls, dimension: float, temperature: float) -> "Zonal":
        """The loss `1 − m`, whose law is von Mises–Fisher with `κ = 1/T`; its differences are formed exactly.

        Args:
            dimension: `d ≥ 2`.
            temperature: `T > 0`.

        Raises:
            ValueError: an argument out of its range.

        Example:
            >>> from thermo_ideal.distributions import Zonal
            >>> round(Zonal.linear(3, 0.5).mean_depth, 4)  # 1 − coth 2 + 1/2
            0.4627
        """
        law = cls.__new__(cls)
        law._loss = lambda u: u
        law._granularity = 0.0
        law._set_up(lambda s, origin: origin.depth_change(s), dimension, temperature)
        return law

    def _set_up(self, rise: Callable[[np.ndarray, Origin], np.ndarray], dimension: Any, temperature: Any) -> None:
        for name, value, least in (("dimension", dimension, 2.0), ("temperature", temperature, 0.0)):
            require_finite(name, value)
            if np.ndim(value) or not (float(value) > least or float(value) == least == 2.0):
                wanted = "one number ≥ 2" if least else "one number > 0"
                raise ValueError(
                    f"{name}: got {value}, expected {wanted}, as in Zonal(f, dimension=3, temperature=0.1)"
                )
        self.dimension, self.temperature = float(dimension), float(temperature)
        T = self.temperature
        self._rise = rise
        self._law = OddsQuadrature(lambda s, origin: rise(s, origin) / T, self.dimension - 1, self._rounding)
        # Near m = 1 overlaps are far apart: a change of f from one to the next is an error that no rule can see.
        top = self._law.origin.depth
        coarse = np.abs(np.diff(self.loss(np.array([top, top + self._granularity]))))[0] / T
        self.quadrature_error = float(self._law.error + coarse)
        bound = _TOLERANCE + self._rounding(self._law.origin)
        if not self.quadrature_error < bound:
            raise ArithmeticError(
                f"f: the quadrature is uncertain by a relative {self.quadrature_error:.1e}, expected "
                f"{bound:.1e}; a cold "
                "law needs f as a function of the depth 1 − m, in double precision: Zonal(f, dimension, temperature, "
                'argument="depth"); a warm one needs f to be smooth on a scale of 0.02 in the overlap'
            )

    def _rounding(self, origin: Origin) -> float:
        return 8 * float(np.finfo(np.float64).eps * np.abs(self.loss(origin.depth)) / self.temperature)

    def loss(self, depth: Any) -> Numbers:
        """`f` at these depths.

        Args:
            depth: `1 − m`, between 0 and 2.

        Raises:
            ValueError: values that are NaN or −∞.
        """
        return _elementwise(self._loss_at, depth)

    def _loss_at(self, depth: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True), np.errstate(divide="ignore", over="ignore"):
            values = np.broadcast_to(np.asarray(self._loss(depth), np.float64), depth.shape)
        wrong = np.isnan(values) | np.isneginf(values)
        if wrong.any():
            bad = depth[wrong].flat[0]
            raise ValueError(f"f: got NaN or −∞ at overlap {1 - bad} (depth {bad}), expected a number or +∞")
        return values

    def expectation(self, g: Callable[[np.ndarray], np.ndarray]) -> float:
        """`E g(u)`, `u = 1 − m` the depth.

        Args:
            g: a function of arrays of depths.
        """
        return float(np.sum(self._law.mass * g(from_odds(self._law.s))))

    @property
    def mean_depth(self) -> float:
        """`E(1 − m)`."""
        change = np.sum(self._law.mass * self._law.origin.depth_change(self._law.s))
        return float(self._law.origin.depth + change)

    @property
    def mean_overlap(self) -> float:
        """`E m`."""
        return 1 - self.mean_depth

    @property
    def overlap_variance(self) -> float:
        """`Var m`."""
        change = self._law.origin.depth_change(self._law.s)
        return float(np.sum(self._law.mass * (change - np.sum(self._law.mass * change)) ** 2))

    @property
    def mean_loss(self) -> float:
        """`E f`, the internal energy."""
        return float(
            self.loss(self._law.origin.depth) + np.sum(self._law.mass * self._rise(self._law.s, self._law.origin))
        )

    @property
    def heat_capacity(self) -> float:
        """`Var f / T²`."""
        return float(self.cumulants(2)[1])

    def cumulants(self, order: int = 4) -> np.ndarray:
        """The cumulants of `f/T`: `U/T`, `C_V`, and those that derivatives of `C_V` are made of.

        With `k_n` the `n`-th, `T dk_n/dT = k_{n+1} − n k_n`; the mean aside they are sums of central moments.

        Args:
            order: how many, up to 5.

        Raises:
            ValueError: another order.

        Example:
            A cold law on the circle is normal, and its loss a square of it, whose cumulants are `(n − 1)!/2`:

            >>> from thermo_ideal.distributions import Zonal
            >>> [round(float(k), 3) for k in Zonal.linear(2, 1e-6).cumulants(5)]
            [0.5, 0.5, 1.0, 3.0, 12.0]
        """
        if order not in range(1, 6):
            raise ValueError(f"order: got {order}, expected a whole number from 1 to 5, as in cumulants(4)")
        mass = self._law.mass
        rise = np.where(mass > 0, self._rise(self._law.s, self._law.origin) / self.temperature, 0.0)
        mean = np.sum(mass * rise)
        apart = rise - mean
        square = mass * apart**2
        k2, k3, m4, m5 = (np.sum(square * power) for power in (1.0, apart, apart**2, apart * apart**2))
        first = self.loss(self._law.origin.depth) / self.temperature + mean
        return np.array([first, k2, k3, m4 - 3 * k2**2, m5 - 10 * k2 * k3])[:order]

    @property
    def entropy(self) -> float:
        """Differential entropy on `S^{d−1}` in nats, with respect to the surface measure."""
        rise = np.sum(self._law.mass * self._rise(self._law.s, self._law.origin)) / self.temperature
        return float(self._log_volume() + rise)

    @property
    def log_normalizer(self) -> float:
        """`−log ∫ e^{−f/T}` over the sphere: the density is `e^{log_normalizer − f/T}`."""
        return float(self.loss(self._law.origin.depth) / self.temperature - self._log_volume())

    def _log_volume(self) -> float:
        """`log ∫ e^{−(f − f₀)/T}` over the sphere, `f₀` the loss at the origin."""
        s = abs(self._law.origin.s)
        log_sech = np.log(2) - s / 2 - np.log1p(np.exp(-s))
        area = float(log_sphere_area(self.dimension - 1))
        return float(area - np.log(2) + (self.dimension - 1) * log_sech + self._law.log_total)

    def depth_pdf(self, depth: Any) -> Numbers:
        """The density of `1 − m`.

        Args:
            depth: any numbers; outside (0, 2) the density is 0.
        """
        return _elementwise(self._depth_pdf, depth)

    def _depth_pdf(self, u: np.ndarray) -> np.ndarray:
        known, inside = ~np.isnan(u), (u > 0) & (u < 2)
        u = np.where(inside, u, 1.0)
        log_density = self._law.log_weight(to_odds(u)) - self._law.log_total - np.log(u * (2 - u) / 2)
        return np.where(inside, np.exp(log_density), np.where(known, 0.0, np.nan))

    def depth_cdf(self, depth: Any) -> Numbers:
        """`P(1 − m ≤ depth)`, with full relative precision where it is small.

        Args:
            depth: any numbers.
        """
        return self._tail(depth, upper=False)

    def depth_sf(self, depth: Any) -> Numbers:
        """`P(1 − m > depth)`, with full relative precision where it is small.

        Args:
            depth: any numbers.
        """
        return self._tail(depth, upper=True)

    def _tail(self, depth: Any, upper: bool) -> Numbers:
        def tail(u: np.ndarray) -> np.ndarray:
            inside = (u > 0) & (u < 2)
            probability = np.minimum(self._law.tail(to_odds(np.where(inside, u, 1.0)), upper), 1.0)
            outside = np.where(np.isnan(u), np.nan, (u <= 0) if upper else (u >= 2))
            return np.where(inside, probability, outside)

        return _elementwise(tail, depth)

    def depth_quantile(self, probability: Any, *, upper: bool = False) -> Numbers:
        """The depth below which (or with `upper` above which) the law has this probability.

        Args:
            probability: between 0 and 1; below 10⁻²⁶ the law is cut off.
            upper: count from the other end, which keeps the digits of a small probability there.

        Raises:
            ValueError: a probability out of its range.
        """
        p = np.asarray(probability, np.float64)
        if not ((p >= 0) & (p <= 1)).all():
            bad = p[~((p >= 0) & (p <= 1))].flat[0]
            raise ValueError(f"probability: got {bad}, expected a number from 0 to 1")

        def solve(p: np.ndarray) -> np.ndarray:
            # From the end that is nearer: there the sums have their digits.
            near, far = self._law.solve(np.minimum(p, 0.5), upper), self._law.solve(np.minimum(1 - p, 0.5), not upper)
            u = from_odds(np.where(p > 0.5, far, near))
            ends = (2.0, 0.0) if upper else (0.0, 2.0)
            return np.where(p == 0, ends[0], np.where(p == 1, ends[1], u))

        return _elementwise(solve, p)

    def pdf(self, overlap: Any) -> Numbers:
        """The density of `m`, `∝ e^{−f(m)/T} (1−m²)^{(d−3)/2}`.

        Args:
            overlap: any numbers; outside (−1, 1) the density is 0.
        """
        return self.depth_pdf(1 - np.asarray(overlap, np.float64))

    def cdf(self, overlap: Any) -> Numbers:
        """`P(m ≤ overlap)`.

        Args:
            overlap: any numbers.
        """
        return self.depth_sf(1 - np.asarray(overlap, np.float64))

    def quantile(self, probability: Any) -> Numbers:
        """The overlap below which the law has this probability.

        Args:
            probability: between 0 and 1.

        Raises:
            ValueError: a probability out of its range.
        """
        return 1 - self.depth_quantile(probability, upper=True)

    def sample_depth(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample"]:
        """Independent draws of `1 − m`, by inversion.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.
        """
        with jax.enable_x64(True):
            uniform = np.asarray(jax.random.uniform(key, sample_shape, jnp.float64))
        return jnp.asarray(self.depth_quantile(uniform), float)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample"]:
        """Independent draws of the overlap `m`, by inversion.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.
        """
        return 1 - self.sample_depth(key, sample_shape)

    def sample_directions(
        self, key: PRNGKeyArray, mean_direction: Any, sample_shape: tuple[int, ...] = ()
    ) -> Float[Array, "*sample d"]:
        """Independent vectors of the law about this axis, in `O(d)` each.

        Args:
            key: a JAX key.
            mean_direction: `μ`, a unit vector of shape `(d,)`.
            sample_shape: the shape of the sample, before the vector's own axis.

        Raises:
            ValueError: no unit vector, or one of another dimension.
        """
        mu = as_unit("mean_direction", mean_direction)
        if mu.size != self.dimension:
            raise ValueError(f"mean_direction: got {mu.size} components, expected {self.dimension:g} as in the law")
        depth_key, place_key = jax.random.split(key)
        depth = self.sample_depth(depth_key, sample_shape).reshape(-1)
        return place(place_key, mu, depth).reshape(*sample_shape, mu.size)
