"""The errors of a gas in every identity, at states of a batch.

One program works out the derivatives of `F` and `U` that the identities need, wherever they are needed; all else is
arithmetic of these on the host, in double precision, that knows what rounding may make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from thermo_ideal._compilation import run_once
from thermo_ideal._expressions import parse
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate
from thermo_ideal.numerics import gauss_legendre
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._local_state import LocalState
from thermo_ideal.thermodynamics._partial_derivatives import LocalDerivatives, value_of
from thermo_ideal.thermodynamics._rounded_numbers import ALGEBRA, Rounded
from thermo_ideal.thermodynamics._solve_state import THERMAL, determine
from thermo_ideal.thermodynamics._state import State

# A finite change of a coordinate, and the rule that integrates over it: to rounding, for what is smooth in logarithms.
_STEP = 1.25
_NODES, _WEIGHTS = gauss_legendre(12)
_FACTORS = np.exp(np.log(_STEP) * np.append(_NODES, 1.0))
_WARMER, _WIDER = (slice(1 + i * len(_FACTORS), 1 + (i + 1) * len(_FACTORS)) for i in (0, 1))

# What depends on the protocol, as identities call it.
_BY_PROTOCOL: Mapping[str, Callable[[State], Any]] = {
    "rate_lr": lambda state: state.radius_relaxation_rate(FixedLearningRate),
    "rate_elr": lambda state: state.radius_relaxation_rate(FixedEffectiveLearningRate),
    "VarV_lr": lambda state: state.volume_variance(FixedLearningRate),
    "VarV_elr": lambda state: state.volume_variance(FixedEffectiveLearningRate),
}
_HELMHOLTZ, _ENERGY, _RATE = "F", "U", "rate_direction"

# Each kind of coordinate with every other that determines a state with it.
_PAIRS = [
    ("temperature", "volume"),
    ("temperature", "pressure"),
    ("entropy", "volume"),
    ("entropy", "pressure"),
    ("temperature", "entropy"),
    ("internal_energy", "volume"),
    ("enthalpy", "pressure"),
    ("learning_rate", "weight_decay"),
    ("effective_learning_rate", "weight_decay"),
    ("effective_learning_rate", "radius"),
    ("learning_rate", "radius"),
    ("weight_decay", "radius"),
]

# The change of a thermal property with the logarithm of what it tells besides the other one.
_MOVES = {(X, Y): (X, f"d({X})/d(log_T)|{Y}") for X, Y in _PAIRS if X in THERMAL}
_MOVES |= {(X, Y): (Y, f"d({Y})/d(log_V)|{X}") for X, Y in _PAIRS if Y in THERMAL}

# What is asked of a gas besides its identities, by name. A change: of what, the slope, and the states along it.
_CHANGES = {
    "F over a change of T": (_HELMHOLTZ, (1, 0), _WARMER),
    "F over a change of V": (_HELMHOLTZ, (0, 1), _WIDER),
    "U over a change of T": (_ENERGY, (1, 0), _WARMER),
}
_POSITIVE = {"stability, C_V > 0": "C_V", "stability, κ_T > 0": "kappa_T"}
_ROUND_TRIPS = {f"state from {X}, {Y}": (X, Y) for X, Y in _PAIRS}

_Wanted = tuple[tuple[str, int, int], ...]
_Names = Mapping[str, LocalDerivatives]


def names_of(gas: AbstractHelmholtzEnergy) -> tuple[str, ...]:
    """Everything that is asked of a gas, by name."""
    return (*gas.identities, *_CHANGES, *_POSITIVE, *_ROUND_TRIPS)


def errors_of(state: State, names: Collection[str]) -> tuple[dict[str, np.ndarray], np.dtype[Any]]:
    """The error of each identity that is named, in the shape of the states, and the precision of the gas.

    What is compiled is the same whichever are named.

    Args:
        state: a batch, in double precision.
        names: some of `names_of`.
    """
    T, V = np.asarray(state.temperature), np.asarray(state.volume)
    stretch = _FACTORS.reshape(-1, *(1,) * T.ndim)
    # The states; the same as they become warmer; and as they become wider.
    T_all = np.concatenate([T[None], T * stretch, np.broadcast_to(T, (len(_FACTORS), *T.shape))])
    V_all = np.concatenate([V[None], np.broadcast_to(V, (len(_FACTORS), *T.shape)), V * stretch])
    with np.errstate(all="ignore"):
        wanted = _wanted(tuple(state.gas.identities.values()))
        table = _table(state, T_all, V_all, wanted)
        precision = table[_HELMHOLTZ, 0, 0].dtype
        here = _names(state, {order: x[0] for order, x in table.items()}, T, V)
        errors = {name: _identity(terms, here) for name, terms in state.gas.identities.items() if name in names}
        errors |= {name: _change(table, *what) for name, what in _CHANGES.items() if name in names}
        errors |= {name: _positive(here[what]()) for name, what in _POSITIVE.items() if name in names}
        broken = ~np.all([np.isfinite(x) for x in table.values()], axis=(0, 1))
        errors = {name: np.where(broken, np.nan, error) for name, error in errors.items()}
        pairs = {name: pair for name, pair in _ROUND_TRIPS.items() if name in names}
        return errors | (_round_trips(state, here, wanted, pairs) if pairs else {}), precision


@cache
def _wanted(identities: tuple[tuple[str, ...], ...]) -> _Wanted:
    """The derivatives that identities need: those that are asked for when they are worked out."""
    asked: dict[tuple[str, int, int], None] = {}
    one = Rounded(np.ones(()), np.ones(()))

    def ask(what: str) -> LocalDerivatives:
        return LocalDerivatives(lambda i, j: asked.setdefault((what, i, j)) or one)

    names = LocalState(ALGEBRA, ask(_HELMHOLTZ), ask(_ENERGY), ask(_RATE), one, one, one, one).names()
    names = {**names, **{what: ask(what) for what in _BY_PROTOCOL}}
    texts = [term for terms in identities for term in terms]
    for text in (*texts, "F", "S", "p", "C_V", "kappa_T", *(text for _, text in _MOVES.values())):
        value_of(parse(text, names, ALGEBRA))
    return tuple(sorted(asked))


@run_once
def _table(state: State, T: Any, V: Any, wanted: _Wanted) -> dict[tuple[str, int, int], Any]:
    """Derivatives at several temperatures and volumes along the first axis, for each of the states."""

    def at(T: Any, V: Any) -> list[Any]:
        helmholtz, energy = state.gas.near(T, V)
        rate = LocalDerivatives.of_temperature(state.gas.direction_relaxation_rate, T)
        leaves = {_HELMHOLTZ: helmholtz, _ENERGY: energy, _RATE: rate}
        leaves |= {what: LocalDerivatives.of(by_protocol(f), T, V) for what, f in _BY_PROTOCOL.items()}
        return [jnp.broadcast_to(leaves[what](i, j), T.shape) for what, i, j in wanted]

    def by_protocol(f: Callable[[State], Any]) -> Callable[[Any, Any], Any]:
        return lambda T, V: f(eqx.tree_at(lambda s: (s.temperature, s.volume), state, (T, V)))

    return dict(zip(wanted, jax.vmap(at)(T, V), strict=True))


def _names(state: State, table: Mapping[tuple[str, int, int], Any], T: np.ndarray, V: np.ndarray) -> _Names:
    """Every property of states, and what depends on the protocol, from derivatives there.

    Energies have the size of the largest of `F` and `U` and of their first derivatives, and a derivative besides that
    of all lower ones: it is no better known than they are.
    """
    values = {order: np.asarray(x, np.float64) for order, x in table.items()}

    def leaf(what: str) -> LocalDerivatives:
        family = (_HELMHOLTZ, _ENERGY) if what in (_HELMHOLTZ, _ENERGY) else (what,)

        def term(i: int, j: int) -> Rounded:
            near = [x for (of, a, b), x in values.items() if of in family and a <= max(i, 1) and b <= max(j, 1)]
            return Rounded(values[what, i, j], np.max(np.abs(near), axis=0))

        return LocalDerivatives(term)

    coordinates = (T, V, np.asarray(state.noise_scale), np.asarray(state.dimension))
    at = (Rounded(x, np.abs(x)) for x in coordinates)
    names = LocalState(ALGEBRA, leaf(_HELMHOLTZ), leaf(_ENERGY), leaf(_RATE), *at).names()
    return {**names, **{what: leaf(what) for what in _BY_PROTOCOL}}


def _identity(terms: tuple[str, ...], names: _Names) -> np.ndarray:
    return _relative(*(value_of(parse(term, names, ALGEBRA)) for term in terms))


def _relative(*terms: Any) -> np.ndarray:
    """The sum of terms, beyond what may be rounding, over the sum of their sizes; 0 where it may all be rounding."""
    shape = np.broadcast_shapes(*(np.shape(term.value) for term in terms if isinstance(term, Rounded)))
    total = sum(terms, start=Rounded(np.zeros(shape), np.zeros(shape)))
    size = sum(np.abs(term.value if isinstance(term, Rounded) else term) for term in terms)
    beyond = np.abs(total.value) - total.rounding
    return np.where((total.rounding == np.inf) | np.isnan(total.rounding) | (beyond <= 0), 0.0, beyond / size)


def _positive(x: Rounded) -> np.ndarray:
    """0 where a number is positive or may be 0, else NaN."""
    return np.where((x.value > 0) | x.vanishes, 0.0, np.nan)


def _change(table: Mapping[tuple[str, int, int], Any], what: str, slope: tuple[int, int], along: slice) -> np.ndarray:
    """The change of `F` or `U` when a coordinate grows by a factor, less the integral of its slope in its log."""
    of = [np.abs(np.asarray(x)) for (_, i, j), x in table.items() if i + j <= 1]
    size = np.max(of, axis=(0, 1))
    f, slopes = (np.asarray(table[what, *order], np.float64) for order in ((0, 0), slope))
    weights = np.log(_STEP) * np.asarray(_WEIGHTS)
    parts = [-weight * part for weight, part in zip(weights, slopes[along], strict=False)]
    return _relative(*(Rounded(x, size) for x in (f[along][-1], -f[0], *parts)))


def _round_trips(
    state: State, here: _Names, wanted: _Wanted, pairs: Mapping[str, tuple[str, str]]
) -> dict[str, np.ndarray]:
    """The relative error of each pair of properties in the state that is found from them.

    The searches are those on the host, which have nothing to compile; all that they find is evaluated at once.
    """
    shape = np.shape(state.temperature)
    known = {name: _dense(here[name](), shape) for pair in pairs.values() for name in pair}
    found = [
        determine(
            state.gas,
            state.noise_scale,
            {name: jnp.asarray(known[name].value) for name in pair},
            state.gas.temperature_range,
        )
        for pair in pairs.values()
    ]
    # As many as before, so that it is the same program.
    rows = np.arange(1 + 2 * len(_FACTORS)) % len(pairs)
    T, V = (np.stack([np.asarray(x) for x in xs])[rows] for xs in zip(*found, strict=True))
    names = _names(state, _table(state, T, V, wanted), T, V)
    again = {name: _dense(names[name](), T.shape).value for name in known}
    errors = {}
    for i, (name, (X, Y)) in enumerate(pairs.items()):
        sizes = {x: np.abs(known[x].value) + _usual(state, x) for x in (X, Y)}
        error = np.max([np.abs(again[x][i] - known[x].value) / sizes[x] for x in (X, Y)], axis=0)
        if (X, Y) in _MOVES:
            # Rounding the property would move the temperature or volume by a thousandth: it does not tell the state.
            thermal, text = _MOVES[X, Y]
            move = _dense(value_of(parse(text, here, ALGEBRA)), shape)
            rounding = np.maximum(known[thermal].rounding, 1e3 * np.finfo(np.float64).eps * sizes[thermal])
            told = np.abs(move.value) > rounding
            error = np.where(told, error, 0.0)
        errors[name] = np.asarray(error)
    return errors


def _usual(state: State, name: str) -> Any:
    """Of entropies and energies, which have no natural zero."""
    thermal = np.asarray(state.gas_constant * state.temperature)
    return dict(zip(THERMAL, (np.abs(np.asarray(state.radius_entropy)), thermal, thermal), strict=True)).get(name, 0.0)


def _dense(x: Any, shape: tuple[int, ...]) -> Rounded:
    return Rounded(np.broadcast_to(x.value, shape), np.broadcast_to(x.size, shape))
