"""Exact draws on the sphere in `O(d)`: a depth `u = 1 − μ·x`, and a vector at that depth below `μ`.

Depths, not overlaps, are drawn: near `μ` an overlap has lost its digits, and near `−μ` the depth has. A draw is
therefore two numbers, `1 − m` and `1 + m`, neither of which is the difference of the other from 2. In single precision
at `d = 10⁶` every formula here still has a relative error of a few roundings.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from operator import index
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from thermo_ideal.numerics import double_exponential, spread
from thermo_ideal.special._statistics import one_minus_resultant

_Proposal = Callable[[PRNGKeyArray, int], tuple[Float[Array, "2 n"], Bool[Array, " n"]]]


SampleShape = int | np.integer | Sequence[int | np.integer]
"""One number of draws, or several along several axes."""


class Heights(NamedTuple):
    """A draw as two numbers that add up to 2.

    Attributes:
        below: the depth `1 − m` below `μ`, with its digits near `μ`.
        above: the height `1 + m` above `−μ`, with its digits there.
    """

    below: Float[Array, "..."]
    above: Float[Array, "..."]


def as_shape(shape: Any) -> tuple[int, ...]:
    """The shape of a sample, given as one number or several.

    Raises:
        ValueError: numbers that are not whole, or negative.
    """
    try:
        sizes = (index(shape),) if np.ndim(shape) == 0 else tuple(index(size) for size in shape)
    except TypeError:
        sizes = (-1,)
    if any(size < 0 for size in sizes):
        raise ValueError(f"sample_shape: got {shape!r}, expected whole numbers ≥ 0, as in sample_shape=(1000,)")
    return sizes


def fill(key: PRNGKeyArray, size: int, propose: _Proposal, dtype: jnp.dtype) -> Float[Array, "2 size"]:
    """The first `size` accepted values of an endless stream of independent proposals.

    The stream comes in blocks, `propose(key, n)`, whose accepted part is moved together: repeating all proposals until
    the last one is accepted would draw ten times as much.
    """
    block = size // 4 + 32

    def draw(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        attempt, count, values = state
        proposal, accepted = propose(jax.random.fold_in(key, attempt), block)
        rank = count + jnp.cumsum(accepted)
        places = jnp.where(accepted, rank - 1, size)
        return attempt + 1, rank[-1], values.at[:, places].set(proposal, mode="drop")

    start = (jnp.asarray(0), jnp.asarray(0), jnp.zeros((2, size), dtype))
    return lax.while_loop(lambda state: state[1] < size, draw, start)[2]


def _from_both_ends(key: PRNGKeyArray, size: int, dtype: jnp.dtype) -> tuple[Array, Array]:
    """A uniform number less than ½, with its digits near 0, and whether it counts from the other end of (0, 1).

    The lattice of ordinary uniform numbers is filled by a second one, so that no draw is an end itself.
    """
    coarse_key, fine_key = jax.random.split(key)
    fine = 2 * jax.random.uniform(fine_key, (size,), dtype)
    coarse = jax.random.uniform(coarse_key, (size,), dtype)
    other = fine >= 1
    return (coarse + jnp.finfo(dtype).eps * (1 - (fine - other))) / 2, other


_MODERATE = 20.0  # up to this κ the far pole is ever reached, and e^{2κ} does not overflow


def _cut_exponential(key: PRNGKeyArray, kappa: Array, size: int) -> Array:
    """At `d = 3` the depth is exponential with rate `κ`, cut off at 2; at `κ = 0` uniform. By inversion."""
    near, other = _from_both_ends(key, size, kappa.dtype)
    below, above = jnp.where(other, 1 - near, near), jnp.where(other, near, 1 - near)
    positive, moderate = jnp.where(kappa > 0, kappa, 1.0), jnp.minimum(kappa, _MODERATE)
    fall = below * jnp.expm1(-2 * positive)
    # In the tail `below` is next to 1, and what is left, `e^{−κu}`, is known from the other end. From −0.42 to −0.29
    # XLA's `log1p` is off by up to 3e-14 in double precision.
    left = jnp.exp(-2 * positive) - above * jnp.expm1(-2 * positive)
    log_left = jnp.where(fall < -0.25, jnp.log(left), jnp.log1p(fall))
    depth = jnp.where(kappa > 0, -log_left / positive, 2 * below)
    height = jnp.log1p(above * jnp.expm1(2 * moderate)) / jnp.where(kappa > 0, moderate, 1.0)
    return jnp.stack([depth, jnp.where(kappa > _MODERATE, 2 - depth, jnp.where(kappa > 0, height, 2 * above))])


def _propose_depth(dimension: int, kappa: Array, key: PRNGKeyArray, size: int) -> tuple[Array, Array]:
    """Ulrich's rejection: a symmetric beta variable `z`, moved by a Möbius map onto the law's mode.

    `z = (1 + r cos θ)/2` is the height of a point in the disc on which a uniform vector of `S^{d−1}` is projected,
    `1 − r² = U^{2/(d−2)}`. With `n = d − 1`, `b = n/(2κ + √(4κ² + n²))`, `D = 1 − (1−b)z` and `q = (1−b)(z − ½)/D` the
    proposal is `u = 2bz/D`, accepted with probability `e^{−n(q − log(1+q))}`: this form of Ulrich's ratio subtracts no
    large numbers. At least 0.65 are accepted, at any `d` and `κ`. Only at `d = 2` are the poles themselves likely:
    there `θ` is drawn with its digits at both.
    """
    n = jnp.asarray(dimension - 1, kappa.dtype)
    b = n / (2 * kappa + jnp.hypot(2 * kappa, n))
    radius_key, angle_key, accept_key = jax.random.split(key, 3)
    outside = jnp.zeros((size,), kappa.dtype)  # 1 − r²
    if dimension > 2:
        outside = -2 / (n - 1) * jax.random.exponential(radius_key, (size,), kappa.dtype)
    inside = -jnp.expm1(outside) if dimension > 2 else 1 - outside
    outside = jnp.exp(outside) if dimension > 2 else outside
    if dimension > 2:
        angle = 2 * jnp.pi * jax.random.uniform(angle_key, (size,), kappa.dtype)
        height = jnp.sqrt(inside) * jnp.cos(angle)
    else:
        half_turns, other = _from_both_ends(angle_key, size, kappa.dtype)
        angle = jnp.pi * half_turns
        height = jnp.where(other, -1.0, 1.0) * jnp.cos(angle)
    near = (outside + inside * jnp.sin(angle) ** 2) / (2 * (1 + jnp.abs(height)))  # the distance to the nearer pole
    z, rest = jnp.where(height < 0, near, 1 - near), jnp.where(height < 0, 1 - near, near)
    D = rest + b * z
    q = (1 - b) * height / (2 * D)
    accepted = jax.random.exponential(accept_key, (size,), kappa.dtype) >= n * (q - jnp.log1p(q))
    return jnp.stack([2 * b * z / D, 2 * rest / D]), accepted


_NODES, _WEIGHTS = double_exponential(-3.6, 3.9, 61)  # for the tail of the law


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _carried(dimension: int, depth: Array, kappa: Array) -> Array:
    """`depth` as it is carried along when `κ` changes at a fixed value of the distribution function."""
    return depth


@_carried.defjvp
def _carry(dimension: int, primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    depth, kappa = primals
    return depth, tangents[0] + tangents[1] * _velocity(dimension, depth, kappa)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _velocity(dimension: int, u: Array, kappa: Array) -> Array:
    """`du/dκ = −∂_κF/f = −∫₀^u (Ū − t) f(t) dt / f(u)`, over the tail on whose side `u` lies.

    In `s = log(u/(2−u))` the law has the log-density `ℓ = −κu − n log cosh(s/2)`; with `e = e^δ − 1`,
    `ℓ(s+δ) − ℓ(s) = −κ u(2−u)e/(2+ue) − n(log(1 + ue/2) − δ/2)`.

    Source: Figurnov, Mohamed & Mnih, NeurIPS 2018 (implicit reparameterisation).
    """
    n = dimension - 1
    mean = one_minus_resultant(jnp.asarray((n + 1) / 2, u.dtype), kappa)
    width = u * (2 - u)
    slope = jnp.abs(kappa * width / 2 + n * (u - 1) / 2)
    scale = 1 / jnp.maximum(slope, jnp.sqrt((kappa * (1 + jnp.abs(1 - u)) + n) * width / 4))
    side = jnp.where(u < mean, -1.0, 1.0).astype(u.dtype)

    def add(total: Array, node: tuple[Array, Array]) -> tuple[Array, None]:
        y, weight = node
        delta = side * scale * y
        e = jnp.expm1(jnp.minimum(delta, 80.0))
        step = width * e / (2 + u * e)
        change = -kappa * step - n * (jnp.log1p(u * e / 2) - delta / 2)
        return total + weight * (mean - u - step) * jnp.exp(change), None

    nodes = (jnp.asarray(_NODES, u.dtype), jnp.asarray(_WEIGHTS, u.dtype))
    total, _ = lax.scan(add, jnp.zeros_like(u), nodes)
    return side * scale * width / 2 * total


@_velocity.defjvp
def _refuse(dimension: int, primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    raise NotImplementedError(
        "sample: got a second derivative in the concentration, expected at most one jax.grad through a sample"
    )


def _draw_heights(dimension: int, size: int, key: PRNGKeyArray, kappa: Float[Array, ""]) -> Float[Array, "2 size"]:
    """Independent draws at one concentration.

    NaN where `κ` is negative or NaN, since no proposal would ever be accepted there.
    """
    good = kappa >= 0
    fixed = lax.stop_gradient(jnp.where(good, kappa, 0.0))
    if dimension == 3:
        heights = _cut_exponential(key, fixed, size)
    else:
        heights = fill(key, size, partial(_propose_depth, dimension, fixed), kappa.dtype)
    below, above = lax.stop_gradient(jnp.where(good, heights, jnp.nan))
    depth = _carried(dimension, below, kappa)
    return jnp.stack([depth, above - (depth - lax.stop_gradient(depth))])


@partial(jax.jit, static_argnums=(1, 3, 4))
def sample_heights(
    key: PRNGKeyArray, dimension: int, kappa: Float[Array, "..."], shape: tuple[int, ...], batch: tuple[int, ...]
) -> Heights:
    """Independent draws of `1 ∓ μ·x` under the von Mises–Fisher law, differentiable once in `κ`.

    Returns:
        Heights of shape `(*shape, *batch)`. Each law of a batch has a key of its own.
    """
    draw, kappa = partial(_draw_heights, dimension, prod(shape)), jnp.broadcast_to(kappa, batch)
    if kappa.ndim == 0:
        return Heights(*draw(key, kappa).reshape(2, *shape))
    heights = jax.vmap(draw, out_axes=2)(jax.random.split(key, kappa.size), kappa.reshape(-1))
    return Heights(*heights.reshape(2, *shape, *kappa.shape))


def _tangent(key: PRNGKeyArray, dimension: int, size: int, dtype: jnp.dtype) -> Array:
    """Vectors whose first component is 0 and whose direction is uniform among the others."""
    # In one long row: drawn in the final shape, short vectors cost four times as much on a CPU. Without the barrier
    # each of the sums and the result would draw them anew.
    flat = lax.optimization_barrier(jax.random.normal(key, (size * dimension,), dtype))
    normal = flat.reshape(size, dimension)
    if dimension == 2:  # a normal that is exactly 0 has no direction
        normal = jnp.where(normal < 0, -1.0, 1.0).astype(dtype)
    return jnp.where(jnp.arange(dimension) > 0, normal, 0.0)


def _distance(at: Heights) -> Array:
    """From the axis, `√((1−m)(1+m))`; at 0, a draw that rounding may give, its infinite derivative is left out."""
    square = at.below * at.above
    return jnp.where(square == 0, 0.0, jnp.sqrt(jnp.where(square == 0, 1.0, square)))


def _place(key: PRNGKeyArray, mean_direction: Array, at: Heights) -> Array:
    """One block of vectors.

    The vector `(1 − u, √(u(2−u)) ξ)` is turned by the Householder reflection that takes the first axis to `∓μ`, with
    the sign that does not cancel; written out for `x − μ`, which keeps the digits of a small depth.
    """
    dimension, mu, first = mean_direction.size, mean_direction[None, :], mean_direction[0]
    z = _tangent(key, dimension, at.below.size, mean_direction.dtype)
    u = at.below[:, None]
    sign = jnp.where(first < 0, -1.0, 1.0).astype(z.dtype)
    tau = _distance(at)[:, None] / jnp.sqrt(jnp.sum(z * z, axis=1, keepdims=True))
    along = tau * jnp.sum(z * mu, axis=1, keepdims=True)
    others = mu + (mu * (sign * along / (1 + jnp.abs(first)) - u) - sign * tau * z)
    return jnp.where(jnp.arange(dimension) == 0, first + (along - u * first), others)


def _place_in_space(key: PRNGKeyArray, mu: Array, at: Heights) -> Array:
    """The same at `d = 3`, from an angle; column by column, since rows of three are too short to be fast."""
    angle = 2 * jnp.pi * jax.random.uniform(key, at.below.shape, mu.dtype)
    tau, u = _distance(at), at.below
    y, z, u = lax.optimization_barrier((tau * jnp.cos(angle), tau * jnp.sin(angle), u))
    sign = jnp.where(mu[0] < 0, -1.0, 1.0).astype(u.dtype)
    along = mu[1] * y + mu[2] * z
    common = sign * along / (1 + jnp.abs(mu[0])) - u
    columns = mu[0] + (along - u * mu[0]), mu[1] + (mu[1] * common - sign * y), mu[2] + (mu[2] * common - sign * z)
    return jnp.stack(columns, axis=1)


# Numbers in a block of vectors: on a CPU larger blocks leave the cache, and random numbers cost three times as much.
_BLOCK = 2**18


def _place_all(key: PRNGKeyArray, mean_direction: Float[Array, " d"], at: Heights) -> Float[Array, "n d"]:
    """Vectors about one axis.

    Block `i` draws from `fold_in(key, i)`; a CPU does one block after the other, an accelerator all at once.
    """
    dimension, count = mean_direction.size, at.below.size
    rows = min(max(1, _BLOCK // dimension), max(1, count))
    blocks = -(-count // rows)
    padded = Heights(*(jnp.pad(h, (0, blocks * rows - count)).reshape(blocks, rows) for h in at))

    def one(block: tuple[Array, Heights]) -> Array:
        number, at = block
        draw = _place_in_space if dimension == 3 else _place
        return draw(jax.random.fold_in(key, number), mean_direction, at)

    x = lax.platform_dependent(
        jnp.arange(blocks),
        padded,
        cpu=lambda *blocks: lax.map(one, blocks),
        default=lambda *blocks: jax.vmap(one)(blocks),
    )
    return x.reshape(blocks * rows, dimension)[:count]


@jax.jit
def split(key: PRNGKeyArray) -> tuple[PRNGKeyArray, PRNGKeyArray]:
    """Two keys, one for the depths and one for the rest of the vectors."""
    depth_key, place_key = jax.random.split(key)
    return depth_key, place_key


@partial(jax.jit, static_argnums=3)
def place(
    key: PRNGKeyArray, mean_direction: Float[Array, "... d"], at: Heights, batch: tuple[int, ...] = ()
) -> Float[Array, "... d"]:
    """Vectors at these depths below `μ`, uniform in every other respect.

    Args:
        key: a JAX key. Each law of a batch has a key of its own.
        mean_direction: `μ`, in a shape that broadcasts to `(*batch, d)`.
        at: of shape `(*sample, *batch)`.
        batch: the shape of the batch.

    Returns:
        Vectors of shape `(*sample, *batch, d)`.
    """
    mean_direction, dimension, shape = spread(mean_direction, batch), mean_direction.shape[-1], at.below.shape
    if not batch:
        x = _place_all(key, mean_direction, Heights(*(h.reshape(-1) for h in at)))
        return x.reshape(*shape, dimension)
    laws, samples = prod(batch), prod(shape[: len(shape) - len(batch)])
    columns = Heights(*(h.reshape(samples, laws).T for h in at))
    x = jax.vmap(_place_all)(jax.random.split(key, laws), mean_direction.reshape(laws, dimension), columns)
    return x.swapaxes(0, 1).reshape(*shape, dimension)
