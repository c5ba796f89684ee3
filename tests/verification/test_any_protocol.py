"""Protocols that the package does not know: the exact law, the second-moment balance and the report serve them."""

import jax
import numpy as np
import pytest

from tests.support.statistics import assert_mean, assert_rejects
from tests.support.systems import DecayedSphere, HeavyBall, ProportionalLearningRate, toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.numerics import like
from thermo_ideal.thermodynamics import State, ZonalGas, equilibrium
from thermo_ideal.verification import second_moment_balance, stationary_law
from thermo_ideal.verification._chain import chains_of


class StiffWeightDecay(dyn.AbstractProtocol):
    """`η` constant and `λ = l r²`, so that `r*⁶ = ητ/2l`, and `r` relaxes at the rate `6ηl r*²`."""

    learning_rate: jax.Array
    stiffness: jax.Array
    name = "stiff-decay"
    fixes_radius = False

    def learning_rate_at(self, radius):
        return like(self.learning_rate, radius)

    def weight_decay_at(self, radius):
        return self.stiffness * radius**2

    def constrain(self, position):
        return position

    def stationary_radius(self, noise_trace):
        return (self.learning_rate * noise_trace / (2 * self.stiffness)) ** (1 / 6)

    def radius_relaxation_rate(self, noise_trace):
        return 6 * self.learning_rate * self.stiffness * self.stationary_radius(noise_trace) ** 2


class Shrinking(ProportionalLearningRate):
    """What neither fixes the radius nor leaves it alone."""

    name = "shrinking"

    def constrain(self, position):
        return 0.99 * position


class HalfWay(DecayedSphere):
    """What claims to fix the radius, and goes half the way."""

    name = "half-way"

    def constrain(self, position):
        return (position + super().constrain(position)) / 2


def plain_sgd(learning_rate, weight_decay, d, steps, start=1.0, sphere=False, slope=None, replicas=2000):
    """`w ← w − η(g + λw)` in NumPy, for functions of the radius: means of `1 − m`, `r`, and `(|w'| − r)/ηr` by step."""
    rng = np.random.default_rng(3)
    w = rng.normal(size=(replicas, d))
    w *= start / np.linalg.norm(w, axis=1, keepdims=True)
    mu = np.eye(d)[0]
    kept = []
    for step in range(steps):
        r = np.linalg.norm(w, axis=1, keepdims=True)
        direction = w / r
        m = direction[:, :1]
        gradient = -(mu - m * direction) * (1.0 if slope is None else slope(1 - m))
        noise = rng.normal(size=w.shape)
        noise -= (noise * direction).sum(axis=1, keepdims=True) * direction
        eta = learning_rate(r)
        w = w - eta * ((gradient + noise) / r + weight_decay(r) * w)
        after = np.linalg.norm(w, axis=1, keepdims=True)
        growth = (after - r) / (eta * r)
        if sphere:
            w *= start / after
            after = np.full_like(after, start)
        if step >= steps // 4:
            kept.append(((1 - w[:, 0] / after[:, 0]).mean(), after.mean(), growth.mean()))
    return np.array(kept).T


def law(protocol, d, loss=None):
    return stationary_law(dyn.SGD(loss or dyn.VonMisesFisherLoss(), dyn.IsotropicNoise(), protocol), d)


def test_a_learning_rate_in_proportion_to_the_radius(x64):
    exact = law(ProportionalLearningRate(0.2, 0.1), 3)
    energy, radius, _ = plain_sgd(lambda r: 0.2 * r, lambda r: 0.1, 3, 12_000)
    assert_mean(energy, float(exact.mean_loss))
    assert_mean(radius, float(exact.mean_radius))
    r = float(ProportionalLearningRate(0.2, 0.1).stationary_radius(2.0))
    sphere = law(dyn.FixedSphere(0.2 / r, r), 3)
    assert_rejects(assert_mean, energy, float(sphere.mean_loss))
    assert_rejects(assert_mean, radius, float(sphere.mean_radius))


@pytest.mark.parametrize(
    ("protocol", "learning_rate", "weight_decay", "steps"),
    [
        (ProportionalLearningRate(0.06, 0.08, exponent=3.0), lambda r: 0.06 * r**3, lambda r: 0.08, 16_000),
        (StiffWeightDecay(0.15, 0.1), lambda r: 0.15, lambda r: 0.1 * r**2, 6000),
    ],
    ids=["cubic", "stiff"],
)
def test_against_plain_sgd(x64, protocol, learning_rate, weight_decay, steps):
    exact, start = law(protocol, 3), float(protocol.stationary_radius(2.0))
    energy, radius, _ = plain_sgd(learning_rate, weight_decay, 3, steps, start)
    assert_mean(energy, float(exact.mean_loss))
    assert_mean(radius, float(exact.mean_radius))
    assert_rejects(assert_mean, radius, start)


