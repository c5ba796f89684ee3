"""The von Mises–Fisher law as a distribution of vectors."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Bool, Float, PRNGKeyArray

from thermo_ideal._arguments import as_nonnegative, as_unit
from thermo_ideal.distributions import von_mises_fisher as vmf


class VonMisesFisher(eqx.Module):
    """The law on `S^{d−1}` with density `C_d(κ) e^{κ μ·x}`: the Gibbs law of `L = 1 − μ·x` at temperature `T = 1/κ`.

    Args:
        mean_direction: `μ`, a unit vector of shape `(d,)`.
        concentration: `κ ≥ 0`, a scalar. At 0 the law is uniform.

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
                f"concentration: got shape {self.concentration.shape}, wanted one number; map over it with jax.vmap"
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
        distance = jnp.sum((x - jnp.broadcast_to(self.mean_direction, x.shape)) ** 2, axis=-1)
        mode = vmf.log_normalizer_scaled(self.dimension, self.concentration)
        return jnp.broadcast_to(mode, distance.shape) - self.concentration * distance / 2

    def mean(self) -> Float[Array, " d"]:
        """`E x = A_d(κ) μ`."""
        return vmf.mean_resultant_length(self.dimension, self.concentration) * self.mean_direction

    def entropy(self) -> Float[Array, ""]:
        """Differential entropy in nats with respect to the surface measure."""
        return vmf.entropy(self.dimension, self.concentration)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample d"]:
        """Exact draws, in `O(d)` each.

        The depth `u = 1 − μ·x` is drawn first, by inversion at `d = 3` and by rejection elsewhere; the rest of the
        vector is uniform on the sphere of radius `√(u(2−u))` around `μ`.

        Args:
            key: a JAX key.
            sample_shape: the shape of the sample, before the vector's own axis.

        Source: Ulrich, Applied Statistics 33, 158 (1984); Wood, Comm. Stat. Simul. 23, 157 (1994).
        """
        d, mu, kappa = self.dimension, self.mean_direction, self.concentration
        depth_key, tangent_key = jax.random.split(key)
        depth = _inverted_depth if d == 3 else _rejected_depth
        u = depth(depth_key, d, kappa, sample_shape)[..., None]
        normal = jax.random.normal(tangent_key, (*sample_shape, d), mu.dtype)
        axis = jnp.broadcast_to(mu, normal.shape)
        tangent = normal
        for _ in range(2):  # where a draw lies almost along μ, one projection leaves rounding errors of its own size
            tangent = tangent - jnp.sum(tangent * axis, axis=-1, keepdims=True) * axis
            tangent /= jnp.linalg.norm(tangent, axis=-1, keepdims=True)
        return axis - u * axis + jnp.sqrt(u * (2 - u)) * tangent


def _inverted_depth(key: PRNGKeyArray, dimension: int, kappa: Array, shape: tuple[int, ...]) -> Array:
    """At `d = 3`, `u` is exponential with rate `κ`, cut off at 2."""
    uniform = jax.random.uniform(key, shape, kappa.dtype)
    positive = jnp.where(kappa > 0, kappa, 1.0)
    truncated = -jnp.log1p(uniform * jnp.expm1(-2 * positive)) / positive
    return jnp.where(kappa > 0, truncated, 2 * uniform)


def _rejected_depth(key: PRNGKeyArray, dimension: int, kappa: Array, shape: tuple[int, ...]) -> Array:
    """Rejection from a transformed beta law, all in depths: overlaps near 1 would lose their digits.

    With `g` the depth of the envelope's peak `x₀`, `1 − x₀(1−u) = u + g − ug` and `1 − x₀² = g(2−g)`.
    """
    n = dimension - 1
    b = n / (2 * kappa + jnp.hypot(2 * kappa, jnp.asarray(n, kappa.dtype)))
    g = 2 * b / (1 + b)

    def propose(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        attempt, u, accepted = state
        beta_key, uniform_key = jax.random.split(jax.random.fold_in(key, attempt))
        z = jax.random.beta(beta_key, n / 2, n / 2, shape, kappa.dtype)
        proposal = 2 * b * z / (1 - z + b * z)
        log_ratio = kappa * (g - proposal) + n * jnp.log((proposal + g - proposal * g) / (g * (2 - g)))
        accept = log_ratio >= jnp.log(jax.random.uniform(uniform_key, shape, kappa.dtype))
        return attempt + 1, jnp.where(accepted, u, proposal), accepted | accept

    def unfinished(state: tuple[Array, Array, Bool[Array, "..."]]) -> Bool[Array, ""]:
        return ~jnp.all(state[2])

    start = (jnp.asarray(0), jnp.zeros(shape, kappa.dtype), jnp.zeros(shape, bool))
    return lax.while_loop(unfinished, propose, start)[1]
