"""Gases of zonal losses: the toy's own, wells and rings; in both precisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.distributions import Zonal
from thermo_ideal.dynamics import VonMisesFisherLoss, ZonalLoss
from thermo_ideal.thermodynamics import State, VonMisesFisherGas, ZonalGas, check_consistency

LOSSES = {
    "double well": ZonalLoss(lambda m: 1 - m**2),
    "ring": ZonalLoss(lambda m: m**2),
    "tilted": ZonalLoss(lambda u: u * (2 - u) + 0.1 * u, argument="depth"),
}


@pytest.mark.parametrize("dimension", [2, 1000, 10**6])
def test_the_toy_loss_gives_the_von_mises_fisher_gas(x64, dimension):
    exact = VonMisesFisherGas(dimension)
    gas = ZonalGas(VonMisesFisherLoss(), dimension, temperature=(1e-4, 1e-1))
    T = np.logspace(-4, -1, 41)
    states = [State(model, temperature=T, volume=2.0) for model in (gas, exact)]
    for name in ("internal_energy", "entropy", "helmholtz_energy", "heat_capacity_volume", "gibbs_energy"):
        mine, wanted = (np.asarray(getattr(state, name)) for state in states)
        np.testing.assert_allclose(mine, wanted, rtol=1e-10, atol=1e-10 * np.abs(wanted).max(), err_msg=name)
    slopes = [state.partial("heat_capacity_volume", "log_temperature", at="volume") for state in states]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-8 * float(exact.gas_constant))


@pytest.mark.parametrize("name", LOSSES)
def test_consistent(x64, name):
    gas = ZonalGas(LOSSES[name], 10, temperature=(0.02, 4.0))
    check_consistency(gas, np.logspace(-1.5, 0.4, 6), np.logspace(-2, 2, 3)).require()
    law = Zonal(LOSSES[name].at_depth, 10, 0.3, argument="depth")
    state = State(gas, temperature=0.3, volume=0.5)
    assert np.isclose(state.internal_energy, law.mean_loss, rtol=1e-11)
    assert np.isclose(state.heat_capacity_volume, law.heat_capacity, rtol=1e-11)
    assert np.isclose(state.entropy, law.entropy, rtol=1e-11)


def test_single_precision():
    gas = ZonalGas(LOSSES["double well"], 10, temperature=(0.02, 4.0))
    check_consistency(gas, np.logspace(-1.5, 0.4, 6), np.logspace(-2, 2, 3)).require()


def test_outside_the_interval(x64):
    gas = ZonalGas(LOSSES["ring"], 10, temperature=(0.1, 1.0))
    with pytest.raises(ValueError, match="which no state of this gas"):
        State(gas, temperature=0.05, volume=1.0)
    inside = jax.jit(lambda T: State(gas, temperature=T, volume=1.0).internal_energy)(jnp.array([0.1, 1.0, 1.1]))
    assert np.isfinite(inside).tolist() == [True, True, False]


def test_wrong_arguments():
    with pytest.raises(ValueError, match="wanted a loss of the overlap"):
        ZonalGas(lambda m: m, 3)
    with pytest.raises(ValueError, match="wanted an interval"):
        ZonalGas(LOSSES["ring"], 3, temperature=(1.0, 0.1))
    with pytest.raises(ValueError, match="add dimension=3"):
        ZonalGas(LOSSES["ring"])