def test_weight_decay_on_a_sphere(x64):
    exact = law(DecayedSphere(0.3, 0.4), 3)
    energy, _, growth = plain_sgd(lambda r: 0.3, lambda r: 0.4, 3, 6000, start=2.0, sphere=True)
    assert_mean(energy, float(exact.mean_loss))
    assert_mean(growth, float(exact.effective_weight_decay))
    assert np.isclose(exact.pressure, exact.effective_weight_decay + 0.4, rtol=1e-12)
    without = law(dyn.FixedSphere(0.3 / 2.0**2, 2.0), 3)
    assert_rejects(assert_mean, energy, float(without.mean_loss))
    assert_rejects(assert_mean, growth, float(without.effective_weight_decay))


def test_another_loss(x64):
    loss = dyn.ZonalLoss(lambda u: u + u**2, argument="depth")
    exact = law(dyn.FixedLearningRate(0.2, 0.1), 3, loss)
    depth, radius, _ = plain_sgd(lambda r: 0.2, lambda r: 0.1, 3, 6000, slope=lambda u: 1 + 2 * u)
    toy = law(dyn.FixedLearningRate(0.2, 0.1), 3)
    area = 2 * np.pi
    x, w = np.polynomial.legendre.leggauss(200)
    assert_mean(depth, float(area * w @ (exact.density(x) * (1 - x))))
    assert np.isclose(area * w @ (exact.density(x) * loss.at_depth(1 - x)), exact.mean_loss, rtol=1e-8)
    assert_mean(radius, float(exact.mean_radius))
    assert_rejects(assert_mean, depth, float(toy.mean_loss))


def test_losses_that_are_one():
    """A loss given in another way has the same law."""
    protocol = dyn.FixedLearningRate(0.05, 0.05)
    for loss in (dyn.ZonalLoss(lambda m: 1 - m), dyn.ZonalLoss(lambda u: u, argument="depth")):
        assert np.isclose(law(protocol, 3, loss).mean_loss, law(protocol, 3).mean_loss, rtol=1e-10)


def test_known_protocols_written_anew(x64):
    """`η = c r²` is a fixed effective learning rate, `η = c` a fixed learning rate."""
    for power, kind in ((0.0, dyn.FixedLearningRate), (2.0, dyn.FixedEffectiveLearningRate)):
        grid = np.array([[0.01], [0.1]]), np.array([[0.02, 0.3]])
        one, two = law(kind(*grid), 4), law(ProportionalLearningRate(*grid, exponent=power), 4)
        for name in ("mean_loss", "direction_entropy", "mean_radius", "mean_log_radius", "mean_volume"):
            np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-11, err_msg=name)


@pytest.mark.parametrize("precision", [False, True])
@pytest.mark.parametrize(
    ("kind", "count"), [(dyn.FixedEffectiveLearningRate, 9), (dyn.FixedLearningRate, 17), (dyn.FixedSphere, 9)]
)
def test_points_of_one_chain_share_a_solution(kind, count, precision):
    rates = np.logspace(-3, -1, 9)
    with jax.enable_x64(precision):
        sgd = toy(kind(rates[:, None], rates))
        chains = chains_of(sgd, 3)
    assert len(chains.chains) == count
    assert chains.index.shape == (81,)


def test_the_batch_is_that_of_all_parameters(x64):
    noise = dyn.IsotropicNoise(np.array([[[1.0]], [[2.0]]]))
    sgd = dyn.SGD(dyn.VonMisesFisherLoss(), noise, dyn.FixedLearningRate(np.full((3, 1), 0.1), np.full(2, 0.1)))
    exact = stationary_law(sgd, 3)
    assert exact.mean_loss.shape == (2, 3, 2)
    assert np.isclose(exact.mean_loss[1, 2, 0], law_with_noise(2.0).mean_loss, rtol=1e-12)
    assert not np.isclose(exact.mean_loss[0, 2, 0], exact.mean_loss[1, 2, 0], rtol=0.1)
    assert "(2, 3, 2) runs" in repr(exact)


