"""A state of the von Mises–Fisher gas."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_positive, require_dimension
from thermo_ideal.distributions import von_mises_fisher as vmf

_Number = Float[Array, "..."]


class State(eqx.Module):
    """A state of the gas of the toy loss `L = 1 − μ·w̄`, from exact von Mises–Fisher statistics.

    The loss is the energy, in its own units; entropies are in nats.

    Args:
        dimension: `d ≥ 2`, the number of weights.
        temperature: `T = η_eff σ²/2 > 0`.
        volume: `V = r²/2 > 0`; broadcast against `temperature`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        The equation of state, `pV = RT`:

        >>> from thermo_ideal.thermodynamics import State
        >>> state = State(dimension=11, temperature=0.25, volume=0.5)
        >>> float(state.pressure), float(state.gas_constant)
        (2.5, 5.0)

    Source: arXiv 2511.07308, table 1; the statistics are in `thermo_ideal.distributions.von_mises_fisher`.
    """

    dimension: int = eqx.field(static=True)
    temperature: _Number
    volume: _Number

    def __init__(self, dimension: int, temperature: ArrayLike, volume: ArrayLike) -> None:
        require_dimension("dimension", dimension)
        self.dimension = int(dimension)
        self.temperature = as_positive("temperature", temperature)
        self.volume = as_positive("volume", volume)

    @property
    def gas_constant(self) -> _Number:
        """`R = (d − 1)/2`, the amount of substance included."""
        return jnp.asarray((self.dimension - 1) / 2, self.temperature.dtype)

    @property
    def radius(self) -> _Number:
        """`r = √(2V)`."""
        return jnp.sqrt(2 * self.volume)

    @property
    def pressure(self) -> _Number:
        """`p = RT/V`: the weight decay that holds the radius."""
        return self.gas_constant * self.temperature / self.volume

    @property
    def internal_energy(self) -> _Number:
        """`U = E L = 1 − A_d(1/T)`."""
        return vmf.one_minus_mean_resultant_length(self.dimension, temperature=self.temperature)

    @property
    def direction_entropy(self) -> _Number:
        """`S_dir`, the differential entropy of `w̄` on the unit sphere."""
        return vmf.entropy(self.dimension, temperature=self.temperature)

    @property
    def entropy(self) -> _Number:
        """`S = S_dir + (d − 1) log r`, the differential entropy of `w` on its sphere."""
        return self.direction_entropy + self.gas_constant * jnp.log(2 * self.volume)

    @property
    def helmholtz_energy(self) -> _Number:
        """`F = U − TS`, the least on the fixed sphere."""
        return self.internal_energy - self.temperature * self.entropy

    @property
    def enthalpy(self) -> _Number:
        """`H = U + pV`."""
        return self.internal_energy + self.pressure * self.volume

    @property
    def gibbs_energy(self) -> _Number:
        """`G = U − TS + pV`, the least at fixed (effective) learning rate and weight decay."""
        return self.helmholtz_energy + self.pressure * self.volume

    @property
    def heat_capacity_volume(self) -> _Number:
        """`C_V = dU/dT = κ² A_d'(κ)`, which tends to `R` as `T → 0`."""
        return vmf.heat_capacity(self.dimension, temperature=self.temperature)

    @property
    def heat_capacity_pressure(self) -> _Number:
        """`C_p = C_V + R` (Mayer)."""
        return self.heat_capacity_volume + self.gas_constant

    @property
    def heat_capacity_ratio(self) -> _Number:
        """`γ = C_p/C_V`."""
        return self.heat_capacity_pressure / self.heat_capacity_volume
