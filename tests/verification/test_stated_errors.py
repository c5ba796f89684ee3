"""Errors that slopes of the entropy, fits and the diagnosis of anisotropy state, against repeated runs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from tests.support.datasets import exact_dataset
from tests.support.statistics import assert_rejects, assert_stated_errors
from thermo_ideal.distributions import VonMisesFisher
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate
from thermo_ideal.estimators import Estimate
from thermo_ideal.verification import _anisotropy as anisotropy
from thermo_ideal.verification import _maxwell as maxwell
from thermo_ideal.verification import compare, diagnose_anisotropy, maxwell_slopes

REPEATS = 2000


def check(values, errors):
    """True errors pass; those that are 1.15 times too large, or as much too small, do not."""
    assert_stated_errors(values, errors)
    assert_rejects(assert_stated_errors, values, 1.15 * np.asarray(errors))
    assert_rejects(assert_stated_errors, values, np.asarray(errors) / 1.15)


@pytest.mark.parametrize(("d", "kappa", "n"), [(2, 2.0, 400), (3, 5.0, 200), (50, 100.0, 100)])
def test_fitted_concentrations(d, kappa, n):
    law = VonMisesFisher(jnp.eye(d)[0], kappa)
    samples = law.sample(jax.random.key(d), (REPEATS, n))

    def fitted(x):
        fit = VonMisesFisher.fit(x)
        return fit.concentration, fit.standard_error

    check(*(np.asarray(x, np.float64) for x in jax.vmap(fitted)(samples)))


@pytest.mark.parametrize("kind", [FixedEffectiveLearningRate, FixedLearningRate])
def test_slopes(kind, monkeypatch):
    """The noise of the entropy is that of its replicas, alike at all points."""
    comparison = compare(exact_dataset(kind))
    exponents = maxwell.powers_of(comparison)
    monkeypatch.setattr(maxwell, "powers_of", lambda _: exponents)
    entropy, rng = comparison.quantities["S"], np.random.default_rng(0)
    found = []
    for _ in range(REPEATS):
        simulated = Estimate(entropy.exact[..., None] + 0.03 * rng.normal(size=(6, 6, 8)))
        quantities = comparison.quantities | {"S": dataclasses.replace(entropy, simulated=simulated)}
        found.append(maxwell_slopes(dataclasses.replace(comparison, quantities=quantities)))
    for slopes in zip(*found, strict=True):
        check([slope.value for slope in slopes], [slope.standard_error for slope in slopes])


def test_anisotropy(monkeypatch):
    """Every point of the grid is a run of its own beside a control of its own; their noise is normal."""
    law = anisotropy._isotropic_law
    monkeypatch.setattr(  # all runs are at the same learning rate
        anisotropy,
        "_isotropic_law",
        lambda d, sigma, eta, decay: [np.broadcast_to(x, eta.shape) for x in law(d, sigma, eta[:1], decay[:1])],
    )
    rng, size, T = np.random.default_rng(1), REPEATS, 0.01
    shape = (2, size, 2, 8)

    def measured(mean, error):
        return ("noise", "effective_learning_rate", "weight_decay", "replica"), mean + error * rng.normal(size=shape)

    decay = np.array([0.01, 0.04])
    volume = 0.01 * 2.0 / (4 * decay)
    data = xr.Dataset(
        {
            "loss": measured(T, 0.02 * T),
            "volume": measured(volume[:, None], 0.01 * volume[:, None]),
            "log_radius": measured(np.log(2 * volume)[:, None] / 2, 0.005),
            "direction_entropy": measured(np.log(2 * np.pi * np.e * T), 0.03),
            "noise_trace": measured(2.0, 0.01),
            "participation_ratio": measured(1.0, 0.0),
            "noise_scale": ("noise", [1.0, 1.0]),
        },
        coords={
            "control": ("noise", [True, False]),
            "effective_learning_rate": np.full(size, 0.01),
            "weight_decay": decay,
        },
        attrs={"dimension": 3, "protocol": "fixed-elr"},
    )
    found = diagnose_anisotropy(data).isel(noise=0)
    for name in ("Z_trace", "Z_scale", "Z_energy", "Z_entropy", "departure_U", "departure_S"):
        check(found[name].isel(weight_decay=0).to_numpy(), found[f"{name}_error"].isel(weight_decay=0).to_numpy())
    check(found["maxwell"].to_numpy(), found["maxwell_error"].to_numpy())