def law_with_noise(sigma):
    return stationary_law(toy(dyn.FixedLearningRate(0.1, 0.1), sigma), 3)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"protocol": Shrinking(0.2, 0.1)}, "protocol: got Shrinking"),
        ({"protocol": HalfWay(0.2, 0.1)}, "protocol: got HalfWay"),
        ({"protocol": dyn.FixedLearningRate(lambda step: 0.1, 0.1)}, "learning_rate: got a schedule"),
        ({"protocol": ProportionalLearningRate(-0.2, 0.1)}, "learning_rate: got -0.2"),
        ({"protocol": ProportionalLearningRate(0.2, 0.0)}, "weight_decay: got 0"),
        ({"noise": dyn.IsotropicNoise(lambda step: 1.0)}, "noise.scale: got a schedule"),
        ({"noise": dyn.AnisotropicNoise(np.ones(3))}, "noise: got AnisotropicNoise"),
        ({"update_rule": HeavyBall(0.9)}, "update_rule: got HeavyBall"),
        ({"loss": dyn.ScaleInvariantLoss(lambda w: w[0] / np.sqrt(w @ w), 3)}, "loss: got ScaleInvariantLoss"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_what_has_no_known_law_is_refused(parts, message):
    given = {
        "loss": dyn.VonMisesFisherLoss(),
        "noise": dyn.IsotropicNoise(),
        "protocol": dyn.FixedLearningRate(0.1, 0.1),
    }
    with pytest.raises(ValueError, match=message):
        stationary_law(dyn.SGD(**given | parts), 3)


def test_second_moments_have_the_closed_forms(x64):
    """Of the three known protocols, up to steps that no radius survives."""
    for kind in (dyn.FixedEffectiveLearningRate, dyn.FixedLearningRate, dyn.FixedSphere):
        rates = np.logspace(-5, 0.3, 12)[:, None] / 10
        protocol, d = kind(rates, np.array([[0.01, 0.5]])), 100
        state = equilibrium(toy(protocol, 1.3), d)
        effective, radius = np.asarray(state.effective_learning_rate), np.asarray(state.radius)
        noise = effective**2 * (d - 1) * 1.3**2
        gradient = np.asarray(state.temperature * (1 - state.internal_energy)) / 1.3**2
        growth = noise * (1 + gradient)
        with np.errstate(invalid="ignore"):
            closed = {
                "fixed-lr": radius * ((1 + gradient) / (1 - noise / 4)) ** 0.25,
                "fixed-elr": radius * np.sqrt(2 * (1 + gradient) / (1 + np.sqrt(1 - growth))),
                "fixed-sphere": growth / (1 + np.sqrt(1 + growth)) / (effective * radius**2),
            }[kind.name]
        np.testing.assert_allclose(second_moment_balance(protocol, state), closed, rtol=1e-10)


def test_no_radius_is_held_by_large_steps(x64):
    protocol = dyn.FixedEffectiveLearningRate(np.array([0.5, 1.5]), 0.1)
    state = equilibrium(toy(protocol), 3)
    assert list(np.isnan(second_moment_balance(protocol, state))) == [False, True]


@pytest.mark.parametrize(
    "protocol", [ProportionalLearningRate(0.02, 0.1), StiffWeightDecay(0.01, 0.1), DecayedSphere(0.02, 0.3)]
)
def test_second_moments_are_the_law_for_small_steps(x64, protocol):
    sgd = toy(protocol)
    state, exact = equilibrium(sgd, 3), law(protocol, 3)
    response = protocol.mechanical_response
    shift = float(second_moment_balance(protocol, state) / getattr(state, response)) - 1
    expected = float(exact.mechanical(response) / getattr(state, response)) - 1
    assert abs(shift - expected) < float(state.effective_learning_rate) ** 2 * 3
    assert abs(expected) > 1e-4


def test_second_moments_of_another_gas(x64):
    protocol = dyn.FixedLearningRate(0.1, 0.1)
    gas = ZonalGas(dyn.ZonalLoss(lambda u: u, argument="depth"), dimension=3, temperature=(0.01, 1.0))
    state = State(gas, learning_rate=0.1, weight_decay=0.1)
    with pytest.raises(ValueError, match="mean_square_gradient: got None"):
        second_moment_balance(protocol, state)
    square = 2 * state.temperature * (1 - state.internal_energy)
    same = equilibrium(toy(protocol), 3)
    found = second_moment_balance(protocol, state, square)
    np.testing.assert_allclose(found, second_moment_balance(protocol, same), rtol=1e-9)
