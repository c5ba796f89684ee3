"""von Mises–Fisher statistics as numbers, for SymPy's `lambdify`: in NumPy, at any dimension and concentration.

With `m = tanh t` the partition function is `|S^{d−2}| ∫ e^{−κ(1 − tanh t)} sech^{d−1} t dt`. About its maximum the
integrand has a width between `1/√(2(d−1))` and `1/√(d−1)` at every `κ`, and it is analytic, so that the trapezoidal
rule converges geometrically once the tails are shortened by `t = t_max + sinh u/√(d−1)`.

Source: Trefethen & Weideman, SIAM Review 56, 385 (2014), for the rule.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln

# To rounding, from d = 2 on.
_NODES, _SPACING = np.linspace(-5.0, 5.0, 200, retstep=True)


class _Integral(NamedTuple):
    """The integral over `m` of `e^{−κ(1−m)} (1−m²)^{(d−3)/2}`, and the mean of `1 − m²` under this weight."""

    logarithm: Any
    mean_square_sine: Any


def _integral(d: Any, kappa: Any) -> _Integral:
    # The nodes are along a last axis of their own.
    f, kappa = np.asarray(d, float)[..., None] - 1, np.asarray(kappa, float)[..., None]
    root = np.hypot(f, 2 * kappa)
    # `m/(1 − m)` at the maximum, where `κ(1 − m²) = (d−1) m`, without a difference.
    peak = np.log1p(4 * kappa / (f + f**2 / (root + 2 * kappa))) / 2
    t = peak + np.sinh(_NODES) / np.sqrt(f)
    decay = np.exp(-2 * np.abs(t))
    log_square_sine = np.log(4) - 2 * np.abs(t) - 2 * np.log1p(decay)
    exponent = f / 2 * log_square_sine - kappa * np.where(t > 0, 2 * decay, 2) / (1 + decay)
    top = exponent.max(axis=-1, keepdims=True)
    weights = np.exp(exponent - top) * np.cosh(_NODES) * _SPACING / np.sqrt(f)
    total = weights.sum(axis=-1)
    return _Integral(top[..., 0] + np.log(total), (weights * np.exp(log_square_sine)).sum(axis=-1) / total)


def log_partition(d: Any, kappa: Any) -> Any:
    """`log z_d(κ)`.

    Args:
        d: the dimension, at least 2.
        kappa: the concentration, at least 0; it broadcasts with `d`.
    """
    f = np.asarray(d, float) - 1
    return np.log(2) + f / 2 * np.log(np.pi) - gammaln(f / 2) + _integral(d, kappa).logarithm


def mean_resultant_length(d: Any, kappa: Any) -> Any:
    """`A_d(κ) = κ E(1 − m²)/(d − 1)`, which integration by parts gives and does not cancel at small `κ`.

    Args:
        d: the dimension, at least 2.
        kappa: the concentration, at least 0; it broadcasts with `d`.
    """
    return np.asarray(kappa, float) / (np.asarray(d, float) - 1) * _integral(d, kappa).mean_square_sine
