"""Laws of a gas as a suite."""

import jax.numpy as jnp
import pytest

from thermo_ideal.testing import Law
from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State, VonMisesFisherGas

GAS = CaloricallyPerfectGas(11)


def test_a_law_that_a_gas_does_not_have():
    state = State(GAS, temperature=jnp.array([0.5, 1.0]), volume=2.0)
    Law("C_V is R").check(state)
    with pytest.raises(ValueError, match="names: got 'C_V is R', expected some of 'Maxwell, U'"):
        Law("C_V is R").check(State(VonMisesFisherGas(11), temperature=0.5, volume=2.0))
