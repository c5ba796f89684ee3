"""Requirements that quantities are those of the exact law of discrete SGD."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.estimators import Estimate
from thermo_ideal.verification._comparison import Comparison
from thermo_ideal.verification._convergence_requirements import nothing_to_judge
from thermo_ideal.verification._row import Row
from thermo_ideal.verification._score_test import ScoreTest

_JUDGED = ("U", "Var L", "S_dir", "S_kNN", "S", "V")
_NEEDED = {
    "U": "losses",
    "Var L": "losses",
    "S_dir": "overlaps",
    "S_kNN": "weights",
    "S": "overlaps and radii",
    "V": "radii",
    "r": "radii",
    "p": "effective weight decays",
}
_DEGREES = (1, 2, 3, 4)  # of polynomials of the quantile
_UNKNOWN = "the loss is no function of the overlap, so that the law of discrete SGD is not known"


def agrees_with_discrete_law(comparison: Comparison) -> list[Row]:
    """Energy, its variance, entropies, volume and radius (or pressure) are those of the exact law of discrete SGD.

    Args:
        comparison: a protocol's measurements.
    """
    response = DICTIONARY[comparison.protocol.mechanical_response].symbol
    symbols = [*_JUDGED, response]
    if comparison.protocol.fixes_radius:
        symbols.remove("V")
    rows, use = [], comparison.stationary
    for symbol in symbols:
        claim = f"{symbol} is that of discrete SGD"
        quantity = comparison.quantities.get(symbol)
        if quantity is None:
            reason = comparison.measurements.refusals.get(symbol, f"no {_NEEDED[symbol]} of every run")
            rows.append(Row.unanswered(claim, reason))
        elif comparison.law is None:
            rows.append(Row.unanswered(claim, _UNKNOWN))
        elif not use.any():
            rows.append(nothing_to_judge(claim))
        else:
            test = quantity.test(use)
            rows.append(Row.of_test(claim, str(test), test.p_value))
    return rows


def has_distribution(comparison: Comparison) -> list[Row]:
    """The depth has the exact distribution of discrete SGD: its quantile is uniform, by Legendre polynomials.

    Under a density `1 + Σ c_k √(2k + 1) P_k(2q − 1)` of the quantile `q` the coefficients are means of those
    polynomials, and `KL ≈ ½ Σ c_k²`.

    Args:
        comparison: a protocol's measurements.
    """
    claim, use, depths = (
        "1 − m has the distribution of discrete SGD",
        comparison.stationary,
        comparison.measurements.depths,
    )
    if depths is None:
        return [Row.unanswered(claim, "no overlaps of every run; give overlaps=")]
    if comparison.depth_distributions is None:
        return [Row.unanswered(claim, _UNKNOWN)]
    if not use.any():
        return [nothing_to_judge(claim)]
    points = zip(comparison.depth_distributions[use], depths[use], strict=True)
    quantiles = np.stack([distribution.quantile_of(depth) for distribution, depth in points])
    legendre = np.polynomial.legendre.legvander(2 * quantiles - 1, max(_DEGREES))
    means = [np.sqrt(2 * k + 1) * legendre[..., k].mean(axis=-1) for k in _DEGREES]
    coefficients = [Estimate(mean) for mean in means]
    tests = [ScoreTest.of(coefficient.z_score(0.0)) for coefficient in coefficients]
    squares = [coefficient.value**2 - coefficient.standard_error**2 for coefficient in coefficients]
    divergence = float(np.mean(np.sum(squares, axis=0)) / 2)
    worst = min(tests, key=lambda test: test.p_value)
    text = f"KL = {divergence:.1e} nat on average; of the worst of {len(tests)} polynomials {worst}"
    return [Row.of_test(claim, text, min(1.0, len(tests) * worst.p_value))]


def protocols_agree_with_discrete_law(comparisons: Mapping[str, Comparison]) -> list[Row]:
    """What all points of all protocols share: each quantity that every protocol has, over all of them together.

    Args:
        comparisons: by protocol.
    """
    rows = []
    for symbol in _JUDGED[:-1]:
        known = [
            (comparison.quantities[symbol], comparison.stationary)
            for comparison in comparisons.values()
            if symbol in comparison.quantities and comparison.law is not None and comparison.stationary.any()
        ]
        if len(known) == len(comparisons) > 1:
            scores = np.concatenate([quantity.z_score[use] for quantity, use in known])
            shared = np.concatenate([quantity.shared_error[use] for quantity, use in known])
            test = ScoreTest.of(scores, shared)
            rows.append(Row.of_test(f"{symbol} is that of discrete SGD", str(test), test.p_value))
    return rows
