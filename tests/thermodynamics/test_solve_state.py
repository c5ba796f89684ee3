"""States of gases of one's own, from properties that are noisy, overflow, jump or are undefined somewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.thermodynamics import HelmholtzEnergy, State, VonMisesFisherGas


def two_levels(T, V):
    """Of ten half particles with an energy of 0 or 1; where it is hot, `F − T ∂F/∂T` is nothing but rounding."""
    return -5 * T * jnp.log(V) - 5 * T * jnp.log1p(jnp.exp(-1 / T))


def radiation(T, V):
    """`U = 0.3 T⁴`, which overflows in single precision."""
    return -5 * T * jnp.log(V) - 0.1 * T**4


def van_der_waals(T, V):
    return -5 * T * jnp.log(T * (V - 0.1)) - 0.5 / V


def transition(T, V):
    """The energy jumps from `T/2` to `2 + T/2` at `T = 1`."""
    return -5 * T * jnp.log(V) - 0.5 * T * jnp.log(T) + jnp.minimum(0.0, 2 - 2 * T)


# Functions of T: U, S less R log V, and temperatures at which they can be told from each other.
GASES = {
    "two levels": (
        two_levels,
        lambda T: 5 / (1 + np.exp(1 / T)),
        lambda T: 5 * np.log1p(np.exp(-1 / T)) + 5 / (1 + np.exp(1 / T)) / T,
        [0.2, 1.0, 5.0],
    ),
    "radiation": (radiation, lambda T: 0.3 * T**4, lambda T: 0.4 * T**3, [0.3, 1.0, 1e3]),
}


@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("name", GASES)
def test_states_that_exist_are_found(name, double):
    """Whatever the property does at temperatures of 1e±18; the values are closed forms."""
    function, energy, entropy, temperatures = GASES[name]
    T = np.array(temperatures)
    U, S = energy(T), entropy(T)
    told = S < 100  # of 4·10⁸ nats the part of the volume is rounding
    with jax.enable_x64(double):
        gas = HelmholtzEnergy(function, dimension=11)
        for V in (1.0, 1.3):
            p, S_V = 5 * T / V, S + 5 * np.log(V)
            for given in (
                {"internal_energy": U, "volume": V},
                {"entropy": S_V, "volume": V},
                {"entropy": S_V, "pressure": p},
                {"enthalpy": U + p * V, "pressure": p},
                {"entropy": S_V[told], "temperature": T[told]},
            ):
                state, expected = State(gas, **given), given.get("temperature", T)
                bound = 1e-12 if double else 2e-5
                np.testing.assert_allclose(state.temperature, expected, rtol=bound, err_msg=str(given))
                np.testing.assert_allclose(state.volume, V, rtol=1e-12 if double else 1e-4, err_msg=str(given))


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (
            two_levels,
            {"internal_energy": 3.0, "volume": 2.0},
            r"below 2\.5\d*, the largest that this gas has",
        ),
        (two_levels, {"internal_energy": 2.5, "volume": 2.0}, r"expected an internal energy"),
        (two_levels, {"internal_energy": -1.0, "volume": 2.0}, r"above \S+, the smallest"),
        (two_levels, {"internal_energy": 1.0, "weight_decay": 2.0}, "determine that of a scale-invariant gas alone"),
        (transition, {"internal_energy": 1.5, "volume": 1.0}, "jumps over that value"),
        (van_der_waals, {"temperature": 1.0, "volume": 0.05}, "its Helmholtz energy is not defined there"),
        (van_der_waals, {"entropy": 1.0, "volume": 0.05}, "expected an entropy"),
    ],
)
def test_what_does_not_exist_is_refused(x64, function, given, message):
    with pytest.raises(ValueError, match=f"^state: got .*{message}") as error:
        State(HelmholtzEnergy(function, dimension=11), **given)
    assert "uniform law" not in str(error.value)


def test_a_jump_is_between_states(x64):
    """Beside the energies that are jumped over there are states."""
    gas = HelmholtzEnergy(transition, dimension=11)
    state = State(gas, internal_energy=np.array([0.3, 3.0]), volume=1.0)
    np.testing.assert_allclose(state.temperature, [0.6, 2.0], rtol=1e-12)


def test_the_range_of_temperatures(x64):
    """Of a state, where it is looked for; of a gas, where there are states."""
    gas = HelmholtzEnergy(two_levels, dimension=11, temperature_range=(0.1, 2.0))
    energy = GASES["two levels"][1](np.array([0.5, 5.0]))
    assert np.isclose(State(gas, internal_energy=energy[0], volume=1.0).temperature, 0.5, rtol=1e-12)
    for refused in ({"internal_energy": energy[1], "volume": 1.0}, {"temperature": 5.0, "volume": 1.0}):
        with pytest.raises(ValueError, match=r"^state: got .*temperature"):
            State(gas, **refused)
    wider = HelmholtzEnergy(two_levels, dimension=11)
    assert np.isclose(State(wider, internal_energy=energy[1], volume=1.0).temperature, 5.0, rtol=1e-10)
    with pytest.raises(ValueError, match="up to the temperature 2"):
        State(wider, internal_energy=energy[1], volume=1.0, temperature_range=(0.1, 2.0))
    with pytest.raises(ValueError, match=r"^temperature_range: got \(0, 1\)"):
        HelmholtzEnergy(two_levels, dimension=11, temperature_range=(0, 1))


def test_which_weight_decay_for_this_loss(x64):
    """A learning rate that is kept and a loss that is wanted: `λ = 2RT/r²`, and the loss is that one again."""
    gas = VonMisesFisherGas(101)
    state = State(gas, learning_rate=0.08, internal_energy=0.25, noise_scale=1.3)
    again = State(gas, learning_rate=0.08, weight_decay=state.weight_decay, noise_scale=1.3)
    assert np.isclose(again.internal_energy, 0.25, rtol=1e-12)
    wrong = State(gas, learning_rate=0.08, weight_decay=1.01 * state.weight_decay, noise_scale=1.3)
    assert not np.isclose(wrong.internal_energy, 0.25, rtol=1e-3)


def test_missing_states_of_a_batch(x64):
    """NaN in those elements alone, whether no state has the property or it is NaN; and the rest goes on."""
    gas = VonMisesFisherGas(11)
    state = State(gas, internal_energy=[0.1, 1.5, float("nan"), 0.2], volume=1.0, on_missing="nan")
    expected = [float(State(gas, internal_energy=U, volume=1.0).temperature) for U in (0.1, 0.2)]
    np.testing.assert_allclose(state.temperature, [expected[0], np.nan, np.nan, expected[1]], rtol=1e-14)
    slope = state.partial("U", "T", at="V")
    assert np.isfinite(slope).tolist() == [True, False, False, True]
    with pytest.raises(ValueError, match=r"^volume: got -1\.0"):
        State(gas, internal_energy=0.1, volume=-1.0, on_missing="nan")


def test_what_rounding_hides_is_refused(x64):
    """A hot gas has the entropy of the uniform law, whatever its temperature: it was wrong by a factor of 40 here."""
    gas = VonMisesFisherGas(10_000)
    hot = State(gas, temperature=1e5, volume=3.0)
    with pytest.raises(ValueError, match=r"^state: got entropy = .*(rounding of float64|uniform law)"):
        State(gas, entropy=hot.entropy, volume=3.0)
    warm = State(gas, temperature=1.0, volume=3.0)
    assert np.isclose(State(gas, entropy=warm.entropy, volume=3.0).temperature, 1.0, rtol=1e-6)


def test_parameters_of_ones_own_gas_are_differentiated(x64):
    """`U = 3aT⁴`: `T = (U/3a)^{1/4}`; also under `jit`, where the search is compiled."""

    def temperature(a):
        gas = HelmholtzEnergy(lambda T, V: -5 * T * jnp.log(V) - a * T**4, dimension=11)
        return State(gas, internal_energy=0.3, volume=1.0).temperature

    for f in (temperature, jax.jit(temperature)):
        assert np.isclose(f(0.1), 1.0, rtol=1e-12)
        assert np.isclose(jax.grad(f)(0.1), -1 / 0.4, rtol=1e-10)
