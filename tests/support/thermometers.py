"""Thermometers on exact samples: a temperature, a dimension and a noise are drawn, and the estimate is ranked.

If the stated error is right, the probability that an estimate's law gives to what is below the true temperature is
uniform over many such draws, whatever they are.
"""

import numpy as np
from scipy import stats

from thermo_ideal.distributions import Zonal
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedSphere
from thermo_ideal.estimators import (
    Estimate,
    temperature_from_concentration,
    temperature_from_entropy,
    temperature_from_fluctuations,
    temperature_from_noise,
    temperature_from_radius,
    temperature_pair,
)
from thermo_ideal.thermodynamics import VonMisesFisherGas

DIMENSIONS = (3, 10, 50, 200, 1000)


def log_uniform(generator, low, high):
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def drawn(generator, dimensions=DIMENSIONS):
    """`d`, `T` with `T(d − 1)` from 0.03 to 0.3, `σ` and `η_eff = 2T/σ²`."""
    d = int(generator.choice(dimensions))
    temperature, scale = log_uniform(generator, 0.03, 0.3) / (d - 1), log_uniform(generator, 0.5, 2.0)
    return d, temperature, scale, 2 * temperature / scale**2


def losses(generator, d, temperature, size):
    """Exact draws of `1 − μ·w̄`, by Wood's rejection from a transformed Beta law (Comm. Stat. Simul. 23, 157, 1994)."""
    kappa, n = 1 / temperature, int(np.prod(size))
    b = (d - 1) / (2 * kappa + np.hypot(2 * kappa, d - 1))
    centre = (1 - b) / (1 + b)
    found = np.empty(0)
    while found.size < n:
        z = generator.beta((d - 1) / 2, (d - 1) / 2, size=2 * n)
        depth = 2 * b * z / (1 - (1 - b) * z)
        excess = kappa * (1 - depth - centre) + (d - 1) * np.log((1 - centre * (1 - depth)) / (1 - centre**2))
        found = np.append(found, depth[excess >= np.log(generator.uniform(size=2 * n))])
    return found[:n].reshape(size)


def directions(generator, d, temperature, size):
    """Exact draws about the first axis, turned so that no axis is special."""
    depth = losses(generator, d, temperature, size)
    across = generator.normal(size=(size, d - 1))
    across *= (np.sqrt(depth * (2 - depth)) / np.linalg.norm(across, axis=1))[:, None]
    x = np.concatenate([1 - depth[:, None], across], axis=1)
    turn = np.ones(d) / np.sqrt(d)
    normal = turn - np.eye(d)[0]
    normal /= np.linalg.norm(normal)
    return x - 2 * np.outer(x @ normal, normal), turn


def by_noise(generator):
    d, temperature, scale, rate = drawn(generator)
    rank = d - int(generator.integers(1, d))  # some groups of weights
    return temperature_from_noise(scale**2 * generator.chisquare(rank, size=300), rate, rank), temperature


def by_sphere(generator):
    """One step of SGD from the law of the direction, before the rescaling."""
    d, temperature, scale, rate = drawn(generator, (10, 50, 200, 1000))
    radius, depth = log_uniform(generator, 0.5, 2.0), losses(generator, d, temperature, 300)
    gradient = depth * (2 - depth)
    along = rate * (np.sqrt(gradient) - scale * generator.normal(size=300))
    square = along**2 + (rate * scale) ** 2 * generator.chisquare(d - 2, size=300)  # |w'|²/r² − 1
    growth = square / (np.sqrt(1 + square) + 1) / (rate * radius**2)
    protocol = FixedSphere(rate, radius)
    found = temperature_from_radius(
        protocol, np.full(300, radius), d - 1, effective_weight_decay=growth, squared_gradient=gradient
    )
    return found, temperature


