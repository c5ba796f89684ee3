"""Ensembles start where their experiment says: in a process's first equilibrium, or at the minimum of a scan."""

import jax
import numpy as np
import pytest

from tests.support.statistics import Z_MAX, assert_rejects
from tests.support.systems import OBLIQUE
from thermo_ideal.dynamics import FixedEffectiveLearningRate, VonMisesFisherLoss, spiked_noise
from thermo_ideal.experiments import anisotropy_scan, run_process
from thermo_ideal.thermodynamics import State, VonMisesFisherGas
from thermo_ideal.thermodynamics.processes import isobaric

START = State(VonMisesFisherGas(3), temperature=0.2, pressure=0.5, noise_scale=6.0)
KEY = jax.random.key(3)


def start_of(monkeypatch, module, name, call):
    """The positions that would be simulated."""
    seen = []

    def look(key, integrator, position, *_, **__):
        seen.append(np.asarray(position, np.float64))
        raise KeyboardInterrupt

    monkeypatch.setattr(f"thermo_ideal.experiments.{module}.{name}", look)
    with pytest.raises(KeyboardInterrupt):
        call()
    return seen[0]


def assert_mean_depth(depth, exact):
    score = (depth.mean() - exact) / (depth.std(ddof=1) / np.sqrt(depth.size))
    assert abs(score) < Z_MAX, score


@pytest.mark.parametrize("full", [False, True])
def test_a_process_starts_in_equilibrium(monkeypatch, full):
    process, loss = isobaric(START, temperature=0.4), VonMisesFisherLoss(OBLIQUE) if full else None
    position = start_of(
        monkeypatch,
        "_process",
        "measure_work",
        lambda: run_process(KEY, process, FixedEffectiveLearningRate, 100, replicas=4000, loss=loss, full=full),
    )
    np.testing.assert_allclose(np.linalg.norm(position, axis=-1), float(START.radius), rtol=1e-5)
    direction = position / np.linalg.norm(position, axis=-1, keepdims=True)
    overlap = direction @ OBLIQUE if full else direction[:, 0]
    assert len(np.unique(overlap)) > 3900, "each replica has a start of its own"
    assert_mean_depth(1 - overlap, float(START.internal_energy))
    assert_rejects(
        assert_mean_depth, 1 - overlap, float(State(START.gas, temperature=0.22, pressure=0.5).internal_energy)
    )
    if full:
        across = direction - overlap[:, None] * OBLIQUE
        assert np.linalg.norm(across.mean(axis=0)) < Z_MAX * np.sqrt((across**2).sum(-1).mean() / len(across))


def test_a_scan_starts_at_the_minimum_and_the_stationary_radius(monkeypatch):
    rates, decays, trace = [0.01, 0.02], [0.02, 0.04, 0.08], 20.0
    start = start_of(
        monkeypatch,
        "_anisotropy",
        "simulate",
        lambda: anisotropy_scan(KEY, [spiked_noise(0.6, 3, trace=trace)], rates, decays, replicas=4),
    )
    radius = np.sqrt(np.array(rates)[:, None] * trace / (2 * np.array(decays)))  # r*² = η_eff Tr Σ/2λ
    expected = np.broadcast_to(radius[..., None, None] * np.array([1.0, 0.0, 0.0]), (2, 3, 4, 3))
    np.testing.assert_allclose(start, expected, rtol=1e-3)
