"""Sufficient statistics of directions, in one pass or in parts."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermo_ideal._arguments import as_number, require_real
from thermo_ideal._display import listing
from thermo_ideal.distributions._overlap_law import on_host

NORM_TOLERANCE = 1e-3


def require_unit_rows(samples: Array | np.ndarray) -> None:
    """Raises ValueError unless the shape is `(n, d)` and, where values are known, every row is finite with norm 1."""
    if samples.ndim != 2 or samples.shape[0] < 1 or samples.shape[1] < 2:
        raise ValueError(f"samples: got shape {samples.shape}, expected (n, d), n ≥ 1 and d ≥ 2; one row is one vector")
    if isinstance(samples, jax.core.Tracer):
        return
    x = np.asarray(samples)
    norm = np.sqrt(np.einsum("ij,ij->i", x, x))
    good = np.abs(norm - 1) < NORM_TOLERANCE
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise ValueError(
            f"samples: got a vector of norm {norm[row]:.6g} in row {row}, expected norm 1; divide by "
            "jnp.linalg.norm(samples, axis=1, keepdims=True)"
        )


def _mean_and_spread(x: Any, share: Any) -> tuple[Any, Any]:
    # From the first vector on, which takes the rounding out of the mean of vectors that are close to each other.
    mean = x[0] + share @ (x - x[:1])
    return mean, share @ ((x - mean[None]) ** 2).sum(axis=1)


_traced_mean_and_spread = jax.jit(_mean_and_spread)


class DirectionalStatistics(eqx.Module):
    """Sufficient statistics of unit vectors: their weight, mean and spread.

    Statistics of parts add up, so that a stream, or samples on many machines, need never be together. The spread
    `Σw|x − x̄|²/Σw = 1 − |x̄|²` is kept beside the mean because that difference would cancel where the vectors are close
    to each other.

    Attributes:
        weight: `W = Σw`.
        shares: `Σ(w/W)^k` for `k = 2, 3, 4`, which the errors need; `n^{1−k}` where all weights are the same.
        mean: `x̄ = Σwx/W`, of shape `(d,)`.
        spread: `Σw|x − x̄|²/W`.

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
    shares: Float[Array, " 3"]
    mean: Float[Array, " d"]
    spread: Float[Array, ""]

    @classmethod
    def of(cls, samples: Any, weights: Any = None) -> "DirectionalStatistics":
        """The statistics of one part.

        NumPy arrays in double precision are reduced in it, also where JAX has only single precision.

        Args:
            samples: unit vectors, of shape `(n, d)`, `d ≥ 2`.
            weights: of shape `(n,)`, not negative and not all 0; without them all samples count the same.

        Returns:
            The statistics.

        Raises:
            ValueError: another shape, numbers that are not finite, vectors whose norm is not 1 within 10⁻³, or wrong
                weights. Under `jit`, where values are not known, only shapes are checked.
        """
        require_real("samples", samples)
        x = samples if isinstance(samples, jax.Array | np.ndarray) else on_host("samples", samples)
        require_unit_rows(x)
        x = x.astype(np.promote_types(x.dtype, np.float32))
        if weights is None:
            given = jnp.ones(x.shape[0])
        else:
            given = as_number("weights", weights, lambda w: w >= 0, "numbers ≥ 0, one for each sample")
            if given.shape != (x.shape[0],):
                raise ValueError(f"weights: got shape {given.shape}, expected ({x.shape[0]},), one for each sample")
        host = isinstance(x, np.ndarray) and not isinstance(given, jax.core.Tracer)
        w: Any = np.asarray(given, x.dtype) if host else given.astype(x.dtype)
        if not isinstance(w, jax.core.Tracer) and not np.asarray(w).any():
            raise ValueError("weights: got a sum of 0, expected one that is positive")
        share = w / w.max()
        total = share.sum()
        mean, spread = (_mean_and_spread if host else _traced_mean_and_spread)(x, share / total)
        shares = jnp.stack([jnp.asarray(((share / total) ** k).sum(), float) for k in (2, 3, 4)])
        return cls(*(jnp.asarray(value, float) for value in (w.max() * total, shares, mean, spread)))

    def __add__(self, other: "DirectionalStatistics") -> "DirectionalStatistics":
        """The statistics of both parts together.

        Args:
            other: the other part.

        Returns:
            Theirs.

        Raises:
            ValueError: parts of different dimensions.
        """
        if other.dimension != self.dimension:
            raise ValueError(f"other: got statistics of dimension {other.dimension}, expected {self.dimension} as here")
        total = self.weight + other.weight
        ours, theirs = self.weight / total, other.weight / total
        powers = jnp.array([2, 3, 4])
        step = other.mean - self.mean
        return DirectionalStatistics(
            total,
            ours**powers * self.shares + theirs**powers * other.shares,
            self.mean + theirs * step,
            ours * self.spread + theirs * other.spread + ours * theirs * jnp.sum(step**2),
        )

    def __repr__(self) -> str:
        return listing(
            "DirectionalStatistics",
            ("d", str(self.dimension)),
            ("n", self.sample_size),
            ("x̄", self.mean),
            ("spread", self.spread),
        )

    @property
    def dimension(self) -> int:
        """`d`, the number of components of a vector."""
        return self.mean.shape[0]

    @property
    def sample_size(self) -> Float[Array, ""]:
        """`(Σw)²/Σw²`: the number of samples, where all count the same."""
        return 1 / self.shares[0]

    def require_spread(self) -> None:
        """Raises ValueError unless there are at least two samples, and not all the same."""
        if isinstance(self.spread, jax.core.Tracer):
            return
        if not float(self.sample_size) > 1 + 1e-6:
            raise ValueError(f"samples: got {float(self.sample_size):.3g} (effective), expected at least 2")
        if not float(self.spread) > 0:
            raise ValueError(
                "samples: got vectors that are all the same, expected a spread; their concentration is infinite"
            )
