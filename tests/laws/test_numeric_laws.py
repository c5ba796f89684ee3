"""Every identity × every numeric gas, at states that Hypothesis draws, in both precisions. A row adds a model."""

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.dynamics import FixedLearningRate
from thermo_ideal.thermodynamics import (
    AbstractHelmholtzEnergy,
    AbstractScaleInvariantGas,
    CaloricallyPerfectGas,
    ConsistencyError,
    HelmholtzEnergy,
    VonMisesFisherGas,
    check_consistency,
)
from thermo_ideal.thermodynamics import _identities as identities

STATES = 20  # of one example, so that each program is compiled once


def number(x):
    return jnp.asarray(x, float)


class VanDerWaals(AbstractHelmholtzEnergy):
    """With its own constants of cohesion and size, away from its critical point; `heat` is of warm molecules."""

    dimension: jax.Array = eqx.field(converter=number)
    heat: jax.Array = eqx.field(default=0.0, converter=number)

    def __call__(self, temperature, volume):
        states = jnp.log(temperature * (volume - 0.05)) + self.heat * jnp.log1p(temperature)
        return -self.gas_constant * (temperature * states + 0.01 / volume)


def soft(T, V):
    """A heat capacity that changes with temperature, and molecules that repel each other."""
    return -2 * T * jnp.log(V) - 3 * T * jnp.log1p(T) + 0.2 / V


# (model, the logarithms of temperature and volume in double and in single precision, the largest dimension)
WIDE, NARROW = ((-12.0, 12.0), (-4.0, 4.0)), ((-5.0, 2.0), (-2.0, 2.0))
MODELS = {
    "calorically perfect": (CaloricallyPerfectGas, WIDE, 9),
    "von Mises–Fisher": (VonMisesFisherGas, WIDE, 9),
    "van der Waals": (VanDerWaals, ((0.0, 2.0), (-0.5, 1.0)), 3),
    "not ideal at all": (lambda dimension: HelmholtzEnergy(soft, dimension), ((-1.0, 1.0), (-1.0, 1.0)), 3),
}


def powers(low, high):
    return st.lists(st.floats(low, high), min_size=STATES, max_size=STATES).map(lambda x: 10.0 ** np.array(x))


def twice(x):
    """For each of a state's two temperatures."""
    return np.stack([x, x])


def inside(wide, narrow):
    return tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(wide, narrow, strict=True))


def test_there_are_enough_identities():
    assert len(identities.GENERAL) >= 35
    assert len({**identities.GENERAL, **identities.IDEAL, **identities.PERFECT}) >= 65


@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("name", MODELS)
def test_identities(name, double):
    model, ranges, largest = MODELS[name]
    temperatures, volumes = ranges if double else inside(ranges, NARROW)

    @hypothesis.settings(max_examples=5)
    @hypothesis.given(powers(*temperatures), powers(*volumes), powers(0.31, largest), powers(-1, 1))
    def check(temperature, volume, dimension, noise_scale):
        gas = model(twice(np.round(dimension)))
        grid = np.stack([temperature, temperature[::-1]]), twice(volume)
        check_consistency(gas, *grid, noise_scale=twice(noise_scale)).require()

    with jax.enable_x64(double):
        check()


class Wrong(AbstractScaleInvariantGas):
    """A perfect gas with one thing off by a relative error, or none."""

    off: dict[str, float] = eqx.field(converter=lambda off: {name: number(x) for name, x in off.items()})
    dimension: float = 11.0

    def direction_helmholtz_energy(self, temperature):
        value = CaloricallyPerfectGas(self.dimension).direction_helmholtz_energy(temperature)
        return _with_slope_off(value * (1 + self.off["helmholtz"]), temperature, self.off["entropy"])

    def direction_energy(self, temperature):
        return CaloricallyPerfectGas(self.dimension).direction_energy(temperature) * (1 + self.off["energy"])

    def volume_at(self, temperature, pressure):
        return super().volume_at(temperature, pressure) * (1 + self.off["volume"])


@jax.custom_jvp
def _with_slope_off(value, temperature, off):
    return value


@_with_slope_off.defjvp
def _(primals, tangents):
    return primals[0], tangents[0] + primals[2] * tangents[1]


REJECTED = {
    "entropy": "F over a change of T",
    "energy": "Gibbs–Helmholtz, F",
    "helmholtz": "Legendre, F",
    "volume": "state from temperature, pressure",
}


