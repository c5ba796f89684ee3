"""A gas known by its Helmholtz energy, and every property of it as a function of temperature and volume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from functools import partial as partial_
from typing import Any

import sympy as sp
from sympy import Expr, Function, Symbol

from thermo_ideal._expressions import WORDS, Algebra, parse
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.gas._von_mises_fisher import LogPartition

T, V = n.TEMPERATURE, n.VOLUME

_FUNCTIONS = {"log": sp.log, "ln": sp.log, "exp": sp.exp, "sqrt": sp.sqrt}
_POSITIVE = ("T", "V", "p", "kappa", "eta", "eta_eff", "r", "lambda")


class _OnDemand(Mapping[str, Expr]):
    """A mapping whose values are worked out once, when they are asked for."""

    def __init__(self, formulas: Mapping[str, Callable[[], Expr]]) -> None:
        self._formulas = formulas
        self._values: dict[str, Expr] = {}

    def __getitem__(self, name: str) -> Expr:
        if name not in self._values:
            self._values[name] = self._formulas[name]()
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._formulas)

    def __len__(self) -> int:
        return len(self._formulas)


class HeatCapacity(Function):
    """`C_V(T)` of a gas whose internal energy is a function of the temperature that nothing else is known of."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return "C_V" if exp is None else rf"C_V^{{{exp}}}"


