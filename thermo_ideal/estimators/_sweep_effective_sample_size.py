"""Effective sample sizes of many systems at once, on the device."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts load when they are used
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal.estimators._samples import as_samples, in_units
from thermo_ideal.numerics import power_of_two

_NUMBERS_AT_ONCE = 2**22  # draws that are in memory together


def sweep_effective_sample_size(series: ArrayLike, *, rank_normalised: bool = False) -> np.ndarray:
    r"""The effective sample size of the mean of each of many systems, in one compiled program.

    .. math:: n_\text{eff} = \frac{M n}{-1 + 2 \sum_{k<K} P_k + \rho^+_{2K}}, \qquad
              \rho_t = 1 - \frac{W - \bar{c}_t}{W(n-1)/n + B}

    over the `M` halves of replicas, of `n` draws: `W` and `c̄_t` are their mean variance and autocovariance, `B` is the
    variance of their means, and `P_k = ρ_{2k} + ρ_{2k+1}` up to the first that is not positive, made falling. It is the
    estimate of `convergence`, which is for few quantities; replicas that disagree count for less. Systems go through
    the program some millions of draws at a time; single precision is enough, as each is taken from its own first draw
    in its own unit.

    Args:
        series: `(*grid, replicas, draws)`, in the order of time; NumPy's or JAX's.
        rank_normalised: for the bulk ESS, that of normal scores of ranks, which is defined for any law.

    Returns:
        One number for each system, `(*grid,)`; NaN where a system is a constant, or has a draw that is NaN or infinite,
        so that one run does not cost the others.

    Raises:
        ValueError: no real numbers, fewer than 4 draws, or fewer draws than replicas (the axes may be exchanged).

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import sweep_effective_sample_size
        >>> white = np.random.default_rng(0).normal(size=(100, 2, 500))
        >>> found = sweep_effective_sample_size(white)
        >>> found.shape, bool(abs(np.median(found) - 1000) < 50)
        ((100,), True)

    Source: Vehtari et al., Bayesian Analysis 16, 667 (2021); Geyer, Statistical Science 7, 473 (1992).
    """
    given = series if isinstance(series, jax.Array | np.ndarray) else as_samples("series", series)
    if given.ndim < 2 or not given.shape[-1] >= max(4, given.shape[-2]):
        raise ValueError(
            f"series: got shape {given.shape}, expected (*grid, replicas, draws) with at least 4 draws, and no fewer "
            "than replicas, as in sweep_effective_sample_size(series[:, None]) or (np.swapaxes(series, -1, -2))"
        )
    *grid, replicas, draws = given.shape
    systems = given.reshape(-1, replicas, draws)
    count = len(systems)
    at_once = max(1, min(count, _NUMBERS_AT_ONCE // (replicas * draws)))
    found = np.empty(count)
    for first in range(0, count, at_once):
        # The last block begins earlier, so that all have one shape and one program.
        begin = max(0, min(first, count - at_once))
        block = systems[begin : begin + at_once]
        block = block if isinstance(block, jax.Array) else _near_one(block)
        found[begin : begin + at_once] = _effective_sample_sizes(block, rank_normalised)
    return found.reshape(grid)


def _near_one(block: np.ndarray) -> np.ndarray:
    """Departures from the first draw in units of the largest: single precision keeps their digits."""
    values = as_samples("series", block).reshape(len(block), -1)
    finite = np.isfinite(values).all(axis=-1, keepdims=True)
    scaled, _ = in_units(np.where(finite, values, 0.0))
    apart, _ = in_units(scaled - scaled[:, :1])
    return np.where(finite, apart, np.nan).reshape(block.shape)


@partial(jax.jit, static_argnums=1)
def _effective_sample_sizes(systems: Float[Array, "s m n"], rank_normalised: bool) -> Float[Array, " s"]:
    systems = systems.astype(jnp.promote_types(systems.dtype, jnp.float32))
    apart = systems - systems[:, :1, :1]
    apart = apart / power_of_two(jnp.max(jnp.abs(apart), axis=(1, 2), keepdims=True))
    n = apart.shape[-1] // 2
    halves = jnp.concatenate([apart[..., :n], apart[..., -n:]], axis=1)
    if rank_normalised:
        halves = jax.vmap(_normal_scores)(halves)
    return _of_chains(halves)


def _normal_scores(x: Float[Array, "m n"]) -> Float[Array, "m n"]:
    """Normal quantiles of ranks, the mean rank where several are the same."""
    flat = x.reshape(-1)
    order = jnp.argsort(flat)
    ordered, place = flat[order], jnp.arange(flat.size)
    differs = ordered[1:] != ordered[:-1]
    first = jax.lax.cummax(jnp.where(jnp.concatenate([jnp.array([True]), differs]), place, 0))
    last = jax.lax.cummin(jnp.where(jnp.concatenate([differs, jnp.array([True])]), place, flat.size), reverse=True)
    rank = jnp.zeros(flat.size, flat.dtype).at[order].set((first + last) / 2 + 1)
    # Blom's plotting positions.
    return jax.scipy.special.ndtri((rank - 0.375) / (flat.size + 0.25)).reshape(x.shape)


def _of_chains(chains: Float[Array, "s m n"]) -> Float[Array, " s"]:
    _, m, n = chains.shape
    means = chains.mean(axis=-1)
    centred = chains - means[..., None]
    spectrum = jnp.fft.rfft(centred, scipy.fft.next_fast_len(2 * n, real=True), axis=-1)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    covariance = jnp.fft.irfft(power, scipy.fft.next_fast_len(2 * n, real=True), axis=-1)[:, :n] / n
    within = covariance[:, :1] * n / (n - 1)
    both = covariance[:, :1] + jnp.var(means, axis=1, ddof=1)[:, None]
    rho = (1 - (within - covariance) / both).at[:, 0].set(1.0)
    pairs = max(1, (n - 1) // 2)  # of lags, as far as they are estimated
    even, odd = rho[:, 0 : 2 * pairs : 2], rho[:, 1 : 2 * pairs : 2]
    pair = even + odd
    # The first pair that is not positive ends the sum, or the last there is; of it the even lag counts once.
    ends = (pair <= 0).at[:, -1].set(True)
    end = jnp.argmax(ends, axis=-1)[:, None]
    falling = jax.lax.cummin(pair, axis=1)
    kept = jnp.where(jnp.arange(pairs)[None] < end, falling, 0.0).sum(axis=-1)
    rest = jnp.maximum(jnp.take_along_axis(even, end, axis=1)[:, 0], 0.0)
    time = jnp.maximum(-1 + 2 * kept + rest, 1 / np.log10(m * n))
    return jnp.where(both[:, 0] > 0, m * n / time, jnp.nan)
