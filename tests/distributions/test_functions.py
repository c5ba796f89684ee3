"""Functions of (dimension, concentration) against a table of 30 digits, and against each other.

The table comes from quadrature at 50 digits and more, `make_von_mises_fisher_table.py`, which shares nothing with the
expansions and recurrences under test.
"""

import csv
import functools
from pathlib import Path

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given

from thermo_ideal.distributions import Zonal
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.special import log_sphere_area

TABLE = Path(__file__).with_name("von_mises_fisher_table.csv")
TINY = np.finfo(np.float32).tiny

# name: (the table's column, bound in double precision, bound in single precision)
RELATIVE = {
    "mean_resultant_length": ("mean_resultant_length", 5e-16, 5e-7),
    "one_minus_mean_resultant_length": ("one_minus_mean_resultant_length", 2e-15, 1e-6),
    "mean_resultant_length_derivative": ("mean_resultant_length_derivative", 3e-15, 2e-6),
    "energy_variance": ("mean_resultant_length_derivative", 3e-15, 2e-6),
    "kl_from_uniform": ("kl_from_uniform", 3e-15, 2e-6),
    "log_partition": ("log_partition", 2e-15, 1e-6),
}
# relative to max(1, |value|)
ABSOLUTE = {
    "log_normalizer": ("log_normalizer", 1e-14, 5e-6),
    "log_normalizer_scaled": ("log_normalizer_scaled", 1e-14, 5e-6),
    "entropy": ("entropy", 1e-14, 5e-6),
}


@functools.cache
def table():
    with TABLE.open() as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


@functools.cache
def column(name):
    """As an unevaluated sum of two doubles: one alone would bring a rounding error of its own."""
    with mpmath.workdps(40):
        values = [mpmath.mpf(value) for value in table()[name]]
        high = np.array([float(value) for value in values])
        low = np.array([float(value - mpmath.mpf(one)) for value, one in zip(values, high, strict=True)])
    return high, low


@pytest.fixture(scope="module")
def points():
    return column("dimension")[0], column("concentration")[0]


def errors(ours, name, absolute=False):
    high, low = column(name)
    scale = np.maximum(1, np.abs(high)) if absolute else np.abs(high)
    return np.abs((np.asarray(ours, np.float64) - high) - low) / scale


def test_the_table_covers_the_range(points):
    d, kappa = points
    assert len(d) >= 300
    assert {2, 3, 100, 43_692, 10**6, 10**9} <= set(d)
    assert kappa.min() < 2e-8
    assert kappa.max() > 9e11
    assert (np.float32(kappa) == kappa).all()


@pytest.mark.parametrize("name", [*RELATIVE, *ABSOLUTE])
def test_double_precision(x64, points, name):
    source, bound, _ = (RELATIVE | ABSOLUTE)[name]
    assert errors(getattr(vmf, name)(*points), source, name in ABSOLUTE).max() < bound


@pytest.mark.parametrize("name", [*RELATIVE, *ABSOLUTE])
def test_single_precision(points, name):
    source, _, bound = (RELATIVE | ABSOLUTE)[name]
    ours = getattr(vmf, name)(points[0].astype(np.float32), points[1].astype(np.float32))
    assert ours.dtype == np.float32
    normal = np.abs(column(source)[0]) > TINY  # below it single precision is fixed point
    found = errors(ours, source, name in ABSOLUTE)[normal]
    assert found.max() < bound
    assert np.median(found) < 1e-7
    assert np.isfinite(np.asarray(ours)).all()


def test_a_wrong_digit_is_seen(x64, points):
    d, kappa = points
    assert errors(vmf.mean_resultant_length(d * (1 + 1e-14), kappa), "mean_resultant_length").max() > 5e-16
    assert errors(vmf.entropy(d, kappa * (1 + 1e-13)), "entropy", absolute=True).max() > 1e-14


def derivative(function, *orders):
    """The derivative in (d, κ) of these orders, over arrays."""
    for argument, order in enumerate(orders):
        for _ in range(order):
            function = jax.grad(function, argument)
    return jax.jit(jax.vmap(function))


