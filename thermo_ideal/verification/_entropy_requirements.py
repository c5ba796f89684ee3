"""Requirements that what is called an entropy is one.

A nearest-neighbour entropy of a path follows the length of its steps unless samples are far apart in time; the Maxwell
relations in hyperparameters hold for that too. The spacing of the samples and the first law tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal._display import with_error
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.estimators import Estimate
from thermo_ideal.estimators._entropy_change import reduced_heat
from thermo_ideal.estimators._replica_statistics import jackknife
from thermo_ideal.verification._comparison import Comparison
from thermo_ideal.verification._convergence_requirements import nothing_to_judge
from thermo_ideal.verification._measurements import SPACING
from thermo_ideal.verification._row import Row
from thermo_ideal.verification._score_test import ScoreTest
from thermo_ideal.verification._step_numbers import on_host
from thermo_ideal.verification._temperature_groups import TemperatureGroups

ENTROPIES = {"S_dir": "direction_entropy", "S_kNN": "direction_entropy_knn"}
_FEWEST_TEMPERATURES = 4


def entropies_stand_still(comparison: Comparison) -> list[Row]:
    """An entropy is the same where its samples are five times as far apart.

    Args:
        comparison: a protocol's measurements.
    """
    rows, use = [], comparison.stationary
    for symbol, name in ENTROPIES.items():
        claim = f"{symbol} is the same at {SPACING} × the spacing"
        change = comparison.measurements.entropy_changes.get(name)
        if change is None:
            reason = comparison.measurements.refusals.get(symbol, "no entropy of samples that are farther apart")
            rows.append(Row.unanswered(claim, reason))
        elif not use.any():
            rows.append(nothing_to_judge(claim))
        elif not np.isfinite(change[use]).all():
            rows.append(Row.unanswered(claim, f"too few samples to leave out all but one of {SPACING}"))
        else:
            estimate = Estimate(change[use])
            test = ScoreTest.of(estimate.z_score(0.0))
            shift, error = estimate.value.mean(), np.sqrt(np.mean(estimate.standard_error**2) / use.sum())
            rows.append(Row.of_test(claim, f"moves by {with_error(shift, error)} nat, {test}", test.p_value))
    return rows


def entropy_fits_energy(comparison: Comparison) -> list[Row]:
    """The entropy from the positions is that of the von Mises–Fisher law of the same mean loss, a route of its own.

    Replicas are left out in turn, as for the entropy from the positions, since the entropy of a mean is biased. What
    discrete SGD adds to the difference is that of its exact law.

    Args:
        comparison: a protocol's measurements of the von Mises–Fisher loss.
    """
    claim, use = "S_dir is the entropy of the law fitted to U", comparison.stationary
    zonal = comparison.loss.zonal
    if zonal is None or not zonal.linear_in_overlap:
        return [Row.unanswered(claim, "the loss is not 1 − μ·w̄, whose law the mean loss alone determines")]
    if not {"U", "S_dir"} <= comparison.quantities.keys():
        return [Row.unanswered(claim, "no losses and overlaps of every run; give overlaps=")]
    if not use.any():
        return [nothing_to_judge(claim)]
    energy, entropy = comparison.quantities["U"], comparison.quantities["S_dir"]

    def entropy_of(means: np.ndarray) -> np.ndarray:
        return np.asarray(on_host(_entropy_of_energy(comparison.dimension), means))

    fitted = jackknife(entropy_of, energy.simulated.values[use]).values
    exact = entropy_of(energy.exact[use])
    test = ScoreTest.of(Estimate(entropy.simulated.values[use] - fitted).z_score(entropy.exact[use] - exact))
    return [Row.of_test(claim, str(test), test.p_value)]


def _entropy_of_energy(dimension: int) -> Callable[[jnp.ndarray], jnp.ndarray]:
    return lambda energy: vmf.entropy(dimension, vmf.concentration(dimension, 1 - energy))


def obeys_first_law(comparison: Comparison) -> list[Row]:
    """Between the lowest and the highest temperature every entropy grows by `∫dU/T`.

    `U/T` is interpolated by a spline in `log T`, so that `∫dU/T = Δ(U/T) + ∫(U/T) d log T`. What is left of the spline
    and of the step size is that of the exact law.

    Args:
        comparison: a protocol's measurements.
    """
    use, rows = comparison.stationary, []
    for symbol in ENTROPIES:
        claim = f"first law: Δ{symbol} = ∫dU/T"
        if not {"U", symbol} <= comparison.quantities.keys():
            reason = comparison.measurements.refusals.get(symbol, "no energies and entropies of every run")
            rows.append(Row.unanswered(claim, reason))
            continue
        groups = TemperatureGroups.of(comparison)
        if len(groups.temperatures) < _FEWEST_TEMPERATURES:
            found, least = len(groups.temperatures), _FEWEST_TEMPERATURES
            rows.append(Row.unanswered(claim, f"{found} temperatures at stationary points, expected {least} or more"))
            continue
        energy, entropy = comparison.quantities["U"], comparison.quantities[symbol]
        measured = Estimate(_surplus(groups, energy.simulated.values, entropy.simulated.values))
        exact = 0.0
        if comparison.law is not None:
            exact = _surplus(groups, energy.exact[..., None], entropy.exact[..., None]).item()
        score = float(measured.z_score(exact))
        grows = float(np.ptp(groups.means(entropy.simulated.values).mean(axis=-1)[[0, -1]]))
        text = f"off by {with_error(float(measured.value) - exact, float(measured.standard_error))} of {grows:.3f} nat"
        rows.append(Row.of_test(claim, f"{text} (z = {score:+.1f})", 2 * scipy.stats.norm.sf(abs(score))))
    return rows if use.any() else [nothing_to_judge(row.claim) for row in rows]


def _surplus(groups: TemperatureGroups, energies: np.ndarray, entropies: np.ndarray) -> np.ndarray:
    """`ΔS − ∫dU/T` of each replica."""
    entropy = groups.means(entropies)
    return np.asarray(entropy[-1] - entropy[0] - reduced_heat(groups.temperatures, groups.means(energies)))
