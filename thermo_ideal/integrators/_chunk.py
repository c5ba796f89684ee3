"""A chunk of steps on the devices.

Lanes, the runs of a batch, are cut into blocks whose number depends on the batch alone. Each block is a run of the same
program with random numbers of its own. One program for all blocks, sharded over the devices, would be compiled into
something else for each number of devices, and its last digits would differ. A block draws its random numbers ahead for
as many steps as fit a cache: they are most of the cost, and cost three times as much outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PRNGKeyArray

from thermo_ideal.dynamics import AbstractZonalLoss, VonMisesFisherLoss
from thermo_ideal.integrators import _histogram
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._streaming_moments import radius_observables, reduce_panel

# Random numbers drawn at once, by platform: what fits a core's cache, or what fills an accelerator.
_NUMBERS_PER_DRAW = {"cpu": 2**18, "other": 2**26}
# Lanes of a block at most.
_WIDEST = {"cpu": 256, "other": 2**17}
_WORTH_SHARING = 400  # random numbers of a step that are worth two blocks
# Beyond this many numbers per lane, they and not the lanes are what a core's vectors run along.
_FEW_NUMBERS = 64
# Measurements kept until they are reduced, of each observable: again what fits a cache.
_OBSERVATIONS_PER_PANEL = {"cpu": 2**15, "other": 2**24}
_STRIDES_PER_PANEL = 2048
# From one return to Python to the next: random numbers of a block, about a tenth of a second; observations of the
# batch; and numbers of a block's saved positions.
_NUMBERS_PER_CHUNK = {"cpu": 2**23, "other": 2**28}
_OBSERVATIONS_PER_CHUNK = 2**24
_NUMBERS_SAVED = 2**25


@dataclass(frozen=True)
class Layout:
    """How a batch is laid out; all of it follows from the arguments of `simulate`, nothing from the devices.

    Args:
        lanes: runs in the batch.
        blocks: blocks of lanes.
        width: lanes in a block; the last block is filled up.
        numbers: random numbers that a step of one lane takes.
        stride: steps from one measurement to the next.
        panel: strides in a panel, whose measurements are reduced at once; a power of two.
        panels: panels in a chunk.
        strides_per_draw: strides whose random numbers are drawn at once.
        draws_per_stride: draws that a stride takes, if one is too many numbers.
        slots: positions that a chunk may save; 0 where none are wanted.
        bins_per_octave: of the histogram; 0 makes none.
    """

    lanes: int
    blocks: int
    width: int
    numbers: int
    stride: int
    panel: int
    panels: int
    strides_per_draw: int
    draws_per_stride: int
    slots: int
    bins_per_octave: int

    @classmethod
    def of(
        cls,
        lanes: int,
        numbers: int,
        stride: int,
        chunk_size: int | None,
        every: int,
        bins_per_octave: int,
        platform: str,
    ) -> Layout:
        """The layout of a batch on devices of a platform."""
        platform = platform if platform == "cpu" else "other"
        blocks = 1
        while lanes > blocks * _block_width(numbers, platform) or (blocks == 1 and lanes * numbers >= _WORTH_SHARING):
            blocks *= 2
        blocks = min(blocks, lanes)
        width = -(-lanes // blocks)
        strides = min(_NUMBERS_PER_CHUNK[platform] // (width * numbers * stride), _OBSERVATIONS_PER_CHUNK // lanes)
        if every:
            strides = min(strides, every * (_NUMBERS_SAVED // (width * numbers)))
        strides = _power_of_two(strides) if chunk_size is None else chunk_size // stride
        panel = min(_power_of_two(_OBSERVATIONS_PER_PANEL[platform] // width), _STRIDES_PER_PANEL, strides)
        panels = strides // panel
        steps = max(1, _NUMBERS_PER_DRAW[platform] // (width * numbers))
        strides_per_draw = min(_power_of_two(steps // stride), panel)
        draws_per_stride = 1
        if steps < stride:
            draws_per_stride = next(n for n in range(1, stride + 1) if stride % n == 0 and stride // n <= steps)
        slots = 0
        if every:
            # Few different numbers, so that runs that save more or less often share a program.
            roomy = min(4 * _NUMBERS_PER_DRAW[platform] // (width * numbers), panel * panels)
            slots = max(2 * _power_of_two(panel * panels // every), _power_of_two(roomy))
        draws = strides_per_draw, draws_per_stride
        return cls(lanes, blocks, width, numbers, stride, panel, panels, *draws, slots, bins_per_octave)

    @property
    def strides(self) -> int:
        """Strides in a chunk."""
        return self.panels * self.panel

    @property
    def chunk_size(self) -> int:
        """Steps in a chunk."""
        return self.strides * self.stride

    @property
    def draws(self) -> int:
        """Draws in a chunk."""
        return self.strides * self.draws_per_stride // self.strides_per_draw

    @property
    def axis(self) -> int:
        """The axis of the lanes in arrays of a step."""
        return -1 if self.numbers <= _FEW_NUMBERS else 0

    def split(self, x: Array) -> Array:
        """`(lanes, …)` as `(blocks, width, …)`, filled up with the first lane."""
        filled = jnp.concatenate([x, jnp.broadcast_to(x[:1], (self.blocks * self.width - self.lanes, *x.shape[1:]))])
        return filled.reshape(self.blocks, self.width, *x.shape[1:])

    def join(self, blocks: Sequence[Any], axis: int = -1) -> np.ndarray:
        """Results of all blocks, whose lanes are at `axis`, as one."""
        x = np.concatenate(blocks, axis=axis)
        return x[(slice(None),) * (axis % x.ndim) + (slice(self.lanes),)]


def _power_of_two(number: int) -> int:
    return 1 << max(number.bit_length() - 1, 0)


def _block_width(numbers: int, platform: str) -> int:
    return max(1, min(_WIDEST[platform], _NUMBERS_PER_DRAW[platform] // numbers))


def with_values(run: AbstractIntegrator, values: dict[str, Any]) -> AbstractIntegrator:
    """The integrator of one lane: hyperparameters and noise scale by name."""
    scale = values["scale"]
    hyperparameters = {name: value for name, value in values.items() if name != "scale"}
    return eqx.tree_at(
        lambda r: (r.sgd.protocol, r.sgd.noise.scale), run, (run.sgd.protocol.replace(**hyperparameters), scale)
    )


def _observables(run: AbstractIntegrator) -> list[str]:
    """What is measured at each stride. The loss `1 − m` is the depth itself, and is measured once."""
    names = ["loss", "radius"]
    if isinstance(run.sgd.loss, AbstractZonalLoss) and not isinstance(run.sgd.loss, VonMisesFisherLoss):
        names.append("depth")
    return names + (["effective_weight_decay"] if run.sgd.protocol.fixes_radius else [])


@eqx.filter_jit
def run_chunk(
    layout: Layout,
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
        run: the integrator; its hyperparameters are replaced by `values` and `scheduled`.
        values: constant hyperparameters by name, `(width,)`.
        scheduled: the others, `(chunk_size,)` or `(chunk_size, width)`.
        key: of the block.
        state: of the block.
        where: "draw", the number of the chunk's first draw; "burn_in" and "end", strides of the chunk that are not
            measured and that are made; "every", strides from one saved position to the next; "saved", strides since
            the burn-in, or since the last saved position.

    Returns:
        "state"; what `reduce_panel` makes of each panel, "separate" for each observable and "together"; "histogram" and
        "positions".
    """
    return _Block(layout, run, values, scheduled, key, where).run(state)


