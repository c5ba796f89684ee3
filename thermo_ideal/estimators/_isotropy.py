"""How far a gradient noise is from isotropic."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from thermo_ideal._arguments import require_count, require_finite
from thermo_ideal._display import span
from thermo_ideal.dynamics import AbstractNoise
from thermo_ideal.numerics import power_of_two

_LARGEST_DENSE = 256  # up to this dimension the covariance is formed
_PROBES = 64
_LINEAR = 8  # directions where the noise must be linear in its normals
_NUMBERS_AT_ONCE = 2**22  # of all draws that are in memory together


@dataclass(frozen=True, repr=False)
class Isotropy:
    """The trace and the participation ratio of `Σ_w̄`, direction by direction.

    Args:
        dimension: `d`.
        trace: `τ = Tr Σ_w̄`, `(*batch,)`, in loss².
        participation_ratio: `(Tr Σ_w̄)²/((d − 1) Tr Σ_w̄²)`, `(*batch,)`, without unit: 1 where the noise is isotropic,
            `1/(d − 1)` where it has a single direction; NaN where there is no noise.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import IsotropicNoise
        >>> from thermo_ideal.estimators import isotropy
        >>> isotropy(IsotropicNoise(scale=0.5), jnp.eye(3))
        Isotropy at 3 directions, d = 3: τ = 0.5 loss^2, PR = 1; isotropic noise of this trace has σ = 0.5 loss
    """

    dimension: int
    trace: np.ndarray
    participation_ratio: np.ndarray

    def __repr__(self) -> str:
        return (
            f"Isotropy at {self.trace.size} directions, d = {self.dimension}: τ = {span(self.trace)} loss^2, PR = "
            f"{span(self.participation_ratio)}; isotropic noise of this trace has σ = {self.noise_scale:.4g} loss"
        )

    @property
    def mean_trace(self) -> float:
        """`E τ` over the directions, in loss²; the radius has the temperature `η_eff E τ/(2(d − 1))`."""
        return float(self.trace.mean())

    @property
    def mean_participation_ratio(self) -> float:
        """The participation ratio's mean over the directions."""
        return float(self.participation_ratio.mean())

    @property
    def noise_scale(self) -> float:
        """`σ = (E τ/(d − 1))^{1/2}`, that of the isotropic noise of the same mean trace."""
        return float(np.sqrt(self.mean_trace / (self.dimension - 1)))


