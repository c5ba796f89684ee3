"""Every property of a state, from its Helmholtz energy."""

import equinox as eqx
import jax.numpy as jnp

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import effective_learning_rate
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy, by_temperature, by_volume
from thermo_ideal.thermodynamics._property_table import PROPERTIES
from thermo_ideal.thermodynamics._types import FloatArray


class AbstractState(eqx.Module):
    """The properties of a gas at a temperature and a volume, and those of SGD, by the noise scale."""

    gas: eqx.AbstractVar[AbstractHelmholtzEnergy]
    temperature: eqx.AbstractVar[FloatArray]
    volume: eqx.AbstractVar[FloatArray]
    noise_scale: eqx.AbstractVar[FloatArray]

    @property
    def dimension(self) -> FloatArray:
        """`d`, the number of weights."""
        return jnp.asarray(self.gas.dimension, self.temperature.dtype)

    @property
    def gas_constant(self) -> FloatArray:
        """`R = (d − 1)/2`, the amount of substance included."""
        return (self.dimension - 1) / 2

    @property
    def concentration(self) -> FloatArray:
        """`κ = 1/T`, that of the von Mises–Fisher law."""
        return 1 / self.temperature

    @property
    def pressure(self) -> FloatArray:
        """`p = −(∂F/∂V)_T`: the weight decay that holds the radius."""
        return -by_volume(self.gas)(self.temperature, self.volume)

    @property
    def entropy(self) -> FloatArray:
        """`S = −(∂F/∂T)_V`, the differential entropy of `w` on its sphere, `S_dir + (d − 1) log r`."""
        return -by_temperature(self.gas)(self.temperature, self.volume)

    @property
    def radius_entropy(self) -> FloatArray:
        """`S_r = (d − 1) log r`, the part of the entropy that depends on the radius."""
        return self.gas_constant * jnp.log(2 * self.volume)

    @property
    def direction_entropy(self) -> FloatArray:
        """`S_dir = S − (d − 1) log r`, the differential entropy of `w̄` on the unit sphere."""
        return self.entropy - self.radius_entropy

    @property
    def internal_energy(self) -> FloatArray:
        """`U = F + TS = E L`, the mean loss."""
        return self.gas.internal_energy(self.temperature, self.volume)

    @property
    def helmholtz_energy(self) -> FloatArray:
        """`F = U − TS`, which is at its minimum on the fixed sphere."""
        return self.gas(self.temperature, self.volume)

    @property
    def enthalpy(self) -> FloatArray:
        """`H = U + pV`, the mean of the regularised loss `L + λr²/2`."""
        return self.internal_energy + self.pressure * self.volume

    @property
    def gibbs_energy(self) -> FloatArray:
        """`G = U − TS + pV`, which is at its minimum at a fixed (effective) learning rate and weight decay."""
        return self.helmholtz_energy + self.pressure * self.volume

    @property
    def heat_capacity_volume(self) -> FloatArray:
        """`C_V = (∂U/∂T)_V`, which tends to `R` as `T → 0`."""
        return by_temperature(self.gas.internal_energy)(self.temperature, self.volume)

    @property
    def _pressure_by_temperature(self) -> FloatArray:
        """`(∂p/∂T)_V`."""
        return -by_temperature(by_volume(self.gas))(self.temperature, self.volume)

    @property
    def _stiffness(self) -> FloatArray:
        """`−V(∂p/∂V)_T`, the isothermal bulk modulus."""
        return self.volume * by_volume(by_volume(self.gas))(self.temperature, self.volume)

    @property
    def heat_capacity_pressure(self) -> FloatArray:
        """`C_p = (∂H/∂T)_p = C_V + TV(∂p/∂T)_V²/(−V(∂p/∂V)_T)`; of an ideal gas, `C_V + R` (Mayer)."""
        slope = self._pressure_by_temperature
        return self.heat_capacity_volume + (self.temperature * slope) * (self.volume * (slope / self._stiffness))

    @property
    def heat_capacity_ratio(self) -> FloatArray:
        """`γ = C_p/C_V`, 2 in a cold gas; in single precision it is infinite where a hot gas has a vanishing `C_V`."""
        return self.heat_capacity_pressure / self.heat_capacity_volume

    @property
    def expansivity(self) -> FloatArray:
        """`α = (∂V/∂T)_p/V`; of an ideal gas, `1/T`."""
        return self._pressure_by_temperature / self._stiffness

    @property
    def isothermal_compressibility(self) -> FloatArray:
        """`κ_T = −(∂V/∂p)_T/V`; of an ideal gas, `1/p`."""
        return 1 / self._stiffness

    @property
    def adiabatic_compressibility(self) -> FloatArray:
        """`κ_S = −(∂V/∂p)_S/V = κ_T C_V/C_p`; of an ideal gas, `1/γp`."""
        return self.heat_capacity_volume / self.heat_capacity_pressure / self._stiffness

    @property
    def joule_thomson(self) -> FloatArray:
        """`μ_JT = (∂T/∂p)_H = V(Tα − 1)/C_p`; of an ideal gas, 0."""
        return self.volume * (self.temperature * self.expansivity - 1) / self.heat_capacity_pressure

    @property
    def compressibility_factor(self) -> FloatArray:
        """`Z = pV/RT`; of an ideal gas, 1."""
        return self.pressure * self.volume / (self.gas_constant * self.temperature)

    @property
    def energy_variance(self) -> FloatArray:
        """`Var L = T² C_V`, the variance of the loss in the stationary state."""
        return self.temperature * (self.temperature * self.heat_capacity_volume)

    @property
    def piston_volume_variance(self) -> FloatArray:
        """`TVκ_T`, the variance of the volume of a gas under a piston; `volume_variance`, that of SGD, is smaller."""
        return self.temperature * self.volume * self.isothermal_compressibility

    @property
    def effective_learning_rate(self) -> FloatArray:
        """`η_eff = 2T/σ²`."""
        return effective_learning_rate(self.temperature, self.noise_scale)

    @property
    def learning_rate(self) -> FloatArray:
        """`η = η_eff r² = 4TV/σ²`."""
        return self.effective_learning_rate * (2 * self.volume)

    @property
    def weight_decay(self) -> FloatArray:
        """`λ = p`; on the fixed sphere, the effective weight decay."""
        return self.pressure

    @property
    def radius(self) -> FloatArray:
        """`r = √(2V)`."""
        return jnp.sqrt(2 * self.volume)

    @property
    def direction_relaxation_rate(self) -> FloatArray:
        """`η_eff` times the `direction_relaxation_rate` of the gas: the slowest rate at which the direction relaxes.

        Raises:
            ValueError: the gas does not know its loss.
        """
        return self.effective_learning_rate * self.gas.direction_relaxation_rate(self.temperature)


def _with_unit(docstring: str | None, word: str) -> str:
    """A docstring with the symbol, unit and meaning of a property after its first line."""
    summary, _, rest = (docstring or "").partition("\n")
    quantity = DICTIONARY[word]
    return f"{summary}\n\n`{quantity.symbol}`, in units of {quantity.unit}: {quantity.meaning}.\n{rest}"


for _word in PROPERTIES:
    if _word in vars(AbstractState):
        vars(AbstractState)[_word].__doc__ = _with_unit(vars(AbstractState)[_word].__doc__, _word)
