"""Exact coefficients of the uniform expansion of Bessel ratios and its derivatives.

With `l = d/2`, `ρ = √(l² + κ²)` and `p = l/ρ`, everything here is a sum of monomials `p^i ρ^{−k}` with rational
coefficients. Two operators act on them, the logarithmic derivative in `κ` and the derivative in `l`:

    θ = κ∂_κ:    p^i ρ^{−k} → −(i+k) (1−p²) p^i ρ^{−k},
    ∂_l:         p^i ρ^{−k} → i p^{i−1} ρ^{−k−1} − (i+k) p^{i+1} ρ^{−k−1}.

`T_l = κ I_{l−1}/I_l` solves Riccati's equation `θT = 2lT + κ² − T²`; with `T = (1+p)ρ + U` and `2l = 2pρ` that is
`2ρU = −(1−p²)ρ − θU − U²`, which gives `U` order by order. All other series follow from it by the two operators.

Source: DLMF 10.41 for the expansion of `I_ν`; Amos, Math. Comp. 28, 239 (1974) for the ratio.
"""

from collections import defaultdict
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np

Series = dict[tuple[int, int], Fraction]  # (power of p, power of 1/ρ): coefficient


class Row(NamedTuple):
    """`p^parity Σ_k c_k(p²) ρ^{−k}`, `k` from `first` on, as floats for Horner's rule."""

    parity: int
    first: int
    coefficients: tuple[np.ndarray, ...]


class Expansion(NamedTuple):
    """The rows at one number of terms.

    `rows` are `T` and its derivatives by name (see `_bessel_ratio`), less the part of them that has no factor
    `1 − p² = κ²/ρ²`, over that factor: kept apart, it preserves the relative precision at small `κ`. `partition` is the
    tail of `log(Γ(l+1)(2/κ)^l I_l)` and its first two derivatives in `l`, as it stands and (`against_zero`) as the
    difference from `κ = 0` over `−(1−p)`, in powers of `1/l`.
    """

    rows: dict[str, Row]
    partition: tuple[Row, Row, Row]
    against_zero: tuple[Row, Row, Row]


def _sum(*series: Series) -> Series:
    total: defaultdict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for one in series:
        for monomial, coefficient in one.items():
            total[monomial] += coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def _scale(factor: int | Fraction, series: Series) -> Series:
    return {monomial: factor * coefficient for monomial, coefficient in series.items()}


def _square(series: Series, last: int) -> Series:
    product: defaultdict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for (i, k), u in series.items():
        for (j, m), v in series.items():
            if k + m == last:
                product[i + j, last] += u * v
    return product


def _theta(series: Series) -> Series:
    return _sum(*({(i, k): -(i + k) * u, (i + 2, k): (i + k) * u} for (i, k), u in series.items()))


def _by_order(series: Series) -> Series:
    return _sum(*({(i - 1, k + 1): i * u, (i + 1, k + 1): -(i + k) * u} for (i, k), u in series.items()))


def _polynomials(series: Series) -> dict[int, list[Fraction]]:
    """By power of `1/ρ`, the coefficients in `p`, lowest first."""
    orders = sorted({k for _, k in series})
    return {
        k: [series.get((i, k), Fraction(0)) for i in range(1 + max(j for j, n in series if n == k))] for k in orders
    }


def _divided(polynomial: list[Fraction], power: int) -> list[Fraction]:
    """`polynomial/(1 − p^power)`, which leaves no remainder."""
    quotient: list[Fraction] = []
    for i, coefficient in enumerate(polynomial):
        quotient.append(coefficient + (quotient[i - power] if i >= power else 0))
    assert not any(quotient[-power:])
    return quotient[:-power]


def _row(polynomials: dict[int, list[Fraction]], step: int = 2) -> Row:
    """Floats in powers of `p^step`."""
    parity = next(i for c in polynomials.values() for i, u in enumerate(c) if u) % step
    assert not any(u for c in polynomials.values() for i, u in enumerate(c) if i % step != parity)
    first, last = min(polynomials), max(polynomials)
    coefficients = (polynomials.get(k, [])[parity::step] or [Fraction(0)] for k in range(first, last + 1))
    return Row(parity, first, tuple(np.array(c, np.float64) for c in coefficients))


def _over_factor(series: Series, head: Series) -> Row:
    return _row({k: _divided(c, 2) for k, c in _polynomials(_sum(series, _scale(-1, head))).items()})


def _against_zero(series: Series) -> Row:
    """`Σ c_k(p) ρ^{−k} − c_k(1) l^{−k} = −(1−p) Σ q_k(p) l^{−k}`; gives `q`."""
    quotients = {}
    for k, c in _polynomials(series).items():
        difference = [Fraction(0)] * k + [-u for u in c]
        difference[0] += sum(c)
        quotients[k] = _divided(difference, 1)
    return _row(quotients, step=1)


@cache
def expansion(terms: int) -> Expansion:
    """The series to the order `ρ^{−terms}`, exact until rounded to floats."""
    ratio: Series = {(0, -1): Fraction(1), (1, -1): Fraction(1)}
    tail: Series = {(0, 0): Fraction(-1, 2), (2, 0): Fraction(1, 2)}
    for k in range(terms):
        newest = {monomial: u for monomial, u in tail.items() if monomial[1] == k}
        following = _scale(Fraction(-1, 2), _sum(_theta(newest), _square(tail, k)))
        tail = _sum(tail, {(i, k + 1): u for (i, _), u in following.items()})
    T, one = _sum(ratio, tail), {(0, 0): Fraction(1), (1, 0): Fraction(1)}
    s, g = _theta(T), _sum(T, _scale(-1, _theta(T)))
    rows = {
        "T": _over_factor(T, ratio),
        "s": _over_factor(s, {}),
        "g": _over_factor(g, {(1, -1): Fraction(1), (2, -1): Fraction(1)}),
        "h": _over_factor(_theta(g), {}),
        "k": _over_factor(_theta(_theta(g)), {}),
        "m": _over_factor(_theta(_theta(_theta(g))), {}),
        "T_l": _over_factor(_by_order(T), one),
        "s_l": _over_factor(_by_order(s), {}),
        "g_l": _over_factor(_by_order(g), one),
        "h_l": _over_factor(_by_order(_theta(g)), {}),
        "T_ll": _over_factor(_by_order(_by_order(T)), {}),
        "g_ll": _over_factor(_by_order(_by_order(g)), {}),
    }
    # θ of the tail of the log-normaliser is the tail of T, less what ρ and log(ρ + l) give.
    reduced = {k: _divided(c, 2) for k, c in _polynomials(tail).items() if k}
    zeroth = {(i, k): -u / (i + k) for k, c in reduced.items() for i, u in enumerate(c) if u}
    first = _by_order(zeroth)
    second = _by_order(first)
    return Expansion(
        rows,
        (_row(_polynomials(zeroth)), _row(_polynomials(first)), _row(_polynomials(second))),
        (_against_zero(zeroth), _against_zero(first), _against_zero(second)),
    )
