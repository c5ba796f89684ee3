"""Maxwell relations as slopes of the measured entropy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import with_error
from thermo_ideal.verification._comparison import Comparison
from thermo_ideal.verification._step_numbers import along_runs, on_host

# What the paper measured under its protocols.
_PAPER = {
    ("fixed-lr", "∂S/∂log λ|η"): (0.0131, 0.0071),
    ("fixed-lr", "∂S/∂log η|λ"): (1.0139, 0.0090),
    ("fixed-elr", "∂S/∂log λ|η_eff"): (-0.9989, 0.0052),
}
_SAME = 1e-6  # exponents that differ by less are one
_DIGITS = 9  # of a slope, so that 0 is not 1e-17


@dataclass(frozen=True, repr=False)
class Slope:
    """A fitted slope of the entropy.

    Args:
        name: which derivative, at what fixed.
        value: the fit.
        standard_error: from the residuals of the fit.
        theory: the SDE's value.
        exact: the same fit to the exact discrete law, which shows what is left of the step size.
        paper: what the paper measured, with its standard error, if it did.

    Example:
        >>> from thermo_ideal.verification import Slope
        >>> Slope("∂S/∂log λ|η_eff", -0.9996, 0.0004, theory=-1.0, exact=-1.0, paper=(-0.9989, 0.0052))
        Slope, ∂S/∂log λ|η_eff = -0.9996(4), theory -1 (z = +1.0), paper -0.999(5)
    """

    name: str
    value: float
    standard_error: float
    theory: float
    exact: float
    paper: tuple[float, float] | None

    @property
    def z_score(self) -> float:
        """Departure from theory in standard errors; without an error it is 0 or infinite."""
        departure = self.value - self.theory
        if self.standard_error == 0:
            return math.copysign(math.inf, departure) if departure else 0.0
        return departure / self.standard_error

    def __repr__(self) -> str:
        measured = with_error(self.value, self.standard_error)
        paper = f", paper {with_error(*self.paper)}" if self.paper else ""
        return f"Slope, {self.name} = {measured}, theory {self.theory:g} (z = {self.z_score:+.1f}){paper}"


@dataclass(frozen=True)
class _Relation:
    """A combination of the slopes in the logarithms of the two hyperparameters, and what it must be."""

    name: str
    weights: np.ndarray
    theory: float


def maxwell_slopes(comparison: Comparison) -> tuple[Slope, ...]:
    """Fits the entropy over a protocol's grid, linear in the logarithms of its two hyperparameters.

    `S = S_dir(T) + R log 2V`, so where `T` and `V` are products of powers of the hyperparameters, a combination of
    slopes that leaves `T` alone is `R` times the same combination of the slopes of `log V`, at any temperature. The
    powers are derivatives of the protocol's stationary radius and effective learning rate.

    The fit has a term in `η_eff`: discrete SGD departs from its SDE in that order, and without the term the departure
    leans on the slopes. Where the temperature knows one hyperparameter only, the direction's entropy is any function of
    that, and each value of it has an intercept of its own instead.

    Args:
        comparison: a protocol's measurements.

    Returns:
        At fixed effective learning rate the slope in `log λ`, `−(d−1)/2`; at fixed learning rate the slopes in `log λ`
        and in `log η`, 0 and `(d−1)/2` (exact at low temperature and at `d = 3`), and their difference, `(d−1)/2` at
        any temperature; on the fixed sphere the slope in `log r`, `d − 1`; and the like for another protocol. Nothing,
        if too few points are stationary, or if `T` and `V` are not products of powers of the hyperparameters.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import compare, maxwell_slopes
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> for slope in maxwell_slopes(compare(results["fixed-lr"].to_dataset())):
        ...     print(slope.name, slope.theory)
        ∂S/∂log λ|η 0.0
        ∂S/∂log η|λ 1.0
        (∂log η − ∂log λ) S 1.0

    Source: the relations and the paper's fits, arXiv 2511.07308.
    """
    exponents = powers_of(comparison)
    if exponents is None:
        return ()
    entropy = comparison.quantities["S"]
    replicas = entropy.simulated.values
    logs = np.meshgrid(*(np.log(values) for _, values in comparison.axes), indexing="ij")
    known = np.abs(exponents[0]) > _SAME
    free = [i for i in (1, 0) if known.all() or not known[i]]
    columns = [logs[i] for i in free]
    if known.all():
        columns += [comparison.effective_learning_rate, np.ones_like(logs[0])]
    else:
        groups = logs[int(np.argmax(known))] if known.any() else np.zeros_like(logs[0])
        columns += [np.where(groups == value, 1.0, 0.0) for value in np.unique(groups)]
    use = comparison.stationary
    if use.sum() <= len(columns):
        return ()
    design = np.stack([column[use] for column in columns], axis=-1)
    design = design[:, design.any(axis=0)]  # an intercept whose points were all left out has no column
    repeated = np.repeat(design, replicas.shape[-1], axis=0)
    fit, covariance = _least_squares(repeated, replicas[use].ravel())
    exact, _ = _least_squares(design, entropy.exact[use])
    slopes = []
    for relation in _relations(comparison, exponents, free):
        contrast = np.zeros(len(fit))
        contrast[: len(free)] = relation.weights[free]
        error = float(np.sqrt(contrast @ covariance @ contrast))
        paper = _PAPER.get((comparison.protocol.name, relation.name))
        value, expected = float(contrast @ fit), float(contrast @ exact)
        slopes.append(Slope(relation.name, value, error, relation.theory, expected, paper))
    return tuple(slopes)


def has_slopes(comparison: Comparison) -> bool:
    """Whether there are Maxwell relations in the protocol's hyperparameters, if only enough points are stationary."""
    return powers_of(comparison) is not None


