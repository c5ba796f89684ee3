"""Directions of known laws, with the exact entropies, by means of their own."""

import numpy as np
from scipy import special


def von_mises_fisher(d, temperature, shape, seed):
    """Samples by inversion of the overlap's law on a fine grid, and the exact entropy by quadrature."""
    theta = np.linspace(0, np.pi, 400_001)[1:-1]
    log_density = (d - 2) * np.log(np.sin(theta)) - 2 * np.sin(theta / 2) ** 2 / temperature
    area = np.log(2) + (d - 1) / 2 * np.log(np.pi) - special.gammaln((d - 1) / 2)
    weights = np.exp(log_density - log_density.max())
    log_total = np.log(weights.sum() * (theta[1] - theta[0])) + log_density.max() + area
    energy = (weights @ (2 * np.sin(theta / 2) ** 2)) / weights.sum()
    rng = np.random.default_rng(seed)
    angle = np.interp(rng.random(shape), np.cumsum(weights) / weights.sum(), theta)
    around = rng.normal(size=(*shape, d - 1))
    around /= np.linalg.norm(around, axis=-1, keepdims=True)
    directions = np.concatenate([np.cos(angle)[..., None], np.sin(angle)[..., None] * around], axis=-1)
    # In an oblique frame.
    mirror = np.ones(d) / np.sqrt(d) - np.eye(d)[0]
    directions -= 2 / (mirror @ mirror) * (directions @ mirror)[..., None] * mirror
    return directions, log_total + energy / temperature


def normal_directions(variances, rng, shape=(8, 400)):
    """Normal tangent coordinates of these variances about the first axis."""
    x = rng.normal(size=(*shape, len(variances))) * np.sqrt(variances)
    return np.concatenate([np.sqrt(1 - (x**2).sum(axis=-1, keepdims=True)), x], axis=-1)
