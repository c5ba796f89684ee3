"""How a batch is cut into blocks of runs, chunks of steps and draws of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

# Random numbers drawn at once, by platform: what fits a core's cache, or what fills an accelerator.
_NUMBERS_PER_DRAW = {"cpu": 2**18, "other": 2**26}
# Runs of a block at most.
_WIDEST = {"cpu": 256, "other": 2**17}
_WORTH_SHARING = 400  # random numbers of a step that are worth two blocks
# Beyond this many numbers per run, they and not the runs are what a core's vectors run along.
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
        runs: in the batch.
        blocks: of runs.
        width: runs in a block; the last block is filled up.
        numbers: random numbers that a step of one run takes.
        stride: steps from one measurement to the next.
        panel: strides in a panel, whose measurements are reduced at once; a power of two.
        panels: panels in a chunk.
        strides_per_draw: strides whose random numbers are drawn at once.
        draws_per_stride: draws that a stride takes, if one is too many numbers.
        slots: positions that a chunk may save; 0 where none are asked for.
    """

    runs: int
    blocks: int
    width: int
    numbers: int
    stride: int
    panel: int
    panels: int
    strides_per_draw: int
    draws_per_stride: int
    slots: int

    @classmethod
    def of(cls, runs: int, numbers: int, stride: int, chunk_size: int | None, every: int, platform: str) -> Layout:
        """The layout of a batch on devices of a platform."""
        platform = platform if platform == "cpu" else "other"
        blocks = 1
        while runs > blocks * _block_width(numbers, platform) or (blocks == 1 and runs * numbers >= _WORTH_SHARING):
            blocks *= 2
        blocks = min(blocks, runs)
        width = -(-runs // blocks)
        strides = min(_NUMBERS_PER_CHUNK[platform] // (width * numbers * stride), _OBSERVATIONS_PER_CHUNK // runs)
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
        return cls(runs, blocks, width, numbers, stride, panel, panels, strides_per_draw, draws_per_stride, slots)

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
        """The axis of the runs in arrays of a step."""
        return -1 if self.numbers <= _FEW_NUMBERS else 0

    def split(self, x: Array) -> Array:
        """`(runs, …)` as `(blocks, width, …)`, filled up with the first run."""
        filled = jnp.concatenate([x, jnp.broadcast_to(x[:1], (self.blocks * self.width - self.runs, *x.shape[1:]))])
        return filled.reshape(self.blocks, self.width, *x.shape[1:])

    def join(self, blocks: Sequence[Any], axis: int = -1) -> np.ndarray:
        """Results of all blocks, whose runs are at `axis`, as one."""
        x = np.concatenate(blocks, axis=axis)
        return x[(slice(None),) * (axis % x.ndim) + (slice(self.runs),)]


def _power_of_two(number: int) -> int:
    return 1 << max(number.bit_length() - 1, 0)


def _block_width(numbers: int, platform: str) -> int:
    return max(1, min(_WIDEST[platform], _NUMBERS_PER_DRAW[platform] // numbers))
