"""Training logs whose law is known exactly: SGD with momentum by its second moments, without a loss, in plain NumPy."""

import numpy as np

DIMENSION = 50


def loss_free_runs(seed, num_steps, *, learning_rate, weight_decay, momentum=0.0, decay="coupled", start=None, runs=1):
    """Radius and gradient norm at every step, `(num_steps, runs)`: noise of scale 1 across the weights.

    `|w|²`, `w·v` and `|v|²` are a Markov chain: the noise has one part along the rest of `v` and d − 2 across both.
    """
    rng = np.random.default_rng(seed)
    rate = learning_rate if callable(learning_rate) else lambda step: learning_rate
    square = np.full(runs, 2.0 if start is None else start**2)
    product, speed = np.zeros(runs), np.zeros(runs)
    radius, gradient = np.empty((num_steps, runs)), np.empty((num_steps, runs))
    for step in range(num_steps):
        eta, r = rate(step), np.sqrt(square)
        along, across = product / r, np.sqrt(np.maximum(speed - product**2 / square, 0.0))
        beside, rest = rng.normal(size=runs) / r, rng.chisquare(DIMENSION - 2, runs) / square
        radius[step], gradient[step] = r, np.sqrt(beside**2 + rest)
        along = momentum * along + (weight_decay * r if decay == "coupled" else 0.0)
        across = momentum * across + beside
        kept = r * (1.0 if decay == "coupled" else 1 - eta * weight_decay)
        speed = along**2 + across**2 + rest
        square = kept**2 - 2 * eta * kept * along + eta**2 * speed
        product = kept * along - eta * speed
    return radius, gradient


def write_csv(path, **columns):
    """A log with these columns."""
    rows = np.stack(list(columns.values()), axis=1)
    np.savetxt(path, rows, delimiter=",", header=",".join(columns), comments="", fmt="%.10g")
    return path
