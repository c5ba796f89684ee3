"""A gas is its Helmholtz energy: one function of temperature and volume, from which everything follows."""

import abc
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import as_number
from thermo_ideal._display import span
from thermo_ideal.distributions import Zonal, zonal_relaxation
from thermo_ideal.numerics import positive_root
from thermo_ideal.thermodynamics import _identities as identities
from thermo_ideal.thermodynamics._interval import as_interval, within
from thermo_ideal.thermodynamics._partial_derivatives import LocalDerivatives
from thermo_ideal.thermodynamics._step_law import AbstractStepLaw
from thermo_ideal.thermodynamics._types import FloatArray, StateFunction

# Temperatures are looked for between 1/LARGEST_TEMPERATURE and this, whose square is finite in single precision, and
# volumes likewise: under a pressure they are far larger than temperatures.
LARGEST_TEMPERATURE, LARGEST_VOLUME = 1e18, 1e30


def by_temperature(f: StateFunction) -> StateFunction:
    """`∂f/∂T` at constant volume, element by element."""
    return lambda T, V: jax.jvp(lambda t: f(t, V), (T,), (jnp.ones_like(T),))[1]


def by_volume(f: StateFunction) -> StateFunction:
    """`∂f/∂V` at constant temperature, element by element."""
    return lambda T, V: jax.jvp(lambda v: f(T, v), (V,), (jnp.ones_like(V),))[1]


class AbstractHelmholtzEnergy(eqx.Module):
    """A gas by its Helmholtz energy `F(T, V)`. `State` derives every property from it by automatic differentiation.

    A subclass gives `dimension` and `__call__`, a function of arrays, element by element. The other methods follow from
    it; a model overrides one of them where it knows a form that is more exact than the general one, and
    `check_consistency` tells whether that is the same.

    Example:
        The gas of van der Waals. It is stable above its critical point, `V = 3b`, `T = 8a/27bR`:

        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from thermo_ideal.thermodynamics import AbstractHelmholtzEnergy, State, check_consistency
        >>> class VanDerWaals(AbstractHelmholtzEnergy):
        ...     dimension: float = 11.0
        ...     def __call__(self, temperature, volume):
        ...         return -self.gas_constant * temperature * jnp.log(temperature * (volume - 0.1)) - 0.5 / volume
        >>> state = State(VanDerWaals(), temperature=1.0, volume=1.0)
        >>> f"p = {state.pressure:.4f}, Z = {state.compressibility_factor:.4f}"
        'p = 5.0556, Z = 1.0111'
        >>> check_consistency(VanDerWaals(), temperature=np.array([1.0, 3.0]), volume=np.array([0.5, 2.0])).passed
        True
    """

    dimension: eqx.AbstractVar[Any]

    @abc.abstractmethod
    def __call__(self, temperature: FloatArray, volume: FloatArray) -> FloatArray:
        """`F(T, V)`.

        Args:
            temperature: `T`, any shape.
            volume: `V`, of the same shape.
        """

    def __repr__(self) -> str:
        known = not isinstance(self.dimension, jax.core.Tracer)
        return f"{type(self).__name__}(dimension={span(self.dimension) if known else '…'})"

    @property
    def gas_constant(self) -> Any:
        """`R = (d − 1)/2`."""
        return (self.dimension - 1) / 2

    @property
    def identities(self) -> Mapping[str, tuple[str, ...]]:
        """The thermodynamic identities that this kind of gas obeys, by name: terms whose sum is 0."""
        return identities.GENERAL

    @property
    def temperature_range(self) -> tuple[float, float]:
        """The lowest and the highest temperature of its states."""
        return 1 / LARGEST_TEMPERATURE, LARGEST_TEMPERATURE

    @property
    def energy_depends_on_temperature_alone(self) -> bool:
        """Whether `U` and `pV` are functions of the temperature alone, so that either gives it whatever the volume."""
        return False

    def exists(self, temperature: FloatArray, volume: FloatArray) -> Array:
        """Whether there is such a state: here, whether `F` is not NaN.

        Args:
            temperature: `T`, any shape.
            volume: `V`, of the same shape.
        """
        return ~jnp.isnan(self(temperature, volume))

    def internal_energy(self, temperature: FloatArray, volume: FloatArray) -> FloatArray:
        """`U = F − T ∂F/∂T`; a model in which the two terms cancel overrides it.

        Args:
            temperature: `T`, any shape.
            volume: `V`, of the same shape.
        """
        return self(temperature, volume) - temperature * by_temperature(self)(temperature, volume)

    def volume_at(self, temperature: FloatArray, pressure: FloatArray) -> FloatArray:
        """The volume at which `−∂F/∂V` is the pressure; NaN where there is none.

        Args:
            temperature: `T`, any shape.
            pressure: `p`, of the same shape.
        """

        def excess(V: FloatArray) -> FloatArray:
            return jnp.where(self.exists(temperature, V), pressure + by_volume(self)(temperature, V), jnp.nan)

        return positive_root(excess, self.gas_constant * temperature / pressure, 1 / LARGEST_VOLUME, LARGEST_VOLUME)

    def near(self, temperature: FloatArray, volume: FloatArray) -> tuple[LocalDerivatives, LocalDerivatives]:
        """`F` and `U` near one state, by their derivatives there.

        Args:
            temperature: `T`, any shape.
            volume: `V`, of the same shape.
        """
        helmholtz = LocalDerivatives.of(self, temperature, volume)
        return helmholtz, LocalDerivatives.of(self.internal_energy, temperature, volume)

    def law(self, temperature: float) -> Zonal:
        """The Gibbs law of the direction at one temperature, on the host.

        Args:
            temperature: `T`.

        Raises:
            ValueError: the model does not know the loss.
        """
        raise self._without_a_loss("the law of the direction")

    def direction_relaxation_rate(self, temperature: FloatArray) -> FloatArray:
        """The slowest rate at which the direction relaxes, in units of the effective learning rate.

        Args:
            temperature: `T`, any shape.

        Raises:
            ValueError: the model does not know the loss.
        """
        raise self._without_a_loss("the relaxation of the direction")

    def energy_correlation_time(self, temperature: float) -> float:
        """The integrated correlation time of the loss in units of `∫η_eff dt`: `∫₀^∞ Cov(L₀, L_t) dt / Var L`.

        Args:
            temperature: `T`, one number.

        Raises:
            ValueError: the model does not know the loss.
        """
        return zonal_relaxation(self.law(temperature)).energy_time

    def step_law(self, temperature: float, noise_scale: float) -> AbstractStepLaw:
        """The law of the direction from step to step, from the one on that SGD settles in at this temperature.

        Args:
            temperature: `T`, one number.
            noise_scale: `σ`.

        Raises:
            ValueError: the model does not know the loss.
        """
        raise self._without_a_loss("the law of the direction from step to step")

    def _without_a_loss(self, what: str) -> ValueError:
        return ValueError(
            f"gas: got {self!r}, which does not know its loss, expected one that tells {what}, as in "
            f"VonMisesFisherGas({span(self.dimension)}) or ZonalGas(loss, {span(self.dimension)})"
        )


