"""What a sweep costs: memory, and time over that of the bare integrator.

python benchmarks/sweeps.py --systems 100000
"""

import argparse
import resource
import tempfile
import time

import jax
import numpy as np

from thermo_ideal.sweeps import Grid, Sweep, geomspace, predict, run
from thermo_ideal.sweeps._layout import Layout


def sweep(systems: int, num_steps: int = 10_000) -> Sweep:
    """A square grid of the zonal chain at d = 10⁴."""
    side = round(systems**0.5)
    rates = geomspace(1e-3, 1e-2, side)
    grid = Grid("fixed-elr", effective_learning_rate=rates, weight_decay=geomspace(1e-2, 1e-1, -(-systems // side)))
    given = {"integrator": "zonal", "dimension": 10_000, "noise_scale": 0.01, "num_steps": num_steps}
    return Sweep("stationary", [grid], samples=10, stride=4, **given)


def bare(made: Sweep) -> float:
    """CPU seconds of the same blocks, simulated and thrown away."""
    layout = Layout.of(made)
    began = time.process_time()
    for number in range(len(layout.steps)):
        layout.block(number).simulate(devices=jax.devices()[:1])
    return time.process_time() - began


def main(systems: int) -> None:
    """Prints what was predicted and what it took."""
    small = sweep(max(systems // 10, 100))
    bare(small)  # compiles
    with tempfile.TemporaryDirectory() as folder:
        run(small, folder, devices=jax.devices()[:1])  # loads what reads and writes
    made = sweep(systems)
    print(predict(made, seconds=5.0, workers=1), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.monotonic(), time.process_time()
        results = run(made, folder, devices=jax.devices()[:1], progress=True)
        took, ours = time.monotonic() - began, time.process_time() - cpu
        finite = np.isfinite(results["fixed-elr"]["loss"]).mean()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{made.points} systems: {took:.0f} s, peak {peak:.2f} GB, {float(finite):.1%} finite")
    theirs = bare(made)
    print(f"{ours:.1f} s of CPU, bare integrator {theirs:.1f} s, {ours / theirs - 1:+.1%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", type=int, default=100_000)
    main(parser.parse_args().systems)
