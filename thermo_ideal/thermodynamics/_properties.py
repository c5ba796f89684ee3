"""Every property of a state, from its Helmholtz energy."""

import abc
from typing import Any, Generic, TypeVar

import equinox as eqx

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import effective_learning_rate
from thermo_ideal.thermodynamics._property_table import PROPERTIES

Number = TypeVar("Number", bound=Any)


class AbstractState(eqx.Module, Generic[Number]):
    """The properties of a gas at a temperature and a volume, and those of SGD, by the noise scale.

    They are arithmetic of `F`, `U` and their derivatives, for numbers at a state and for functions near one alike.
    """

    temperature: eqx.AbstractVar[Any]
    volume: eqx.AbstractVar[Any]
    noise_scale: eqx.AbstractVar[Any]

    @abc.abstractmethod
    def _helmholtz(self, i: int, j: int) -> Any:
        """`∂^{i+j}F/∂T^i∂V^j`."""

    @abc.abstractmethod
    def _energy(self, i: int, j: int) -> Any:
        """`∂^{i+j}U/∂T^i∂V^j`."""

    @abc.abstractmethod
    def _dimension(self) -> Any:
        """`d`."""

    @abc.abstractmethod
    def _direction_rate(self) -> Any:
        """The relaxation rate of the gas, in units of the effective learning rate."""

    @abc.abstractmethod
    def _log(self, x: Any) -> Any:
        """The logarithm of a number."""

    @abc.abstractmethod
    def _sqrt(self, x: Any) -> Any:
        """The square root of a number."""

    @property
    def dimension(self) -> Number:
        """`d`, the number of weights."""
        return self._dimension()

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
        return -self._helmholtz(0, 1)

    @property
    def entropy(self) -> Number:
        """`S = −(∂F/∂T)_V`, the differential entropy of `w` on its sphere, `S_dir + (d − 1) log r`."""
        return -self._helmholtz(1, 0)

    @property
    def radius_entropy(self) -> Number:
        """`S_r = (d − 1) log r`, the part of the entropy that depends on the radius."""
        return self.gas_constant * self._log(2 * self.volume)

    @property
    def direction_entropy(self) -> Number:
        """`S_dir = S − (d − 1) log r`, the differential entropy of `w̄` on the unit sphere."""
        return self.entropy - self.radius_entropy

    @property
    def internal_energy(self) -> Number:
        """`U = F + TS = E L`, the mean loss."""
        return self._energy(0, 0)

    @property
    def helmholtz_energy(self) -> Number:
        """`F = U − TS`, which is at its minimum on the fixed sphere."""
        return self._helmholtz(0, 0)

    @property
    def enthalpy(self) -> Number:
        """`H = U + pV`, the mean of the regularised loss `L + λr²/2`."""
        return self.internal_energy + self.pressure * self.volume

    @property
    def gibbs_energy(self) -> Number:
        """`G = U − TS + pV`, which is at its minimum at a fixed (effective) learning rate and weight decay."""
        return self.helmholtz_energy + self.pressure * self.volume

    @property
    def heat_capacity_volume(self) -> Number:
        """`C_V = (∂U/∂T)_V`, which tends to `R` as `T → 0`."""
        return self._energy(1, 0)

    @property
    def _pressure_by_temperature(self) -> Number:
        """`(∂p/∂T)_V`."""
        return -self._helmholtz(1, 1)

    @property
    def _stiffness(self) -> Any:
        """`−V(∂p/∂V)_T`, the isothermal bulk modulus."""
        return self.volume * self._helmholtz(0, 2)

    @property
    def heat_capacity_pressure(self) -> Number:
        """`C_p = (∂H/∂T)_p = C_V + TV(∂p/∂T)_V²/(−V(∂p/∂V)_T)`; of an ideal gas, `C_V + R` (Mayer)."""
        slope = self._pressure_by_temperature
        return self.heat_capacity_volume + (self.temperature * slope) * (self.volume * (slope / self._stiffness))

    @property
    def heat_capacity_ratio(self) -> Number:
        """`γ = C_p/C_V`, 2 in a cold gas; in single precision it is infinite where a hot gas has a vanishing `C_V`."""
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
        """`Var L = T² C_V`, the variance of the loss in the stationary state."""
        return self.temperature * (self.temperature * self.heat_capacity_volume)

    @property
    def piston_volume_variance(self) -> Number:
        """`TVκ_T`, the variance of the volume of a gas under a piston; `volume_variance`, that of SGD, is smaller."""
        return self.temperature * self.volume * self.isothermal_compressibility

    @property
    def effective_learning_rate(self) -> Number:
        """`η_eff = 2T/σ²`."""
        return effective_learning_rate(self.temperature, self.noise_scale)

    @property
    def learning_rate(self) -> Number:
        """`η = η_eff r² = 4TV/σ²`."""
        return self.effective_learning_rate * (2 * self.volume)

    @property
    def weight_decay(self) -> Number:
        """`λ = p`; on the fixed sphere, the effective weight decay."""
        return self.pressure

    @property
    def radius(self) -> Number:
        """`r = √(2V)`."""
        return self._sqrt(2 * self.volume)

    @property
    def direction_relaxation_rate(self) -> Number:
        """`η_eff` times the `direction_relaxation_rate` of the gas: the slowest rate at which the direction relaxes.

        Raises:
            ValueError: the gas does not know its loss.
        """
        return self.effective_learning_rate * self._direction_rate()


def _with_unit(docstring: str | None, word: str) -> str:
    """A docstring with the symbol, unit and meaning of a property after its first line."""
    summary, _, rest = (docstring or "").partition("\n")
    quantity = DICTIONARY[word]
    return f"{summary}\n\n`{quantity.symbol}`, in units of {quantity.unit}: {quantity.meaning}.\n{rest}"


for _word in PROPERTIES:
    if _word in vars(AbstractState):
        vars(AbstractState)[_word].__doc__ = _with_unit(vars(AbstractState)[_word].__doc__, _word)
