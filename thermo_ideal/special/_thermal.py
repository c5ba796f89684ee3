"""Functions of `(l, T)`, `l = d/2`, `T = 1/κ`, with derivatives in the temperature of their own.

The chain rule through `κ = 1/T` subtracts numbers of the same leading order where it is cold, at every derivative one
more. Here a derivative of order `n` is one of two things. Where it is cold, it is that of the series `A = Σ a_n T^n`,
whose coefficients follow from Riccati's equation `T²A_T = A² + (2l − 1)TA − 1`: with `q = l − ½`

    a_1 = −q,   a_2 = (q² − q)/2,   2a_n = (n − 1) a_{n−1} − Σ_{i=2}^{n−2} a_i a_{n−i}.

Elsewhere it is a sum of derivatives by `θ = κ∂_κ = −T∂_T`, in which little cancels:

    T∂_T = −θ,   T²∂_T² = θ² + θ,   T³∂_T³ = −(θ³ + 3θ² + 2θ).

Derivatives end at the third order in `T`, at the second where one of them is in `l`.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, partial
from math import comb, perm
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thermo_ideal.special import _statistics as of_kappa
from thermo_ideal.special._bessel_ratio import ratio
from thermo_ideal.special._statistics import Statistic, differentiable

_Jet = Sequence[Array | float]  # a function and its derivatives by θ, over the function

# (terms of the series, κ above which they reach working precision); and the largest qT.
_COLD = {np.dtype(np.float64): (28, 60.0), np.dtype(np.float32): (12, 20.0)}
_COLDEST = 0.1
# `(−T)^n ∂_T^n` by the powers of θ from the first on.
_FALLING = ((1.0,), (1.0, 1.0), (2.0, 3.0, 1.0))


@jax.custom_jvp
def reciprocal(temperature: Array) -> Array:
    """`κ = 1/T`."""
    return 1 / temperature


# In this order `κ²` is never formed, which would overflow in a derivative that does not.
reciprocal.defjvps(lambda tangent, kappa, temperature: -(kappa * (kappa * tangent)))


@cache
def _coefficients(terms: int) -> np.ndarray:
    """Of `q^j` in `a_n`, exact until rounded, of shape `(n, j)`."""
    a = [[Fraction(1)], [Fraction(0), Fraction(-1)], [Fraction(0), Fraction(-1, 2), Fraction(1, 2)]]
    for n in range(3, terms):
        row = [Fraction(n - 1, 2) * c for c in a[-1]] + [Fraction(0)]
        for i in range(2, n - 1):
            for j, b in enumerate(a[i]):
                for k, c in enumerate(a[n - i]):
                    row[j + k] -= b * c / 2
        a.append(row)
    return np.array([[float(c) for c in row] + [0.0] * (terms - len(row)) for row in a])


def _series(l: Array, T: Array, *, order: int, weight: Callable[[int], float], shift: int) -> Array:
    """The derivative of that order of `Σ weight(n) a_n T^{n+shift}`, in powers of `q`, of `qT` and of `T`.

    With `r = order − shift`, `q^j T^{n−r}` is `q^j T^{n−r}` for `j < r` and `q^r (qT)^{j−r} T^{n−j}` for others: no
    power overflows.
    """
    terms, _ = _COLD[np.dtype(T.dtype)]
    r, q = order - shift, l - 0.5
    n = np.arange(r, terms)
    factors = np.array([weight(int(i)) * perm(int(i) + shift, order) for i in n])
    a = (factors[:, None] * _coefficients(terms)[r:]).astype(T.dtype)
    cold = jnp.minimum(T, jnp.minimum(1.0, _COLDEST / jnp.maximum(q, 1.0)))[..., None]
    powers = np.arange(terms).reshape(*(1,) * q.ndim, terms)
    by_T, by_qT = cold**powers, (q[..., None] * cold) ** powers[..., : terms - r]
    total = sum((by_T[..., : n.size] @ a[:, j]) * q**j for j in range(r))
    # Of the rest, by the powers of qT and of T.
    square = np.zeros((terms - r, terms), T.dtype)
    for i, row in zip(n, a, strict=True):
        for j in range(r, int(i) + 1):
            square[j - r, i - j] = row[j]
    return total + q**r * ((by_qT @ square) * by_T).sum(axis=-1)


def _product(a: _Jet, b: _Jet) -> _Jet:
    return [sum(comb(n, i) * a[i] * b[n - i] for i in range(n + 1)) for n in range(len(a))]


def _reciprocal_jet(jet: _Jet) -> _Jet:
    found: list[Array | float] = [1.0]
    for n in range(1, len(jet)):
        found.append(-sum(comb(n, i) * jet[i] * found[n - i] for i in range(1, n + 1)))
    return found


class _Statistic(NamedTuple):
    """A function that is `κ^a T^{−b} g^c` in the rows of the recurrence, and in the cold `Σ weight(n) a_n T^{n+shift}`.

    `of_kappa` is the function of `(l, κ)`, and `by_l` and `by_ll` are its derivatives in `l`.
    """

    of_kappa: Statistic
    by_l: Statistic
    by_ll: Statistic | None
    powers: tuple[int, int, int]
    weight: Callable[[int], float]
    shift: int

    def derivative(self, l: Array, temperature: Array, order: int) -> Array:
        """`∂_T^order`, for an order from 1 to 3."""
        kappa = reciprocal(temperature)
        rows = ratio(l, kappa, *("T", "s", "g", "h", "k", "m")[: 3 + order])
        warm = _by_temperature(self.of_kappa(l, kappa), kappa, self._jet(*rows))
        return jnp.where(_is_cold(l, temperature), self._cold(order)(l, temperature), warm)

    def slope_by_l(self, l: Array, temperature: Array) -> Array:
        """`∂_l∂_T`."""
        kappa = reciprocal(temperature)
        rows = ratio(l, kappa, "T", "s", "g", "h", "T_l", "s_l", "g_l", "h_l")
        a, b, c = self.powers

        def slope(T: Array, s: Array, g: Array, h: Array) -> Array:
            value = (kappa / T) ** a * (1 / T) ** (b - a) * g**c
            return _by_temperature(value, kappa, self._jet(T, s, g, h))

        warm = jax.jvp(slope, rows[:4], rows[4:])[1]
        cold = jax.jvp(lambda l: self._cold(1)(l, temperature), (l,), (jnp.ones_like(l),))[1]
        return jnp.where(_is_cold(l, temperature), cold, warm)

    def _cold(self, order: int) -> Statistic:
        return partial(_series, order=order, weight=self.weight, shift=self.shift)

    def _jet(self, T: Array, s: Array, *of_g: Array) -> _Jet:
        """To as high an order as `of_g`, which is `g`, `h` …: `θT = s`, `θs = s − h`."""
        of_T = [T, s]
        for row in of_g[1:-1]:
            of_T.append(of_T[-1] - row)
        a, b, c = self.powers
        jet: _Jet = [float(a) ** n for n in range(len(of_g))]
        for _ in range(b):
            jet = _product(jet, _reciprocal_jet([row / T for row in of_T]))
        for _ in range(c):
            jet = _product(jet, [row / of_g[0] for row in of_g])
        return jet


def _by_temperature(value: Array, kappa: Array, jet: _Jet) -> Array:
    """The derivative in `T` of the jet's order."""
    order = len(jet) - 1
    derivative = value * sum(factor * j for factor, j in zip(_FALLING[order - 1], jet[1:], strict=True))
    for _ in range(order):
        derivative = derivative * -kappa
    return derivative


