"""The recurrence from which every von Mises–Fisher statistic is computed.

With `l = d/2` let `T_l(κ) = κ I_{l−1}(κ)/I_l(κ)`. Where `ρ = √(l² + κ²)` is large, `T` and its derivatives come from
their expansions in `1/ρ`. Elsewhere the expansion is taken at a higher order `l + n` and brought down by

    T_{l−1} = 2(l−1) + M,    M = κ²/T_l,

which damps errors. `T − κ` and every derivative have series and steps of their own, so that

    A = κ/T,    1 − A = (T − κ)/T,    A' = g/T²,    g = T − θT,    θ = κ∂_κ,

come without a cancellation at any `d` and `κ`. The log-normaliser relative to the uniform law,
`Φ_l = log(Γ(l) (2/κ)^{l−1} I_{l−1}) = ∫₀^κ A`, has the antiderivative of the same
series: `Φ_l = Φ_{l+1} + log(T_l/2l)`.

The rows by name: `T`; `e = T − κ − l + ½`; `s = θT`; `g = T − θT`; `h = θg`; `k = θ²g`; `m = θ³g`; and with `_l`, `_ll`
appended their first and second derivatives in `l`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import digamma, gammaln, polygamma, xlogy
from jaxtyping import Array, Float

from thermo_ideal.special._uniform_expansion import Row, expansion

_State = TypeVar("_State")
_Rows = dict[str, Array]

# (terms of the expansion, ρ above which they reach working precision)
_PRECISION = {np.dtype(np.float64): (18, 26), np.dtype(np.float32): (5, 20)}
_FEW = 4096  # elements


class _Geometry(NamedTuple):
    """What all series at `(l, κ)` share; differences such as `ρ − l` are formed without a cancellation."""

    l: Array
    kappa: Array
    rho: Array
    rho_minus_l: Array
    rho_minus_kappa: Array
    p: Array
    factor: Array  # 1 − p²

    @classmethod
    def of(cls, l: Array, kappa: Array) -> "_Geometry":
        rho = jnp.hypot(l, kappa)
        rho_minus_l = kappa * (kappa / (rho + l))
        rho_minus_kappa = l * (l / (rho + kappa))
        return cls(l, kappa, rho, rho_minus_l, rho_minus_kappa, l / rho, (kappa / rho) ** 2)

    def row(self, row: Row) -> Array:
        return _evaluate([row], self.p, self.rho)[0]


def _evaluate(rows: Sequence[Row], p: Array, rho: Array, step: int = 2) -> list[Array]:
    """The rows at `(p, ρ)`, their polynomials in powers of `p^step`.

    Of few elements compiling takes the time, and one product with the matrix of all coefficients is soon compiled; of
    many, running does, and Horner's rule, written out, keeps everything in registers. It loses fewer digits, which
    count in single precision, where it is short besides.
    """
    inverse = 1 / rho
    sums = (_by_matrix if p.size <= _FEW and p.dtype == np.float64 else _by_horner)(rows, p**step, inverse)
    return [
        value * p**row.parity * (rho if row.first < 0 else inverse**row.first)
        for row, value in zip(rows, sums, strict=True)
    ]


def _by_horner(rows: Sequence[Row], x: Array, inverse: Array) -> list[Array]:
    values = []
    for row in rows:
        value = jnp.zeros_like(x)
        for coefficients in reversed(row.coefficients):
            value = value * inverse + jnp.polyval(jnp.asarray(coefficients[::-1], x.dtype), x)
        values.append(value)
    return values


def _by_matrix(rows: Sequence[Row], x: Array, inverse: Array) -> list[Array]:
    depth = max(len(row.coefficients) for row in rows)
    width = max(len(coefficients) for row in rows for coefficients in row.coefficients)
    table = np.zeros((width, len(rows), depth), x.dtype)
    for i, row in enumerate(rows):
        for k, coefficients in enumerate(row.coefficients):
            table[: len(coefficients), i, k] = coefficients
    exponents = np.arange(max(width, depth), dtype=x.dtype).reshape(*(1,) * x.ndim, -1)
    powers, inverses = x[..., None] ** exponents[..., :width], inverse[..., None] ** exponents[..., :depth]
    polynomials = jnp.matmul(powers, table.reshape(width, -1), precision=lax.Precision.HIGHEST)
    sums = (polynomials.reshape(*x.shape, len(rows), depth) * inverses[..., None, :]).sum(axis=-1)
    return [sums[..., i] for i in range(len(rows))]


# What a row's step needs besides itself.
_NEEDS = {
    "T": (),
    "e": ("T",),
    "s": ("T", "g"),
    "g": ("T",),
    "h": ("T", "g"),
    "k": ("T", "g", "s", "h"),
    "m": ("T", "g", "s", "h", "k"),
    "T_l": ("T",),
    "s_l": ("T", "g", "s", "T_l"),
    "g_l": ("T", "g", "T_l"),
    "h_l": ("T", "g", "h", "T_l", "g_l"),
    "T_ll": ("T", "T_l"),
    "g_ll": ("T", "g", "T_l", "g_l", "T_ll"),
}

# The part of a row that has no factor 1 − p².
_HEAD: dict[str, Callable[[_Geometry], Array]] = {
    "T": lambda at: at.l + at.rho,
    "e": lambda at: at.rho_minus_kappa + 0.5,
    "g": lambda at: at.l * (1 + at.p),
    "T_l": lambda at: 1 + at.p,
    "g_l": lambda at: 1 + at.p,
}


def _lowered_k(x: _Rows) -> Array:
    """`k` one order down, over `−M`."""
    return x["k"] + x["h"] * (1 + 5 * x["g"] - x["s"]) + 2 * x["g"] ** 2 * (1 + x["g"] - 2 * x["s"])


def _theta_of_lowered_k(x: _Rows) -> Array:
    """`θ` of it, by `θ(y/T) = θy/T − (s/T)(y/T)` and `θs = s − h`."""
    g, h, s = x["g"], x["h"], x["s"]
    of_g, of_h, of_s = h - g * s, x["k"] - h * s, s - h - s**2
    of_k = x["m"] - x["k"] * s
    by_h = of_h * (1 + 5 * g - s) + h * (5 * of_g - of_s)
    return of_k + by_h + 4 * g * of_g * (1 + g - 2 * s) + 2 * g**2 * (of_g - 2 * of_s)


# A row one order down, from `twice` that order, M, and the rows over T (but T and e): derivatives of `T⁻ = twice + M`.
_LOWERED: dict[str, Callable[[Array, Array, _Rows], Array]] = {
    "T": lambda twice, M, x: twice + M,
    "e": lambda twice, M, x: ((twice + 1) / 2 + x["e"]) * (((twice + 1) / 2 + x["e"]) / x["T"]) - x["e"],
    "s": lambda twice, M, x: M * (1 + x["g"]),
    "g": lambda twice, M, x: twice - M * x["g"],
    "h": lambda twice, M, x: -M * (x["h"] + 2 * x["g"] ** 2),
    "k": lambda twice, M, x: -M * _lowered_k(x),
    "m": lambda twice, M, x: -M * ((1 + x["g"]) * _lowered_k(x) + _theta_of_lowered_k(x)),
    "T_l": lambda twice, M, x: 2 - M * x["T_l"],
    "s_l": lambda twice, M, x: -M * (x["T_l"] * (1 + x["g"] - x["s"]) + x["s_l"]),
    "g_l": lambda twice, M, x: 2 - M * (x["g_l"] - 2 * x["g"] * x["T_l"]),
    "h_l": lambda twice, M, x: (
        -M * (x["h_l"] - 2 * x["h"] * x["T_l"] + 4 * x["g"] * x["g_l"] - 6 * x["g"] ** 2 * x["T_l"])
    ),
    "T_ll": lambda twice, M, x: M * (2 * x["T_l"] ** 2 - x["T_ll"]),
    "g_ll": lambda twice, M, x: (
        -M * (x["g_ll"] - 4 * x["T_l"] * x["g_l"] + 6 * x["g"] * x["T_l"] ** 2 - 2 * x["g"] * x["T_ll"])
    ),
}


def _series(at: _Geometry, terms: int, names: tuple[str, ...]) -> _Rows:
    rows = expansion(terms).rows
    distinct = sorted({"T" if name == "e" else name for name in names})
    found = _evaluate([rows[name] for name in distinct], at.p, at.rho)
    tails = {name: at.factor * tail for name, tail in zip(distinct, found, strict=True)}
    return {name: _HEAD.get(name, lambda at: 0.0)(at) + tails["T" if name == "e" else name] for name in names}


def _lowered(rows: _Rows, twice: Array, kappa: Array) -> _Rows:
    x = {name: row if name in "Te" else row / rows["T"] for name, row in rows.items()}
    M = kappa * (kappa / rows["T"])
    return {name: _LOWERED[name](twice, M, x) for name in rows}


def _whole_steps(missing: Array) -> Array:
    """None where nothing is missing, and none at NaN: one such element must not stop the others' steps."""
    return jnp.where(missing > 0, jnp.ceil(missing), 0.0)


