"""χ² by inversion: the quantile to rounding far into both tails, and the law of what is drawn."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from tests.support.statistics import FAILURE_RATE, assert_distribution, assert_rejects
from thermo_ideal.numerics import chi_square_from_normal
from thermo_ideal.numerics._chi_square import log_quantile

FREEDOMS = [1, 2, 3, 5, 10, 48, 998, 43_690, 10**6 - 2, 10**9]
TAILS = [-9.45, -8.2, -5.0, -2.0, -0.01, 0.3, 3.0, 5.4, 8.2, 9.45]
draw = jax.jit(chi_square_from_normal, static_argnums=0)


def tail(freedom, h, upper):
    """The probability beyond `log(q/n) = h`, by quadrature of the density in 40 digits."""
    a = mp.mpf(freedom) / 2

    def density(t):
        return mp.exp(-a * (mp.exp(t) - 1 - t))

    width = 1 / mp.sqrt(a)
    whole = mp.sqrt(2 * mp.pi / a) * mp.exp(mp.loggamma(a) + a - a * mp.log(a) - mp.log(2 * mp.pi / a) / 2)
    far = [mp.mpf(h) + (1 if upper else -1) * width * k for k in (0, 0.5, 1, 2, 4, 8, 16, 32, 64, 200)]
    return mp.quad(density, far) * (1 if upper else -1) / whole


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_quantile_far_into_both_tails(freedom):
    """The probability beyond the quantile is that of the normal, at each of the points out to 9 standard deviations."""
    with mp.workdps(40):
        for z, h in zip(TAILS, log_quantile(freedom, np.array(TAILS)), strict=True):
            wanted = mp.ncdf(-abs(mp.mpf(z)))
            assert abs(tail(freedom, h, z > 0) / wanted - 1) < 3e-12


@pytest.mark.parametrize(("dtype", "largest", "bound"), [("float32", 6.78, 5e-6), ("float64", 9.49, 1e-11)])
def test_series_is_the_quantile(dtype, largest, bound):
    z = np.linspace(-largest, largest, 301).astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        for freedom in FREEDOMS[1:]:
            exact = freedom * np.exp(log_quantile(freedom, z.astype(np.float64)))
            np.testing.assert_allclose(np.asarray(draw(freedom, jnp.asarray(z)), np.float64), exact, rtol=bound)
        np.testing.assert_allclose(draw(1, jnp.asarray(z)), z**2)
        assert not np.any(draw(0, jnp.asarray(z)))


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_law(freedom, x64):
    """Kolmogorov–Smirnov in the bulk and counts in both tails; one degree of freedom more, or a few per cent, fails."""
    samples = np.asarray(draw(freedom, jax.random.normal(jax.random.key(freedom), (200_000,))))
    # The distribution of SciPy has 12 digits at 10⁹ only about its own centre, so the law is asked in its own width.
    law = stats.chi2(freedom)
    assert_distribution(samples, law.cdf)
    for share in (1e-2, 1e-3, 1e-4):
        for beyond in (samples < law.ppf(share), samples > law.isf(share)):
            assert stats.binomtest(int(beyond.sum()), samples.size, share).pvalue > FAILURE_RATE
    wrong = stats.chi2(freedom + 1 if freedom < 1000 else freedom + 0.1 * freedom**0.5)
    assert_rejects(assert_distribution, samples, wrong.cdf)
