"""The one recurrence behind every von Mises–Fisher statistic.

With `l = d/2` let `T_l(κ) = κ I_{l−1}(κ)/I_l(κ)`. It obeys the Riccati equation `κT' = 2lT + κ² − T²`, whose solution
for large `ρ = √(l² + κ²)` is a series in `1/ρ` with polynomial coefficients in `x = (l/ρ)²`:

    T_l = l + ρ + Σ_k c_k(x) ρ^{−k},    c_0 = −(1−x)/2,    2c_{k+1} = (1−x)(2x c_k' + k c_k) − Σ_i c_i c_{k−i}.

Where `ρ` is small the series is taken at a higher order `l + n` and brought down by `T_{l−1} = 2(l−1) + κ²/T_l`, which
damps errors. `T − κ`, `κT'`, `g = T − κT'` and `h = κg'` have series and steps of their own, so that

    A = κ/T,    1 − A = (T − κ)/T,    A' = g/T²,    A'' = (hT − 2gκT')/(κT³)

come without a cancellation at any `d` and `κ`. The log-normaliser relative to the uniform law,
`Φ_l(κ) = log(Γ(l) (2/κ)^{l−1} I_{l−1}(κ)) = ∫₀^κ A`, comes from the antiderivative of the same series (DLMF 10.41).
"""

from fractions import Fraction
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float


class Riccati(NamedTuple):
    """`T`, `T − κ`, `κT'`, `g = T − κT'`, `h = κg'`, `Φ` and `Φ − κ` at order `l`."""

    ratio: Float[Array, "..."]
    excess: Float[Array, "..."]
    slope: Float[Array, "..."]
    curvature: Float[Array, "..."]
    bending: Float[Array, "..."]
    log_partition: Float[Array, "..."]
    log_partition_scaled: Float[Array, "..."]


# (terms of the series, ρ above which they reach working precision)
_SERIES = {np.dtype(np.float64): (18, 26.0), np.dtype(np.float32): (5, 20.0)}

_Polynomial = list[Fraction]  # in x, lowest power first


def _add(a: _Polynomial, b: _Polynomial) -> _Polynomial:
    size = max(len(a), len(b))
    return [(a[i] if i < len(a) else Fraction(0)) + (b[i] if i < len(b) else Fraction(0)) for i in range(size)]


def _multiply(a: _Polynomial, b: _Polynomial) -> _Polynomial:
    product = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, u in enumerate(a):
        for j, v in enumerate(b):
            product[i + j] += u * v
    return product


def _scale(a: _Polynomial, factor: int | Fraction) -> _Polynomial:
    return [factor * u for u in a]


def _logarithmic_derivative(c: _Polynomial, k: int) -> _Polynomial:
    """`b(x)` with `κ d/dκ (c(x) ρ^{−k}) = (1−x) b(x) ρ^{−k}`, from `κ dρ/dκ = ρ(1−x)`, `κ dx/dκ = −2x(1−x)`."""
    return [-(2 * i + k) * u for i, u in enumerate(c)]


_ONE_MINUS_X = [Fraction(1), Fraction(-1)]


def _over_one_minus_x(c: _Polynomial) -> _Polynomial:
    quotient, remainder = [], Fraction(0)
    for coefficient in c[:-1]:
        remainder += coefficient
        quotient.append(remainder)
    return quotient


@cache
def _coefficients(terms: int) -> tuple[list[np.ndarray], ...]:
    """The series of `T`, `κT'`, `g`, `h`, each divided by `1 − x`, and of `Φ`; exact until rounded.

    Every coefficient has the factor `1 − x = κ²/ρ²`. Kept apart, it saves the relative precision at small `κ`.
    """
    ratio: list[_Polynomial] = [[Fraction(-1, 2), Fraction(1, 2)]]
    for k in range(terms):
        following = _scale(_multiply(_ONE_MINUS_X, _logarithmic_derivative(ratio[k], k)), -1)
        for i in range(k + 1):
            following = _add(following, _scale(_multiply(ratio[i], ratio[k - i]), -1))
        ratio.append(_scale(following, Fraction(1, 2)))
    reduced = [_over_one_minus_x(c) for c in ratio]
    slope = [_logarithmic_derivative(c, k) for k, c in enumerate(ratio)]
    curvature = [_add(b, _scale(c, -1)) for b, c in zip(reduced, slope, strict=True)]
    bending = [_logarithmic_derivative(_multiply(_ONE_MINUS_X, c), k) for k, c in enumerate(curvature)]
    logarithm = [[-u / (2 * i + k) for i, u in enumerate(c)] for k, c in enumerate(reduced) if k > 0]
    quotients = [_quotient(e, k) for k, e in enumerate(logarithm, 1)]
    as_floats = (
        [np.array(c, dtype=np.float64) for c in series]
        for series in (reduced, slope, curvature, bending, logarithm, quotients)
    )
    return tuple(as_floats)