def _descend(steps: Array, state: _State, lowered: Callable[[_State, Array], _State]) -> _State:
    """Applies `lowered(state, 1), lowered(state, 2), …`, to each element as often as `steps` says."""

    def body(step: Array, state: _State) -> _State:
        step = step.astype(steps.dtype)
        return jax.tree.map(partial(jnp.where, step <= steps), lowered(state, step), state)

    return lax.fori_loop(1, jnp.max(steps, initial=0).astype(jnp.int32) + 1, body, state)


def ratio(
    half_dimension: Float[Array, "..."], kappa: Float[Array, "..."], *names: str
) -> tuple[Float[Array, "..."], ...]:
    """The rows of these names at `l = half_dimension ≥ 1` and `κ ≥ 0`, in the precision of the arguments."""
    terms, threshold = _PRECISION[np.dtype(kappa.dtype)]
    needed = {other for name in names for other in (name, *_NEEDS[name])}
    missing = jnp.sqrt(jnp.maximum((threshold - kappa) * (threshold + kappa), 0.0)) - half_dimension
    steps = _whole_steps(missing)
    rows = _series(_Geometry.of(half_dimension + steps, kappa), terms, tuple(sorted(needed)))
    rows = _descend(steps, rows, lambda rows, step: _lowered(rows, 2 * (half_dimension + steps - step), kappa))
    return tuple(rows[name] for name in names)


