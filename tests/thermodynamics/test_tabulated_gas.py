"""A gas from measurements: consistent whatever was measured, close to what it was measured of."""

import jax
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
    with pytest.raises(ValueError, match="heat capacity of the table is not positive at T = "):
        TabulatedGas(few, mean[::-1], DIMENSION, direction_entropy=0.0)
    gas = TabulatedGas(few, mean, DIMENSION, direction_entropy=exact("entropy", few)[0], standard_error=error)
    smooth = np.asarray(State(gas, temperature=few, volume=1.0).internal_energy)
    score = (smooth - exact("one_minus_mean_resultant_length", few)) / error
    assert np.abs(score).max() < Z_MAX
    assert np.sqrt(np.mean(score**2)) < 0.8  # better than the measurements
    wrong = (smooth - np.asarray(vmf.one_minus_mean_resultant_length(DIMENSION + 3, temperature=few))) / error
    assert np.abs(wrong).max() > Z_MAX


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
