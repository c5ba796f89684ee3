"""Maxwell relations as slopes of the measured entropy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermo_ideal.verification._comparison import Comparison


@dataclass(frozen=True)
class Slope:
    """A fitted slope of the entropy.

    Args:
        name: which derivative, at what fixed.
        value: the fit.
        standard_error: from the residuals of the fit.
        theory: the SDE's value.
        exact: the same fit to the exact discrete law, which shows what is left of the step size.
        paper: what the paper measured, with its standard error, if it did.
    """

    name: str
    value: float
    standard_error: float
    theory: float
    exact: float
    paper: tuple[float, float] | None

    @property
    def z_score(self) -> float:
        """Departure from theory in standard errors."""
        return (self.value - self.theory) / self.standard_error


def maxwell_slopes(comparison: Comparison) -> tuple[Slope, ...]:
    """Fits the entropy over a protocol's grid, linear in the logarithms of its two hyperparameters.

    The fit has a term in `η_eff`: discrete SGD departs from its SDE in that order, and without the term the departure
    leans on the slopes. Under fixed effective learning rate the direction's entropy is any function of `η_eff`, so
    there each value of it has an intercept of its own.

    Args:
        comparison: a protocol's measurements.

    Returns:
        At fixed effective learning rate the slope in `log λ`, `−(d−1)/2`; at fixed learning rate the slopes in `log λ`
        and in `log η`, 0 and `(d−1)/2` (exact at low temperature and at `d = 3`), and their difference, `(d−1)/2` at
        any temperature; on the fixed sphere the slope in `log r`, `d − 1`. Nothing, if too few points are stationary.

    Source: the relations and the paper's fits, arXiv 2511.07308.
    """
    entropy = comparison.quantities["S"]
    replicas = entropy.simulated.values
    half = (comparison.dimension - 1) / 2
    first, second = (np.log(values) for _, values in comparison.axes)
    x, y = np.meshgrid(first, second, indexing="ij")
    contrasts: dict[str, tuple[tuple[int, ...], float, tuple[float, float] | None]]
    if comparison.protocol == "fixed-lr":
        columns = [y, x, comparison.effective_learning_rate, np.ones_like(x)]
        contrasts = {
            "∂S/∂log λ|η": ((1, 0), 0.0, (0.0131, 0.0071)),
            "∂S/∂log η|λ": ((0, 1), half, (1.0139, 0.0090)),
            "(∂log η − ∂log λ) S": ((-1, 1), half, None),
        }
    else:
        columns = [y, *(np.where(x == value, 1.0, 0.0) for value in first)]
        if comparison.protocol == "fixed-elr":
            contrasts = {"∂S/∂log λ|η_eff": ((1,), -half, (-0.9989, 0.0052))}
        else:
            contrasts = {"∂S/∂log r|η_eff": ((1,), 2 * half, None)}

    use = comparison.stationary
    if use.sum() <= len(columns):
        return ()
    design = np.stack([column[use] for column in columns], axis=-1)
    design = design[:, design.any(axis=0)]  # an intercept whose points were all left out has no column
    repeated = np.repeat(design, replicas.shape[-1], axis=0)
    fit, covariance = _least_squares(repeated, replicas[use].ravel())
    exact, _ = _least_squares(design, entropy.exact[use])
    slopes = []
    for name, (weights, theory, paper) in contrasts.items():
        contrast = np.zeros(len(fit))
        contrast[: len(weights)] = weights
        error = float(np.sqrt(contrast @ covariance @ contrast))
        slopes.append(Slope(name, float(contrast @ fit), error, theory, float(contrast @ exact), paper))
    return tuple(slopes)


def _least_squares(design: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their covariance, with the error's variance from the residuals."""
    fit, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ fit
    freedom = max(len(values) - design.shape[1], 1)
    return fit, np.linalg.inv(design.T @ design) * (residual @ residual / freedom)