def isotropy(
    noise: AbstractNoise,
    directions: Float[ArrayLike, "*batch d"],
    *,
    key: PRNGKeyArray | None = None,
    probes: int | None = None,
) -> Isotropy:
    """Trace and participation ratio of a noise's covariance in the tangent space, at given directions.

    Dense, both are exact: with `G` the matrix whose rows are the noise's draws for each unit normal, `Σ = GᵀG` and
    `Tr Σ² = |GᵀG|²`. By probing, `n` draws `g_a` at each direction give estimates without bias,

        Tr Σ = E |g_a|²,    (Tr Σ)² = E |g_a|² |g_b|²,    Tr Σ² = E (g_a·g_b)²,    a ≠ b,

    at a cost of `n² d` and with a relative error of the ratio of about `2/n` for isotropic noise in any dimension, 0
    for noise of a single direction; the ratio itself has a bias of order `1/n²` in the first case, `1/n` at worst. An
    estimate above 1, where no ratio can be, is 1; that is a bias of `−1/n` where the noise is isotropic.

    Args:
        noise: any gradient noise with a scalar scale.
        directions: unit vectors, `(*batch, d)`; samples of a run give averages over its law.
        key: for probing.
        probes: draws at each direction, at least 2; if None, dense up to `d = 256` and 64 beyond.

    Returns:
        An `Isotropy`.

    Raises:
        ValueError: directions of another norm, a scale for each run of a batch or for each step, a noise that is not
            linear in its normals, or probing without a key.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import AnisotropicNoise
        >>> from thermo_ideal.estimators import isotropy
        >>> found = isotropy(AnisotropicNoise(jnp.array([9.0, 3.0, 1.0])), jnp.eye(3)[0])
        >>> found.mean_trace, round(found.mean_participation_ratio, 6)  # (3 + 1)²/(2 (9 + 1))
        (4.0, 0.8)

    Source: the participation ratio is the usual effective rank of a spectrum, over its largest possible value.
    """
    vectors = jnp.asarray(directions)
    if vectors.ndim == 0 or vectors.shape[-1] < 2 or vectors.size == 0:
        raise ValueError(f"directions: got shape {vectors.shape}, expected (*batch, d) with d ≥ 2")
    require_finite("directions", vectors)
    norm = np.linalg.norm(vectors, axis=-1)
    if not np.allclose(norm, 1, atol=1e-5):
        raise ValueError(f"directions: got norms from {norm.min():g} to {norm.max():g}, expected 1; divide by the norm")
    if callable(noise.scale) or np.ndim(noise.scale):
        found = "a schedule of scales" if callable(noise.scale) else f"scales of shape {np.shape(noise.scale)}"
        raise ValueError(f"noise: got {found}, expected one, as in scale=1.0")
    d = vectors.shape[-1]
    noise.require_linearity(vectors.reshape(-1, d)[:_LINEAR])
    if probes is None and d > _LARGEST_DENSE:
        probes = _PROBES
    if probes is not None:
        require_count("probes", probes, minimum=2)
        if key is None:
            raise ValueError(f"key: got None for probing d = {d}, expected a key, as in key=jax.random.key(0)")
    *batch, _ = vectors.shape
    measured = _measure(noise, vectors.reshape(-1, d), jax.random.key(0) if key is None else key, probes)
    trace, unit, ratio = (np.asarray(x, np.float64).reshape(batch) for x in measured)
    return Isotropy(d, np.asarray(trace * unit**2), np.asarray(np.minimum(ratio, 1.0)))


@eqx.filter_jit
def _measure(
    noise: AbstractNoise, directions: Float[Array, "n d"], key: PRNGKeyArray, probes: int | None
) -> tuple[Float[Array, " n"], Float[Array, " n"], Float[Array, " n"]]:
    """The trace in units of a square, the unit, and the ratio: a square of a draw itself may not be a number."""
    d = directions.shape[-1]
    normals = noise.num_normals(d)

    def one(direction: Array, key: PRNGKeyArray) -> tuple[Array, Array, Array]:
        shape = (normals if probes is None else probes, normals)
        xi = jnp.eye(normals, dtype=direction.dtype) if probes is None else jax.random.normal(key, shape)
        draws = jax.vmap(lambda normal: noise.apply(direction, normal))(xi)
        unit = power_of_two(jnp.max(jnp.abs(draws)))
        draws = draws / unit
        squares = jnp.sum(draws**2, axis=-1)
        # The products of draws with each other have the same squared norm as the covariance; the smaller is formed.
        tall = draws.shape[0] > d and probes is None
        gram = jnp.matmul(draws.T if tall else draws, draws if tall else draws.T, precision=jax.lax.Precision.HIGHEST)
        square_of_trace, trace_of_square = jnp.sum(squares) ** 2, jnp.sum(gram**2)
        if probes is None:
            return jnp.sum(squares), unit, square_of_trace / ((d - 1) * trace_of_square)
        own = jnp.sum(squares**2)  # a = b
        return jnp.mean(squares), unit, (square_of_trace - own) / ((d - 1) * (trace_of_square - own))

    keys = jax.random.split(key, len(directions))
    at_once = max(1, _NUMBERS_AT_ONCE // (max(normals, d) * max(normals, d, probes or 0)))
    return jax.lax.map(lambda x: one(*x), (directions, keys), batch_size=min(at_once, len(directions)))
