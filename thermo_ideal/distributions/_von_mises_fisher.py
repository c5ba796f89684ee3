"""The von Mises–Fisher law as a distribution of vectors."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from thermo_ideal._arguments import as_nonnegative, as_unit, require_count
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.distributions._sampling import sample
from thermo_ideal.distributions._sufficient_statistics import DirectionalStatistics
from thermo_ideal.distributions._zonal import Zonal
from thermo_ideal.special import log_sphere_area


class VonMisesFisher(eqx.Module):
    """The law on `S^{d−1}` with density `C_d(κ) e^{κ μ·x}`: the Gibbs law of `L = 1 − μ·x` at temperature `T = 1/κ`.

    Args:
        mean_direction: `μ`, a unit vector of shape `(d,)`. Under `jit` it is divided by its norm, whatever that is.
        concentration: `κ ≥ 0`, a scalar. At 0 the law is uniform. Under `jit` a negative one gives NaN.

    Raises:
        ValueError: `μ` is not a unit vector or `κ` is negative or not finite.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> law = VonMisesFisher(jnp.array([0.0, 0.0, 1.0]), concentration=20.0)
        >>> samples = law.sample(jax.random.key(0), (10_000,))
        >>> bool(abs(samples.mean(0)[2] - law.mean()[2]) < 0.003)
        True

    Source: Mardia & Jupp, Directional Statistics, section 9.3.2.
    """

    mean_direction: Float[Array, " d"]
    concentration: Float[Array, ""]

    def __init__(self, mean_direction: ArrayLike, concentration: ArrayLike) -> None:
        self.mean_direction = as_unit("mean_direction", mean_direction)
        self.concentration = as_nonnegative("concentration", concentration)
        if self.concentration.ndim:
            raise ValueError(
                f"concentration: got shape {self.concentration.shape}, expected one number; map over it with jax.vmap"
            )

    @property
    def dimension(self) -> int:
        """`d`, the number of components of a vector."""
        return self.mean_direction.shape[0]

    def log_prob(self, x: Float[Array, "*batch d"]) -> Float[Array, "*batch"]:
        """`log C_d(κ) + κ − κ|x − μ|²/2`, which keeps its digits for `x` near `μ`.

        Args:
            x: unit vectors.
        """
        return vmf.log_normalizer_scaled(self.dimension, self.concentration) - self._exponent(x)

    def relative_log_prob(self, x: Float[Array, "*batch d"]) -> Float[Array, "*batch"]:
        """`κ μ·x − Φ`: the logarithm of the density relative to the uniform law's.

        In high dimension `log_prob` is nearly all sphere area, and single precision has no digits left for the rest.

        Args:
            x: unit vectors.
        """
        mode = self.concentration - vmf.log_partition(self.dimension, self.concentration)
        return mode - self._exponent(x)

    def _exponent(self, x: Array) -> Array:
        distance = jnp.sum((x - jnp.broadcast_to(self.mean_direction, x.shape)) ** 2, axis=-1)
        return self.concentration * distance / 2

    def overlap_law(self) -> Zonal:
        """The law of the overlap `μ·x` and of the depth `1 − μ·x`: densities, distribution functions, quantiles."""
        kappa = float(self.concentration)
        if kappa == 0:
            return Zonal(np.zeros_like, self.dimension)
        return Zonal.linear(self.dimension, 1 / kappa)

    def mean(self) -> Float[Array, " d"]:
        """`E x = A_d(κ) μ`."""
        return vmf.mean_resultant_length(self.dimension, self.concentration) * self.mean_direction

    def mode(self) -> Float[Array, " d"]:
        """`μ`, the direction of the highest density (any direction has it where `κ = 0`)."""
        return self.mean_direction

    def variance(self) -> Float[Array, " d"]:
        """The variance of each component, `s + (A' − s) μ_i²` with `s = (1 − E(μ·x)²)/(d − 1)`."""
        along, across = self._variances()
        return across * (1 - self.mean_direction**2) + along * self.mean_direction**2

    def covariance_product(self, v: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        """The covariance matrix times `v`, `s v + (A' − s)(μ·v) μ`, without the matrix.

        Args:
            v: any vectors.
        """
        along, across = self._variances()
        mu = jnp.broadcast_to(self.mean_direction, v.shape)
        parallel = jnp.sum(v * mu, axis=-1, keepdims=True) * mu
        return across * (v - parallel) + along * parallel

    def _variances(self) -> tuple[Array, Array]:
        """Along `μ`, and in a direction across it: `A/κ`, which is `1/d` at `κ = 0`."""
        return (
            vmf.energy_variance(self.dimension, self.concentration),
            vmf.transverse_variance(self.dimension, self.concentration),
        )

    def entropy(self) -> Float[Array, ""]:
        """Differential entropy in nats with respect to the surface measure."""
        return vmf.entropy(self.dimension, self.concentration)

    def kl_divergence(self, other: "VonMisesFisher") -> Float[Array, ""]:
        """`E log(p/q)` in nats, `p` this law and `q` the other one.

        It is the divergence of the overlap laws (see `vmf.kl_divergence`) and `A(κ_p) κ_q |μ_p − μ_q|²/2`.

        Args:
            other: a law of the same dimension.

        Raises:
            ValueError: another dimension.
        """
        self._require_same_dimension(other)
        resultant = vmf.mean_resultant_length(self.dimension, self.concentration)
        turned = resultant * other.concentration * self._half_distance(other)
        return vmf.kl_divergence(self.dimension, self.concentration, other.concentration) + turned

    def cross_entropy(self, other: "VonMisesFisher") -> Float[Array, ""]:
        """`−E log q` in nats, the expectation under this law: `entropy() + kl_divergence(other)`.

        Args:
            other: a law of the same dimension.

        Raises:
            ValueError: another dimension.
        """
        self._require_same_dimension(other)
        d, kappa = self.dimension, other.concentration
        depth = vmf.one_minus_mean_resultant_length(d, self.concentration)
        depth += vmf.mean_resultant_length(d, self.concentration) * self._half_distance(other)
        return kappa * depth - vmf.log_normalizer_scaled(d, kappa)

    def _half_distance(self, other: "VonMisesFisher") -> Array:
        """`1 − μ_p·μ_q`, without its cancellation."""
        return jnp.sum((self.mean_direction - other.mean_direction) ** 2) / 2

    def _require_same_dimension(self, other: "VonMisesFisher") -> None:
        if other.dimension != self.dimension:
            raise ValueError(f"other: got a law of dimension {other.dimension}, expected {self.dimension} as here")

    def sample(self, key: PRNGKeyArray, sample_shape: int | Sequence[int] = ()) -> Float[Array, "*sample d"]:
        """Exact draws, in `O(d)` each.

        The depth `u = 1 − μ·x` is drawn first, by inversion at `d = 3` and by rejection elsewhere; the rest of the
        vector is uniform on the sphere of radius `√(u(2−u))` around `μ`. Draws are differentiable in `μ` (along the
        sphere) and, once, in `κ` (by implicit reparameterisation). The same key gives other numbers for another
        `sample_shape`.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample, before the vector's own axis.

        Source: Ulrich, Applied Statistics 33, 158 (1984); Wood, Comm. Stat. Simul. 23, 157 (1994).
        """
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        return sample(key, self.mean_direction, self.concentration, shape)

    @classmethod
    def fit(
        cls,
        samples: Any,
        weights: Any = None,
        *,
        bias_correction: bool = True,
    ) -> "VonMisesFisherFit":
        """The law of independent samples, with standard errors; `O(nd)`, nothing of size `d²` is formed.

        The maximum-likelihood direction is that of the weighted mean `x̄`, and the concentration solves `A(κ) = |x̄|`.
        In high dimension `|x̄|` is too long, since `E|x̄|² = A² + (1 − A²)/n`; the correction solves `A(κ)² = Â²` with
        the unbiased `Â² = (n|x̄|² − 1)/(n − 1)` instead, and gives `κ = 0` where that is negative. Its standard error is
        that of `Â²`, `Var Â² = 4A²A'/n + 2((d−1)s² + A'²)/n(n−1)` with `s = A/κ`; the second term counts where
        `n|x̄|²` is not large. (With weights, the same of `Â² = (|Σwx|² − Σw²)/((Σw)² − Σw²)`.) It is passed on to `κ`
        to first order, which is a rough guide where `Â²` is less than twice its error.

        Args:
            samples: unit vectors, of shape `(n, d)`; or their `DirectionalStatistics`, which may have come in parts.
            weights: of shape `(n,)`, not negative; without them all samples count the same.
            bias_correction: False for plain maximum likelihood.

        Raises:
            ValueError: see `DirectionalStatistics.of`; or fewer than two samples, or samples that are all the same,
                whose concentration is infinite.

        Example:
            >>> import jax, jax.numpy as jnp
            >>> from thermo_ideal.distributions import VonMisesFisher
            >>> law = VonMisesFisher(jnp.eye(1000)[0], 500.0)
            >>> fit = VonMisesFisher.fit(law.sample(jax.random.key(0), (200,)))
            >>> bool(abs(fit.concentration - 500) < 3 * fit.standard_error)
            True

        Source: Mardia & Jupp, Directional Statistics, section 10.3.1.
        """
        if not isinstance(samples, DirectionalStatistics):
            samples = DirectionalStatistics.of(samples, weights)
        elif weights is not None:
            raise ValueError(
                "weights: got them beside statistics, expected them in DirectionalStatistics.of(x, weights)"
            )
        samples.require_spread()
        d = samples.dimension
        second, third, fourth = samples.shares
        spread = samples.spread / (1 - second) if bias_correction else samples.spread
        squared = jnp.maximum(1 - spread, 0.0)
        kappa = vmf.concentration(d, one_minus_resultant_length=jnp.minimum(spread / (1 + jnp.sqrt(squared)), 1.0))

        across, along = vmf.transverse_variance(d, kappa), vmf.energy_variance(d, kappa)
        single = 4 * squared * along * (second - 2 * third + fourth)
        pairs = 2 * ((d - 1) * across**2 + along**2) * (second**2 - fourth)
        error = jnp.sqrt(single + pairs) / (1 - second)
        # Where the signal drowns, the slope of κ in Â² is taken one standard error up.
        signal = jnp.sqrt(jnp.maximum(squared, error))
        slope = vmf.energy_variance(d, vmf.concentration(d, jnp.minimum(signal, 1 - jnp.finfo(signal.dtype).eps)))
        slope = jnp.where(squared > error, along, slope)
        length = jnp.linalg.norm(samples.mean)
        return VonMisesFisherFit(
            law=cls(samples.mean / length, kappa),
            standard_error=error / (2 * signal * slope),
            direction_error=jnp.sqrt(across * second) / length,
            sample_size=samples.sample_size,
        )


class VonMisesFisherFit(eqx.Module):
    """What `VonMisesFisher.fit` returns.

    Attributes:
        law: the fitted law.
        standard_error: of its concentration.
        direction_error: the standard error of the mean direction, in radians, in each of the `d − 1` directions
            across it, `√(s/n)/|x̄|`, the spread of the components of `x̄` there over its length.
        sample_size: `n`; with weights `(Σw)²/Σw²`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> fit = VonMisesFisher.fit(VonMisesFisher(jnp.eye(3)[0], 50.0).sample(jax.random.key(0), (10_000,)))
        >>> round(float(fit.standard_error), 1), round(float(fit.direction_error), 4)
        (0.5, 0.0014)
    """

    law: VonMisesFisher
    standard_error: Float[Array, ""]
    direction_error: Float[Array, ""]
    sample_size: Float[Array, ""]

    @property
    def concentration(self) -> Float[Array, ""]:
        """`κ` of the fitted law."""
        return self.law.concentration

    @property
    def temperature(self) -> Float[Array, ""]:
        """`T = 1/κ`; its standard error is `T² ` times that of `κ`."""
        return 1 / self.law.concentration


class UniformSphere(eqx.Module):
    """The uniform law on `S^{d−1}`, with density `1/|S^{d−1}|`: the gas at infinite temperature.

    Args:
        dimension: `d ≥ 2`, an integer.

    Raises:
        ValueError: another dimension.

    Example:
        >>> import jax
        >>> from thermo_ideal.distributions import UniformSphere
        >>> UniformSphere(5).sample(jax.random.key(0), (2, 3)).shape
        (2, 3, 5)
    """

    dimension: int = eqx.field(static=True)

    def __init__(self, dimension: int) -> None:
        require_count("dimension", dimension, least=2)
        self.dimension = int(dimension)

    def log_prob(self, x: Float[Array, "*batch d"]) -> Float[Array, "*batch"]:
        """`−log|S^{d−1}|`, whatever the unit vector.

        Args:
            x: unit vectors.

        Raises:
            ValueError: vectors of another dimension.
        """
        if x.shape[-1] != self.dimension:
            raise ValueError(f"x: got vectors of dimension {x.shape[-1]}, expected {self.dimension}")
        return jnp.full(x.shape[:-1], -log_sphere_area(self.dimension), jnp.result_type(float, x))

    def entropy(self) -> Float[Array, ""]:
        """`log|S^{d−1}|` in nats, the largest there is."""
        return jnp.asarray(log_sphere_area(self.dimension), float)

    def mean(self) -> Float[Array, " d"]:
        """0."""
        return jnp.zeros(self.dimension)

    def variance(self) -> Float[Array, " d"]:
        """`1/d` for each component; different components are uncorrelated."""
        return jnp.full(self.dimension, 1 / self.dimension)

    def sample(self, key: PRNGKeyArray, sample_shape: int | Sequence[int] = ()) -> Float[Array, "*sample d"]:
        """Independent draws, in `O(d)` each.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample, before the vector's own axis.
        """
        return VonMisesFisher(jnp.eye(1, self.dimension)[0], 0.0).sample(key, sample_shape)
