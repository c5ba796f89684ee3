"""Laws of a gas as a suite."""

import jax.numpy as jnp
import pytest
from hypothesis import given, settings

from thermo_ideal.testing import Law, laws_of, states
from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State, VonMisesFisherGas

GAS = CaloricallyPerfectGas(11)


@pytest.mark.parametrize("law", laws_of(GAS)[::10])
@settings(max_examples=2)
@given(state=states(GAS))
def test_laws(law, state):
    law.check(state)


def test_a_law_that_a_gas_does_not_have():
    state = State(GAS, temperature=jnp.array([0.5, 1.0]), volume=2.0)
    Law("C_V is R").check(state)
    with pytest.raises(ValueError, match="names: got 'C_V is R', expected some of 'Maxwell, U'"):
        Law("C_V is R").check(State(VonMisesFisherGas(11), temperature=0.5, volume=2.0))
