"""Every random number is drawn once: by all blocks, chunks, panels, draws, strides and steps, and by no two of them.

A recorder's position is the random numbers of its last steps, so that what is saved is all that was drawn.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from tests.support.statistics import assert_distribution, assert_rejects
from tests.support.systems import OBLIQUE, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.integrators import AbstractIntegrator, simulate
from thermo_ideal.integrators import _layout as layout

KEY = jax.random.key(8)


class Recorder(AbstractIntegrator):
    """Keeps the random numbers of as many steps as a position has room for, and the learning rate of the last."""

    sgd: dyn.SGD
    dt: float = 1.0

    def num_normals(self, position_size: int) -> int:
        return 3

    def require_position(self, position: Array) -> None:
        pass

    def begin(self, position: Array) -> Array:
        return position

    def end(self, state: Array) -> Array:
        return state

    def advance(self, state: Array, innovation: Array) -> Array:
        rate = self.sgd.protocol.learning_rate_at(state[:1])
        return jnp.concatenate([rate, state[4:], innovation])

    def observe(self, before: Array, after: Array, innovation: Array) -> dict[str, Array]:
        return {"last": after[-1], "rate": after[0]}


def record(stride, runs, num_steps=512, chunk_size=64, **change):
    """`(steps, runs, 3)`, and the learning rates of the last steps of strides, `(strides, runs)`."""
    sgd = toy(dyn.FixedLearningRate(lambda step: 1.0 + step, 0.1), mean_direction=OBLIQUE)
    start = jnp.ones((runs, 1 + 3 * stride))
    arguments = {"stride": stride, "save": stride, "chunk_size": chunk_size} | change
    result = simulate(KEY, Recorder(sgd), start, num_steps, **arguments)
    rates, numbers = result.samples[..., 0], result.samples[..., 1:].reshape(-1, runs, stride, 3)
    return np.moveaxis(numbers, 2, 1).reshape(-1, runs, 3), rates, result


def assert_all_different(numbers):
    rows = numbers.reshape(-1, numbers.shape[-1])
    assert len(np.unique(rows, axis=0)) == len(rows)


@pytest.fixture(params=["as it is", "small"])
def caches(request, monkeypatch):
    """Small ones make several panels, several draws in a panel, and several draws in a stride."""
    if request.param == "small":
        monkeypatch.setattr(layout, "_NUMBERS_PER_DRAW", {"cpu": 48, "other": 48})
        monkeypatch.setattr(layout, "_OBSERVATIONS_PER_PANEL", {"cpu": 64, "other": 64})
        monkeypatch.setattr(layout, "_WIDEST", {"cpu": 8, "other": 8})
    return request.param


@pytest.mark.parametrize("stride", [1, 4])
def test_every_number_is_drawn_once(caches, stride):
    runs = 24 if caches == "small" else 400
    numbers, rates, result = record(stride, runs)
    assert len(result.checkpoint.state) > 1, "more than one block"
    assert result.checkpoint.chunks == 8
    assert_all_different(numbers)
    assert_distribution(numbers.ravel()[::7], "norm")
    assert_rejects(assert_all_different, np.concatenate([numbers, numbers[:1]]))
    # Schedules are read at the steps' own numbers.
    np.testing.assert_array_equal(rates, np.broadcast_to(stride * np.arange(1, len(rates) + 1)[:, None], rates.shape))


def test_strides_see_the_same_numbers_as_steps():
    """What is between two observations is what it would be if all were observed."""
    every, some = (record(stride, 6)[0] for stride in (1, 4))
    np.testing.assert_array_equal(every, some)


def test_blocks_are_independent():
    """Runs that differ in nothing but their place: no two go the same way, in one block or in two."""
    numbers, _, result = record(1, 400, num_steps=64)
    assert len(result.checkpoint.state) > 1
    assert_all_different(np.moveaxis(numbers, 1, 0).reshape(400, -1))
    width = 400 // len(result.checkpoint.state)
    first, second = numbers[:, :width].ravel(), numbers[:, width : 2 * width].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(first.size)


def test_resumed_runs_and_other_keys_draw_others():
    whole, _, _ = record(1, 6, num_steps=256)
    half, _, before = record(1, 6, num_steps=128)
    again, _, _ = record(1, 6, num_steps=256, resume=before)
    np.testing.assert_array_equal(whole, again)
    np.testing.assert_array_equal(whole[:128], half)
    other = simulate(jax.random.key(9), Recorder(toy(dyn.FixedLearningRate(1.0, 0.1))), jnp.ones((6, 4)), 256, save=1)
    assert not np.isin(other.samples[..., 1:], whole).all(axis=-1).any()
