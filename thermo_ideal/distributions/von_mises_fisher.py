"""Von Mises–Fisher statistics as functions of (dimension, concentration); no vector is formed.

The law has the density `C_d(κ) e^{κ μ·x}` on `S^{d−1}` with respect to the surface measure. With `l = d/2`,

    log C_d(κ) = −log|S^{d−1}| − Φ_l(κ),    Φ_l(κ) = log(Γ(l) (2/κ)^{l−1} I_{l−1}(κ)) = ∫₀^κ A_d,
    A_d(κ) = I_l(κ)/I_{l−1}(κ).

All arguments broadcast. Derivatives in `κ` are closed forms, of any function but `A'` to second order.

Source: Mardia & Jupp, Directional Statistics, section 9.3.2; arXiv 2511.07308.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_nonnegative, require_dimension
from thermo_ideal.special import log_sphere_area
from thermo_ideal.special._riccati import riccati

_Statistic = Callable[[Array, Array], Array]


def _with_derivative(derivative: _Statistic) -> Callable[[_Statistic], _Statistic]:
    """Makes a function of `(l, κ)` differentiable in `κ` by a closed form, not through its series."""

    def decorate(function: _Statistic) -> _Statistic:
        wrapped = jax.custom_jvp(function)
        wrapped.defjvps(None, lambda tangent, _, l, kappa: tangent * derivative(l, kappa))
        return wrapped

    return decorate


def _second_derivative(l: Array, kappa: Array) -> Array:
    r = riccati(l, kappa)
    # At κ = 0, where A'' = 0, both numerator and denominator vanish. No power of κ is formed: it would overflow.
    numerator = (r.bending - 2 * r.curvature * (r.slope / r.ratio)) / r.ratio
    return numerator / r.ratio / jnp.where(kappa > 0, kappa, 1.0)


@_with_derivative(_second_derivative)
def _derivative(l: Array, kappa: Array) -> Array:
    r = riccati(l, kappa)
    return r.curvature / r.ratio / r.ratio


@_with_derivative(lambda l, kappa: kappa * (2 * _derivative(l, kappa) + kappa * _second_derivative(l, kappa)))
def _heat_capacity(l: Array, kappa: Array) -> Array:
    r = riccati(l, kappa)
    return (kappa / r.ratio) ** 2 * r.curvature


@_with_derivative(lambda l, kappa: _derivative(l, kappa))
def _resultant(l: Array, kappa: Array) -> Array:
    return kappa / riccati(l, kappa).ratio


@_with_derivative(lambda l, kappa: -_derivative(l, kappa))
def _one_minus_resultant(l: Array, kappa: Array) -> Array:
    r = riccati(l, kappa)
    return r.excess / r.ratio


@_with_derivative(lambda l, kappa: _resultant(l, kappa))
def _log_partition(l: Array, kappa: Array) -> Array:
    return riccati(l, kappa).log_partition


@_with_derivative(lambda l, kappa: -_one_minus_resultant(l, kappa))
def _log_partition_scaled(l: Array, kappa: Array) -> Array:
    return riccati(l, kappa).log_partition_scaled


@_with_derivative(lambda l, kappa: -kappa * _derivative(l, kappa))
def _relative_entropy(l: Array, kappa: Array) -> Array:
    """`S_dir − log|S^{d−1}| = Φ − κA`, written so that at large `κ` only small numbers are subtracted."""
    r = riccati(l, kappa)
    near = r.log_partition - kappa * (kappa / r.ratio)
    far = r.log_partition_scaled + kappa * (r.excess / r.ratio)
    return jnp.where(kappa > l, far, near)


def _promote(dimension: ArrayLike, concentration: ArrayLike) -> tuple[Array, Array]:
    require_dimension("dimension", dimension)
    kappa = as_nonnegative("concentration", concentration)
    l = jnp.asarray(dimension, kappa.dtype) / 2
    shape = jnp.broadcast_shapes(l.shape, kappa.shape)
    return jnp.broadcast_to(l, shape), jnp.broadcast_to(kappa, shape)


def log_normalizer(dimension: ArrayLike, concentration: ArrayLike) -> Float[Array, "..."]:
    """`log C_d(κ)`, so that the density is `C_d(κ) e^{κ μ·x}`.

    Args:
        dimension: `d ≥ 2`.
        concentration: `κ ≥ 0`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        At `d = 3`, `C = κ/(4π sinh κ)`:

        >>> import math
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> math.isclose(vmf.log_normalizer(3, 2.0), math.log(2 / (4 * math.pi * math.sinh(2))), rel_tol=1e-6)
        True
    """
    l, kappa = _promote(dimension, concentration)
    return -jnp.asarray(log_sphere_area(dimension), kappa.dtype) - _log_partition(l, kappa)


def log_normalizer_scaled(dimension: ArrayLike, concentration: ArrayLike) -> Float[Array, "..."]:
    """`log C_d(κ) + κ`: the log-density at the mode, without the term that cancels there.

    Args:
        dimension: `d ≥ 2`.
        concentration: `κ ≥ 0`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> round(float(vmf.log_normalizer_scaled(3, 1e6)), 3)  # log(κ/2π)
        11.978
    """
    l, kappa = _promote(dimension, concentration)
    return -jnp.asarray(log_sphere_area(dimension), kappa.dtype) - _log_partition_scaled(l, kappa)


def mean_resultant_length(dimension: ArrayLike, concentration: ArrayLike) -> Float[Array, "..."]:
    """`A_d(κ) = I_{d/2}(κ)/I_{d/2−1}(κ) = E μ·x`.

    Args:
        dimension: `d ≥ 2`.
        concentration: `κ ≥ 0`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> round(float(vmf.mean_resultant_length(10, 5.0)), 4)
        0.4225
    """
    return _resultant(*_promote(dimension, concentration))


def one_minus_mean_resultant_length(dimension: ArrayLike, concentration: ArrayLike) -> Float[Array, "..."]:
    """`1 − A_d(κ)`, the mean of `1 − μ·x`, with full relative precision at large `κ`.

    Args:
        dimension: `d ≥ 2`.
        concentration: `κ ≥ 0`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> f"{float(vmf.one_minus_mean_resultant_length(3, 1e10)):.6e}"  # (d − 1)/2κ
        '1.000000e-10'
    """
    return _one_minus_resultant(*_promote(dimension, concentration))


def mean_resultant_length_derivative(dimension: ArrayLike, concentration: ArrayLike) -> Float[Array, "..."]:
    """`A_d'(κ) = 1 − A² − (d−1)A/κ = Var μ·x`, without that formula's cancellation.

    Args:
        dimension: `d ≥ 2`.
        concentration: `κ ≥ 0`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> f"{float(vmf.mean_resultant_length_derivative(3, 1e10)):.6e}"  # (d − 1)/2κ²
        '1.000000e-20'
    """
    return _derivative(*_promote(dimension, concentration))


def heat_capacity(dimension: ArrayLike, concentration: ArrayLike) -> Float[Array, "..."]:
    """`C_V = κ² A_d'(κ)`, the heat capacity of the loss `1 − μ·x` at temperature `1/κ`, at any `κ` without overflow.

    Args:
        dimension: `d ≥ 2`.
        concentration: `κ ≥ 0`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        A cold gas has `(d − 1)/2`:

        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> float(vmf.heat_capacity(11, 1e30))
        5.0
    """
    return _heat_capacity(*_promote(dimension, concentration))


def entropy(dimension: ArrayLike, concentration: ArrayLike) -> Float[Array, "..."]:
    """Differential entropy `−log C_d(κ) − κ A_d(κ)` in nats, with respect to the surface measure.

    Args:
        dimension: `d ≥ 2`.
        concentration: `κ ≥ 0`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        The uniform law has the logarithm of the sphere's area:

        >>> import math
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> math.isclose(vmf.entropy(3, 0.0), math.log(4 * math.pi), rel_tol=1e-6)
        True
    """
    l, kappa = _promote(dimension, concentration)
    return jnp.asarray(log_sphere_area(dimension), kappa.dtype) + _relative_entropy(l, kappa)
