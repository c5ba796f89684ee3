"""Exact nearest neighbours beside scikit-learn's, in many dimensions and in few.

Run `python benchmarks/nearest_neighbours.py`. No time is ever a failure; distances that differ are.
"""

import sys
from functools import partial

import numpy as np
from racing import digits, import_peer, new_table, race, ratio
from rich.console import Console

from thermo_ideal.estimators import neighbour_distances

TOLERANCE = 1e-3  # theirs cancels where neighbours are near, the more the smaller the distance
# (sets, N, D), rounds, and scikit-learn's algorithm, the faster of two: that is `auto` in few dimensions.
CASES = (((1, 4000, 43_692), 1, "brute"), ((289, 1000, 2), 5, "auto"), ((289, 1000, 3), 5, "auto"))


def by_scikit_learn(neighbours, samples, algorithm):
    """A loop over the sets."""

    def one(x):
        return neighbours.NearestNeighbors(n_neighbors=2, algorithm=algorithm).fit(x).kneighbors(x)[0][:, 1]

    return np.stack([one(x) for x in samples])


def main():
    """Prints the table; 1 if distances differ by more than single precision does."""
    neighbours = import_peer("sklearn.neighbors")
    headings = ("ours, s", "scikit-learn / ours", "differ by")
    table, worst = new_table("Distances to nearest neighbours", ("sets, N, D", "scikit-learn's"), headings), 0.0
    for shape, rounds, algorithm in CASES:
        x, found = np.random.default_rng(0).normal(size=shape).astype(np.float32), {}
        calls = {"ours": neighbour_distances}
        if neighbours:
            calls["theirs"] = partial(by_scikit_learn, neighbours, algorithm=algorithm)

        def entrant(name, x=x, calls=calls, found=found):
            found[name] = calls[name](x)

        taken = race({name: (partial(entrant, name), 1) for name in calls}, rounds)
        apart = [float(np.abs(distances / found["ours"] - 1).max()) for distances in found.values()]
        worst = max(worst, *apart)
        cells = digits(taken["ours"].wall), ratio(taken, "theirs", "ours"), f"{max(apart):.0e}"
        table.add_row(str(shape), algorithm, *cells)
    Console(width=120).print(table)
    return int(not worst < TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