def test_a_planted_error_is_named(x64):
    grid = np.array([0.05, 0.5]), np.array([0.5, 2.0])
    none = dict.fromkeys(REJECTED, 0.0)
    none_found = check_consistency(Wrong(off=none), *grid)
    assert none_found.passed
    assert str(none_found).startswith(f"Consistency: all {len(none_found.errors)} identities hold to 1e-09 at 4 states")
    for what, identity in REJECTED.items():
        found = check_consistency(Wrong(off=none | {what: 1e-6}), *grid)
        assert identity in found.failures, what
        assert str(found).startswith(f"Consistency: {len(found.failures)} of {len(found.errors)} identities fail")
        assert "T = 0.05 … 0.5 loss, V = 0.5 … 2 weight^2" in str(found)
        with pytest.raises(ConsistencyError, match=rf"{identity}: off by .* at T = .*, V = "):
            found.require()


@pytest.mark.parametrize(
    ("identity", "heat", "temperature"), [("stability, C_V > 0", -2.0, 1.0), ("stability, κ_T > 0", 0.0, 0.04)]
)
def test_an_unstable_gas_is_named(x64, identity, heat, temperature):
    shape = (2, STATES)  # as above, and the same program
    found = check_consistency(VanDerWaals(11.0, heat), np.full(shape, temperature), np.full(shape, 0.15))
    assert [name for name in found.failures if "stability" in name] == [identity]
    with pytest.raises(ConsistencyError, match=identity):
        found.require()


# Exact gases whose heat capacity, energy or entropy vanishes somewhere.
EXACT = {
    "two levels": lambda T, V: -5 * T * jnp.log(V) - T * jnp.log1p(jnp.exp(-1 / T)),
    "eight levels, seven alike, with an energy of their own": lambda T, V: (
        -5 * T * jnp.log(V) - T * jnp.log1p(7 * jnp.exp(-1 / T)) + 0.3
    ),
    "spins": lambda T, V: -5 * T * jnp.log(V) - T * jnp.logaddexp(0.5 / T, -0.5 / T),
    "radiation": lambda T, V: -5 * T * jnp.log(V) - 0.1 * T**4,
}


@pytest.mark.parametrize("name", EXACT)
def test_no_false_alarm_where_a_property_vanishes(name):
    """Over twelve decades, and closely where it begins to vanish."""
    volumes = np.array([0.01, 0.7, 1.0, 30.0])
    temperatures = np.concatenate([np.logspace(-6, 6, 25), np.logspace(np.log10(0.02), 2, 25)])
    check_consistency(HelmholtzEnergy(EXACT[name], 11), temperatures, volumes).require()


def test_an_error_of_a_gas_whose_heat_capacity_vanishes_is_found():
    wrong = lambda T, V: _with_slope_off(EXACT["two levels"](T, V), T, jnp.asarray(1e-6, T.dtype))  # noqa: E731
    found = check_consistency(HelmholtzEnergy(wrong, 11), np.logspace(np.log10(0.02), 2, 25), np.array([0.7, 30.0]))
    assert "F over a change of T" in found.failures


@pytest.mark.parametrize("what", REJECTED)
def test_a_small_error_is_named_in_single_precision(what):
    """The default precision is single, and the arrays of the gas are: it is checked in double precision."""
    none = dict.fromkeys(REJECTED, 0.0)
    found = check_consistency(Wrong(off=none | {what: 1e-6}), np.array([0.05, 0.5]), np.array([0.5, 2.0]))
    assert REJECTED[what] in found.failures
    assert found.tolerance == 1e-9
    assert found.temperature.dtype == np.float64


def test_a_gas_in_single_precision_whatever_it_is_given():
    single = lambda T, V: (-5 * T * jnp.log(T * V)).astype(jnp.float32)  # noqa: E731
    assert check_consistency(HelmholtzEnergy(single, 11), np.array([0.05, 0.5]), np.array([0.5, 2.0])).tolerance == 1e-4


class WrongRate(VonMisesFisherGas):
    def direction_relaxation_rate(self, temperature):
        return super().direction_relaxation_rate(temperature) * (1 + 1e-6)


def test_relaxation_rates_are_checked(monkeypatch):
    grid = np.array([0.05, 0.5]), np.array([0.5, 2.0])
    assert list(check_consistency(WrongRate(11), *grid).failures) == ["relaxation of the direction"]
    right = FixedLearningRate.radius_relaxation_rate
    monkeypatch.setattr(
        FixedLearningRate, "radius_relaxation_rate", lambda self, trace: (1 + 1e-6) * right(self, trace)
    )
    jax.clear_caches()
    assert set(check_consistency(VonMisesFisherGas(11), *grid).failures) == {
        "relaxation, fixed learning rate",
        "relaxation by the temperature",
        "fluctuations, fixed learning rate",
    }
