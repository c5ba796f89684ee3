"""Which state a protocol settles in, and which protocol settles in a state; protocols of one's own, too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import PROTOCOLS, HeavyBall, LabelledLearningRate, ProportionalLearningRate, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.thermodynamics import HelmholtzEnergy, State, VonMisesFisherGas, ZonalGas, equilibrium, plan
from thermo_ideal.thermodynamics._equilibrium import require_stationary

LOSS = VonMisesFisherLoss()


def state(**other):
    given = {"learning_rate": 0.07, "weight_decay": 0.003, "noise_scale": 1.7} | other
    return State(VonMisesFisherGas(101), **given)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_protocol_of_a_state_settles_in_it(x64, name):
    here = state()
    sgd = toy(here.protocol(PROTOCOLS[name]), here.noise_scale)
    there = equilibrium(sgd, 101)
    for quantity in ("temperature", "volume", "pressure"):
        assert np.isclose(getattr(there, quantity), getattr(here, quantity), rtol=1e-12)
    rate = sgd.protocol.radius_relaxation_rate(sgd.noise.trace(101))
    for protocol in (PROTOCOLS[name], sgd.protocol):
        assert np.isclose(here.radius_relaxation_rate(protocol), rate, rtol=1e-12) or np.isinf(rate)
        # A table of shares would say so; here the rate of the radius does.
        share = {"fixed-lr": 0.5, "fixed-elr": 1.0, "fixed-sphere": 0.0}[name]
        expected = share * (here.effective_learning_rate * here.noise_scale * here.volume) ** 2
        np.testing.assert_allclose(here.volume_variance(protocol), expected, rtol=1e-12)


def test_equilibrium(x64):
    d = 7
    gas = equilibrium(toy(dyn.FixedLearningRate(0.02, 0.05), 1.3), d)
    assert np.isclose(gas.pressure, 0.05, rtol=1e-12)
    assert np.isclose(gas.temperature * gas.volume, 0.02 * 1.3**2 / 4, rtol=1e-12)
    gas = equilibrium(toy(dyn.FixedEffectiveLearningRate(0.02, 0.05), 1.3), d)
    assert np.isclose(gas.pressure, 0.05, rtol=1e-12)
    assert np.isclose(gas.temperature, 0.02 * 1.3**2 / 2, rtol=1e-12)
    gas = equilibrium(toy(dyn.FixedSphere(0.02, 3.0), 1.3), d)
    assert np.isclose(gas.pressure * 9, 6 * gas.temperature, rtol=1e-12)


def test_a_protocol_of_ones_own(x64):
    """`η = c r`: `r*³ = cτ/2λ`, `T = cσ²/2r*`, and the radius relaxes at `3cλr*`."""
    sgd = toy(ProportionalLearningRate(0.2, 0.1))
    found = equilibrium(sgd, 3)
    radius = 2 ** (1 / 3)  # 1.2599
    assert np.isclose(found.radius, radius, rtol=1e-12)
    assert np.isclose(found.temperature, 0.2 / radius / 2, rtol=1e-12)
    assert np.isclose(found.pressure, 0.1, rtol=1e-12)
    made = plan(sgd, 3, standard_error={"radius": 1e-3})
    assert np.isclose(made.radius_time, 1 / (3 * 0.2 * 0.1 * radius), rtol=1e-12)
    effective = 0.2 / radius
    variance = effective**4 * 2 / (3 * 0.2 * 0.1 * radius) * found.volume**2
    np.testing.assert_allclose(found.volume_variance(sgd.protocol), variance, rtol=1e-12)
    length = 2 * made.radius_time * variance / radius**2 / 1e-3**2
    assert np.isclose(made.num_steps - made.burn_in, length, rtol=1e-3)
    with pytest.raises(ValueError, match=r"^factor: got .*ProportionalLearningRate\(factor=…, weight_decay=…\)"):
        found.protocol(ProportionalLearningRate)
    with pytest.raises(ValueError, match=r"^factor: got"):
        found.radius_relaxation_rate(ProportionalLearningRate)


def test_a_template_keeps_its_static_fields(x64):
    here = state()
    made = here.protocol(LabelledLearningRate(1.0, 1.0, share=1.0))
    assert made.share == 1.0
    assert np.isclose(made.learning_rate, 0.07)
    assert np.isclose(made.weight_decay, 0.003)
    np.testing.assert_allclose(here.radius_relaxation_rate(made), 4 * 0.07 * 0.003, rtol=1e-12)
    with pytest.raises(ValueError, match=r"^protocol: got the class LabelledLearningRate.*'share'"):
        here.protocol(LabelledLearningRate)
    with pytest.raises(
        ValueError, match=r"^protocol: got LabelledLearningRate with a stationary radius of 9\.06\d+, expected 7\.62"
    ):
        here.protocol(LabelledLearningRate(1.0, 1.0, share=0.5))


def test_a_protocol_that_settles_elsewhere_is_refused():
    here = state()
    near, far = (dyn.FixedLearningRate(0.07 * factor, 0.003) for factor in (1.001, 1.1))
    assert np.isclose(here.radius_relaxation_rate(near), 4 * 0.07 * 1.001 * 0.003, rtol=1e-5)
    for ask in (here.radius_relaxation_rate, here.volume_variance):
        with pytest.raises(
            ValueError, match=r"protocol: got FixedLearningRate with a stationary radius of 7\.\d+, expe"
        ):
            ask(far)
    with pytest.raises(ValueError, match=r"effective_learning_rate of 0\.1"):
        here.volume_variance(dyn.FixedSphere(0.1, here.radius))
    with pytest.raises(ValueError, match="learning_rate: got a schedule"):
        here.volume_variance(dyn.FixedLearningRate(lambda step: 0.07, 0.003))
    with pytest.raises(ValueError, match=r"learning_rate: got shape \(3,\), .* \(2,\) of state"):
        state(learning_rate=np.full(2, 0.07)).volume_variance(dyn.FixedLearningRate(np.full(3, 0.07), 0.003))
    # Under jit nothing is known of where a protocol settles.
    rate = jax.jit(lambda lr: state().radius_relaxation_rate(dyn.FixedLearningRate(lr, 0.003)))(0.08)
    assert np.isclose(rate, 4 * 0.08 * 0.003)
    # A gas with an equation of state of its own is where no protocol with weight decay settles.
    other = State(HelmholtzEnergy(lambda T, V: -5 * T * jnp.log(T * (V - 0.1)), 11), temperature=1.0, volume=1.0)
    assert other.protocol(dyn.FixedSphere).radius == other.radius
    with pytest.raises(ValueError, match="protocol: got FixedLearningRate"):
        other.protocol(dyn.FixedLearningRate)


def test_a_batch_of_protocols_in_one_state():
    rates = state().radius_relaxation_rate(dyn.FixedLearningRate(np.full((2, 3), 0.07), 0.003))
    np.testing.assert_allclose(rates, np.full((2, 3), 4 * 0.07 * 0.003), rtol=1e-5)


@pytest.mark.parametrize(
    ("protocol", "example"),
    [
        ("fixed-lr", "FixedLearningRate"),
        ("fixed-elr", "FixedEffectiveLearningRate"),
        ("fixed-sphere", "FixedSphere"),
        ("adam", "FixedLearningRate"),
        (3, "FixedLearningRate"),
        (State, "FixedLearningRate"),
    ],
)
def test_names_are_no_protocols(protocol, example):
    here = state()
    for method in ("protocol", "radius_relaxation_rate", "volume_variance"):
        with pytest.raises(ValueError, match=r"^protocol: got ") as error:
            getattr(here, method)(protocol)
        assert repr(protocol) in str(error.value)
        assert f"state.{method}({example})" in str(error.value)


def test_equilibrium_knows_its_limits():
    sgd = toy(dyn.FixedSphere(0.1, 1.0), mean_direction=np.eye(4)[0])
    assert equilibrium(sgd).dimension == 4
    with pytest.raises(ValueError, match="dimension: got 3, expected 4"):
        equilibrium(sgd, 3)
    with pytest.raises(ValueError, match=r"dimension: got 4, expected 5\.0, that of the gas"):
        equilibrium(sgd, gas=VonMisesFisherGas(5))
    bare = toy(dyn.FixedSphere(0.1, 1.0))
    with pytest.raises(ValueError, match="add dimension=3"):
        equilibrium(bare)
    with pytest.raises(ValueError, match="dimension: got 1, expected a whole number ≥ 2"):
        equilibrium(bare, 1)
    other = HelmholtzEnergy(lambda T, V: -5 * T * jnp.log(T * (V - 0.1)), 11)
    with pytest.raises(ValueError, match=r"gas: got HelmholtzEnergy\(dimension=11\)"):
        equilibrium(bare, gas=other)


@pytest.mark.parametrize(
    ("sgd", "message"),
    [
        (SGD(LOSS, dyn.AnisotropicNoise(np.ones(3)), dyn.FixedSphere(0.1, 1.0)), "^noise: got AnisotropicNoise"),
        (toy(dyn.FixedLearningRate(0.0, 0.1)), r"^learning_rate: got 0\.0, expected a number > 0, since at 0 nothing"),
        (toy(dyn.FixedSphere(np.array([0.1, 0.0]), 1.0)), r"^learning_rate: got 0\.0 at index \(1,\)"),
        (toy(dyn.FixedLearningRate(0.1, 0.0)), r"^weight_decay: got 0\.0, expected a number > 0"),
        (toy(dyn.FixedLearningRate(0.1, np.array([0.1, 0.0]))), r"^weight_decay: got 0\.0 at index \(1,\)"),
        (toy(ProportionalLearningRate(0.1, 0.0)), r"^weight_decay: got 0\.0, expected a number > 0"),
        (toy(dyn.FixedLearningRate(lambda step: 0.1, 0.1)), "^learning_rate: got a schedule"),
        (SGD(LOSS, IsotropicNoise(lambda step: 1.0), dyn.FixedSphere(0.1, 1.0)), "^noise_scale: got a schedule"),
        (
            SGD(
                dyn.ScaleInvariantLoss(lambda w: w[0] / jnp.linalg.norm(w), 3),
                IsotropicNoise(),
                dyn.FixedSphere(0.1, 1.0),
            ),
            "^loss: got ScaleInvariantLoss",
        ),
    ],
)
def test_what_has_no_known_state(sgd, message):
    with pytest.raises(ValueError, match=message):
        equilibrium(sgd, 3)


def test_other_update_rules_have_another_state():
    sgd = SGD(LOSS, IsotropicNoise(), dyn.FixedLearningRate(0.1, 0.1), HeavyBall(0.9))
    for ask in (require_stationary, lambda sgd: equilibrium(sgd, 3), lambda sgd: plan(sgd, 3)):
        with pytest.raises(ValueError, match=r"^update_rule: got HeavyBall"):
            ask(sgd)


def test_batches_broadcast_with_names(x64):
    rates, decays = np.logspace(-3, -1, 4), np.logspace(-3, -1, 3)
    grid = equilibrium(toy(dyn.FixedLearningRate(rates[:, None], decays)), 5)
    assert grid.temperature.shape == (4, 3)
    np.testing.assert_allclose(grid.temperature, np.sqrt(rates[:, None] * decays / 8), rtol=1e-12)
    scales = equilibrium(toy(dyn.FixedLearningRate(rates[:, None], 0.1), np.array([1.0, 2.0])), 5)
    assert scales.temperature.shape == (4, 2)
    gas = VonMisesFisherGas(np.array([2.0, 5.0, 9.0]))
    dimensions = equilibrium(toy(dyn.FixedSphere(0.1, np.ones(3))), gas=gas)
    np.testing.assert_allclose(dimensions.pressure, [0.05, 0.2, 0.4], rtol=1e-12)
    with pytest.raises(ValueError, match=r"^effective_learning_rate: got shape \(2,\), .* \(3,\) of dimension"):
        equilibrium(toy(dyn.FixedSphere(np.ones(2), 1.0)), gas=gas)
    # A direction for each run is no batch of the state.
    loss = VonMisesFisherLoss(np.eye(3)[0]).replace(mean_direction=jnp.eye(3))
    assert equilibrium(SGD(loss, IsotropicNoise(), dyn.FixedSphere(0.1, 1.0))).temperature.shape == ()


class SquareLoss(dyn.AbstractZonalLoss):
    """A loss of one's own, `u + u²` of the depth."""

    mean_direction: None = None

    def at_depth(self, depth):
        return depth + depth**2

    def slope(self, depth):
        return 1 + 2 * depth


