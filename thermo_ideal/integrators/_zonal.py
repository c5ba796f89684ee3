"""The chain of radius and overlap, exact in law at a cost that does not depend on the dimension."""

from typing import Any, NamedTuple, cast

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_number, as_positive, require_one_of
from thermo_ideal.dynamics import SGD, AbstractZonalLoss, IsotropicNoise
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._parameters import as_step
from thermo_ideal.numerics import chi_square_from_normal, compensated_add, like


class ZonalState(NamedTuple):
    """Radius and half-angle tangent, each with the compensation of its sum.

    `k = tan(θ/2)`, with `θ` the angle between `w` and `μ`, keeps its digits at both poles: `1 − m = 2k²/(1 + k²)`,
    `1 + m = 2/(1 + k²)`. A step far smaller than the last place of `r` or `k` is not lost: sums are compensated.
    """

    radius: Float[Array, "..."]
    tangent: Float[Array, "..."]
    radius_compensation: Float[Array, "..."]
    tangent_compensation: Float[Array, "..."]

    @property
    def overlap(self) -> Float[Array, "..."]:
        """`m = cos θ`, good near the equator too."""
        k = self.tangent
        return ((1 - k) - self.tangent_compensation) * (1 + k) / (1 + k**2)

    @property
    def sine(self) -> Float[Array, "..."]:
        """`s = sin θ`."""
        return 2 * self.tangent / (1 + self.tangent**2)

    @property
    def depth(self) -> Float[Array, "..."]:
        """`u = 1 − m`."""
        return self.tangent * self.sine


class ZonalInnovation(NamedTuple):
    """`a`, standard normal, and `q`, `χ²_{d−2}`."""

    along: Float[Array, "..."]
    square: Float[Array, "..."]


