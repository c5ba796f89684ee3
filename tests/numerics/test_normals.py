"""Normals by Box and Muller from xoshiro128++: the words, the polynomials, both ends, and independence."""

from itertools import product

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from tests.support.statistics import FAILURE_RATE, Z_MAX, assert_distribution, assert_rejects
from thermo_ideal.numerics import _normals as implementation
from thermo_ideal.numerics import normals

KEY = jax.random.key(71)
SIZE = 2**21
draw = jax.jit(normals, static_argnums=(1, 2))
DTYPES = ["float32", "float64"]
# By precision: the largest number, and how exact an evaluated polynomial may be in units of the last place.
LARGEST = {"float32": np.sqrt(66 * np.log(2)), "float64": np.sqrt(130 * np.log(2))}
SINES_ERROR, LOGS_ERROR = 3.0, 3.0


def reference_words(state, steps):
    """xoshiro128++ as Blackman & Vigna print it, `(steps, streams)`."""
    s, found = [x.copy() for x in state], []

    def rotl(x, k):
        return (x << np.uint32(k)) | (x >> np.uint32(32 - k))

    for _ in range(steps):
        found.append(rotl(s[0] + s[3], 7) + s[0])
        t = s[1] << np.uint32(9)
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 11)
    return np.array(found), np.array(s)


@pytest.fixture(scope="module", params=DTYPES)
def drawn(request):
    """Numbers of one key, and of another."""
    with jax.enable_x64(request.param == "float64"):
        keys = [jax.random.fold_in(KEY, i) for i in (0, 1)]
        return [np.asarray(draw(key, (SIZE,), request.param), np.float64) for key in keys]


def assert_uncorrelated(x, y):
    """Products of numbers of variance 1 whose mean is 0; of the numbers, their squares and their signs."""
    for a, b in ((x, y), ((x**2 - 1) / np.sqrt(2), (y**2 - 1) / np.sqrt(2)), (np.sign(x), np.sign(y)), (x, y**2 - 1)):
        score = np.mean(a * b) / np.std(a * b) * np.sqrt(len(a))
        assert abs(score) < Z_MAX, f"correlation {np.mean(a * b):.1e}: z = {score:.1f}"


def test_words_are_those_of_xoshiro():
    # The first words of the state 1, 2, 3, 4, as in other implementations.
    _, first = implementation.xoshiro(jnp.arange(1, 5, dtype=jnp.uint32)[:, None], 8)
    assert first[:6, 0].tolist() == [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768]
    state = np.asarray(jax.random.bits(KEY, (4, 37), jnp.uint32))
    words, after = reference_words(state, 400)
    found_after, found = implementation.xoshiro(jnp.asarray(state), 400)
    np.testing.assert_array_equal(found, words)
    np.testing.assert_array_equal(found_after, after)


def seeded_words(keys, steps):
    """What the streams of several keys give, `(keys, steps, streams)`."""
    states = [jax.random.bits(jax.random.fold_in(KEY, i), (4, implementation._STREAMS), jnp.uint32) for i in keys]
    return np.array([implementation.xoshiro(state, steps)[1] for state in states])


def assert_no_row_twice(words):
    """No four words of a stream, which are all of its state, come after each other anywhere else."""
    rows = np.lib.stride_tricks.sliding_window_view(words, 4, axis=1).reshape(-1, 4)
    rows = np.ascontiguousarray(rows).view([("", np.uint32)] * 4).ravel()
    assert len(np.unique(rows)) == len(rows)


def test_streams_are_distinct():
    words = seeded_words(range(8), 64)
    assert_no_row_twice(words)
    assert_rejects(assert_no_row_twice, np.concatenate([words, words[:, 8:, :1].repeat(1, 2).repeat(512, 2)], axis=1))


def correlations(words):
    """Standardised correlations of all pairs of streams, and of the same stream of both keys."""
    x = stats.norm.ppf((words.astype(np.float64) + 0.5) / 2**32)
    steps = x.shape[1]
    within = (x[0].T @ x[0])[np.triu_indices(x.shape[2], 1)] / np.sqrt(steps)
    across = (x[0].T @ x[1]).ravel() / np.sqrt(steps)
    return within, across