# (function, order in d, order in κ): the column it is, up to sign, and the bound
DERIVATIVES = {
    ("log_partition", 0, 1): ("mean_resultant_length", 1e-15),
    ("log_partition", 0, 2): ("mean_resultant_length_derivative", 3e-15),
    ("log_partition", 0, 3): ("second_derivative", 5e-14),
    ("log_partition", 0, 4): ("third_derivative", 5e-13),
    ("log_partition", 1, 0): ("log_partition_by_dimension", 1e-15),
    ("log_partition", 2, 0): ("log_partition_by_dimension_twice", 3e-15),
    ("log_partition", 1, 1): ("mean_resultant_length_by_dimension", 2e-15),
    ("mean_resultant_length", 0, 2): ("second_derivative", 5e-14),
    ("mean_resultant_length", 1, 0): ("mean_resultant_length_by_dimension", 2e-15),
    ("mean_resultant_length", 2, 0): ("mean_resultant_length_by_dimension_twice", 2e-14),
    ("mean_resultant_length", 1, 1): ("derivative_by_dimension", 2e-14),
    ("mean_resultant_length_derivative", 0, 1): ("second_derivative", 5e-14),
    ("mean_resultant_length_derivative", 0, 2): ("third_derivative", 5e-13),
    ("mean_resultant_length_derivative", 1, 0): ("derivative_by_dimension", 2e-14),
    ("mean_resultant_length_derivative", 1, 1): ("second_derivative_by_dimension", 2e-13),
    ("mean_resultant_length_derivative", 2, 0): ("derivative_by_dimension_twice", 2e-13),
    ("kl_from_uniform", 1, 0): ("kl_by_dimension", 2e-14),
}


@pytest.mark.parametrize("key", DERIVATIVES, ids=lambda key: f"{key[0]}-{key[1]}-{key[2]}")
def test_derivatives(x64, points, key):
    name, in_d, in_kappa = key
    source, bound = DERIVATIVES[key]
    ours = derivative(getattr(vmf, name), in_d, in_kappa)(*map(jnp.asarray, points))
    assert errors(ours, source).max() < bound


def test_forward_and_mixed_derivatives(x64):
    """Forward over reverse, and statistics whose derivatives are products of others."""
    d, kappa = 11.0, 7.0
    slope, bend = (
        derivative(vmf.mean_resultant_length, 0, order)(jnp.array([d]), jnp.array([kappa]))[0] for order in (1, 2)
    )
    assert np.isclose(jax.jvp(lambda k: vmf.mean_resultant_length(d, k), (kappa,), (1.0,))[1], slope, rtol=1e-15)
    assert np.isclose(jax.hessian(lambda k: vmf.entropy(d, k))(kappa), -slope - kappa * bend, rtol=1e-14)
    assert np.isclose(
        jax.grad(lambda k: vmf.heat_capacity(d, k))(kappa), 2 * kappa * slope + kappa**2 * bend, rtol=1e-14
    )
    assert np.isclose(
        jax.grad(lambda k: vmf.transverse_variance(d, k))(kappa),
        (slope - vmf.mean_resultant_length(d, kappa) / kappa) / kappa,
        rtol=1e-13,
    )
    area = jax.grad(log_sphere_area)(d)
    assert np.isclose(jax.grad(vmf.entropy)(d, kappa), area - jax.grad(vmf.kl_from_uniform)(d, kappa), rtol=1e-14)
    assert np.isclose(area, float(np.log(np.pi) - mpmath.digamma(d / 2)) / 2, rtol=1e-14)


def test_a_derivative_beyond_closed_forms_is_refused(x64):
    with pytest.raises(NotImplementedError, match="fourth_cumulant: got a derivative of too high an order"):
        jax.grad(jax.grad(jax.grad(lambda k: vmf.mean_resultant_length_derivative(3, k))))(1.0)


@pytest.mark.parametrize("precision", ["double", "single"])
def test_concentration_is_the_inverse(points, precision):
    """From the smaller of `R` and `1 − R`, to the conditioning limit; from `R` near 1 within its rounding."""
    dtype, bound = (np.float64, 1e-15) if precision == "double" else (np.float32, 5e-7)
    with jax.enable_x64(precision == "double"):
        d, kappa = points
        R, complement = (column(name)[0] for name in ("mean_resultant_length", "one_minus_mean_resultant_length"))
        near_uniform = R < 0.5
        from_length = vmf.concentration(d.astype(dtype), np.where(near_uniform, R, 0.3).astype(dtype))
        given = np.where(near_uniform, 0.3, complement).astype(dtype)
        from_complement = vmf.concentration(d.astype(dtype), one_minus_resultant_length=given)
        ours = np.where(near_uniform, from_length, from_complement).astype(np.float64)
        assert np.abs(ours / kappa - 1).max() < bound


