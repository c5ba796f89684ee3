"""A gas known by its Helmholtz energy, and every property of it as a function of temperature and volume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal._dictionary import DICTIONARY, SYMBOLS
from thermo_ideal._expressions import HIGHEST_ORDER, Algebra, parse
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._printing import displayed, summary
from thermo_ideal.symbolic._symbolic_object import SymbolicObject

T, V, R = n.TEMPERATURE, n.VOLUME, n.GAS_CONSTANT

_FUNCTIONS = {"log": sp.log, "ln": sp.log, "exp": sp.exp, "sqrt": sp.sqrt}
# What the dictionary defines by other quantities of a gas.
_DEFINED = (
    "concentration",
    "effective_learning_rate",
    "radius",
    "learning_rate",
    "weight_decay",
    "enthalpy",
    "compressibility_factor",
    "radius_entropy",
    "noise_trace",
    "energy_variance",
    "piston_volume_variance",
)


class _OnDemand(Mapping[str, Expr]):
    """A mapping whose values are computed once, when they are asked for."""

    def __init__(self, formulas: Mapping[str, Callable[[], Expr]]) -> None:
        self._formulas = formulas
        self._values: dict[str, Expr] = {}

    def __getitem__(self, name: str) -> Expr:
        if name not in self._values:
            self._values[name] = self._formulas[name]()
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._formulas  # without computing the value

    def __iter__(self) -> Iterator[str]:
        return iter(self._formulas)

    def __len__(self) -> int:
        return len(self._formulas)


@dataclass(frozen=True, repr=False)
class Gas(SymbolicObject):
    """A gas, given by its Helmholtz energy `F(T, V)`, with `p = −∂F/∂V`, `S = −∂F/∂T` and `U = F + TS`.

    Every quantity is a function of `T` and `V`, and so are the hyperparameters of SGD: `η_eff = 2T/σ²`, `r = √(2V)`,
    `η = η_eff r²` and `λ = p`. A protocol holds two of them fixed.

    Args:
        helmholtz_energy: `F(T, V)` in the symbols `gas.T` and `gas.V`, which are positive. In it `gas.R` is the gas
            constant of the gas; other symbols are parameters, and none may have the name of a quantity.
        dimension: `d`; the gas constant is `R = (d − 1)/2`.
        name: the gas in words, by which no two gases differ.

    Raises:
        ValueError: F does not depend on both T and V, or has another symbol with the name of a quantity, which would
            be taken for it.

    Example:
        >>> from thermo_ideal.symbolic import gas
        >>> perfect = gas.calorically_perfect()
        >>> perfect
        Gas: calorically perfect gas
          F = T*(1/2 - d/2)*log(4*pi*T*V)
        >>> perfect["p"]
        T*(d - 1)/(2*V)
        >>> perfect.partial("S", "log(lambda)", at="eta")
        0
        >>> gas.partial("d(S)/d(log(lambda))|eta_eff")
        -(d - 1)/2

        A gas of van der Waals, and its compressibility factor at the critical point:

        >>> import sympy as sp
        >>> T, V, R = gas.T, gas.V, gas.R
        >>> a, b = sp.symbols("a b", positive=True)
        >>> real = gas.Gas(-R * T * sp.log((V - b) * T) - a / V, name="van der Waals")
        >>> real["Z"].subs({V: 3 * b, T: 8 * a / (27 * real["R"] * b)}).simplify()
        3/8

    Source: arXiv 2511.07308, table 1, for the dictionary; Callen, Thermodynamics, chapter 5, for the potentials.
    """

    helmholtz_energy: Expr | int | float
    dimension: Expr | int | float = n.DIMENSION
    name: str = field(default="gas", compare=False)

    def __post_init__(self) -> None:
        F, d = sp.sympify(self.helmholtz_energy), sp.sympify(self.dimension)
        if not {T, V} <= F.free_symbols:
            raise ValueError(
                f"helmholtz_energy: got {F}, expected a function of both of the positive symbols gas.T and gas.V, "
                f"as in Gas(-gas.T * sympy.log(gas.T * gas.V))"
            )
        # What is the same symbol is the same quantity; F of the constructor holds for every dimension.
        F = F.subs({R: (d - 1) / 2, n.DIMENSION: d}, simultaneous=True)
        object.__setattr__(self, "helmholtz_energy", F)
        object.__setattr__(self, "dimension", d)
        for symbol in sorted(F.free_symbols - {T, V, n.NOISE_SCALE} - d.free_symbols, key=str):
            self._require_parameter(symbol)

    def _require_parameter(self, symbol: Symbol) -> None:
        """Names stand for quantities in texts and results, so a parameter of this name would be read as one."""
        if symbol.name not in self.quantities:
            return
        own = {"T": "gas.T", "V": "gas.V", "R": "gas.R", "d": "dimension=Symbol('d')"}.get(symbol.name)
        use = f"use {own} for the quantity, or another name" if own else "use another name"
        raise ValueError(
            f"helmholtz_energy: got the symbol {symbol}, which has the name of a quantity of every gas and is not it; "
            f"{use} for a parameter, as in Symbol('{symbol}_0')"
        )

    @classmethod
    def from_entropy(
        cls, entropy: Expr, energy: Symbol, dimension: Expr | int | float = n.DIMENSION, name: str = "gas"
    ) -> Gas:
        """A gas from its fundamental relation `S(U, V)`.

        Args:
            entropy: `S` as a function of `energy` and `gas.V`.
            energy: the symbol of U.
            dimension: `d`.
            name: the gas in words.

        Returns:
            The gas with `F = U − TS` at the U where `1/T = ∂S/∂U`.

        Raises:
            ValueError: `1/T = ∂S/∂U` has no solution for U, or more than one.

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
        """Every quantity as a function of `T` and `V`, by the ASCII name of its symbol; computed on first access."""
        F, d, sigma = self.helmholtz_energy, sp.sympify(self.dimension), n.NOISE_SCALE
        constant = sp.factor((d - 1) / 2)
        formulas: dict[str, Callable[[], Expr]] = {
            "T": lambda: T,
            "V": lambda: V,
            "p": lambda: _factored(-sp.diff(F, V)),
            "S": lambda: sp.expand(-sp.diff(F, T)),
            "U": lambda: _factored(sp.expand(F + T * q["S"])),
            "F": lambda: F,
            "G": lambda: F + q["p"] * V,
            "S_dir": lambda: sp.simplify(sp.expand_log(q["S"] - constant * sp.log(2 * V))),
            "R": lambda: constant,
            "d": lambda: d,
            "sigma": lambda: sigma,
            "C_V": lambda: _factored(T * sp.diff(q["S"], T)),
            "C_p": lambda: _factored(T * _jacobian(q["S"], T, q["p"])),
            "gamma": lambda: _factored(q["C_p"] / q["C_V"]),
            "alpha": lambda: _factored(_jacobian(V, T, q["p"]) / V),
            "kappa_T": lambda: _factored(-_jacobian(V, q["p"], T) / V),
            "kappa_S": lambda: _factored(-_jacobian(V, q["p"], q["S"]) / V),
            "mu_JT": lambda: _factored(_jacobian(T, q["p"], q["H"])),
        }
        formulas |= {SYMBOLS[word]: partial(self.__getitem__, DICTIONARY[word].formula) for word in _DEFINED}
        q = _OnDemand(formulas)
        return q

    @cached_property
    def names(self) -> Mapping[str, Expr]:
        """The quantities by the name of their symbol and by word, and `log_…` of those that cannot be negative."""
        q = self.quantities
        words = {word: name for word, name in SYMBOLS.items() if name in q}
        formulas: dict[str, Callable[[], Expr]] = {
            key: partial(q.__getitem__, name) for key, name in ({name: name for name in q} | words).items()
        }
        for word, name in words.items():
            if DICTIONARY[word].sign != "real":
                formulas |= dict.fromkeys((f"log_{name}", f"log_{word}"), partial(_logarithm, q, name))
        return _OnDemand(formulas)

    def __getitem__(self, quantity: str | Expr) -> Expr:
        """A quantity as a function of `T` and `V`.

        Args:
            quantity: a name, a text such as "p*V/T" or "d(S)/d(T)|V", or an expression in symbols that have the names
                of quantities, such as a result of `derive`.
        """
        if isinstance(quantity, str):
            return sp.sympify(parse(quantity, self.names, self._algebra))
        expression = sp.sympify(quantity)
        named = {s: self.quantities[s.name] for s in expression.free_symbols if s.name in self.quantities}
        return expression.subs(named, simultaneous=True)

    def partial(self, X: str | Expr, Y: str | Expr | None = None, at: str | Expr | None = None, order: int = 1) -> Expr:
        """`(∂X/∂Y)_Z` of any quantities, as the Jacobian `∂(X, Z)/∂(Y, Z)` in the coordinates `T, V`.

        Args:
            X: a name, a text, or an expression in `gas.T` and `gas.V`. Without Y, a text with derivatives in it, such
                as "(dS/dT)_V", "d(S)/d(log(lambda))|eta", "(d3G/dp3)_T" or "d2U/dTdV".
            Y: the quantity that varies.
            at: the quantity Z that is held fixed.
            order: the order of the derivative, 1 to 3.

        Returns:
            The derivative as a function of `T` and `V`.

        Raises:
            ValueError: a name is unknown, one of Y and `at` is missing, Y cannot vary while Z is fixed, or the order is
                not 1, 2 or 3.

        Example:
            >>> from thermo_ideal.symbolic import gas
            >>> gas.von_mises_fisher(3).partial("U", "V", at="T")
            0
            >>> gas.partial("entropy", "log_weight_decay", at="learning_rate")
            -(d - 2*HeatCapacity(T) - 1)/4
            >>> gas.partial("(dS/dV)_T - (dP/dT)_V"), gas.partial("d2F/dTdV")
            (0, -(d - 1)/(2*V))

        Source: H. Carroll, J. Chem. Educ. 42, 218 (1965), on the method of Jacobians.
        """
        if Y is None:
            if at is not None or order != 1:
                raise ValueError(
                    f"Y: got None with at={at!r}, order={order}; expected the quantity that varies, as in "
                    f"partial({X!r}, 'T', at={at or 'V'!r})"
                )
            return self[X]
        if at is None:
            raise ValueError(
                f"at: got None, expected the quantity that is held fixed, as in partial({X!r}, {Y!r}, at='T')"
            )
        return self._differentiate(self[X], self[Y], self[at], order)

    def __repr__(self) -> str:
        where = "" if self.dimension == n.DIMENSION else f", d = {self.dimension}"
        return summary(f"Gas: {self.name}{where}", [f"F = {self.helmholtz_energy}"])

    def _repr_latex_(self) -> str:
        return displayed(rf"F(T, V) = {sp.latex(self.helmholtz_energy)}")

    @property
    def _algebra(self) -> Algebra[Expr]:
        return Algebra(sp.Rational, sp.pi, _FUNCTIONS, _operate, self._differentiate)

    def _differentiate(self, X: Expr, Y: Expr, Z: Expr, order: int) -> Expr:
        if order not in range(1, HIGHEST_ORDER + 1):
            raise ValueError(f"order: got {order}, expected 1 to {HIGHEST_ORDER}")
        for _ in range(order):
            X = _jacobian(X, Y, Z)
        return X


def _operate(operation: Callable[..., Expr], *operands: Expr) -> Expr:
    return operation(*operands)


def _logarithm(quantities: Mapping[str, Expr], symbol: str) -> Expr:
    return sp.log(quantities[symbol])


def _factored(expression: Expr) -> Expr:
    return sp.factor(sp.cancel(sp.together(expression)))


def _jacobian(X: Expr, Y: Expr, Z: Expr) -> Expr:
    """`∂(X, Z)/∂(Y, Z)`."""

    def wedge(f: Expr, g: Expr) -> Expr:
        return sp.diff(f, T) * sp.diff(g, V) - sp.diff(f, V) * sp.diff(g, T)

    below = _factored(wedge(Y, Z))
    if below == 0:
        raise ValueError(f"partial: {Y} cannot vary while {Z} is fixed; hold another quantity fixed")
    return _factored(wedge(X, Z) / below)
