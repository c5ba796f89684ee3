"""Requirements of thermodynamics: the derivation, the limit of small steps, pairs of temperatures, the potentials."""

from __future__ import annotations

import numpy as np
import scipy  # whose parts load when they are used

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import with_error
from thermo_ideal.estimators import Estimate
from thermo_ideal.estimators._odds import slope_of_odds
from thermo_ideal.verification._comparison import Comparison, MeasuredQuantity
from thermo_ideal.verification._convergence_requirements import nothing_to_judge
from thermo_ideal.verification._maxwell import Slope, has_slopes, maxwell_slopes
from thermo_ideal.verification._row import Row
from thermo_ideal.verification._score_test import ScoreTest
from thermo_ideal.verification._step_numbers import on_host
from thermo_ideal.verification._temperature_groups import TemperatureGroups

_DERIVED_DIFFERENCE = 1e-5
_DERIVED = {"radius": "stationary_radius", "pressure": "pressure"}  # names of symbolic results
_FEWEST_STEP_SIZES = 4


def replays_derivation(comparison: Comparison) -> list[Row]:
    """The symbolic temperature and radius (or pressure), put in numbers, are those that the predictions use.

    Args:
        comparison: a protocol's measurements.

    Returns:
        One row.

    Raises:
        ValueError: the protocol has no symbolic derivation.

    Example:
        The others serve protocols that have none:

        >>> from thermo_ideal.verification import REQUIREMENTS, replays_derivation
        >>> [requirement.__name__ for requirement in REQUIREMENTS if requirement is not replays_derivation][:2]
        ['runs_are_finite', 'burn_in_is_long_enough']
    """
    from thermo_ideal import symbolic  # SymPy is needed by no other requirement

    protocol, response = comparison.protocol, comparison.protocol.mechanical_response
    try:
        derivation = symbolic.derive(protocol.name)
    except ValueError as error:
        raise ValueError(
            f"requirements: got replays_derivation for {protocol.name!r}, which has no symbolic derivation, expected "
            f"the others, as in verify(results, protocols=[{type(protocol).__name__}], requirements=[r for r in "
            "REQUIREMENTS if r is not replays_derivation])"
        ) from error
    claim = f"derived T and {DICTIONARY[response].symbol} are those predicted"
    bound = f"< {_DERIVED_DIFFERENCE:.0e}"
    try:
        residuals = derivation.verify()
    except symbolic.VerificationError as error:
        return [Row(claim, str(error), bound, False)]
    differences = []
    for derived, numeric in (("temperature", "temperature"), (_DERIVED[response], response)):
        value = derivation.evaluate(
            derived, dimension=comparison.dimension, noise_scale=comparison.noise_scale, **comparison.hyperparameters
        )
        differences.append(np.abs(value / comparison.state[numeric] - 1).max())
    worst = float(np.max(differences))  # NaN where one is
    measured = f"{residuals} residuals vanish, difference {worst:.0e}"
    return [Row(claim, measured, bound, worst < _DERIVED_DIFFERENCE)]


def tends_to_thermodynamics(comparison: Comparison) -> list[Row]:
    """As the step size tends to 0, energy, entropy and `pV/RT` tend to what thermodynamics predicts.

    The departure from the SDE is fitted by `a + bη_eff + cη_eff²`; `a` must vanish. What the fit itself leaves is that
    of the exact law, where it is known.

    Args:
        comparison: a protocol's measurements.
    """
    response = DICTIONARY[comparison.protocol.mechanical_response].symbol
    rows = []
    for symbol in ("U", "S_dir", response):
        mechanical = symbol == response
        claim = f"pV = RT as η_eff → 0, by {symbol}" if mechanical else f"{symbol} is the SDE's as η_eff → 0"
        quantity = comparison.quantities.get(symbol)
        if quantity is None:
            reason = comparison.measurements.refusals.get(symbol, f"no {symbol} of every run")
            rows.append(Row.unanswered(claim, reason))
        elif not np.isfinite(quantity.predicted).all():
            rows.append(Row.unanswered(claim, "the gas of the loss is not known; a loss of the overlap has one"))
        else:
            rows.append(_limit_of_small_steps(claim, comparison, quantity))
    return rows