@pytest.mark.parametrize("precision", ["double", "single"])
def test_uniform_limit(precision):
    with jax.enable_x64(precision == "double"):
        for d in (2, 3, 100, 10**9):
            assert float(vmf.mean_resultant_length(d, 0.0)) == 0
            assert float(vmf.one_minus_mean_resultant_length(d, 0.0)) == 1
            assert float(vmf.kl_from_uniform(d, 0.0)) == 0
            assert np.isclose(vmf.energy_variance(d, 0.0), 1 / d, rtol=1e-6)
            assert np.isclose(vmf.transverse_variance(d, 0.0), 1 / d, rtol=1e-6)
            assert np.isclose(vmf.entropy(d, 0.0), log_sphere_area(d), rtol=1e-6)
            first = jax.grad(lambda k, d=d: vmf.kl_from_uniform(d, k))(0.0)
            second = jax.grad(jax.grad(lambda k, d=d: vmf.log_partition(d, k)))(0.0)
            assert first == 0
            assert np.isclose(second, 1 / d, rtol=1e-6)


def test_closed_forms_at_three_dimensions(x64):
    kappa = np.array([1e-3, 0.5, 3.0, 50.0])
    np.testing.assert_allclose(vmf.mean_resultant_length(3, kappa), 1 / np.tanh(kappa) - 1 / kappa, rtol=1e-9)
    exact = np.log(kappa / (4 * np.pi * np.sinh(kappa)))
    np.testing.assert_allclose(vmf.log_normalizer(3, kappa), exact, rtol=1e-14)


def test_temperature_instead_of_concentration(x64):
    T = np.array([1e-12, 1e-3, 0.7, 1e12])
    for name in ("mean_resultant_length", "heat_capacity", "log_normalizer_scaled"):
        function = getattr(vmf, name)
        np.testing.assert_allclose(function(30, temperature=T), function(30, 1 / T), rtol=1e-15)
    energy = lambda T: vmf.one_minus_mean_resultant_length(30, temperature=T)  # noqa: E731
    np.testing.assert_allclose(jax.vmap(jax.grad(energy))(jnp.asarray(T)), vmf.heat_capacity(30, 1 / T), rtol=1e-14)


def test_derivatives_in_a_tiny_temperature_do_not_overflow():
    """`dU/dT = C_V`, where `κ²` is beyond single precision."""
    energy = lambda T: vmf.one_minus_mean_resultant_length(30, temperature=T)  # noqa: E731
    for T in (1e-18, 1e-12, 1e12):
        assert np.isclose(jax.grad(energy)(T), vmf.heat_capacity(30, temperature=T), rtol=1e-5)
    entropy = lambda T: vmf.entropy(30, temperature=T)  # noqa: E731
    assert np.isclose(jax.grad(jax.grad(entropy))(1e-12) * 1e-24, -29 / 2, rtol=1e-5)


def test_nothing_underflows_before_the_result():
    """`1/T²` would, at the edge of single precision."""
    assert np.isclose(vmf.energy_variance(1_000, 2e19), 999 / 2 / 4e38, rtol=1e-5, atol=0)
    slope = jax.grad(lambda u: vmf.concentration(1_000, one_minus_resultant_length=u))(2e-17)
    assert np.isclose(slope, -999 / 2 / 4e-34, rtol=1e-5)
    assert np.isfinite(vmf.entropy(3, 1e38))


def test_between_the_points_of_the_table(x64):
    """At any real dimension and concentration: against Zonal's quadrature, which shares nothing with the series."""
    rng = np.random.default_rng(0)
    d = np.concatenate([rng.uniform(2, 8, 150), 10 ** rng.uniform(0.5, 6, 100)])
    kappa = np.concatenate([10 ** rng.uniform(0.5, 2.2, 150), d[150:] * 10 ** rng.uniform(-2, 2, 100)])
    laws = [Zonal.linear(*at) for at in zip(d, 1 / kappa, strict=True)]
    for name, attribute, bound in (
        ("one_minus_mean_resultant_length", "mean_depth", 3e-14),
        ("energy_variance", "overlap_variance", 1e-12),
        ("entropy", "entropy", 3e-14),
        ("log_normalizer_scaled", "log_normalizer", 3e-14),
    ):
        found = [getattr(law, attribute) for law in laws]
        exact = np.array([value() if callable(value) else value for value in found])
        scale = np.maximum(1, np.abs(exact)) if name in ABSOLUTE else exact
        ours = np.asarray(getattr(vmf, name)(d, kappa))
        assert np.max(np.abs(ours - exact) / scale) < bound
        single = np.asarray(getattr(vmf, name)(d.astype(np.float32), kappa.astype(np.float32)))
        rounded = np.asarray(
            getattr(vmf, name)(d.astype(np.float32).astype(float), kappa.astype(np.float32).astype(float))
        )
        assert np.max(np.abs(single - rounded) / scale) < 1e-5


