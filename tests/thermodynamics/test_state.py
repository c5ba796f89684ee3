"""States: from any pair, in every precision, at every temperature; what they refuse."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.thermodynamics import (
    PROPERTY_GROUPS,
    PROTOCOL_PROPERTIES,
    CaloricallyPerfectGas,
    HelmholtzEnergy,
    State,
    VonMisesFisherGas,
)
from thermo_ideal.thermodynamics._property_table import PROPERTIES

DIMENSIONS = np.array([2.0, 3.0, 11.0, 1e3, 43_692.0, 1e6, 1e9])
TEMPERATURES = np.logspace(-12, 12, 25)


@cache
def everything():
    """All properties of a batch, in one program."""
    return jax.jit(lambda state: {name: getattr(state, name) for name in PROPERTIES})


def test_the_properties_are_those_of_the_dictionary():
    """Every property of a state is listed once, with the symbol, unit and meaning of the dictionary."""
    listed = [word for words in PROPERTY_GROUPS.values() for word in words]
    own = {name for name in dir(State) if isinstance(getattr(State, name), property) and not name.startswith("_")}
    assert len(listed) == len(set(listed))
    assert set(PROPERTIES) == own | {"temperature", "volume", "noise_scale"}
    assert set(listed) - set(PROPERTIES) == set(PROTOCOL_PROPERTIES)
    assert all(callable(getattr(State, name)) for name in PROTOCOL_PROPERTIES)
    for words in PROPERTY_GROUPS.values():
        assert all(quantity is DICTIONARY[word] for word, quantity in words.items())
    for name in own:
        quantity = DICTIONARY[name]
        assert f"`{quantity.symbol}`, in units of {quantity.unit}: {quantity.meaning}" in getattr(State, name).__doc__


@pytest.mark.parametrize("double", [True, False])
def test_no_nan_anywhere(double):
    with jax.enable_x64(double):
        d, T = (jnp.asarray(x, float) for x in np.meshgrid(DIMENSIONS, TEMPERATURES))
        for volume in (1e-6, 1.0, 1e6):
            state = State(VonMisesFisherGas(d), temperature=T, volume=volume)
            for name, value in everything()(state).items():
                # γ − 1 = R/C_V is beyond the largest number of single precision where the gas is far too hot.
                beyond = (state.gas_constant * T**2 * d > 1e36) if name == "heat_capacity_ratio" else False
                assert bool(jnp.all(jnp.isfinite(value) | beyond)), (name, volume)
                assert not bool(jnp.any(jnp.isnan(value))), (name, volume)


def test_states_at_the_edge_of_single_precision():
    for temperature in (1e-30, 1e-19, 1e19, 1e30):
        state = State(VonMisesFisherGas(3), temperature=temperature, volume=1.0)
        for name in ("internal_energy", "entropy", "heat_capacity_volume", "heat_capacity_pressure", "gibbs_energy"):
            assert np.isfinite(getattr(state, name)), (name, temperature)


def test_limits(x64):
    cold = State(VonMisesFisherGas(11), temperature=1e-9, volume=1.0)
    assert np.isclose(cold.internal_energy, 5e-9, rtol=1e-7)
    assert np.isclose(cold.heat_capacity_volume, 5, rtol=1e-7)
    assert np.isclose(cold.heat_capacity_ratio, 2, rtol=1e-7)
    assert np.isclose(cold.direction_entropy, 5 * np.log(2 * np.pi * np.e * 1e-9), rtol=1e-7)
    assert np.isclose(cold.direction_relaxation_rate / cold.effective_learning_rate, 1, rtol=1e-6)
    hot = State(VonMisesFisherGas(11), temperature=1e6, volume=1.0)
    assert np.isclose(hot.internal_energy, 1, rtol=1e-6)
    assert np.isclose(hot.heat_capacity_volume, 1e-12 / 11, rtol=1e-6)
    assert np.isclose(hot.direction_relaxation_rate / hot.effective_learning_rate, 10 * 1e6, rtol=1e-6)


def test_heat_capacity_keeps_its_slope_in_the_cold(x64):
    """`dC_V/dT → −(d−1)(d−3)/4`, a difference of terms 1/T times as large."""
    for T in (1e-12, 1e-8, 1e-4):
        state = State(VonMisesFisherGas(11), temperature=T, volume=1.0)
        slope = state.partial("heat_capacity_volume", "temperature", at="volume")
        assert np.isclose(slope, -20, rtol=100 * T + 1e-9)


HYPERPARAMETERS = {"learning_rate": 0.07, "weight_decay": 0.003, "noise_scale": 1.7}
PAIRS = [
    *(("temperature", other) for other in ("volume", "radius", "pressure", "weight_decay", "learning_rate", "entropy")),
    *(("effective_learning_rate", other) for other in ("radius", "weight_decay", "learning_rate")),
    *(("learning_rate", other) for other in ("weight_decay", "radius")),
    *(("entropy", other) for other in ("volume", "radius", "pressure", "weight_decay")),
    ("internal_energy", "volume"),
    ("internal_energy", "radius"),
    ("enthalpy", "pressure"),
    ("enthalpy", "weight_decay"),
    ("weight_decay", "radius"),
    ("pressure", "volume"),
    *(("internal_energy", other) for other in ("learning_rate", "weight_decay", "entropy")),
    *(("enthalpy", other) for other in ("learning_rate", "volume", "entropy")),
]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_pair_finds_the_state(x64, pair):
    gas = VonMisesFisherGas(jnp.array([2.0, 50.0, 1e6]))
    state = State(gas, **HYPERPARAMETERS)
    given = {name: getattr(state, name) for name in pair}
    found = State(gas, noise_scale=HYPERPARAMETERS["noise_scale"], **given)
    for name in ("temperature", "volume", "entropy", "internal_energy", "pressure", "learning_rate"):
        np.testing.assert_allclose(getattr(found, name), getattr(state, name), rtol=1e-9)


@pytest.mark.parametrize(
    "pair",
    [
        {},
        {"temperature": 1.0},
        {"temperature": 1.0, "effective_learning_rate": 1.0},
        {"pressure": 1.0, "weight_decay": 1.0},
        {"temperature": 1.0, "internal_energy": 0.5},
        {"entropy": 1.0, "learning_rate": 1.0},
        {"internal_energy": 0.5, "enthalpy": 1.0},
        {"temperature": 1.0, "volume": 1.0, "pressure": 1.0},
    ],
)
def test_what_does_not_determine_a_state(pair):
    with pytest.raises(ValueError, match=f"^state: got {' and '.join(pair) or 'nothing'}, expected two"):
        State(VonMisesFisherGas(3), **pair)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ({"temperature": -1.0, "volume": 1.0}, r"temperature: got -1\.0, expected a number > 0"),
        ({"temperature": 1.0, "volume": 0.0}, r"volume: got 0\.0, expected a number > 0"),
        ({"temperature": 1.0, "volume": float("nan")}, "volume: got nan"),
        ({"temperatur": 1.0, "volume": 1.0}, r"^temperatur: got 1\.0 .*expected two of temperature"),
        ({"internal_energy": 1.2, "volume": 1.0}, r"^state: got internal_energy = 1\.2, volume = 1, expected"),
        (
            {"internal_energy": 1.0, "volume": 1.0},
            r"internal_energy = 1, .* below 1, .*the uniform law of the direction$",
        ),
        (
            {"internal_energy": -0.1, "volume": 1.0},
            r"internal_energy = -0\.1, .*an internal energy above \S+, the smallest",
        ),
        ({"internal_energy": 0.0, "weight_decay": 1.0}, r"internal_energy = 0, .*an internal energy above 1e-18"),
        ({"enthalpy": 0.0, "pressure": 1.0}, r"enthalpy = 0, .*an enthalpy above \S+, the smallest"),
        (
            {"internal_energy": [[0.5, 0.6], [0.7, 2.0]], "volume": 1.0},
            r"internal_energy = 2, volume = 1, at index \(1, 1\), .*on_missing='nan'",
        ),
        (
            {"temperature": 1.0, "volume": 1.0, "on_missing": "skip"},
            r"^on_missing: got 'skip', expected 'raise' or 'nan'",
        ),
        ({"entropy": 1.0, "volume": 1.0, "temperature_range": (2.0, 1.0)}, r"^temperature_range: got \(2\.0, 1\.0\)"),
        ({"entropy": 1.0, "volume": 1.0, "temperature_range": 3.0}, r"^temperature_range: got 3\.0"),
        ({"entropy": 3.5, "volume": 1.0}, r"^state: got entropy = 3\.5.*the uniform law"),
        ({"temperature": np.ones(2), "volume": np.ones(3)}, r"^volume: got shape \(3,\), .*\(2,\) of temperature"),
        ({"temperature": np.ones(2), "volume": 1.0, "noise_scale": np.ones(3)}, r"temperature.*\(3,\) of noise_scale"),
    ],
)
def test_wrong_properties(pair, message):
    with pytest.raises(ValueError, match=message):
        State(VonMisesFisherGas(3), **pair)


def test_wrong_gas():
    with pytest.raises(ValueError, match=r"gas: got 3, expected a Helmholtz energy, as in VonMisesFisherGas"):
        State(3, temperature=1.0, volume=1.0)
    with pytest.raises(ValueError, match="dimension: got 1, expected a number ≥ 2"):
        VonMisesFisherGas(1)
    with pytest.raises(ValueError, match="function: got 3, expected F"):
        HelmholtzEnergy(3, dimension=3)
    gas = HelmholtzEnergy(lambda T, V: -5 * T * jnp.log(T * V), dimension=11)
    with pytest.raises(ValueError, match=r"gas: got HelmholtzEnergy\(dimension=11\)"):
        _ = State(gas, temperature=1.0, volume=1.0).direction_relaxation_rate


def test_under_jit_there_is_nan_where_there_is_no_state():
    energy = jnp.array([0.5, 1.2])
    found = jax.jit(lambda u: State(VonMisesFisherGas(3), internal_energy=u, volume=1.0).temperature)(energy)
    assert bool(jnp.isfinite(found[0]) & jnp.isnan(found[1]))


def test_batches_broadcast_and_differentiate(x64):
    """Derivatives with respect to hyperparameters are those of the closed forms, also through the solver."""
    rate, decay = jnp.logspace(-3, -1, 4)[:, None], jnp.logspace(-3, -1, 3)[None]
    state = State(CaloricallyPerfectGas(11), learning_rate=rate, weight_decay=decay, noise_scale=1.3)
    assert state.temperature.shape == (4, 3)
    np.testing.assert_allclose(state.temperature, jnp.sqrt(rate * decay * 1.3**2 / 20), rtol=1e-14)

    def entropy(rate, decay):
        return State(VonMisesFisherGas(11), learning_rate=rate, weight_decay=decay).entropy

    slopes = jax.vmap(jax.grad(entropy, (0, 1)))(jnp.array([0.1, 0.2]), jnp.array([0.01, 0.3]))
    state = State(VonMisesFisherGas(11), learning_rate=jnp.array([0.1, 0.2]), weight_decay=jnp.array([0.01, 0.3]))
    np.testing.assert_allclose(slopes[0], state.partial("entropy", "learning_rate", at="weight_decay"), rtol=1e-11)
    np.testing.assert_allclose(slopes[1], state.partial("entropy", "weight_decay", at="learning_rate"), rtol=1e-11)
    twice = jax.grad(jax.grad(entropy))(0.1, 0.01)
    second = state.partial("entropy", "learning_rate", at="weight_decay", order=2)[0]
    np.testing.assert_allclose(twice, second, rtol=1e-9)


def test_partial_derivatives_are_differentiable(x64):
    """`∂/∂T` of `(∂U/∂T)_V` is the second derivative, and of `(∂S/∂V)_T = R/V` by the volume `−R/V²`, also in `σ`."""
    gas = VonMisesFisherGas(11)

    def heat(T):
        return State(gas, temperature=T, volume=2.0).partial("U", "T", at="V")

    step = 1e-5
    difference = (heat(0.1 + step) - heat(0.1 - step)) / (2 * step)
    assert np.isclose(jax.grad(heat)(0.1), difference, rtol=1e-7)
    assert np.isclose(jax.grad(heat)(0.1), State(gas, temperature=0.1, volume=2.0).partial("d2(U)/d(T)2|V"), rtol=1e-12)
    slope = lambda V: State(gas, temperature=0.1, volume=V).partial("S", "V", at="T")  # noqa: E731
    assert np.isclose(jax.grad(slope)(2.0), -5 / 4, rtol=1e-12)
    by_noise = lambda sigma: State(gas, temperature=0.1, volume=2.0, noise_scale=sigma).partial("eta", "T", at="V")  # noqa: E731
    assert np.isclose(jax.grad(by_noise)(1.3), -2 * 4 * 2.0 / 1.3**3, rtol=1e-12)


def test_moving(x64):
    state = State(VonMisesFisherGas(101), **HYPERPARAMETERS)
    warmer = state.moved(learning_rate=0.14, at="temperature")
    assert np.isclose(warmer.temperature, state.temperature, rtol=1e-14)
    assert np.isclose(warmer.weight_decay, state.weight_decay / 2, rtol=1e-12)
    along = state.moved(weight_decay=0.01, at="entropy")
    assert np.isclose(along.entropy, state.entropy, rtol=1e-12)
    assert np.isclose(along.weight_decay, 0.01, rtol=1e-12)
    with pytest.raises(ValueError, match="at: got 'gamma', expected what to hold"):
        state.moved(weight_decay=0.1, at="gamma")
    with pytest.raises(ValueError, match="moved: got nothing to change while entropy is held"):
        state.moved(at="entropy")
    with pytest.raises(ValueError, match="moved: got volume and pressure"):
        state.moved(volume=1.0, pressure=1.0, at="entropy")


def test_partial_says_what_is_wrong():
    state = State(VonMisesFisherGas(3), temperature=0.1, volume=2.0)
    with pytest.raises(ValueError, match="T cannot vary while T is fixed"):
        state.partial("U", "T", at="T")
    with pytest.raises(ValueError, match="cannot vary while U is fixed"):
        state.partial("S", "T", at="U")  # the energy of an ideal gas is a function of T alone
    with pytest.raises(ValueError, match="'foo' is no quantity"):
        state.partial("foo", "T", at="V")
    with pytest.raises(ValueError, match="at: got None"):
        state.partial("U", "T")
    with pytest.raises(ValueError, match="Y: got None"):
        state.partial("U", at="T")
    with pytest.raises(ValueError, match="order: got 4, expected 1 to 3"):
        state.partial("U", "T", at="V", order=4)
    with pytest.raises(ValueError, match="order: got a derivative of order 4, expected at most 3"):
        state.partial("d(d3(U)/d(T)3|V)/d(T)|V")
    with pytest.raises(ValueError, match=r"d\(S\)/d\(T\)"):
        state.partial("d(S)/d(T)")
    with pytest.raises(ValueError, match=r"partial: got the numbers \[2\]"):
        state.partial("d(S)/d(2)|V")


def test_print(x64):
    """A few lines with numbers and units, of one state and of a batch; in notebooks, a table."""
    state = State(VonMisesFisherGas(101), temperature=0.01, radius=2.0)
    text = str(state)
    assert text == repr(state)
    assert len(text.splitlines()) == 4
    for part in (
        "VonMisesFisherGas(dimension=101)",
        "T = 0.01 loss",
        "V = 2 weight^2",
        "p = 0.25 loss/weight^2",
        "nat",
    ):
        assert part in text
    table = state._repr_html_()
    for part in (
        "<table><caption>State of VonMisesFisherGas(dimension=101)</caption>",
        "<td>temperature</td><td>T</td><td>0.01</td><td>loss</td>",
        "mean loss",
    ):
        assert part in table
    batch = State(
        VonMisesFisherGas(np.array([[3.0, 1e6]])), temperature=np.array([[0.01], [0.1]]), volume=np.ones((2, 2))
    )
    assert "shape (2, 2), smallest … largest" in str(batch)
    assert "dimension=3 … 1e+06" in str(batch)
    assert "T = 0.01 … 0.1 loss" in str(batch)
    assert len(str(batch)) < 500
    traced = []
    jax.jit(lambda T: traced.append(repr(State(VonMisesFisherGas(T + 3), temperature=T, volume=1.0))) or T)(jnp.ones(3))
    assert traced == ["State of VonMisesFisherGas(dimension=…), traced, of shape (3,)"]
    for text in (*traced, str(state), str(batch)):
        assert "f64[" not in text
        assert "Array(" not in text