class MeanLoss(Function):
    """`U(T)`, with `dU/dT = C_V`."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """`C_V`."""
        return HeatCapacity(*self.args)


class DirectionEntropy(Function):
    """`S_dir(T)`, with `dS_dir/dT = C_V/T`: heat taken up at constant volume."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """`C_V/T`."""
        return HeatCapacity(*self.args) / self.args[0]


@dataclass(frozen=True)
class Gas:
    """A gas in terms of its Helmholtz energy, in the dictionary of SGD.

    Every quantity is a function of `T` and `V`, hyperparameters included: `η_eff = 2T/σ²`, `r = √(2V)`, `η = η_eff r²`
    and `λ = p` are coordinates like any others, and a protocol is a choice of two of them.

    Args:
        helmholtz_energy: `F(T, V)` in the symbols `T` and `V` (both positive).
        dimension: `d`; the gas constant is `R = (d − 1)/2`.
        name: in words.

    Raises:
        ValueError: F does not depend on T and V.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> perfect = gas.calorically_perfect()
        >>> perfect["p"]
        T*(d - 1)/(2*V)
        >>> perfect.partial("S", "log(lambda)", at="eta")
        0
        >>> gas.partial("d(S)/d(log(lambda))|eta_eff")
        -(d - 1)/2

    Source: THEORY §5.
    """

    helmholtz_energy: Expr | int | float
    dimension: Expr = n.DIMENSION
    name: str = "gas"

    def __post_init__(self) -> None:
        F = sp.sympify(self.helmholtz_energy)
        if not {T, V} <= F.free_symbols:
            raise ValueError(
                f"helmholtz_energy: got {F}, expected a function of both T and V, the positive symbols gas.T and gas.V"
            )

    @classmethod
    def from_entropy(cls, entropy: Expr, energy: Symbol, dimension: Expr = n.DIMENSION, name: str = "gas") -> Gas:
        """A gas from its fundamental relation `S(U, V)`.

        Args:
            entropy: `S` as a function of `energy` and `gas.V`.
            energy: the symbol of U.
            dimension: `d`.
            name: in words.

        Raises:
            ValueError: `1/T = ∂S/∂U` has not just one solution for U.

        Example:
            >>> import sympy as sp
            >>> from thermo_ideal.symbolic import gas
            >>> U = sp.Symbol("U", positive=True)
            >>> Gas.from_entropy(3 * sp.log(U) + 2 * sp.log(gas.V), U)["U"]
            3*T
        """
        solutions = sp.solve(sp.Eq(T * sp.diff(entropy, energy), 1), energy)
        if len(solutions) != 1:
            raise ValueError(f"entropy: 1/T = ∂S/∂{energy} has {len(solutions)} solutions for {energy}, expected one")
        (u,) = solutions
        return cls(sp.simplify(u - T * entropy.subs(energy, u)), dimension, name)

    @cached_property
    def quantities(self) -> Mapping[str, Expr]:
        """Every quantity by its symbol's name, as a function of `T` and `V`; worked out when it is asked for."""
        F, d, sigma = self.helmholtz_energy, sp.sympify(self.dimension), n.NOISE_SCALE
        R = sp.factor((d - 1) / 2)
        formulas: dict[str, Callable[[], Expr]] = {
            "T": lambda: T,
            "V": lambda: V,
            "p": lambda: _tidy(-sp.diff(F, V)),
            "S": lambda: sp.expand(-sp.diff(F, T)),
            "U": lambda: _tidy(sp.expand(F + T * q["S"])),
            "F": lambda: F,
            "H": lambda: q["U"] + q["p"] * V,
            "G": lambda: F + q["p"] * V,
            "S_dir": lambda: sp.simplify(sp.expand_log(q["S"] - R * sp.log(2 * V))),
            "R": lambda: R,
            "d": lambda: d,
            "sigma": lambda: sigma,
            "kappa": lambda: 1 / T,
            "eta_eff": lambda: 2 * T / sigma**2,
            "r": lambda: sp.sqrt(2 * V),
            "eta": lambda: 4 * T * V / sigma**2,
            "lambda": lambda: q["p"],
            "C_V": lambda: _tidy(T * sp.diff(q["S"], T)),
            "C_p": lambda: _tidy(T * _jacobian(q["S"], T, q["p"])),
            "gamma": lambda: _tidy(q["C_p"] / q["C_V"]),
            "alpha": lambda: _tidy(_jacobian(V, T, q["p"]) / V),
            "kappa_T": lambda: _tidy(-_jacobian(V, q["p"], T) / V),
            "kappa_S": lambda: _tidy(-_jacobian(V, q["p"], q["S"]) / V),
            "mu_JT": lambda: _tidy(_jacobian(T, q["p"], q["H"])),
        }
        q = _OnDemand(formulas)
        return q

    @cached_property
    def names(self) -> Mapping[str, Expr]:
        """The quantities by symbol and by word, and `log_…` of those that are positive."""
        q = self.quantities
        symbols = {symbol: symbol for symbol in q} | WORDS
        formulas: dict[str, Callable[[], Expr]] = {
            name: partial_(q.__getitem__, symbol) for name, symbol in symbols.items()
        }
        logs = {name: symbol for name, symbol in symbols.items() if symbol in _POSITIVE}
        formulas |= {f"log_{name}": partial_(_logarithm, q, symbol) for name, symbol in logs.items()}
        return _OnDemand(formulas)

    def __getitem__(self, quantity: str | Expr) -> Expr:
        """A quantity by name, text or symbol as a function of `T` and `V`.

        Args:
            quantity: a name, a text such as "p*V/T" or "d(S)/d(T)|V", or an expression in symbols named as quantities
                are, such as a result of `derive`.
        """
        if isinstance(quantity, str):
            return sp.sympify(parse(quantity, self.names, self._algebra))
        expression = sp.sympify(quantity)
        named = {s: self.quantities[s.name] for s in expression.free_symbols if s.name in self.quantities}
        return expression.subs(named, simultaneous=True)

    def partial(self, X: str | Expr, Y: str | Expr | None = None, at: str | Expr | None = None, order: int = 1) -> Expr:
        """`(∂X/∂Y)_Z` of any quantities, by Jacobians: `∂(X, Z)/∂(Y, Z)` in the coordinates `T, V`.

        Args:
            X: a name, a text, or an expression in `gas.T` and `gas.V`. Without Y, a text with its own derivatives, such
                as "d(S)/d(log(lambda))|eta" or "d2(G)/d(p)2|T".
            Y: what is varied.
            at: what is held fixed.
            order: 1 or 2.

        Raises:
            ValueError: an unknown name, Y without `at`, or Y that cannot vary because Z fixes it.

        Example:
            >>> from thermo_ideal.symbolic import gas
            >>> gas.von_mises_fisher(3).partial("U", "V", at="T")
            0
            >>> gas.partial("entropy", "log_weight_decay", at="learning_rate")
            -(d - 2*HeatCapacity(T) - 1)/4

        Source: H. Carroll, J. Chem. Educ. 42, 218 (1965), on the method of Jacobians.
        """
        if Y is None:
            if at is not None or order != 1:
                raise ValueError(f"Y: got None with at={at!r}, order={order}; expected partial(X, Y, at=Z)")
            return self[X]
        if at is None:
            raise ValueError(f"at: got None, expected what is held fixed, as in partial({X!r}, {Y!r}, at='T')")
        return self._differentiate(self[X], self[Y], self[at], order)

    @property
    def _algebra(self) -> Algebra[Expr]:
        return Algebra(sp.Rational, sp.pi, _FUNCTIONS, _operate, self._differentiate)

    def _differentiate(self, X: Expr, Y: Expr, Z: Expr, order: int) -> Expr:
        if order not in (1, 2):
            raise ValueError(f"order: got {order}, expected 1 or 2")
        for _ in range(order):
            X = _jacobian(X, Y, Z)
        return X


