"""The inverse of the mean resultant length; its errors at the points of the table are in `test_functions`."""

import hypothesis.strategies as st
import jax
import numpy as np
from hypothesis import given

from thermo_ideal.distributions import von_mises_fisher as vmf


@jax.jit
def inverse_and_slopes(d, R):
    kappa, slope = jax.value_and_grad(lambda R: vmf.concentration(d, R))(R)
    return kappa, slope, jax.grad(lambda k: vmf.mean_resultant_length(d, k))(kappa)


@given(d=st.integers(2, 10**9), exponent=st.floats(-6, 12))
def test_concentration_of_any_length(d, exponent):
    """`R` from 10⁻⁶ to 1 − 10⁻¹², both ways."""
    with jax.enable_x64(True):
        if exponent < 0:
            R = 10**exponent / 2
            kappa, slope, inverse_slope = inverse_and_slopes(float(d), R)
            assert np.isclose(vmf.mean_resultant_length(d, kappa), R, rtol=2e-15)
            assert np.isclose(slope, 1 / inverse_slope, rtol=1e-13)
        else:
            complement = 10**-exponent / 2
            kappa = vmf.concentration(d, one_minus_resultant_length=complement)
            assert np.isclose(vmf.one_minus_mean_resultant_length(d, kappa), complement, rtol=5e-15)


def test_inverse_in_the_dimension(x64):
    d, R = 10.0, 0.6
    step = 1e-5
    numeric = (vmf.concentration(d + step, R) - vmf.concentration(d - step, R)) / (2 * step)
    assert np.isclose(jax.grad(vmf.concentration)(d, R), numeric, rtol=1e-9)
    assert float(vmf.concentration(5, 0.0)) == 0
