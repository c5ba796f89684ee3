"""Statistics of the observations of a chunk, added up on the device panel by panel.

Squares are of departures from the last observation, in units of the square of a power of two above the largest: single
precision is enough then, no square of an extreme number is lost, and no digit changes with the unit. When a panel is
added, what was there before is brought to its last observation.

A core's vectors run along the observables of all runs, which lie in one row, and sixteen rows are added at once: XLA
runs through the columns of a sum over an axis one by one, which costs ten times as much. Sixteen rows are also what a
cache next to the core holds while they are read again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from thermo_ideal.numerics import power_of_two

BLOCK = 16  # observations in the shortest blocks

Pairs = tuple[tuple[int, int], ...]
"""Numbers of the observables whose covariances are kept."""
Rows = Callable[[Array], Array]
"""What is made of rows of measurements: rows of observables, in each the runs of one after those of another."""


class ChunkSums(NamedTuple):
    """What a chunk's observations give so far, of all observables in one row `(columns,)`.

    Args:
        reference: the last observation, from which all else departs.
        total: the sum of the departures.
        unit: the power of two above the largest departure.
        squares: the sum of their squares, in units.
        minimum: the smallest observation.
        maximum: the largest.
        first_bad: the number of the first that is not finite, whether it counts or not; that of all strides if none.
        level_sums: of the means of blocks of `BLOCK`, `2 BLOCK` … half a panel, `(levels, columns)`.
        level_squares: the same of their squares, in units.
        cross: summed products of the departures of pairs of observables, in units of both, `(pairs, runs)`.
    """

    reference: Array
    total: Array
    unit: Array
    squares: Array
    minimum: Array
    maximum: Array
    first_bad: Array
    level_sums: Array
    level_squares: Array
    cross: Array

    @classmethod
    def empty(cls, one: Array, runs: int, panel: int, strides: int, pairs: Pairs) -> ChunkSums:
        """No observations.

        Args:
            one: a row of observables.
            runs: how many.
            panel: observations in a panel.
            strides: observations in a chunk.
            pairs: of observables.
        """
        zero, levels = jnp.zeros_like(one), (panel // min(BLOCK, panel)).bit_length() - 1
        nothing = jnp.zeros((levels, *one.shape), one.dtype)
        return cls(
            reference=zero,
            total=zero,
            unit=power_of_two(zero),
            squares=zero,
            minimum=jnp.full_like(zero, jnp.inf),
            maximum=jnp.full_like(zero, -jnp.inf),
            first_bad=jnp.full(one.shape, strides),
            level_sums=nothing,
            level_squares=nothing,
            cross=jnp.zeros((len(pairs), runs), one.dtype),
        )

    @property
    def largest(self) -> Array:
        """The largest departure; not above 0 where there is none."""
        return jnp.maximum(self.maximum - self.reference, self.reference - self.minimum)

    def about(self, reference: Array, count: Array, block_counts: Array, pairs: Pairs) -> ChunkSums:
        """The same with departures from another observation.

        Args:
            reference: the other one.
            count: how many observations there are.
            block_counts: and blocks of each level.
            pairs: of observables.
        """
        moved = self._replace(reference=reference)
        moved = moved.in_unit_of(self, pairs)
        gap = jnp.where(count > 0, self.reference - reference, 0.0)
        inverse = 1 / moved.unit
        between, sums, blocks = gap * inverse, self.total * inverse, block_counts[:, None]
        cross = [
            first(between) * second(sums) + second(between) * first(sums) + count * first(between) * second(between)
            for first, second in self.columns_of(pairs)
        ]
        return moved._replace(
            total=self.total + count * gap,
            squares=moved.squares + between * (2 * sums + count * between),
            level_sums=self.level_sums + blocks * gap[None],
            level_squares=moved.level_squares
            + between[None] * (2 * (self.level_sums * inverse[None]) + blocks * between[None]),
            cross=moved.cross + jnp.stack(cross) if pairs else self.cross,
        )

    def in_unit_of(self, before: ChunkSums, pairs: Pairs) -> ChunkSums:
        """The same in a unit that fits the largest departure of now, with sums that are in that of before."""
        unit = power_of_two(self.largest)
        ratio = jnp.where(before.largest > 0, before.unit / unit, 0.0)
        cross = [first(ratio) * second(ratio) for first, second in self.columns_of(pairs)]
        return self._replace(
            unit=unit,
            squares=before.squares * ratio**2,
            level_squares=before.level_squares * ratio[None] ** 2,
            cross=before.cross * jnp.stack(cross) if pairs else before.cross,
        )

    def columns_of(self, pairs: Pairs) -> list[tuple[Callable[[Array], Array], Callable[[Array], Array]]]:
        """For each pair of observables, functions that take their columns from rows."""
        return [(_columns(a, self.cross.shape[-1]), _columns(b, self.cross.shape[-1])) for a, b in pairs]


def add_panel(
    sums: ChunkSums, measured: Array, rows: Rows, first: Array, begin: Array, end: Array, pairs: Pairs
) -> tuple[ChunkSums, tuple[Array, Array]]:
    """What a chunk's observations give with those of one more panel.

    Args:
        sums: what they give without.
        measured: the panel's measurements, one row after another, `(n, …)`, a power of two of them.
        rows: makes observables of them.
        first: the number of the panel's first stride in the chunk.
        begin: that of the first stride of the chunk that counts.
        end: and of the one after the last.
        pairs: of observables.

    Returns:
        The sums, and the panel's last observation and the mean departure from it, for `block_means`.
    """
    n, dtype = len(measured), measured.dtype
    begin_of_chunk, (begin, end) = begin, (jnp.clip(x - first, 0, n) for x in (begin, end))
    counted_before = jnp.clip(first - begin_of_chunk, 0)
    size = min(BLOCK, n)
    levels = size << jnp.arange((n // size).bit_length() - 1)
    blocks_before = jnp.clip(first // levels + -begin_of_chunk // levels, 0)
    observed = end > begin

    def block(number: Array) -> tuple[list[Array], list[Array]]:
        """Neighbouring rows, and their numbers."""
        x = rows(lax.dynamic_slice_in_dim(measured, number * size, size))
        return list(x), [number * size + i for i in range(size)]

    last = rows(lax.dynamic_slice_in_dim(measured, jnp.maximum(end - 1, 0), 1))[0]
    reference = jnp.where(observed, last, sums.reference)
    sums = sums.about(reference, counted_before.astype(dtype), blocks_before.astype(dtype), pairs)

    def add(number: Array, carry: tuple[ChunkSums, Array]) -> tuple[ChunkSums, Array]:
        before, block_sums = carry
        x, index = block(number)
        counts = [(i >= begin) & (i < end) for i in index]
        after = before._replace(
            minimum=jnp.minimum(before.minimum, _tree(jnp.minimum, _where(counts, x, jnp.inf))),
            maximum=jnp.maximum(before.maximum, _tree(jnp.maximum, _where(counts, x, -jnp.inf))),
        ).in_unit_of(before, pairs)
        departures = _where(counts, [row - reference for row in x], 0.0)
        scaled = [departure * (1 / after.unit) for departure in departures]
        products = [_tree(jnp.add, [a(row) * b(row) for row in scaled]) for a, b in sums.columns_of(pairs)]
        after = after._replace(
            squares=after.squares + _tree(jnp.add, [row**2 for row in scaled]),
            cross=after.cross + jnp.stack(products) if pairs else after.cross,
        )
        return after, lax.dynamic_update_index_in_dim(block_sums, _tree(jnp.add, departures), number, 0)

    count = jnp.where(observed, n // size, 0)
    nothing = jnp.zeros((n // size, *reference.shape), dtype)
    sums, block_sums = lax.fori_loop(0, count, add, (sums, nothing))
    sums, total = _add_levels(sums, block_sums, count, begin, end, size)
    sums = sums._replace(total=sums.total + total)

    def search(number: Array, found: Array) -> Array:
        x, index = block(number)
        bad = [jnp.where(jnp.isfinite(row) | (i >= end), n, i) for row, i in zip(x, index, strict=True)]
        return jnp.minimum(found, _tree(jnp.minimum, bad))

    none = jnp.full(reference.shape, n)
    bad = lax.cond(
        (begin == 0) & jnp.isfinite(total).all(),  # a sum shows what is not finite among what counts
        lambda: none,
        lambda: lax.fori_loop(0, (end + size - 1) // size, search, none),
    )
    found = jnp.where(bad < n, first + bad, sums.first_bad)
    return sums._replace(first_bad=jnp.minimum(sums.first_bad, found)), (reference, total / n)


def block_means(sums: ChunkSums, panels: tuple[Array, Array]) -> Array:
    """The mean departures of all panels from the chunk's last observation, `(panels, columns)`."""
    references, departures = panels
    return (references - sums.reference[None]) + departures