def test_streams_and_chunks_are_independent():
    words = seeded_words((0, 1), 4096)
    for scores in correlations(words):
        assert_distribution(scores[::7], "norm")
    shared = words.copy()
    shared[1] = np.where(np.arange(4096)[:, None] % 10 == 0, words[0], words[1])  # every tenth word
    assert_rejects(assert_distribution, np.diag(correlations(shared)[1].reshape(512, 512)), "norm")
    # Each bit is 1 half of the time.
    ones = np.array([((words >> np.uint32(bit)) & 1).mean() for bit in range(32)])
    assert np.abs((ones - 0.5) * 2 * np.sqrt(words.size)).max() < Z_MAX


@pytest.mark.parametrize("dtype", DTYPES)
def test_polynomials(dtype):
    """As exact as single precision needs, and in double precision to rounding, anywhere between their ends."""
    precision = implementation._PRECISIONS[dtype]
    bound = {"float32": 1e-8, "float64": 3e-16}[dtype]
    log_series, sine_series = (
        [mp.mpf(c) for c in series(precision)]
        for series in (implementation.minus_two_log_series, implementation.sine_series)
    )
    with mp.workdps(30):
        for t in np.linspace(np.sqrt(0.5) - 1, np.sqrt(2) - 1, 200):
            exact = -2 * mp.log1p(mp.mpf(t))
            error = mp.mpf(t) * mp.polyval(log_series[::-1], mp.mpf(t)) - exact
            assert abs(error) <= bound * abs(exact)
        for x in np.linspace(0, 1, 200):
            exact = mp.sin(mp.pi / 2 * mp.mpf(x))
            assert abs(mp.mpf(x) * mp.polyval(sine_series[::-1], mp.mpf(x) ** 2) - exact) <= bound * exact


