"""The von Mises–Fisher law as a distribution of vectors."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from thermo_ideal._arguments import as_nonnegative, as_unit, broadcast_batch
from thermo_ideal._display import listing, show
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.distributions._abstract_law import AbstractSphericalLaw, as_array
from thermo_ideal.distributions._sampling import Heights, SampleShape, as_shape, sample_heights
from thermo_ideal.distributions._sufficient_statistics import DirectionalStatistics
from thermo_ideal.distributions._zonal import Zonal
from thermo_ideal.numerics import like, per_vector, spread


class VonMisesFisher(AbstractSphericalLaw):
    """The law on `S^{d−1}` with density `C_d(κ) e^{κ μ·x}`: the Gibbs law of `L = 1 − μ·x` at temperature `T = 1/κ`.

    Args:
        mean_direction: `μ`, a unit vector of shape `(d,)`, or `(*batch, d)` for a batch of laws. Under `jit` it is
            divided by its norm, whatever that is.
        concentration: `κ ≥ 0`, a number or a batch of numbers; the two batches broadcast. At 0 the law is uniform.
            Under `jit` a negative one gives NaN.

    Raises:
        ValueError: `μ` is not a unit vector, `κ` is negative or not finite, or the batches do not broadcast.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> law = VonMisesFisher(jnp.array([0.0, 0.0, 1.0]), concentration=20.0)
        >>> samples = law.sample(jax.random.key(0), (10_000,))
        >>> bool(abs(samples.mean(0)[2] - law.mean()[2]) < 0.003)
        True
        >>> batch = VonMisesFisher(jnp.eye(3), concentration=jnp.array([1.0, 10.0, 100.0]))
        >>> batch.entropy().shape, batch.sample(jax.random.key(0), (7,)).shape
        ((3,), (7, 3, 3))

    Source: Mardia & Jupp, Directional Statistics, section 9.3.2.
    """

    concentration: Float[Array, "..."]
    mean_direction: Float[Array, "*batch d"]

    def __init__(self, mean_direction: ArrayLike, concentration: ArrayLike) -> None:
        self.mean_direction = as_unit("mean_direction", mean_direction)
        self.concentration = as_nonnegative("concentration", concentration)
        broadcast_batch({"mean_direction": self.mean_direction.shape[:-1], "concentration": self.concentration.shape})

    @property
    def dimension(self) -> int:
        """`d`, the number of components of a vector."""
        return self.mean_direction.shape[-1]

    @property
    def axis(self) -> Float[Array, "*batch d"]:
        """`μ`."""
        return self.mean_direction

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """That of the mean directions and of the concentrations, broadcast."""
        return jnp.broadcast_shapes(self.mean_direction.shape[:-1], self.concentration.shape)

    @property
    def exponential_concentration(self) -> Float[Array, "..."]:
        """`κ`."""
        return jnp.asarray(self.concentration)

    @property
    def mode_depth(self) -> float:
        """0: the density is highest at `μ` (where `κ = 0` it is the same everywhere)."""
        return 0.0

    @property
    def mean_overlap(self) -> Float[Array, "..."]:
        """`E m = A_d(κ)`, the mean resultant length."""
        return self._per_law(vmf.mean_resultant_length)

    def _per_law(self, statistic: Any) -> Array:
        """A function of `(d, κ)`, for each law of the batch."""
        return jnp.broadcast_to(statistic(self.dimension, self.concentration), self.batch_shape)

    def log_prob(self, x: Any) -> Float[Array, "..."]:
        """`log C_d(κ) + κ − κ|x − μ|²/2`, which keeps its digits for `x` near `μ`.

        Args:
            x: unit vectors along the last axis; the axes before it broadcast against the batch.

        Returns:
            A number for each vector.

        Raises:
            ValueError: vectors of another dimension, or whose norm is not 1 within 10⁻³; under `jit` only the former.
        """
        exponent = self._exponent(x)
        return like(vmf.log_normalizer_scaled(self.dimension, self.concentration), exponent) - exponent

    def relative_log_prob(self, x: Any) -> Float[Array, "..."]:
        """`κ μ·x − Φ`: the logarithm of the density relative to the uniform law's.

        In high dimension `log_prob` is nearly all sphere area, and single precision has no digits left for the rest.

        Args:
            x: as `log_prob` takes them.

        Returns:
            A number for each vector.
        """
        exponent = self._exponent(x)
        highest = self.concentration - vmf.log_partition(self.dimension, self.concentration)
        return like(highest, exponent) - exponent

    def _exponent(self, x: Any) -> Array:
        x = spread(jnp.asarray(self.as_unit_vectors(x)), self.batch_shape)
        distance = jnp.sum((x - spread(self.mean_direction, x.shape[:-1])) ** 2, axis=-1)
        return like(self.concentration, distance) * distance / 2

    def overlap_law(self) -> Zonal:
        """The law of the overlap `μ·x` and of the depth `1 − μ·x`: densities, distribution functions, quantiles.

        Returns:
            A `Zonal`, on the host.

        Raises:
            ValueError: a batch of concentrations, which have different ones.
        """
        if self.concentration.ndim:
            shape = self.concentration.shape
            raise ValueError(
                f"concentration: got shape {shape}, expected one number, as in VonMisesFisher(mean_direction, "
                f"concentration[{', '.join('0' * len(shape))}]).overlap_law()"
            )
        kappa = float(self.concentration)
        if kappa == 0:
            return Zonal(np.zeros_like, self.dimension, mean_direction=self.mean_direction)
        return Zonal.linear(self.dimension, 1 / kappa, self.mean_direction)

    def variance(self) -> Float[Array, "... d"]:
        """The variance of each component, `s + (A' − s) μ_i²` with `s = (1 − E(μ·x)²)/(d − 1)`.

        Returns:
            Vectors of shape `(*batch_shape, d)`.
        """
        squares = spread(self.mean_direction, self.batch_shape) ** 2
        along, across = (per_vector(variance, squares) for variance in self._variances())
        return across * (1 - squares) + along * squares

    def covariance_product(self, v: Any) -> Float[Array, "... d"]:
        """The covariance matrix times `v`, `s v + (A' − s)(μ·v) μ`, without the matrix.

        Args:
            v: any vectors along the last axis; the axes before it broadcast against the batch.

        Returns:
            A vector for each.

        Raises:
            ValueError: vectors of another dimension.
        """
        v = jnp.asarray(as_array("v", v))
        self.require_components(v)
        v = spread(v, self.batch_shape)
        mu = spread(self.mean_direction, v.shape[:-1])
        along, across = (per_vector(variance, v) for variance in self._variances())
        parallel = jnp.sum(v * mu, axis=-1, keepdims=True) * mu
        return across * (v - parallel) + along * parallel

    def _variances(self) -> tuple[Array, Array]:
        """Along `μ`, and in a direction across it: `A/κ`, which is `1/d` at `κ = 0`."""
        return self._per_law(vmf.energy_variance), self._per_law(vmf.transverse_variance)

    def entropy(self) -> Float[Array, "..."]:
        """`−E log p = −log C_d(κ) − κ A_d(κ)` in nats, with respect to the surface measure.

        Returns:
            A number for each law of the batch.
        """
        return self._per_law(vmf.entropy)

    def sample_depth(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Float[Array, "..."]:
        """Exact draws of `1 − m`, of shape `(*sample_shape, *batch_shape)`: by inversion at `d = 3`, else by rejection.

        They are differentiable once in `κ`, by implicit reparameterisation; so are the vectors of `sample`, which are
        differentiable in `μ` (along the sphere) too.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.

        Source: Ulrich, Applied Statistics 33, 158 (1984); Wood, Comm. Stat. Simul. 23, 157 (1994).
        """
        return self.sample_heights(key, sample_shape).below

    def sample_heights(self, key: PRNGKeyArray, sample_shape: SampleShape = ()) -> Heights:
        """The depths of `sample_depth`, and heights above `−μ` with digits of their own.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample.
        """
        return sample_heights(key, self.dimension, self.concentration, as_shape(sample_shape), self.batch_shape)

    @classmethod
    def fit(cls, samples: Any, weights: Any = None, *, bias_correction: bool = True) -> "VonMisesFisherFit":
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

        Returns:
            The law with its standard errors.

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
        bias = second if bias_correction else jnp.zeros_like(second)
        spread = samples.spread / (1 - bias)
        # Â², from whichever of the length and the spread of the mean has the digits.
        length = jnp.linalg.norm(samples.mean)
        squared = jnp.maximum(jnp.where(spread < 0.5, 1 - spread, (length**2 - bias) / (1 - bias)), 0.0)
        root = jnp.sqrt(squared)
        complement = jnp.where(spread < 0.5, spread / (1 + root), 1 - root)
        kappa = vmf.concentration(d, one_minus_resultant_length=complement)

        across, along = vmf.transverse_variance(d, kappa), vmf.energy_variance(d, kappa)
        single = 4 * squared * along * (second - 2 * third + fourth)
        pairs = 2 * ((d - 1) * across**2 + along**2) * (second**2 - fourth)
        error = jnp.sqrt(single + pairs) / (1 - second)
        # Where Â² is below its standard error, the derivative of κ by Â² is that at one standard error.
        signal = jnp.sqrt(jnp.maximum(squared, error))
        slope = vmf.energy_variance(d, vmf.concentration(d, jnp.minimum(signal, 1 - jnp.finfo(signal.dtype).eps)))
        slope = jnp.where(squared > error, along, slope)
        known = length > 4 * jnp.finfo(length.dtype).eps
        north = jnp.eye(1, d, dtype=length.dtype)[0]
        return VonMisesFisherFit(
            law=cls(jnp.where(known, samples.mean / jnp.where(known, length, 1.0), north), kappa),
            standard_error=error / (2 * signal * slope),
            direction_error=jnp.where(known, jnp.minimum(jnp.sqrt(across * second) / length, jnp.pi), jnp.pi),
            sample_size=samples.sample_size,
        )


class VonMisesFisherFit(eqx.Module):
    """What `VonMisesFisher.fit` returns.

    Attributes:
        law: the fitted law.
        standard_error: of its concentration.
        direction_error: the standard error of the mean direction, in radians, in each of the `d − 1` directions
            across it, `√(s/n)/|x̄|`, the spread of the components of `x̄` there over its length; `π` where the data
            know no direction, as that of `[e₁, −e₁]`, whose `κ` is 0 and whose direction is the first axis.
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

    def __repr__(self) -> str:
        return listing(
            "VonMisesFisherFit",
            ("d", str(self.law.dimension)),
            ("κ", f"{show(self.concentration)} ± {show(self.standard_error)}"),
            ("μ", f"{show(self.law.mean_direction)} ± {show(self.direction_error)} rad"),
            ("n", self.sample_size),
        )

    @property
    def concentration(self) -> Float[Array, ""]:
        """`κ` of the fitted law."""
        return self.law.concentration

    @property
    def temperature(self) -> Float[Array, ""]:
        """`T = 1/κ`; its standard error is `T² ` times that of `κ`."""
        return 1 / self.law.concentration
