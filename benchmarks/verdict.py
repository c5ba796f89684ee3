"""How often the verdict rejects the right world and wrong ones, over repeated simulations.

Run `python benchmarks/verdict.py --datasets 200`. The datasets are discrete SGD on `1 − μ·w̄` at d = 10 on the sphere,
at nine effective learning rates, each with 8 replicas of 400 samples one relaxation time apart.
"""

import argparse

import jax
import numpy as np
from racing import new_table
from rich.console import Console

from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.integrators import ZonalEulerMaruyama, simulate
from thermo_ideal.thermodynamics import plan
from thermo_ideal.verification import REQUIREMENTS, verify_samples

RATES, D, REPLICAS, SAMPLES = np.geomspace(2e-3, 2e-2, 9), 10, 8, 400
REST = REQUIREMENTS[1:]


def sgd(rates=RATES, noise_scale=1.0):
    """At all learning rates, or some."""
    return SGD(VonMisesFisherLoss(), IsotropicNoise(noise_scale), FixedSphere(rates, 1.0))


def simulated_depths(datasets, key, burn_in_times=10.0, interval_times=1.0):
    """Depths `(datasets, rates, replicas, samples)`; half of the replicas start cold, half at the equator."""
    depths = np.empty((datasets, len(RATES), REPLICAS, SAMPLES))
    start = np.broadcast_to(np.where(np.arange(REPLICAS) < REPLICAS // 2, 0.999, 0.0), (datasets, REPLICAS))
    for i, rate in enumerate(RATES):
        system = sgd(rate)
        time = float(plan(system, D).direction_time)
        interval, burn_in = max(1, round(interval_times * time)), round(burn_in_times * time)
        chain = ZonalEulerMaruyama(system, D)
        position = chain.start(radius=1.0, overlap=start)
        steps = burn_in + SAMPLES * interval
        run = simulate(jax.random.fold_in(key, i), chain, position, steps, burn_in=burn_in, save=interval)
        along, across = run.samples[:SAMPLES, ..., 0], run.samples[:SAMPLES, ..., 1]
        angle = np.arctan2(across.astype(np.float64), along.astype(np.float64))
        depths[:, i] = np.moveaxis(2 * np.sin(angle / 2) ** 2, 0, -1)
    return depths


def cold_directions(variances, rng):
    """Directions with normal tangent coordinates of these variances, in units of the temperature."""
    x = rng.normal(size=(len(RATES), REPLICAS, SAMPLES, D - 1))
    x *= np.sqrt(RATES / 200)[:, None, None, None] * np.sqrt(variances)
    return np.concatenate([np.sqrt(1 - (x**2).sum(axis=-1, keepdims=True)), x], axis=-1)


def rejected(verdict):
    """The claims that do not hold."""
    return {row.claim for rows in verdict.rows.values() for row in rows if row.evaluated and not row.passed}


def duplicated(depths):
    """With the first replica in the place of the second."""
    depths = depths.copy()
    depths[:, 1] = depths[:, 0]
    return depths


def main() -> None:
    """Prints how many datasets of each world are rejected, and by which row most often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=200)
    datasets = parser.parse_args().datasets
    key, rng = jax.random.key(0), np.random.default_rng(0)
    depths = simulated_depths(datasets, key)
    short = simulated_depths(datasets, jax.random.fold_in(key, 100), interval_times=8 / SAMPLES)
    transient = simulated_depths(datasets, jax.random.fold_in(key, 101), burn_in_times=0.1, interval_times=0.02)
    burn_in = 10**6

    def judge(depths, system=None, dimension=D, **more):
        overlaps = 1 - depths
        return verify_samples(system or sgd(), dimension, overlaps=overlaps, burn_in=burn_in, requirements=REST, **more)

    inside = np.arange(REPLICAS) < REPLICAS // 2
    mild, cold = np.linspace(0.6, 1.4, D - 1), sgd(RATES / 100)
    cold = SGD(VonMisesFisherLoss(np.eye(D)[0]), cold.noise, cold.protocol)
    worlds = {
        "the right one": lambda i: judge(depths[i], started_inside=inside),
        "temperature 2 % lower (σ by 1 %)": lambda i: judge(depths[i], sgd(noise_scale=1.01)),
        "d = 9 for 10": lambda i: judge(depths[i], dimension=9),
        "losses × 1.005": lambda i: judge(depths[i], losses=1.005 * depths[i]),
        "learning rates in the reverse order": lambda i: judge(depths[i], sgd(RATES[::-1].copy())),
        "a run that is not equilibrated": lambda i: judge(transient[i], started_inside=inside),
        "a queue of eight relaxation times": lambda i: judge(short[i]),
        "a replica that is there twice": lambda i: judge(duplicated(depths[i])),
        "variances of the noise from 0.6 to 1.4": lambda i: verify_samples(
            cold, weights=cold_directions(mild, rng), requirements=REST
        ),
        "its control, all alike": lambda i: verify_samples(
            cold, weights=cold_directions(np.ones(D - 1), rng), requirements=REST
        ),
    }
    declared = judge(depths[0]).false_alarm_rate
    title = f"Rejected of {datasets} datasets; the verdict declares {declared:.2%}"
    table = new_table(title, ["world", "most often by"], ["rejected"])
    for world, verdict in worlds.items():
        found = [rejected(verdict(i)) for i in range(datasets)]
        counts = {}
        for claims in found:
            for claim in claims:
                counts[claim] = counts.get(claim, 0) + 1
        most = max(counts, key=counts.get) if counts else "–"
        table.add_row(world, most, f"{sum(map(bool, found)) / datasets:.1%}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