@pytest.mark.parametrize(
    "loss",
    [dyn.ZonalLoss(lambda m: 1 - m**2), SquareLoss()],
    ids=["of the overlap", "of one's own"],
)
def test_the_gas_of_a_loss_of_the_overlap(x64, loss):
    """Worked out by `equilibrium`: the same state as with a gas that is given, and `plan` takes it."""
    sgd = SGD(loss, IsotropicNoise(), dyn.FixedEffectiveLearningRate(np.array([0.1, 0.4]), 0.1))
    found = equilibrium(sgd, 5)
    given = equilibrium(sgd, gas=ZonalGas(loss, 5, temperature=(0.01, 1.0)))
    for name in ("temperature", "volume", "internal_energy", "entropy", "heat_capacity_volume"):
        np.testing.assert_allclose(getattr(found, name), getattr(given, name), rtol=1e-9)
    low, high = found.gas.temperature_range
    np.testing.assert_allclose((low, high), (0.025, 0.4), rtol=1e-12)
    with pytest.raises(ValueError, match=r"^state: got .*temperature = 1, .* from 0\.025 to 0\.4"):
        found.moved(temperature=1.0, at="volume")
    assert (plan(sgd, 5).burn_in > 0).all()
    with pytest.raises(ValueError, match=r"^gas: got None for .* under jit"):
        jax.jit(lambda rate: equilibrium(SGD(loss, IsotropicNoise(), dyn.FixedSphere(rate, 1.0)), 5).entropy)(0.1)


