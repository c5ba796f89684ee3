"""Functions of `(l, κ)`, `l = d/2`, that are closed under differentiation.

`Φ_l(κ) = log(Γ(l) (2/κ)^{l−1} I_{l−1}(κ)) = ∫₀^κ A` and `A = I_l/I_{l−1}` are everything a von Mises–Fisher law has.
The two derivatives of each function are other functions here, so that JAX differentiates none of their series or
loops. `Φ` has them to the fourth order in `κ`, the others to the second, in `l` and `κ` together; a higher derivative
raises an error with the name of the function. Functions of a temperature are in `_thermal`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from thermo_ideal.numerics import gauss_legendre
from thermo_ideal.special._bessel_ratio import partition, ratio

Statistic = Callable[[Float[Array, "..."], Float[Array, "..."]], Float[Array, "..."]]


def differentiable(by_l: Statistic | None, by_kappa: Statistic | None) -> Callable[[Statistic], Statistic]:
    """Makes a function of `(l, κ)` differentiable by closed forms; where one is None, that derivative raises."""

    def decorate(function: Statistic) -> Statistic:
        wrapped = jax.custom_jvp(function)

        def rule(
            primals: tuple[Array, Array], tangents: tuple[Array | SymbolicZero, Array | SymbolicZero]
        ) -> tuple[Array, Array]:
            value = wrapped(*primals)
            change = jnp.zeros_like(value)
            for tangent, derivative in zip(tangents, (by_l, by_kappa), strict=True):
                if isinstance(tangent, SymbolicZero):
                    continue
                if derivative is None:
                    raise NotImplementedError(
                        f"{function.__name__.strip('_')}: got a derivative of too high an order; closed forms end at "
                        "the second in concentration and dimension, so take at most two jax.grad of a statistic"
                    )
                change += tangent * derivative(*primals)
            return value, change

        wrapped.defjvp(rule, symbolic_zeros=True)
        return jax.jit(wrapped)

    return decorate


def _inverse(kappa: Array) -> Array:
    """`1/κ`, and 1 where `κ = 0`: there what it multiplies is 0, as odd functions of `κ` are."""
    return 1 / jnp.where(kappa > 0, kappa, 1.0)


def _over_square(x: Array, T: Array) -> Array:
    """`x/T²` without `T²`, which would overflow; XLA forms it from `x/T/T`."""
    inverse = 1 / T
    return (x * inverse) * inverse


@differentiable(None, None)
def log_partition_ll(l: Array, kappa: Array) -> Array:
    return partition(l, kappa, by_l=2)[0]


@differentiable(lambda l, kappa: log_partition_ll(l, kappa), lambda l, kappa: resultant_l(l, kappa))
def log_partition_l(l: Array, kappa: Array) -> Array:
    return partition(l, kappa, by_l=1)[0]


@differentiable(log_partition_l, lambda l, kappa: resultant(l, kappa))
def log_partition(l: Array, kappa: Array) -> Array:
    """`Φ_l(κ)`."""
    return partition(l, kappa)[0]


@differentiable(log_partition_l, lambda l, kappa: -one_minus_resultant(l, kappa))
def log_partition_scaled(l: Array, kappa: Array) -> Array:
    """`Φ_l(κ) − κ`."""
    return partition(l, kappa, scaled=True)[1]


@differentiable(None, None)
def resultant_ll(l: Array, kappa: Array) -> Array:
    T, T_l, T_ll = ratio(l, kappa, "T", "T_l", "T_ll")
    return kappa / T * (2 * (T_l / T) ** 2 - T_ll / T)


@differentiable(resultant_ll, lambda l, kappa: variance_l(l, kappa))
def resultant_l(l: Array, kappa: Array) -> Array:
    """`∂A/∂l`."""
    T, T_l = ratio(l, kappa, "T", "T_l")
    return -kappa / T * (T_l / T)


@differentiable(resultant_l, lambda l, kappa: variance(l, kappa))
def resultant(l: Array, kappa: Array) -> Array:
    """`A = κ/T`."""
    (T,) = ratio(l, kappa, "T")
    return kappa / T


@differentiable(lambda l, kappa: -resultant_l(l, kappa), lambda l, kappa: -variance(l, kappa))
def one_minus_resultant(l: Array, kappa: Array) -> Array:
    """`1 − A = (T − κ)/T`, with the difference from its limit `l − ½` where `κ` is large."""
    T, e = ratio(l, kappa, "T", "e")
    return jnp.where(kappa < 1.5 * l, 1 - kappa / T, (l - 0.5 + e) / T)


@differentiable(None, None)
def variance_ll(l: Array, kappa: Array) -> Array:
    T, g, T_l, g_l, T_ll, g_ll = ratio(l, kappa, "T", "g", "T_l", "g_l", "T_ll", "g_ll")
    u, t = g / T, T_l / T
    return (g_ll / T - 4 * t * g_l / T + 6 * u * t**2 - 2 * u * T_ll / T) / T


@differentiable(variance_ll, lambda l, kappa: _third_cumulant_l(l, kappa))
def variance_l(l: Array, kappa: Array) -> Array:
    T, g, T_l, g_l = ratio(l, kappa, "T", "g", "T_l", "g_l")
    return _over_square(g_l - 2 * g * (T_l / T), T)


@differentiable(variance_l, lambda l, kappa: third_cumulant(l, kappa))
def variance(l: Array, kappa: Array) -> Array:
    """`A' = g/T²`."""
    T, g = ratio(l, kappa, "T", "g")
    return _over_square(g, T)


@differentiable(None, None)
def _third_cumulant_l(l: Array, kappa: Array) -> Array:
    T, *rows = ratio(l, kappa, "T", "g", "s", "h", "T_l", "s_l", "h_l")
    u, v, h, t, s_l, h_l = (row / T for row in rows)
    return (h_l - 2 * h * t + 2 * (s_l - v * t) * (v - u) + 2 * u * v * t) * _inverse(kappa) / T


@differentiable(None, None)
def _fourth_cumulant(l: Array, kappa: Array) -> Array:
    """With `e = κA''/A' = h/g − 2θT/T`, `κ²A'''/A' = e² − e + θe`."""
    T, g, s, h, k = ratio(l, kappa, "T", "g", "s", "h", "k")
    e = h / g - 2 * s / T
    swing = k / g - (h / g) ** 2 - 2 * ((s - h) / T - (s / T) ** 2)
    return (e**2 - e + swing) * _inverse(kappa) * _inverse(kappa) * _over_square(g, T)


@differentiable(_third_cumulant_l, _fourth_cumulant)
def third_cumulant(l: Array, kappa: Array) -> Array:
    """`A''`, the third cumulant of the overlap."""
    T, g, s, h = ratio(l, kappa, "T", "g", "s", "h")
    return _over_square((h - 2 * g * (s / T)) * _inverse(kappa), T)


@differentiable(None, None)
def _heat_capacity_curvature(l: Array, kappa: Array) -> Array:
    """`∂_κ(∂_κC/κ)`."""
    T, *rows = ratio(l, kappa, "T", "g", "s", "h", "k")
    u, v, h, k = (row / T for row in rows)
    return (2 * u * (2 * h - 3 * u * v) + k - 2 * h * v) * _inverse(kappa) / T


@differentiable(
    lambda l, kappa: 2 * variance_l(l, kappa) + kappa * _third_cumulant_l(l, kappa), _heat_capacity_curvature
)
def _heat_capacity_slope(l: Array, kappa: Array) -> Array:
    """`∂_κC/κ = 2A' + κA''`, without the cancellation of its two terms at large `κ`."""
    T, g, h = ratio(l, kappa, "T", "g", "h")
    return _over_square(2 * g * (g / T) + h, T)


@differentiable(
    lambda l, kappa: kappa * (kappa * variance_l(l, kappa)), lambda l, kappa: kappa * _heat_capacity_slope(l, kappa)
)
def heat_capacity(l: Array, kappa: Array) -> Array:
    """`C = κ²A'`, without a power of `κ` that would overflow."""
    T, g = ratio(l, kappa, "T", "g")
    return (kappa / T) ** 2 * g


@differentiable(
    lambda l, kappa: kappa * resultant_l(l, kappa) - log_partition_l(l, kappa),
    lambda l, kappa: kappa * variance(l, kappa),
)
def relative_entropy(l: Array, kappa: Array) -> Array:
    """`κA − Φ`, from the uniform law; at large `κ` written with `1 − A`, so that only small numbers are subtracted."""
    (T, e), (log, log_scaled) = ratio(l, kappa, "T", "e"), partition(l, kappa, scaled=True)
    near = kappa * (kappa / T) - log
    far = -log_scaled - kappa * ((l - 0.5 + e) / T)
    return jnp.where(kappa > l, far, near)


@differentiable(None, None)
def transverse_variance_l(l: Array, kappa: Array) -> Array:
    T, T_l = ratio(l, kappa, "T", "T_l")
    return -_over_square(T_l, T)


@differentiable(None, None)
def _transverse_variance_kappa(l: Array, kappa: Array) -> Array:
    T, s = ratio(l, kappa, "T", "s")
    return -_over_square(s * _inverse(kappa), T)


@differentiable(transverse_variance_l, _transverse_variance_kappa)
def transverse_variance(l: Array, kappa: Array) -> Array:
    """`A/κ = 1/T`."""
    (T,) = ratio(l, kappa, "T")
    return 1 / T


# Twelve points integrate A' to working precision over a factor of 2 in κ.
_LEGENDRE = list(zip(*gauss_legendre(12), strict=True))


def bregman_divergence(l: Array, kappa: Array, other: Array) -> Array:
    """`Φ(κ_q) − Φ(κ_p) − A(κ_p)Δ`, `Δ = κ_q − κ_p`; where that is small as `Δ² ∫₀¹ (1−t) A'(κ_p + tΔ) dt`."""
    change = other - kappa
    integral = jnp.zeros_like(change)
    for node, weight in _LEGENDRE:
        integral += weight * (1 - node) * variance(l, kappa + node * change)
    small = log_partition(l, other) - resultant(l, kappa) * other
    large = log_partition_scaled(l, other) + one_minus_resultant(l, kappa) * other
    apart = relative_entropy(l, kappa) + jnp.where(other > l, large, small)
    close = jnp.abs(change) <= jnp.minimum(kappa, other)
    return jnp.where(close, change * (change * integral), apart)
