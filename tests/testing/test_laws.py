"""Laws of a gas as a suite, and a planted error that exactly the laws that see it find."""

import jax.numpy as jnp
import pytest
from hypothesis import given, settings

from thermo_ideal.testing import Law, laws_of, states
from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State, VonMisesFisherGas, check_consistency

GAS = CaloricallyPerfectGas(11)


class WrongEnergy(CaloricallyPerfectGas):
    """An energy that is 1 % off, so that the entropy is too."""

    def direction_energy(self, temperature):
        return 1.01 * self.gas_constant * temperature


@pytest.mark.parametrize("law", laws_of(GAS)[::15])
@settings(max_examples=3)
@given(state=states(GAS))
def test_laws(law, state):
    law.check(state)


def test_laws_have_ids_and_are_those_of_the_whole_check():
    state = State(WrongEnergy(11), temperature=0.5, volume=2.0)
    errors = check_consistency(state.gas, state.temperature, state.volume, noise_scale=1.0)
    assert [law.__name__ for law in laws_of(state.gas)] == [str(law) for law in laws_of(GAS)]
    assert {law.name for law in laws_of(GAS)} == set(errors.errors)
    assert {"C_V by F"} <= set(errors.failures)
    for law in laws_of(state.gas)[::15]:
        if law.name not in errors.failures:
            law.check(state)
    with pytest.raises(AssertionError, match="C_V by F: off by"):
        Law("C_V by F").check(state)


def test_a_law_that_a_gas_does_not_have():
    state = State(GAS, temperature=jnp.array([0.5, 1.0]), volume=2.0)
    Law("C_V is R").check(state)
    with pytest.raises(ValueError, match="names: got 'C_V is R', expected some of 'Maxwell, U'"):
        Law("C_V is R").check(State(VonMisesFisherGas(11), temperature=0.5, volume=2.0))


def test_states_in_single_precision_are_checked_in_double():
    """One number in single precision would take the gas with it, whose own identities then miss by 1e-8."""
    state = State(VonMisesFisherGas(11), temperature=3.0, volume=1.0)
    assert state.temperature.dtype == jnp.float32
    errors = check_consistency(state.gas, state.temperature, state.volume, noise_scale=state.noise_scale).errors
    assert max(float(error.max()) for error in errors.values()) < 1e-12
