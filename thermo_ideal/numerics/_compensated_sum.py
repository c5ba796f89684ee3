"""Sums that keep what rounding would lose, as a rounded total and a compensation."""

from jaxtyping import Array


def compensated_add(total: Array, compensation: Array, increment: Array) -> tuple[Array, Array]:
    """Adds a small increment to a total that is used on the way: the rounding error goes into the next addition.

    With `y = increment + compensation` the new total is `s′ = s + y` as rounded, and the new compensation
    `y − (s′ − s)`. The increment's own last place is lost, which does not matter where increments are small against the
    total; see `accumulate` for others.

    Args:
        total: the sum so far, rounded.
        compensation: the sum so far less `total`.
        increment: what is added.

    Returns:
        The new total and the new compensation, each of the common shape of the arguments.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import compensated_add
        >>> total, compensation = jnp.float32(1), jnp.float32(0)
        >>> for _ in range(1000):
        ...     total, compensation = compensated_add(total, compensation, jnp.float32(1e-8))
        >>> f"{float(total):.5f}"
        '1.00001'

    Source: Kahan, Communications of the ACM 8, 40 (1965).
    """
    added = increment + compensation
    new = total + added
    return new, added - (new - total)


def accumulate(total: Array, compensation: Array, increment: Array) -> tuple[Array, Array]:
    """Adds an increment of any size to a sum that is read at the end, as `total + compensation`.

    The error of each rounded addition is exact, whichever of the two terms is the larger, so that large increments may
    cancel each other: with `s′ = s + x` and `b = s′ − s`, it is `(s − (s′ − b)) + (x − b)`.

    Args:
        total: `s`, the rounded sum.
        compensation: the sum of all rounding errors so far.
        increment: `x`.

    Returns:
        `s′` and the new compensation, each of the common shape of the arguments.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.numerics import accumulate
        >>> state = accumulate(jnp.float32(1e-4), jnp.float32(0), jnp.float32(1e8))
        >>> total, compensation = accumulate(*state, jnp.float32(-1e8))
        >>> f"{float(total + compensation):.1e}"
        '1.0e-04'

    Source: Neumaier, ZAMM 54, 39 (1974); Knuth, The Art of Computer Programming 2, section 4.2.2.
    """
    new = total + increment
    shown = new - total
    return new, compensation + ((total - (new - shown)) + (increment - shown))
