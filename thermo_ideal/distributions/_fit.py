"""What a fit needs to know of directions, in one pass or in parts."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermo_ideal._arguments import as_number

_NORM_TOLERANCE = 1e-3


@jax.jit
def _norms(x: Array) -> Array:
    return jnp.sqrt(jnp.sum(x * x, axis=1))


def require_unit_rows(samples: Array | np.ndarray) -> None:
    """Raises ValueError unless the shape is `(n, d)` and, where values are known, every row is finite with norm 1."""
    if samples.ndim != 2 or samples.shape[0] < 1 or samples.shape[1] < 2:
        raise ValueError(f"samples: got shape {samples.shape}, wanted (n, d), n ≥ 1 and d ≥ 2; one row is one vector")
    if isinstance(samples, jax.core.Tracer):
        return
    norm = np.asarray(_norms(samples))
    good = np.abs(norm - 1) < _NORM_TOLERANCE
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise ValueError(
            f"samples: got a vector of norm {norm[row]:.6g} in row {row}, wanted norm 1; divide by "
            "jnp.linalg.norm(samples, axis=1, keepdims=True)"
        )


@jax.jit
def _mean_and_scatter(x: Array, share: Array, weight: Array) -> tuple[Array, Array]:
    # From the first vector on, which takes the rounding out of the mean of vectors that are close to each other.
    mean = x[0] + share @ (x - x[:1])
    return mean, weight @ jnp.sum((x - mean[None]) ** 2, axis=1)


class DirectionalStatistics(eqx.Module):
    """Sufficient statistics of unit vectors: their weight, mean and scatter.

    Statistics of parts add up, so that a stream, or samples on many machines, need never be together. The scatter
    `Σ w|x − x̄|² = W(1 − |x̄|²)` is kept beside the mean because that difference would cancel where the vectors are close
    to each other.

    Attributes:
        weight: `W = Σw`.
        squared_weight: `Σw²`.
        mean: `x̄ = Σwx/W`, of shape `(d,)`.
        scatter: `Σ w|x − x̄|²`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import DirectionalStatistics, VonMisesFisher
        >>> x = VonMisesFisher(jnp.eye(3)[0], 50.0).sample(jax.random.key(0), (10_000,))
        >>> stream = DirectionalStatistics.of(x[:4_000]) + DirectionalStatistics.of(x[4_000:])
        >>> bool(abs(VonMisesFisher.fit(stream).concentration / VonMisesFisher.fit(x).concentration - 1) < 1e-5)
        True

    Source: Chan, Golub & LeVeque, The American Statistician 37, 242 (1983), for the sum.
    """

    weight: Float[Array, ""]
    squared_weight: Float[Array, ""]
    mean: Float[Array, " d"]
    scatter: Float[Array, ""]

    @classmethod
    def of(cls, samples: Any, weights: Any = None) -> "DirectionalStatistics":
        """The statistics of one part.

        Args:
            samples: unit vectors, of shape `(n, d)`, `d ≥ 2`.
            weights: of shape `(n,)`, not negative and not all 0; without them all samples count the same.

        Raises:
            ValueError: another shape, numbers that are not finite, vectors whose norm is not 1 within 10⁻³, or wrong
                weights. Under `jit`, where values are not known, only shapes are checked.
        """
        x = jnp.asarray(samples, float)
        require_unit_rows(x)
        w = jnp.ones(x.shape[0], x.dtype)
        if weights is not None:
            w = as_number("weights", weights, lambda w: w >= 0, "numbers ≥ 0, one for each sample").astype(x.dtype)
            if w.shape != (x.shape[0],):
                raise ValueError(f"weights: got shape {w.shape}, wanted ({x.shape[0]},), one for each sample")
            if not isinstance(w, jax.core.Tracer) and not float(w.sum()) > 0:
                raise ValueError("weights: got a sum of 0, wanted one that is positive")
        return cls(w.sum(), (w**2).sum(), *_mean_and_scatter(x, w / w.sum(), w))

    def __add__(self, other: "DirectionalStatistics") -> "DirectionalStatistics":
        """The statistics of both parts together.

        Raises:
            ValueError: parts of different dimensions.
        """
        if other.dimension != self.dimension:
            raise ValueError(f"other: got statistics of dimension {other.dimension}, wanted {self.dimension} as here")
        total = self.weight + other.weight
        step = other.mean - self.mean
        between = self.weight * (other.weight / total) * jnp.sum(step**2)
        return DirectionalStatistics(
            total,
            self.squared_weight + other.squared_weight,
            self.mean + other.weight / total * step,
            self.scatter + other.scatter + between,
        )

    @property
    def dimension(self) -> int:
        """`d`, the number of components of a vector."""
        return self.mean.shape[0]

    @property
    def sample_size(self) -> Float[Array, ""]:
        """`(Σw)²/Σw²`: the number of samples, where all count the same."""
        return self.weight**2 / self.squared_weight

    def require_spread(self) -> None:
        """Raises ValueError unless there are at least two samples, not all the same."""
        if isinstance(self.scatter, jax.core.Tracer):
            return
        if not float(self.sample_size) > 1:
            raise ValueError(f"samples: got {float(self.sample_size):.3g} (effective), wanted at least 2")
        if not float(self.scatter) > 0:
            raise ValueError(
                "samples: got vectors that are all the same, wanted a spread; their concentration is infinite"
            )
