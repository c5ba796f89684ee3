"""Meters of plain arrays, against gases whose noise is known, and the queue of weights."""

import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from thermo_ideal.networks import GroupMeter, NoiseMeter, WeightQueue

SIZES = (40, 80)
LABELS = np.repeat([0, 1], SIZES)
SIGMA = np.array([1.0, 2.0])
TRACE = SIGMA**2 * (np.array(SIZES) - 1)
DRIFT = 3.0  # |∇L| of each group at radius 1, in a direction that does not change


def noisy_gradient(rng, w, drift=0.0):
    """`∇L` along one tangent direction of each group, and noise tangent to its sphere, at the radius that it has."""
    g = np.empty_like(w)
    for group, sigma in enumerate(SIGMA):
        own = w[group == LABELS]
        radius = np.linalg.norm(own)
        slope = np.zeros_like(own)
        slope[:2] = [-own[1], own[0]]
        noise = sigma * rng.normal(size=own.size)
        noise -= own * (noise @ own) / radius**2
        g[group == LABELS] = (drift * slope / np.linalg.norm(slope) + noise) / radius
    return g


def test_noise_from_training_and_from_fresh_batches():
    rng, meter = np.random.default_rng(0), NoiseMeter(LABELS)
    w = rng.normal(size=LABELS.size)
    for _ in range(1500):
        meter.update(noisy_gradient(rng, w, DRIFT), w)
        meter.update_batches(np.stack([noisy_gradient(rng, w, DRIFT) for _ in range(4)]), w)
    square = np.array([w[group == LABELS] @ w[group == LABELS] for group in (0, 1)])
    whole = square.sum() * (TRACE / square).sum()
    expected = np.append(TRACE, whole)
    for estimate in (meter.from_training, meter.from_batches):
        assert_estimate(estimate, expected)
        assert_rejects(assert_estimate, estimate, 1.05 * expected)
    signal = np.append([DRIFT**2] * 2, square.sum() * (DRIFT**2 / square).sum())
    assert_estimate(meter.full_gradient_square, signal)
    assert_rejects(assert_estimate, meter.full_gradient_square, 0.0 * signal)
    assert_estimate(meter.gradient_square, expected + signal)
    assert_rejects(assert_estimate, meter.gradient_square, expected - signal)


def walk(rate, decay, steps, *, sphere=False, seed=1, given=True):
    """SGD without a loss; the meter begins when it is stationary."""
    rng = np.random.default_rng(seed)
    meter = GroupMeter(LABELS, names=("cold", "hot"), ranks=np.array(SIZES) - 1)
    r4 = rate * TRACE / (2 * decay)
    w = rng.normal(size=LABELS.size)
    for group in (0, 1):
        w[group == LABELS] *= r4[group] ** 0.25 / np.linalg.norm(w[group == LABELS])
    radii = np.array([np.linalg.norm(w[group == LABELS]) for group in (0, 1)])
    for step in range(steps):
        g = noisy_gradient(rng, w)
        new = w - rate * (g + (0.0 if sphere else decay) * w)
        if sphere:
            new *= (radii / [np.linalg.norm(new[group == LABELS]) for group in (0, 1)])[LABELS]
        if step >= steps // 3:
            meter.update(w, g, new, learning_rate=rate, weight_decay=decay if given else None)
        w = new
    return meter.gas(), radii


def test_gas_of_each_group_without_a_loss():
    """`pV_g = R_g T_g` up to `O(ηλ)`, and all groups turn by the equilibrium angle."""
    rate, decay = 0.01, 0.2
    gas, _ = walk(rate, decay, 6000)
    assert gas.names == ("cold", "hot", "whole")
    r = (rate * TRACE / (decay * (2 - rate * decay))) ** 0.25
    assert np.allclose(gas.radius.value[:2], r, rtol=2e-2)
    assert np.allclose(gas.compressibility_factor.value[:2], 1, atol=0.03)
    # T_g = √(ηλσ²/2(d − 1)): that of the groups differs by their σ.
    temperature = np.sqrt(rate * decay * SIGMA**2 / (2 * (np.array(SIZES) - 1)))
    assert np.allclose(gas.temperature.value[:2], temperature, rtol=0.05)
    weights = np.array(SIZES) - 1
    mean = np.average(temperature, weights=weights)
    spread = np.sqrt(np.average((temperature / mean - 1) ** 2, weights=weights))
    assert np.isclose(gas.temperature_spread.value, spread, rtol=0.1)
    assert np.isclose(gas.mean_temperature.value, mean, rtol=0.05)
    assert np.allclose(gas.equilibrium_angle.value, np.sqrt(2 * rate * decay), rtol=1e-6)
    assert np.allclose(gas.angular_update.value[:2], np.sqrt(2 * rate * decay), rtol=0.03)
    assert "cold" in repr(gas)


