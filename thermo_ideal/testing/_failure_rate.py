"""How often a right program may fail a test: a rate that is declared once and shared by the assertions of the test."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

DEFAULT = 1e-6
"""Of an assertion that declares none: a suite of a thousand of them fails by chance once in a thousand runs."""


class _Shared(NamedTuple):
    rate: float
    used: int  # assertions so far


_SHARED: ContextVar[_Shared | None] = ContextVar("shared failure rate", default=None)


@contextmanager
def shared_failure_rate(rate: float) -> Iterator[None]:
    """All assertions inside fail by chance with at most this probability together.

    Of the rate `α` the `k`-th assertion takes `α/k(k + 1)`, which adds up to `α` however many there are, whether they
    are independent or not. It serves as a decorator too; with Hypothesis below `@given`, so that each example has a
    rate of its own and replays as it was.

    Args:
        rate: `α`, between 0 and 1.

    Returns:
        A context manager.

    Raises:
        ValueError: a rate out of its range, or one inside another.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.testing import assert_mean, shared_failure_rate
        >>> x = np.random.default_rng(0).normal(size=1000)
        >>> with shared_failure_rate(1e-6):
        ...     assert_mean(x, 0.0)
        ...     assert_mean(x**2, 1.0)

    Source: C. E. Bonferroni's inequality, with unequal shares.
    """
    require_rate(rate)
    if _SHARED.get() is not None:
        raise ValueError(
            f"shared_failure_rate: got {rate} inside another one, expected one for the whole test; leave the inner out"
        )
    token = _SHARED.set(_Shared(rate, 0))
    try:
        yield
    finally:
        _SHARED.reset(token)


def take(failure_rate: float | None) -> float:
    """The failure rate of the next assertion: the one that is given, or its share of the one that is shared.

    Args:
        failure_rate: as an assertion was given it.

    Raises:
        ValueError: one out of its range, or one where it is shared.
    """
    shared = _SHARED.get()
    if failure_rate is not None:
        require_rate(failure_rate)
        if shared is not None:
            raise ValueError(
                f"failure_rate: got {failure_rate} inside shared_failure_rate({shared.rate}), expected None, which "
                "takes a share of it; leave it out"
            )
        return failure_rate
    if shared is None:
        return DEFAULT
    k = shared.used + 1
    _SHARED.set(shared._replace(used=k))
    return shared.rate / (k * (k + 1))


def require_rate(rate: float) -> None:
    """Raises ValueError unless the rate is between 0 and 1."""
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 1 or math.isnan(rate):
        raise ValueError(f"failure_rate: got {rate!r}, expected a number between 0 and 1, as in failure_rate=1e-6")
