"""The schedule of least dissipation, against closed forms, variations, and exact entropy production."""

import numpy as np
import pytest
import scipy

from thermo_ideal.distributions import Zonal, zonal_relaxation
from thermo_ideal.dynamics import FixedLearningRate, FixedSphere
from thermo_ideal.thermodynamics import CaloricallyPerfectGas, HarmonicGas, State, VonMisesFisherGas
from thermo_ideal.thermodynamics import processes as p

N = 32


def test_least_dissipation_of_a_cold_gas():
    """`Σ = σ²R(√κ₁ − √κ₀)²/t`, approached as 1/t, and what the usual schedules produce."""
    sigma, R = 2.0, 100.0
    start = State(CaloricallyPerfectGas(201), temperature=0.05, volume=0.5, noise_scale=sigma)
    closed = sigma**2 * R * (2000**0.5 - 20**0.5) ** 2
    assert p.thermodynamic_length(start, 0.0005) ** 2 == pytest.approx(closed, rel=1e-5)
    steps = np.array([20_000, 40_000, 80_000])
    found = [p.least_dissipation(start, to=0.0005, num_steps=int(n)) for n in steps]
    root = np.append(start.temperature, found[0].temperature) ** -0.5
    assert np.diff(root) == pytest.approx((2000**0.5 - 20**0.5) / steps[0], rel=1e-5)
    produced = np.array([schedule.entropy_production for schedule in found])
    assert produced * steps == pytest.approx(closed, rel=5e-3)
    assert np.polyfit(np.log(steps), np.log(produced), 1)[0] == pytest.approx(-1, abs=5e-3)
    shapes = {"exponential": p.exponential, "cosine": p.cosine, "linear": p.linear}
    # `∫ (dT/ds)²/4T³ ds` of each shape over `(√κ₁ − √κ₀)²`, by quadrature.
    for (name, shape), ratio in zip(shapes.items(), (1.40714, 3.73194, 15.27625), strict=True):
        process = p.scheduled(start.gas, sigma, temperature=shape(0.05, 0.0005), volume=0.5)
        assert process.slow_entropy_production(FixedSphere, 80_000) * 80_000 / closed == pytest.approx(
            ratio, rel=0.01
        ), name


@pytest.mark.parametrize("gas", [VonMisesFisherGas(11), HarmonicGas([2.0, 0.5], counts=[5, 5], noise_variances=[1, 2])])
def test_least_dissipation_of_other_gases(gas):
    """Its slow limit is `ℓ²/t`, and no other smooth schedule between both temperatures has a lower one."""
    start = State(gas, temperature=0.2, volume=0.5)
    length = p.thermodynamic_length(start, to=0.02)
    schedule = p.least_dissipation(start, to=State(gas, temperature=0.02, volume=0.5), num_steps=N)
    s = np.arange(1, N + 1) / N
    assert schedule.temperature[-1] == pytest.approx(0.02, rel=1e-5)
    at = np.concatenate([[0.2], schedule.temperature])
    states = [State(gas, temperature=T, volume=0.5) for T in at[:2]]
    steps = [p.thermodynamic_length(state, to=T) for state, T in zip(states, at[1:3], strict=True)]
    assert np.array(steps) == pytest.approx(length / N, rel=1e-3)
    spline = scipy.interpolate.CubicSpline(np.append(0, s), np.log(at))

    def slow(change):
        def temperature(x):
            return np.exp(spline(x) + change * np.sin(np.pi * x))

        x, w = np.polynomial.legendre.leggauss(16)
        x, w = (x + 1) / 2, w / 2
        slope = spline(x, 1) + change * np.pi * np.cos(np.pi * x)
        states = [State(gas, temperature=float(t), volume=0.5) for t in temperature(x)]
        # Σ = ∫ ζ κ (σ²/2) (dκ/dt)² dt, with dκ = −κ d log T
        rates = [p.friction(state) / float(state.temperature) ** 3 / 2 for state in states]
        return w @ (np.array(rates) * slope**2)

    here = slow(0.0)
    assert here == pytest.approx(length**2, rel=1e-3)
    assert min(slow(-0.1), slow(0.1)) > here


def test_friction_is_the_exact_correlation_time():
    state = State(VonMisesFisherGas(11), temperature=0.1, volume=1.0)
    law = Zonal.linear(11, 0.1)
    variance = law.cumulants(2)[1] * 0.1**2
    assert p.friction(state) == pytest.approx(variance * zonal_relaxation(law).energy_time, rel=1e-5)


def test_entropy_production_of_a_network_size():
    """A cosine from 0.1 to 0.01 in 10⁴ steps at d = 43,692, λ = 5e-4: its first order in 1/t is far off.

    Nearly all is produced after the end, where the direction is left far hotter than its bath.
    """
    process = p.scheduled(VonMisesFisherGas(43_692), learning_rate=p.cosine(0.1, 0.01), weight_decay=5e-4)
    evolution = process.evolve(FixedLearningRate, 10_000)
    assert evolution.entropy_production[-1] == pytest.approx(7821, rel=1e-3)
    assert evolution.relaxation == pytest.approx(72_537, rel=1e-3)
    assert process.slow_entropy_production(FixedLearningRate, 10_000) == pytest.approx(2.33e5, rel=5e-3)
