"""The contract of laws on the sphere."""

import abc
from dataclasses import fields
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from thermo_ideal._arguments import require_real
from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import listing
from thermo_ideal.distributions import _divergence
from thermo_ideal.distributions._overlap_law import AbstractOverlapLaw
from thermo_ideal.distributions._sampling import Heights, SampleShape, place, split
from thermo_ideal.distributions._sufficient_statistics import NORM_TOLERANCE
from thermo_ideal.numerics import per_vector, spread

Numbers = Array | np.ndarray | np.floating | float
"""One number for each law of a batch: a JAX array, or in double precision on the host."""


def as_array(name: str, x: Any) -> Array | np.ndarray:
    """Real numbers as an array, of JAX if they are that already or are being traced.

    Raises:
        ValueError: text, complex numbers, or rows of different lengths.
    """
    if not isinstance(x, jax.Array | np.ndarray):
        traced = any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(x))
        try:
            x = jnp.asarray(x) if traced else np.asarray(x)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: got {x!r}, expected an array of real numbers") from error
    require_real(name, x)
    return x


def _hash(leaf: Any) -> int:
    if isinstance(leaf, jax.core.Tracer):
        return id(leaf)
    return hash(np.asarray(leaf).tobytes()) if isinstance(leaf, jax.Array | np.ndarray) else hash(leaf)


