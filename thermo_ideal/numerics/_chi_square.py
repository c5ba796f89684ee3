"""χ² variables as functions of normal ones.

Where `z` is standard normal, `q = F⁻¹(Φ(z))` has the law `χ²_n` exactly. With `h = log(q/n)` and `a = n/2` the density
of `h` is proportional to `e^{−aψ(h)}`, `ψ(h) = e^h − 1 − h`, and `h(z)` is analytic around the real axis: a short
Chebyshev series gives it to rounding. One normal and a polynomial per draw, nothing rejected, at any number of degrees
of freedom.
"""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.polynomial import chebyshev
from scipy.special import log_ndtr

from thermo_ideal._arguments import require_count
from thermo_ideal.numerics._quadrature import double_exponential

# Beyond the largest normal of `normals` in each precision.
_LARGEST = {"float32": 6.8, "float64": 9.5}
_NODES = 255
_NEWTON_STEPS = 60

_Y, _WEIGHTS = double_exponential(-4.2, 4.2, 193)


def chi_square_from_normal(freedom: int, normal: Float[Array, "..."]) -> Float[Array, "..."]:
    """`q = F⁻¹(Φ(z))`, a `χ²` variable that increases with a standard normal one.

    Args:
        freedom: `n ≥ 0`, the degrees of freedom; at 0 the variable is 0.
        normal: `z`, standard normal; for `n = 1` the sign does not matter, since the variable is `z²`.

    Returns:
        `q`, with the law `χ²_n`; NaN for `|z|` above 6.8 in single precision and 9.5 in double, beyond all values of
        `normals` and `jax.random.normal`.

    Raises:
        ValueError: `freedom` is not a whole number ≥ 0.

    Example:
        >>> import jax
        >>> from thermo_ideal.numerics import chi_square_from_normal, normals
        >>> draws = chi_square_from_normal(10**9, normals(jax.random.key(0), (100_000,), "float32"))
        >>> f"{float((draws / 1e9 - 1).std()):.1e}"  # √(2/n)
        '4.5e-05'

    Source: Devroye, Non-Uniform Random Variate Generation, section II.2, for inversion.
    """
    require_count("freedom", freedom, minimum=0)
    normal = jnp.asarray(normal)
    if normal.dtype.name not in _LARGEST:
        normal = normal.astype(float)
    if freedom == 0:
        return jnp.zeros_like(normal)
    if freedom == 1:
        return normal**2
    largest = _LARGEST[normal.dtype.name]
    x = jnp.where(jnp.abs(normal) <= largest, normal / largest, jnp.nan)
    return float(freedom) * jnp.exp(_clenshaw(_series(int(freedom), normal.dtype.name), x))


def _clenshaw(coefficients: np.ndarray, x: Array) -> Array:
    """A Chebyshev series by Clenshaw's recurrence."""
    previous, current = jnp.zeros_like(x), jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2:0:-1]:
        previous, current = current, float(c) + 2 * x * current - previous
    return float(coefficients[0]) + x * current - previous


@lru_cache(maxsize=256)
def _series(freedom: int, dtype: str) -> np.ndarray:
    """The coefficients of `h` in `z` over the largest normal, as many as the precision can tell from 0."""
    largest = _LARGEST[dtype]
    points = chebyshev.chebpts1(_NODES + 1)
    coefficients = chebyshev.chebfit(points, log_quantile(freedom, largest * points), _NODES)
    size = np.abs(coefficients)
    # The last coefficients are nothing but rounding errors of the nodes.
    negligible = max(np.finfo(dtype).eps / 4 * max(1.0, size.max()), 4 * size[-_NODES // 4 :].max())
    return coefficients[: np.flatnonzero(size > negligible)[-1] + 1]


def log_quantile(freedom: int, normal: np.ndarray) -> np.ndarray:
    """`log(q/n)` in double precision, by Newton's method on the logarithm of the tail on whose side `z` lies.

    That logarithm is concave, so the iteration converges from anywhere; `q < 4(n + z²)` keeps it from overflowing.
    """
    a = freedom / 2
    side = np.where(normal < 0, -1.0, 1.0)
    whole = np.logaddexp(_log_tail(a, np.zeros(1), np.ones(1)), _log_tail(a, np.zeros(1), -np.ones(1)))
    target = log_ndtr(-np.abs(normal)) + whole
    h, largest = np.zeros_like(normal), np.log(4 * (1 + normal**2 / freedom))
    for _ in range(_NEWTON_STEPS):
        tail = _log_tail(a, h, side)
        step = side * (tail - target) * np.exp(tail + a * _psi(h))
        h = np.minimum(h + step, largest)
        if (np.abs(step) <= 1e-15 * (np.abs(h) + 1 / np.sqrt(a))).all():
            break
    return h


def _log_tail(a: float, h: np.ndarray, side: np.ndarray) -> np.ndarray:
    """`log ∫ e^{−aψ}` from `h` outwards, above or below."""
    outward = a * np.abs(np.expm1(h))
    scale = side / np.maximum(outward, np.sqrt(a * np.exp(h)))
    delta = scale[:, None] * _Y
    change = np.expm1(h)[:, None] * delta + np.exp(h)[:, None] * _psi(delta)
    return np.log((np.exp(-a * change) * _WEIGHTS).sum(axis=1) * np.abs(scale)) - a * _psi(h)


def _psi(h: np.ndarray) -> np.ndarray:
    """`e^h − 1 − h`; by its series where that cancels."""
    small = np.abs(h) < 0.02
    t = np.where(small, h, 0.0)
    series = t**2 * (1 / 2 + t * (1 / 6 + t * (1 / 24 + t * (1 / 120 + t * (1 / 720 + t / 5040)))))
    with np.errstate(over="ignore"):
        return np.where(small, series, np.expm1(h) - h)
