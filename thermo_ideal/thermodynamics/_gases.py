"""Gases of scale-invariant losses: the volume's part of the Helmholtz energy is the same for all of them."""

import abc
from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermo_ideal.distributions import Zonal
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.dynamics import VonMisesFisherLoss
from thermo_ideal.thermodynamics import _identities as identities
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, as_dimension
from thermo_ideal.thermodynamics._interval import within as within
from thermo_ideal.thermodynamics._partial_derivatives import ALGEBRA, LocalDerivatives
from thermo_ideal.thermodynamics._step_law import AbstractStepLaw, QuadraticStepLaw
from thermo_ideal.thermodynamics._types import FloatArray
from thermo_ideal.thermodynamics._zonal_step_law import ZonalStepLaw


class AbstractScaleInvariantGas(AbstractHelmholtzEnergy):
    """`F = F_dir(T) − RT log 2V`: on the sphere of radius `r` the partition function is `r^{d−1}` times the unit one.

    So `pV = RT` and `U` depends on `T` alone, whatever the loss. A subclass gives `dimension` and the two functions of
    the temperature below.

    Example:
        The gas of a loss that is constant, whose direction is uniform on the circle:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics import AbstractScaleInvariantGas, State
        >>> class UniformGas(AbstractScaleInvariantGas):
        ...     dimension: float = 2.0
        ...     def direction_helmholtz_energy(self, temperature):
        ...         return -temperature * jnp.log(2 * jnp.pi)
        ...     def direction_energy(self, temperature):
        ...         return 0 * temperature
        >>> state = State(UniformGas(), temperature=0.5, volume=1.0)
        >>> float(state.pressure), round(float(state.direction_entropy), 4)
        (0.25, 1.8379)
    """

    @abc.abstractmethod
    def direction_helmholtz_energy(self, temperature: FloatArray) -> FloatArray:
        """`F_dir = −T log ∫ e^{−L/T}` over the unit sphere.

        Args:
            temperature: `T`, any shape.
        """

    @abc.abstractmethod
    def direction_energy(self, temperature: FloatArray) -> FloatArray:
        """`U = E L`, the same as `F_dir − T F_dir'`, without the cancellation.

        Args:
            temperature: `T`, any shape.
        """

    def __call__(self, temperature: FloatArray, volume: FloatArray) -> FloatArray:
        """`F(T, V)`."""
        radial = self.gas_constant * temperature * jnp.log(2 * volume)
        return self.direction_helmholtz_energy(temperature) - radial

    @property
    def energy_depends_on_temperature_alone(self) -> bool:
        """Whether `U` and `pV` are functions of the temperature alone: they are."""
        return True

    def exists(self, temperature: FloatArray, volume: FloatArray) -> Array:
        """Whether there is such a state: there is, at any temperature and volume."""
        return jnp.ones_like(temperature * volume, bool)

    def internal_energy(self, temperature: FloatArray, volume: FloatArray) -> FloatArray:
        """`U(T)`."""
        energy = self.direction_energy(temperature)
        return jnp.broadcast_to(energy, jnp.broadcast_shapes(energy.shape, volume.shape))

    def volume_at(self, temperature: FloatArray, pressure: FloatArray) -> FloatArray:
        """`RT/p`."""
        return self.gas_constant * temperature / pressure

    def near(self, temperature: FloatArray, volume: FloatArray) -> tuple[LocalDerivatives, LocalDerivatives]:
        """`F` and `U` near one state; only the part of the direction is differentiated."""
        energies = (self.direction_helmholtz_energy, self.direction_energy)
        direction, energy = (LocalDerivatives.of_temperature(f, temperature) for f in energies)
        T, V = LocalDerivatives.coordinate(temperature, (1, 0)), LocalDerivatives.coordinate(volume, (0, 1))
        R = jnp.asarray(self.gas_constant, temperature.dtype)
        return direction - R * (T * ALGEBRA.functions["log"](2 * V)), energy

    @property
    def identities(self) -> Mapping[str, tuple[str, ...]]:
        """The thermodynamic identities of every gas, and those of the ideal gas."""
        return {**identities.GENERAL, **identities.IDEAL}


