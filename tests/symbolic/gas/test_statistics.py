"""von Mises–Fisher functions and series against mpmath."""

import mpmath
import pytest
import sympy as sp

from thermo_ideal.symbolic import gas
from thermo_ideal.symbolic.gas import LogPartition, MeanResultantLength

QUANTITIES = {"internal_energy": "U", "heat_capacity_volume": "C_V", "direction_entropy": "S_dir"}
kappa = sp.Symbol("kappa", positive=True)


def exact(quantity, dimension, temperature, digits):
    """From Bessel functions alone."""
    with mpmath.workdps(digits + 20):
        d, k = mpmath.mpf(dimension), 1 / mpmath.mpf(temperature)
        before, at, after = (mpmath.besseli(d / 2 + shift, k) for shift in (-1, 0, 1))
        A = at / before
        log_z = d / 2 * mpmath.log(2 * mpmath.pi) + (1 - d / 2) * mpmath.log(k) + mpmath.log(before) - k
        value = {
            "internal_energy": 1 - A,
            "heat_capacity_volume": k**2 * (after / before + A / k - A**2),
            "direction_entropy": log_z + k * (1 - A),
        }[quantity]
        return sp.Float(mpmath.nstr(value, digits), digits)


@pytest.mark.parametrize("dimension", [2, 3, 7, 50, 2.5])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_gas_against_bessel_functions(quantity, dimension):
    model = gas.von_mises_fisher(sp.Rational(str(dimension)))
    for temperature in ("0.01", "0.7", "30"):
        value = sp.N(model[QUANTITIES[quantity]].subs({gas.T: sp.Rational(temperature), gas.V: 3}), 30)
        assert abs(value / exact(quantity, dimension, temperature, 40) - 1) < 1e-25


@pytest.mark.parametrize("dimension", [2, 3, 7, 50])
@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("order", [1, 2, 5])
def test_series_are_off_by_the_next_term(quantity, dimension, order):
    """Far out, exact minus series is the next term (at d = 7 one is 0)."""
    for series, at in ((gas.low_temperature_series, "1e-12"), (gas.high_temperature_series, "1e12")):
        truncated, longer = (
            sp.N(series(quantity, terms, dimension).subs(gas.T, sp.Rational(at)), 200) for terms in (order, order + 3)
        )
        left = exact(quantity, dimension, at, 200) - truncated
        if longer == truncated:
            assert abs(left) < 1e-150  # at d = 3 the series at low temperature ends
        else:
            assert abs(left / (longer - truncated) - 1) < 1e-8


def test_riccati_is_the_derivative_of_the_bessel_ratio():
    d = sp.Symbol("d", positive=True)
    ratio = MeanResultantLength(d, kappa)
    at = {d: sp.Rational(37, 5), kappa: sp.Rational(9, 4)}
    difference = ratio.diff(kappa) - ratio.rewrite(sp.besseli).diff(kappa)
    assert abs(sp.N(difference.subs(at), 30)) < 1e-25
    difference = LogPartition(d, kappa).diff(kappa) - LogPartition(d, kappa).rewrite(sp.besseli).diff(kappa)
    assert abs(sp.N(difference.subs(at), 30)) < 1e-25


def test_no_derivative_in_the_dimension():
    d = sp.Symbol("d", positive=True)
    for function in (MeanResultantLength, LogPartition):
        with pytest.raises(sp.core.function.ArgumentIndexError):
            function(d, kappa).fdiff(1)


def test_printing():
    d = sp.Symbol("d")
    assert sp.latex(MeanResultantLength(d, kappa) ** 2) == r"A_{d}^{2}\left(\kappa\right)"
    assert sp.latex(LogPartition(3, kappa)) == r"\log z_{3}\left(\kappa\right)"


def test_wrong_series():
    with pytest.raises(ValueError, match="quantity: got 'pressure', expected one of 'internal_energy'"):
        gas.low_temperature_series("pressure", 2)
    with pytest.raises(ValueError, match="order: got 0"):
        gas.high_temperature_series("internal_energy", 0)