@pytest.mark.parametrize("d", [2, 11, 1000])
def test_heat_capacity_does_not_overflow(d):
    for kappa, limit in ((1e-10, 1e-20 / d), (1e19, (d - 1) / 2), (1e30, (d - 1) / 2)):
        assert np.isclose(vmf.heat_capacity(d, kappa), limit, rtol=1e-5, atol=0)


@given(d=st.floats(2, 1e9), log_kappa=st.floats(-18, 27), factor=st.floats(1.001, 10))
def test_monotonicity(d, log_kappa, factor):
    """`A` grows with `κ` and falls with `d`, KL grows with `κ`, `A'` falls with `κ`; all keep their signs."""
    with jax.enable_x64(True):
        kappa = np.exp(log_kappa)
        A, more_kappa, more_d = (
            float(vmf.one_minus_mean_resultant_length(*at))
            for at in ((d, kappa), (d, factor * kappa), (factor * d, kappa))
        )
        assert more_kappa <= A <= more_d
        assert float(vmf.mean_resultant_length(d, kappa)) < float(vmf.mean_resultant_length(d, factor * kappa))
        divergence = float(vmf.kl_from_uniform(d, kappa))
        assert 0 < divergence < float(vmf.kl_from_uniform(d, factor * kappa))
        variance = float(vmf.energy_variance(d, kappa))
        assert 0 < float(vmf.energy_variance(d, factor * kappa)) <= variance


@given(d=st.integers(2, 10**6), log_kappa=st.floats(-18, 27))
def test_amos_bounds(d, log_kappa):
    """`κ/(ν + ½ + √((ν+3/2)² + κ²)) ≤ A ≤ κ/(ν + √((ν+2)² + κ²))` with ν = d/2 − 1 (Amos 1974, equation 9)."""
    with jax.enable_x64(True):
        kappa, nu = np.exp(log_kappa), d / 2 - 1
        A = float(vmf.mean_resultant_length(d, kappa))
        lower = kappa / (nu + 0.5 + np.hypot(nu + 1.5, kappa))
        upper = kappa / (nu + np.hypot(nu + 2, kappa)) if nu > 0 else 1.0
        assert lower * (1 - 1e-15) <= A <= upper * (1 + 1e-15)


@given(d=st.integers(2, 10**6), ratio=st.floats(1e-3, 30))
def test_riccati_identity(d, ratio):
    """`A' = 1 − A² − (d−1)A/κ`, within the rounding of its own terms."""
    with jax.enable_x64(True):
        kappa = ratio * d
        A, slope = vmf.mean_resultant_length(d, kappa), vmf.mean_resultant_length_derivative(d, kappa)
        terms = 1 + A**2 + (d - 1) * A / kappa
        assert abs(slope - (1 - A**2 - (d - 1) * A / kappa)) < 1e-15 * terms
        assert abs(slope - (1 - A**2 - (d - 2) * A / kappa)) > 1e-15 * terms  # another dimension's identity fails


entropy_slope = jax.jit(jax.grad(vmf.entropy, argnums=1))


@given(d=st.floats(2, 1e9), log_kappa=st.floats(-18, 27))
def test_entropy_falls_by_kappa_times_the_variance(d, log_kappa):
    """`dS/dκ = −κA'`."""
    with jax.enable_x64(True):
        kappa = np.exp(log_kappa)
        assert np.isclose(entropy_slope(d, kappa), -kappa * vmf.energy_variance(d, kappa), rtol=1e-14)


@given(d=st.integers(2, 10**6), log_kappa=st.floats(-12, 20), log_ratio=st.floats(-3, 3))
def test_kl_divergence(d, log_kappa, log_ratio):
    """Against its definition where that does not cancel, its small-step limit where it does, and never negative."""
    with jax.enable_x64(True):
        p = np.exp(log_kappa)
        q = p * np.exp(log_ratio)
        ours = float(vmf.kl_divergence(d, p, q))
        assert ours >= 0
        phi_p, phi_q = np.asarray(vmf.log_partition(d, np.array([p, q])))
        change = float(vmf.mean_resultant_length(d, p)) * (q - p)
        assert abs(ours - (phi_q - phi_p - change)) <= 5e-15 * (phi_p + phi_q + abs(change))
        near = float(vmf.kl_divergence(d, p, p * (1 + 2**-20)))
        assert np.isclose(near, float(vmf.energy_variance(d, p)) * (p * 2**-20) ** 2 / 2, rtol=1e-5)
        assert float(vmf.kl_divergence(d, p, p)) == 0
        assert np.isclose(vmf.kl_divergence(d, p, 0.0), vmf.kl_from_uniform(d, p), rtol=1e-13)


