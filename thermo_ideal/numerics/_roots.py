"""Roots of increasing functions of a positive number, element by element and differentiable."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Bool, Float

_MAXIMUM_STEPS = 200


class _Search(NamedTuple):
    low: Float[Array, "..."]
    high: Float[Array, "..."]
    x: Float[Array, "..."]
    last: Float[Array, "..."]  # the last step in log x
    done: Bool[Array, "..."]
    lost: Bool[Array, "..."]  # no change of sign


def positive_root(f: Callable[[Array], Array], start: ArrayLike, low: float, high: float) -> Float[Array, "..."]:
    """`x > 0` with `f(x) = 0` for an increasing `f`, between two bounds.

    Newton's method in `log x`, which bisects whenever it would leave the bracket or converges slowly. Where `f` is NaN,
    `x` is taken to be too small. Derivatives of the root, of any order, are those of the implicit function.

    Args:
        f: of arrays, element by element; it may close over arrays that are differentiated.
        start: where to begin, in the shape of the root.
        low: the smallest number that is tried, above 0.
        high: the largest.

    Returns:
        The root for each element, in the shape of `start`; NaN where `f` does not change its sign between the bounds.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.numerics import positive_root
        >>> cube_root = lambda c: positive_root(lambda x: x**3 - c, jnp.ones_like(c), 1e-9, 1e9)
        >>> float(cube_root(jnp.asarray(8.0))).__round__(5), float(jax.grad(cube_root)(8.0)).__round__(5)
        (2.0, 0.08333)

    Source: Press et al., Numerical Recipes, section 9.4, for Newton's method with bisection.
    """
    return lax.custom_root(
        f, jnp.asarray(start), partial(_solve, low=low, high=high), lambda linear, y: y / linear(jnp.ones_like(y))
    )


def _solve(f: Callable[[Array], Array], start: Array, low: float, high: float) -> Array:
    rounding = 4 * jnp.finfo(start.dtype).eps
    start = jnp.where((start > low) & (start < high), start, (low * high) ** 0.5)
    lowest, highest = (jnp.full_like(start, bound) for bound in (low, high))

    def step(carry: tuple[Array, _Search]) -> tuple[Array, _Search]:
        # The first two steps look at the ends, so that the function is compiled once.
        number, (low, high, x, last, done, lost) = carry
        value, slope = jax.jvp(f, (x,), (x,))
        small, large = (value < 0) | jnp.isnan(value), value > 0
        lost = lost | ((number == 0) & large) | ((number == 1) & small)
        low, high = jnp.where(small, x, low), jnp.where(large, x, high)
        move = jnp.where(jnp.isfinite(slope), -value / slope, jnp.inf)  # a slope that overflows says nothing
        newton = x * jnp.exp(jnp.clip(move, -100, 100))
        within = (newton >= low) & (newton <= high)
        # Of the two bounds, one is the last point; either the other comes nearer, or Newton's steps must halve.
        good = within & (jnp.abs(move) < last / 2)
        settled = (number > 1) & (
            ((jnp.abs(move) <= rounding) & within) | (value == 0) | (high <= low * (1 + rounding))
        )
        following = jnp.where(good | (settled & within), newton, jnp.sqrt(low) * jnp.sqrt(high))
        following = jnp.where((value == 0) | (settled & ~within), x, following)
        last = jnp.where(good, jnp.abs(move), jnp.abs(jnp.log(following / x)))
        following = jnp.where(number == 0, highest, jnp.where(number == 1, start, following))
        last = jnp.where(number < 2, jnp.inf, last)
        new = _Search(low, high, following, last, done | settled | lost, lost)
        old = carry[1]._replace(lost=lost)
        return number + 1, _Search(*(jnp.where(done, a, b) for a, b in zip(old, new, strict=True)))

    def unfinished(carry: tuple[Array, _Search]) -> Array:
        return (carry[0] < _MAXIMUM_STEPS) & ~jnp.all(carry[1].done)

    none = jnp.zeros_like(start, bool)
    begin = _Search(lowest, highest, lowest, jnp.full_like(start, jnp.inf), none, none)
    _, search = lax.while_loop(unfinished, step, (jnp.asarray(0), begin))
    return jnp.where(search.lost | ~search.done, jnp.nan, search.x)
