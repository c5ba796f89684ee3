"""Gradient noise on the unit sphere."""

import abc
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check, as_nonnegative, as_positive, require_count, require_finite
from thermo_ideal.dynamics._component import AbstractComponent
from thermo_ideal.dynamics._schedules import Schedule
from thermo_ideal.numerics import inner, per_vector, spread

# What rounding may do to the linearity of noise, in units of its last place.
_ROUNDING = 1e3
_multiply = jnp.vectorize(jnp.matmul, signature="(d,k),(k)->(d)")


def _tangent(direction: Float[Array, "*batch d"], vector: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
    return vector - per_vector(inner(direction, vector), direction) * direction


def _scale(value: ArrayLike | Schedule) -> Any:
    return value if callable(value) else as_positive("scale", value)


class AbstractNoise(AbstractComponent):
    """Gradient noise with covariance `Σ_w̄ = σ² P B Bᵀ P`, where `P = I − w̄w̄ᵀ`; `Σ_w = Σ_w̄/|w|²`.

    A subclass has a field `scale`, `σ`: a number, one for each run of a batch, or a schedule. Other fields are shared
    by the batch, unless `parameters` names them. Directions and normals are vectors along the last axis.

    Example:
        Noise that is twice as strong along the first axis:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import AbstractNoise
        >>> class FirstAxisNoise(AbstractNoise):
        ...     scale: float = 1.0
        ...     def num_normals(self, dimension):
        ...         return dimension
        ...     def root(self, direction, normal):
        ...         return normal.at[..., 0].multiply(2.0)
        >>> FirstAxisNoise().apply(jnp.array([0.0, 1.0]), jnp.array([1.0, 3.0]))
        Array([2., 0.], dtype=float32)
    """

    scale: eqx.AbstractVar[Any]

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        """`scale`, a number."""
        return {"scale": 0}

    @classmethod
    def checks(cls) -> Mapping[str, Check]:
        """`scale`, above 0."""
        return {"scale": as_positive}

    @abc.abstractmethod
    def num_normals(self, dimension: int) -> int:
        """How many standard normals a draw takes: the columns of `B`.

        Args:
            dimension: `d`.
        """

    @abc.abstractmethod
    def root(self, direction: Float[Array, "*batch d"], normal: Float[Array, "*batch n"]) -> Float[Array, "*batch d"]:
        """`B ξ`, before the projection.

        Args:
            direction: `w̄`, unit vectors.
            normal: `ξ`, `num_normals(d)` numbers for each.
        """

    def apply(self, direction: Float[Array, "... d"], normal: Float[Array, "... n"]) -> Float[Array, "... d"]:
        """`σ P B ξ` for a standard normal `ξ`: a draw of the noise at `w̄`.

        Args:
            direction: `w̄`, unit vectors.
            normal: `ξ`, `num_normals(d)` numbers for each.

        Returns:
            Vectors, in the batch of the arguments and the parameters.
        """
        direction = spread(direction, self.batch_shape, normal.shape[:-1])
        normal = spread(normal, direction.shape[:-1])
        return per_vector(self.scale, direction) * _tangent(direction, self.root(direction, normal))

    def require_linearity(self, direction: Float[Array, "*batch d"]) -> None:
        """Raises ValueError unless `B ξ` is linear in `ξ`: else noise has a mean, which is a drift, or no covariance.

        Args:
            direction: `w̄` to look at, unit vectors.
        """
        size = direction.shape[-1]
        first, second = jax.random.normal(jax.random.key(0), (2, self.num_normals(size)), direction.dtype)
        inputs = jnp.zeros_like(first), first, second, 2 * first - 3 * second
        zero, a, b, mixed = jax.vmap(lambda w: jnp.stack([self.root(w, xi) for xi in inputs]), out_axes=1)(
            direction.reshape(-1, size)
        )
        mean, off, scale = (jnp.max(jnp.abs(x), axis=-1) for x in (zero, mixed - 2 * a + 3 * b, 2 * a - 3 * b))
        wrong = ~np.asarray(jnp.maximum(mean, off) <= _ROUNDING * jnp.finfo(direction.dtype).eps * scale)
        if wrong.any():
            raise ValueError(
                f"noise: got B ξ = {float(mean[wrong][0]):.4g} at ξ = 0 and a B(2ξ − 3ζ) that is off by "
                f"{float(off[wrong][0]):.4g} from 2Bξ − 3Bζ, expected noise that is linear in ξ, whose mean is 0, as "
                "in CustomNoise(lambda direction, normal: 2 * normal); what ξ does not change belongs to the loss"
            )

    def trace(self, dimension: int) -> Float[Array, "..."]:
        """`τ = Tr Σ_w̄`, where it is the same in every direction.

        Args:
            dimension: `d`.

        Raises:
            ValueError: it is not.
        """
        raise ValueError(
            f"noise: got {type(self).__name__}, whose trace depends on the direction, expected "
            "IsotropicNoise(scale=1.0)"
        )

    def covariance(self, direction: Float[Array, "*batch d"]) -> Float[Array, "... d d"]:
        """`Σ_w̄`, from one draw for each column of `B`.

        Args:
            direction: `w̄`, unit vectors.

        Returns:
            A matrix for each vector of the batch of the arguments and the parameters.
        """
        draws = jax.vmap(lambda e: self.apply(direction, e))(jnp.eye(self.num_normals(direction.shape[-1])))
        return jnp.einsum("n...i,n...j->...ij", draws, draws)


class IsotropicNoise(AbstractNoise):
    """Gradient noise with covariance `Σ_w̄ = σ²(I − w̄w̄ᵀ)`, the only kind that has a temperature.

    Args:
        scale: `σ > 0`, the standard deviation of each tangent component at `|w| = 1`; a scalar, one for each run of a
            batch, or a schedule.

    Raises:
        ValueError: `σ` is not a positive number.

    Example:
        >>> from thermo_ideal.dynamics import IsotropicNoise
        >>> float(IsotropicNoise(scale=2.0).trace(dimension=11))
        40.0
    """

    scale: Any

    def __init__(self, scale: ArrayLike | Schedule = 1.0) -> None:
        self.scale = _scale(scale)

    def num_normals(self, dimension: int) -> int:
        """`d`."""
        return dimension

    def root(self, direction: Float[Array, "*batch d"], normal: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        """`ξ`."""
        return normal

    def trace(self, dimension: int) -> Float[Array, "..."]:
        """`τ = Tr Σ_w̄ = σ²(d − 1)`."""
        return self.scale**2 * (dimension - 1)


class AnisotropicNoise(AbstractNoise):
    """Gradient noise with covariance `Σ_w̄ = σ² P (D + FFᵀ) P`, diagonal or low-rank plus diagonal.

    Args:
        variance: the diagonal of `D`, `d` numbers ≥ 0 along the last axis; axes before it are a batch.
        factor: `F`, of shape `(*batch, d, k)`, or None for a diagonal covariance.
        scale: `σ > 0`, a scalar, one for each run of a batch, or a schedule.

    Raises:
        ValueError: a negative variance, shapes that do not fit, or no noise at all.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import AnisotropicNoise
        >>> noise = AnisotropicNoise(variance=jnp.array([1.0, 4.0, 9.0]))
        >>> noise.covariance(jnp.array([1.0, 0.0, 0.0]))
        Array([[0., 0., 0.],
               [0., 4., 0.],
               [0., 0., 9.]], dtype=float32)
    """

    scale: Any
    variance: Float[Array, "*batch d"]
    factor: Float[Array, "*batch d k"] | None

    def __init__(self, variance: ArrayLike, factor: ArrayLike | None = None, scale: ArrayLike | Schedule = 1.0) -> None:
        self.scale = _scale(scale)
        self.variance = as_nonnegative("variance", variance)
        if self.variance.ndim == 0 or self.variance.shape[-1] < 2:
            raise ValueError(f"variance: got shape {self.variance.shape}, expected (*batch, d) with d ≥ 2")
        d = self.variance.shape[-1]
        self.factor = None if factor is None else jnp.asarray(factor, self.variance.dtype)
        if self.factor is not None:
            require_finite("factor", self.factor)
            if self.factor.ndim < 2 or self.factor.shape[-2] != d:
                raise ValueError(f"factor: got shape {self.factor.shape}, expected (*batch, {d}, k)")
        nothing = not bool(jnp.any(self.variance > 0)) and (self.factor is None or not bool(jnp.any(self.factor != 0)))
        if nothing:
            raise ValueError("variance: got zeros and no factor, expected some noise, as in variance=jnp.ones(3)")

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        """`scale`, a number, `variance`, a vector, and `factor`, a matrix."""
        return {"scale": 0, "variance": 1, "factor": 2}

    @classmethod
    def checks(cls) -> Mapping[str, Check]:
        """`scale`, above 0, and `variance`, not below."""
        return {"scale": as_positive, "variance": as_nonnegative}

    def num_normals(self, dimension: int) -> int:
        """`d + k`."""
        return dimension + (0 if self.factor is None else self.factor.shape[-1])

    def root(self, direction: Float[Array, "*batch d"], normal: Float[Array, "*batch n"]) -> Float[Array, "... d"]:
        """`√D ξ₁ + F ξ₂`."""
        d = self.variance.shape[-1]
        normal = spread(normal, self.variance.shape[:-1])
        diagonal = spread(jnp.sqrt(self.variance), normal.shape[:-1]) * normal[..., :d]
        if self.factor is None:
            return diagonal
        batch = jnp.broadcast_shapes(self.factor.shape[:-2], normal.shape[:-1])
        factor = jnp.broadcast_to(self.factor, (*batch, *self.factor.shape[-2:]))
        return spread(diagonal, batch) + _multiply(factor, spread(normal[..., d:], batch))


class CustomNoise(AbstractNoise):
    """Gradient noise given as a function that makes it from standard normals.

    Args:
        function: `(w̄, ξ) ↦ B(w̄) ξ` of two vectors, linear in `ξ`; it is projected on the tangent space.
        size: how many standard normals `ξ` has; `d` if None.
        scale: `σ > 0`, a scalar, one for each run of a batch, or a schedule.

    Raises:
        ValueError: an argument of another kind. A simulation refuses a function that is not linear in `ξ`.

    Example:
        Noise that is stronger far from the first axis:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import CustomNoise
        >>> noise = CustomNoise(lambda direction, normal: (1 - direction[0]) * normal)
        >>> noise.apply(jnp.array([0.0, 1.0]), jnp.array([2.0, 5.0]))
        Array([2., 0.], dtype=float32)
    """

    scale: Any
    function: Callable[[Array, Array], Array]
    size: int | None = eqx.field(static=True)

    def __init__(self, function: Any, size: int | None = None, scale: ArrayLike | Schedule = 1.0) -> None:
        if not callable(function):
            raise ValueError(
                f"function: got {function!r}, expected a function, as in function=lambda direction, normal: normal"
            )
        if size is not None:
            require_count("size", size)
        self.scale, self.function, self.size = _scale(scale), function, size

    def num_normals(self, dimension: int) -> int:
        """`size`, or `d`."""
        return dimension if self.size is None else self.size

    def root(self, direction: Float[Array, "*batch d"], normal: Float[Array, "*batch n"]) -> Any:
        """`B(w̄) ξ`."""
        return jnp.vectorize(self.function, signature="(d),(n)->(m)")(direction, normal)
