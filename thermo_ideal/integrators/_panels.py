"""Series of observations reduced on the device, first panel by panel, then all panels of a chunk together.

A reduction over the first axis is written as sums of neighbouring rows, sixteen at once: XLA runs through the columns
of a sum over an axis one by one, which costs ten times as much on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from thermo_ideal.numerics import power_of_two

BLOCK = 16  # observations in the shortest blocks
_ROWS_AT_ONCE = 16

Pairs = tuple[tuple[str, str], ...]
"""Names of observables whose covariances are kept."""


def reduce_panel(series: dict[str, Array], begin: Array, end: Array, covariances: Pairs) -> dict[str, Array]:
    """Reduces a panel of observations, `(n, runs)` each, of which `begin ≤ i < end` count.

    Args:
        series: by observable; `n` is a power of two.
        begin: the first observation that counts.
        end: after the last.
        covariances: pairs of observables.

    Returns:
        The runs of all observables in a row, "reference", from which all else departs, so that single precision is
        enough; "sum" of the departures, "largest" of them, "squares", the sum of their squares in units of the square
        of a power of two above it, "minimum" and "maximum"; "first_bad", the first observation that is not finite, or
        `n`; "level_sums" and "level_squares", of the means of blocks of `BLOCK`, `2 BLOCK` … `n/2` observations; and
        "cross", for each pair, the summed products of the departures in units of both. In these units no square of an
        extreme number is lost, and no digit changes.
    """
    # All observables in one row: loops over short inner axes are slow on a CPU.
    names, row = list(series), jnp.concatenate(list(series.values()), axis=1)
    n = row.shape[0]
    index = jnp.arange(n)[:, None]
    counted = (index >= begin) & (index < end)
    reference = row[jnp.maximum(end - 1, 0)]
    departure = jnp.where(counted, row - reference[None], 0.0)
    # Sums over an axis: others would be made one expression with what follows, and made anew for each of its numbers.
    minimum = jnp.where(counted, row, jnp.inf).min(axis=0)
    maximum = jnp.where(counted, row, -jnp.inf).max(axis=0)
    largest = jnp.where(end > begin, jnp.maximum(maximum - reference, reference - minimum), 0.0)
    inverse = (1 / power_of_two(largest))[None]
    sums = _over_neighbours(jnp.add, departure, min(BLOCK, n))
    levels = []
    while (rows := len(sums)) > 1:
        size, number = n // rows, jnp.arange(rows)[:, None]
        whole = (number * size >= begin) & ((number + 1) * size <= end)
        means = jnp.where(whole, sums / size, 0.0)
        levels.append((_over_all(jnp.add, means), _over_all(jnp.add, (means * inverse) ** 2)))
        sums = _over_neighbours(jnp.add, sums, 2)
    first = lax.cond(
        (begin == 0) & jnp.isfinite(sums).all(),  # a sum shows what is not finite among what counts
        lambda: jnp.full(row.shape[1], n),
        lambda: jnp.where(jnp.isfinite(row) | (index >= end), n, index).min(axis=0),
    )
    scaled = dict(zip(names, jnp.split(departure * inverse, len(names), axis=1), strict=True))
    cross = [_over_all(jnp.add, scaled[a] * scaled[b]) for a, b in covariances]
    return {
        "reference": reference,
        "sum": sums[0],
        "largest": largest,
        "squares": _over_all(jnp.add, (departure * inverse) ** 2),
        "minimum": minimum,
        "maximum": maximum,
        "first_bad": first,
        "level_sums": _stacked([x for x, _ in levels], reference),
        "level_squares": _stacked([x for _, x in levels], reference),
        "cross": _stacked(cross, reference[: len(reference) // len(names)]),
    }


def join_panels(
    names: list[str], n: int, panels: dict[str, Array], begin: Array, end: Array, covariances: Pairs
) -> tuple[dict[str, dict[str, Array]], dict[str, Any]]:
    """Makes one panel of those that follow each other.

    Args:
        names: of the observables.
        n: observations in each panel.
        panels: results of `reduce_panel`, each with the panels in front; a power of two of them.
        begin: the first observation of all that counts.
        end: after the last.
        covariances: pairs of observables.

    Returns:
        By observable, for each run: what `reduce_panel` says, now of all panels, with "unit", the power of two, for
        "largest", and "blocks", the departures of the means of panels, `(panels, runs)`, all with an axis of length 1
        in front. And of them all: "cross", the summed products of the departures of each pair in units of both.
    """
    count = len(panels["reference"])
    number = jnp.arange(count)
    starts, ends = (jnp.clip(x - number * n, 0, n)[:, None] for x in (begin, end))
    observed = (ends - starts).astype(panels["sum"].dtype)
    reference = panels["reference"][jnp.maximum(end - 1, 0) // n]
    gap = jnp.where(observed > 0, panels["reference"] - reference[None], 0.0)
    unit = power_of_two(_over_all(jnp.maximum, jnp.abs(gap) + panels["largest"]))
    inverse = (1 / unit)[None]
    ratio = jnp.where(panels["largest"] > 0, power_of_two(panels["largest"]) * inverse, 0.0)

    def about_reference(total: Array, sums: Array, squares: Array) -> tuple[Array, Array]:
        """Sums and sums of squares of as many numbers in each panel, now of departures from the last reference."""
        between = gap * inverse
        moved = squares * ratio**2 + between * (2 * (sums * inverse) + total * between)
        return _over_all(jnp.add, sums + total * gap), _over_all(jnp.add, moved)

    whole_sum, squares = about_reference(observed, panels["sum"], panels["squares"])
    levels = []
    for level in range(panels["level_sums"].shape[1]):
        size = BLOCK << level
        blocks = jnp.maximum(ends // size + -starts // size, 0).astype(observed.dtype)
        levels.append(about_reference(blocks, panels["level_sums"][:, level], panels["level_squares"][:, level]))
    first = number[:, None] * n + panels["first_bad"]
    joined = {
        "reference": reference,
        "sum": whole_sum,
        "unit": unit,
        "squares": squares,
        "minimum": _over_all(jnp.minimum, panels["minimum"]),
        "maximum": _over_all(jnp.maximum, panels["maximum"]),
        "first_bad": _over_all(jnp.minimum, jnp.where(panels["first_bad"] < n, first, count * n)),
        "blocks": gap + panels["sum"] / n,
        "level_sums": _stacked([x for x, _ in levels], reference),
        "level_squares": _stacked([x for _, x in levels], reference),
    }

    def of(name: str, x: Array) -> Array:
        return jnp.split(x, len(names), axis=-1)[names.index(name)]

    cross = []
    for i, (a, b) in enumerate(covariances):
        between = [of(name, gap * inverse) for name in (a, b)]
        sums = [of(name, panels["sum"] * inverse) for name in (a, b)]
        ratios = of(a, ratio) * of(b, ratio)
        moved = between[0] * sums[1] + between[1] * sums[0] + observed * between[0] * between[1]
        cross.append(_over_all(jnp.add, panels["cross"][:, i] * ratios + moved)[None])
    return {name: {key: of(name, x)[None] for key, x in joined.items()} for name in names}, {"cross": cross}


def _over_neighbours(operation: Callable[[Array, Array], Array], x: Array, size: int) -> Array:
    """So many rows after each other made one."""
    groups = x.reshape(-1, size, *x.shape[1:])
    return reduce(operation, [groups[:, i] for i in range(size)])


def _over_all(operation: Callable[[Array, Array], Array], x: Array) -> Array:
    """All rows, a power of two of them, made one."""
    while len(x) > 1:
        x = _over_neighbours(operation, x, min(_ROWS_AT_ONCE, len(x)))
    return x[0]


def _stacked(rows: list[Array], like: Array) -> Array:
    """Rows like another one, of which there may be none."""
    return jnp.stack(rows) if rows else jnp.zeros((0, *like.shape), like.dtype)
