"""Standard normal numbers in less than a third of the time that `jax.random.normal` takes on a CPU.

Words come from some hundred streams of the generator xoshiro128++, whose states fill part of a core's first cache, and
are seeded by JAX's own generator. Box and Muller make a pair of normals of two words: `√(−2 log u)` times the sine and
the cosine of an angle. Logarithm and sine are short polynomials, which a core evaluates for many numbers at once.

Sources: Blackman & Vigna, ACM Transactions on Mathematical Software 47, 36 (2021), xoshiro128++; Box & Muller, Annals
of Mathematical Statistics 29, 610 (1958); Salmon, Moraes, Dror & Shaw, SC'11 (2011), Threefry, JAX's generator.
"""

from functools import cache
from math import log, prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

# `benchmarks/random_numbers.py` measures these. More streams leave the cache, fewer make short loops; so do more or
# fewer steps of a stream at once, since XLA computes each of their words from the state before the first.
_STREAMS = 512
_STEPS_AT_ONCE = 4
_WORDS_AT_ONCE = 2**15  # that are made into normals while they are in the second cache

Words = tuple[Array, ...]
"""Words of 32 bits; those of a longer word begin with the higher ones."""


class _Precision(NamedTuple):
    """How numbers of a precision are made of bits.

    Args:
        bits: of a word.
        mantissa: stored bits of a number's mantissa.
        log_degree: of `log(1 + t)/t`, which is as good as the precision.
        sine_degree: of `sin(πx/2)/x` in `x²`.
    """

    bits: int
    mantissa: int
    log_degree: int
    sine_degree: int

    @property
    def dtype(self) -> Any:
        return np.dtype(f"float{self.bits}").type

    @property
    def integer(self) -> Any:
        return np.dtype(f"int{self.bits}").type

    @property
    def unsigned(self) -> Any:
        return np.dtype(f"uint{self.bits}").type


_PRECISIONS = {"float32": _Precision(32, 23, 9, 4), "float64": _Precision(64, 52, 20, 9)}


