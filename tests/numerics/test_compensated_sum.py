"""Compensated sums in single precision, against the exact sum of the same numbers."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.numerics import accumulate, compensated_add


def plain_add(total, compensation, increment):
    return total + increment, compensation


def summed(add, start, increments):
    @jax.jit
    def run(increments):
        state = jnp.float32(start), jnp.float32(0)
        return jax.lax.scan(lambda state, increment: (add(*state, increment), None), state, increments)[0]

    total, compensation = run(jnp.asarray(increments))
    return float(total) + float(compensation)


CASES = {
    "small increments": (compensated_add, 1.0, 1e-7 * np.random.default_rng(0).uniform(size=10_000)),
    "large ones that cancel": (accumulate, 1e-3, 1e6 * np.random.default_rng(1).normal(size=10_000)),
}


@pytest.mark.parametrize("name", CASES)
def test_sums(name):
    add, start, increments = CASES[name]
    increments = increments.astype(np.float32)
    exact = math.fsum([np.float32(start), *increments])
    scale = abs(exact) if add is compensated_add else float(np.abs(increments).max())
    assert abs(summed(add, start, increments) - exact) < 1e-7 * scale
    assert abs(summed(plain_add, start, increments) - exact) > 1e-6 * scale
