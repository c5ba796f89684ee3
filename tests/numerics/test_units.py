"""Units that are powers of two, against the standard library's exponents."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.numerics import power_of_two


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_power_of_two_above(dtype, x64):
    limits = jnp.finfo(dtype)
    exponents = np.linspace(limits.minexp, limits.maxexp - 1, 41).astype(int)
    sizes = jnp.asarray([f * 2.0**e for e in exponents for f in (1.0, 1.25, 1.75)], dtype)
    expected = [2.0 ** min(math.frexp(float(size))[1], limits.maxexp - 2) for size in sizes]
    np.testing.assert_array_equal(np.asarray(power_of_two(sizes), np.float64), expected)


def test_what_is_no_size_has_the_unit_two():
    assert power_of_two(jnp.array([0.0, -3.0, jnp.inf, jnp.nan])).tolist() == [2.0, 2.0, 2.0, 2.0]