def _is_cold(l: Array, T: Array) -> Array:
    _, threshold = _COLD[np.dtype(T.dtype)]
    return (T * threshold <= 1) & (jnp.maximum(l - 0.5, 1.0) * T <= _COLDEST)


def _rule(name: str, function: Statistic, by_l: Statistic | None, by_temperature: Statistic | None) -> Statistic:
    def named(l: Array, temperature: Array) -> Array:
        return function(l, temperature)

    named.__name__ = name
    return differentiable(by_l, by_temperature)(named)


def _at(function: Statistic) -> Statistic:
    """A function of `(l, κ)` as one of `(l, T)`."""
    return lambda l, temperature: function(l, reciprocal(temperature))


class _Tower(NamedTuple):
    """A function of `(l, T)` and its derivatives in `l`, each of which has derivatives of its own."""

    value: Statistic
    by_l: Statistic
    by_ll: Statistic | None


def _tower(name: str, statistic: _Statistic) -> _Tower:
    third = _rule(name, partial(statistic.derivative, order=3), None, None)
    second = _rule(name, partial(statistic.derivative, order=2), None, third)
    mixed = _rule(name, statistic.slope_by_l, None, None)
    first = _rule(name, partial(statistic.derivative, order=1), mixed, second)
    by_ll = None if statistic.by_ll is None else _rule(name, _at(statistic.by_ll), None, None)
    by_l = _rule(name, _at(statistic.by_l), by_ll, mixed)
    return _Tower(_rule(name, _at(statistic.of_kappa), by_l, first), by_l, by_ll)


