"""Gibbs laws of functions of the overlap, by quadrature in the log-odds of the depth."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from thermo_ideal._arguments import as_unit, require_finite
from thermo_ideal.distributions._abstract_law import AbstractSphericalLaw
from thermo_ideal.distributions._depth_quadrature import SCAN, LogOddsQuadrature, Origin, from_log_odds, to_log_odds
from thermo_ideal.distributions._overlap_law import AbstractOverlapLaw, Numbers, elementwise, on_host
from thermo_ideal.distributions._sampling import Heights, SampleShape, as_shape
from thermo_ideal.distributions._zonal_loss import GivenLoss, HostLoss, LinearLoss
from thermo_ideal.numerics import local_maxima
from thermo_ideal.special import log_sphere_area

_TOLERANCE = 1e-9


class Zonal(AbstractOverlapLaw, AbstractSphericalLaw):
    """The law on `S^{d−1}` with density `∝ e^{−f(m)/T}`, `m = μ·x`: the Gibbs law of a loss of the overlap alone.

    The overlap has the density `∝ e^{−f(m)/T} (1−m²)^{(d−3)/2}`. In `s = log((1−m)/(1+m))` that law is smooth, of width
    `√(2/(d−1))` or less, and decays exponentially, at any dimension and temperature. It is integrated by Gauss's rule
    in 1,000 cells, halved where the values in them, and at both of their ends, are no polynomial, and measured from the
    highest point, so that nothing large cancels; `quadrature_error` bounds what is left. Methods take and return NumPy
    arrays in double precision, on the host, except for draws and vectors, which are JAX arrays; the `depth_…` ones are
    those of `1 − m`, which keeps its digits where a law is cold.

    Args:
        f: the loss, a function of arrays of overlaps, whose wells are wider than 10⁻⁴ in `m`; it may jump and have
            kinks. It is called in double precision, with JAX's 64-bit mode on.
        dimension: `d ≥ 2`. Where there is no direction it may be any real number.
        temperature: `T > 0`.
        argument: "overlap", or "depth" if `f` is a function of `1 − m`.
        mean_direction: `μ`, a unit vector of shape `(d,)`, or `(*batch, d)` for laws about several axes. It may be left
            out: only what gives vectors needs it.
        breakpoints: values of the argument of `f` at which it jumps or has a kink, and both sides of each well that is
            too narrow to be found. Jumps and kinks are found without, by halving cells, at a higher cost.

    Attributes:
        temperature: `T`.
        quadrature_error: relative, of integrals over the law.
        mean_direction: `μ`, or None.

    Raises:
        ValueError: an argument out of its range, or values of `f` that are NaN or −∞, or +∞ everywhere.
        ArithmeticError: the quadrature does not converge to a relative 10⁻⁹, or the rounding of `f/T` if more.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import Zonal
        >>> law = Zonal(lambda u: u + u**2, dimension=1_000_000, temperature=1e-10, argument="depth")
        >>> f"{law.mean_depth:.4e}"  # (d − 1)T/2, but for a relative d T
        '4.9994e-05'
        >>> double_well = Zonal(lambda m: -(m**2), dimension=10, temperature=0.05)
        >>> round(float(double_well.quantile(0.25)), 3)
        -0.885
        >>> double_well.about(jnp.eye(10)[0]).sample(jax.random.key(0), (3,)).shape
        (3, 10)

    Source: arXiv 2511.07308, the stationary law of SGD with isotropic noise; Mardia & Jupp, Directional Statistics,
        section 9.3.4.
    """

    temperature: float
    quadrature_error: float
    mean_direction: Float[Array, "*batch d"] | None
    _dimension: float
    _loss: HostLoss
    _quadrature: LogOddsQuadrature

    def __init__(
        self,
        f: Callable[[np.ndarray], Any],
        dimension: Any,
        temperature: Any = 1.0,
        *,
        argument: str = "overlap",
        mean_direction: Any = None,
        breakpoints: Any = (),
    ) -> None:
        self._loss = loss = f if isinstance(f, LinearLoss) else GivenLoss(f, argument)
        for name, value, minimum in (("dimension", dimension, 2.0), ("temperature", temperature, 0.0)):
            require_finite(name, value)
            if np.ndim(value) or not (float(value) > minimum or float(value) == minimum == 2.0):
                expected = "one number ≥ 2" if minimum else "one number > 0"
                raise ValueError(
                    f"{name}: got {value}, expected {expected}, as in Zonal(f, dimension=3, temperature=0.1)"
                )
        self._dimension, self.temperature = float(dimension), float(temperature)
        self.mean_direction = None if mean_direction is None else self._as_axis(mean_direction)
        T = self.temperature
        self._quadrature = LogOddsQuadrature(
            lambda s, origin: loss.rise(s, origin) / T, self.dimension - 1, self._rounding, loss.log_odds(breakpoints)
        )
        # Near m = 1 overlaps are far apart: a change of f from one to the next is an error that no rule can see. On one
        # side of the highest point there may be a wall.
        top, gap = self._quadrature.origin.depth, loss.granularity
        beside = self.loss(np.array([top + gap, top - gap] if top > gap else [top + gap]))
        coarse = np.abs(beside - self.loss(top)).min() / T
        self.quadrature_error = float(self._quadrature.error + coarse)
        bound = _TOLERANCE + self.rounding
        if not self.quadrature_error < bound:
            raise ArithmeticError(
                f"f: the quadrature is uncertain by a relative {self.quadrature_error:.1e}, expected {bound:.1e}; a "
                "cold law needs f as a function of the depth 1 − m, in double precision: Zonal(f, dimension, "
                'temperature, argument="depth"); a warm one needs f in double precision, and the places where it jumps '
                "in breakpoints=[…]"
            )

    @classmethod
    def linear(cls, dimension: float, temperature: float, mean_direction: Any = None) -> "Zonal":
        """The loss `1 − m`, whose law is von Mises–Fisher with `κ = 1/T`; its differences are formed exactly.

        Args:
            dimension: `d ≥ 2`.
            temperature: `T > 0`.
            mean_direction: `μ`, or None.

        Returns:
            The law.

        Raises:
            ValueError: an argument out of its range.

        Example:
            >>> from thermo_ideal.distributions import Zonal
            >>> round(Zonal.linear(3, 0.5).mean_depth, 4)  # 1 − coth 2 + 1/2
            0.4627
        """
        return cls(LinearLoss(), dimension, temperature, argument="depth", mean_direction=mean_direction)

    def about(self, mean_direction: Any) -> "Zonal":
        """The same law about this axis; nothing is integrated again.

        Args:
            mean_direction: `μ`, a unit vector of shape `(d,)`, or `(*batch, d)` for laws about several axes.

        Returns:
            The law.

        Raises:
            ValueError: no unit vectors, or of another dimension.
        """
        axis = self._as_axis(mean_direction)
        return eqx.tree_at(lambda law: law.mean_direction, self, axis, is_leaf=lambda leaf: leaf is None)

    def _as_axis(self, mean_direction: Any) -> Array:
        axis = as_unit("mean_direction", mean_direction)
        if axis.shape[-1] != self.dimension:
            raise ValueError(
                f"mean_direction: got {axis.shape[-1]} components, expected {self.dimension:g}, the law's dimension, "
                f"as in mean_direction=jnp.eye({self.dimension:g})[0]"
            )
        return axis

    @property
    def rounding(self) -> float:
        """The relative error of the density at its highest point that the rounding of `f/T` makes."""
        return self._rounding(self._quadrature.origin)

    def _rounding(self, origin: Origin) -> float:
        return 8 * float(np.finfo(np.float64).eps * np.abs(self.loss(origin.depth)) / self.temperature)

    @property
    def dimension(self) -> float:
        """`d`."""
        return self._dimension

    @property
    def axis(self) -> Float[Array, "*batch d"] | None:
        """`μ`, or None."""
        return self.mean_direction

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """That of the axes."""
        return () if self.mean_direction is None else self.mean_direction.shape[:-1]

    @property
    def exponential_concentration(self) -> None:
        """None: the law is known by quadrature, also where it happens to be von Mises–Fisher."""

    def overlap_law(self) -> "Zonal":
        """The law itself."""
        return self

    def loss(self, depth: Any) -> Numbers:
        """`f` at these depths.

        Args:
            depth: `1 − m`, between 0 and 2.

        Returns:
            Its values, in the shape of the depths.

        Raises:
            ValueError: values that are NaN or −∞.
        """
        return elementwise(self._loss.at_depth, depth)

    def _rise(self) -> np.ndarray:
        """At the nodes, `f/T` less that of the origin."""
        return self._loss.rise(self._quadrature.s, self._quadrature.origin) / self.temperature

    @property
    def mode_depth(self) -> float:
        """The depth at which `f` is lowest: 0 or 2 where a pole is one of several such places."""
        places, heights = local_maxima(lambda s: -np.asarray(self.loss(from_log_odds(s))), self._quadrature.points)
        highest = int(np.argmax(heights))
        for pole, end in ((0.0, SCAN[0]), (2.0, SCAN[-1])):
            if -self.loss(from_log_odds(end)) >= heights[highest]:
                return pole
        return float(from_log_odds(places[highest]))

    @property
    def mean_loss(self) -> float:
        """`E f`, the internal energy."""
        return float(self.loss(self._quadrature.origin.depth)) + self.temperature * self._mean(self._rise())

    @property
    def heat_capacity(self) -> float:
        """`Var f / T²`."""
        return float(self.cumulants(2)[1])

    def cumulants(self, order: int = 4) -> np.ndarray:
        """The cumulants of `f/T`: `U/T`, `C_V`, and those that derivatives of `C_V` are made of.

        With `k_n` the `n`-th, `T dk_n/dT = k_{n+1} − n k_n`; the mean aside they are sums of central moments.

        Args:
            order: how many, up to 5.

        Returns:
            `k_1 … k_order`.

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
        mass = self._quadrature.mass
        rise = np.where(mass > 0, self._rise(), 0.0)
        mean = np.sum(mass * rise)
        apart = rise - mean
        square = mass * apart**2
        k2, k3, m4, m5 = (np.sum(square * power) for power in (1.0, apart, apart**2, apart * apart**2))
        first = self.loss(self._quadrature.origin.depth) / self.temperature + mean
        return np.array([first, k2, k3, m4 - 3 * k2**2, m5 - 10 * k2 * k3])[:order]

    def entropy(self) -> Numbers:
        """`−E log p` on `S^{d−1}` in nats, with respect to the surface measure.

        Returns:
            A number for each law of the batch, which is the same for all.
        """
        return np.broadcast_to(self._log_volume() + self._mean(self._rise()), self.batch_shape)[()]

    @property
    def log_normalizer(self) -> float:
        """`−log ∫ e^{−f/T}` over the sphere: the density is `e^{log_normalizer − f/T}`."""
        return float(self.loss(self._quadrature.origin.depth) / self.temperature - self._log_volume())

    def _log_volume(self) -> float:
        """`log ∫ e^{−(f − f₀)/T}` over the sphere, `f₀` the loss at the origin."""
        s = abs(self._quadrature.origin.s)
        log_sech = np.log(2) - s / 2 - np.log1p(np.exp(-s))
        area = float(log_sphere_area(self.dimension - 1))
        return float(area - np.log(2) + (self.dimension - 1) * log_sech + self._quadrature.log_total)

    def log_density(self, depth: Any) -> Numbers:
        """`log p` on the sphere with respect to the surface measure, as a function of the depth.

        Args:
            depth: `1 − m`, between 0 and 2.

        Returns:
            `−∞` where the loss is infinite.
        """
        origin, T = self._quadrature.origin, self.temperature
        return -self._log_volume() - elementwise(lambda u: self._loss.rise(to_log_odds(u), origin) / T, depth)

    def log_prob(self, x: Any) -> Numbers:
        """`log p` of vectors, `log_normalizer − f(μ·x)/T`, from the depth `|x − μ|²/2`.

        Args:
            x: unit vectors along the last axis; the axes before it broadcast against the batch.

        Returns:
            A number for each vector, in double precision.

        Raises:
            ValueError: the law has no direction; or the vectors have another dimension, or a norm that is not 1 within
                10⁻³, or are being traced.
        """
        axis = np.asarray(self._known_axis("log_prob"), np.float64)
        x = on_host("x", self.as_unit_vectors(x))
        return self.log_density(np.minimum(np.sum((x - axis) ** 2, axis=-1) / 2, 2.0))

    def sample_depth(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Float[Array, "..."]:
        """Independent draws of `1 − m` by inversion, of shape `(*sample_shape, *batch_shape)`.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.
        """
        return self.sample_heights(key, sample_shape).below

    def sample_heights(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Heights:
        """The depths of `sample_depth`, and heights above `−μ` from the same log-odds.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.
        """
        with jax.enable_x64(True):
            uniform = np.asarray(jax.random.uniform(key, (*as_shape(sample_shape), *self.batch_shape), jnp.float64))
        s = np.asarray(elementwise(lambda p: self._quadrature.quantile(p, upper=False), uniform))
        return Heights(*(jnp.asarray(from_log_odds(odds), float) for odds in (s, -s)))