class VonMisesFisherGas(AbstractScaleInvariantGas):
    """The exact gas of the toy loss `1 − μ·w̄`, at any dimension and temperature.

    Args:
        dimension: `d ≥ 2`, up to 10⁹; any shape, and it may be traced.

    Raises:
        ValueError: a dimension below 2.

    Example:
        The equation of state, `pV = RT`:

        >>> from thermo_ideal.thermodynamics import State, VonMisesFisherGas
        >>> state = State(VonMisesFisherGas(dimension=11), temperature=0.25, volume=0.5)
        >>> float(state.pressure), float(state.gas_constant)
        (2.5, 5.0)

    Source: arXiv 2511.07308, table 1; the statistics are in `thermo_ideal.distributions.von_mises_fisher`.
    """

    dimension: FloatArray

    def __init__(self, dimension: ArrayLike) -> None:
        self.dimension = as_dimension(dimension)

    def direction_helmholtz_energy(self, temperature: FloatArray) -> FloatArray:
        """`−T log(|S^{d−1}| e^{Φ(1/T) − 1/T})`."""
        return vmf.helmholtz_energy(self.dimension, temperature)

    def direction_energy(self, temperature: FloatArray) -> FloatArray:
        """`1 − A_d(1/T)`."""
        return vmf.one_minus_mean_resultant_length(self.dimension, temperature=temperature)

    def law(self, temperature: float) -> Zonal:
        """The von Mises–Fisher law of concentration `1/T`.

        Args:
            temperature: `T`.
        """
        return Zonal.linear(float(self.dimension), temperature)

    def step_law(self, temperature: float, noise_scale: float) -> AbstractStepLaw:
        """That of the overlap.

        Args:
            temperature: `T`, one number.
            noise_scale: `σ`.
        """
        rate = 2 * temperature / noise_scale**2
        return ZonalStepLaw(self.law, VonMisesFisherLoss(), float(self.dimension), noise_scale, rate)

    @property
    def identities(self) -> Mapping[str, tuple[str, ...]]:
        """The identities of every ideal gas, and that of the relaxation of its direction."""
        return {**super().identities, **identities.TOY}

    def direction_relaxation_rate(self, temperature: FloatArray) -> FloatArray:
        """`(1 − TA)/A`, an upper bound of the spectral gap: 1 when cold, `(d − 1)T` when hot.

        It is the Rayleigh quotient of a coordinate across `μ` under the generator `−∇L·∇ + TΔ`. `plan` uses the gap
        itself.

        Args:
            temperature: `T`, any shape.
        """
        resultant = vmf.mean_resultant_length(self.dimension, temperature=temperature)
        return (1 - temperature * resultant) / resultant


class CaloricallyPerfectGas(AbstractScaleInvariantGas):
    """The gas of a quadratic minimum, `C_V = R`: `F = −RT log 4πTV`, the limit of low temperature of the toy loss.

    Args:
        dimension: `d ≥ 2`; any shape, and it may be traced.

    Raises:
        ValueError: a dimension below 2.

    Example:
        Changing the weight decay at a fixed learning rate moves along an adiabat:

        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> state = State(CaloricallyPerfectGas(dimension=101), learning_rate=0.1, weight_decay=0.01)
        >>> round(abs(float(state.partial("entropy", "log_weight_decay", at="learning_rate"))), 3)
        0.0

    Source: arXiv 2511.07308, table 1.
    """

    dimension: FloatArray

    def __init__(self, dimension: ArrayLike) -> None:
        self.dimension = as_dimension(dimension)

    def direction_helmholtz_energy(self, temperature: FloatArray) -> FloatArray:
        """`−RT log 2πT`."""
        return -self.gas_constant * temperature * jnp.log(2 * jnp.pi * temperature)

    def direction_energy(self, temperature: FloatArray) -> FloatArray:
        """`RT`."""
        return self.gas_constant * temperature

    def direction_relaxation_rate(self, temperature: FloatArray) -> FloatArray:
        """1, the curvature of the toy loss at its minimum.

        Args:
            temperature: `T`, any shape.
        """
        return jnp.ones_like(temperature)

    def energy_correlation_time(self, temperature: float) -> float:
        """1/2, that of the square of a normal variable which relaxes at the rate 1.

        Args:
            temperature: `T`, one number.
        """
        return 0.5

    def step_law(self, temperature: float, noise_scale: float) -> AbstractStepLaw:
        """That of `d − 1` modes of curvature 1.

        Args:
            temperature: `T`, one number.
            noise_scale: `σ`.
        """
        one = np.ones(1)
        rate = 2 * temperature / noise_scale**2
        return QuadraticStepLaw(one, one * (float(self.dimension) - 1), one * noise_scale**2, rate)

    @property
    def identities(self) -> Mapping[str, tuple[str, ...]]:
        """The identities of every ideal gas, and those of constant heat capacity."""
        return {**super().identities, **identities.PERFECT}


class AbstractIntervalGas(AbstractScaleInvariantGas):
    """A gas that is known in an interval of temperatures."""

    interval: eqx.AbstractVar[tuple[float, float]]

    def __repr__(self) -> str:
        low, high = self.interval
        return f"{super().__repr__()[:-1]}, temperature=({low:.4g}, {high:.4g}))"

    @property
    def temperature_range(self) -> tuple[float, float]:
        """The lowest and the highest temperature of its states."""
        return self.interval

    def exists(self, temperature: FloatArray, volume: FloatArray) -> Array:
        """Whether the temperature is inside the interval."""
        return within(self.interval, temperature * jnp.ones_like(volume))
