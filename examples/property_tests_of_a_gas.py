# %% [markdown]
"""Property tests of one's own gas, and of one whose entropy is wrong.

A gas is its Helmholtz energy; every identity of thermodynamics follows. `laws_of` makes a test of each, and Hypothesis
draws the states. Run `python examples/property_tests_of_a_gas.py`.
"""

# %%
import jax.numpy as jnp
from hypothesis import given, settings

from thermo_ideal.testing import laws_of, states
from thermo_ideal.thermodynamics import AbstractScaleInvariantGas


class TwoValleys(AbstractScaleInvariantGas):
    """Quadratic minima of two depths: `Z = Z_perfect (1 + w e^{−Δ/T})`, an energy of `Δ` for a share of the time."""

    dimension: float = 11.0
    gap: float = 2.0
    width: float = 5.0

    def direction_helmholtz_energy(self, temperature):
        """`−T log Z` on the unit sphere."""
        perfect = self.gas_constant * jnp.log(2 * jnp.pi * temperature)
        return -temperature * (perfect + jnp.log1p(self.width * jnp.exp(-self.gap / temperature)))

    def direction_energy(self, temperature):
        """`RT`, and `Δ` in the upper valley."""
        weight = self.width * jnp.exp(-self.gap / temperature)
        return self.gas_constant * temperature + self.gap * weight / (1 + weight)


class WrongEntropy(TwoValleys):
    """The same energy, and an entropy without the choice between the valleys."""

    def direction_helmholtz_energy(self, temperature):
        """`U − TS` with the entropy of the perfect gas."""
        perfect = self.gas_constant * jnp.log(2 * jnp.pi * temperature)
        weight = self.width * jnp.exp(-self.gap / temperature)
        return -temperature * perfect + self.gap * weight / (1 + weight)


# %% [markdown]
# In a file of tests these three lines under `@pytest.mark.parametrize("law", laws_of(gas))` are all there is.


# %%
def failures(gas, laws, max_examples=3):
    """The laws that do not hold, each with what Hypothesis shrank its failure to."""

    @settings(max_examples=max_examples, derandomize=True, database=None, deadline=None, print_blob=False)
    @given(state=states(gas, temperature=(0.1, 10), volume=(0.1, 10), noise_scale=1.0))
    def check(law, state):
        law.check(state)

    found = {}
    for law in laws:
        try:
            check(law)
        except AssertionError as error:
            found[law.name] = str(error).splitlines()[1]
    return found


# %%
if __name__ == "__main__":
    for gas in (TwoValleys(), WrongEntropy()):
        laws = laws_of(gas)[::6]  # some of them, for a quick look
        found = failures(gas, laws)
        print(f"{type(gas).__name__}: {len(found)} of {len(laws)} laws do not hold")
        for line in found.values():
            print(f"  {line}")
