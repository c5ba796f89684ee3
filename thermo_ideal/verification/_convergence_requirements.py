"""Requirements on the runs themselves: finite, equilibrated, long enough, and independent of each other."""

from __future__ import annotations

import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal.verification._compare import LONG_ENOUGH, lasts
from thermo_ideal.verification._comparison import Comparison
from thermo_ideal.verification._row import Row
from thermo_ideal.verification._score_test import ScoreTest

_LARGEST_R_HAT, _FEWEST_SAMPLES = 1.01, 400
_NO_LOSSES = "no losses and their variance within runs; give losses= of every run"


def runs_are_finite(comparison: Comparison) -> list[Row]:
    """No run became NaN or infinite; the points of those that did are left out of all other rows.

    Args:
        comparison: a protocol's measurements.
    """
    lost = comparison.lost_runs
    replicas = next(iter(comparison.quantities.values())).simulated.replicas
    measured = f"{lost.sum()} of {lost.size * replicas} runs, at {(lost > 0).sum()} grid points"
    return [Row("no run is NaN or infinite", measured, "none", bool(lost.sum() == 0))]


def burn_in_is_long_enough(comparison: Comparison) -> list[Row]:
    """Every burn-in lasted ten relaxation times; the points of those that did not are left out of all other rows.

    Args:
        comparison: a protocol's measurements.
    """
    claim, times = "the burn-in is long enough", comparison.measurements.burn_in
    if times is None:
        return [Row.unanswered(claim, "no number of steps before the first sample; give burn_in= in steps")]
    short = ~lasts(times)
    left_out = f", {short.sum()} points are left out" if short.any() else ""
    shortest = np.min(times) if times.size else np.nan
    measured = f"{shortest:.3g} relaxation times at least{left_out}"
    return [Row(claim, measured, f"≥ {LONG_ENOUGH:g}", bool(not short.any()))]


def starts_agree(comparison: Comparison) -> list[Row]:
    """Replicas that started inside agree with those that started outside.

    Args:
        comparison: a protocol's measurements.
    """
    claim, use = "starts inside and outside agree", comparison.stationary
    if not len(comparison.starts_apart):
        return [Row.unanswered(claim, "no two kinds of starts; start replicas inside and outside, and say which")]
    if not use.any():
        return [nothing_to_judge(claim)]
    test = ScoreTest.of(comparison.starts_apart[:, use])
    return [Row.of_test(claim, str(test), test.p_value)]


def replicas_mix(comparison: Comparison) -> list[Row]:
    """The potential scale reduction `R̂ = √(1 + B/W)` of the loss, and its effective samples `W/B` a replica.

    `B` is the variance of the replicas' means, `W` the mean of the variances within runs.

    Args:
        comparison: a protocol's measurements.
    """
    claims, use = ("replicas mix: R̂ of the loss", "the loss has enough effective samples"), comparison.stationary
    runs = comparison.measurements.runs
    if not {"loss", "energy_variance"} <= runs.keys():
        return [Row.unanswered(claim, _NO_LOSSES) for claim in claims]
    if not use.any():
        return [nothing_to_judge(claim) for claim in claims]
    means, within = runs["loss"][use], runs["energy_variance"][use].mean(axis=-1)
    if not (within > 0).all():
        return [Row.unanswered(claim, "a loss that is constant within runs") for claim in claims]
    ratio = means.var(axis=-1, ddof=1) / within
    worst, fewest = float(np.sqrt(1 + ratio).max()), float((means.shape[-1] / ratio).min())
    return [
        Row(claims[0], f"{worst:.4f} at most", f"< {_LARGEST_R_HAT}", worst < _LARGEST_R_HAT),
        Row(claims[1], f"{fewest:.0f} at least", f"≥ {_FEWEST_SAMPLES}", fewest >= _FEWEST_SAMPLES),
    ]


def replicas_are_independent(comparison: Comparison) -> list[Row]:
    """No two runs are the same, and those of neighbouring points do not depart from their means together.

    Args:
        comparison: a protocol's measurements.
    """
    claim, use = "replicas are independent", comparison.stationary
    if "U" not in comparison.quantities:
        return [Row.unanswered(claim, "no losses of every run; give losses=")]
    if not use.any():
        return [nothing_to_judge(claim)]
    values = np.stack([quantity.simulated.values[use] for quantity in comparison.quantities.values()], axis=-1)
    whole = values.reshape(-1, values.shape[-1])
    repeated = len(whole) - len(np.unique(whole, axis=0))
    if repeated:
        return [Row(claim, f"{repeated} runs are equal to another in every quantity", "none", False)]
    score = _correlation_of_neighbours(comparison.quantities["U"].simulated.values, use)
    return [
        Row.of_test(claim, f"correlation of neighbouring points z = {score:+.1f}", 2 * scipy.stats.norm.sf(abs(score)))
    ]


def _correlation_of_neighbours(values: np.ndarray, use: np.ndarray) -> float:
    """The score of the correlation over replicas, summed over pairs of points that are next to each other."""
    apart = np.where(use[..., None], values, np.nan)
    apart = apart - apart.mean(axis=-1, keepdims=True)
    length = np.sqrt((apart**2).sum(axis=-1, keepdims=True))
    apart = apart / np.where(length > 0, length, np.nan)
    found = []
    for axis in range(use.ndim):
        along = np.moveaxis(apart, axis, 0)
        found.append((along[1:] * along[:-1]).sum(axis=-1).ravel())
    correlations = np.concatenate(found) if found else np.zeros(0)
    correlations = correlations[np.isfinite(correlations)]
    # Of independent replicas a correlation has the variance 1/(replicas − 1), whatever the law.
    return float(correlations.sum() * np.sqrt((values.shape[-1] - 1) / max(len(correlations), 1)))


def nothing_to_judge(claim: str) -> Row:
    """The row of a claim about points none of which is stationary."""
    return Row.unanswered(claim, "no point is stationary, with all its runs finite")
