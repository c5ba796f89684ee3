"""The main programs lowered for CUDA and TPU, on a machine that has neither: single precision, and nothing of the host.

JAX lowers for any platform anywhere; what XLA makes of it there, only such a machine tells.
"""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import OBLIQUE, chain, toy
from thermo_ideal.distributions import UniformSphere, VonMisesFisher
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.integrators import EulerMaruyama, Save, _loop, simulate
from thermo_ideal.thermodynamics import State, VonMisesFisherGas

PLATFORMS = ("cuda", "tpu")
FOREIGN = re.compile(r"tensor<(?:\d+x)*f64>|tensor<(?:\d+x)*complex<f64>>")
RATE, DECAY = np.array([0.01, 0.02, 0.05, 0.1], np.float32), np.float32(0.1)
PROTOCOLS = [
    FixedEffectiveLearningRate(RATE, DECAY),
    FixedLearningRate(RATE, DECAY),
    FixedSphere(RATE, np.float32(1)),
]


def lowered(function, *arguments):
    """The program of a function of arrays and anything else, for each platform, as text."""
    arrays, others = eqx.partition(arguments, eqx.is_array)
    traced = jax.jit(lambda arrays: eqx.filter(function(*eqx.combine(arrays, others)), eqx.is_array)).trace(arrays)
    return {platform: traced.lower(lowering_platforms=(platform,)).as_text() for platform in PLATFORMS}


def foreign(programs):
    """Double precision, which should be in none of them."""
    return {found for program in programs.values() for found in FOREIGN.findall(program)}


class SeenError(Exception):
    """The program was looked at; it need not be compiled and run."""


def programs_of(monkeypatch, integrator, start, **options):
    """The program of a chunk of `simulate`."""
    run = _loop.run_chunk.__wrapped__

    def look(*arguments):
        raise SeenError(lowered(run, *arguments))

    monkeypatch.setattr(_loop, "run_chunk", look)
    with pytest.raises(SeenError) as seen:
        simulate(jax.random.key(0), integrator, start, 8, threads=1, chunk_size=8, **options)
    return seen.value.args[0]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_the_whole_vector(protocol, monkeypatch):
    sgd = toy(protocol, mean_direction=OBLIQUE)
    programs = programs_of(monkeypatch, EulerMaruyama(sgd), np.tile(OBLIQUE, (4, 1)).astype(np.float32))
    assert all("f32" in program for program in programs.values())
    assert not foreign(programs)


def test_the_zonal_chain_with_all_that_is_kept(monkeypatch):
    run = chain(PROTOCOLS[0], 10_000)
    save = Save(positions=2, histogram=4, histograms={"radius": [0.5, 1.0, 2.0]})
    start = run.start(np.ones(4, np.float32), np.float32(0.5))
    programs = programs_of(monkeypatch, run, start, save=save, burn_in=2, stride=2)
    assert not foreign(programs)


@pytest.mark.parametrize("law", [VonMisesFisher(jnp.asarray(OBLIQUE), 5.0), UniformSphere(3)], ids=["vMF", "uniform"])
def test_samples_and_densities(law):
    def both(key, x):
        return law.sample(key, (8,)), law.log_prob(x)

    assert not foreign(lowered(both, jax.random.key(0), jnp.asarray(OBLIQUE, jnp.float32)))


def test_states_of_a_batch():
    def properties(T, volume):
        state = State(VonMisesFisherGas(1000), temperature=T, volume=volume)
        return state.entropy, state.pressure, state.heat_capacity_volume, state.internal_energy

    assert not foreign(lowered(properties, jnp.asarray(RATE), jnp.ones(4, jnp.float32)))


def test_what_should_not_be_there_is_found(x64):
    (word,) = foreign(lowered(lambda x: x.astype(jnp.float64), jnp.ones(3, jnp.float32)))
    assert "f64" in word
    with pytest.raises(ValueError, match="backend cpu is different from the lowering platform"):  # JAX says so itself
        lowered(lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x), jnp.ones(3))
