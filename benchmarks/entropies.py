"""What each entropy is off by: `python -m benchmarks.entropies [samples] [repetitions]`, 4000 and 4 if not said.

Samples are exact ones of the von Mises–Fisher law at T(d − 1) = 0.3, in 8 replicas; a cell is the mean error with its
standard error and, in brackets, the standard error that the estimator states. Where an estimator refuses, its number is
shown in parentheses if it can be made to give one.
"""

import sys
import time
from functools import partial

import numpy as np
from rich.console import Console

from benchmarks.racing import new_table
from thermo_ideal._display import with_error
from thermo_ideal.estimators import (
    Estimate,
    angular_entropy,
    entropy_calibration,
    gaussian_entropy,
    geodesic_entropy,
    low_rank_entropy,
    radial_entropy,
    spherical_entropy,
    von_mises_fisher_entropy,
)

DIMENSIONS = (2, 3, 10, 20, 50, 200, 1000)
REPLICAS = 8


def in_angles(x, **known):
    """The paper's estimator, of all replicas together; it states no error."""
    return Estimate(np.full(2, angular_entropy(x.reshape(-1, x.shape[-1]), **known)))


# Each with what it does where it would refuse, if there is that.
ESTIMATORS = {
    "fitted von Mises–Fisher law": (von_mises_fisher_entropy, None),
    "radial": (radial_entropy, None),
    "normal in the tangent plane": (gaussian_entropy, None),
    "low rank": (low_rank_entropy, None),
    "neighbours along the sphere": (geodesic_entropy, partial(geodesic_entropy, outside="allow")),
    "neighbours, angles in units": (spherical_entropy, None),
    "neighbours, angles as they are": (in_angles, partial(in_angles, outside="allow")),
}


def cell(estimator, dimension, samples, repetitions):
    """The mean error, its error, and the one that is stated."""
    known = {"replicas": REPLICAS, "samples": samples // REPLICAS, "repetitions": repetitions}
    found = entropy_calibration(estimator, dimension, 0.3 / (dimension - 1), **known)
    return f"{with_error(found.bias, float(found.errors.standard_error))} [{found.stated_error:.2g}]"


def main(samples, repetitions):
    """Prints the table."""
    table = new_table(
        f"error in nats at T(d − 1) = 0.3 from {samples} samples, {repetitions} times",
        ("estimator",),
        (*(f"d = {d}" for d in DIMENSIONS), "s"),
    )
    for name, (estimator, forced) in ESTIMATORS.items():
        began, cells = time.perf_counter(), []
        for d in DIMENSIONS:
            try:
                cells.append(cell(estimator, d, samples, repetitions))
            except ValueError:
                cells.append("–" if forced is None else f"({cell(forced, d, samples, repetitions)})")
        table.add_row(name, *cells, f"{time.perf_counter() - began:.0f}")
    Console(width=200).print(table)


if __name__ == "__main__":
    main(*(int(x) for x in sys.argv[1:3] or (4000, 4)))