def some_words(count, dtype):
    """Both ends and random ones, `(count,)` each, by halves where a word is long."""
    half = 2**31
    edges = [0, 1, 2, 3, 255, half - 129, half - 1, half, half + 1, half + 128, 2 * half - 256, 2 * half - 1]
    rest = np.random.default_rng(5).integers(0, 2**32, count - len(edges), dtype=np.uint64)
    high = np.concatenate([edges, rest]).astype(np.uint32)
    if dtype == "float32":
        return (high,), [int(x) for x in high]
    low = np.roll(high, 1)
    return (high, low), [int(x) << 32 | int(y) for x, y in zip(high, low, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithm_and_angle_keep_their_digits(dtype):
    """To a few units of the last place at each word, near `u = 1` and on the axes of the circle too."""
    precision, ulp = implementation._PRECISIONS[dtype], float(np.finfo(dtype).eps)
    with jax.enable_x64(dtype == "float64"), mp.workdps(40):
        words, numbers = some_words(400, dtype)
        logs = np.asarray(implementation.minus_two_log(tuple(map(jnp.asarray, words)), precision), np.float64)
        turns = implementation.quarter_turns(tuple(map(jnp.asarray, words)), precision)
        assert turns[0].dtype == turns[1].dtype == dtype
        whole = mp.mpf(2) ** precision.bits
        for number, found in zip(numbers, logs, strict=True):
            exact = -2 * mp.log(max(mp.mpf(number), mp.mpf(1) / 2) / whole)
            assert abs(found / exact - 1) < LOGS_ERROR * ulp
        for number, sine, cosine in zip(numbers, *(np.asarray(x, np.float64) for x in turns), strict=True):
            x = (number - whole * (2 * number >= whole) + mp.mpf(1) / 2) / (whole / 2)
            assert abs(sine / mp.sin(mp.pi / 2 * x) - 1) < SINES_ERROR * ulp
            assert abs(cosine / (mp.sin(mp.pi / 2 * (1 - abs(x))) * (-1) ** number) - 1) < SINES_ERROR * ulp


@pytest.mark.parametrize("dtype", DTYPES)
def test_smallest_and_largest(dtype):
    """No pair of words at both ends gives 0, NaN or infinity, and the largest is as the width of words says."""
    precision = implementation._PRECISIONS[dtype]
    ends = [0, 1, 2**31 - 1, 2**31, 2**32 - 1]
    pairs = np.array(list(product(ends, repeat=2 * precision.bits // 32)), np.uint32).T
    with jax.enable_x64(dtype == "float64"):
        pairs = jnp.asarray(pairs)
        half = len(pairs) // 2
        z = implementation.box_muller(tuple(pairs[:half]), tuple(pairs[half:]), precision)
        z = np.abs(np.asarray(jnp.stack(z), np.float64))
    assert np.isfinite(z).all()
    assert z.min() > np.finfo(dtype).tiny
    np.testing.assert_allclose(z.max(), LARGEST[dtype], rtol=1e-6)


def test_tails_to_six_standard_deviations():
    """The chance of `|z| > x`, exact: over all words whose radius is above, the share of the circle that is."""
    precision = implementation._PRECISIONS["float32"]
    for x, error in ((4.0, 1e-4), (5.0, 1e-3), (6.0, 0.05)):
        words = np.arange(int(2**32 * np.exp(-(x**2) / 2)) + 2, dtype=np.uint32)
        radius = np.sqrt(np.asarray(implementation.minus_two_log((jnp.asarray(words),), precision), np.float64))
        chance = 2 / np.pi * np.arccos(np.minimum(x / radius, 1)).sum() / 2**32
        assert abs(chance / (2 * stats.norm.sf(x)) - 1) < error


def assert_normal(z):
    """Moments up to the eighth, the distribution, and counts beyond one to five standard deviations on either side."""
    exact, product = [1.0, 0.0], np.ones_like(z)
    for power in range(2, 17):
        exact.append((power - 1) * exact[power - 2])
    for power in range(1, 9):
        product = product * z
        score = (np.mean(product) - exact[power]) / np.sqrt((exact[2 * power] - exact[power] ** 2) / len(z))
        assert abs(score) < Z_MAX, f"moment {power}: z = {score:.1f}"
    assert_distribution(z[::8], "norm")
    for x in (1, 2, 3, 4, 5):
        for beyond in (z > x, z < -x):
            assert stats.binomtest(int(beyond.sum()), len(z), stats.norm.sf(x)).pvalue > FAILURE_RATE


def test_law(drawn):
    for z in drawn:
        assert_normal(z)
    assert_rejects(assert_normal, 1.005 * drawn[0])
    assert_rejects(assert_normal, drawn[0] + 0.006)


LAGS = [1, 2, 3, 17, 511, 512, 513, 1024, 2048, 2**13, 2**14, 2**15, SIZE // 4, SIZE // 2 - 1, SIZE // 2, SIZE // 2 + 1]


def test_numbers_are_independent(drawn):
    """Of others of the key, those of the same stream and the other of the pair among them, and of another key's."""
    z, other = drawn
    for lag in LAGS:
        assert_uncorrelated(z[:-lag], z[lag:])
    assert_uncorrelated(z, other)
    assert_rejects(assert_uncorrelated, z[1:], z[1:] + 0.005 * z[:-1] - np.mean(z) + 0.005 * z[1:])
    assert_rejects(assert_uncorrelated, z, other * np.sqrt(1 + 0.01 * (z**2 - 1)))


def assert_fills_the_square(x, y):
    """χ² of how often a pair falls in each of 64² equal boxes."""
    counts, _, _ = np.histogram2d(stats.norm.cdf(x), stats.norm.cdf(y), 64, [[0, 1], [0, 1]])
    assert stats.chisquare(counts.ravel()).pvalue > FAILURE_RATE


def test_pairs_fill_the_plane(drawn):
    z, other = drawn
    pairs = z.reshape(2, -1)
    assert_fills_the_square(*pairs)
    assert_fills_the_square(z[:-512], z[512:])
    assert_fills_the_square(z, other)
    assert_rejects(assert_fills_the_square, pairs[0], pairs[1] + 0.05 * (pairs[0] ** 2 - 1))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (513,), (2**14 + 1,)])
def test_shapes(shape):
    z = np.asarray(draw(KEY, shape, "float32"))
    assert z.shape == shape
    assert z.dtype == np.float32
    assert len(np.unique(z)) >= z.size - 8  # among so many, a few are the same in single precision
    np.testing.assert_array_equal(z, draw(KEY, shape, jnp.float32))
    if z.size:
        assert (z != draw(jax.random.key(72), shape, "float32")).mean() > 0.99


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"dtype: got float16, expected float32 or float64"):
        normals(KEY, (3,), jnp.float16)


def test_accelerators_draw_as_jax_does():
    """There words come from Threefry, and normals by inversion; here neither do."""
    traced = draw.trace(KEY, (8,), "float32")
    assert "erf_inv" in traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "erf_inv" not in traced.lower(lowering_platforms=("cpu",)).as_text()