@pytest.mark.parametrize("sphere", [False, True])
def test_effective_weight_decay_is_measured(sphere):
    """What held the radius: the weight decay itself, or on the sphere `η τ_g/2r⁴` of each group."""
    rate, decay = 0.01, 0.2
    gas, radii = walk(rate, decay, 1500, sphere=sphere, given=False)
    expected = rate * TRACE / (2 * radii**4) if sphere else [decay] * 2
    assert np.allclose(gas.effective_weight_decay.value[:2], expected, rtol=0.02)
    if sphere:
        assert np.allclose(gas.compressibility_factor.value[:2], 1, atol=0.03)


def test_momentum_is_in_the_temperature():
    meters = [GroupMeter(momentum=momentum) for momentum in (0.0, 0.9)]
    rng, w = np.random.default_rng(0), np.ones(5)
    for _ in range(10):
        g = rng.normal(size=5)
        for meter in meters:
            meter.update(w, g, w - 0.1 * g, learning_rate=0.1, weight_decay=0.1)
    plain, heavy = (meter.gas() for meter in meters)
    assert np.allclose(heavy.temperature.value, 10 * plain.temperature.value)
    assert np.allclose(heavy.equilibrium_angle.value, plain.equilibrium_angle.value / np.sqrt(1.9), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NoiseMeter([0.5]), r"labels: got shape \(1,\) of float64, expected \(d,\) whole numbers"),
        (lambda: NoiseMeter([0, 2]), "labels: got"),
        (lambda: NoiseMeter([0, 0]).update(np.ones(3), np.ones(2)), r"gradient: got shape \(3,\), expected \(2,\)"),
        (lambda: NoiseMeter().update([np.nan, 1.0], np.ones(2)), "gradient: got nan"),
        (lambda: NoiseMeter().update_batches(np.ones((1, 2)), np.ones(2)), "gradients: got 1 batch"),
        (lambda: NoiseMeter().from_training, "from_training: got 0 observations"),
        (lambda: GroupMeter([0, 1], names=["a"]), "names: got 1, expected one for each of 2"),
        (lambda: GroupMeter().gas(), "steps: got fewer than 3"),
        (lambda: WeightQueue("q", (3,), capacity=0), "capacity: got 0"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_queue_keeps_the_latest_in_order(tmp_path):
    path = tmp_path / "queue.zarr"
    queue = WeightQueue(path, (2, 3), capacity=5, spacing=10)
    assert queue.nbytes == 5 * 6 * 4
    for step in range(1, 83):
        queue.update(step, np.full((2, 3), step))
    assert queue.steps.tolist() == [40, 50, 60, 70, 80]
    assert queue.read()[:, 1, 2].tolist() == [40, 50, 60, 70, 80]
    assert queue.read(every=2)[:, 0, 0].tolist() == [40, 60, 80]
    # Opened again it goes on, and steps that are there are not kept twice.
    again = WeightQueue(path, (2, 3), capacity=5, spacing=10)
    for step in (80, 90):
        again.update(step, np.full((2, 3), step))
    assert again.read()[:, 0, 0].tolist() == [50, 60, 70, 80, 90]
    with pytest.raises(ValueError, match=r"spacing 10, expected .* with 20; name another path"):
        WeightQueue(path, (2, 3), capacity=5, spacing=20)
    with pytest.raises(ValueError, match=r"weights: got shape \(3,\), expected \(2, 3\)"):
        again.update(100, np.ones(3))


def test_a_queue_larger_than_the_disk_is_refused_before(tmp_path):
    with pytest.raises(OSError, match=r"bytes left on the disk, expected 4,000,000,000,000,000 for the queue"):
        WeightQueue(tmp_path / "queue.zarr", (10**6,), capacity=10**9)
    assert not list(tmp_path.iterdir())


def test_the_papers_queue_at_the_largest_network(tmp_path, monkeypatch):
    """44 GB, said before."""
    assert "44,643,840,000 bytes" in repr(WeightQueue(tmp_path / "queue.zarr", (2_790_240,)))
