"""The concentration of a given mean resultant length."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_number, require_finite, require_one_of, require_real_dimension
from thermo_ideal.special._bessel_ratio import ratio
from thermo_ideal.special._statistics import Statistic, differentiable, resultant_l, variance

# Newton's method on logarithms starts within a tenth of the solution and squares the error: 0.1, 1e-2, …, 1e-32.
_ITERATIONS = 5


def _solve(l: Array, length: Array, complement: Array) -> Array:
    """`κ` with `A = length`, `1 − A = complement`, from the smaller of the two; both are given, so neither cancels."""
    near_uniform = length < 0.5
    start = length * (2 * l - length**2) / (complement * (1 + length))

    def newton(_: Array, kappa: Array) -> Array:
        T, e, g = ratio(l, kappa, "T", "e", "g")
        c = l - 0.5 + e
        of_length = jnp.log(kappa / T / length) / (g / T)
        of_complement = -jnp.log(c / T / complement) / (kappa / T * (g / c))
        return kappa * jnp.exp(-jnp.where(near_uniform, of_length, of_complement))

    kappa = lax.fori_loop(0, _ITERATIONS, newton, start)
    kappa = jnp.where(length == 0, 0.0, jnp.where(complement == 0, jnp.inf, kappa))
    return jnp.where((length >= 0) & (complement >= 0), kappa, jnp.nan)


def _by_l(concentration: Statistic) -> Statistic:
    def derivative(l: Array, given: Array) -> Array:
        kappa = concentration(l, given)
        return -resultant_l(l, kappa) / variance(l, kappa)

    return derivative


@differentiable(
    _by_l(lambda l, length: from_resultant(l, length)),
    lambda l, length: 1 / variance(l, from_resultant(l, length)),
)
def from_resultant(l: Array, length: Array) -> Array:
    """`κ` from `A`."""
    return _solve(l, length, 1 - length)


@differentiable(
    _by_l(lambda l, complement: from_complement(l, complement)),
    lambda l, complement: -1 / variance(l, from_complement(l, complement)),
)
def from_complement(l: Array, complement: Array) -> Array:
    """`κ` from `1 − A`."""
    return _solve(l, 1 - complement, complement)


def concentration(
    dimension: ArrayLike,
    resultant_length: ArrayLike | None = None,
    *,
    one_minus_resultant_length: ArrayLike | None = None,
) -> Float[Array, "..."]:
    """`κ` with `A_d(κ) = R`: the inverse of `mean_resultant_length`.

    A length near 1 is better given as `1 − R`: rounding `R` to floats then costs `κ` a relative error of `eps/(1 − R)`.

    Args:
        dimension: `d ≥ 2`, any shape.
        resultant_length: `0 ≤ R < 1`, broadcast against `dimension`.
        one_minus_resultant_length: `0 < 1 − R ≤ 1`, instead of `R`.

    Returns:
        An array of the common shape of the arguments.

    Raises:
        ValueError: a length out of its range, or not exactly one of the two. Under `jit`, where values are not known,
            `R = 1` gives infinity and anything outside `[0, 1]` NaN.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> round(float(vmf.concentration(10, vmf.mean_resultant_length(10, 5.0))), 5)
        5.0
        >>> f"{float(vmf.concentration(43_692, one_minus_resultant_length=1e-9)):.5e}"  # (d − 1)/2(1 − R)
        '2.18455e+13'

    Source: Newton's method on `log A` or `log(1 − A)`, from the start of Banerjee et al., JMLR 6, 1345 (2005).
    """
    require_real_dimension("dimension", dimension)
    lengths = ("resultant_length", resultant_length, "one_minus_resultant_length", one_minus_resultant_length)
    require_one_of(*lengths, "concentration(3, 0.7)")
    if resultant_length is not None:
        given = as_number(
            "resultant_length", resultant_length, lambda x: (x >= 0) & (x < 1), "0 ≤ R < 1, as in resultant_length=0.7"
        )
        return from_resultant(*broadcast_half(dimension, given))
    given = as_number(
        "one_minus_resultant_length",
        one_minus_resultant_length,
        lambda x: (x > 0) & (x <= 1),
        "0 < 1 − R ≤ 1, as in one_minus_resultant_length=0.3",
    )
    return from_complement(*broadcast_half(dimension, given))


def broadcast_half(dimension: ArrayLike, given: Array) -> tuple[Array, Array]:
    """`d/2` and another argument, in that one's precision and of one shape; what is out of its range becomes NaN.

    Where values are known, wrong ones have been refused before; what is left to mask is what JAX traces.
    """
    l = jnp.asarray(dimension, given.dtype) / 2
    require_finite("dimension", l)
    l, given = jnp.where((l >= 1) & (l < jnp.inf), l, jnp.nan), jnp.where(given >= 0, given, jnp.nan)
    shape = jnp.broadcast_shapes(l.shape, given.shape)
    return jnp.broadcast_to(l, shape), jnp.broadcast_to(given, shape)
