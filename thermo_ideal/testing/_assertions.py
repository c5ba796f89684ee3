"""Assertions about samples that a right program fails with a probability that is declared."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import numpy as np
from scipy import stats

from thermo_ideal._arguments import require_finite
from thermo_ideal.distributions import AbstractSphericalLaw, goodness_of_fit
from thermo_ideal.estimators import Estimate
from thermo_ideal.testing._failure_rate import take
from thermo_ideal.testing._samples import FEWEST, mean_of, thinned


def assert_mean(
    samples: Any, exact: Any, *, failure_rate: float | None = None, correlated: bool = False, bias: float = 0.0
) -> None:
    """Asserts that samples have an exact mean: `|mean − exact| ≤ t s`, with the standard error `s` from the data.

    `t` is the quantile of Student's law at the failure rate, which several columns share. Of a series in time `s` is
    that of the means of up to 32 batches, each of 20 correlation times or more. The rate is exact for normal samples,
    and approached as `1/n` by others.

    Args:
        samples: `(n, *shape)`, independent along the first axis, or a stationary series along it.
        exact: the mean, of a shape that broadcasts with `shape`.
        failure_rate: the probability that right samples fail; None for a share of `shared_failure_rate`, or 10⁻⁶.
        correlated: whether the first axis is time.
        bias: by how much the method itself may be off.

    Raises:
        AssertionError: the mean is another.
        ValueError: samples that are not finite, do not vary or are too few, or that are correlated and not said to be.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.testing import assert_mean, assert_rejects
        >>> x = np.random.default_rng(0).normal(loc=3.0, size=1000)
        >>> assert_mean(x, 3.0, failure_rate=1e-6)
        >>> assert_rejects(assert_mean, x, 3.3)

    Source: Student, Biometrika 6, 1 (1908); batch means: C. Geyer, Statistical Science 7, 473 (1992), section 3.2.
    """
    mean, expected = mean_of(samples, correlated), _beside(samples, exact)
    rate = take(failure_rate)
    bound = mean.quantile(rate / len(mean.value))
    departure = np.abs(mean.value - expected)
    score = np.maximum(departure - bias, 0.0) / mean.standard_error
    i = int(np.argmax(score))
    _require(
        bool(score[i] <= bound),
        f"mean: got {mean.value[i]:.6g} ± {mean.standard_error[i]:.2g}{_where(i, samples)}, expected {expected[i]:.6g}:"
        f" t = {score[i]:.1f} of {mean.freedom} degrees of freedom, allowed {bound:.1f} at the failure rate {rate:.2g}",
    )


def detectable_shift(
    samples: Any, *, power: float = 0.999, failure_rate: float | None = None, correlated: bool = False
) -> Any:
    """The error of the mean that `assert_mean` finds with a declared probability: the size of a negative control.

    It is `(t + t')s` with the quantiles of Student's law at the failure rate and the power.

    Args:
        samples: as `assert_mean` takes them.
        power: the probability that the error is found, above ½.
        failure_rate: as `assert_mean` takes it; of a rate that is shared it takes no share.
        correlated: whether the first axis is time.

    Returns:
        The shift, of the shape of one sample.

    Raises:
        ValueError: as `assert_mean`, or a power out of its range.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.testing import assert_mean, assert_rejects, detectable_shift
        >>> x = np.random.default_rng(0).normal(size=1000)
        >>> round(float(detectable_shift(x)), 2)
        0.25
        >>> assert_rejects(assert_mean, x, 1.5 * detectable_shift(x))
    """
    if not 0.5 < power < 1:
        raise ValueError(f"power: got {power!r}, expected a number between 0.5 and 1, as in power=0.999")
    mean = mean_of(samples, correlated)
    rate = copy_context().run(take, failure_rate)
    found = mean.quantile(rate / len(mean.value)) + mean.quantile(2 * (1 - power))
    return (found * mean.standard_error).reshape(np.shape(samples)[1:])[()]


def assert_estimate(estimate: Estimate, exact: Any, *, failure_rate: float | None = None) -> None:
    """Asserts that an estimate from independent replicas is exact; all points of its grid share the failure rate.

    Args:
        estimate: of any grid.
        exact: of a shape that broadcasts with the grid.
        failure_rate: the probability that a right estimate fails; None for a share of `shared_failure_rate`, or 10⁻⁶.

    Raises:
        AssertionError: it is another, or NaN.
        ValueError: shapes that do not broadcast, or a failure rate out of its range.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate
        >>> from thermo_ideal.testing import assert_estimate, assert_rejects
        >>> estimate = Estimate(np.random.default_rng(0).normal(size=(3, 100)))
        >>> assert_estimate(estimate, 0.0)
        >>> assert_rejects(assert_estimate, estimate, [0.0, 0.0, 1.0])
    """
    score = np.abs(estimate.z_score(np.asarray(exact, np.float64)))
    rate = take(failure_rate)
    bound = stats.norm.isf(rate / max(score.size, 1) / 2)
    _require(
        bool(np.all(score <= bound)),
        f"estimate: got {estimate}, expected {exact}: |z| = {np.max(score):.1f}, allowed {bound:.1f} at the failure "
        f"rate {rate:.2g}",
    )


def assert_law(samples: Any, law: Any, *, failure_rate: float | None = None, correlated: bool = False) -> None:
    """Asserts that samples have a law: numbers by Kolmogorov and Smirnov, directions by their overlaps and tangents.

    Args:
        samples: numbers, `(n,)`, or for a law on the sphere unit vectors, `(n, d)`.
        law: a cumulative distribution function, what has one as `cdf`, or a law on the sphere.
        failure_rate: the probability that right samples fail; None for a share of `shared_failure_rate`, or 10⁻⁶.
        correlated: whether the first axis is time; samples three correlation times apart are then looked at.

    Raises:
        AssertionError: the law is another.
        ValueError: samples that are not finite, do not vary or are too few, that are correlated and not said to be, or
            of another shape; a law of another kind.

    Example:
        >>> import numpy as np
        >>> from scipy import stats
        >>> from thermo_ideal.testing import assert_law, assert_rejects
        >>> x = np.random.default_rng(0).normal(size=1000)
        >>> assert_law(x, stats.norm)
        >>> assert_rejects(assert_law, 1.5 * x, stats.norm)

    Source: `thermo_ideal.distributions.goodness_of_fit` for directions.
    """
    kept = thinned(samples, correlated)
    if np.ndim(samples) == 1:
        cdf = getattr(law, "cdf", law)
        if not callable(cdf):
            raise ValueError(f"law: got {law!r}, expected a cumulative distribution function, as in law=stats.norm.cdf")
        p_values: tuple[float, ...] = (float(stats.kstest(kept[:, 0], cdf).pvalue),)
    else:
        if not isinstance(law, AbstractSphericalLaw):
            raise ValueError(
                f"samples: got shape {np.shape(samples)}, expected (n,) for a law of numbers; look at one component, "
                "as in samples[:, 0]"
            )
        p_values = tuple(float(p) for p in goodness_of_fit(kept, law))
    rate = take(failure_rate)
    allowed = rate / len(p_values)
    _require(
        bool(min(p_values) > allowed),
        f"law: got {len(kept)} samples with p = {', '.join(f'{p:.1e}' for p in p_values)}, allowed above {allowed:.1e} "
        f"at the failure rate {rate:.2g}",
    )


def assert_uniform(p_values: Any, *, failure_rate: float | None = None, correlated: bool = False) -> None:
    """Asserts that numbers are uniform between 0 and 1, as p-values and values of their own distribution function are.

    Args:
        p_values: `(n,)`.
        failure_rate: the probability that uniform ones fail; None for a share of `shared_failure_rate`, or 10⁻⁶.
        correlated: whether the first axis is time.

    Raises:
        AssertionError: they are not uniform.
        ValueError: as `assert_law`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.testing import assert_rejects, assert_uniform
        >>> p = np.random.default_rng(0).uniform(size=1000)
        >>> assert_uniform(p)
        >>> assert_rejects(assert_uniform, p**1.5)
    """
    assert_law(p_values, stats.uniform.cdf, failure_rate=failure_rate, correlated=correlated)


def assert_covers(lower: Any, upper: Any, exact: Any, *, level: float, failure_rate: float | None = None) -> None:
    """Asserts that intervals of confidence hold what they are about as often as they say, by the binomial law.

    Args:
        lower: the lower ends of independent intervals, `(n,)`.
        upper: the upper ends.
        exact: what they are about, one number or one for each.
        level: how often an interval holds it.
        failure_rate: the probability that right ones fail, at most; None for a share of `shared_failure_rate`, or 10⁻⁶.

    Raises:
        AssertionError: they hold it too often or not often enough.
        ValueError: ends that are NaN or in the wrong order, too few intervals, or a level out of its range.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.testing import assert_covers, assert_rejects
        >>> x = np.random.default_rng(0).normal(size=1000)
        >>> assert_covers(x - 1.96, x + 1.96, 0.0, level=0.95)
        >>> assert_rejects(assert_covers, x - 1.5, x + 1.5, 0.0, level=0.95)
    """
    if not 0 < level < 1:
        raise ValueError(f"level: got {level!r}, expected a number between 0 and 1, as in level=0.95")
    low, high, value = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (lower, upper, exact)))
    if low.ndim != 1 or low.size < FEWEST:
        raise ValueError(f"lower: got shape {low.shape}, expected (n,) with at least {FEWEST} intervals; draw more")
    require_finite("exact", value)
    if not (low <= high).all():
        i = int(np.argmin(low <= high))
        raise ValueError(
            f"lower: got the interval from {low[i]} to {high[i]} at index {i}, expected lower ≤ upper, neither NaN"
        )
    rate = take(failure_rate)
    count = int(np.sum((low <= value) & (value <= high)))
    p = float(stats.binomtest(count, low.size, level).pvalue)
    _require(
        bool(p > rate),
        f"coverage: got {count} of {low.size} intervals that hold it, expected {level:.4g} of them: p = {p:.1e}, "
        f"allowed above the failure rate {rate:.2g}",
    )


def assert_rejects(assertion: Callable[..., Any], /, *wrong: Any, **options: Any) -> None:
    """Negative control: asserts that an assertion fails on what is wrong, since one that cannot fail shows nothing.

    Inside `shared_failure_rate` the assertion is as strict as the next one there, of which it takes no share: what is
    wrong cannot make a right program fail. `detectable_shift` tells how wrong a mean has to be.

    Args:
        assertion: a function that raises AssertionError.
        wrong: what it is called with.
        options: by name.

    Raises:
        AssertionError: it passes. Any other error of the assertion is not caught.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.testing import assert_mean, assert_rejects
        >>> x = np.random.default_rng(0).normal(size=1000)
        >>> try:
        ...     assert_rejects(assert_mean, x, 0.01)
        ... except AssertionError as error:
        ...     print(error)
        assert_rejects: assert_mean passes what it should reject
    """
    try:
        copy_context().run(assertion, *wrong, **options)
    except AssertionError:
        return
    name = getattr(assertion, "__name__", repr(assertion))
    raise AssertionError(f"assert_rejects: {name} passes what it should reject")


def _require(holds: bool, otherwise: str) -> None:
    """`assert`, whatever Python was started with: `-O` leaves statements out."""
    if not holds:
        raise AssertionError(otherwise)


def _beside(samples: Any, exact: Any) -> np.ndarray:
    """What is expected of each column."""
    require_finite("exact", exact)
    shape = np.shape(samples)[1:]
    try:
        return np.broadcast_to(np.asarray(exact, np.float64), shape).reshape(-1)
    except ValueError as error:
        raise ValueError(
            f"exact: got shape {np.shape(exact)}, expected one that broadcasts with {shape}, that of one sample; "
            "samples are along the first axis, as in np.moveaxis(samples, -1, 0)"
        ) from error


def _where(i: int, samples: Any) -> str:
    shape = np.shape(samples)[1:]
    return f" at index {tuple(int(k) for k in np.unravel_index(i, shape))}" if shape else ""
