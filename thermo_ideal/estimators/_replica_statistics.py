"""Functions of means over replicas, as estimates: jackknife for one run, influences for two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thermo_ideal._arguments import require_finite
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._samples import as_samples


def as_replicas(name: str, value: object, fewest: int = 2) -> np.ndarray:
    """`(replicas, draws)` of double precision; of `(replicas,)` each number is an independent replica.

    Raises:
        ValueError: another shape, too few replicas, or numbers that are not finite.
    """
    values = as_samples(name, value)
    shape = values.shape
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not (values.shape[0] >= fewest and values.shape[1] >= 1):
        raise ValueError(
            f"{name}: got shape {shape}, expected (replicas, draws) with at least {fewest} independent replicas; one "
            f"long run may be cut into blocks, as in {name}.reshape(32, -1), each many relaxation times long"
        )
    require_finite(name, values)
    return values


def pseudo_values(whole: np.ndarray | float, without: np.ndarray) -> np.ndarray:
    """`nθ − (n − 1)θ_i`: their mean is free of the bias of first order, their spread is the error.

    Args:
        whole: `θ` of all `n` replicas, `(*grid,)`.
        without: `θ_i` without replica `i`, `(*grid, n)`.

    Source: Quenouille, Biometrika 43, 353 (1956); Tukey, Ann. Math. Statist. 29, 614 (1958).
    """
    theta = np.asarray(whole)[..., None]
    return np.asarray(theta + (without.shape[-1] - 1) * (theta - without))


def jackknife(function: Callable[..., np.ndarray], *terms: np.ndarray) -> Estimate:
    """A function of means over replicas, free of its bias of first order.

    Args:
        function: of as many arrays of means `(sets, *grid)`, for each set by itself.
        terms: what the means are of, each `(*grid, replicas)`.

    Returns:
        An `Estimate` of pseudo-values, one for each replica.
    """
    n = terms[0].shape[-1]
    means = []
    for x in terms:
        total, own = x.sum(axis=-1), np.moveaxis(x, -1, 0)
        means.append(np.concatenate([total[None] / n, (total - own) / (n - 1)]))
    whole, *without = function(*means)
    return Estimate(pseudo_values(whole, np.stack(without, axis=-1)))


def of_two_runs(value: float | np.ndarray, first: np.ndarray, second: np.ndarray) -> Estimate:
    """An estimate from two independent runs, by what each replica adds to it.

    Args:
        value: the estimate, `(*grid,)`.
        first: how far the estimate moves with the first run's replicas, each over their number, `(*grid, replicas)`.
        second: likewise of the second run.

    Returns:
        An `Estimate` with one value for each replica, those of the first run before the others.
    """
    n = first.shape[-1] + second.shape[-1]
    apart = [n * (x - x.mean(axis=-1, keepdims=True)) / x.shape[-1] for x in (first, second)]
    return Estimate(np.asarray(value)[..., None] + np.concatenate(apart, axis=-1))
