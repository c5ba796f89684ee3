"""Von Mises–Fisher statistics as functions of (dimension, concentration); no vector is formed.

The law has the density `C_d(κ) e^{κ μ·x}` on `S^{d−1}` with respect to the surface measure. With `l = d/2`,

    log C_d(κ) = −log|S^{d−1}| − Φ_l(κ),    Φ_l(κ) = log(Γ(l) (2/κ)^{l−1} I_{l−1}(κ)) = ∫₀^κ A_d,
    A_d(κ) = I_l(κ)/I_{l−1}(κ).

It is the Gibbs law of the loss `1 − μ·x` at temperature `T = 1/κ`, and every function takes `temperature=T` instead of
the concentration. All arguments broadcast; the dimension is any real number of at least 2 and may be traced.
Derivatives in `κ`, `T` and `d` are closed forms, to second order (of the transverse variance in `κ` to first), in `T`
to third; none of them is a difference of large numbers, however cold it is.

Nothing here subtracts large numbers. From `d = 2` to 10⁹ and `κ = 0` to 10¹² errors are a few roundings in most places;
in the worst they are below 10⁻¹⁴, in single precision 10⁻⁵: relative, or for entropy and normalisers relative to
`max(1, |value|)`. Only `log C` is worse near where it changes sign. Under `jit`, where values are not known, an
argument out of its range gives NaN.

Source: Mardia & Jupp, Directional Statistics, section 9.3.2; arXiv 2511.07308.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_nonnegative, as_positive, require_one_of, require_real_dimension
from thermo_ideal.distributions._concentration import broadcast_half, concentration
from thermo_ideal.special import _statistics, _thermal, log_sphere_area
from thermo_ideal.special._documentation import present_as

__all__ = [
    "concentration",
    "energy_variance",
    "entropy",
    "heat_capacity",
    "helmholtz_energy",
    "kl_divergence",
    "kl_from_uniform",
    "log_normalizer",
    "log_normalizer_scaled",
    "log_partition",
    "mean_resultant_length",
    "mean_resultant_length_derivative",
    "one_minus_mean_resultant_length",
    "transverse_variance",
]


class _Point(NamedTuple):
    """Where a statistic is worked out: arrays of one shape and precision.

    Attributes:
        dimension: `d`, as it was given.
        l: `d/2`.
        kappa: `κ`.
        temperature: `T` where it was given, for what has closed derivatives in `T` itself.
    """

    dimension: ArrayLike
    l: Array
    kappa: Array
    temperature: Array | None

    def value(self, of_kappa: _statistics.Statistic, of_temperature: _statistics.Statistic) -> Array:
        """One function in two forms, each of which has derivatives in its own argument."""
        if self.temperature is None:
            return of_kappa(self.l, self.kappa)
        return of_temperature(self.l, self.temperature)

    @property
    def log_area(self) -> Array:
        """`log|S^{d−1}|`."""
        return _log_area(self.dimension, self.kappa)


@runtime_checkable
class Statistic(Protocol):
    """A function of the dimension and either the concentration or the temperature."""

    def __call__(
        self, dimension: ArrayLike, concentration: ArrayLike | None = None, *, temperature: ArrayLike | None = None
    ) -> Float[Array, "..."]:
        """At any broadcast arguments."""


_SECTIONS = """
    Args:
        dimension: `d ≥ 2`.
        concentration: `κ ≥ 0`.
        temperature: `T = 1/κ > 0`, instead of `κ`.

    Returns:
        An array of the common shape of the arguments.

    Raises:
        ValueError: an argument out of its range, or not exactly one of `κ` and `T`.

    Source: Mardia & Jupp, Directional Statistics, section 9.3.2.