class _Block:
    """One block's chunk, being traced. Steps and strides are counted from the beginning of the chunk."""

    def __init__(self, layout: Layout, run: AbstractIntegrator, values: Any, scheduled: Any, key: Array, where: Any):
        self.layout, self.values, self.scheduled, self.key, self.where = layout, values, scheduled, key, where
        axis = layout.axis
        self._advance = jax.vmap(
            lambda v, s, xi: with_values(run, v).advance(s, xi), in_axes=(0, axis, axis), out_axes=axis
        )
        self._observe = jax.vmap(
            lambda v, before, after, xi: with_values(run, v).observe(before, after, xi), in_axes=(0, axis, axis, axis)
        )
        self._innovation = jax.vmap(run.innovation, in_axes=axis, out_axes=axis)
        self._end = jax.vmap(run.end, in_axes=axis)
        self._draw = run.draw
        self._names = _observables(run)

    def run(self, state: Any) -> dict[str, Any]:
        """All panels of the chunk."""
        layout, where = self.layout, self.where
        dtype = jax.tree.leaves(state)[0].dtype
        positions = None
        if layout.slots:
            one = jax.eval_shape(self._end, state)
            positions = jnp.zeros((layout.slots + 1, *one.shape), one.dtype)
        series = {name: jnp.zeros((layout.panel, layout.width), dtype) for name in self._names}

        histogram = None
        if layout.bins_per_octave:
            histogram = _histogram.empty(layout.width, layout.bins_per_octave)

        def panel(carry: Any, number: Array) -> Any:
            first = number * layout.panel
            *carry, histogram = carry
            state, series, positions = self._panel(first, *carry)
            begin, end = (jnp.clip(where[name] - first, 0, layout.panel) for name in ("burn_in", "end"))
            separate, together = reduce_panel(series | radius_observables(series["radius"]), begin, end)
            if histogram is not None:
                index = jnp.arange(layout.panel)[:, None]
                depth = series["depth" if "depth" in series else "loss"]
                histogram = _histogram.add(histogram, depth, (index >= begin) & (index < end), layout.bins_per_octave)
            return (state, series, positions, histogram), {"separate": separate, "together": together}

        begin = state, series, positions, histogram
        (state, _, positions, histogram), reduced = lax.scan(panel, begin, jnp.arange(layout.panels))
        positions = None if positions is None else positions[:-1]
        return reduced | {"state": state, "positions": positions, "histogram": histogram}

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
        """What is new in the steps of a draw, `(strides, steps, …)`, lanes at their axis."""
        layout = self.layout
        steps = layout.stride // layout.draws_per_stride
        step = (layout.numbers, layout.width) if layout.axis else (layout.width, layout.numbers)
        shape = (layout.strides_per_draw, steps, *step)
        key = jax.random.fold_in(self.key, self.where["draw"] + number.astype(jnp.uint32))
        # In one long row: drawn in the final shape, short vectors cost several times as much on a CPU.
        normals = self._draw(key, (prod(shape),), jax.tree.leaves(state)[0].dtype).reshape(shape)
        return jax.vmap(jax.vmap(self._innovation))(normals)

    def _at(self, step: Array) -> dict[str, Array]:
        """Hyperparameters of a step, one for each lane."""
        now = {name: jnp.broadcast_to(x[step], (self.layout.width,)) for name, x in self.scheduled.items()}
        return self.values | now

    def _walk(self, state: Any, innovations: Any, first: Array, steps: int) -> Any:
        def step(i: Array, state: Any) -> Any:
            return self._advance(self._at(first + i), state, jax.tree.map(lambda x: x[i], innovations))

        return lax.fori_loop(0, steps, step, state)

    def _stride(self, index: Array, row: Array, innovations: Any, state: Any, series: Any, positions: Any) -> Any:
        """The last steps of a stride, those of one draw, and what is seen after them."""
        steps = self.layout.stride // self.layout.draws_per_stride
        last = (index + 1) * self.layout.stride - 1
        before = self._walk(state, innovations, last - (steps - 1), steps - 1)
        values, innovation = self._at(last), jax.tree.map(lambda x: x[-1], innovations)
        after = self._advance(values, before, innovation)
        seen = self._observe(values, before, after, innovation)
        series = {name: x.at[row].set(seen[name]) for name, x in series.items()}
        if positions is not None:
            passed = self.where["saved"] + index + 1
            wanted = (passed > 0) & (passed % self.where["every"] == 0)
            slot = jnp.where(wanted, passed // self.where["every"] - 1, self.layout.slots)
            positions = positions.at[slot].set(self._end(after))
        return after, series, positions
