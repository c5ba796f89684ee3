"""What is required of a protocol's measurements: a list of functions, each of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.estimators import Estimate
from thermo_ideal.verification._comparison import Z_BOUND, Comparison
from thermo_ideal.verification._maxwell import Slope, has_slopes, maxwell_slopes

_SHARE = 0.97  # of grid points within |z| < 4
_STATIONARY = 0.5  # of grid points must have a burn-in long enough to be judged
_FALSE_ALARM = 1e-4  # of a root mean square of normal scores
_SLOPE_Z = 3.0
_COLD, _COLD_DEPARTURE = 0.02, 0.02  # 2 % where η_eff ≤ 0.02, η_eff itself elsewhere
_DERIVED_DIFFERENCE = 1e-5
_DERIVED = {"radius": "stationary_radius", "pressure": "pressure"}  # names of symbolic results


@dataclass(frozen=True)
class Row:
    """One row of a verdict.

    Args:
        claim: what is required.
        measured: what came out.
        bound: what was expected.
        passed: whether it holds.

    Raises:
        ValueError: `passed` is neither true nor false.

    Example:
        >>> from thermo_ideal.verification import Row
        >>> Row("the gas is cold", measured="T ≤ 0.05", bound="T ≤ 0.1", passed=True).passed
        True
    """

    claim: str
    measured: str
    bound: str
    passed: bool

    def __post_init__(self) -> None:
        if not isinstance(self.passed, bool | np.bool_):
            raise ValueError(f"passed: got {self.passed!r}, expected True or False, as in bool(departure <= bound)")


Requirement = Callable[[Comparison], Sequence[Row]]
"""What is required of one protocol: a function of its comparison, which gives rows of the verdict."""


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
        ['starts_agree', 'agrees_with_discrete_law']
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
    grid = np.meshgrid(*(values for _, values in comparison.axes), indexing="ij")
    hyperparameters = dict(zip(protocol.hyperparameters(), grid, strict=True))
    differences = []
    for derived, numeric in (("temperature", "temperature"), (_DERIVED[response], response)):
        value = derivation.evaluate(
            derived, dimension=comparison.dimension, noise_scale=comparison.noise_scale, **hyperparameters
        )
        differences.append(np.abs(value / comparison.state[numeric] - 1).max())
    worst = float(np.max(differences))  # NaN where one is
    measured = f"{residuals} residuals vanish, difference {worst:.0e}"
    return [Row(claim, measured, bound, worst < _DERIVED_DIFFERENCE)]


def starts_agree(comparison: Comparison) -> list[Row]:
    """Replicas that started inside agree with those that started outside.

    Args:
        comparison: a protocol's measurements.
    """
    use = comparison.stationary
    score = np.abs(comparison.starts_apart[:, use])
    share = float((score < Z_BOUND).mean()) if use.mean() >= _STATIONARY else 0.0
    short = (~use & (comparison.lost_runs == 0)).sum()
    left_out = f" ({short} points with a short burn-in left out)" if short else ""
    return [
        Row(
            f"starts inside and outside agree{left_out}",
            f"{share:.1%} have |z| < {Z_BOUND:g}",
            f"≥ {_SHARE:.0%}, of at least {_STATIONARY:.0%} of the points",
            share >= _SHARE,
        )
    ]


def agrees_with_discrete_law(comparison: Comparison) -> list[Row]:
    """Energy, entropies and radius (or pressure) are those of the exact law of discrete SGD, by z-scores.

    The root mean square of `n` normal scores is beyond its bound, `√(χ²/n)`, once in ten thousand times.

    Args:
        comparison: a protocol's measurements.
    """
    use, rows = comparison.stationary, []
    if not use.any():
        return [_nothing_to_judge(f"{symbol} is that of discrete SGD") for symbol in comparison.quantities]
    for symbol, quantity in comparison.quantities.items():
        z = quantity.z_score[use]
        share, rms = float(quantity.consistent[use].mean()), float(np.sqrt((z**2).mean()))
        bound = float(np.sqrt(stats.chi2.isf(_FALSE_ALARM, z.size) / z.size))
        rows.append(
            Row(
                f"{symbol} is that of discrete SGD",
                f"{share:.1%} have |z| < {Z_BOUND:g}, rms z {rms:.2f}",
                f"≥ {_SHARE:.0%}, < {bound:.2f}",
                share >= _SHARE and rms < bound,
            )
        )
    return rows


def obeys_equation_of_state(comparison: Comparison) -> list[Row]:
    """The radius (or pressure) obeys `pV = RT` up to the step size.

    Args:
        comparison: a protocol's measurements.
    """
    use, quantity = comparison.stationary, comparison.mechanical
    claim = f"{quantity.symbol} obeys pV = RT"
    if not use.any():
        return [_nothing_to_judge(claim)]
    departure = np.abs(quantity.departure)[use]
    eta = comparison.effective_learning_rate[use]
    hot = eta > _COLD * (1 + 1e-6)
    bound = np.where(hot, eta, _COLD_DEPARTURE)
    worst = _largest(departure, ~hot)
    return [
        Row(
            claim,
            f"off by ≤ {worst:.2%} where η_eff ≤ {_COLD}, ≤ {_largest(departure / eta, hot):.2f} η_eff elsewhere",
            f"≤ {_COLD_DEPARTURE:.0%}, ≤ η_eff",
            bool((departure <= bound).all()),
        )
    ]


def _nothing_to_judge(claim: str) -> Row:
    return Row(claim, "too few stationary points", "enough of them", False)


def _largest(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[where].max()) if where.any() else 0.0


def obeys_maxwell_relations(comparison: Comparison) -> list[Row]:
    """The slopes of the entropy are those of the Maxwell relations, and no less sharp than the paper's.

    Args:
        comparison: a protocol's measurements.
    """
    slopes = maxwell_slopes(comparison)
    if not slopes and has_slopes(comparison):
        return [_nothing_to_judge("Maxwell: slopes of the entropy")]
    return [_slope(slope) for slope in slopes]


def _slope(slope: Slope) -> Row:
    within = abs(slope.z_score) <= _SLOPE_Z
    sharp = slope.paper is None or slope.standard_error <= slope.paper[1]
    bound = f"{slope.theory:g} within {_SLOPE_Z:g} errors"
    if slope.paper:
        bound += f" ≤ {slope.paper[1]}"
    return Row(
        f"Maxwell: {slope.name}",
        f"{slope.value:.4f} ± {slope.standard_error:.4f} (z = {slope.z_score:+.1f})",
        bound,
        within and sharp,
    )


def minimises_potential(comparison: Comparison) -> list[Row]:
    """At the temperature and pressure of a grid point, no state's measured potential is below that of its own.

    Args:
        comparison: a protocol's measurements.
    """
    fixed = comparison.protocol.fixes_radius
    claim = f"no {'F' if fixed else 'G'} is below that of the point itself{', per radius' if fixed else ''}"
    if not comparison.stationary.any():
        return [_nothing_to_judge(claim)]
    values, comparable = _replica_potentials(comparison)
    own = np.einsum("iir->ir", values)[:, None]
    score = Estimate(values).z_score_between(Estimate(np.broadcast_to(own, values.shape)))
    use = comparison.stationary.ravel()
    share = float(((score >= -Z_BOUND) | ~comparable).all(axis=1)[use].mean())
    minimum = np.where(comparable, values.mean(axis=-1), np.inf).argmin(axis=1)
    plain = float((minimum == np.arange(use.size))[use].mean())
    return [
        Row(
            claim,
            f"{share:.1%} of points, by {Z_BOUND:g} errors; {plain:.0%} by the plain values",
            f"≥ {_SHARE:.0%}",
            share >= _SHARE,
        )
    ]


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


def runs_are_finite(comparison: Comparison) -> list[Row]:
    """No run became NaN or infinite; the points of those that did are left out of all other rows.

    Args:
        comparison: a protocol's measurements.
    """
    lost, runs = comparison.lost_runs, comparison.lost_runs.size * comparison.mechanical.simulated.replicas
    measured = f"{lost.sum()} of {runs} runs, at {(lost > 0).sum()} grid points"
    return [Row("no run is NaN or infinite", measured, "none", bool(lost.sum() == 0))]


REQUIREMENTS: tuple[Requirement, ...] = (
    replays_derivation,
    starts_agree,
    agrees_with_discrete_law,
    obeys_equation_of_state,
    obeys_maxwell_relations,
    minimises_potential,
    runs_are_finite,
)
"""What `verify` requires of every protocol, in the order of the rows. A requirement of one's own is put beside them."""
