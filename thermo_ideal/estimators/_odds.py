"""The odds that a number is of the first of two runs: logistic regression with weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

_STEPS, _HALVINGS = 100, 40
# Of a step, in standard deviations: where to stop, what rounding may leave, and where no step can be too long.
_CONVERGED, _GOOD_ENOUGH, _SHORT = 1e-12, 1e-8, 1e-3


@dataclass(frozen=True, eq=False)
class OddsSlope:
    """`s` in `log odds(first | x) = a + s x`, by maximum likelihood.

    Args:
        slope: `s`.
        influence: by how much each number moves it times how many there are, those of the first run first.
    """

    slope: float
    influence: np.ndarray


def slope_of_odds(
    first: np.ndarray,
    second: np.ndarray,
    first_weights: np.ndarray | None = None,
    second_weights: np.ndarray | None = None,
) -> OddsSlope:
    """How fast the odds of the first of two runs grow with a number: what their densities' ratio is, whatever they are.

    The likelihood is concave; Newton's steps are halved until it grows.

    Args:
        first: numbers of the first run.
        second: of the second.
        first_weights: of each number, all the same if None.
        second_weights: likewise.

    Raises:
        ArithmeticError: no maximum, as where all numbers of one run are below those of the other, or NaN.

    Source: Shirts et al., Phys. Rev. Lett. 91, 140601 (2003).
    """
    x = np.concatenate([first, second])
    label = np.repeat([1.0, 0.0], [first.size, second.size])
    weights = [np.ones_like(run) if w is None else w for run, w in ((first, first_weights), (second, second_weights))]
    w = np.concatenate(weights)
    w = w / w.sum()
    centre = w @ x
    spread = np.sqrt(w @ (x - centre) ** 2)
    if not spread > 0:
        raise ArithmeticError("the regression of the run has no numbers that differ; take draws of a law")
    design = np.stack([np.ones_like(x), (x - centre) / spread])

    def misfit(beta: np.ndarray) -> float:
        return -float(w @ log_expit((2 * label - 1) * (beta @ design)))

    beta, size = np.zeros(2), np.inf
    for _ in range(_STEPS):
        odds = expit(beta @ design)
        hessian = (design * (w * odds * (1 - odds))) @ design.T
        try:
            step = np.linalg.solve(hessian, design @ (w * (label - odds)))
        except np.linalg.LinAlgError:
            break
        here, size = misfit(beta), float(np.abs(step).max())
        if not size >= _CONVERGED:
            break
        for _ in range(_HALVINGS):
            if misfit(beta + step) <= here or size < _SHORT:
                break
            step = step / 2
        beta = beta + step
    if not size < _GOOD_ENOUGH:
        raise ArithmeticError("the regression of the run on its numbers does not converge; take more of them")
    odds = expit(beta @ design)
    scores = design * w * (label - odds)
    for side in (label == 1, label == 0):
        total = w[side].sum()
        scores[:, side] -= scores[:, side].sum(axis=1, keepdims=True) * w[side] / total
    hessian = (design * (w * odds * (1 - odds))) @ design.T
    return OddsSlope(float(beta[1] / spread), np.linalg.solve(hessian, scores)[1] * x.size / spread)
