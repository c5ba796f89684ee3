"""A gas from measurements: consistent whatever was measured, close to what it was measured of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import Z_MAX
from thermo_ideal.distributions import Zonal
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.thermodynamics import State, TabulatedGas, VonMisesFisherGas, check_consistency

DIMENSION = 10
T = np.logspace(-3, 0.5, 141)
INSIDE = np.logspace(-2.9, 0.3, 23)


def exact(name, temperature=T):
    return np.asarray(getattr(vmf, name)(DIMENSION, temperature=temperature), np.float64)


def test_the_table_of_a_gas_is_that_gas(x64):
    gas = TabulatedGas(T, exact("one_minus_mean_resultant_length"), DIMENSION, direction_entropy=exact("entropy"))
    mine, expected = (State(model, temperature=INSIDE, volume=2.0) for model in (gas, VonMisesFisherGas(DIMENSION)))
    np.testing.assert_allclose(mine.internal_energy, expected.internal_energy, rtol=1e-6)
    np.testing.assert_allclose(mine.entropy, expected.entropy, atol=1e-5)
    np.testing.assert_allclose(mine.heat_capacity_volume, expected.heat_capacity_volume, rtol=2e-3)
    assert np.abs(gas.misfit).max() < 1e-5


@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
def test_consistent(double):
    with jax.enable_x64(double):
        energy = exact("one_minus_mean_resultant_length")
        gas = TabulatedGas(T, energy, DIMENSION, direction_entropy=exact("entropy")[0])
        # Away from the knots, where the third derivative jumps, and finite changes are integrated to rounding.
        check_consistency(gas, INSIDE[3:-3:4], np.logspace(-1, 1, 3), tolerance=1e-6 if double else 1e-4).require()


def test_noisy_measurements_are_smoothed(x64):
    """Means of exact samples at 40 temperatures, with their errors; a wrong table is told from the right one."""
    few = np.logspace(-2, 0, 40)
    keys = jax.random.split(jax.random.key(0), few.size)
    depths = [
        np.asarray(Zonal.linear(DIMENSION, t).sample_depth(key, (400,))) for t, key in zip(few, keys, strict=True)
    ]
    mean, error = (np.array([f(depth) for depth in depths]) for f in (np.mean, lambda x: np.std(x, ddof=1) / 20))
    with pytest.raises(ValueError, match=r"heat capacity of the table is not positive at T = .*; give standard_error"):
        TabulatedGas(few, mean[::-1], DIMENSION, direction_entropy=0.0)
    gas = TabulatedGas(few, mean, DIMENSION, direction_entropy=exact("entropy", few)[0], standard_error=error)
    smooth = np.asarray(State(gas, temperature=few, volume=1.0).internal_energy)
    score = (smooth - exact("one_minus_mean_resultant_length", few)) / error
    assert np.abs(score).max() < Z_MAX
    assert np.sqrt(np.mean(score**2)) < 0.8  # better than the measurements
    wrong = (smooth - np.asarray(vmf.one_minus_mean_resultant_length(DIMENSION + 3, temperature=few))) / error
    assert np.abs(wrong).max() > Z_MAX


def noisy(error=0.01, size=40, seed=0):
    """A table with errors of that share of the mean losses."""
    few = np.logspace(-2, 0, size)
    energy = exact("one_minus_mean_resultant_length", few)
    return few, energy, energy * (1 + error * np.random.default_rng(seed).standard_normal(size)), error * energy


def table(T, U, error):
    return TabulatedGas(T, U, DIMENSION, direction_entropy=0.0, standard_error=error)


def test_the_size_of_the_errors_says_how_smooth_the_curve_is(x64):
    """With the right ones the curve is nearer to the truth than the measurements, and `χ²/n` is about 1."""
    for seed in range(3):
        few, truth, energy, error = noisy(seed=seed)
        gas = table(few, energy, error)
        score = (np.asarray(gas.direction_energy(jnp.asarray(few))) - truth) / error
        assert np.sqrt(np.mean(score**2)) < 0.9
        assert 0.5 < gas.chi_square < 1.2
    # Errors that are 100 times as large allow a power law, and others do not: a curve depends on their size.
    coarse = table(few, energy, 100 * error)
    slopes = np.diff(np.log(np.asarray(coarse.direction_energy(jnp.asarray(few))))) / np.diff(np.log(few))
    assert np.ptp(slopes) < 0.02
    assert np.ptp(np.diff(np.log(np.asarray(gas.direction_energy(jnp.asarray(few))))) / np.diff(np.log(few))) > 0.3


@pytest.mark.parametrize(
    ("size", "factor", "places"), [(7, 0.7, [3]), (5, 1.3, [2]), (40, 0.7, [0, 20, 39]), (40, 1.3, [20])]
)
def test_outliers_are_named(size, factor, places):
    """A mean loss that is off by 30 %, with an error of 1 %; and no other. At an end it may be the gas that bends."""
    for index in places:
        few, _, energy, error = noisy(size=size, seed=1)
        table(few, energy, error)
        energy[index] *= factor
        with pytest.raises(ValueError, match=f"got outliers, .* at T = {few[index]:.4g}, index {index}, expected") as e:
            table(few, energy, error)
        assert str(e.value).count("index") == 1


def test_precise_tables_have_no_outliers():
    for error in (1e-3, 1e-5, 1e-9):
        for size in (8, 40):
            few, _, energy, errors = noisy(error, size)
            table(few, energy, errors)


def test_errors_that_explain_nothing_are_refused():
    """Energies that do not rise: the message is about the errors that were given, and does not ask for any."""
    few, _, energy, error = noisy(0.3)
    with pytest.raises(ValueError, match=r"^standard_error: the smoothest curve .* χ²/n = .*from T = 0\.01 to 1") as e:
        table(few, energy, error / 100)
    assert "give standard_error" not in str(e.value)


def test_few_exact_points_of_a_cold_gas(x64):
    """Mean losses are nearly proportional to the temperature there, over two decades."""
    few, between = np.logspace(-4, -2, 5), np.logspace(-4, -2, 33)
    gas = TabulatedGas(few, exact("one_minus_mean_resultant_length", few), DIMENSION, direction_entropy=0.0)
    found = np.asarray(gas.direction_energy(jnp.asarray(between)))
    np.testing.assert_allclose(found, exact("one_minus_mean_resultant_length", between), rtol=1e-3)


@pytest.mark.parametrize(("index", "factor"), [*((i, 1.3) for i in range(5)), *((i, 0.7) for i in range(4))])
def test_an_outlier_of_five_points_is_named_and_larger_errors_explain_it(index, factor):
    """A hot end that is too low is no outlier: a gas that saturates looks like that."""
    T = np.logspace(-4, -2, 5)
    U = T * np.where(np.arange(5) == index, factor, 1.0)
    with pytest.raises(ValueError, match=f"index {index}, expected about {T[index]:.4g}") as refused:
        TabulatedGas(T, U, 3, direction_entropy=0.0, standard_error=0.01 * T)
    assert str(refused.value).count("index") == 1
    assert TabulatedGas(T, U, 3, direction_entropy=0.0, standard_error=T).chi_square < 1


def test_a_coarse_table_that_saturates_has_no_outliers():
    for T in (np.logspace(-3, 0, 5), np.logspace(-2, 2, 5)):
        U = np.asarray(vmf.one_minus_mean_resultant_length(3, temperature=T), np.float64)
        assert TabulatedGas(T, U, 3, direction_entropy=0.0, standard_error=0.01 * U).chi_square < 1


def test_losses_below_zero(x64):
    """Of the loss less a number; its minimum may be given, and must be below all of them."""
    energy = exact("one_minus_mean_resultant_length")
    inside = jnp.asarray(INSIDE)
    for minimum in (None, -1.0):
        gas = TabulatedGas(T, energy - 1, DIMENSION, direction_entropy=0.0, minimum_loss=minimum)
        expected = exact("one_minus_mean_resultant_length", INSIDE)
        np.testing.assert_allclose(np.asarray(gas.direction_energy(inside)) + 1, expected, rtol=1e-4)
    with pytest.raises(ValueError, match=r"^minimum_loss: got 0\.5, expected a number below all mean losses"):
        TabulatedGas(T, energy - 1, DIMENSION, direction_entropy=0.0, minimum_loss=0.5)


def test_a_state_outside_the_table_is_told_its_range(x64):
    few, _, energy, error = noisy()
    gas = table(few, energy, error)
    with pytest.raises(ValueError, match=r"^state: got temperature = 5.* from 0\.01 to 1"):
        State(gas, temperature=5.0, volume=1.0)
    with pytest.raises(ValueError, match=r"^state: got internal_energy = 2, .*the largest .* up to the temperature 1$"):
        State(gas, internal_energy=2.0, volume=1.0)


def test_a_dip_between_two_measurements_is_found():
    """Energies that rise, through which the spline does not."""
    energy = np.array([0.0, 0.1, 0.2, 0.21, 5.0, 5.1, 5.2])
    assert (np.diff(energy) > 0).all()
    with pytest.raises(ValueError, match="not positive at T = "):
        TabulatedGas(np.logspace(-3, 0, 7), energy, 3, direction_entropy=0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0, 2.0], 3), "got shapes"),
        ((T[::-1], T, 3), "do not increase from above 0; sort the table"),
        ((T, np.full(T.size, np.nan), 3), "internal_energy: got nan"),
        ((T, T, 1), "dimension: got 1"),
        ((T, -T, 3), "not positive at T = 0.001"),
    ],
)
def test_wrong_tables(arguments, message):
    temperature, energy, dimension = arguments
    with pytest.raises(ValueError, match=message):
        TabulatedGas(np.asarray(temperature), np.asarray(energy), dimension, direction_entropy=0.0)
    with pytest.raises(ValueError, match="standard_error: got"):
        TabulatedGas(T, T, 3, direction_entropy=0.0, standard_error=np.zeros(T.size))