"""


def _statistic(function: Callable[[_Point], Array]) -> Statistic:
    """What users call: it checks and broadcasts the arguments, and documents them."""

    def statistic(
        dimension: ArrayLike, concentration: ArrayLike | None = None, *, temperature: ArrayLike | None = None
    ) -> Float[Array, "..."]:
        require_real_dimension("dimension", dimension)
        line = "concentration=20.0 or temperature=0.05"
        require_one_of("concentration", concentration, "temperature", temperature, line)
        if temperature is None:
            l, kappa = broadcast_half(dimension, as_nonnegative("concentration", concentration))
            return function(_Point(dimension, l, kappa, None))
        l, T = broadcast_half(dimension, as_positive("temperature", temperature))
        return function(_Point(dimension, l, _thermal.reciprocal(T), T))

    present_as(statistic, function, _SECTIONS)
    return statistic


def _log_area(dimension: ArrayLike, like: Array) -> Array:
    if isinstance(dimension, Array):  # what is traced is worked out in its own precision
        dimension = dimension.astype(jnp.promote_types(dimension.dtype, like.dtype))
    return jnp.asarray(log_sphere_area(dimension), like.dtype)


@_statistic
def log_normalizer(at: _Point) -> Float[Array, "..."]:
    """`log C_d(κ)`, so that the density is `C_d(κ) e^{κ μ·x}`.

    Example:
        At `d = 3`, `C = κ/(4π sinh κ)`:

        >>> import math
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> math.isclose(vmf.log_normalizer(3, 2.0), math.log(2 / (4 * math.pi * math.sinh(2))), rel_tol=1e-6)
        True
    """
    return -at.log_area - at.value(_statistics.log_partition, _thermal.log_partition)


@_statistic
def log_normalizer_scaled(at: _Point) -> Float[Array, "..."]:
    """`log C_d(κ) + κ`: the log-density at the mode, without the term that cancels there.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> round(float(vmf.log_normalizer_scaled(3, 1e6)), 3)  # log(κ/2π)
        11.978
    """
    return -at.log_area - at.value(_statistics.log_partition_scaled, _thermal.log_partition_scaled)


@_statistic
def log_partition(at: _Point) -> Float[Array, "..."]:
    """`Φ = log E₀ e^{κ μ·x} = −log C_d(κ) − log|S^{d−1}|`: the log-normaliser relative to the uniform law.

    It keeps its relative precision where `log C_d` is nearly all sphere area.

    Example:
        At `d = 3` it is `log(sinh κ/κ)`, and at small `κ` of any dimension `κ²/2d`:

        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> round(float(vmf.log_partition(3, 2.0)), 4), f"{float(vmf.log_partition(10**9, 1.0)):.6e}"
        (0.5952, '5.000000e-10')
    """
    return at.value(_statistics.log_partition, _thermal.log_partition)


@_statistic
def mean_resultant_length(at: _Point) -> Float[Array, "..."]:
    """`A_d(κ) = I_{d/2}(κ)/I_{d/2−1}(κ) = E μ·x`.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> round(float(vmf.mean_resultant_length(10, 5.0)), 4)
        0.4225
    """
    return at.value(_statistics.resultant, _thermal.resultant)


@_statistic
def one_minus_mean_resultant_length(at: _Point) -> Float[Array, "..."]:
    """`1 − A_d(κ) = E(1 − μ·x)`, the internal energy, with full relative precision at large `κ`.

    Its derivatives in a temperature are the heat capacity and those of it, which keep their digits in the cold.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> f"{float(vmf.one_minus_mean_resultant_length(3, temperature=1e-10)):.6e}"  # (d − 1)T/2
        '1.000000e-10'
    """
    return at.value(_statistics.one_minus_resultant, _thermal.mean_depth)


@_statistic
def mean_resultant_length_derivative(at: _Point) -> Float[Array, "..."]:
    """`A_d'(κ) = 1 − A² − (d−1)A/κ`, without that formula's cancellation.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> f"{float(vmf.mean_resultant_length_derivative(3, 1e10)):.6e}"  # (d − 1)/2κ²
        '1.000000e-20'
    """
    return at.value(_statistics.variance, _thermal.variance)


@_statistic
def energy_variance(at: _Point) -> Float[Array, "..."]:
    """`Var(1 − μ·x) = A_d'(κ) = T² C_V`, the variance of the loss and of the overlap.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> f"{float(vmf.energy_variance(11, temperature=1e-6)):.4e}"  # (d − 1)T²/2, where it is cold
        '5.0000e-12'
    """
    return at.value(_statistics.variance, _thermal.variance)


@_statistic
def heat_capacity(at: _Point) -> Float[Array, "..."]:
    """`C_V = κ² A_d'(κ)`, the heat capacity of the loss `1 − μ·x`, at any `κ` without overflow.

    Example:
        A cold gas has `(d − 1)/2`:

        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> float(vmf.heat_capacity(11, 1e30))
        5.0
    """
    return at.value(_statistics.heat_capacity, _thermal.heat_capacity)


@_statistic
def entropy(at: _Point) -> Float[Array, "..."]:
    """Differential entropy `−log C_d(κ) − κ A_d(κ)` in nats, with respect to the surface measure.

    Example:
        The uniform law has the logarithm of the sphere's area:

        >>> import math
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> math.isclose(vmf.entropy(3, 0.0), math.log(4 * math.pi), rel_tol=1e-6)
        True
    """
    return at.log_area - at.value(_statistics.relative_entropy, _thermal.relative_entropy)


def helmholtz_energy(dimension: ArrayLike, temperature: ArrayLike) -> Float[Array, "..."]:
    """`F = U − TS = −T log ∫ e^{−(1 − μ·x)/T}`, the Helmholtz energy of the loss `1 − μ·x`.

    Its derivative in `T` is minus the entropy as a closed form, not the difference of two large numbers.

    Args:
        dimension: `d ≥ 2`.
        temperature: `T > 0`.

    Returns:
        An array of the common shape of the arguments.

    Raises:
        ValueError: an argument out of its range.

    Source: arXiv 2511.07308.

    Example:
        A hot gas has the entropy of the uniform law alone:

        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> round(float(vmf.helmholtz_energy(3, 1e4) / 1e4), 3)  # −log 4π
        -2.531
    """
    require_real_dimension("dimension", dimension)
    l, T = broadcast_half(dimension, as_positive("temperature", temperature))
    return _thermal.helmholtz_energy(l, T) - T * _log_area(dimension, T)


@_statistic
def kl_from_uniform(at: _Point) -> Float[Array, "..."]:
    """`κ A_d(κ) − Φ = log|S^{d−1}| − S ≥ 0` in nats: the Kullback–Leibler divergence of this law from the uniform one.

    It keeps its relative precision at any `κ`; the entropy cannot where its value is all sphere area.

    Example:
        It begins with `κ²/2d`:

        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> f"{float(vmf.kl_from_uniform(1_000_000, 0.01)):.6e}"
        '5.000000e-11'
    """
    return at.value(_statistics.relative_entropy, _thermal.relative_entropy)


@_statistic
def transverse_variance(at: _Point) -> Float[Array, "..."]:
    """`A_d(κ)/κ = (1 − E(μ·x)²)/(d − 1)`, the variance of a component across the mean direction.

    Its derivatives in `κ` and `d` are closed forms to first order only.

    Example:
        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> float(vmf.transverse_variance(10, 0.0))  # 1/d
        0.10000000149011612
    """
    return at.value(_statistics.transverse_variance, _thermal.transverse_variance)


def kl_divergence(dimension: ArrayLike, concentration: ArrayLike, other: ArrayLike) -> Float[Array, "..."]:
    """`Φ(κ_q) − Φ(κ_p) − A(κ_p)(κ_q − κ_p) ≥ 0` in nats: `E_p log(p/q)` of two laws about the same axis.

    It keeps its relative precision where the two are close.

    Args:
        dimension: `d ≥ 2`.
        concentration: `κ_p ≥ 0`, of the law under which the expectation is taken.
        other: `κ_q ≥ 0`.

    Returns:
        An array of the common shape of the arguments.

    Raises:
        ValueError: an argument out of its range.

    Source: the Bregman divergence of `Φ`; Banerjee et al., JMLR 6, 1705 (2005).

    Example:
        Near by it is `A'(κ)(κ_q − κ_p)²/2`:

        >>> from thermo_ideal.distributions import von_mises_fisher as vmf
        >>> f"{float(vmf.kl_divergence(100, 64.0, 64.0625) / vmf.energy_variance(100, 64.0) * 2 / 0.0625**2):.3f}"
        '1.000'
    """
    require_real_dimension("dimension", dimension)
    kappa, kappa_q = jnp.broadcast_arrays(
        as_nonnegative("concentration", concentration), as_nonnegative("other", other)
    )
    l, kappa = broadcast_half(dimension, kappa)
    _, kappa_q = broadcast_half(dimension, kappa_q)
    return _statistics.bregman_divergence(l, kappa, kappa_q)