class AbstractSphericalLaw(eqx.Module):
    """A law on `S^{d−1}` whose density is a function of the overlap `m = μ·x` alone, or a batch of such laws.

    A vector of the law is `x = (1 − u) μ + √(u(2 − u)) ξ`: the depth `u = 1 − m` has a law of its own, and `ξ` is
    uniform among the unit vectors across `μ`. So a subclass gives what concerns the depth, and the rest follows:
    vectors, their mean and their mode, and divergences from any other law of the same dimension.

    Example:
        The power spherical law, `∝ (1 + m)^κ`, as a law of one's own. Quadrature gives what it has no formula for here:

        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import AbstractSphericalLaw, UniformSphere, Zonal
        >>> class PowerSpherical(AbstractSphericalLaw):
        ...     mean_direction: jax.Array
        ...     power: float
        ...     batch_shape, mode_depth, exponential_concentration = (), 0.0, None
        ...     @property
        ...     def axis(self):
        ...         return self.mean_direction
        ...     @property
        ...     def dimension(self):
        ...         return self.mean_direction.shape[-1]
        ...     @property
        ...     def mean_overlap(self):
        ...         return self.power / (self.dimension - 1 + self.power)
        ...     def overlap_law(self):
        ...         loss = lambda u: -self.power * jnp.log(2 - u)
        ...         return Zonal(loss, self.dimension, argument="depth", mean_direction=self.mean_direction)
        ...     def log_prob(self, x):
        ...         return self.overlap_law().log_prob(x)
        ...     def entropy(self):
        ...         return self.overlap_law().entropy()
        ...     def sample_depth(self, key, sample_shape=()):
        ...         half = (self.dimension - 1) / 2
        ...         return 2 * jax.random.beta(key, half, half + self.power, sample_shape)
        >>> law = PowerSpherical(jnp.array([0.0, 0.0, 1.0]), power=4.0)
        >>> law.sample(jax.random.key(0), (5,)).shape
        (5, 3)
        >>> round(float(law.kl_divergence(UniformSphere(3))), 4)  # log 5 − 4/5
        0.8094

    Source: Mardia & Jupp, Directional Statistics, section 9.3.4 (rotational symmetry); De Cao & Aziz, The Power
        Spherical distribution, arXiv 2006.04437, for the example.
    """

    @property
    @abc.abstractmethod
    def dimension(self) -> int | float:
        """`d`, the number of components of a vector."""

    @property
    @abc.abstractmethod
    def axis(self) -> Float[Array, "*batch d"] | None:
        """`μ`, unit vectors along the last axis; None for a law about an axis that is not said."""

    @property
    @abc.abstractmethod
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the batch, `()` for one law."""

    @property
    @abc.abstractmethod
    def mean_overlap(self) -> Numbers:
        """`E m`, a number for each law of the batch."""

    @property
    @abc.abstractmethod
    def mode_depth(self) -> float:
        """The depth of the highest density: 0 at `μ` and 2 at `−μ`."""

    @property
    @abc.abstractmethod
    def exponential_concentration(self) -> Array | None:
        """`κ` where the density is `∝ e^{κm}`, whose divergences are closed forms; None for any other density."""

    @abc.abstractmethod
    def sample_depth(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Float[Array, "..."]:
        """Independent draws of `1 − m`.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.

        Returns:
            Depths of shape `(*sample_shape, *batch_shape)`.
        """

    @abc.abstractmethod
    def log_prob(self, x: Any) -> Numbers:
        """The logarithm of the density with respect to the surface measure.

        Args:
            x: unit vectors along the last axis; the axes before it broadcast against the batch.
        """

    @abc.abstractmethod
    def entropy(self) -> Numbers:
        """`−E log p` in nats, with respect to the surface measure.

        Returns:
            A number for each law of the batch.
        """

    @abc.abstractmethod
    def overlap_law(self) -> AbstractOverlapLaw:
        """The law of `m = μ·x`: densities, distribution functions, quantiles.

        Returns:
            A `Zonal`.

        Raises:
            ValueError: the laws of a batch have different ones.
        """

    def sample(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Float[Array, "... d"]:
        """Independent vectors, in `O(d)` each.

        The same key gives other numbers for another `sample_shape`.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.

        Returns:
            Unit vectors of shape `(*sample_shape, *batch_shape, d)`, independent across the batch too.

        Raises:
            ValueError: the law has no direction.
        """
        axis = self._known_axis("sample")
        depth_key, place_key = split(key)
        return place(place_key, axis, self.sample_heights(depth_key, sample_shape), self.batch_shape)

    def sample_heights(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Heights:
        """Independent draws of `1 − m` and `1 + m`, of which `sample` makes its vectors.

        Here they are `sample_depth(key, sample_shape)` and what it lacks of 2. A law with much mass near `−μ` replaces
        this by what has its digits there too.

        Args:
            key: a JAX key.
            sample_shape: as in `sample_depth`, whose shape both have.
        """
        depth = self.sample_depth(key, sample_shape)
        return Heights(depth, 2 - depth)

    def sample_overlap(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Float[Array, "..."]:
        """Independent draws of the overlap, `1 − sample_depth(key, sample_shape)`; near 1 the depth has more digits.

        Args:
            key: a JAX key.
            sample_shape: as in `sample_depth`, whose shape the overlaps have.
        """
        return 1 - self.sample_depth(key, sample_shape)

    def mean(self) -> Float[Array, "... d"]:
        """`E x = (E m) μ`.

        Returns:
            Vectors of shape `(*batch_shape, d)`.

        Raises:
            ValueError: the law has no direction.
        """
        axis = spread(self._known_axis("mean"), self.batch_shape)
        return per_vector(jnp.asarray(self.mean_overlap, float), axis) * axis

    def mode(self) -> Float[Array, "... d"]:
        """A direction of the highest density: `μ` where no other has a higher one, or `−μ`.

        Returns:
            Unit vectors of shape `(*batch_shape, d)`.

        Raises:
            ValueError: the law has no direction, or its highest density is on a ring of directions.
        """
        if self.mode_depth not in (0, 2):
            raise ValueError(
                f"mode: got the highest density on the ring of directions at overlap {1 - self.mode_depth:.6g}, "
                "expected it at a point; read the ring's depth from mode_depth"
            )
        return (1 - self.mode_depth) * spread(self._known_axis("mode"), self.batch_shape)

    def kl_divergence(self, other: "AbstractSphericalLaw") -> Numbers:
        """`E log(p/q)` in nats, `p` this law and `q` the other one.

        Two laws with an `exponential_concentration` have the closed form `D(κ_p, κ_q) + A(κ_p) κ_q |μ_p − μ_q|²/2`,
        with `D` of the same axis (`vmf.kl_divergence`) and `A = E m`. All others are integrated on the host, in double
        precision: over the overlap with `μ_p` and, where the axes differ, over the component of `ξ` along `μ_q`. A law
        without a direction is taken about the other's.

        Args:
            other: a law of the same dimension; its batch broadcasts against this one.

        Returns:
            A number for each pair of the broadcast batches; infinite where `p` has mass at which `q` has none.

        Raises:
            ValueError: no law, or one of another dimension; or laws without a closed form whose batch differs in more
                than the direction.
            ArithmeticError: the log-density of `q` is too rough for the rule along `μ_q`.
        """
        self._require_comparable(other)
        if self.exponential_concentration is not None and other.exponential_concentration is not None:
            return _divergence.exponential(self._exponential_form(), other._exponential_form())
        p, q = self.overlap_law(), other.overlap_law()
        if self.axis is None or other.axis is None:
            return _divergence.by_quadrature(p, q, np.zeros(()))
        return _divergence.by_quadrature(p, q, _divergence.half_distance(self.axis, other.axis))

    def cross_entropy(self, other: "AbstractSphericalLaw") -> Numbers:
        """`−E log q` in nats, the expectation under this law: `entropy() + kl_divergence(other)`.

        Args:
            other: a law of the same dimension; its batch broadcasts against this one.

        Returns:
            A number for each pair of the broadcast batches.

        Raises:
            ValueError: as `kl_divergence` does.
            ArithmeticError: as `kl_divergence` does.
        """
        self._require_comparable(other)
        if self.exponential_concentration is not None and other.exponential_concentration is not None:
            return _divergence.exponential_cross_entropy(self._exponential_form(), other._exponential_form())
        return self.entropy() + self.kl_divergence(other)

    def _exponential_form(self) -> _divergence.ExponentialForm:
        axis = self._known_axis("kl_divergence")
        concentration = jnp.broadcast_to(jnp.asarray(self.exponential_concentration), self.batch_shape)
        return _divergence.ExponentialForm(concentration, axis)

    def _require_comparable(self, other: Any) -> None:
        d = self.dimension
        if not isinstance(other, AbstractSphericalLaw):
            raise ValueError(f"other: got {other!r}, expected a law on the sphere, as in UniformSphere({d:g})")
        if other.dimension != d:
            raise ValueError(
                f"other: got a law of dimension {other.dimension:g}, expected {d:g} as here, as in UniformSphere({d:g})"
            )

    def require_components(self, x: Any) -> None:
        """Raises ValueError unless these are vectors of the law's dimension.

        Args:
            x: an array, with the vectors along the last axis.
        """
        if x.ndim == 0 or x.shape[-1] != self.dimension:
            raise ValueError(
                f"x: got shape {x.shape}, expected vectors of {self.dimension:g} components along the last axis"
            )

    def as_unit_vectors(self, x: Any) -> Array | np.ndarray:
        """An argument of `log_prob` as an array of unit vectors of the law's dimension.

        Args:
            x: unit vectors along the last axis, as an array or a list.

        Returns:
            A JAX array if it was one, a NumPy array otherwise.

        Raises:
            ValueError: no real numbers, another dimension, or vectors whose norm is not 1 within 10⁻³. Of vectors that
                are being traced the norm is not known.
        """
        x = as_array("x", x)
        self.require_components(x)
        if not isinstance(x, jax.core.Tracer):
            norm = np.linalg.norm(np.asarray(x), axis=-1)
            wrong = ~(np.abs(norm - 1) < NORM_TOLERANCE)
            if wrong.any():
                where = tuple(int(i) for i in np.argwhere(wrong)[0])
                raise ValueError(
                    f"x: got a vector of norm {norm[where]:.6g}{f' at index {where}' if where else ''}, expected norm "
                    "1; divide by its norm, as in x / jnp.linalg.norm(x, axis=-1, keepdims=True)"
                )
        return x

    def __hash__(self) -> int:
        """By content, so that `jax.jit` takes a method of a law as it takes any function."""
        return hash((type(self), *(_hash(leaf) for leaf in jax.tree.leaves(self))))

    def _known_axis(self, purpose: str) -> Float[Array, "... d"]:
        """`μ`, which its purpose needs."""
        if self.axis is None:
            raise ValueError(
                f"mean_direction: got None, expected a unit vector for {purpose}, as in {type(self).__name__}(…, "
                f"mean_direction=jnp.eye({self.dimension:g})[0])"
            )
        return self.axis

    def __repr__(self) -> str:
        entries = [("d", f"{self.dimension:g}")]
        entries += [("batch", str(self.batch_shape))] * bool(self.batch_shape)
        names = [field.name for field in fields(self) if field.name != "dimension" and not field.name.startswith("_")]
        for name in names:
            label = DICTIONARY[name].symbol if name in DICTIONARY else {"mean_direction": "μ"}.get(name, name)
            entries.append((label, getattr(self, name)))
        return listing(type(self).__name__, *entries)
