"""A chunk of steps on the devices.

The runs of a batch are cut into blocks whose number depends on the batch alone. Each block is executed by the same
program with random numbers of its own. One program for all blocks, sharded over the devices, would be compiled into
something else for each number of devices, and its last digits would differ. A block draws its random numbers ahead for
as many steps as fit a cache: they are most of the cost, and cost three times as much outside.
"""

from __future__ import annotations

from math import prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, PRNGKeyArray

from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._layout import Layout
from thermo_ideal.integrators._observables import Statistics
from thermo_ideal.integrators._panels import ChunkSums, add_panel, block_means
from thermo_ideal.integrators._parameters import with_values


@eqx.filter_jit
def run_chunk(
    layout: Layout,
    statistics: Statistics,
    run: AbstractIntegrator,
    values: dict[str, Array],
    scheduled: dict[str, Array],
    key: PRNGKeyArray,
    state: Any,
    where: dict[str, Any],
) -> dict[str, Any]:
    """Makes up to a chunk of steps of one block, on the device where its arguments are.

    Args:
        layout: of the batch.
        statistics: what is measured, and what is made of it.
        run: the integrator; its parameters are replaced by `values` and `scheduled`.
        values: constant parameters by name, `(width, …)`.
        scheduled: the others, `(chunk_size, width, …)`, or `(chunk_size, 1, …)` where all runs share one value.
        key: of the block.
        state: of the block.
        where: "draw", the number of the chunk's first draw; "burn_in" and "end", strides of the chunk that are not
            measured and that are made; "every", strides from one saved position to the next; "saved", strides since
            the burn-in, or since the last saved position.

    Returns:
        "state"; "separate", its `ChunkSums` and "blocks", the mean departures of its panels, for each observable;
        "covariances", the summed products of departures of each pair; "histograms" and "positions".
    """
    return _Block(layout, statistics, run, values, scheduled, key, where).run(state)