def by_radius(generator, replicas=32, steps=300):
    """The chain of radius and overlap at a fixed effective learning rate, from near its stationary state."""
    d, rate = int(generator.choice((10, 50, 200))), log_uniform(generator, 0.05, 0.1)
    trace = 0.05 / rate**2 * log_uniform(generator, 1.0, 2.0)
    scale, decay = np.sqrt(trace / (d - 1)), log_uniform(generator, 0.01, 0.1)
    protocol = FixedEffectiveLearningRate(rate, decay)
    square = np.full(replicas, rate * trace / (2 * decay))
    m, radii, gradients = np.zeros(replicas), [], []
    for step in range(2 * steps):
        s = np.sqrt(np.maximum(1 - m**2, 0.0))
        along = rate * (s - scale * generator.normal(size=replicas))
        across = (rate * scale) ** 2 * generator.chisquare(d - 2, size=replicas)
        radial = 1 - rate * square * decay
        growth = radial**2 + along**2 + across
        if step >= steps:
            radii.append(np.sqrt(square))
            gradients.append(s**2)
        m = (radial * m + along * s) / np.sqrt(growth)
        square = square * growth
    found = temperature_from_radius(protocol, np.transpose(radii), d - 1, squared_gradient=np.transpose(gradients))
    return found, rate * scale**2 / 2


def by_fluctuations(generator):
    d, temperature, *_ = drawn(generator)
    shape = (200, 10)
    found = temperature_from_fluctuations(losses(generator, d, temperature, shape), gas=VonMisesFisherGas(d))
    return found, temperature


def by_cold_fluctuations(generator):
    d, temperature, *_ = drawn(generator)
    return temperature_from_fluctuations(temperature * generator.gamma((d - 1) / 2, size=4000), rank=d - 1), temperature


def by_entropy(generator):
    """Energies of replicas of two runs, and entropies of the laws fitted to as many others.

    Those of the same draws would cancel in `u − T s` but for their second order, of which no error knows.
    """
    d, cold, *_ = drawn(generator)
    pair = cold * np.array([1.0, 1.3])
    energy = np.stack([losses(generator, d, T, (50, 400)).mean(axis=1) for T in pair])
    entropy = _entropy_of_energy(d, np.stack([losses(generator, d, T, (50, 400)).mean(axis=1) for T in pair]))
    exact = np.array([Zonal.linear(d, T).mean_depth for T in pair])
    truth = np.diff(exact)[0] / np.diff(_entropy_of_energy(d, exact))[0]
    found = temperature_from_entropy(Estimate(energy), Estimate(entropy))
    return Estimate(found.values[0]), truth


def _entropy_of_energy(d, energy):
    import jax

    with jax.enable_x64(True):
        return np.asarray(vmf.entropy(d, vmf.concentration(d, one_minus_resultant_length=energy)), np.float64)


def by_concentration(generator):
    d, temperature, *_ = drawn(generator, (10, 50, 200))
    return temperature_from_concentration(directions(generator, d, temperature, 200)[0]), temperature


def by_known_axis(generator):
    d, temperature, *_ = drawn(generator, (3, 10, 50))
    x, axis = directions(generator, d, temperature, 300)
    return temperature_from_concentration(x.reshape(100, 3, d), mean_direction=axis), temperature


def by_pair(generator, size=4000):
    d, temperature, *_ = drawn(generator)
    ratio = 1 + 2 * np.sqrt(2 / (d - 1))  # about what plan_pair says
    runs = [losses(generator, d, T, size) for T in (temperature, ratio * temperature)]
    return temperature_pair(*runs, ratio).temperature, temperature


THERMOMETERS = {
    "noise trace": by_noise,
    "radius, fixed sphere": by_sphere,
    "radius, fixed ELR": by_radius,
    "energy fluctuations": by_fluctuations,
    "energy fluctuations, cold": by_cold_fluctuations,
    "slope dU/dS": by_entropy,
    "concentration": by_concentration,
    "concentration, known axis": by_known_axis,
    "pair of runs": by_pair,
}


def scores(thermometer, count, seed=0):
    """Scores of `count` estimates against the true temperatures, and their relative errors."""
    found = [thermometer(np.random.default_rng([seed, i])) for i in range(count)]
    z = np.array([float(estimate.z_score(truth)) for estimate, truth in found])
    return z, np.array([float(estimate.standard_error / truth) for estimate, truth in found])


def rank_p_value(z, bins=20):
    """Of `χ²` over equal bins of the ranks."""
    return float(stats.chisquare(np.histogram(stats.norm.cdf(z), np.linspace(0, 1, bins + 1))[0]).pvalue)