def _limit_of_small_steps(claim: str, comparison: Comparison, quantity: MeasuredQuantity) -> Row:
    eta = comparison.effective_learning_rate[comparison.stationary]
    if len(np.unique(eta.round(12))) < _FEWEST_STEP_SIZES:
        return Row.unanswered(claim, f"{len(np.unique(eta.round(12)))} step sizes, expected {_FEWEST_STEP_SIZES}")

    absolute = quantity.symbol.startswith("S") or not quantity.predicted.all()

    def departure(values: np.ndarray) -> np.ndarray:
        difference = values - quantity.predicted[..., None]
        return (difference if absolute else difference / quantity.predicted[..., None])[comparison.stationary]

    design = np.stack([np.ones_like(eta), eta, eta**2], axis=-1)
    intercept = np.linalg.pinv(design)[0]
    measured = Estimate(intercept @ departure(quantity.simulated.values))
    exact = 0.0 if comparison.law is None else (intercept @ departure(quantity.exact[..., None])).item()
    score = float(measured.z_score(exact))
    unit = " nat" if quantity.symbol.startswith("S") else "" if absolute else " of it"
    text = f"off by {with_error(float(measured.value), float(measured.standard_error))}{unit} (exact law {exact:+.0e})"
    return Row.of_test(claim, text, 2 * scipy.stats.norm.sf(abs(score)))


def pairs_have_their_temperatures(comparison: Comparison) -> list[Row]:
    """Losses at two temperatures differ by the factor `e^{ΔL/T}` that the inverse temperatures give.

    Of a loss `L` from one of two runs, the odds that it is from the hotter one are `e^{a + bL}` with
    `b = 1/T_cold − 1/T_hot`; `b` is the maximum-likelihood estimate. No entropy and no density of states is needed.

    Args:
        comparison: a protocol's measurements.

    Source: Shirts, J. Chem. Theory Comput. 9, 909 (2013).
    """
    claim, losses = "pairs of temperatures: the slope is Δ(1/T)", comparison.measurements.losses
    if losses is None:
        return [Row.unanswered(claim, "no losses of every run; give losses=")]
    groups = TemperatureGroups.of(comparison)
    if len(groups.temperatures) < 2:
        return [Row.unanswered(claim, f"{len(groups.temperatures)} temperatures at stationary points, expected pairs")]
    widest = 3 * np.sqrt(2 / (comparison.dimension - 1))
    steps = np.diff(np.log(groups.temperatures))
    pairs = [i for i in range(0, len(steps), 2) if steps[i] <= widest]
    if not pairs:
        factor = np.exp(widest)
        return [
            Row.unanswered(claim, f"no overlap: T is {np.exp(steps.min()):.3g} × the next, expected ≤ {factor:.3g} ×")
        ]
    zonal = comparison.loss.zonal
    flat, replicas = losses.reshape(-1, *losses.shape[-2:]), losses.shape[-2]
    scores, ratios = [], []
    for i in pairs:
        cold, hot = (flat[points].swapaxes(0, 1).reshape(replicas, -1) for points in groups.points[i : i + 2])
        expected = 1 / groups.temperatures[i] - 1 / groups.temperatures[i + 1]
        weights = np.full(hot.shape[-1], 1 / hot.shape[-1]), np.full(cold.shape[-1], 1 / cold.shape[-1])
        found = [_slope(*pair, *weights) / expected for pair in zip(hot, cold, strict=True)]
        exact = 1.0
        if zonal is not None and comparison.depth_distributions is not None:
            laws = [comparison.depth_distributions.flat[groups.points[j][0]] for j in (i + 1, i)]
            sides = [on_host(zonal.at_depth, law.depths) for law in laws]
            exact = _slope(*sides, *(law.weights for law in laws)) / expected
        estimate = Estimate(np.array(found))
        scores.append(estimate.z_score(exact))
        ratios.append(estimate.values)
    test, mean = ScoreTest.of(np.array(scores)), Estimate(np.mean(ratios, axis=0))
    text = f"{with_error(float(mean.value), float(mean.standard_error))} of it, {len(pairs)} pairs, {test}"
    return [Row.of_test(claim, text, test.p_value)]


def _slope(hot: np.ndarray, cold: np.ndarray, *weights: np.ndarray) -> float:
    """Of the odds that a loss is of the hotter run; NaN, of which no row passes, where losses do not determine it."""
    try:
        return slope_of_odds(hot, cold, *weights).slope
    except ArithmeticError:
        return np.nan


