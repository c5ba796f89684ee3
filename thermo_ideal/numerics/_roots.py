"""Roots of increasing functions of a positive number, element by element and differentiable."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Float

_MAXIMUM_STEPS = 500
_RUNG = 4.0  # from one point to the next while no change of sign is known
_MOVES = tuple(0.1 / 16.0**n for n in range(5))  # of log x, over which a root must rise as its slope says
_AGREEMENT = 0.3


class _Search(NamedTuple):
    """Where the search of each element stands."""

    origin: Any
    x: Any  # where to look next
    steps: Any  # so far
    side: Any  # 1 if the root is above the first finite value, −1 if below, 0 if there is none yet
    low: Any  # too small, or 0
    high: Any  # too large, or infinite
    last: Any  # the last step in log x
    root: Any  # NaN until it is found
    residual: Any  # the value there
    slope: Any
    probe: Any  # how many points beside the root have been looked at
    above: Any  # the value a move above the root
    done: Any
    lost: Any


def positive_root(f: Callable[[Array], Array], start: ArrayLike, low: float, high: float) -> Float[Array, "..."]:
    """`x > 0` with `f(x) = 0` for an increasing `f`, between two bounds.

    From the start the search goes by factors of 4 to where `f` changes its sign; so it looks no farther than it must,
    and what `f` does at the bounds does not matter: it may be NaN there, overflow or drown in rounding. Newton's method
    in `log x` follows, which bisects whenever it would leave the bracket or converges slowly. Last, `f` must rise at
    the root as its slope says; else it jumps over 0, or rounding alone made it change its sign, and there is no root.
    Derivatives of the root, of any order, are those of the implicit function.

    Args:
        f: of arrays, element by element; it may close over arrays that are differentiated.
        start: where to begin, in the shape of the root.
        low: the smallest number that is tried, above 0.
        high: the largest.

    Returns:
        The root for each element, in the shape of `start`; NaN where `f` does not rise through 0 between the bounds.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.numerics import positive_root
        >>> cube_root = lambda c: positive_root(lambda x: x**3 - c, jnp.ones_like(c), 1e-9, 1e9)
        >>> float(cube_root(jnp.asarray(8.0))).__round__(5), float(jax.grad(cube_root)(8.0)).__round__(5)
        (2.0, 0.08333)

    Source: Press et al., Numerical Recipes, section 9.4, for Newton's method with bisection.
    """
    bounds = low, high

    def solve(f: Callable[[Array], Array], start: Array) -> Array:
        def body(search: _Search) -> _Search:
            value, slope = jax.jvp(f, (search.x,), (search.x,))
            return _advance(jnp, search, value, slope, bounds)

        return _root(jnp, lax.while_loop(lambda search: _unfinished(jnp, search), body, _begin(jnp, start, bounds)))

    return lax.custom_root(f, jnp.asarray(start), solve, lambda linear, y: y / linear(jnp.ones_like(y)))


def positive_root_on_host(
    evaluate: Callable[[Array], tuple[Array, Array]], start: ArrayLike, low: float, high: float
) -> Float[Array, "..."]:
    """The same root by a search in NumPy, which asks for values and slopes; nothing but these is compiled.

    Args:
        evaluate: `f(x)` and `df/d log x`, of arrays, element by element.
        start: where to begin, in the shape of the root.
        low: the smallest number that is tried, above 0.
        high: the largest.

    Returns:
        The root for each element, as `positive_root`.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import positive_root_on_host
        >>> found = positive_root_on_host(lambda x: (x**3 - 8, 3 * x**3), jnp.ones(()), 1e-9, 1e9)
        >>> round(float(found), 5)
        2.0
    """
    bounds = low, high
    with np.errstate(all="ignore"):
        search = _begin(np, np.asarray(start), bounds)
        while _unfinished(np, search):
            value, slope = (np.asarray(y) for y in evaluate(jnp.asarray(search.x)))
            search = _advance(np, search, value, slope, bounds)
        return jnp.asarray(_root(np, search))


def _begin(xp: Any, start: Any, bounds: tuple[float, float]) -> _Search:
    low, high = bounds
    middle = low**0.5 * high**0.5
    start = xp.where((start >= low) & (start <= high), start, xp.full_like(start, middle))
    zero, infinite, missing = (xp.full_like(start, number) for number in (0.0, xp.inf, xp.nan))
    count, never = xp.zeros_like(start, dtype=int), xp.zeros_like(start, dtype=bool)
    return _Search(
        origin=start,
        x=start,
        steps=count,
        side=zero,
        low=zero,
        high=infinite,
        last=infinite,
        root=missing,
        residual=missing,
        slope=missing,
        probe=count,
        above=missing,
        done=never,
        lost=never,
    )


def _unfinished(xp: Any, search: _Search) -> Any:
    return (xp.max(search.steps) < _MAXIMUM_STEPS) & ~xp.all(search.done)


def _root(xp: Any, search: _Search) -> Any:
    return xp.where(search.done & ~search.lost, search.root, xp.nan)


def _advance(xp: Any, search: _Search, value: Any, slope: Any, bounds: tuple[float, float]) -> _Search:
    """One step of each element: towards its root, or beside it, if there is one."""
    found = ~xp.isnan(search.root)
    nearer, beside = _approach(xp, search, value, slope, bounds), _verify(xp, search, value)
    new = (xp.where(found, a, b) for a, b in zip(beside, nearer, strict=True))
    return _Search(*(xp.where(search.done, a, b) for a, b in zip(search, new, strict=True)))._replace(
        steps=search.steps + 1
    )


def _approach(xp: Any, search: _Search, value: Any, slope: Any, bounds: tuple[float, float]) -> _Search:
    """Climbs, or descends, to a change of sign; then Newton's method within the bracket."""
    x, rounding = search.x, 4 * xp.finfo(search.x.dtype).eps
    # What overflows has no sign to go by: F − T ∂F/∂T may be −∞ where U is too large.
    missing = ~xp.isfinite(value)
    # 0 is small: XLA works a value out again for each of its uses, and where it is 0 in one and rounding in another, a
    # side of 0 would keep the search where it is.
    small, large = (value <= 0) & ~missing, (value > 0) & ~missing
    side = xp.where(search.side != 0, search.side, 1.0 * small - 1.0 * large)
    # Where the search leaves what has values, it has gone too far.
    small, large = small | (missing & (side < 0)), large | (missing & (side > 0))
    low, high = xp.where(small, x, search.low), xp.where(large, x, search.high)
    bracketed = (low > 0) & (high < xp.inf)
    move = xp.where(xp.isfinite(slope), -value / slope, xp.inf)  # a slope that overflows says nothing
    newton = x * xp.exp(xp.clip(move, -100, 100))
    within = bracketed & (newton >= low) & (newton <= high)
    # Of the two bounds, one is the last point; either the other comes nearer, or Newton's steps must halve.
    good = within & (xp.abs(move) < search.last / 2)
    at_bound = ~bracketed & xp.where(side > 0, x >= bounds[1], x <= bounds[0]) & (side != 0)
    exact = (value == 0) | (at_bound & (xp.abs(move) <= 2 * rounding))
    settled = exact | (within & (xp.abs(move) <= rounding)) | (bracketed & (high <= low * (1 + rounding)))
    halved = xp.sqrt(low) * xp.sqrt(xp.where(bracketed, high, low))
    following = xp.where(good | (settled & within), newton, xp.where(bracketed, halved, _rung(xp, search, side)))
    root = xp.where(exact | (settled & ~within), x, following)
    last = xp.where(bracketed, xp.where(good, xp.abs(move), xp.abs(xp.log(following / x))), xp.inf)
    lost = ~settled & (at_bound | ((side == 0) & _exhausted(search, bounds)))
    return search._replace(
        x=xp.where(settled, root * xp.exp(_MOVES[0]), xp.clip(following, *bounds)).astype(x.dtype),
        side=side.astype(x.dtype),
        low=low,
        high=high,
        last=last.astype(x.dtype),
        root=xp.where(settled, root, xp.nan).astype(x.dtype),
        residual=value,
        slope=slope,
        done=lost,
        lost=lost,
    )


