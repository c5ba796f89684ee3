"""The usual schedules, as functions of the fraction of a run that is done."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_nonnegative, as_positive

FractionSchedule = Callable[[Float[Array, "..."]], Float[Array, "..."]]
"""A function of the fraction `s` of the run that is done, from 0 to 1, written with `jax.numpy`."""


def _ends(first: ArrayLike, last: ArrayLike) -> tuple[Array, Array]:
    return as_nonnegative("first", first), as_nonnegative("last", last)


def _fraction(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name}: got {value}, expected a fraction of the run between 0 and 1, as in {name}=0.1")
    return float(value)


def linear(first: ArrayLike, last: ArrayLike) -> FractionSchedule:
    """`a + (b − a)s`: warm-up or decay.

    Args:
        first: `a ≥ 0`; a learning rate may start from 0.
        last: `b ≥ 0`; a learning rate may end at 0.

    Returns:
        A function of the fraction `s` of the run that is done, for `scheduled`.

    Raises:
        ValueError: a value below 0.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics.processes import linear
        >>> round(float(linear(0.1, 0.3)(jnp.array(0.5))), 4)
        0.2
    """
    a, b = _ends(first, last)
    return lambda s: a + (b - a) * s


def exponential(first: ArrayLike, last: ArrayLike) -> FractionSchedule:
    """`a (b/a)^s`.

    Args:
        first: `a > 0`.
        last: `b > 0`.

    Returns:
        A function of the fraction `s` of the run that is done, for `scheduled`.

    Raises:
        ValueError: a value that is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics.processes import exponential
        >>> round(float(exponential(0.1, 0.4)(jnp.array(0.5))), 4)
        0.2
    """
    a, b = as_positive("first", first), as_positive("last", last)
    return lambda s: a * (b / a) ** s


def cosine(first: ArrayLike, last: ArrayLike) -> FractionSchedule:
    """`b + (a − b)(1 + cos πs)/2`.

    Args:
        first: `a ≥ 0`; a learning rate may start from 0.
        last: `b ≥ 0`; a learning rate may end at 0.

    Returns:
        A function of the fraction `s` of the run that is done, for `scheduled`.

    Raises:
        ValueError: a value below 0.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics.processes import cosine
        >>> round(float(cosine(0.1, 0.3)(jnp.array(0.5))), 4)
        0.2
    """
    a, b = _ends(first, last)
    return lambda s: b + (a - b) * (1 + jnp.cos(jnp.pi * s)) / 2


def step(first: ArrayLike, last: ArrayLike, at: float = 0.5) -> FractionSchedule:
    """`a` before the fraction `at`, `b` from there on.

    Args:
        first: `a ≥ 0`; a learning rate may start from 0.
        last: `b ≥ 0`; a learning rate may end at 0.
        at: between 0 and 1.

    Returns:
        A function of the fraction `s` of the run that is done, for `scheduled`; the process jumps there.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics.processes import step
        >>> step(0.5, 0.25)(jnp.array([0.4, 0.6])).tolist()
        [0.5, 0.25]
    """
    (a, b), at = _ends(first, last), _fraction("at", at)
    return lambda s: jnp.where(s < at, a, b)


def warmup_stable_decay(
    first: ArrayLike, stable: ArrayLike, last: ArrayLike, *, warmup: float = 0.1, decay: float = 0.2
) -> FractionSchedule:
    """Linear up to a plateau, and linear down at the end.

    Args:
        first: where the warm-up begins, 0 or above.
        stable: the plateau, above 0.
        last: where the decay ends, 0 or above.
        warmup: the fraction of the run that the warm-up takes.
        decay: the fraction that the decay takes.

    Returns:
        A function of the fraction `s` of the run that is done, for `scheduled`.

    Raises:
        ValueError: a value out of its range, or fractions of more than the run.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics.processes import warmup_stable_decay
        >>> shape = warmup_stable_decay(0.25, 1.0, 0.5, warmup=0.5, decay=0.25)
        >>> shape(jnp.array([0.0, 0.5, 0.6, 1.0])).tolist()
        [0.25, 1.0, 1.0, 0.5]
    """
    a, b = _ends(first, last)
    top, warmup, decay = as_positive("stable", stable), _fraction("warmup", warmup), _fraction("decay", decay)
    if warmup + decay > 1:
        raise ValueError(f"warmup, decay: got {warmup} and {decay}, expected fractions that add up to 1 at most")
    return lambda s: jnp.where(
        s < warmup, a + (top - a) * s / warmup, jnp.where(s > 1 - decay, b + (top - b) * (1 - s) / decay, top)
    )
