"""The exact discrete law: printed values, limits, and the chain itself."""

import jax
import numpy as np
import pytest

from tests.support.statistics import assert_mean, assert_rejects
from tests.support.systems import toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.numerics import chi_square_rule, hermite
from thermo_ideal.thermodynamics import equilibrium
from thermo_ideal.verification import stationary_law
from thermo_ideal.verification._gibbs_depth import gibbs_depth


def law(protocol, d, sigma=1.0):
    return stationary_law(toy(protocol, sigma), d)


@pytest.mark.parametrize(
    ("d", "eta", "energy"),
    [(3, 0.05, 0.02554100), (10, 0.05, 0.10899221), (10, 0.2, 0.35478930), (50, 0.02, 0.21683661)],
)
def test_printed_values(x64, d, eta, energy):
    assert abs(float(law(dyn.FixedSphere(eta, 1.0), d).mean_loss) - energy) < 1e-8


@pytest.mark.parametrize("d", [2, 3, 10, 1000])
@pytest.mark.parametrize("protocol", [dyn.FixedLearningRate, dyn.FixedEffectiveLearningRate, dyn.FixedSphere])
def test_tends_to_the_sde_in_first_order(x64, d, protocol):
    """Departures from the SDE halve with the step."""
    departures = []
    for eta in (4e-3 / d, 2e-3 / d):
        decay = eta**2 * (d - 1) / 2
        held = (1.0, decay) if protocol is dyn.FixedLearningRate else (eta, 1.0)  # r* = 1 at fixed learning rate
        sgd = toy(protocol(*held))
        state, exact = equilibrium(sgd, d), stationary_law(sgd, d)
        departures.append(
            [
                float(exact.mean_loss / state.internal_energy) - 1,
                float(exact.direction_entropy - state.direction_entropy),
                float(exact.mean_volume / state.volume) - 1,
            ]
        )
    energy, entropy, volume = np.array(departures).T
    assert 0 < energy[0] < 1e-2
    assert np.isclose(energy[0] / energy[1], 2, rtol=0.15)
    assert np.isclose(entropy[0] / entropy[1], 2, rtol=0.15)
    if protocol is not dyn.FixedSphere:
        assert np.isclose(volume[0] / volume[1], 2, rtol=0.15)


def test_units(x64):
    """The chain in units of `r*` and σ: one solution serves a whole family."""
    base = law(dyn.FixedEffectiveLearningRate(0.1, 0.1), 3)
    wide = law(dyn.FixedEffectiveLearningRate(0.1, 0.001), 3)
    assert np.isclose(wide.mean_radius, 10 * base.mean_radius, rtol=1e-12)
    assert np.isclose(wide.mean_loss, base.mean_loss, rtol=1e-12)
    assert np.isclose(wide.entropy - base.entropy, 2 * np.log(10), rtol=1e-12)
    pressure = law(dyn.FixedSphere(0.1, np.array([1.0, 10.0])), 3).effective_weight_decay
    assert np.isclose(pressure[0], 100 * pressure[1], rtol=1e-12)


def test_density_integrates(x64):
    exact = law(dyn.FixedSphere(0.1, 1.0), 3)
    x, w = np.polynomial.legendre.leggauss(400)
    area = 2 * np.pi
    density = exact.density(x)
    assert np.isclose(area * (w @ density), 1, rtol=1e-9)
    assert np.isclose(area * (w @ (density * (1 - x))), exact.mean_loss, rtol=1e-9)
    positive = np.maximum(density, 1e-300)
    assert np.isclose(-area * (w @ (density * np.log(positive))), exact.direction_entropy, rtol=1e-8)


def zonal_chain(d, eta, steps, runs, sigma=1.0, decay=None):
    """The chain of (V, u) in NumPy, written independently: at fixed `η_eff`, or with `decay = ηλ` at fixed `η`."""
    rng = np.random.default_rng(7)
    u, v = np.full(runs, 0.5 * (d - 1) * eta), np.ones(runs)
    kept = []
    for step in range(steps):
        a, q = rng.normal(size=runs), rng.chisquare(d - 2, size=runs) if d > 2 else 0.0
        local = eta / v if decay is not None else eta
        par = 1 - decay if decay is not None else 1 - eta**2 * sigma**2 * (d - 1) / 2 * v
        m, s = 1 - u, np.sqrt(u * (2 - u))
        tan = local * (s - sigma * a)
        rho = np.sqrt(par**2 + tan**2 + (local * sigma) ** 2 * q)
        u, v = 1 - (par * m + tan * s) / rho, v * rho**2
        if step >= steps // 10:
            kept.append((u.mean(), np.sqrt(v).mean(), np.log(v).mean()))
    return np.array(kept).T


@pytest.mark.parametrize("d", [2, 3, 8])
@pytest.mark.parametrize("protocol", ["fixed-elr", "fixed-lr"])
def test_against_the_chain(x64, protocol, d):
    eta = 0.1
    decay = eta**2 * (d - 1) / 2
    if protocol == "fixed-elr":
        exact = law(dyn.FixedEffectiveLearningRate(eta, (d - 1) * eta / 2), d)  # r* = 1
        energy, radius, log_volume = zonal_chain(d, eta, 20_000, 400)
    else:
        exact = law(dyn.FixedLearningRate(eta, decay / eta), d)
        energy, radius, log_volume = zonal_chain(d, eta, 20_000, 400, decay=decay)
    assert_mean(energy, float(exact.mean_loss))
    assert_mean(radius, float(exact.mean_radius))
    assert_mean(log_volume, 2 * float(exact.mean_log_radius))
    assert_rejects(assert_mean, energy, 1.03 * float(exact.mean_loss))
    assert_rejects(assert_mean, radius, 1.0)  # the SDE's


def test_quadrature_is_exact():
    nodes, weights = hermite(1.0, 2.0, 10).quadrature(10)
    assert np.isclose(weights @ nodes**2, 5)
    nodes, weights = chi_square_rule(7, 10)
    assert np.isclose(weights @ nodes, 7)
    assert np.isclose(weights @ nodes**2, 7**2 + 14)
    family = gibbs_depth(5, lambda u: 30.0 * u, 12).family
    nodes, weights = family.quadrature(12)
    gram = np.einsum("in,im,i->nm", family(nodes, 6), family(nodes, 6), weights)
    np.testing.assert_allclose(gram, np.eye(6), atol=1e-12)


def test_too_hot_is_an_error():
    with pytest.raises(ArithmeticError, match="lower the effective learning rate"):
        law(dyn.FixedEffectiveLearningRate(1.5, 0.1), 3)


def test_the_smallest_steps_have_all_digits():
    """Where one step relaxes by 1e-12, the law is the SDE's up to terms of first order."""
    with jax.enable_x64(True):
        for protocol in (dyn.FixedLearningRate(1e-6, 1e-6), dyn.FixedSphere(1e-10, 1.0)):
            state, exact = equilibrium(toy(protocol), 3), law(protocol, 3)
            departure = float(exact.mean_loss / state.internal_energy) - 1
            assert abs(departure) < 2 * float(state.effective_learning_rate) + 1e-10
            assert exact.converged_digits > 10


def test_density_wants_one_point():
    with pytest.raises(ValueError, match="density: the law is for a grid"):
        law(dyn.FixedSphere(np.array([0.1, 0.2]), 1.0), 3).density(np.array([0.5]))
    assert jax.config.jax_enable_x64 is False