def _rung(xp: Any, search: _Search, side: Any) -> Any:
    """The next point while there is no bracket; up and down in turns while there is no value either."""
    turn = search.steps + 1
    offset = xp.where(turn % 2 == 1, (turn + 1) // 2, -(turn // 2)) * xp.log(_RUNG)
    return xp.where(side != 0, search.x * _RUNG**side, search.origin * xp.exp(offset))


def _exhausted(search: _Search, bounds: tuple[float, float]) -> Any:
    reach = _RUNG ** (search.steps / 2.0)
    return (search.origin * reach > bounds[1]) & (search.origin / reach < bounds[0])


def _verify(xp: Any, search: _Search, value: Any) -> _Search:
    """Whether the function rises at the root as its slope says, over one of several moves."""
    upward = search.probe % 2 == 0
    moves = xp.asarray(_MOVES, search.x.dtype)
    number = xp.minimum(search.probe // 2, len(_MOVES) - 1)
    move, after = moves[number], moves[xp.minimum(number + 1, len(_MOVES) - 1)]
    # Beyond the end of what has values, the change is that on the other side.
    up, down = xp.isfinite(search.above), xp.isfinite(value)
    change = xp.where(up, search.above, search.residual) - xp.where(down, value, search.residual)
    expected = search.slope * move * (1.0 * up + 1.0 * down)
    agrees = xp.abs(change - expected) <= _AGREEMENT * expected
    overflows = ~xp.isfinite(search.slope) & up & down
    rises = (change > 0) & (overflows | (agrees & (xp.abs(search.residual) <= _AGREEMENT * expected)))
    last = number == len(_MOVES) - 1
    return search._replace(
        x=(search.root * xp.exp(xp.where(upward, -move, after))).astype(search.x.dtype),
        probe=search.probe + 1,
        above=xp.where(upward, value, search.above),
        done=~upward & (rises | last),
        lost=~upward & ~rises,
    )
