"""Gradient noise on the unit sphere."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_nonnegative, as_positive, require_count, require_finite
from thermo_ideal.dynamics._vectors import inner


def _tangent(direction: Float[Array, " d"], vector: Float[Array, " d"]) -> Float[Array, " d"]:
    return vector - inner(direction, vector) * direction


class AbstractNoise(eqx.Module):
    """Gradient noise with covariance `Σ_w̄ = σ² P B Bᵀ P`, where `P = I − w̄w̄ᵀ`; `Σ_w = Σ_w̄/|w|²`.

    `scale`, `σ`, is a number or one for each run of a batch; all else is shared by the batch.
    """

    scale: eqx.AbstractVar[Float[Array, "..."]]

    @abc.abstractmethod
    def num_normals(self, dimension: int) -> int:
        """How many standard normals a draw takes: the columns of `B`."""

    @abc.abstractmethod
    def root(self, direction: Float[Array, " d"], normal: Float[Array, " n"]) -> Float[Array, " d"]:
        """`B ξ`, before the projection."""

    def apply(self, direction: Float[Array, " d"], normal: Float[Array, " n"]) -> Float[Array, " d"]:
        """`σ P B ξ` for a standard normal `ξ`: a draw of the noise at `w̄`."""
        return self.scale * _tangent(direction, self.root(direction, normal))

    def trace(self, dimension: int) -> Float[Array, "..."]:
        """`τ = Tr Σ_w̄`, where it is the same in every direction.

        Raises:
            ValueError: it is not.
        """
        raise ValueError(
            f"noise: got {type(self).__name__}, whose trace depends on the direction, expected IsotropicNoise(scale=…)"
        )

    def covariance(self, direction: Float[Array, " d"]) -> Float[Array, "d d"]:
        """`Σ_w̄`, from one draw for each column of `B`; for scalar `σ`."""
        draws = jax.vmap(lambda e: self.apply(direction, e))(jnp.eye(self.num_normals(direction.size)))
        return draws.T @ draws


class IsotropicNoise(AbstractNoise):
    """Gradient noise with covariance `Σ_w̄ = σ²(I − w̄w̄ᵀ)`, the only kind that has a temperature.

    Args:
        scale: `σ > 0`, the standard deviation of each tangent component at `|w| = 1`; a scalar, or one for each run of
            a batch.

    Raises:
        ValueError: `σ` is not a positive number.

    Example:
        >>> from thermo_ideal.dynamics import IsotropicNoise
        >>> float(IsotropicNoise(scale=2.0).trace(dimension=11))
        40.0
    """

    scale: Float[Array, "..."]

    def __init__(self, scale: ArrayLike = 1.0) -> None:
        self.scale = as_positive("scale", scale)

    def num_normals(self, dimension: int) -> int:
        """`d`."""
        return dimension

    def root(self, direction: Float[Array, " d"], normal: Float[Array, " d"]) -> Float[Array, " d"]:
        """`ξ`."""
        return normal

    def trace(self, dimension: int) -> Float[Array, "..."]:
        """`τ = Tr Σ_w̄ = σ²(d − 1)`."""
        return self.scale**2 * (dimension - 1)


class AnisotropicNoise(AbstractNoise):
    """Gradient noise with covariance `Σ_w̄ = σ² P (D + FFᵀ) P`, diagonal or low-rank plus diagonal.

    Args:
        variance: the diagonal of `D`, `d` numbers ≥ 0.
        factor: `F`, of shape `(d, k)`, or None for a diagonal covariance.
        scale: `σ > 0`, a scalar or one for each run of a batch.

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

    scale: Float[Array, "..."]
    variance: Float[Array, " d"]
    factor: Float[Array, "d k"] | None

    def __init__(self, variance: ArrayLike, factor: ArrayLike | None = None, scale: ArrayLike = 1.0) -> None:
        self.scale = as_positive("scale", scale)
        self.variance = as_nonnegative("variance", variance)
        if self.variance.ndim != 1 or self.variance.size < 2:
            raise ValueError(f"variance: got shape {self.variance.shape}, expected (d,) with d ≥ 2")
        self.factor = None if factor is None else jnp.asarray(factor, self.variance.dtype)
        if self.factor is not None:
            require_finite("factor", self.factor)
            if self.factor.ndim != 2 or self.factor.shape[0] != self.variance.size:
                raise ValueError(f"factor: got shape {self.factor.shape}, expected ({self.variance.size}, k)")
        nothing = not bool(jnp.any(self.variance > 0)) and (self.factor is None or not bool(jnp.any(self.factor != 0)))
        if nothing:
            raise ValueError("variance: got zeros and no factor, expected some noise")

    def num_normals(self, dimension: int) -> int:
        """`d + k`."""
        return dimension + (0 if self.factor is None else self.factor.shape[1])

    def root(self, direction: Float[Array, " d"], normal: Float[Array, " n"]) -> Float[Array, " d"]:
        """`√D ξ₁ + F ξ₂`."""
        d = self.variance.size
        diagonal = jnp.sqrt(self.variance) * normal[:d]
        return diagonal if self.factor is None else diagonal + self.factor @ normal[d:]


class CustomNoise(AbstractNoise):
    """Gradient noise given as a function that makes it from standard normals.

    Args:
        function: `(w̄, ξ) ↦ B(w̄) ξ`, linear in `ξ`; it is projected on the tangent space.
        size: how many standard normals `ξ` has; `d` if None.
        scale: `σ > 0`, a scalar or one for each run of a batch.

    Raises:
        ValueError: an argument of another kind.

    Example:
        Noise that is stronger far from the first axis:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import CustomNoise
        >>> noise = CustomNoise(lambda direction, normal: (1 - direction[0]) * normal)
        >>> noise.apply(jnp.array([0.0, 1.0]), jnp.array([2.0, 5.0]))
        Array([2., 0.], dtype=float32)
    """

    scale: Float[Array, "..."]
    function: Callable[[Array, Array], Array]
    size: int | None = eqx.field(static=True)

    def __init__(self, function: Any, size: int | None = None, scale: ArrayLike = 1.0) -> None:
        if not callable(function):
            raise ValueError(
                f"function: got {function!r}, expected a function, as in function=lambda direction, normal: normal"
            )
        if size is not None:
            require_count("size", size)
        self.scale, self.function, self.size = as_positive("scale", scale), function, size

    def num_normals(self, dimension: int) -> int:
        """`size`, or `d`."""
        return dimension if self.size is None else self.size

    def root(self, direction: Float[Array, " d"], normal: Float[Array, " n"]) -> Any:
        """`B(w̄) ξ`."""
        return self.function(direction, normal)