class ZonalEulerMaruyama(AbstractIntegrator):
    """`EulerMaruyama` for a loss `f(m)` with isotropic Gaussian noise, reduced to radius and overlap.

    `(r, m)` is a Markov chain, whose law is exactly that of the whole vector's radius and overlap. With
    `s = √(1−m²)`, `a ~ N(0, 1)` and `q ~ χ²_{d−2}`, in units of `r` a step moves `w` by `−ηλ dt` along itself, by
    `t = η_eff(−f'(m) s dt − σ√dt a)` towards `μ`, and by `√p`, `p = η_eff²σ² dt q`, across. Both numbers of a step are
    normal: `q = F⁻¹(Φ(b))`.

    Args:
        sgd: the process, with a zonal loss and isotropic noise.
        dimension: `d ≥ 2`; may be left out where the loss has a mean direction.
        dt: the length of a step, one number or one for each run of a batch. `dt = 1` is SGD itself, `dt → 0` its SDE.

    Raises:
        ValueError: a loss that is not zonal, noise that is not isotropic, `dt ≤ 0`, or a missing or contradictory
            dimension.

    Example:
        A million dimensions:

        >>> import jax
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import ZonalEulerMaruyama, simulate
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(1e-3, radius=1.0))
        >>> chain = ZonalEulerMaruyama(sgd, dimension=10**6)
        >>> run = simulate(jax.random.key(0), chain, chain.start(radius=1.0, overlap=0.002), 4000, burn_in=2000)
        >>> f"m = {1 - float(run.mean('loss')):.3f}"
        'm = 0.002'

    Source: arXiv 2511.07308 (the process); `thermo_ideal.symbolic.derivations.zonal_chain` derives the chain.
    """

    sgd: SGD
    dimension: int = eqx.field(static=True)
    dt: Any

    def __init__(self, sgd: SGD, dimension: int | None = None, dt: ArrayLike = 1.0) -> None:
        if not isinstance(sgd.loss, AbstractZonalLoss):
            raise ValueError(
                f"loss: got {type(sgd.loss).__name__}, expected a loss of the overlap alone, as in "
                "ZonalLoss(lambda m: 1 - m**2); for another, use EulerMaruyama"
            )
        if not isinstance(sgd.noise, IsotropicNoise):
            raise ValueError(
                f"noise: got {type(sgd.noise).__name__}, expected IsotropicNoise(scale=1.0); for another, EulerMaruyama"
            )
        sgd.require_plain_update("the chain of radius and overlap")
        self.sgd = sgd
        self.dimension = sgd.loss.resolve_dimension(dimension)
        self.dt = as_step(dt)

    def start(
        self, radius: ArrayLike, overlap: ArrayLike | None = None, *, depth: ArrayLike | None = None
    ) -> Float[Array, "*batch 2"]:
        """Positions `(μ·w, |w − (μ·w)μ|)` to start from.

        Args:
            radius: `r > 0`.
            overlap: `m`, from −1 to 1; radius and overlap are broadcast.
            depth: `u = 1 − m` instead, which keeps its digits near `μ`.

        Raises:
            ValueError: an argument out of its range, or both or neither of overlap and depth.
        """
        require_one_of("overlap", overlap, "depth", depth, "overlap=0.9 or depth=0.1")
        radius = as_positive("radius", radius)
        if depth is None:
            overlap = as_number("overlap", overlap, lambda m: abs(m) <= 1, "a number from −1 to 1, as in overlap=0.9")
            depth = 1 - overlap
        else:
            depth = as_number("depth", depth, lambda u: (u >= 0) & (u <= 2), "a number from 0 to 2, as in depth=0.1")
        radius, depth = jnp.broadcast_arrays(radius, depth)
        return radius[..., None] * jnp.stack([1 - depth, jnp.sqrt(depth * (2 - depth))], axis=-1)

    def num_normals(self, position_size: int) -> int:
        """`a` and `b`; in the plane, `a` alone."""
        return 2 if self.dimension > 2 else 1

    def require_position(self, position: Float[Array, "*batch p"]) -> None:
        """Raises ValueError unless positions are `(μ·w, |w − (μ·w)μ|)`."""
        if position.shape[-1] != 2:
            raise ValueError(
                f"position: got shape {position.shape}, expected (*batch, 2), as in integrator.start(radius, overlap)"
            )
        if not bool(jnp.all(position[..., 1] >= 0)):
            raise ValueError(
                "position: got a negative distance from the axis, expected (μ·w, |w − (μ·w)μ|) of start(…)"
            )

    def begin(self, position: Float[Array, "*batch 2"]) -> ZonalState:
        """Radius and half-angle tangent."""
        along, across = position[..., 0], position[..., 1]
        radius = jnp.hypot(along, across)
        # The antipode itself would have an infinite tangent: it is moved by less than an angle can be told from π.
        nearest = jnp.finfo(position.dtype).eps * radius
        tangent = jnp.where(along < 0, (radius - along) / jnp.maximum(across, nearest), across / (radius + along))
        zero = jnp.zeros_like(radius)
        return ZonalState(self._constrain(radius), tangent, zero, zero)

    def end(self, state: ZonalState) -> Float[Array, "*batch 2"]:
        """`(μ·w, |w − (μ·w)μ|)`."""
        return state.radius[..., None] * jnp.stack([state.overlap, state.sine], axis=-1)

    def innovation(self, normal: Float[Array, "*batch n"]) -> ZonalInnovation:
        """`a` and `q`."""
        return ZonalInnovation(normal[..., 0], chi_square_from_normal(self.dimension - 2, normal[..., -1]))

    def advance(self, state: ZonalState, innovation: ZonalInnovation) -> ZonalState:
        """Radius and half-angle tangent after one step, by what is added to them."""
        shrink, towards, across, longer = self._move(state, innovation)
        m, s, k = state.overlap, state.sine, state.tangent
        # In the half plane of μ the new distance from the axis is √(g² + p), of which `extra` is due to p.
        g = shrink * s - towards * m
        h = jnp.sqrt(g**2 + across)
        extra = jnp.where(g > 0, across / (h + g), h - g)
        turn = (m * extra - towards) / (shrink + s * extra + 1 + longer)  # the tangent of half the angle of the turn
        tangent, tangent_compensation = self._turned(k, state.tangent_compensation, turn)
        if self.sgd.protocol.fixes_radius:
            return ZonalState(self._constrain(state.radius), tangent, state.radius_compensation, tangent_compensation)
        radius, radius_compensation = compensated_add(state.radius, state.radius_compensation, state.radius * longer)
        return ZonalState(radius, tangent, radius_compensation, tangent_compensation)

    def observe(
        self, before: ZonalState, after: ZonalState, innovation: ZonalInnovation
    ) -> dict[str, Float[Array, "..."]]:
        """`L`, `r`, the depth `1 − m`, and on the fixed sphere the pressure."""
        seen = {"radius": after.radius, **self._loss.observables_at_depth(after.depth)}
        if self.sgd.protocol.fixes_radius:
            eta = self.sgd.protocol.learning_rate_at(before.radius) * like(self.dt, before.radius)
            growth = self._move(before, innovation)[3]
            # A step at `η = 0` does nothing, and 0 is the limit.
            seen["effective_weight_decay"] = jnp.where(eta > 0, growth / jnp.where(eta > 0, eta, 1.0), 0.0)
        return seen

    @property
    def _loss(self) -> AbstractZonalLoss:
        """The loss, which the constructor has looked at."""
        return cast(AbstractZonalLoss, self.sgd.loss)

    @staticmethod
    def _turned(k: Array, compensation: Array, turn: Array) -> tuple[Array, Array]:
        """`(k + t)/(1 − kt)`, the addition theorem, and its compensation: as a sum where `k` hardly changes."""
        change = turn * (1 + k**2) / (1 - k * turn)
        small, small_compensation = compensated_add(k, compensation, change)
        far = jnp.abs(change) > k / 2
        tangent = jnp.abs(jnp.where(far, (k + turn) / (1 - k * turn), small))
        # Within rounding of the antipode the quotient may be infinite; its square must not be.
        return jnp.minimum(tangent, 1 / jnp.finfo(k.dtype).eps ** 2), jnp.where(far, 0.0, small_compensation)

    def _constrain(self, radius: Float[Array, "..."]) -> Float[Array, "..."]:
        protocol = self.sgd.protocol
        if not protocol.fixes_radius:
            return radius
        return like(jnp.asarray(protocol.stationary_radius(0.0), radius.dtype), radius)

    def _move(self, state: ZonalState, innovation: ZonalInnovation) -> tuple[Array, Array, Array, Array]:
        """`1 − ηλ dt`, `t`, `p` and the growth `|w'|/|w| − 1`, all in units of the radius."""
        protocol, r = self.sgd.protocol, state.radius
        sigma, dt = like(self.sgd.noise.scale, r), like(self.dt, r)
        effective = protocol.effective_learning_rate_at(r)
        decay = protocol.learning_rate_at(r) * protocol.weight_decay_at(r) * dt
        kick = effective * sigma * jnp.sqrt(dt)
        towards = effective * self._loss.slope(state.depth) * state.sine * dt - kick * innovation.along
        across = kick**2 * innovation.square
        square = towards**2 + across
        length = jnp.sqrt((1 - decay) ** 2 + square)
        return 1 - decay, towards, across, (square - decay * (2 - decay)) / (1 + length)
