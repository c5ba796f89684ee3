"""A state of a gas, and every property of it from its Helmholtz energy."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import as_number, as_positive
from thermo_ideal._dictionary import SYMBOLS
from thermo_ideal._expressions import parse
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.numerics import Number
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, by_temperature, by_volume
from thermo_ideal.thermodynamics._partial_derivatives import ALGEBRA, LocalDerivatives, differentiate
from thermo_ideal.thermodynamics._solve_state import COORDINATES, THERMAL, determine

_determine = eqx.filter_jit(determine)


class State(eqx.Module):
    """A state of a gas in the dictionary of SGD, from any two properties that determine it.

    `T = η_eff σ²/2`, `V = r²/2`, `p = λ`, `TV = ησ²/4` and `R = (d − 1)/2`. The loss is the energy, in its own units;
    entropies are in nats; one step is the unit of time. Arguments broadcast, and derivatives with respect to them are
    those of the implicit function.

    Args:
        gas: a Helmholtz energy, such as `VonMisesFisherGas(dimension=3)`.
        noise_scale: `σ > 0`.
        pair: two of temperature or effective_learning_rate; volume or radius; pressure or weight_decay; learning_rate;
            entropy, internal_energy, enthalpy. An entropy goes with a temperature, volume or pressure, an internal
            energy with a volume, an enthalpy with a pressure: what a stable gas has but one state of.

    Raises:
        ValueError: an argument out of its range, two properties that do not determine a state, or values that no state
            of this gas has. Under `jit`, where values are not known, such a state is NaN.

    Example:
        The learning rate and weight decay for a wanted temperature and radius, and the one that keeps the temperature
        when the learning rate is doubled:

        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> state = State(VonMisesFisherGas(dimension=101), temperature=0.01, radius=2.0)
        >>> f"η = {state.learning_rate:.3f}, λ = {state.weight_decay:.3f}"
        'η = 0.080, λ = 0.250'
        >>> f"λ = {state.moved(learning_rate=0.16, at='temperature').weight_decay:.3f}"
        'λ = 0.125'

    Source: arXiv 2511.07308, table 1.
    """

    gas: AbstractHelmholtzEnergy
    temperature: Number
    volume: Number
    noise_scale: Number

    def __init__(self, gas: Any, *, noise_scale: ArrayLike = 1.0, **pair: ArrayLike) -> None:
        if not isinstance(gas, AbstractHelmholtzEnergy):
            raise ValueError(f"gas: got {gas!r}, expected a Helmholtz energy, as in VonMisesFisherGas(dimension=3)")
        unknown = [name for name in pair if name not in COORDINATES]
        if unknown:
            raise ValueError(f"{unknown[0]}: no property to give a state by; expected two of {', '.join(COORDINATES)}")
        known = {name: _checked(name, value) for name, value in pair.items()}
        sigma, _, *values = jnp.broadcast_arrays(
            *_promoted(as_positive("noise_scale", noise_scale), jnp.asarray(gas.dimension), *known.values())
        )
        known = dict(zip(known, values, strict=True))
        temperature, volume = _determine(gas, sigma, known)
        _require_state(known, temperature, volume)
        self.gas, self.temperature, self.volume, self.noise_scale = gas, temperature, volume, sigma

    def moved(self, *, at: str, **other: ArrayLike) -> "State":
        """The state with another value of one property, at the same value of another.

        Args:
            at: what is held, any property that `State` takes.
            other: what changes, as in `learning_rate=0.2`.

        Raises:
            ValueError: as the constructor.

        Example:
            Along an isentrope:

            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), learning_rate=0.1, weight_decay=0.001)
            >>> there = state.moved(weight_decay=0.004, at="entropy")
            >>> f"{there.temperature / state.temperature:.3f} {there.learning_rate:.3f}"
            '2.036 0.104'
        """
        if at not in COORDINATES:
            raise ValueError(f"at: got {at!r}, expected what to hold, one of {', '.join(COORDINATES)}")
        if len(other) != 1 or at in other:
            raise ValueError(f"moved: got {', '.join(other)}, expected one other property, as in weight_decay=0.01")
        held = {at: getattr(self, at)}
        return State(self.gas, noise_scale=self.noise_scale, **held, **other)

    def partial(self, X: str, Y: str | None = None, at: str | None = None, order: int = 1) -> Number:
        """`(∂X/∂Y)_Z` of any properties, by automatic differentiation and Jacobians in `(T, V)`.

        Args:
            X: a property by word or by symbol, "log_" and a property, or an expression such as "p*V/T". Without Y, a
                text with its own derivatives, such as "d(S)/d(log(lambda))|eta" or "d2(G)/d(p)2|T".
            Y: what is varied.
            at: what is held fixed.
            order: 1 or 2.

        Raises:
            ValueError: an unknown name, Y without `at`, or Y that cannot vary because Z fixes it (under `jit`: NaN).

        Example:
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), learning_rate=0.1, weight_decay=0.001)
            >>> round(float(state.partial("entropy", "log_weight_decay", at="effective_learning_rate")), 3)
            -50.0
            >>> round(float(state.partial("d(S)/d(log(eta))|lambda - d(S)/d(log(lambda))|eta")), 3)
            50.0

        Source: H. Carroll, J. Chem. Educ. 42, 218 (1965), on the method of Jacobians; `symbolic.gas.partial` is its
        like in symbols.
        """
        if Y is None and not (at is None and order == 1):
            raise ValueError(f"Y: got None with at={at!r}, order={order}; expected partial(X, Y, at=Z)")
        if Y is not None and at is None:
            raise ValueError(
                f"at: got None, expected what is held fixed, as in partial({X!r}, {Y!r}, at='temperature')"
            )
        value = _partial(self, (X,) if Y is None or at is None else (X, Y, at), order)
        if not isinstance(value, jax.core.Tracer) and np.isnan(value).any():
            what = repr(X) if Y is None else f"{Y} cannot vary while {at} is fixed"
            raise ValueError(f"partial: {what}: got a derivative that does not exist; hold another property fixed")
        return value

    def local_derivatives(self) -> Mapping[str, LocalDerivatives]:
        """Every property near this state by word, by symbol, and with "log_", ready to be differentiated."""
        here = eqx.tree_at(lambda s: s.gas, self, self.gas.near(self.temperature, self.volume))

        def local(name: str) -> LocalDerivatives:
            def of(T: Number, V: Number) -> Any:
                return getattr(eqx.tree_at(lambda s: (s.temperature, s.volume), here, (T, V)), name)

            return LocalDerivatives.of(of, self.temperature, self.volume)

        words = {name: local(name) for name in PROPERTIES}
        named = words | {SYMBOLS[word]: f for word, f in words.items()}
        return named | {f"log_{name}": ALGEBRA.functions["log"](f) for name, f in named.items()}

    @property
    def dimension(self) -> Number:
        """`d`, the number of weights."""
        return jnp.asarray(self.gas.dimension, self.temperature.dtype)

    @property
    def gas_constant(self) -> Number:
        """`R = (d − 1)/2`, the amount of substance included."""
        return (self.dimension - 1) / 2

    @property
    def concentration(self) -> Number:
        """`κ = 1/T`, that of the von Mises–Fisher law."""
        return 1 / self.temperature

    @property
    def pressure(self) -> Number:
        """`p = −(∂F/∂V)_T`: the weight decay that holds the radius."""
        return -by_volume(self.gas)(self.temperature, self.volume)

    @property
    def entropy(self) -> Number:
        """`S = −(∂F/∂T)_V`, the differential entropy of `w` on its sphere, `S_dir + (d − 1) log r`."""
        return -by_temperature(self.gas)(self.temperature, self.volume)

    @property
    def radius_entropy(self) -> Number:
        """`(d − 1) log r`, the part of the entropy that the radius has."""
        return self.gas_constant * jnp.log(2 * self.volume)

    @property
    def direction_entropy(self) -> Number:
        """`S_dir = S − (d − 1) log r`, the differential entropy of `w̄` on the unit sphere."""
        return self.entropy - self.radius_entropy

    @property
    def internal_energy(self) -> Number:
        """`U = F + TS = E L`, the mean loss."""
        return self.gas.internal_energy(self.temperature, self.volume)

    @property
    def helmholtz_energy(self) -> Number:
        """`F = U − TS`, the least on the fixed sphere."""
        return self.gas(self.temperature, self.volume)

    @property
    def enthalpy(self) -> Number:
        """`H = U + pV`, the mean of the regularised loss `L + λr²/2`."""
        return self.internal_energy + self.pressure * self.volume

    @property
    def gibbs_energy(self) -> Number:
        """`G = U − TS + pV`, the least at fixed (effective) learning rate and weight decay."""
        return self.helmholtz_energy + self.pressure * self.volume

    @property
    def heat_capacity_volume(self) -> Number:
        """`C_V = (∂U/∂T)_V`, which tends to `R` as `T → 0`."""
        return by_temperature(self.gas.internal_energy)(self.temperature, self.volume)

    @property
    def _pressure_by_temperature(self) -> Number:
        """`(∂p/∂T)_V`."""
        return -by_temperature(by_volume(self.gas))(self.temperature, self.volume)

    @property
    def _stiffness(self) -> Number:
        """`−V(∂p/∂V)_T`, the isothermal bulk modulus."""
        return self.volume * by_volume(by_volume(self.gas))(self.temperature, self.volume)

    @property
    def heat_capacity_pressure(self) -> Number:
        """`C_p = (∂H/∂T)_p = C_V + TV(∂p/∂T)_V²/(−V(∂p/∂V)_T)`; of an ideal gas, `C_V + R` (Mayer)."""
        slope = self._pressure_by_temperature
        return self.heat_capacity_volume + (self.temperature * slope) * (self.volume * (slope / self._stiffness))

    @property
    def heat_capacity_ratio(self) -> Number:
        """`γ = C_p/C_V`, 2 in a cold gas; in single precision infinite in a gas far too hot to have a heat capacity."""
        return self.heat_capacity_pressure / self.heat_capacity_volume

    @property
    def expansivity(self) -> Number:
        """`α = (∂V/∂T)_p/V`; of an ideal gas, `1/T`."""
        return self._pressure_by_temperature / self._stiffness

    @property
    def isothermal_compressibility(self) -> Number:
        """`κ_T = −(∂V/∂p)_T/V`; of an ideal gas, `1/p`."""
        return 1 / self._stiffness

    @property
    def adiabatic_compressibility(self) -> Number:
        """`κ_S = −(∂V/∂p)_S/V = κ_T C_V/C_p`; of an ideal gas, `1/γp`."""
        return self.heat_capacity_volume / self.heat_capacity_pressure / self._stiffness

    @property
    def joule_thomson(self) -> Number:
        """`μ_JT = (∂T/∂p)_H = V(Tα − 1)/C_p`; of an ideal gas, 0."""
        return self.volume * (self.temperature * self.expansivity - 1) / self.heat_capacity_pressure

    @property
    def compressibility_factor(self) -> Number:
        """`Z = pV/RT`; of an ideal gas, 1."""
        return self.pressure * self.volume / (self.gas_constant * self.temperature)

    @property
    def energy_variance(self) -> Number:
        """`Var L = T² C_V`, how much the loss fluctuates in the stationary state."""
        return self.temperature * (self.temperature * self.heat_capacity_volume)

    @property
    def piston_volume_variance(self) -> Number:
        """`Var V = TVκ_T`, how much the volume of a gas under a piston would fluctuate; that of SGD does not so much.

        See `volume_variance`: here the analogy ends.
        """
        return self.temperature * self.volume * self.isothermal_compressibility

    @property
    def effective_learning_rate(self) -> Number:
        """`η_eff = 2T/σ²`."""
        return 2 * self.temperature / self.noise_scale**2

    @property
    def learning_rate(self) -> Number:
        """`η = η_eff r² = 4TV/σ²`."""
        return 4 * self.temperature * self.volume / self.noise_scale**2

    @property
    def weight_decay(self) -> Number:
        """`λ = p`; on the fixed sphere, the effective weight decay."""
        return self.pressure

    @property
    def radius(self) -> Number:
        """`r = √(2V)`."""
        return jnp.sqrt(2 * self.volume)

    @property
    def direction_relaxation_rate(self) -> Number:
        """The slowest rate of the direction per step, as the gas knows it; see its `direction_relaxation_rate`.

        Raises:
            ValueError: the model is one of equilibrium alone.
        """
        return self.effective_learning_rate * self.gas.direction_relaxation_rate(self.temperature)

    def radius_relaxation_rate(self, protocol: str) -> Number:
        """The rate per step at which a small departure of the radius decays: `4ηλ`, or `η_eff² τ`; half as much.

        Args:
            protocol: "fixed-lr", "fixed-elr", or "fixed-sphere", where it is infinite.

        Raises:
            ValueError: an unknown protocol.

        Example:
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), learning_rate=0.1, weight_decay=0.005)
            >>> [round(float(state.radius_relaxation_rate(name)), 5) for name in ("fixed-lr", "fixed-elr")]
            [0.002, 0.001]
        """
        return self.protocol(protocol).radius_relaxation_rate(2 * self.gas_constant * self.noise_scale**2)

    def volume_variance(self, protocol: str) -> Number:
        """`Var V` of SGD to leading order: `(η_eff σ V)²`, half of it at a fixed learning rate, 0 on the fixed sphere.

        Args:
            protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".

        Raises:
            ValueError: an unknown protocol.

        Example:
            The gas under a piston has `Var V = V²/R`; SGD fluctuates far less:

            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), effective_learning_rate=0.001, weight_decay=0.1)
            >>> f"{state.piston_volume_variance / state.volume**2:.1e}"
            '2.0e-02'
            >>> f"{state.volume_variance('fixed-elr') / state.volume**2:.1e}"
            '1.0e-06'

        Source: `thermo_ideal.symbolic.gas.volume_fluctuations` derives them.
        """
        share = {"fixed-lr": 0.5, "fixed-elr": 1.0, "fixed-sphere": 0.0}[protocol_class(protocol).name]
        return share * (self.effective_learning_rate * self.noise_scale * self.volume) ** 2

    def protocol(self, name: str) -> AbstractProtocol:
        """The protocol of this name that settles in this state.

        Args:
            name: "fixed-lr", "fixed-elr" or "fixed-sphere".

        Raises:
            ValueError: an unknown protocol.

        Example:
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), temperature=0.005, radius=2.0)
            >>> protocol = state.protocol("fixed-lr")
            >>> round(float(protocol.learning_rate), 4), round(float(protocol.weight_decay), 4)
            (0.04, 0.125)
        """
        kind = protocol_class(name)
        return kind(**{name: getattr(self, name) for name in kind.hyperparameters()})


PROPERTIES = (
    *("temperature", "volume", "noise_scale"),
    *(name for name, value in vars(State).items() if isinstance(value, property) and not name.startswith("_")),
)


def _checked(name: str, value: ArrayLike) -> Array:
    if name in THERMAL:
        return as_number(name, value, lambda x: x == x, f"a finite number, as in {name}=0.1")
    return as_positive(name, value)


def _promoted(*arrays: Array) -> list[Array]:
    dtype = jnp.result_type(*arrays)
    return [array.astype(dtype) for array in arrays]


def _require_state(known: Mapping[str, Array], temperature: Array, volume: Array) -> None:
    """Raises ValueError where no state has these properties."""
    if isinstance(temperature, jax.core.Tracer):
        return
    lost = ~(np.isfinite(temperature) & np.isfinite(volume) & (np.asarray(temperature) > 0) & (np.asarray(volume) > 0))
    if lost.any():
        at = ", ".join(f"{name} = {np.asarray(value)[lost].flat[0]:.6g}" for name, value in known.items())
        raise ValueError(
            f"state: got {at}, which no state of this gas between temperatures of 1e-18 and 1e18 has, expected others; "
            "energy and entropy end where the law of the direction is uniform"
        )


@eqx.filter_jit
def _partial(state: State, what: tuple[str, ...], order: int) -> Array:
    names = state.local_derivatives()
    parts = [parse(text, names, ALGEBRA) for text in what]
    found = parts[0] if len(parts) == 1 else differentiate(parts[0], parts[1], parts[2], order)
    value = found() if isinstance(found, LocalDerivatives) else found
    return jnp.broadcast_to(jnp.asarray(value, state.temperature.dtype), state.temperature.shape)
