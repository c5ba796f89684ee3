"""Energy balances of trajectories: bookkeeping to rounding, and entropy production against relative entropy."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects
from tests.support.systems import chain as zonal
from tests.support.systems import in_space
from thermo_ideal import dynamics as dyn
from thermo_ideal.distributions import Zonal
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.estimators import Estimate
from thermo_ideal.experiments import measure_work
from thermo_ideal.integrators import EulerMaruyama, WorkMeter, ZonalEulerMaruyama, simulate

KEY = jax.random.key(1871)
ROUNDING = 4.0  # units of the last place


def units(gap, *terms, precision):
    """The largest gap in units of the last place of its terms."""
    return (np.abs(gap) / (precision * sum(np.abs(x).max(axis=0) for x in terms))).max()


def assert_closes(record, fixes_radius):
    """First law, enthalpy, and `Δ(L/T)` where no volume changes: identities of every trajectory."""
    assert record.closure() < ROUNDING
    if not fixes_radius:
        H = record.loss + record.pressure * record.volume
        gap = H - H[0] - record.heat - record.control_work
        assert units(gap, H, record.heat, record.control_work, precision=record.precision) < ROUNDING
    elif np.ptp(record.radius) == 0:
        betaL = record.loss / record.temperature
        gap = betaL - betaL[0] - record.reduced_work - record.entropy_flow
        # Each quotient by T is rounded, so that a sum of 10⁵ is good to about the root of that many last places.
        assert units(gap, betaL, record.reduced_work, record.entropy_flow, precision=record.precision) < 300


def slowly(low, high):
    return lambda step: low + (high - low) * (step + 1) / 100_000


CASES = {
    "zonal, d = 3, fixed-lr": (
        zonal(dyn.FixedLearningRate(slowly(0.01, 0.03), slowly(0.02, 0.01)), 3),
        dyn.FixedLearningRate(0.02, 0.03),
    ),
    "zonal, d = 10, fixed-sphere": (zonal(dyn.FixedSphere(slowly(0.01, 0.02), 1.5), 10), dyn.FixedSphere(0.03, 1.5)),
    "zonal, d = 1000, fixed-elr": (
        zonal(dyn.FixedEffectiveLearningRate(slowly(0.01, 0.02), slowly(0.02, 0.01)), 1000),
        dyn.FixedEffectiveLearningRate(0.01, 0.03),
    ),
    "full, d = 3, a sphere that breathes": (
        in_space(dyn.FixedSphere(slowly(0.01, 0.02), lambda step: 1 + jnp.sin(step / 9999) / 2)),
        dyn.FixedSphere(0.01, 1.2),
    ),
}


@pytest.mark.parametrize(("case", "bits"), [*((case, 32) for case in CASES), *((case, 64) for case in list(CASES)[2:])])
def test_balances_close_to_rounding_over_a_hundred_thousand_steps(case, bits):
    chain, initial = CASES[case]
    dtype = jnp.float32 if bits == 32 else jnp.float64
    with jax.enable_x64(bits == 64):
        if isinstance(chain, EulerMaruyama):
            start = jax.random.normal(KEY, (4, 3), dtype)
        else:
            start = jnp.broadcast_to(jnp.asarray(chain.start(1.3, 0.3), dtype), (4, 2))
        record = measure_work(KEY, chain, start, 100_000, initial=initial, save=4000)
    assert record.position.dtype == dtype
    assert record.precision == np.finfo(dtype).eps
    fixes_radius = chain.sgd.protocol.fixes_radius
    assert_closes(record, fixes_radius)
    assert_rejects(assert_closes, replace(record, heat=record.heat * (1 + 1e-4)), fixes_radius)
    assert_rejects(assert_closes, replace(record, loss=record.loss.cumsum(axis=0)), fixes_radius)
    if not fixes_radius:
        assert_rejects(assert_closes, replace(record, control_work=-record.control_work), fixes_radius)


def test_totals_are_the_sums_over_saved_steps(x64):
    """From positions saved at every step: jumps before the step, at fixed weights; heat at the step's own values."""
    steps = 256
    eta = 0.05 + 0.01 * np.sin(np.arange(steps))
    decay = np.where(np.arange(steps) < steps // 2, 0.3, 0.6)
    protocol = dyn.FixedEffectiveLearningRate(lambda n: jnp.asarray(eta)[n], lambda n: jnp.asarray(decay)[n])
    start = jax.random.normal(KEY, (5, 3))
    initial = dyn.FixedEffectiveLearningRate(0.02, 0.1)
    chain = in_space(protocol, sigma=2.0)
    record = measure_work(KEY, chain, start, steps, initial=initial, save=1, chunk_size=steps)
    plain = simulate(KEY, chain, start, steps, save=1, chunk_size=steps)
    np.testing.assert_allclose(record.position[1:], plain.samples, rtol=1e-10)
    radius = np.linalg.norm(record.position, axis=-1)
    L, V = 1 - record.position[..., 0] / radius, radius**2 / 2
    temperature = np.concatenate([[0.02], eta])[:, None] * 2.0**2 / 2
    p = np.concatenate([[0.1], decay])[:, None]
    heat = np.diff(L, axis=0) + p[1:] * np.diff(V, axis=0)
    increments = {
        "work": p[1:] * np.diff(V, axis=0),
        "heat": heat,
        "entropy_flow": heat / temperature[1:],
        "control_work": V[:-1] * np.diff(p, axis=0),
        "reduced_work": L[:-1] * np.diff(1 / temperature, axis=0),
    }
    for name, each in increments.items():
        np.testing.assert_allclose(getattr(record, name)[1:], np.cumsum(each, axis=0), rtol=1e-10, atol=1e-13)
        assert not getattr(record, name)[0].any()
    np.testing.assert_allclose(record.loss, L, rtol=1e-9)
    np.testing.assert_allclose(record.volume, V, rtol=1e-12)
    np.testing.assert_allclose(record.temperature, np.broadcast_to(temperature, L.shape), rtol=1e-12)
    np.testing.assert_allclose(record.pressure, np.broadcast_to(p, L.shape), rtol=1e-12)
    np.testing.assert_array_equal(record.time, np.arange(steps + 1))
    # The other convention, work after the step, is another number.
    other = np.cumsum(V[1:] * np.diff(p, axis=0), axis=0)
    assert np.abs(record.control_work[1:] - other).max() > 1e-2


def test_isothermal_expansion_produces_no_entropy(x64):
    """The sphere grows to twice its radius: heat flows in as work flows out, `Q/T = ΔS = (d − 1) log 2`."""
    d, rate, T, steps = 10, 0.005, 0.1, 256
    sgd = dyn.SGD(
        dyn.ZonalLoss(lambda m: 1 - m**2),
        dyn.IsotropicNoise((2 * T / rate) ** 0.5),
        dyn.FixedSphere(rate, lambda n: 2 ** ((n + 1) / steps)),
    )
    chain = ZonalEulerMaruyama(sgd, d)
    start = chain.start(3.0, Zonal(lambda m: 1 - m**2, d, T).sample_overlap(KEY, (512,)))
    record = measure_work(KEY, chain, start, steps, initial=dyn.FixedSphere(rate, 1.0), save=1, chunk_size=steps)
    np.testing.assert_allclose(record.radius[:, 0], 2 ** (np.arange(steps + 1) / steps), rtol=1e-12)
    assert np.isnan(record.pressure[0]).all()
    increments = record.pressure[1:] * np.diff(record.volume, axis=0)
    np.testing.assert_allclose(record.work[1:], np.cumsum(increments, axis=0), rtol=1e-10)
    assert not record.control_work.any()
    assert_estimate(record.entropy_production((d - 1) * np.log(2)), 0.0)
    assert_rejects(assert_estimate, record.entropy_production((d - 2) * np.log(2)), 0.0)


def test_grids_and_replicas(x64):
    """Each run of a batch has its own hyperparameters, before step 0 too."""
    initial = dyn.FixedEffectiveLearningRate(0.1, jnp.array([[0.1], [0.2]]))
    chain = zonal(dyn.FixedEffectiveLearningRate(jnp.array([[0.1], [0.3]]), 0.4), 10)
    record = measure_work(KEY, chain, jnp.broadcast_to(chain.start(2.0, 0.5), (2, 3, 2)), 8, initial=initial)
    np.testing.assert_allclose(record.control_work[-1], np.repeat([[0.3 * 2], [0.2 * 2]], 3, axis=1))
    np.testing.assert_allclose(record.reduced_work[-1], np.repeat([[0.0], [0.5 * (2 / 0.3 - 2 / 0.1)]], 3, axis=1))
    assert record.mean("volume").value.shape == (2, 2)
    assert record.entropy_production(np.array([1.0, 2.0])).value.shape == (2,)
    with pytest.raises(ValueError, match="name: got 'energy', expected one of 'loss'"):
        record.mean("energy")


def sudden(d, before, after, rate):
    """The temperature jumps on the fixed sphere, then the gas relaxes."""
    sigma = (2 * after / rate) ** 0.5
    chain = zonal(dyn.FixedSphere(lambda n: rate, 1.0), d, sigma=sigma)
    start = chain.start(1.0, depth=Zonal.linear(d, before).sample_depth(KEY, (1024,)))
    record = measure_work(
        KEY, chain, start, 64 * round(0.1 / rate), initial=dyn.FixedSphere(2 * before / sigma**2, 1.0)
    )
    return record.entropy_production(vmf.entropy(d, temperature=after) - vmf.entropy(d, temperature=before))


@pytest.mark.parametrize(
    ("d", "before", "after", "rate"),
    [(3, 1.0, 0.1, 0.005), (3, 0.1, 1.0, 0.005), (10, 0.1, 0.03, 0.005), (1000, 1e-3, 2e-3, 0.002)],
)
def test_a_sudden_step_produces_the_relative_entropy(d, before, after, rate, x64):
    """`ΔS − ΔU/T_f = D(ρ_i‖ρ_f) ≥ 0`."""
    production = sudden(d, before, after, rate)
    assert_estimate(production, float(vmf.kl_divergence(d, 1 / before, 1 / after)))
    assert_rejects(assert_estimate, production, float(vmf.kl_divergence(d, 1 / after, 1 / before)))
    assert_rejects(assert_estimate, production, 0.0)
    assert production.value > 0


def test_no_step_produces_no_entropy(x64):
    assert_estimate(sudden(10, 0.1, 0.1, 0.005), 0.0)


SPHERE = zonal(dyn.FixedSphere(0.01, 1.0), 3)
START = np.full((2, 2), 0.7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: WorkMeter(
                EulerMaruyama(
                    dyn.SGD(
                        dyn.VonMisesFisherLoss(np.eye(3)[0]), dyn.AnisotropicNoise(np.ones(3)), dyn.FixedSphere(0.1, 1)
                    )
                )
            ),
            "noise: got AnisotropicNoise, expected IsotropicNoise",
        ),
        (
            lambda: measure_work(KEY, SPHERE, START, 8, initial=dyn.FixedLearningRate(0.1, 0.1)),
            "initial: got a FixedLearningRate without schedules, expected a FixedSphere without",
        ),
        (
            lambda: measure_work(KEY, SPHERE, START, 8, initial=dyn.FixedSphere(lambda n: 0.1, 1.0)),
            "initial: got a FixedSphere with schedules, expected a FixedSphere without",
        ),
        (
            lambda: measure_work(KEY, SPHERE, START, 8, initial=dyn.FixedSphere(np.ones(3), 1.0)),
            r"effective_learning_rate: got shape \(3,\), expected .* \(2,\) of position",
        ),
        (lambda: measure_work(KEY, SPHERE, START, 9, save=2), "save: got 2, expected a divisor of num_steps = 9"),
        (lambda: measure_work(KEY, SPHERE, START, 0), "num_steps: got 0"),
        (lambda: measure_work(KEY, SPHERE, np.ones((2, 3)), 8), r"position: got shape \(2, 3\)"),
        (lambda: Estimate(np.ones(1)), "at least 2 replicas"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
