"""One step of Euler and Maruyama in all of R^d."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from thermo_ideal.dynamics import SGD
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._parameters import as_step
from thermo_ideal.integrators._rounding import require_steps_that_count
from thermo_ideal.numerics import inner, like, norm, per_vector

_NOISE_LAWS = ("gaussian", "rademacher")
# Where a loss must be scale-invariant and a noise linear: at some starts and some directions besides, and as many times
# nearer to the origin and farther from it than the radius is expected to go.
_STARTS_CHECKED, _OTHERS_CHECKED, _FARTHER = 4, 2, 4.0


class EulerState(NamedTuple):
    """The weights, and what the update rule keeps from step to step."""

    position: Float[Array, "*batch d"]
    memory: Any


class EulerMaruyama(AbstractIntegrator):
    """`w' = w + drift(w) dt + √dt · diffusion(w, ξ)`, then the protocol's constraint.

    Args:
        sgd: the process: any scale-invariant loss, any noise, any protocol.
        dt: the length of a step, one number or one for each run of a batch. `dt = 1` is SGD itself, `dt → 0` its SDE.
        noise_law: "gaussian", or "rademacher" for `ξ = ±1` with equal odds: as good in expectation to first order in
            `dt` (weak order 1), and far cheaper to draw; what depends on the fourth moment of the noise, as the
            fluctuations of the radius do, differs.

    Raises:
        ValueError: `dt` is not a positive number, or there is no such noise law.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import EulerMaruyama
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), FixedSphere(0.01, 2.0))
        >>> step = EulerMaruyama(sgd).step
        >>> position = step(jnp.array([0.0, 2.0, 0.0]), jax.random.normal(jax.random.key(0), (3,)))
        >>> float(jnp.linalg.norm(position)).__round__(6)
        2.0

    Source: Kloeden & Platen, Numerical Solution of Stochastic Differential Equations (1992), chapters 10 and 14.
    """

    sgd: SGD
    dt: Any
    noise_law: str = eqx.field(static=True)

    def __init__(self, sgd: SGD, dt: ArrayLike = 1.0, noise_law: str = "gaussian") -> None:
        if noise_law not in _NOISE_LAWS:
            raise ValueError(f"noise_law: got {noise_law!r}, expected 'gaussian' or 'rademacher'")
        self.sgd = sgd
        self.dt = as_step(dt)
        self.noise_law = noise_law

    def num_normals(self, position_size: int) -> int:
        """As many as the noise takes."""
        return self.sgd.noise.num_normals(position_size)

    def draw(self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
        """Standard normals, or ±1, thirty-two to a random word."""
        if self.noise_law == "gaussian":
            return super().draw(key, shape, dtype)
        size = 1
        for length in shape:
            size *= length
        words = jax.random.bits(key, (-(-size // 32), 1), jnp.uint32)
        bits = (words >> jnp.arange(32, dtype=jnp.uint32)[None]) & 1
        return (2 * bits.reshape(-1)[:size].astype(dtype) - 1).reshape(shape)

    def require_position(self, position: Float[Array, "*batch d"]) -> None:
        """Raises ValueError where the loss or the noise is for another dimension, or the loss not scale-invariant."""
        size = position.shape[-1]
        dimension = self.sgd.loss.dimension
        if dimension is not None and size != dimension:
            raise ValueError(f"position: got vectors of {size} components, expected {dimension} as in the loss")
        checked = _some(position)
        self.sgd.loss.require_scale_invariance(checked)
        one, noise = checked[0], self.sgd.noise
        try:
            drawn = jax.eval_shape(noise.root, one, jax.ShapeDtypeStruct((noise.num_normals(size),), one.dtype))
        except (TypeError, ValueError) as error:
            raise ValueError(f"noise: got noise that does not fit vectors of {size} components: {error}") from error
        if drawn.shape[-1:] != (size,):
            raise ValueError(f"noise: got vectors of shape {drawn.shape}, expected ({size},) as in position")
        noise.require_linearity(checked / per_vector(norm(checked), checked))

    def require_steps(self, position: Float[Array, "*batch d"], num_steps: int) -> None:
        """Raises ValueError where rounding takes or makes steps, or the loss changes with the radii on the way."""
        least, most = require_steps_that_count(self, position, num_steps)
        checked = _some(position)
        unit = checked / per_vector(norm(checked), checked)
        # Farther than the radius goes on average, but where squares are still numbers.
        limit, start = float(jnp.finfo(position.dtype).max) ** 0.25, float(norm(checked[0]))
        radii = np.clip([least / _FARTHER, most * _FARTHER], min(start, 1 / limit), max(start, limit))
        self.at(0).sgd.loss.require_scale_invariance(jnp.concatenate([float(radius) * unit for radius in radii]))

    def begin(self, position: Float[Array, "*batch d"]) -> EulerState:
        """`w`, and the first state of the update rule."""
        return self._first(self.sgd.protocol.constrain(position))

    def end(self, state: EulerState) -> Float[Array, "*batch d"]:
        """`w`."""
        return state.position

    def advance(self, state: EulerState, innovation: Float[Array, "*batch n"]) -> EulerState:
        """`w'`, and the next state of the update rule."""
        increment, memory = self._increment(state, innovation)
        return EulerState(self.sgd.protocol.constrain(state.position + increment), memory)

    def observe(
        self, before: EulerState, after: EulerState, innovation: Float[Array, "*batch n"]
    ) -> dict[str, Float[Array, "..."]]:
        """`L`, `r`, the depth `1 − μ·w̄` of a zonal loss, and on the fixed sphere the pressure."""
        radius = norm(after.position)
        seen = {"radius": radius, **self.sgd.loss.observables(after.position / per_vector(radius, after.position))}
        if self.sgd.protocol.fixes_radius:
            seen["effective_weight_decay"] = self._growth(before, innovation)
        return seen

    def increment(self, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"]) -> Float[Array, "... d"]:
        """`Δw` of a first step before the constraint; of plain SGD, `drift(w) dt + √dt · diffusion(w, ξ)`.

        Args:
            position: `w`.
            normal: `ξ`, standard normal numbers.
        """
        return self._increment(self._first(position), normal)[0]

    def effective_weight_decay(
        self, position: Float[Array, "*batch d"], normal: Float[Array, "*batch n"]
    ) -> Float[Array, "*batch"]:
        """`(|w + Δw| − r)/(η r dt)`: the weight decay that would undo what a first step adds to the radius.

        Args:
            position: `w`.
            normal: `ξ`, standard normal numbers.
        """
        return self._growth(self._first(position), normal)

    def _first(self, position: Float[Array, "*batch d"]) -> EulerState:
        return EulerState(position, self.sgd.update_rule.begin(position))

    def _increment(self, state: EulerState, normal: Float[Array, "*batch n"]) -> tuple[Float[Array, "*batch d"], Any]:
        """`Δw` before the constraint, and the next state of the update rule."""
        return self.sgd.update_rule.increment(self.sgd, state.position, normal, self.dt, state.memory)

    def _growth(self, state: EulerState, normal: Float[Array, "*batch n"]) -> Float[Array, "*batch"]:
        """`(|w + Δw| − r)/(η r dt)`, not as a difference of two norms, for it is of second order in the learning rate.

        `|w + Δw|² − r² = 2 w·Δw + |Δw|²`, where `w·Δw = −ηλr² dt` exactly if gradient and noise are tangent. 0, its
        limit, for a step at `η = 0`.
        """
        position, (increment, _) = state.position, self._increment(state, normal)
        radius = norm(position)
        length = per_vector(radius, position)
        turn = increment / length
        rate = self.sgd.protocol.effective_learning_rate_at(radius) * like(self.dt, radius)
        at_rest = rate == 0  # a step that does nothing
        rate = jnp.where(at_rest, 1.0, rate)
        # Quotients one by one: the square or the cube of a radius may not be a number.
        growth = inner(turn, turn) / rate / radius
        if self.sgd.update_rule.tangential:
            along = -2 * self.sgd.protocol.weight_decay_at(radius) * radius
        else:
            along = 2 * inner(position / length, turn) / rate / radius
        found = (growth + along) / (1 + norm(position / length + turn)) / radius
        return jnp.where(at_rest, 0.0, found)


def _some(position: Float[Array, "*batch d"]) -> Float[Array, "n d"]:
    """Some of the positions, and random ones of the same radius."""
    size = position.shape[-1]
    starts = position.reshape(-1, size)
    some = starts[:: max(1, len(starts) // _STARTS_CHECKED)][:_STARTS_CHECKED]
    others = jax.random.normal(jax.random.key(0), (_OTHERS_CHECKED, size), position.dtype)
    return jnp.concatenate([some, norm(some[0]) * others / per_vector(norm(others), others)])