class _Block:
    """One block's chunk, being traced. Steps and strides are counted from the beginning of the chunk."""

    def __init__(
        self,
        layout: Layout,
        statistics: Statistics,
        run: AbstractIntegrator,
        values: Any,
        scheduled: Any,
        key: Array,
        where: Any,
    ) -> None:
        self.layout, self.statistics, self.values, self.scheduled = layout, statistics, values, scheduled
        self.key, self.where = key, where
        axis, observables = layout.axis, statistics.observables
        self._advance = jax.vmap(
            lambda v, s, xi: with_values(run, v).advance(s, xi), in_axes=(0, axis, axis), out_axes=axis
        )
        self._observe = jax.vmap(
            lambda v, before, after, xi: observables.observe(with_values(run, v), before, after, xi),
            in_axes=(0, axis, axis, axis),
        )
        self._innovation = jax.vmap(run.innovation, in_axes=axis, out_axes=axis)
        self._end = jax.vmap(run.end, in_axes=axis)
        self._draw = run.draw

    def run(self, state: Any) -> dict[str, Any]:
        """All panels of the chunk."""
        layout, where, statistics = self.layout, self.where, self.statistics
        dtype = jax.tree.leaves(state)[0].dtype
        positions = None
        if layout.slots:
            one = jax.eval_shape(self._end, state)
            positions = jnp.zeros((layout.slots + 1, *one.shape), one.dtype)
        observables, width = statistics.observables, layout.width
        measured = jnp.zeros((layout.panel, len(observables.measured) * width), dtype)
        histograms = {key: bins.empty(width) for key, _, bins in statistics.histograms}
        names = list(observables.streamed)
        pairs = tuple((names.index(a), names.index(b)) for a, b in statistics.covariances)
        sums = ChunkSums.empty(jnp.zeros(len(names) * width, dtype), width, layout.panel, layout.strides, pairs)

        def rows(measured: Array) -> Array:
            return observables.rows(measured, width)

        def panel(carry: Any, number: Array) -> Any:
            first = number * layout.panel
            *carry, histograms, sums = carry
            state, measured, positions = self._panel(first, *carry)
            sums, means = add_panel(sums, measured, rows, first, where["burn_in"], where["end"], pairs)
            index = first + jnp.arange(layout.panel)[:, None]
            counted = (index >= where["burn_in"]) & (index < where["end"])
            histograms = {
                key: bins.add(histograms[key], observables.column(name, measured, width), counted)
                for key, name, bins in statistics.histograms
            }
            return (state, measured, positions, histograms, sums), means

        begin = state, measured, positions, histograms, sums
        (state, _, positions, histograms, sums), means = lax.scan(panel, begin, jnp.arange(layout.panels))
        found = sums._asdict() | {"blocks": block_means(sums, means)}
        cross = found.pop("cross")
        separate = {
            name: {key: x[..., i * width : (i + 1) * width] for key, x in found.items()} for i, name in enumerate(names)
        }
        return {
            "state": state,
            "separate": separate,
            "covariances": list(cross),
            "positions": None if positions is None else positions[:-1],
            "histograms": histograms,
        }

    def _panel(self, first: Array, *carry: Any) -> Any:
        """The strides of a panel, draw by draw, as far as they are to be made."""
        layout = self.layout
        q, steps = layout.strides_per_draw, layout.stride // layout.draws_per_stride

        def draw(number: Array, carry: Any) -> Any:
            state, *kept = carry
            begin = first + number * q
            draws = begin * layout.draws_per_stride // q

            def silent(j: Array, state: Any) -> Any:
                one = jax.tree.map(lambda x: x[0], self._innovations(draws + j, state))
                return self._walk(state, one, begin * layout.stride + j * steps, steps)

            state = lax.fori_loop(0, layout.draws_per_stride - 1, silent, state)
            innovations = self._innovations(draws + layout.draws_per_stride - 1, state)

            def stride(j: Array, carry: Any) -> Any:
                return self._stride(begin + j, begin + j - first, jax.tree.map(lambda x: x[j], innovations), *carry)

            return lax.fori_loop(0, jnp.minimum(q, self.where["end"] - begin), stride, (state, *kept))

        left = jnp.clip(self.where["end"] - first, 0, layout.panel)
        return lax.fori_loop(0, (left + q - 1) // q, draw, carry)

    def _innovations(self, number: Array, state: Any) -> Any:
        """What is new in the steps of a draw, `(strides, steps, …)`, runs at their axis."""
        layout = self.layout
        steps = layout.stride // layout.draws_per_stride
        step = (layout.numbers, layout.width) if layout.axis else (layout.width, layout.numbers)
        shape = (layout.strides_per_draw, steps, *step)
        key = jax.random.fold_in(self.key, self.where["draw"] + number.astype(jnp.uint32))
        # In one long row: drawn in the final shape, short vectors cost several times as much on a CPU.
        normals = self._draw(key, (prod(shape),), jax.tree.leaves(state)[0].dtype).reshape(shape)
        return jax.vmap(jax.vmap(self._innovation))(normals)

    def _at(self, step: Array) -> dict[str, Array]:
        """The parameters of a step, one for each run."""
        width = self.layout.width
        now = {name: jnp.broadcast_to(x[step], (width, *x.shape[2:])) for name, x in self.scheduled.items()}
        return self.values | now

    def _walk(self, state: Any, innovations: Any, first: Array, steps: int) -> Any:
        def step(i: Array, state: Any) -> Any:
            return self._advance(self._at(first + i), state, jax.tree.map(lambda x: x[i], innovations))

        return lax.fori_loop(0, steps, step, state)

    def _stride(self, index: Array, row: Array, innovations: Any, state: Any, measured: Array, positions: Any) -> Any:
        """The last steps of a stride, those of one draw, and what is seen after them."""
        steps = self.layout.stride // self.layout.draws_per_stride
        last = (index + 1) * self.layout.stride - 1
        before = self._walk(state, innovations, last - (steps - 1), steps - 1)
        values, innovation = self._at(last), jax.tree.map(lambda x: x[-1], innovations)
        after = self._advance(values, before, innovation)
        seen = self._observe(values, before, after, innovation)
        # The row is there: `at` would look whether it is, at each step.
        for i, name in enumerate(self.statistics.observables.measured):
            measured = lax.dynamic_update_slice(measured, seen[name][None], (row, i * self.layout.width))
        if positions is not None:
            passed = self.where["saved"] + index + 1
            wanted = (passed > 0) & (passed % self.where["every"] == 0)
            slot = jnp.where(wanted, passed // self.where["every"] - 1, self.layout.slots)
            positions = positions.at[slot].set(self._end(after))
        return after, measured, positions