def test_the_toy_loss_has_its_exact_gas():
    assert isinstance(equilibrium(toy(dyn.FixedSphere(0.1, 1.0)), 3).gas, VonMisesFisherGas)
    assert not isinstance(
        equilibrium(SGD(dyn.ZonalLoss(lambda m: 1 - m), IsotropicNoise(), dyn.FixedSphere(0.1, 1.0)), 3).gas,
        VonMisesFisherGas,
    )


class UnitSphere(dyn.AbstractProtocol):
    """A protocol without any hyperparameter: `η = 0.1` on the unit sphere."""

    name = "unit-sphere"
    fixes_radius = True

    def learning_rate_at(self, radius):
        return 0.1 + 0 * radius

    def weight_decay_at(self, radius):
        return 0 * radius

    def constrain(self, position):
        return position / jnp.linalg.norm(position, axis=-1, keepdims=True)

    def stationary_radius(self, noise_trace):
        return 1 + 0 * noise_trace

    def radius_relaxation_rate(self, noise_trace):
        return jnp.inf + 0 * noise_trace


def test_the_noise_alone_may_be_a_batch(x64):
    scales = np.array([1.0, 2.0])
    found = equilibrium(toy(UnitSphere(), scales), 5)
    np.testing.assert_allclose(found.temperature, 0.1 * scales**2 / 2, rtol=1e-12)
    for protocol in (UnitSphere, UnitSphere()):
        np.testing.assert_array_equal(found.volume_variance(protocol), np.zeros(2))
