"""The verdict: what was required, what came out, and whether that passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from thermo_ideal import symbolic
from thermo_ideal.estimators import Estimate
from thermo_ideal.verification._comparison import AXES, Z_BOUND, Comparison, compare
from thermo_ideal.verification._maxwell import Slope, maxwell_slopes

_SHARE = 0.97  # of grid points within |z| < 4
_STATIONARY = 0.5  # of grid points must have a burn-in long enough to be judged
_RMS = 1.5
_SLOPE_Z = 3.0
_COLD, _COLD_DEPARTURE = 0.02, 0.02  # 2 % where η_eff ≤ 0.02, η_eff itself elsewhere


@dataclass(frozen=True)
class Requirement:
    """One row of the verdict.

    Args:
        protocol: under which protocol.
        claim: what is required.
        measured: what came out.
        bound: what was wanted.
        passed: whether it holds.
    """

    protocol: str
    claim: str
    measured: str
    bound: str
    passed: bool


@dataclass(frozen=True)
class Verdict:
    """All requirements of an experiment, with the numbers behind them.

    Args:
        requirements: the rows.
        comparisons: measurements beside laws, by protocol.
        slopes: the fitted Maxwell slopes, by protocol.
        noise_scale: the `σ` of the predictions, by protocol.
    """

    requirements: tuple[Requirement, ...]
    comparisons: Mapping[str, Comparison]
    slopes: Mapping[str, tuple[Slope, ...]]
    noise_scale: Mapping[str, float]

    @property
    def passed(self) -> bool:
        """Whether every requirement holds."""
        return all(requirement.passed for requirement in self.requirements)


def verify(results: xr.DataTree, noise_scale: float | None = None, protocols: Sequence[str] = tuple(AXES)) -> Verdict:
    """Judges a simulation of the toy model against the theory.

    Energy, entropy and radius (or pressure) are compared with the exact stationary law of discrete SGD by z-scores; the
    radius (or pressure) with the equation of state as well; the slopes of the entropy with the Maxwell relations; the
    potentials with the minimum principle; replicas that started inside with those that started outside. The derivation
    behind the predictions is replayed. Grid points whose burn-in was shorter than five relaxation times are left out
    and counted.

    Args:
        results: a tree of `thermo_ideal.experiments.run_isotropic`.
        noise_scale: `σ` for the predictions; the simulation's own if None. Another value is a negative control.
        protocols: which datasets to judge; each must be there.

    Returns:
        A `Verdict`.

    Raises:
        ValueError: the tree has no dataset of a protocol, or one without the attributes that `run_isotropic` writes.

    Example:
        >>> from thermo_ideal.experiments import Profile, run_isotropic
        >>> from thermo_ideal.verification import verify
        >>> results = run_isotropic(Profile("tiny", points=3, replicas=4, samples=50))
        >>> verify(results, noise_scale=1.1).passed  # the wrong temperature
        False
    """
    missing = [name for name in protocols if name not in results.children]
    if missing or not protocols:
        raise ValueError(
            f"results: got the datasets {sorted(results.children)}, expected {', '.join(protocols or AXES)}; "
            "make them with thermo_ideal.experiments.run_isotropic, or name those to judge, as in "
            "protocols=['fixed-lr']"
        )
    data = {name: results[name].to_dataset() for name in protocols}
    comparisons = {name: compare(dataset, noise_scale) for name, dataset in data.items()}
    sigma = {name: noise_scale or float(dataset.attrs["noise_scale"]) for name, dataset in data.items()}
    slopes = {name: maxwell_slopes(comparison) for name, comparison in comparisons.items()}
    rows: list[Requirement] = []
    for name, comparison in comparisons.items():
        rows.append(_derivation(comparison, sigma[name]))
        rows.append(_stationary(comparison))
        if not comparison.stationary.any():
            continue
        rows.extend(_scores(comparison))
        rows.append(_equation_of_state(comparison))
        rows.extend(_slope(name, slope) for slope in slopes[name])
        rows.append(_potential(comparison))
    return Verdict(tuple(rows), comparisons, slopes, sigma)


def _derivation(comparison: Comparison, sigma: float) -> Requirement:
    """The symbolic temperature and radius (or pressure), put in numbers, against those that the predictions use."""
    derivation = symbolic.derive(comparison.protocol)
    residuals = derivation.verify()
    grid = np.meshgrid(*(values for _, values in comparison.axes), indexing="ij")
    names = [name for name, _ in comparison.axes]
    state = comparison.state
    worst = 0.0
    mechanical = ("pressure", "pressure") if "radius" in names else ("stationary_radius", "radius")
    for derived, numeric in (("temperature", "temperature"), mechanical):
        value = derivation.evaluate(
            derived, dimension=comparison.dimension, noise_scale=sigma, **dict(zip(names, grid, strict=True))
        )
        worst = max(worst, float(np.abs(value / state[numeric] - 1).max()))
    return Requirement(
        comparison.protocol,
        f"derived T and {'p' if 'radius' in names else 'r'} are those predicted",
        f"{residuals} residuals vanish, difference {worst:.0e}",
        "< 1e-5",
        worst < 1e-5,
    )


def _stationary(comparison: Comparison) -> Requirement:
    use = comparison.stationary
    score = np.abs(comparison.starts_apart[:, use])
    share = float((score < Z_BOUND).mean()) if use.mean() >= _STATIONARY else 0.0
    left_out = f" ({(~use).sum()} points with a short burn-in left out)" if not use.all() else ""
    return Requirement(
        comparison.protocol,
        f"starts inside and outside agree{left_out}",
        f"{share:.1%} have |z| < {Z_BOUND:g}",
        f"≥ {_SHARE:.0%}, of at least {_STATIONARY:.0%} of the points",
        share >= _SHARE,
    )


def _scores(comparison: Comparison) -> list[Requirement]:
    use, rows = comparison.stationary, []
    for symbol, quantity in comparison.quantities.items():
        z = quantity.z_score[use]
        share, rms = float(quantity.consistent[use].mean()), float(np.sqrt((z**2).mean()))
        rows.append(
            Requirement(
                comparison.protocol,
                f"{symbol} is that of discrete SGD",
                f"{share:.1%} have |z| < {Z_BOUND:g}, rms z {rms:.2f}",
                f"≥ {_SHARE:.0%}, < {_RMS}",
                share >= _SHARE and rms < _RMS,
            )
        )
    return rows


def _equation_of_state(comparison: Comparison) -> Requirement:
    use, quantity = comparison.stationary, comparison.mechanical
    departure = np.abs(quantity.departure)[use]
    eta = comparison.effective_learning_rate[use]
    hot = eta > _COLD * (1 + 1e-6)
    bound = np.where(hot, eta, _COLD_DEPARTURE)
    worst = _largest(departure, ~hot)
    return Requirement(
        comparison.protocol,
        f"{quantity.symbol} obeys pV = RT",
        f"off by ≤ {worst:.2%} where η_eff ≤ {_COLD}, ≤ {_largest(departure / eta, hot):.2f} η_eff elsewhere",
        f"≤ {_COLD_DEPARTURE:.0%}, ≤ η_eff",
        bool((departure <= bound).all()),
    )


def _largest(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[where].max()) if where.any() else 0.0


def _slope(protocol: str, slope: Slope) -> Requirement:
    within = abs(slope.z_score) <= _SLOPE_Z
    sharp = slope.paper is None or slope.standard_error <= slope.paper[1]
    bound = f"{slope.theory:g} within {_SLOPE_Z:g} errors"
    if slope.paper:
        bound += f" ≤ {slope.paper[1]}"
    return Requirement(
        protocol,
        f"Maxwell: {slope.name}",
        f"{slope.value:.4f} ± {slope.standard_error:.4f} (z = {slope.z_score:+.1f})",
        bound,
        within and sharp,
    )


def _potential(comparison: Comparison) -> Requirement:
    """At the temperature and pressure of a grid point, no state's measured potential is below that of its own."""
    values, comparable = _replica_potentials(comparison)
    own = np.einsum("iir->ir", values)[:, None]
    lower = Estimate(values).z_score_between(Estimate(np.broadcast_to(own, values.shape))) < -Z_BOUND
    use = comparison.stationary.ravel()
    share = float((~(lower & comparable)).all(axis=1)[use].mean())
    least = np.where(comparable, values.mean(axis=-1), np.inf).argmin(axis=1)
    plain = float((least == np.arange(use.size))[use].mean())
    return Requirement(
        comparison.protocol,
        "no F is below that of the point itself, per radius"
        if comparison.protocol == "fixed-sphere"
        else "no G is below that of the point itself",
        f"{share:.1%} of points, by {Z_BOUND:g} errors; {plain:.0%} by the plain values",
        f"≥ {_SHARE:.0%}",
        share >= _SHARE,
    )


def potentials(comparison: Comparison) -> np.ndarray:
    """Potentials at the temperature and pressure of grid point `i` for the measured state of grid point `j`.

    Args:
        comparison: a protocol's measurements.

    Returns:
        `G_ij = U_j − T_i S_j + p_i V_j`; on the fixed sphere `F_ij = U_j − T_i S_j`, infinite across radii.
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
    if comparison.protocol == "fixed-sphere":
        return helmholtz, np.isclose(radius[:, None], radius[None])
    gibbs = helmholtz + pressure[:, None, None] * replicas("r") ** 2 / 2
    return gibbs, np.ones(gibbs.shape[:2], bool)