class HelmholtzEnergy(AbstractHelmholtzEnergy):
    """A gas whose Helmholtz energy is given as a function of temperature and volume.

    Args:
        function: `F(T, V)`, a JAX function of arrays, element by element.
        dimension: `d ≥ 2`; the gas constant is `R = (d − 1)/2`.
        temperature_range: the lowest and the highest temperature of its states; where `State` looks for temperatures.

    Raises:
        ValueError: `function` cannot be called, the dimension is below 2, or the range is no interval.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics import HelmholtzEnergy, State
        >>> gas = HelmholtzEnergy(lambda T, V: -5 * T * jnp.log(T * V) - 0.1 * T**2, dimension=11)
        >>> f"{State(gas, temperature=0.5, volume=2.0).heat_capacity_volume:.2f}"
        '5.10'
    """

    function: StateFunction = eqx.field(static=True)
    dimension: FloatArray
    interval: tuple[float, float] | None = eqx.field(static=True)

    def __init__(
        self, function: Any, dimension: ArrayLike, *, temperature_range: tuple[float, float] | None = None
    ) -> None:
        if not callable(function):
            raise ValueError(f"function: got {function!r}, expected F, as in lambda T, V: -5 * T * jnp.log(T * V)")
        self.function, self.dimension = function, as_dimension(dimension)
        self.interval = None if temperature_range is None else as_interval("temperature_range", temperature_range)

    @property
    def temperature_range(self) -> tuple[float, float]:
        """The lowest and the highest temperature of its states."""
        return self.interval or super().temperature_range

    def exists(self, temperature: FloatArray, volume: FloatArray) -> Array:
        """Whether the temperature is in the range, if one was given, and `F` is not NaN."""
        inside = True if self.interval is None else within(self.interval, temperature)
        return super().exists(temperature, volume) & inside

    def __call__(self, temperature: FloatArray, volume: FloatArray) -> FloatArray:
        """`F(T, V)`."""
        return self.function(temperature, volume)


def as_dimension(dimension: Any) -> Array:
    """`d` as an array, in double precision if JAX's 64-bit mode is on and in single precision otherwise.

    Args:
        dimension: `d`, any shape.

    Raises:
        ValueError: not a number ≥ 2.
    """
    return as_number("dimension", dimension, lambda d: d >= 2, "a number ≥ 2, as in dimension=3")
