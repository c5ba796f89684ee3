"""The uniform law on the sphere."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from thermo_ideal._arguments import require_count
from thermo_ideal.distributions._abstract_law import AbstractSphericalLaw
from thermo_ideal.distributions._sampling import Heights, SampleShape, as_shape, sample_heights
from thermo_ideal.distributions._zonal import Zonal
from thermo_ideal.special import log_sphere_area


class UniformSphere(AbstractSphericalLaw):
    """The uniform law on `S^{d−1}`, with density `1/|S^{d−1}|`: the gas at infinite temperature.

    Every direction has the same density; where one is asked for, as the mode, it is the first axis.

    Args:
        dimension: `d ≥ 2`, an integer.

    Raises:
        ValueError: another dimension.

    Example:
        >>> import jax
        >>> from thermo_ideal.distributions import UniformSphere
        >>> UniformSphere(5).sample(jax.random.key(0), (2, 3)).shape
        (2, 3, 5)

    Source: Mardia & Jupp, Directional Statistics, section 9.3.1.
    """

    _dimension: int = eqx.field(static=True)

    def __init__(self, dimension: Any) -> None:
        require_count("dimension", dimension, minimum=2)
        self._dimension = int(dimension)

    @property
    def dimension(self) -> int:
        """`d`, the number of components of a vector."""
        return self._dimension

    @property
    def axis(self) -> Float[Array, " d"]:
        """The first axis, as good as any."""
        return jnp.eye(1, self.dimension)[0]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """`()`: one law."""
        return ()

    @property
    def mean_overlap(self) -> float:
        """`E m = 0`."""
        return 0.0

    @property
    def mode_depth(self) -> float:
        """0, where the density is no lower than elsewhere."""
        return 0.0

    @property
    def exponential_concentration(self) -> Float[Array, ""]:
        """`κ = 0`."""
        return jnp.zeros(())

    def log_prob(self, x: Any) -> Float[Array, "..."]:
        """`−log|S^{d−1}|`, whatever the unit vector.

        Args:
            x: unit vectors along the last axis.

        Returns:
            A number for each vector.

        Raises:
            ValueError: vectors of another dimension, or whose norm is not 1 within 10⁻³.
        """
        x = jnp.asarray(self.as_unit_vectors(x))
        return jnp.full(x.shape[:-1], -log_sphere_area(self.dimension), jnp.result_type(float, x))

    def entropy(self) -> Float[Array, ""]:
        """`log|S^{d−1}|` in nats, the largest there is.

        Returns:
            A number.
        """
        return jnp.asarray(log_sphere_area(self.dimension), float)

    def variance(self) -> Float[Array, " d"]:
        """`1/d` for each component; different components are uncorrelated.

        Returns:
            A vector.
        """
        return jnp.full(self.dimension, 1 / self.dimension)

    def overlap_law(self) -> Zonal:
        """The law of the overlap with any direction: densities, distribution functions, quantiles.

        Returns:
            A `Zonal`, on the host.
        """
        return Zonal(np.zeros_like, self.dimension)

    def sample_depth(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Float[Array, "..."]:
        """Exact draws of `1 − m`, of shape `sample_shape`.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.
        """
        return self.sample_heights(key, sample_shape).below

    def sample_heights(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Heights:
        """The depths of `sample_depth`, and heights above the opposite pole with digits of their own.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.
        """
        return sample_heights(key, self.dimension, jnp.zeros(()), as_shape(sample_shape), ())
