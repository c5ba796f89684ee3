"""What networks are asked: what must hold for any scale-invariant loss, and whether they are an ideal gas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

from thermo_ideal._display import with_error
from thermo_ideal.dynamics._protocols import PROTOCOLS
from thermo_ideal.estimators import Estimate
from thermo_ideal.networks._comparison import NetworkComparison
from thermo_ideal.verification import Row

# Fits and worst relative errors that arXiv 2511.07308 reports for its networks, by protocol.
_PAPER = {
    "fixed-elr": "paper: R² 0.979 … 0.998, 1.9 … 6.5 %",
    "fixed-lr": "paper: R² 0.841 … 0.994, 3.0 … 23 %",
    "fixed-sphere": "paper: R² 0.941 … 0.996",
}
_FARTHEST = 1e100  # of a score, beyond which it is infinite
NOT_ASKED = (
    ("the Gibbs law exp(−L/T), and U(T) of it", "the loss as a function of the weights is not known in closed form"),
    ("Var L = T² C_V", "the loss of a mini-batch varies with its examples as well as with the weights"),
    ("F and G are smallest at their own point", "they need an entropy at every point of the grid"),
    ("an entropy by covariances", "it takes more samples than weights that are independent of each other"),
)
"""Claims about gases that these measurements cannot be asked about, and why."""


@dataclass(frozen=True, repr=False)
class NetworkJudgement:
    """The runs of an experiment on networks beside theory.

    Args:
        comparisons: by protocol.
        required: rows of what holds for every scale-invariant loss and so must come out, by protocol.
        asked: rows of what holds for an ideal gas, which a network may be or not, by protocol.

    Example:
        >>> from thermo_ideal.networks import NetworkJudgement
        >>> NetworkJudgement({}, {}, {}).passed
        False
    """

    comparisons: Mapping[str, NetworkComparison]
    required: Mapping[str, tuple[Row, ...]]
    asked: Mapping[str, tuple[Row, ...]]

    @property
    def passed(self) -> bool:
        """Whether all that is required could be asked and holds."""
        rows = [row for rows in self.required.values() for row in rows]
        return bool(rows) and all(row.passed for row in rows)

    @property
    def summary(self) -> str:
        """How much of it holds."""
        counts = []
        for about, found in (("required", self.required), ("of an ideal gas", self.asked)):
            rows = [row for rows in found.values() for row in rows]
            counts.append(f"{sum(row.passed for row in rows)} of {len(rows)} {about} hold")
        return f"{'PASSED' if self.passed else 'FAILED'}: {', '.join(counts)}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """At which effective learning rates the reported number is an entropy, and what the entropy is, by protocol."""
        return tuple(_sentence(comparison) for comparison in self.comparisons.values())

    def __repr__(self) -> str:
        return f"NetworkJudgement, {self.summary}"

    def beside(self, results: xr.DataTree) -> xr.DataTree:
        """The measurements with what they were compared to.

        Args:
            results: the tree that was judged.

        Returns:
            A copy with temperatures, `p V_g/(R_g T_g)`, that over discrete SGD's, angles over theory's and the length
            of a step, each with the standard error over replicas, and which points are stationary.
        """
        beside = results.copy()
        for name, comparison in self.comparisons.items():
            data, grid = beside.children[name].to_dataset(inherit=False), [axis for axis, _ in comparison.axes]
            found = {
                "group_temperature": (comparison.gas.temperature, "group"),
                "compressibility_factor": (comparison.continuous, "group"),
                "compressibility_factor_discrete": (comparison.discrete, "group"),
                "angle_over_theory": (comparison.angle, "group"),
                "step_length": (comparison.step_length, "spacing"),
                "temperature_spread": (comparison.gas.temperature_spread, None),
            }
            for variable, (estimate, last) in found.items():
                dims = grid if last is None else [*grid, last]
                data[variable] = dims, estimate.value
                data[f"{variable}_error"] = dims, estimate.standard_error
            data["stationary"] = grid, comparison.stationary
            beside[name].dataset = data
        beside.attrs = beside.attrs | {"judgement": self.summary, "sentences": list(self.sentences)}
        return beside


def judge_networks(results: xr.DataTree, assumed_trace: float = 1.0) -> NetworkJudgement:
    """Compares an experiment on networks with theory.

    Args:
        results: a tree with a dataset for each protocol, of the experiment "networks".
        assumed_trace: by what the measured `Tr Σ` is multiplied in predictions: with 1.3 what is required must fail.

    Returns:
        A `NetworkJudgement`.

    Raises:
        ValueError: a tree without such datasets, or a factor that is not positive.

    Example:
        >>> import xarray as xr
        >>> from thermo_ideal.networks import judge_networks
        >>> judge_networks(xr.DataTree())
        Traceback (most recent call last):
        ValueError: results: got no dataset, expected one for each protocol, as in open_results("networks/results.zarr")

    Source: arXiv 2511.07308 for the gas; `NetworkComparison` has the formulas.
    """
    if not results.children:
        raise ValueError(
            'results: got no dataset, expected one for each protocol, as in open_results("networks/results.zarr")'
        )
    if not 0 < assumed_trace < np.inf:
        raise ValueError(f"assumed_trace: got {assumed_trace}, expected a number > 0, as in 1.3")
    comparisons = {}
    for name, child in results.children.items():
        if child.attrs.get("experiment") != "networks":
            raise ValueError(
                f"results: got {name} of experiment {child.attrs.get('experiment')!r}, expected 'networks', as "
                "`thermo-ideal reproduce networks` makes them"
            )
        if child.attrs.get("protocol") not in PROTOCOLS:
            raise ValueError(
                f"results: got the protocol {child.attrs.get('protocol')!r}, expected one of "
                f"{', '.join(map(repr, PROTOCOLS))}, whose balances are known"
            )
        comparisons[str(name)] = NetworkComparison(child.to_dataset(inherit=False).load(), assumed_trace)
    return NetworkJudgement(
        comparisons,
        {name: _required(comparison) for name, comparison in comparisons.items()},
        {name: _asked(comparison) for name, comparison in comparisons.items()},
    )


def _scored(claim: str, scores: np.ndarray, also: str = "") -> Row:
    """The test of scores `(points, columns)`: points are independent, what is in one row need not be.

    The largest of all by Bonferroni, and of each column the sum of squares, whichever is less probable.
    """
    if not scores.size:
        return Row.unanswered(claim, "no point is stationary; run longer")
    z = np.abs(np.reshape(scores, (len(scores), -1)))
    z = np.where(z < _FARTHEST, z, np.inf)  # NaN is as far as can be, too
    each = 2 * z.size * stats.norm.sf(z.max())
    together = z.shape[1] * stats.chi2.sf((z**2).sum(axis=0).max(), len(z))
    p = min(1.0, 2 * float(min(each, together)))
    rms = float(np.sqrt((z**2).mean()))
    return Row.of_test(claim, f"{also}|z| {z.max():.1f} at most, rms {rms:.1f} of {z.size}", p)


def _departure(ratio: Estimate, use: np.ndarray) -> str:
    apart = np.abs(ratio.value[use] - 1)
    return f"off by {np.median(apart):.1%}, {apart.max():.1%} at most; " if apart.size else ""


def _required(comparison: NetworkComparison) -> tuple[Row, ...]:
    lost = int((comparison.data["diverged_at"].values > 0).sum())
    use = comparison.stationary
    rows = [
        Row("no run is NaN or infinite", f"{lost} of {comparison.data['diverged_at'].size} are", "none", lost == 0),
        _scored("the burn-in is long enough: U, log r, Tr Σ", np.moveaxis(comparison.drift, 0, -1).reshape(-1, 3)),
    ]
    discrete = comparison.discrete
    rows += [
        _scored(
            f"{what}: r in balance with Tr Σ + |∇L|², by discrete SGD",
            discrete.z_score(1.0)[use][:, of],
            _departure(Estimate(discrete.values[..., of, :]), use),
        )
        for what, of in (("the whole", slice(-1, None)), ("every group", slice(0, -1)))
    ]
    if comparison.law_of_rate:
        energy, other = comparison.energy.values, comparison.axes[1][0].replace("_", " ")
        last = energy.shape[1] // 2 * 2  # neighbours in pairs, which are independent of each other
        apart = Estimate(energy[:, 1:last:2] - energy[:, :last:2])
        pairs = use[:, 1:last:2] & use[:, :last:2]
        rows.append(_scored(f"U depends on η_eff, not on the {other}", apart.z_score(0.0)[pairs]))
    return tuple(rows)


def _asked(comparison: NetworkComparison) -> tuple[Row, ...]:
    use, gas = comparison.stationary, comparison.gas
    rows = [
        _scored(
            "the whole: pV = RT",
            comparison.continuous.z_score(1.0)[use][:, -1:],
            _departure(Estimate(comparison.continuous.values[..., -1:, :]), use),
        ),
        _scored(
            "every group: pV_g = R_g T_g",
            comparison.continuous.z_score(1.0)[use][:, :-1],
            _departure(Estimate(comparison.continuous.values[..., :-1, :]), use),
        ),
    ]
    if len(comparison.groups) > 2:
        spread = gas.temperature_spread
        rows.append(_scored("the groups have one temperature", spread.z_score(0.0)[use], _span(spread, use)))
    rows += [
        _scored(
            "the angle of a step is √(2ηλ)",
            comparison.angle.z_score(1.0)[use][:, -1:],
            _departure(Estimate(comparison.angle.values[..., -1:, :]), use),
        ),
        _scored(
            "the noise is isotropic: participation ratio 1",
            comparison.participation_ratio.z_score(1.0)[use],
            _span(comparison.participation_ratio, use),
        ),
        _scan(comparison),
    ]
    if comparison.law_of_rate:
        rows.append(_first_law(comparison))
    rows.append(_maxwell(comparison))
    return (*rows, *(Row.unanswered(claim, reason) for claim, reason in NOT_ASKED))


def _span(estimate: Estimate, use: np.ndarray) -> str:
    values = estimate.value[use]
    return f"{values.min():.3g} … {values.max():.3g}; " if values.size else ""


def _scan(comparison: NetworkComparison) -> Row:
    claim = "S keeps still as the spacing widens, below log|S^(d−1)|"
    if len(comparison.spacings) < 2:
        return Row.unanswered(claim, "there is one spacing; measure at several, as in spacings = '1 5 25'")
    use = comparison.stationary
    if not use.any():
        return Row.unanswered(claim, "no point is stationary; run longer")
    before, last = comparison.spacings[-2:]
    still, follows = (int(x[use].sum()) for x in (comparison.keeps_still, comparison.follows_spacing))
    above = int((use & ~comparison.is_possible).sum())
    change = _span(Estimate(comparison.moves.values[..., -1, :]), use)
    measured = f"{change}from {before} to {last} it moves at {follows} of {use.sum()} points, keeps still at {still}; "
    return Row(claim, f"{measured}above at {above}", "at every point", bool(comparison.is_entropy[use].all()))


def _first_law(comparison: NetworkComparison) -> Row:
    claim = "ΔS = ∫dU/T"
    if not comparison.heats:
        return Row.unanswered(claim, "fewer than four stationary points along η_eff with ascending T; widen the grid")
    scores, ratios = [], []
    for column, use, heat in comparison.heats:
        measured = comparison.change_along(comparison.neighbours, column, use)
        scores.append(Estimate(measured.values - heat.values).z_score(0.0))
        ratios.append(float(measured.value / heat.value))
    return _scored(claim, np.array(scores), f"ΔS is {min(ratios):.2f} … {max(ratios):.2f} times that; ")


def _maxwell(comparison: NetworkComparison) -> Row:
    claim = "Maxwell relation in hyperparameters, within 10 %"
    fit, control = comparison.fit, comparison.fit_of_step_length
    if fit is None or control is None:
        return Row.unanswered(claim, "fewer than seven stationary points for the quadratic fit; widen the grid")
    measured = f"R² {fit.r_squared:.4f}, worst error {fit.worst:.1%} ({_PAPER[comparison.name]}); the length of a step "
    measured += f"obeys it to {control.worst:.1%}, so it cannot tell the two apart"
    return Row(claim, measured, "≤ 10 %", bool(fit.worst <= 0.1))


def _sentence(comparison: NetworkComparison) -> str:
    """At which rates is the reported number an entropy, and what is the entropy there?"""
    if len(comparison.spacings) < 2:
        return f"{comparison.name}: one spacing alone cannot tell an entropy from the length of a step."
    use = comparison.stationary
    if not use.any():
        return f"{comparison.name}: no point of the grid is stationary, so that nothing is an entropy of its law."
    before, last = comparison.spacings[-2:]
    entropy, moves = comparison.neighbours.value[..., -1], comparison.moves.value[..., -1]
    good, follows, still = use & comparison.is_entropy, use & comparison.follows_spacing, use & comparison.keeps_still
    said = [
        f"it moves at {follows.sum()} of {use.sum()} points{_rates(comparison, follows)}"
        + (f", by {moves[follows].min():+.0f} … {moves[follows].max():+.0f} nats" if follows.any() else ""),
        f"keeps still at {still.sum()}{_rates(comparison, still)}",
    ]
    wrong = use & ~comparison.is_possible
    if wrong.any():
        said.append(
            f"at {wrong.sum()}{_rates(comparison, wrong)} it is above log|S^(d−1)| = {comparison.largest_entropy:.0f}, "
            "which no entropy is"
        )
    if good.any():
        answer = f"It may be the entropy at {good.sum()} points{_rates(comparison, good)}, "
        answer += f"{entropy[good].min():.0f} … {entropy[good].max():.0f} nats"
    else:
        answer = "It is the entropy at none of these effective learning rates"
    return (
        f"{comparison.name}: as the spacing of samples goes from {before} to {last} steps, of the nearest-neighbour "
        f"number {'; '.join(said)}. {answer}{_known_change(comparison)}."
    )


def _rates(comparison: NetworkComparison, of: np.ndarray) -> str:
    rates = comparison.gas.effective_learning_rate.value[..., -1][of]
    return f" (η_eff {rates.min():.3g} … {rates.max():.3g})" if rates.size else ""


def _known_change(comparison: NetworkComparison) -> str:
    """What the first law says instead, at the middle of the columns that have it."""
    if not comparison.heats:
        return ""
    column, use, heat = comparison.heats[len(comparison.heats) // 2]
    rates = comparison.gas.effective_learning_rate.value[use, column, -1]
    return (
        f"; if the law is exp(−L/T), the entropy changes by ∫dU/T = "
        f"{with_error(float(heat.value), float(heat.standard_error))} nats from η_eff {rates[0]:.3g} to {rates[-1]:.3g}"
    )