def _add_levels(
    sums: ChunkSums, block_sums: Array, count: Array, begin: Array, end: Array, size: int
) -> tuple[ChunkSums, Array]:
    """The sums with those of a panel's blocks of all lengths, and the sum of the whole panel.

    As when one counts in the binary system: a block that is first of two waits in `pending`, at the place of its
    length, and the second makes both one of the next length. All places are looked at at once, in one expression.

    Args:
        sums: without.
        block_sums: of the panel's departures over blocks of `size`, one row after another.
        count: rows that are to be added.
        begin: the first observation of the panel that counts.
        end: after the last.
        size: of the shortest blocks.
    """
    most = len(sums.level_sums)
    place, inverse = jnp.arange(most + 1), 1 / sums.unit
    length = size << place

    def add(number: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        pending, level_sums, level_squares = carry
        joined = block_sums[number][None]
        for i in range(most):
            joined = joined + jnp.where((place > i)[:, None], pending[i][None], 0.0)
        ends = (number + 1) & ((1 << place) - 1) == 0
        start = (number >> place) * length
        whole = ends & (start >= begin) & (start + length <= end)
        means = jnp.where(whole[:, None], joined / length[:, None].astype(joined.dtype), 0.0)[:most]
        first_of_two = ends & ((number >> place) & 1 == 0)
        pending = jnp.where(first_of_two[:, None], joined, pending)
        return pending, level_sums + means, level_squares + (means * inverse[None]) ** 2

    nothing = jnp.zeros((most + 1, *sums.total.shape), sums.total.dtype)
    begin_with = nothing, sums.level_sums, sums.level_squares
    pending, level_sums, level_squares = lax.fori_loop(0, count, add, begin_with)
    return sums._replace(level_sums=level_sums, level_squares=level_squares), pending[most]


def _columns(number: int, runs: int) -> Callable[[Array], Array]:
    """Of one observable."""
    return lambda row: row[number * runs : (number + 1) * runs]


def _where(counts: Sequence[Array], rows: Sequence[Array], otherwise: float) -> list[Array]:
    return [jnp.where(counted, row, otherwise) for counted, row in zip(counts, rows, strict=True)]


def _tree(operation: Callable[[Array, Array], Array], rows: Sequence[Array]) -> Array:
    """All rows, a power of two of them, made one, neighbour by neighbour."""
    while len(rows) > 1:
        rows = [operation(a, b) for a, b in zip(rows[::2], rows[1::2], strict=True)]
    return rows[0]
