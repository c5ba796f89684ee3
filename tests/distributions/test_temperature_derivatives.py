"""Derivatives in the temperature, however cold: against SymPy's functions, which know only Riccati's equation."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.special import _statistics
from thermo_ideal.special._thermal import reciprocal
from thermo_ideal.symbolic._von_mises_fisher import LogPartition, MeanResultantLength

T, D = sp.symbols("T D", positive=True)
A = MeanResultantLength(D, 1 / T)
AREA = sp.log(2) + D / 2 * sp.log(sp.pi) - sp.loggamma(D / 2)
EXACT = {
    "mean_resultant_length": A,
    "one_minus_mean_resultant_length": 1 - A,
    "heat_capacity": -A.diff(T),
    "energy_variance": -(T**2) * A.diff(T),
    "transverse_variance": T * A,
    "log_partition": LogPartition(D, 1 / T) + 1 / T - AREA,
    "log_normalizer_scaled": -LogPartition(D, 1 / T),
    "entropy": LogPartition(D, 1 / T) + (1 - A) / T,
    "kl_from_uniform": AREA - LogPartition(D, 1 / T) - (1 - A) / T,
    "helmholtz_energy": -T * LogPartition(D, 1 / T),
}
# The cold, the hot, and both sides of where the series ends: κ = 20 and 60, (d − 1)T/2 = 1/10.
POINTS = [
    (5, 1e-8),
    (2, 1e-4),
    (3, 0.03),
    (2, 1 / 59.9),
    (2, 1 / 60.1),
    (4, 1 / 19.9),
    (4, 1 / 20.1),
    (51, 0.0039999),
    (51, 0.0040001),
    (1000, 1e-6),
    (1000, 2.5e-3),
    (7.5, 0.8),
    (5, 100.0),
]


@cache
def exact(name, order, d, temperature):
    at = {D: sp.Rational(repr(d)), T: sp.Rational(repr(temperature))}
    return float(EXACT[name].diff(T, order).subs(at).evalf(30, maxn=600))


def derivatives(name, order=3):
    """The derivatives of each order up to that, from one program."""

    def lengthened(f):
        def function(T, d):
            values, slopes = jax.jvp(lambda T: f(T, d), (T,), (jnp.ones_like(T),))
            return *values, slopes[-1]

        return function

    found = lambda T, d: (getattr(vmf, name)(d, temperature=T),)  # noqa: E731
    for _ in range(order):
        found = lengthened(found)
    return jax.jit(lambda T, d: found(T, d)[1:])


@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("name", EXACT)
def test_derivatives_to_third_order(name, double):
    """Of each statistic, relative to itself or, where it nearly vanishes, to the term of leading order, `(d − 1)/2`.

    Up to where the series begins, at κ = 60 or 20, every derivative multiplies the rounding by κ; the heat capacity is
    one itself.
    """
    d, temperatures = (np.array(column, np.float64) for column in zip(*POINTS, strict=True))
    if not double:
        temperatures = temperatures.astype(np.float32).astype(np.float64)
    with jax.enable_x64(double):
        for order, found in enumerate(derivatives(name)(jnp.asarray(temperatures, float), jnp.asarray(d, float)), 1):
            expected = np.array([exact(name, order, *map(float, at)) for at in zip(d, temperatures, strict=True)])
            scale = np.maximum(np.abs(expected), np.where(temperatures < 0.1, (d - 1) / 2, 0.0))
            error = np.abs(np.asarray(found, np.float64) - expected) / scale
            times = max(3, order + (name in ("heat_capacity", "energy_variance")))
            assert (error < (2.0**-52 * 60**times if double else 2.0**-23 * 20**times)).all(), (order, error)


def test_the_audits_values():
    """`d = 5`, `T = 1e-8`, in single precision: through `κ = 1/T` they were −35.5 and −0.0."""
    for name, expected in (("mean_resultant_length", 2), ("heat_capacity", -6)):
        found = derivatives(name, 2)(jnp.array([1e-8]), jnp.array([5.0]))[-1]
        assert float(found[0]) == pytest.approx(expected, rel=1e-5)
    through = jax.grad(jax.grad(lambda t: _statistics.resultant(jnp.float32(2.5), reciprocal(t))))
    assert abs(float(through(jnp.float32(1e-8))) - 2) > 1  # negative control: the chain rule


@pytest.mark.parametrize("name", ["mean_resultant_length", "heat_capacity", "entropy", "log_partition"])
def test_mixed_derivatives_with_the_dimension(x64, name):
    """`∂_d∂_T` and `∂_d∂_T²`, against differences of the exact ones."""
    for d, temperature in ((5.0, 1e-8), (5.0, 0.3), (51.0, 0.0039), (51.0, 0.0041), (1000.0, 1e-5)):
        function = lambda T, d: getattr(vmf, name)(d, temperature=T)  # noqa: E731
        step = d * 2.0**-14
        for order in (1, 2) if name != "heat_capacity" else (1,):
            one = function
            for _ in range(order):
                one = jax.grad(one)
            found = float(jax.grad(one, argnums=1)(temperature, d))
            near = [exact(name, order, d + k * step, temperature) for k in (-2, -1, 1, 2)]
            expected = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step)
            assert found == pytest.approx(expected, rel=1e-8, abs=1e-10 * abs(near[0]) / d)


def test_a_derivative_of_too_high_an_order_is_refused():
    fourth = lambda t: vmf.heat_capacity(5, temperature=t)  # noqa: E731
    for _ in range(4):
        fourth = jax.grad(fourth)
    with pytest.raises(NotImplementedError, match="heat_capacity: got a derivative of too high an order"):
        fourth(0.1)