def _operate(operation: Callable[..., Expr], *operands: Expr) -> Expr:
    return operation(*operands)


def _logarithm(quantities: Mapping[str, Expr], symbol: str) -> Expr:
    return sp.log(quantities[symbol])


def _tidy(expression: Expr) -> Expr:
    return sp.factor(sp.cancel(sp.together(expression)))


def _jacobian(X: Expr, Y: Expr, Z: Expr) -> Expr:
    """`∂(X, Z)/∂(Y, Z)`."""

    def wedge(f: Expr, g: Expr) -> Expr:
        return sp.diff(f, T) * sp.diff(g, V) - sp.diff(f, V) * sp.diff(g, T)

    below = _tidy(wedge(Y, Z))
    if below == 0:
        raise ValueError(f"partial: {Y} cannot vary while {Z} is fixed; hold another quantity fixed")
    return _tidy(wedge(X, Z) / below)


def _dimension(dimension: Expr | int | float) -> Expr:
    d = sp.sympify(dimension)
    if d.is_number and not d >= 2:
        raise ValueError(f"dimension: got {dimension}, expected a number ≥ 2 (a circle at least) or a symbol")
    return d


def scale_invariant(dimension: Expr | int = n.DIMENSION) -> Gas:
    """The gas of a scale-invariant loss that nothing else is known of, `F = U(T) − T S_dir(T) − R T log 2V`.

    Its partition function on the sphere of radius r is `r^{d−1}` times that on the unit sphere, whatever the loss.
    """
    d = _dimension(dimension)
    F = MeanLoss(T) - T * DirectionEntropy(T) - (d - 1) / 2 * T * sp.log(2 * V)
    return Gas(F, d, "gas of any scale-invariant loss")


def von_mises_fisher(dimension: Expr | int = n.DIMENSION) -> Gas:
    """The exact gas of the loss `1 − μ·w̄`, `F = −T log z_d(1/T) − R T log 2V`."""
    d = _dimension(dimension)
    return Gas(-T * LogPartition(d, 1 / T) - (d - 1) / 2 * T * sp.log(2 * V), d, f"von Mises–Fisher gas, d = {d}")


def calorically_perfect(dimension: Expr | int = n.DIMENSION) -> Gas:
    """The gas of a quadratic minimum, `C_V = R`: `F = −R T log(4π T V)`, the limit of low temperature."""
    d = _dimension(dimension)
    return Gas(-(d - 1) / 2 * T * sp.log(4 * sp.pi * T * V), d, "calorically perfect gas")


_default = scale_invariant()


def partial(X: str | Expr, Y: str | Expr | None = None, at: str | Expr | None = None, order: int = 1) -> Expr:
    """`(∂X/∂Y)_Z` of the gas of any scale-invariant loss; see `Gas.partial`.

    Args:
        X: a name or a text, as in "d(S)/d(log(lambda))|eta"; with Y, the quantity that changes.
        Y: what is varied.
        at: what is held fixed.
        order: 1 or 2.

    Raises:
        ValueError: as `Gas.partial`.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> gas.partial("S", "log(r)", at="eta_eff")
        d - 1
    """
    return _default.partial(X, Y, at, order)