def obeys_maxwell_relations(comparison: Comparison) -> list[Row]:
    """The slopes of the entropy are those of the Maxwell relations, and no less sharp than the paper's.

    They are necessary, and blind to the estimator: the length of a step obeys them as well.

    Args:
        comparison: a protocol's measurements.
    """
    if "S" not in comparison.quantities or not comparison.axes:
        return [Row.unanswered("Maxwell: slopes of the entropy", "no entropies on a grid of two hyperparameters")]
    slopes = maxwell_slopes(comparison)
    if not slopes and has_slopes(comparison):
        return [nothing_to_judge("Maxwell: slopes of the entropy")]
    return [_of_slope(slope) for slope in slopes]


def _of_slope(slope: Slope) -> Row:
    row = Row.of_test(
        f"Maxwell: {slope.name}",
        f"{slope.value:.4f} ± {slope.standard_error:.4f}, theory {slope.theory:g}",
        2 * scipy.stats.norm.sf(abs(slope.z_score)),
    )
    if slope.paper is None:
        return row
    sharp = bool(slope.standard_error <= slope.paper[1])
    bound = f"{row.bound}, error ≤ {slope.paper[1]}"
    return Row(row.claim, row.measured, bound, row.passed and sharp, row.p_value, row.false_alarm_rate)


def minimises_potential(comparison: Comparison) -> list[Row]:
    """At the temperature and pressure of a grid point, no state's measured potential is below that of its own.

    Args:
        comparison: a protocol's measurements.
    """
    fixed = comparison.protocol.fixes_radius
    claim = f"no {'F' if fixed else 'G'} is below that of the point itself{', per radius' if fixed else ''}"
    if not {"U", "S", *([] if fixed else ["r"])} <= comparison.quantities.keys():
        return [Row.unanswered(claim, "no energies, entropies and radii of every run")]
    use = comparison.stationary.ravel()
    if use.sum() < 2:
        return [Row.unanswered(claim, "fewer than two stationary points")]
    values, comparable = _replica_potentials(comparison)
    comparable = comparable & use & use[:, None] & ~np.eye(use.size, dtype=bool)
    own = np.einsum("iir->ir", values)[:, None]
    score = Estimate(values).z_score_between(Estimate(np.broadcast_to(own, values.shape)))
    lowest = float(np.min(score[comparable])) if comparable.any() else np.nan
    minimum = np.where(comparable | np.eye(use.size, dtype=bool), values.mean(axis=-1), np.inf).argmin(axis=1)
    plain = float((minimum == np.arange(use.size))[use].mean())
    p_value = -np.expm1(comparable.sum() * np.log1p(-scipy.stats.norm.cdf(lowest)))
    text = f"lowest by z = {lowest:+.1f} of {comparable.sum()} pairs; {plain:.0%} by the plain values"
    return [Row.of_test(claim, text, p_value)]


def measured_potentials(comparison: Comparison) -> np.ndarray:
    """Potentials at the temperature and pressure of grid point `i` for the measured state of grid point `j`.

    Args:
        comparison: a protocol's measurements.

    Returns:
        `G_ij = U_j − T_i S_j + p_i V_j`, of shape `(points, points)`, in units of the loss; where the radius is fixed
        `F_ij = U_j − T_i S_j`, infinite across radii; infinite where a run of `j` is not finite.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import compare, measured_potentials
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> measured_potentials(compare(results["fixed-lr"].to_dataset())).shape
        (9, 9)
    """
    values, comparable = _replica_potentials(comparison)
    return np.where(comparable, values.mean(axis=-1), np.inf)


def _replica_potentials(comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """The potentials of each replica, `(i, j, replica)`, and which of them may be compared, `(i, j)`."""

    def replicas(symbol: str) -> np.ndarray:
        values = comparison.quantities[symbol].simulated.values
        return values.reshape(1, -1, values.shape[-1])

    temperature, pressure, radius = (comparison.state[name].ravel() for name in ("temperature", "pressure", "radius"))
    helmholtz = replicas("U") - temperature[:, None, None] * replicas("S")
    known = np.broadcast_to(comparison.lost_runs.ravel() == 0, helmholtz.shape[:2])
    helmholtz = np.where(known[..., None], helmholtz, np.nan)
    if comparison.protocol.fixes_radius:
        return helmholtz, known & np.isclose(radius[:, None], radius[None])
    return helmholtz + pressure[:, None, None] * replicas("r") ** 2 / 2, known