def normals(key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
    """Independent standard normal numbers; on a CPU by Box and Muller, elsewhere `jax.random.normal`.

    On a CPU no number is 0, and none is beyond `√(66 log 2) = 6.76` in single precision and `√(130 log 2) = 9.49` in
    double. An accelerator has no use for streams whose words come one after the other.

    Args:
        key: a JAX key.
        shape: how many.
        dtype: `float32` or `float64`.

    Returns:
        Numbers of that shape. The same key gives others on an accelerator than on a CPU.

    Raises:
        ValueError: another `dtype`.

    Example:
        >>> import jax
        >>> from thermo_ideal.numerics import normals
        >>> normals(jax.random.key(0), (1000, 1000), "float32").std().round(2)
        Array(1., dtype=float32)

    Source: Box & Muller, Annals of Mathematical Statistics 29, 610 (1958); Blackman & Vigna, ACM Transactions on
    Mathematical Software 47, 36 (2021).
    """
    name = np.dtype(dtype).name
    if name not in _PRECISIONS:
        raise ValueError(f"dtype: got {name}, expected float32 or float64, as in normals(key, (3,), 'float32')")
    return lax.platform_dependent(
        key,
        cpu=lambda key: _by_streams(key, prod(shape), _PRECISIONS[name]).reshape(shape),
        default=lambda key: jax.random.normal(key, shape, dtype),
    )


def _by_streams(key: PRNGKeyArray, size: int, precision: _Precision) -> Array:
    """So many numbers in a row: block by block, each of words that are still in the cache.

    Numbers that leave a loop are not made again where they are used, as XLA may do with those of an expression.
    """
    per_number = precision.bits // 32
    words = max(size, 1) * per_number
    streams = min(_STREAMS, -(-words // _STEPS_AT_ONCE))
    blocks = -(-words // _WORDS_AT_ONCE)
    steps = -(-words // (blocks * streams * _STEPS_AT_ONCE)) * _STEPS_AT_ONCE

    def block(state: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
        state, made = xoshiro(state, steps)
        rows = made.reshape(2, per_number, -1)
        return state, box_muller(tuple(rows[0]), tuple(rows[1]), precision)

    _, pairs = lax.scan(block, jax.random.bits(key, (4, streams), jnp.uint32), None, length=blocks)
    return jnp.stack(pairs).reshape(-1)[:size]


def xoshiro(state: Array, steps: int) -> tuple[Array, Array]:
    """The next words of xoshiro128++.

    Args:
        state: `(4, streams)`, words.
        steps: how many of each stream; a multiple of the steps that are made at once.

    Returns:
        The state after them, and the words, `(steps, streams)`.
    """

    def some(state: Array, _: None) -> tuple[Array, Array]:
        s, made = tuple(state), list[Array]()
        while len(made) < _STEPS_AT_ONCE:
            s, word = _step(s)
            made.append(word)
        # One array for all of the state: XLA makes a loop over it for each array.
        return jnp.stack(s), jnp.stack(made)

    state, made = lax.scan(some, state, None, length=steps // _STEPS_AT_ONCE)
    return state, made.reshape(steps, -1)


def _step(s: Words) -> tuple[Words, Array]:
    s0, s1, s2, s3 = s
    word = _rotated(s0 + s3, 7) + s0
    t = s1 << 9
    s2, s3 = s2 ^ s0, s3 ^ s1
    s1, s0 = s1 ^ s2, s0 ^ s3
    return (s0, s1, s2 ^ t, _rotated(s3, 11)), word


def _rotated(x: Array, bits: int) -> Array:
    return (x << bits) | (x >> (32 - bits))


def box_muller(first: Words, second: Words, precision: _Precision) -> tuple[Array, Array]:
    """A pair of normals of each pair of words.

    Args:
        first: words of the radius.
        second: words of the angle.
        precision: of the numbers.
    """
    radius, (sine, cosine) = jnp.sqrt(minus_two_log(first, precision)), quarter_turns(second, precision)
    return radius * sine, radius * cosine


def minus_two_log(words: Words, precision: _Precision) -> Array:
    """`−2 log u`, with `u` a word over `2^bits`, and half of the smallest one for 0.

    Near `u = 1` it is made of `1 − u`, which has more digits than `u`.
    """
    real, integer, bits, mantissa = precision.dtype, precision.integer, precision.bits, precision.mantissa
    word = _signed(words, precision)
    t = word.astype(real) * real(2.0**-bits)
    u = jnp.where(word < 0, 1 + t, jnp.maximum(t, real(2.0 ** (-bits - 1))))
    # u = 2^e (1 + t), with 1 + t from √½ to √2.
    image = lax.bitcast_convert_type(u, integer)
    e = (image - np.asarray(np.sqrt(0.5), real).view(integer)) >> mantissa
    fraction = lax.bitcast_convert_type(image - (e << mantissa), real) - 1
    t = jnp.where(e == 0, t, fraction)
    return e.astype(real) * real(-2 * log(2)) + t * _evaluate(minus_two_log_series(precision), t)


def quarter_turns(words: Words, precision: _Precision) -> tuple[Array, Array]:
    """The sine and the cosine of an angle that is uniform on the circle, neither of them ever 0.

    `x` from −1 to 1 is a quarter turn to either side, of which the cosine is a sine of `1 − |x|`; both are made of the
    word, so that each has its digits where it is small. The last bit says on which side of the circle it is.
    """
    real, last = precision.dtype, precision.bits - 1
    word = _signed(words, precision)
    other = word ^ (word >> last) ^ precision.integer(2**last - 1)
    unit = real(2.0**-last)
    x, y = (n.astype(real) * unit + unit / 2 for n in (word, other))
    sine, cosine = (n * _evaluate(sine_series(precision), n * n) for n in (x, y))
    side = lax.bitcast_convert_type(word, precision.unsigned) << last
    return sine, lax.bitcast_convert_type(lax.bitcast_convert_type(cosine, precision.unsigned) ^ side, real)


def _signed(words: Words, precision: _Precision) -> Array:
    """Words of 32 bits as one signed integer."""
    joined = words[0].astype(precision.unsigned)
    for word in words[1:]:
        joined = (joined << 32) | word.astype(precision.unsigned)
    return lax.bitcast_convert_type(joined, precision.integer)


def _evaluate(coefficients: tuple[float, ...], x: Array) -> Array:
    """A polynomial by Horner's rule."""
    value = jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        value = value * x + x.dtype.type(c)
    return value


@cache
def minus_two_log_series(precision: _Precision) -> tuple[float, ...]:
    """The coefficients of `−2 log(1 + t)/t` for `1 + t` from `√½` to `√2`."""
    ends = mp.sqrt(0.5) - 1, mp.sqrt(2) - 1
    return _interpolated(lambda t: -2 * mp.log1p(t) / t, ends, precision.log_degree)


@cache
def sine_series(precision: _Precision) -> tuple[float, ...]:
    """The coefficients of `sin(πx/2)/x` in `x²` up to 1."""
    return _interpolated(lambda y: mp.sin(mp.pi / 2 * mp.sqrt(y)) / mp.sqrt(y), (0, 1), precision.sine_degree)


def _interpolated(function: Any, ends: tuple[Any, Any], degree: int) -> tuple[float, ...]:
    """A function's values at Chebyshev's nodes as a polynomial; in double precision it would have two digits less."""
    with mp.workdps(30):
        return tuple(float(c) for c in reversed(mp.chebyfit(function, ends, degree + 1)))
