"""The radius of a log against its equation of motion, at constant hyperparameters or along a schedule."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from thermo_ideal.experiments._log_update_rule import UpdateRule

_POINTS = 4096  # of the curves
_WINDOW = 32  # the gradients' moment is averaged over this share of the rows
CLOSE = 0.02
"""Relative departure of r from r* up to which a run is quasi-static."""


def radius_curves(series: xr.Dataset, rule: Callable[[float], UpdateRule]) -> xr.Dataset:
    r"""`r`, `r*` and the solution of `d(r⁴)/dt = −4ηp/(1 − β) (r⁴ − r*⁴)` from the first row, on at most 4096 points.

    `r*⁴ = K r²|g|²` with the learning rate of the moment and a running mean of the gradients' second moment.

    Args:
        series: `weight_norm`, `gradient_norm` and `learning_rate` over "step", complete.
        rule: of a learning rate.

    Returns:
        `curve_radius`, `stationary_radius` and `predicted_radius` over "point", whose coordinate is the step.
    """
    stride = -(-series.sizes["step"] // _POINTS)
    rows = series.sizes["step"] // stride

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[: rows * stride].reshape(rows, stride).mean(axis=1))

    step, eta = mean(series.step.values), mean(series.learning_rate.values)
    fourth = mean(series.weight_norm.values**4)
    moment = _running_mean(mean((series.weight_norm.values * series.gradient_norm.values) ** 2), rows // _WINDOW)
    rules = {rate: rule(rate) for rate in np.unique(eta)}
    target = np.array([rules[rate].gain for rate in eta]) * moment
    rate = np.array([rules[rate].relaxation_rate for rate in eta])
    predicted = np.empty(rows)
    predicted[0] = fourth[0]
    kept = np.exp(-0.5 * (rate[1:] + rate[:-1]) * np.diff(step))
    middle = 0.5 * (target[1:] + target[:-1])
    for i in range(rows - 1):
        predicted[i + 1] = middle[i] + (predicted[i] - middle[i]) * kept[i]
    curves = {"curve_radius": fourth, "stationary_radius": target, "predicted_radius": predicted}
    return xr.Dataset({name: ("point", y**0.25, {"units": "weight"}) for name, y in curves.items()}, {"point": step})


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    half = max(window // 2, 1)
    total = np.concatenate([[0.0], np.cumsum(values)])
    rows = np.arange(len(values))
    first, last = np.maximum(rows - half, 0), np.minimum(rows + half + 1, len(values))
    return np.asarray((total[last] - total[first]) / (last - first))


def balance_columns(series: xr.Dataset, rule: Callable[[float], UpdateRule]) -> tuple[np.ndarray, np.ndarray]:
    """`d(r²)/dt + h r²` and `h K |g|²`, `h = (η/(1 − β))²/K`, whose means agree at rest, on the move and on a schedule.

    Each is weighted by the steps that its row stands for.

    Args:
        series: as in `radius_curves`.
        rule: of a learning rate.
    """
    step, square = series.step.values, series.weight_norm.values**2
    rates, which = np.unique(series.learning_rate.values, return_inverse=True)
    rules = [rule(float(rate)) for rate in rates]
    gas_rate = np.array([r.gas_learning_rate for r in rules])[which]
    gain = np.array([r.gain for r in rules])[which]
    weight = np.gradient(step)
    left = np.gradient(square) + weight * gas_rate**2 / gain * square
    right = weight * gas_rate**2 * series.gradient_norm.values**2
    return left / weight.mean(), right / weight.mean()