def test_a_traced_dimension(x64):
    d, kappa = jnp.array([2.0, 3.0, 43_692.0, 1e9]), 5.0
    for name in ("mean_resultant_length", "log_normalizer", "entropy"):
        function = getattr(vmf, name)
        inside = jax.jit(lambda d, function=function: function(d, kappa))(d)
        outside = function(np.array([2, 3, 43_692, 10**9]), kappa)
        np.testing.assert_allclose(inside, outside, rtol=1e-14)


def test_shapes_broadcast():
    assert vmf.entropy(np.array([[2], [3]]), np.array([1.0, 2.0, 3.0])).shape == (2, 3)
    assert vmf.kl_divergence(np.array([[2], [3]]), np.array([1.0, 2.0, 3.0]), 4.0).shape == (2, 3)
    assert vmf.mean_resultant_length(3, np.zeros((0,))).shape == (0,)


def test_half_precision_is_promoted():
    assert vmf.entropy(3, jnp.float16(3)).dtype == jnp.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vmf.entropy(1, 1.0), "dimension: got 1, expected a number ≥ 2"),
        (lambda: vmf.entropy(np.array([3.0, np.nan]), 1.0), r"dimension: got nan at index \(1,\)"),
        (lambda: vmf.entropy(3, -1.0), "concentration: got -1.0, expected a number ≥ 0"),
        (lambda: vmf.entropy(3, np.nan), "concentration: got nan"),
        (lambda: vmf.entropy(3, 1e40), r"concentration: got 1e\+40 \(in single precision\)"),
        (lambda: vmf.entropy(3), "concentration: got neither it nor temperature"),
        (lambda: vmf.entropy(3, 1.0, temperature=1.0), "concentration: got both it and temperature"),
        (lambda: vmf.entropy(3, temperature=0.0), "temperature: got 0.0, expected a number > 0"),
        (lambda: vmf.concentration(3, 1.0), "resultant_length: got 1.0, expected 0 ≤ R < 1"),
        (lambda: vmf.concentration(3, -0.1), "resultant_length: got -0.1"),
        (lambda: vmf.concentration(3, one_minus_resultant_length=0.0), "one_minus_resultant_length: got 0.0"),
        (lambda: vmf.concentration(3), "resultant_length: got neither it nor"),
        (lambda: vmf.concentration(3, 0.5, one_minus_resultant_length=0.5), "resultant_length: got both"),
        (lambda: vmf.kl_divergence(3, 1.0, -1.0), "other: got -1.0"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_values_under_jit_are_nan_and_stay_where_they_are():
    """A NaN in one element must not spoil the others (it once stopped everyone's recurrence)."""
    bad = jnp.array([1.0, -1.0, jnp.nan, 2.0])
    for name in ("one_minus_mean_resultant_length", "energy_variance", "entropy"):
        function = getattr(vmf, name)
        inside = np.asarray(jax.jit(lambda k, function=function: function(3, k))(bad))
        assert np.isnan(inside[1:3]).all()
        np.testing.assert_allclose(inside[[0, 3]], function(3, np.array([1.0, 2.0])), rtol=1e-6)
    assert np.isnan(jax.jit(lambda T: vmf.entropy(3, temperature=T))(-1.0))
    np.testing.assert_array_equal(np.isnan(jax.jit(lambda d: vmf.entropy(d, 1.0))(bad)), [True, True, True, False])
    assert np.isnan(jax.jit(lambda k: vmf.kl_divergence(3, 1.0, k))(-1.0))
    lengths = jnp.array([0.5, -1.0, jnp.nan, 2.0, 0.0, 1.0])
    from_length = jax.jit(lambda R: vmf.concentration(3, R))(lengths)
    from_complement = jax.jit(lambda u: vmf.concentration(3, one_minus_resultant_length=u))(lengths)
    for kappa in (from_length, from_complement):
        assert np.isnan(kappa[1:4]).all()
        assert np.isclose(kappa[0], vmf.concentration(3, 0.5), rtol=1e-6)
    assert list(from_length[4:]) == [0, np.inf]
    assert list(from_complement[4:]) == [np.inf, 0]