def _minus(function: Statistic) -> Statistic:
    return lambda l, temperature: -function(l, temperature)


def _over(function: Statistic, power: int) -> Statistic:
    """A function of `(l, T)` over a power of `T`."""

    def divided(l: Array, temperature: Array) -> Array:
        value = function(l, temperature)
        for _ in range(power):
            value = value * reciprocal(temperature)
        return value

    return divided


_CAPACITY = _tower(
    "heat_capacity",
    _Statistic(
        of_kappa.heat_capacity,
        lambda l, kappa: kappa * (kappa * of_kappa.variance_l(l, kappa)),
        lambda l, kappa: kappa * (kappa * of_kappa.variance_ll(l, kappa)),
        (2, 2, 1),
        lambda n: -n,
        -1,
    ),
)
_VARIANCE = _tower(
    "variance",
    _Statistic(of_kappa.variance, of_kappa.variance_l, of_kappa.variance_ll, (0, 2, 1), lambda n: -n, 1),
)
_TRANSVERSE = _tower(
    "transverse_variance",
    _Statistic(of_kappa.transverse_variance, of_kappa.transverse_variance_l, None, (0, 1, 0), lambda n: 1, 1),
)
heat_capacity, variance, transverse_variance = _CAPACITY.value, _VARIANCE.value, _TRANSVERSE.value

_resultant_ll = _rule("resultant", _at(of_kappa.resultant_ll), None, _minus(cast(Statistic, _CAPACITY.by_ll)))
_resultant_l = _rule("resultant", _at(of_kappa.resultant_l), _resultant_ll, _minus(_CAPACITY.by_l))
resultant = _rule("resultant", _at(of_kappa.resultant), _resultant_l, _minus(heat_capacity))
mean_depth = _rule("mean_depth", _at(of_kappa.one_minus_resultant), _minus(_resultant_l), heat_capacity)

_partition_ll = _rule("log_partition", _at(of_kappa.log_partition_ll), None, _minus(_over(_resultant_ll, 2)))
_partition_l = _rule("log_partition", _at(of_kappa.log_partition_l), _partition_ll, _minus(_over(_resultant_l, 2)))
log_partition = _rule("log_partition", _at(of_kappa.log_partition), _partition_l, _minus(_over(resultant, 2)))
log_partition_scaled = _rule("log_partition", _at(of_kappa.log_partition_scaled), _partition_l, _over(mean_depth, 2))

_entropy_l = _rule(
    "relative_entropy",
    lambda l, T: reciprocal(T) * of_kappa.resultant_l(l, reciprocal(T)) - of_kappa.log_partition_l(l, reciprocal(T)),
    lambda l, T: reciprocal(T) * _resultant_ll(l, T) - _partition_ll(l, T),
    _minus(_over(_CAPACITY.by_l, 1)),
)
relative_entropy = _rule(
    "relative_entropy", _at(of_kappa.relative_entropy), _entropy_l, _minus(_over(heat_capacity, 1))
)
helmholtz_energy = _rule(
    "helmholtz_energy",
    lambda l, T: -T * of_kappa.log_partition_scaled(l, reciprocal(T)),
    lambda l, T: -T * _partition_l(l, T),
    relative_entropy,
)
