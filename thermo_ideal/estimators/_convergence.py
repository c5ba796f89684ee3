"""Whether replicas have converged to one law, and how precisely they know its mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thermo_ideal._arguments import require_finite
from thermo_ideal._display import span, with_error
from thermo_ideal.estimators._samples import as_samples, in_units

_TAIL = 0.05  # the quantiles whose effective sample size is that of the tails, as in the source


@dataclass(frozen=True, repr=False)
class Convergence:
    r"""R̂, effective sample sizes and the Monte-Carlo standard error of each quantity of a grid.

    Args:
        mean: over all draws of all replicas, `(*grid,)`.
        standard_error: of that mean, the standard deviation over the root of the effective sample size of the mean.
        split_rhat: `R̂` of halves of replicas, of normal scores of ranks: the larger of location and scale. 1 where all
            halves have one law; replicas that each stand still have ∞.
        nested_rhat: `R̂` between superchains, or None where none were named. With `M` replicas in each it is about
            `√(1 + 1/M)` or more where all is well.
        bulk_ess: the effective sample size of normal scores of ranks.
        tail_ess: the smaller of those of the 5 % and the 95 % quantile.
        replicas: the number of replicas.
        draws: of each replica.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import convergence
        >>> white = np.random.default_rng(0).normal(size=(4, 1000))
        >>> convergence(white)
        Convergence of 4 × 1000 draws: mean = -0.02(2), R̂ = 1, ESS = 3926 (bulk), 4028 (tails)
    """

    mean: np.ndarray
    standard_error: np.ndarray
    split_rhat: np.ndarray
    nested_rhat: np.ndarray | None
    bulk_ess: np.ndarray
    tail_ess: np.ndarray
    replicas: int
    draws: int

    def __repr__(self) -> str:
        mean = with_error(float(self.mean), float(self.standard_error)) if np.ndim(self.mean) == 0 else span(self.mean)
        nested = "" if self.nested_rhat is None else f", nested R̂ = {span(self.nested_rhat)}"
        return (
            f"Convergence of {self.replicas} × {self.draws} draws: mean = {mean}, R̂ = {span(self.split_rhat)}{nested}, "
            f"ESS = {span(self.bulk_ess)} (bulk), {span(self.tail_ess)} (tails)"
        )


def convergence(series: ArrayLike, *, superchains: ArrayLike | None = None) -> Convergence:
    r"""Split `R̂`, nested `R̂`, bulk and tail ESS, and the standard error of the mean.

    `R̂² = (W(n − 1)/n + B)/W` with `W` the variance within and `B` that between the halves of replicas, both of normal
    scores of ranks, so that it is defined for any law. A single replica is compared with itself, by quarters. Where
    replicas are many and short, name those that started at the same place: nested `R̂` compares the groups.

    A quantity of `10⁵` systems is for `sweep_effective_sample_size`; `effective_sample_size` is that of series that are
    each for themselves.

    Args:
        series: `(*grid, replicas, draws)` in the order of time, or `(draws,)` for one replica.
        superchains: for nested `R̂`, the group of each replica, `(replicas,)`; all groups have the same size.

    Returns:
        A `Convergence`.

    Raises:
        ValueError: samples that are no finite numbers, fewer than 4 draws, fewer draws than replicas without
            superchains (the axes may be exchanged), a quantity that is a constant, a replica that is a copy of another,
            or superchains of different sizes.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import convergence
        >>> white = np.random.default_rng(0).normal(size=(4, 1000))
        >>> bool(convergence(white).split_rhat < 1.01), bool(convergence(white + np.eye(4)[:, :1]).split_rhat < 1.01)
        (True, False)
        >>> short = np.random.default_rng(1).normal(size=(64, 8))
        >>> bool(convergence(short, superchains=np.arange(64) // 16).nested_rhat < 1.1)
        True

    Source: Vehtari et al., Bayesian Analysis 16, 667 (2021); Margossian et al., arXiv 2110.13017, nested `R̂`.
    """
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]  # it takes 0.3 s to load

    values = np.atleast_2d(as_samples("series", series))
    _require_shape(values, superchains)
    require_finite("series", values)
    *_, replicas, draws = values.shape
    _require_difference(values)
    scaled, centre, unit = _near_one(values)
    chains = scaled if replicas > 1 else scaled[..., 0, : draws - draws % 2].reshape(*scaled.shape[:-2], 2, -1)
    nested = None
    with np.errstate(divide="ignore", invalid="ignore"):  # replicas that each stand still: R̂ is infinite
        rhat = np.asarray(array_stats.rhat(chains))
        if superchains is not None:
            groups = np.unique(np.asarray(superchains), return_inverse=True)[1]
            nested = np.asarray(array_stats.rhat_nested(scaled, groups))
        bulk = np.asarray(array_stats.ess(scaled, method="bulk"))
        tail = np.asarray(array_stats.ess(scaled, method="tail", prob=_TAIL))
        error = np.asarray(array_stats.mcse(scaled, method="mean"))
    mean = centre + unit * scaled.mean(axis=(-2, -1))
    return Convergence(np.asarray(mean), np.asarray(unit * error), rhat, nested, bulk, tail, replicas, draws)


def _require_shape(values: np.ndarray, superchains: ArrayLike | None) -> None:
    *_, replicas, draws = values.shape
    if not (draws >= 4 and values.size):
        raise ValueError(f"series: got shape {values.shape}, expected (*grid, replicas, draws) with at least 4 draws")
    if superchains is None:
        if not draws >= replicas:
            raise ValueError(
                f"series: got {replicas} replicas of {draws} draws, expected the draws along the last axis, as in "
                "convergence(np.swapaxes(series, -1, -2)); of replicas that are many and short, name the groups with "
                "a common start, as in convergence(series, superchains=groups)"
            )
        return
    groups = np.asarray(superchains)
    sizes = np.unique(groups, return_counts=True)[1] if groups.shape == (replicas,) else np.zeros(1)
    if not (sizes.size >= 2 and (sizes == sizes[0]).all()):
        raise ValueError(
            f"superchains: got {superchains!r}, expected a group for each of {replicas} replicas, at least 2 groups, "
            f"of one size, as in superchains=np.arange({replicas}) // {max(1, replicas // 4)}"
        )


def _require_difference(values: np.ndarray) -> None:
    """Raises ValueError for a constant, and for a replica that is a copy of another."""
    *grid, replicas, draws = values.shape
    flat = values.reshape(-1, replicas, draws)
    constant = flat.max(axis=(1, 2)) == flat.min(axis=(1, 2))
    if constant.any():
        place = tuple(int(i) for i in np.unravel_index(int(np.argmax(constant)), grid)) if grid else ""
        where = f" at index {place}" if grid else ""
        raise ValueError(f"series: got a constant{where}, whose convergence is undefined; leave it out")
    # Copies in one quantity are copies of a run only if they move.
    for quantity in flat:
        moving = np.flatnonzero(quantity.max(axis=1) > quantity.min(axis=1))
        _, first = np.unique(quantity[moving], axis=0, return_index=True)
        if first.size < moving.size:
            copy = int(moving[np.setdiff1d(np.arange(moving.size), first)[0]])
            original = int(moving[(quantity[moving] == quantity[copy]).all(axis=1)][0])
            raise ValueError(
                f"series: got replica {copy} that is a copy of replica {original}, expected independent ones; run them "
                "with different keys"
            )


def _near_one(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Departures from the first draw in units of the largest, the first draw, and the unit: `(*grid, …)`, `(*grid,)`.

    What is smaller than the rounding of 1 is a constant to the library below, and 1e150 has no square.
    """
    flat, unit = in_units(values.reshape(*values.shape[:-2], -1))
    apart, spread = in_units(flat - flat[..., :1])
    return apart.reshape(values.shape), np.asarray(values[..., 0, 0]), np.asarray(unit * spread)
