"""What strategies draw is valid, covers what it says, and shrinks to small whole numbers."""

import subprocess
import sys

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import find, given, settings

from thermo_ideal import dynamics as dyn
from thermo_ideal import testing
from thermo_ideal import thermodynamics as td


class Shifted(dyn.FixedLearningRate):
    """A protocol of one's own, with the hyperparameters of another."""

    name = "shifted"


def drawn(strategy, count=200):
    """Values, as a test of a user would see them."""
    values = []

    @settings(max_examples=count)
    @given(strategy)
    def collect(value):
        values.append(value)

    collect()
    return values


def simplest(strategy, holds=lambda value: True):
    return find(strategy, holds, settings=settings(max_examples=500, database=None, derandomize=True))


def test_directions_are_unit_vectors_all_over_the_sphere():
    vectors = drawn(testing.directions((2, 100)))
    assert {2, 3} < {len(w) for w in vectors}
    assert max(len(w) for w in vectors) > 32
    np.testing.assert_allclose([np.linalg.norm(w) for w in vectors], 1, rtol=1e-14)
    np.testing.assert_array_equal(simplest(testing.directions(1000)), np.eye(1000)[0])
    assert any(w[0] < 0 for w in vectors)
    assert any((w == 0).any() for w in vectors)
    assert any(((w != 0) & (abs(w) < 1e-3)).any() for w in vectors)


def test_numbers_have_all_magnitudes_and_stay_in_their_range():
    rates = [float(p.learning_rate) for p in drawn(testing.protocols(dyn.FixedLearningRate))]
    assert min(rates) < 1e-6
    assert max(rates) > 1e6
    decays = [float(p.weight_decay) for p in drawn(testing.protocols(dyn.FixedLearningRate, weight_decay=(0.1, 0.3)))]
    assert all(0.1 <= decay <= 0.3 for decay in decays)
    assert {float(p.radius) for p in drawn(testing.protocols(dyn.FixedSphere, radius=2.0), 5)} == {2.0}


def test_protocols_are_of_all_kinds_and_of_ones_own():
    kinds = {type(protocol) for protocol in drawn(testing.protocols())}
    assert kinds == {dyn.FixedLearningRate, dyn.FixedEffectiveLearningRate, dyn.FixedSphere}
    assert {type(protocol) for protocol in drawn(testing.protocols(Shifted), 5)} == {Shifted}
    found = simplest(testing.protocols(), lambda p: p.name == "fixed-sphere")
    assert (float(found.effective_learning_rate), float(found.radius)) == (1.0, 1.0)


def test_losses_are_scale_invariant_and_varied():
    losses = drawn(testing.zonal_losses(3))
    for loss in losses[::40]:
        loss.require_scale_invariance(jnp.eye(3)[1:])
    assert {type(loss) for loss in losses} == {dyn.VonMisesFisherLoss, dyn.ZonalLoss}
    slopes = [float(loss.slope(jnp.asarray(1.0))) for loss in losses]
    assert min(slopes) < 0 < max(slopes)
    undirected = drawn(testing.zonal_losses(dimension=None), 10)
    assert all(loss.mean_direction is None for loss in undirected)


def test_noises_have_a_covariance():
    noises = drawn(testing.anisotropic_noises(3), 60)
    assert {None} < {noise.factor if noise.factor is None else noise.factor.shape[-1] for noise in noises}
    assert any(np.any(np.asarray(noise.variance) == 0) for noise in noises)
    noise = simplest(testing.anisotropic_noises())
    np.testing.assert_array_equal(noise.variance, [1, 1])
    assert noise.factor is None
    assert float(noise.scale) == 1


def test_parts_of_sgd_go_together():
    for sgd in drawn(testing.sgds(3), 10):
        assert np.isfinite(sgd.drift(jnp.eye(sgd.loss.dimension)[0])).all()
    own = dyn.VonMisesFisherLoss(np.eye(5)[1])
    kept = drawn(testing.sgds(loss=own, noise=dyn.IsotropicNoise(2.0), protocol=testing.protocols(Shifted)), 5)
    assert all(sgd.loss is own and type(sgd.protocol) is Shifted for sgd in kept)
    simple = simplest(testing.sgds(3))
    assert type(simple.loss) is dyn.VonMisesFisherLoss
    assert type(simple.noise) is dyn.IsotropicNoise


def test_gases_and_their_states():
    gases = drawn(testing.gases(), 40)
    assert {type(gas) for gas in gases} == {td.CaloricallyPerfectGas, td.VonMisesFisherGas, td.HarmonicGas}
    assert max(float(gas.dimension) for gas in gases) > 1e6
    states = drawn(testing.states(td.VonMisesFisherGas(11)), 60)
    temperatures = np.array([float(state.temperature) for state in states])
    assert temperatures.min() < 1e-9
    assert temperatures.max() > 1e9
    found = simplest(testing.states(testing.gases(td.CaloricallyPerfectGas)), lambda state: state.volume > 3)
    assert (repr(found.gas), float(found.temperature), float(found.volume)) == (
        "CaloricallyPerfectGas(dimension=2)",
        1.0,
        4.0,
    )


def test_a_gas_with_a_range_has_states_inside():
    gas = td.HelmholtzEnergy(lambda T, V: -T * np.log(2.0) - 5 * T, 11, temperature_range=(0.1, 2.0))
    temperatures = [float(state.temperature) for state in drawn(testing.states(gas, volume=1.0), 30)]
    assert min(temperatures) >= 0.13
    assert max(temperatures) <= 2 / 1.3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: testing.directions(1.5), r"dimension: got .*"),
        (
            lambda: testing.directions((1, 3)),
            r"dimension: got \(1, 3\), expected whole numbers ≥ 2, as in dimension=\(",
        ),
        (lambda: testing.directions((3, 2)), r"dimension: got \(3, 2\), expected a number, a strategy, or"),
        (lambda: testing.protocols(int), "kinds: got <class 'int'>, expected a class of protocols"),
        (lambda: testing.protocols(speed=1.0), "speed: got a name that is not known, expected one of effective_"),
        (lambda: testing.states(volume=(-1, 2)), r"volume: got \(-1, 2\), expected"),
        (lambda: testing.gases(td.ZonalGas), "kinds: got .*ZonalGas.*, expected some of CaloricallyPerfectGas"),
        (lambda: testing.laws_of(3), "gas: got 3, expected a Helmholtz energy"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_hypothesis_is_imported_only_when_it_is_used():
    """Without it assertions and laws work, and a strategy says what to type."""
    code = (
        "import sys; sys.modules['hypothesis'] = sys.modules['hypothesis.strategies'] = None\n"
        "from thermo_ideal import testing\n"
        "testing.assert_mean([1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0], 2.0)\n"
        "testing.states()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: thermo_ideal.testing.states: got no Hypothesis" in result.stderr
    assert "type pip install hypothesis" in result.stderr


def test_strategies_compose():
    own = st.sampled_from([0.25, 0.5])
    assert {float(s.temperature) for s in drawn(testing.states(temperature=own), 10)} == {0.25, 0.5}
