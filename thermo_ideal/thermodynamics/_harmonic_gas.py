"""The gas of a quadratic minimum with several curvatures."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from thermo_ideal._arguments import in_double_precision, require_real
from thermo_ideal.thermodynamics import _identities as identities
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas
from thermo_ideal.thermodynamics._step_law import AbstractStepLaw, QuadraticStepLaw
from thermo_ideal.thermodynamics._types import FloatArray


class HarmonicGas(AbstractScaleInvariantGas):
    r"""The gas of a quadratic minimum, `L = Σ h_i x_i²/2` on the tangent space: the cold limit of a network's loss.

    `F = −RT log 4πTV + (T/2) Σ log(h_i/w_i)`, `U = RT`, `C_V = R`. The gradient's noise has the variance `σ²w_i` along
    mode `i`, with `w_i` of mean 1; a mode then has a temperature `w_i T` of its own.

    Args:
        curvatures: `h_i > 0`, `(modes,)`, as the eigenvalues of a Hessian on the unit sphere.
        counts: how many directions have each; 1 each if left out. They add up to `d − 1`.
        noise_variances: `∝ w_i`, that of the gradient's noise along each; equal if left out.

    Raises:
        ValueError: numbers that are not positive and finite, or other shapes.

    Example:
        >>> from thermo_ideal.thermodynamics import HarmonicGas, State
        >>> gas = HarmonicGas([10.0, 1.0, 0.1], counts=[10, 40, 50])
        >>> state = State(gas, temperature=1e-3, volume=0.5)
        >>> f"d = {gas.dimension:.0f}, U = {state.internal_energy:.3f}, C_V = {state.heat_capacity_volume:.0f}"
        'd = 101, U = 0.050, C_V = 50'

    Source: S. Mandt, M. Hoffman & D. Blei, J. Mach. Learn. Res. 18, 134 (2017), section 3, on the law near a minimum.
    """

    dimension: FloatArray
    curvatures: np.ndarray
    counts: np.ndarray
    weights: np.ndarray

    def __init__(self, curvatures: Any, counts: Any = None, noise_variances: Any = None) -> None:
        self.curvatures = _positive("curvatures", curvatures, None)
        shape = self.curvatures.shape
        self.counts = np.ones(shape) if counts is None else _positive("counts", counts, shape)
        weights = np.ones(shape) if noise_variances is None else _positive("noise_variances", noise_variances, shape)
        self.weights = weights * (self.counts.sum() / (self.counts @ weights))
        self.dimension = jnp.asarray(1.0 + self.counts.sum())

    def direction_helmholtz_energy(self, temperature: FloatArray) -> FloatArray:
        """`−RT log 2πT + (T/2) Σ log(h_i/w_i)`."""
        shift = float(self.counts @ np.log(self.curvatures / self.weights)) / 2
        return temperature * (shift - self.gas_constant * jnp.log(2 * jnp.pi * temperature))

    def direction_energy(self, temperature: FloatArray) -> FloatArray:
        """`RT`."""
        return self.gas_constant * temperature

    def direction_relaxation_rate(self, temperature: FloatArray) -> FloatArray:
        """The smallest curvature.

        Args:
            temperature: `T`, any shape.
        """
        return jnp.full_like(temperature, self.curvatures.min())

    def energy_correlation_time(self, temperature: float) -> float:
        """The mean of `1/2h_i`, weighted with the variance of the energy of each mode, `∝ w_i²`.

        Args:
            temperature: `T`, one number.
        """
        variance = self.counts * self.weights**2
        return float(variance @ (0.5 / self.curvatures) / variance.sum())

    def step_law(self, temperature: float, noise_scale: float) -> AbstractStepLaw:
        """That of its modes.

        Args:
            temperature: `T`, one number.
            noise_scale: `σ`.
        """
        rate = 2 * temperature / noise_scale**2
        return QuadraticStepLaw(self.curvatures, self.counts, noise_scale**2 * self.weights, rate)

    @property
    def identities(self) -> Mapping[str, tuple[str, ...]]:
        """The identities of every ideal gas, and those of a constant heat capacity."""
        return {**super().identities, **identities.HARMONIC}


def _positive(name: str, value: Any, shape: tuple[int, ...] | None) -> np.ndarray:
    require_real(name, value)
    array = in_double_precision(value)
    wanted = "(modes,)" if shape is None else str(shape)
    if array.ndim != 1 or not array.size or (shape is not None and array.shape != shape):
        raise ValueError(f"{name}: got shape {array.shape}, expected {wanted}, as in {name}=[10.0, 1.0, 0.1]")
    good = np.isfinite(array) & (array > 0)
    if not good.all():
        raise ValueError(f"{name}: got {array[~good][0]}, expected numbers > 0, as in {name}=[10.0, 1.0, 0.1]")
    return array
