"""Scale-invariant losses, given on the unit sphere."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check, as_unit, require_dimension
from thermo_ideal.dynamics._component import AbstractComponent
from thermo_ideal.numerics import inner, norm, per_vector, spread

# What rounding may do to a loss when its argument doubles, in units of the last place of the loss or of its gradient.
ROUNDING = 1e3


class AbstractLoss(AbstractComponent):
    """A loss with `L(cw) = L(w)` for `c > 0`, so given by its values on the unit sphere.

    Directions are vectors along the last axis. Fields are shared by a batch of runs, unless `parameters` names them.

    Example:
        The loss `w̄ · (w̄ ∘ a)` of a diagonal quadratic form:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import AbstractLoss
        >>> class QuadraticLoss(AbstractLoss):
        ...     curvature: jnp.ndarray
        ...     @property
        ...     def dimension(self):
        ...         return self.curvature.shape[-1]
        ...     def __call__(self, direction):
        ...         return direction**2 @ self.curvature
        ...     def gradient(self, direction):
        ...         stretched = jnp.broadcast_to(self.curvature, direction.shape) * direction
        ...         return 2 * (stretched - self(direction)[..., None] * direction)
        >>> loss = QuadraticLoss(jnp.array([1.0, 2.0]))
        >>> loss(jnp.array([[1.0, 0.0], [0.0, 1.0]]))
        Array([1., 2.], dtype=float32)
    """

    @property
    @abc.abstractmethod
    def dimension(self) -> int | None:
        """`d`, or None where the loss does not know it."""

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        """None."""
        return {}

    @property
    def minimizer(self) -> Float[Array, "*batch d"] | None:
        """The direction where the loss is least and a cold gas rests, or None where that is not known."""
        return None

    @property
    def zonal(self) -> Any:
        """The loss itself where it is a function of the overlap alone, so that its laws are known; else None."""
        return None

    @abc.abstractmethod
    def __call__(self, direction: Float[Array, "*batch d"]) -> Float[Array, "..."]:
        """`L(w̄)`.

        Args:
            direction: `w̄`, unit vectors.

        Returns:
            A number for each vector.
        """

    @abc.abstractmethod
    def gradient(self, direction: Float[Array, "*batch d"]) -> Float[Array, "... d"]:
        """`∇L(w̄)`, tangent to the sphere; `∇L(w) = ∇L(w̄)/|w|`.

        Args:
            direction: `w̄`, unit vectors.

        Returns:
            A vector for each.
        """

    def observables(self, direction: Float[Array, "*batch d"]) -> dict[str, Float[Array, "..."]]:
        """What a simulation measures of the direction at every step: the loss, by its name.

        Args:
            direction: `w̄`, unit vectors.
        """
        return {"loss": self(direction)}

    def resolve_dimension(self, dimension: int | None) -> int:
        """The loss's own dimension, or the one that is given.

        Args:
            dimension: `d`, or None.

        Raises:
            ValueError: neither is there, or they disagree.
        """
        own = self.dimension
        if own is None and dimension is None:
            raise ValueError("dimension: got None and a loss without a mean direction; add dimension=3")
        if own is not None and dimension is not None and own != dimension:
            raise ValueError(f"dimension: got {dimension}, expected {own}, that of the loss; leave it out")
        resolved = own if dimension is None else dimension
        require_dimension("dimension", resolved)
        assert resolved is not None
        return int(resolved)

    def require_scale_invariance(self, position: Float[Array, "*batch d"]) -> None:
        """Raises ValueError where the loss changes along a ray; one given on the sphere, where its gradient does.

        Args:
            position: vectors to look at, of any norms.
        """
        position = position.reshape(-1, position.shape[-1])
        direction = position / per_vector(norm(position), position)
        gradient, value = jax.vmap(self.gradient)(direction), jax.vmap(self)(direction)
        vectors = direction.reshape(len(direction), *(1,) * (gradient.ndim - 2), -1)
        along = inner(gradient, jnp.broadcast_to(vectors, gradient.shape))
        # Where it is least, a loss may be nothing but rounding: the scale is that of all positions.
        rounding = ROUNDING * jnp.finfo(direction.dtype).eps * jnp.max(norm(gradient) + jnp.abs(value))
        wrong = ~np.asarray(jnp.abs(along) <= rounding)
        if wrong.any():
            raise ValueError(
                f"loss: got w̄·∇L(w̄) = {float(along[wrong][0]):.6g} from {type(self).__name__}.gradient, expected a "
                "gradient that is tangent to the sphere; subtract inner(direction, gradient)[..., None] * direction"
            )


class AbstractZonalLoss(AbstractLoss):
    """A loss of the overlap `m = μ·w̄` alone, given in the depth `u = 1 − m`, which keeps its digits near `μ`.

    `μ` may be left out where only the overlap matters; what needs the vector or its dimension then says so.

    Example:
        `L = u²/2`, a loss that is flat at its minimum:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import AbstractZonalLoss
        >>> class SquaredDepth(AbstractZonalLoss):
        ...     mean_direction: jnp.ndarray | None = None
        ...     def at_depth(self, depth):
        ...         return depth**2 / 2
        ...     def slope(self, depth):
        ...         return depth
        >>> SquaredDepth(jnp.eye(2)[0])(jnp.array([[0.0, 1.0], [1.0, 0.0]]))
        Array([0.5, 0. ], dtype=float32)
    """

    mean_direction: eqx.AbstractVar[Float[Array, "*batch d"] | None]
    linear_in_overlap: ClassVar[bool] = False
    """Whether the loss is `1 − m`, whose Gibbs law at temperature `T` is von Mises–Fisher with concentration `1/T`."""

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        """`mean_direction`, a vector."""
        return {"mean_direction": 1}

    @classmethod
    def checks(cls) -> Mapping[str, Check]:
        """`mean_direction`, a unit vector."""
        return {"mean_direction": as_unit}

    @abc.abstractmethod
    def at_depth(self, depth: Float[Array, "..."]) -> Float[Array, "..."]:
        """`L` at depth `u`.

        Args:
            depth: `u`, any shape.
        """

    @abc.abstractmethod
    def slope(self, depth: Float[Array, "..."]) -> Float[Array, "..."]:
        """`dL/du = −dL/dm` at depth `u`.

        Args:
            depth: `u`, any shape.
        """

    @property
    def zonal(self) -> Any:
        """Itself."""
        return self

    @property
    def dimension(self) -> int | None:
        """`d`, or None for a loss without a direction."""
        return None if self.mean_direction is None else self.mean_direction.shape[-1]

    @property
    def keeps_depth(self) -> bool:
        """Whether `at_depth` keeps the digits of small depths, which a function of the overlap `1 − u` loses."""
        return True

    def depth(self, direction: Float[Array, "*batch d"]) -> Float[Array, "..."]:
        """`u = 1 − μ·w̄` as `|w̄ − μ|²/2`, which does not cancel near `μ`.

        Args:
            direction: `w̄`, unit vectors.
        """
        mu, direction = self._aligned(direction)
        gap = direction - mu
        return inner(gap, gap) / 2

    def __call__(self, direction: Float[Array, "*batch d"]) -> Float[Array, "..."]:
        """`L(w̄)`."""
        return self.at_depth(self.depth(direction))

    def gradient(self, direction: Float[Array, "*batch d"]) -> Float[Array, "... d"]:
        """`∇L(w̄) = dL/du ((μ·w̄) w̄ − μ)`."""
        mu, direction = self._aligned(direction)
        along = per_vector(inner(mu, direction), direction)
        return per_vector(self.slope(self.depth(direction)), direction) * (along * direction - mu)

    def observables(self, direction: Float[Array, "*batch d"]) -> dict[str, Float[Array, "..."]]:
        """The loss and the depth.

        Args:
            direction: `w̄`, unit vectors.
        """
        return self.observables_at_depth(self.depth(direction))

    def observables_at_depth(self, depth: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """The loss and the depth.

        Args:
            depth: `u`.
        """
        return {"loss": self.at_depth(depth), "depth": depth}

    def _aligned(self, direction: Float[Array, "*batch d"]) -> tuple[Float[Array, "... d"], Float[Array, "... d"]]:
        """`μ` and the directions, in one batch."""
        if self.mean_direction is None:
            raise ValueError(
                f"mean_direction: got None, expected a unit vector here; build the loss as {type(self).__name__}"
                f"(…, mean_direction=jnp.eye({direction.shape[-1]})[0])"
            )
        direction = spread(direction, self.mean_direction.shape[:-1])
        return spread(self.mean_direction, direction.shape[:-1]), direction


class VonMisesFisherLoss(AbstractZonalLoss):
    """`L(w) = 1 − μ·w̄`, whose Gibbs law at temperature `T` is von Mises–Fisher with concentration `1/T`.

    Args:
        mean_direction: `μ`, a unit vector of shape `(d,)`, or `(*batch, d)` with one for each run of a batch; None
            where only the overlap matters.

    Raises:
        ValueError: `μ` is not a unit vector.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import VonMisesFisherLoss
        >>> loss = VonMisesFisherLoss(jnp.array([1.0, 0.0, 0.0]))
        >>> float(loss(jnp.array([0.0, 1.0, 0.0])))
        1.0

    Source: arXiv 2511.07308, the isotropic-noise model.
    """

    mean_direction: Float[Array, "*batch d"] | None
    linear_in_overlap: ClassVar[bool] = True

    def __init__(self, mean_direction: ArrayLike | None = None) -> None:
        self.mean_direction = None if mean_direction is None else as_unit("mean_direction", mean_direction)

    @property
    def minimizer(self) -> Float[Array, "*batch d"] | None:
        """`μ`."""
        return self.mean_direction

    def at_depth(self, depth: Float[Array, "..."]) -> Float[Array, "..."]:
        """`u`."""
        return depth

    def slope(self, depth: Float[Array, "..."]) -> Float[Array, "..."]:
        """1."""
        return jnp.ones_like(depth)


class ZonalLoss(AbstractZonalLoss):
    """`L(w) = f(m)` of the overlap `m = μ·w̄`, or `f(u)` of the depth `u = 1 − m`.

    Args:
        function: `f`, a JAX function of a number.
        mean_direction: `μ`, a unit vector of shape `(d,)`, or `(*batch, d)` with one for each run of a batch; None
            where only the overlap matters.
        argument: "overlap" for `f(m)`, "depth" for `f(u)`, which keeps the digits of a cold gas.

    Raises:
        ValueError: `μ` is not a unit vector, or an argument of another kind.

    Example:
        >>> from thermo_ideal.dynamics import ZonalLoss
        >>> loss = ZonalLoss(lambda m: 1 - m**2)
        >>> float(loss.at_depth(0.5)), float(loss.slope(0.5))
        (0.75, 1.0)

    See also `thermo_ideal.distributions.Zonal`, the Gibbs law of such a loss.
    """

    function: Callable[[Array], Array]
    mean_direction: Float[Array, "*batch d"] | None
    argument: str = eqx.field(static=True)

    def __init__(self, function: Any, mean_direction: ArrayLike | None = None, argument: str = "overlap") -> None:
        if not callable(function):
            raise ValueError(
                f"function: got {function!r}, expected a function of the overlap, as in function=lambda m: 1 - m**2"
            )
        if argument not in ("overlap", "depth"):
            raise ValueError(f"argument: got {argument!r}, expected 'overlap' for f(m) or 'depth' for f(1 − m)")
        self.function = function
        self.mean_direction = None if mean_direction is None else as_unit("mean_direction", mean_direction)
        self.argument = argument

    @property
    def keeps_depth(self) -> bool:
        """Whether `f` is a function of the depth."""
        return self.argument == "depth"

    def at_depth(self, depth: Float[ArrayLike, "..."]) -> Float[Array, "..."]:
        """`f(1 − u)` or `f(u)`."""
        depth = _as_float(depth)
        return self.function(1 - depth if self.argument == "overlap" else depth)

    def slope(self, depth: Float[ArrayLike, "..."]) -> Float[Array, "..."]:
        """`dL/du` by automatic differentiation."""
        depth = _as_float(depth)
        return jax.jvp(self.at_depth, (depth,), (jnp.ones_like(depth),))[1]


def _as_float(x: ArrayLike) -> Array:
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)