def partition(
    half_dimension: Float[Array, "..."], kappa: Float[Array, "..."], by_l: int = 0, *, scaled: bool = False
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """`Φ` and `Φ − κ` at `l = half_dimension ≥ 1` and `κ ≥ 0`, or their derivative in `l` of order `by_l`, twice.

    With `scaled`, `Φ − κ` is accurate everywhere, and `Φ` only where not `κ > l > 1`.
    """
    terms, threshold = _PRECISION[np.dtype(kappa.dtype)]
    # `l` itself is made large, so that Stirling's series is part of Debye's and cancels term by term, and Φ keeps its
    # relative precision; unless κ is so large that log Γ may stand beside the rest, which is sooner without κ in it.
    direct = (kappa >= (threshold if scaled else 4 * threshold)) & (half_dimension < threshold)
    steps = jnp.where(direct, 0.0, _whole_steps(threshold - half_dimension))
    at = _Geometry.of(half_dimension + steps, kappa)
    rows = _series(at, terms, ("T", "T_l", "T_ll")[: by_l + 1])

    # From l + 1 down to l by Φ_l = Φ_{l+1} + log(1 + M/2l), the first time with M = T − 2l from the series.
    M = at.rho_minus_l + at.factor * at.row(expansion(terms).rows["T"])
    M_l = at.factor * at.row(expansion(terms).rows["T_l"]) - at.rho_minus_l / at.rho if by_l else None
    total = _log_step(by_l, M, M_l, rows, at.l)

    def descend(state: tuple[_Rows, Array], step: Array) -> tuple[_Rows, Array]:
        rows, total = state
        order = at.l - step
        lower, M = _lowered(rows, 2 * order, kappa), kappa * (kappa / rows["T"])
        M_l = -M * (rows["T_l"] / rows["T"]) if by_l else None
        more = _log_step(by_l, M, M_l, lower, order)
        return lower, total + more + (0.0 if by_l else total * more)

    _, total = _descend(steps, (rows, total), descend)
    top, scaled_top = _partition_series(at, terms, threshold, direct, by_l)
    steps_up = total if by_l else jnp.log1p(total)
    return top + steps_up, scaled_top + steps_up


def _log_step(by_l: int, M: Array, M_l: Array | None, lower: _Rows, l: Array) -> Array:
    """`M/2l`, or a derivative in `l` of `log(1 + M/2l) = log(T_l/2l)`: sums of terms of one sign."""
    if M_l is None:
        return M / (2 * l)
    first = (M_l - M / l) / lower["T"]
    if by_l == 1:
        return first
    return (lower["T_ll"] - M_l / l + M / l**2 - first * lower["T_l"]) / lower["T"]


def _partition_series(at: _Geometry, terms: int, threshold: int, direct: Array, by_l: int) -> tuple[Array, Array]:
    """`Φ_{l+1}` and `Φ_{l+1} − κ` from the expansion, or their derivative in `l` of order `by_l`, twice."""
    l, rho, gap, p, w = at.l, at.rho, at.rho_minus_l, at.p, at.factor
    tail = at.row(expansion(terms).partition[by_l])
    zero = -gap / rho * _evaluate([expansion(terms).against_zero[by_l]], p, jnp.maximum(l, threshold), step=1)[0]
    if by_l == 0:
        far = tail + gammaln(l + 1) - l * jnp.log((l + rho) / 2) - (np.log(2 * np.pi) + jnp.log(rho)) / 2
        slow = zero - l * jnp.log1p(gap / (2 * l)) - jnp.log1p(gap / l) / 2
        scaled = jnp.where(at.kappa < l, gap - at.kappa, at.rho_minus_kappa - l)
        return jnp.where(direct, rho + far, gap + slow), jnp.where(direct, at.rho_minus_kappa + far, scaled + slow)
    if by_l == 1:
        far = tail + digamma(l + 1) - jnp.log((l + rho) / 2) - p / (2 * rho)
        slow = zero - jnp.log1p(gap / (2 * l)) + w / (2 * l)
    else:
        far = tail + polygamma(1, l + 1) - 1 / rho - (1 - 2 * p**2) / (2 * rho**2)
        slow = zero + gap / (l * rho) - w * (1 / (2 * l**2) + 1 / rho**2)
    return (jnp.where(direct, far, slow),) * 2


def log_bessel(order: Float[Array, "..."], kappa: Float[Array, "..."], *, scaled: bool) -> Float[Array, "..."]:
    """`log I_ν(κ)` or, scaled, `log I_ν(κ) − κ`, at `ν = order ≥ 0` and `κ ≥ 0`."""
    terms, threshold = _PRECISION[np.dtype(kappa.dtype)]
    large = jnp.hypot(order, kappa) >= threshold
    safe = jnp.where(large, order, threshold)  # keeps 0 × ∞ out of the branch that is not taken
    at = _Geometry.of(safe, kappa)
    # asinh(l/κ) as it stands, and as a difference of large logarithms only where l/κ may overflow
    angle = jnp.where(safe < 1e10 * kappa, jnp.arcsinh(safe / kappa), jnp.log(safe + at.rho) - jnp.log(kappa))
    debye = (at.rho_minus_kappa if scaled else at.rho) - safe * angle - (np.log(2 * np.pi) + jnp.log(at.rho)) / 2
    debye += at.row(expansion(terms).partition[0])
    stirling = partition(order + 1, kappa, scaled=scaled)[int(scaled)] + xlogy(order, kappa / 2) - gammaln(order + 1)
    return jnp.where(large, debye, stirling)