def _quotient(e: _Polynomial, k: int) -> _Polynomial:
    """`q(p)` with `e(p²) p^k − e(1) = −(1 − p) q(p)`."""
    powers = [Fraction(0)] * (2 * len(e) - 1 + k)
    for i, u in enumerate(e):
        powers[2 * i + k] = u
    remainder, quotient = sum(powers, Fraction(0)), []
    for coefficient in powers[:-1]:
        remainder -= coefficient
        quotient.append(remainder)
    return quotient


def _evaluate(series: list[np.ndarray], x: Array, inverse: Array) -> Array:
    """`Σ_k c_k(x) inverse^k`, by Horner in both."""
    value = jnp.zeros_like(x)
    for polynomial in reversed(series):
        value = value * inverse + jnp.polyval(jnp.asarray(polynomial[::-1], x.dtype), x)
    return value


@jax.jit
def riccati(half_dimension: Float[Array, "..."], kappa: Float[Array, "..."]) -> Riccati:
    """Everything at order `l = half_dimension ≥ 1` and `κ ≥ 0`, in the precision of the arguments."""
    terms, threshold = _SERIES[np.dtype(kappa.dtype)]
    c, s_series, g_series, h_series, e, quotients = _coefficients(terms)

    # ρ must be large for every series; unless κ is larger still, l is made large too, so that Φ keeps its
    # relative precision (Stirling's series is then part of Debye's and cancels term by term).
    far = kappa >= 4 * threshold
    steps = jnp.where(far, 0.0, jnp.maximum(jnp.ceil(threshold - half_dimension), 0.0))
    l = half_dimension + steps
    rho = jnp.hypot(l, kappa)
    gap = kappa * (kappa / (rho + l))  # ρ − l
    rest = l * (l / (rho + kappa))  # ρ − κ
    x, inverse = (l / rho) ** 2, 1 / rho
    one_minus_x = (kappa / rho) ** 2
    tail = one_minus_x * _evaluate(c, x, inverse)
    ratio = l + rho + tail
    excess = l + rest + tail
    slope = one_minus_x * (rho + _evaluate(s_series, x, inverse))
    curvature = l + l * (l / rho) + one_minus_x * _evaluate(g_series, x, inverse)
    bending = one_minus_x * (_evaluate(h_series, x, inverse) - l * (l / rho))

    # Φ_{l+1} from Debye's series: as a difference from κ = 0 where l is large, with log Γ where only κ is.
    safe = jnp.maximum(l, threshold)
    slow = -l * jnp.log1p(gap / (2 * l)) - jnp.log1p(gap / l) / 2
    slow -= gap / rho * _evaluate(quotients, l / rho, 1 / safe) / safe
    stirling = gammaln(l + 1) - l * jnp.log((l + rho) / 2) - jnp.log(2 * jnp.pi * rho) / 2
    stirling += inverse * _evaluate(e, x, inverse)
    direct = far & (l < threshold)
    phi = jnp.where(direct, rho + stirling, gap + slow)
    phi_scaled = jnp.where(direct, rest + stirling, jnp.where(kappa < l, gap - kappa, rest - l) + slow)
    first_log = jnp.log1p((gap + tail) / (2 * l))
    phi, phi_scaled = phi + first_log, phi_scaled + first_log

    for step in range(int(threshold), 0, -1):
        active = steps >= step
        order = half_dimension + step - 1  # l − 1 of the step from l = order + 1
        A = kappa / ratio
        swing = kappa * curvature / ratio**2  # κA'
        log_step = jnp.log1p(kappa * A / (2 * order))
        bending = jnp.where(active, -A * (A * bending + 2 * swing * curvature), bending)
        slope = jnp.where(active, kappa * (A + swing), slope)
        curvature = jnp.where(active, 2 * order - A**2 * curvature, curvature)
        excess = jnp.where(active, 2 * order - A * excess, excess)
        ratio = jnp.where(active, 2 * order + kappa * A, ratio)
        phi = jnp.where(active, phi + log_step, phi)
        phi_scaled = jnp.where(active, phi_scaled + log_step, phi_scaled)
    return Riccati(ratio, excess, slope, curvature, bending, phi, phi_scaled)
