"""The only place with statistical thresholds.

A comparison of a simulation with an exact value is a z-score with a standard error from the data. `Z_MAX = 5` gives a
single comparison a failure rate of 6e-7; keys are literal, so what passes once passes always on the same machine.
"""

import numpy as np
from scipy import stats

from thermo_ideal.estimators import Estimate, effective_sample_size
from thermo_ideal.testing import assert_rejects as assert_rejects

Z_MAX = 5.0
FAILURE_RATE = 2 * stats.norm.sf(Z_MAX)


def mean_score(samples: np.ndarray, exact: float) -> float:
    """z-score of the mean of a series, correlated or not, against an exact value."""
    samples = np.asarray(samples, np.float64)
    error = samples.std(ddof=1) / np.sqrt(effective_sample_size(samples))
    return float((samples.mean() - exact) / error)


def assert_mean(samples: np.ndarray, exact: float, bias: float = 0.0) -> None:
    """Mean against exact, where the method itself may be off by `bias`."""
    score = mean_score(samples, exact)
    score *= max(0.0, 1 - bias / max(abs(np.mean(samples) - exact), 1e-300))
    assert abs(score) < Z_MAX, f"mean {np.mean(samples):.6g} against {exact:.6g}: z = {score:.1f}"


def assert_estimate(estimate: Estimate, exact: np.ndarray | float) -> None:
    score = np.max(np.abs(estimate.z_score(exact)))
    assert score < Z_MAX, f"{estimate.value} ± {estimate.standard_error} against {exact}: |z| = {score:.1f}"


def assert_variance(z: np.ndarray, minimum: float = 1.0, maximum: float = 1.0) -> None:
    """Variance of independent normal scores, whose own relative spread is `√(2/n)`."""
    variance, spread = np.var(z), Z_MAX * np.sqrt(2 / np.size(z))
    assert minimum * (1 - spread) < variance < maximum * (1 + spread), f"variance {variance:.3f}"


def assert_stated_errors(values: np.ndarray, errors: np.ndarray) -> None:
    """Standard errors, each stated by one of many repeated runs, are within 10 % of the spread of their values."""
    ratio = np.sqrt(np.mean(np.asarray(errors, np.float64) ** 2)) / np.std(values, ddof=1)
    assert abs(ratio - 1) < 0.1, f"stated errors are {ratio:.3f} of the true one"


def assert_distribution(samples: np.ndarray, cdf) -> None:
    """Kolmogorov–Smirnov at the shared failure rate."""
    p = stats.kstest(np.asarray(samples, np.float64), cdf).pvalue
    assert p > FAILURE_RATE, f"Kolmogorov–Smirnov p = {p:.1e}"
