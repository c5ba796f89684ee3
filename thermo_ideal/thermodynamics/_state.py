"""A state of a gas: from any two properties, its derivatives, and the protocols that settle in it."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import as_positive, broadcast_batch
from thermo_ideal._expressions import parse
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind, require_kind
from thermo_ideal.thermodynamics import _state_display as display
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, by_temperature, by_volume
from thermo_ideal.thermodynamics._interval import as_interval
from thermo_ideal.thermodynamics._local_state import LocalState
from thermo_ideal.thermodynamics._missing_state import checked_property, require_choice, require_state
from thermo_ideal.thermodynamics._partial_derivatives import ALGEBRA, LocalDerivatives, value_of
from thermo_ideal.thermodynamics._properties import AbstractState
from thermo_ideal.thermodynamics._settled_protocol import (
    noise_trace,
    protocol_in_state,
    settled_protocol,
)
from thermo_ideal.thermodynamics._solve_state import COORDINATES, determine, require_pair
from thermo_ideal.thermodynamics._types import FloatArray, StateFunction


class State(AbstractState[FloatArray]):
    """A state of a gas in the dictionary of SGD, from any two properties that determine it.

    `T = η_eff σ²/2`, `V = r²/2`, `p = λ`, `TV = ησ²/4` and `R = (d − 1)/2`. The loss is the energy, in its own units;
    entropies are in nats; one step is the unit of time. Arguments broadcast, and derivatives with respect to them are
    those of the implicit function. `PROPERTY_GROUPS` lists every property with its symbol, unit and meaning.

    Args:
        gas: a Helmholtz energy, such as `VonMisesFisherGas(dimension=3)`.
        noise_scale: `σ > 0`.
        pair: two of temperature or effective_learning_rate; volume or radius; pressure or weight_decay; learning_rate;
            entropy, internal_energy, enthalpy. An entropy goes with a temperature, volume or pressure, an internal
            energy with a volume, an enthalpy with a pressure: a stable gas has but one state with such a pair. The
            internal energy or the enthalpy of a scale-invariant gas goes with any but the temperature and each other.
        temperature_range: where a temperature that is not given is looked for; that of the gas if None.
        on_missing: "raise", or "nan" for a state of NaN where a batch has no state, or a property is NaN.

    Raises:
        ValueError: an argument out of its range, shapes that do not broadcast, two properties that do not determine a
            state, or values that no state of this gas has. Under `jit`, where values are not known, such a state is
            NaN.

    Example:
        The learning rate and weight decay for a temperature and a radius, and the weight decay that keeps the
        temperature when the learning rate is doubled:

        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> state = State(VonMisesFisherGas(dimension=101), temperature=0.01, radius=2.0)
        >>> f"η = {state.learning_rate:.3f}, λ = {state.weight_decay:.3f}"
        'η = 0.080, λ = 0.250'
        >>> f"λ = {state.moved(learning_rate=0.16, at='temperature').weight_decay:.3f}"
        'λ = 0.125'
        >>> state
        State of VonMisesFisherGas(dimension=101)
          T = 0.01 loss, V = 2 weight^2, p = 0.25 loss/weight^2
          η = 0.08 weight^2/loss, η_eff = 0.02 /loss, λ = 0.25 loss/weight^2, r = 2 weight, σ = 1 loss
          U = 0.3832 loss, S = -42.8 nat, C_V = 27.78 nat, γ = 2.8

        A learning rate that is kept, and a loss that is wanted: which weight decay?

        >>> wanted = State(VonMisesFisherGas(dimension=101), learning_rate=0.08, internal_energy=0.1)
        >>> f"λ = {wanted.weight_decay:.4f}"
        'λ = 0.0111'

    Source: arXiv 2511.07308, table 1.
    """

    gas: AbstractHelmholtzEnergy
    temperature: FloatArray
    volume: FloatArray
    noise_scale: FloatArray

    def __init__(
        self,
        gas: Any,
        *,
        noise_scale: ArrayLike = 1.0,
        temperature_range: Any = None,
        on_missing: str = "raise",
        **pair: Any,
    ) -> None:
        if not isinstance(gas, AbstractHelmholtzEnergy):
            raise ValueError(f"gas: got {gas!r}, expected a Helmholtz energy, as in VonMisesFisherGas(dimension=3)")
        for name, value in pair.items():
            if name not in COORDINATES:
                raise ValueError(
                    f"{name}: got {value!r} for a name that is not known, expected two of {', '.join(COORDINATES)}, as "
                    "in State(gas, temperature=0.1, pressure=0.01)"
                )
        require_pair(gas, pair)
        require_choice(on_missing)
        looked_for = temperature_range and as_interval("temperature_range", temperature_range)
        known = {name: checked_property(name, value, on_missing) for name, value in pair.items()}
        given = {"gas.dimension": jnp.asarray(gas.dimension), "noise_scale": as_positive("noise_scale", noise_scale)}
        broadcast_batch({name: value.shape for name, value in (given | known).items()})
        _, sigma, *values = jnp.broadcast_arrays(*_promoted(*(given | known).values()))
        known = dict(zip(known, values, strict=True))
        temperature, volume = determine(gas, sigma, known, looked_for or gas.temperature_range)
        if on_missing == "raise":
            require_state(gas, sigma, known, temperature, volume, looked_for or gas.temperature_range)
        self.gas, self.temperature, self.volume, self.noise_scale = gas, temperature, volume, sigma

    def _helmholtz(self, i: int, j: int) -> FloatArray:
        return _derivative(self.gas, i, j)(self.temperature, self.volume)

    def _energy(self, i: int, j: int) -> FloatArray:
        return _derivative(self.gas.internal_energy, i, j)(self.temperature, self.volume)

    def _dimension(self) -> FloatArray:
        return jnp.asarray(self.gas.dimension, self.temperature.dtype)

    def _direction_rate(self) -> FloatArray:
        return self.gas.direction_relaxation_rate(self.temperature)

    def _log(self, x: FloatArray) -> FloatArray:
        return jnp.log(x)

    def _sqrt(self, x: FloatArray) -> FloatArray:
        return jnp.sqrt(x)

    def __repr__(self) -> str:
        return display.text(self, self.gas)

    def _repr_html_(self) -> str:
        return display.html(self, self.gas)

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
            example = "temperature=0.1" if at == "weight_decay" else "weight_decay=0.01"
            raise ValueError(
                f"moved: got {' and '.join(other) or 'nothing'} to change while {at} is held, expected one other "
                f"property, as in state.moved({example}, at={at!r})"
            )
        pair: dict[str, Any] = {at: getattr(self, at), **other}
        return State(self.gas, noise_scale=self.noise_scale, **pair)

    def partial(self, X: str, Y: str | None = None, at: str | None = None, order: int = 1) -> FloatArray:
        """`(∂X/∂Y)_Z` of any properties, by automatic differentiation and Jacobians in `(T, V)`.

        Args:
            X: a property by word or by symbol, "log_" and a property, or an expression such as "p*V/T". Without Y, a
                text with its own derivatives, such as "(dS/dT)_V", "d(S)/d(log(lambda))|eta", "(d3G/dp3)_T" or
                "d2U/dTdV".
            Y: what is varied.
            at: what is held fixed.
            order: 1 to 3.

        Returns:
            The derivative, or the value of the text, in the shape of the state.

        Raises:
            ValueError: an unknown name, Y without `at`, or Y that cannot vary because Z fixes it (under `jit`: NaN).

        Example:
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), learning_rate=0.1, weight_decay=0.001)
            >>> round(float(state.partial("entropy", "log_weight_decay", at="effective_learning_rate")), 3)
            -50.0
            >>> round(float(state.partial("d(S)/d(log(eta))|lambda - d(S)/d(log(lambda))|eta")), 3)
            50.0

        Source: H. Carroll, J. Chem. Educ. 42, 218 (1965), on the method of Jacobians; `symbolic.gas.partial` does the
        same with symbols.
        """
        if Y is None and not (at is None and order == 1):
            raise ValueError(f"Y: got None with at={at!r}, order={order}; expected partial(X, Y, at=Z)")
        if Y is not None and at is None:
            raise ValueError(
                f"at: got None, expected what is held fixed, as in partial({X!r}, {Y!r}, at='temperature')"
            )
        value = _partial(self, (X,) if Y is None or at is None else (X, Y, at), order)
        if not isinstance(value, jax.core.Tracer) and np.isnan(value)[~np.isnan(self.temperature)].any():
            what = repr(X) if Y is None else f"{Y} cannot vary while {at} is fixed"
            raise ValueError(f"partial: {what}: got a derivative that does not exist; hold another property fixed")
        return value

    def local_derivatives(self) -> Mapping[str, LocalDerivatives]:
        """Every property near this state by word, by symbol, and with "log_", ready to be differentiated.

        Returns:
            What `thermo_ideal._expressions.parse` takes as names, as `partial` does.
        """
        helmholtz, energy = self.gas.near(self.temperature, self.volume)
        rate = LocalDerivatives.of_temperature(self.gas.direction_relaxation_rate, self.temperature)
        here = LocalState(
            ALGEBRA, helmholtz, energy, rate, self.temperature, self.volume, self.noise_scale, self.dimension
        )
        return here.names()

    def radius_relaxation_rate(self, protocol: ProtocolKind) -> FloatArray:
        """The rate per step at which a small departure of the radius decays, `protocol.radius_relaxation_rate(τ)`.

        It is `4ηλ` at a fixed learning rate, half as much at a fixed effective learning rate, and infinite on the fixed
        sphere.

        Args:
            protocol: a class of protocols, as in `FixedLearningRate`, or a protocol that settles in this state.

        Returns:
            The rate in units of 1/step, in the shape of the state.

        Raises:
            ValueError: no protocol, or one that does not settle in this state.

        Example:
            >>> from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), learning_rate=0.1, weight_decay=0.005)
            >>> kinds = FixedLearningRate, FixedEffectiveLearningRate
            >>> [round(float(state.radius_relaxation_rate(kind)), 5) for kind in kinds]
            [0.002, 0.001]
        """
        settled = self._settled(protocol, "radius_relaxation_rate")
        return settled.radius_relaxation_rate(noise_trace(self, settled))

    def volume_variance(self, protocol: ProtocolKind) -> FloatArray:
        """`Var V` of SGD to leading order, `V² protocol.relative_volume_variance(σ, τ)`.

        It is `(η_eff σ V)²` at a fixed effective learning rate, half of it at a fixed learning rate, and 0 on the fixed
        sphere.

        Args:
            protocol: a class of protocols, as in `FixedLearningRate`, or a protocol that settles in this state.

        Returns:
            The variance in units of weight⁴, in the shape of the state.

        Raises:
            ValueError: no protocol, or one that does not settle in this state.

        Example:
            The gas under a piston has `Var V = V²/R`; SGD fluctuates far less:

            >>> from thermo_ideal.dynamics import FixedEffectiveLearningRate
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), effective_learning_rate=0.001, weight_decay=0.1)
            >>> f"{state.piston_volume_variance / state.volume**2:.1e}"
            '2.0e-02'
            >>> f"{state.volume_variance(FixedEffectiveLearningRate) / state.volume**2:.1e}"
            '1.0e-06'

        Source: `thermo_ideal.symbolic.gas.volume_fluctuations` derives them.
        """
        settled = self._settled(protocol, "volume_variance")
        trace = noise_trace(self, settled)
        sigma, volume = (jnp.broadcast_to(x, trace.shape) for x in (self.noise_scale, self.volume))
        return settled.relative_volume_variance(sigma, trace) * volume**2

    def protocol(self, kind: ProtocolKind) -> AbstractProtocol:
        """The protocol of this kind that settles in this state; its hyperparameters are properties of the state.

        Args:
            kind: a class of protocols, as in `FixedLearningRate`, or a protocol that is used as a template: its static
                fields are kept, and its hyperparameters are replaced.

        Returns:
            The protocol, with hyperparameters of the shape of the state.

        Raises:
            ValueError: no protocol, a hyperparameter that is no property of a state, or a protocol that settles in
                another state: one with weight decay in a gas that does not have `pV = RT`.

        Example:
            >>> from thermo_ideal.dynamics import FixedLearningRate
            >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
            >>> state = State(VonMisesFisherGas(dimension=101), temperature=0.005, radius=2.0)
            >>> protocol = state.protocol(FixedLearningRate)
            >>> round(float(protocol.learning_rate), 4), round(float(protocol.weight_decay), 4)
            (0.04, 0.125)
        """
        require_kind(kind, "state.protocol({})")
        return settled_protocol(kind, self)

    def _settled(self, protocol: ProtocolKind, method: str) -> AbstractProtocol:
        """A protocol that settles here: of this class, or this one."""
        require_kind(protocol, f"state.{method}({{}})")
        return settled_protocol(protocol, self) if isinstance(protocol, type) else protocol_in_state(protocol, self)


def _derivative(f: StateFunction, i: int, j: int) -> StateFunction:
    """`∂^{i+j}f/∂T^i∂V^j`, by the volume first."""
    for _ in range(j):
        f = by_volume(f)
    for _ in range(i):
        f = by_temperature(f)
    return f


def _promoted(*arrays: Array) -> list[Array]:
    dtype = jnp.result_type(*arrays)
    return [array.astype(dtype) for array in arrays]


@eqx.filter_jit
def _partial(state: State, what: tuple[str, ...], order: int) -> Array:
    names = state.local_derivatives()
    parts = [parse(text, names, ALGEBRA) for text in what]
    value = value_of(parts[0] if len(parts) == 1 else ALGEBRA.differentiate(parts[0], parts[1], parts[2], order))
    return jnp.broadcast_to(jnp.asarray(value, state.temperature.dtype), state.temperature.shape)