def powers_of(comparison: Comparison) -> np.ndarray | None:
    """The derivatives of `log T` and `log V`, along the first axis, by the logarithms of the hyperparameters.

    None where they are not the same all over the grid.
    """
    names = [name for name, _ in comparison.axes]
    grid = along_runs(comparison.protocol, comparison.stationary.shape)
    trace = comparison.noise_scale**2 * (comparison.dimension - 1)

    def logarithms(*hyperparameters: Array) -> tuple[Array, Array]:
        protocol = grid.replace(**dict(zip(names, hyperparameters, strict=True)))
        radius = jnp.asarray(protocol.stationary_radius(trace))
        return jnp.log(protocol.effective_learning_rate_at(radius)), 2 * jnp.log(radius)

    def by(i: int) -> tuple[Array, Array]:
        values = tuple(jnp.asarray(grid.constants[name]) for name in names)
        step = tuple(value if i == j else jnp.zeros_like(value) for j, value in enumerate(values))
        slopes: tuple[Array, Array] = jax.jvp(logarithms, values, step)[1]
        return slopes

    found = np.array([np.broadcast_arrays(*on_host(by, i)) for i in range(len(names))])  # (by, of, points, 1)
    if not np.isfinite(found).all() or np.ptp(found, axis=(2, 3)).max() > _SAME:
        return None
    exponents = found.mean(axis=(2, 3)).T
    return np.where(np.abs(exponents) < _SAME, 0.0, exponents)


def _relations(comparison: Comparison, exponents: np.ndarray, free: list[int]) -> list[_Relation]:
    """Single slopes, and where the temperature knows both hyperparameters the combination that leaves it alone."""
    R = (comparison.dimension - 1) / 2
    symbols = [DICTIONARY[name].symbol if name in DICTIONARY else name for name, _ in comparison.axes]

    def relation(name: str, weights: np.ndarray) -> _Relation:
        return _Relation(name, weights, float((R * exponents @ weights).sum().round(_DIGITS) + 0.0))

    single = [relation(f"∂S/∂log {symbols[i]}|{symbols[1 - i]}", np.eye(2)[i]) for i in free]
    if not exponents[0].all():
        return single
    ratio = -exponents[0, 0] / exponents[0, 1]
    weights = (np.array([1.0, ratio]) / min(1.0, abs(ratio))).round(_DIGITS)
    factors = ["" if abs(weight) == 1 else f"{abs(weight):.4g} " for weight in weights]
    first, second = (f"{factor}∂log {symbol}" for factor, symbol in zip(factors, symbols, strict=True))
    return [*single, relation(f"({first} {'−' if ratio < 0 else '+'} {second}) S", weights)]


def _least_squares(design: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their covariance, with the error's variance from the residuals."""
    fit, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ fit
    freedom = max(len(values) - design.shape[1], 1)
    return fit, np.linalg.inv(design.T @ design) * (residual @ residual / freedom)
