"""Is it the entropy or the length of a step? A nearest-neighbour entropy of a path at several spacings of its samples.

If samples are not far apart in time, neighbours in space are neighbours in time, and what comes out is the logarithm of
the distance walked between two samples. Run `python examples/entropy_or_step_length.py`.
"""

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import gammaln

from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.estimators import angular_entropy, step_length_entropy

DIMENSION = 500


def path(rate, spacing, loss, samples=1000, seed=0):
    """Unit vectors of SGD on the sphere, one every `spacing` steps, with the loss `1 − μ·w̄` or without any."""
    rng, d = np.random.default_rng(seed), DIMENSION
    w, kept = rng.normal(size=d), np.empty((samples, d))
    w = np.eye(d)[0] if loss else w / np.linalg.norm(w)
    for i in range(-int(10 / rate) if loss else 0, samples * spacing):
        noise = rng.normal(size=d)
        gradient = w[0] * w - np.eye(d)[0] if loss else 0.0
        w = w - rate * (gradient + noise - (noise @ w) * w)
        w /= np.linalg.norm(w)
        if i >= 0:
            kept[i // spacing] = w
    return kept


def uniform_entropy(rate):
    """`log |S^{d−1}|`, at any learning rate."""
    return np.log(2) + DIMENSION / 2 * np.log(np.pi) - gammaln(DIMENSION / 2)


def gas_entropy(rate):
    """Of the von Mises–Fisher law at `T = η_eff/2`."""
    return float(vmf.entropy(DIMENSION, 2 / rate))


def scan(loss, settings, samples=1000):
    """What the estimator says beside the formula for the length of a step, and the entropy."""
    title = "with the loss 1 − μ·w̄" if loss else "without a loss: the law is uniform at every learning rate"
    table = Table("η_eff", "spacing", "neighbours", "step length", "entropy", title=f"d = {DIMENSION}, {title}")
    found = []
    for rate, spacing in settings:
        neighbours = angular_entropy(path(rate, spacing, loss, samples), outside="allow")
        formula = float(step_length_entropy(DIMENSION, spacing, rate, DIMENSION - 1.0))
        exact = gas_entropy(rate) if loss else uniform_entropy(rate)
        table.add_row(f"{rate:g}", f"{spacing}", f"{neighbours:.0f}", f"{formula:.0f}", f"{exact:.0f}")
        found.append((spacing, neighbours, formula, exact))
    return table, np.array(found)


def draw(found, file):
    """What moves with the spacing, and what it should be."""
    import matplotlib.pyplot as plt

    spacings, neighbours, formula, exact = found.T
    figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
    ax.plot(spacings, neighbours, "o-", label="nearest neighbours")
    ax.plot(spacings, formula, "s--", label="length of a step")
    ax.plot(spacings, exact, color="black", label="entropy of the gas")
    ax.set(xscale="log", xlabel="steps between samples", ylabel="S_dir [nat]", title="It follows the step")
    ax.legend()
    figure.savefig(file, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    console = Console()
    console.print(scan(False, [(1e-4, 25), (1e-3, 1), (1e-3, 25), (1e-3, 125)])[0])
    table, found = scan(True, [(1e-3, 1), (1e-3, 5), (1e-3, 25)])
    console.print(table)
    draw(found, "entropy_or_step_length.png")
