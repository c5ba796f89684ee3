"""Whether a model of a gas is thermodynamically consistent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from thermo_ideal._arguments import as_positive, broadcast_batch
from thermo_ideal._display import span
from thermo_ideal.thermodynamics._consistency_errors import errors_of, names_of
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._state import State

_TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}


class ConsistencyError(ValueError):
    """A model contradicts itself, or is unstable.

    Example:
        A gas of negative heat capacity:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics import ConsistencyError, HelmholtzEnergy, check_consistency
        >>> gas = HelmholtzEnergy(lambda T, V: 5 * T * jnp.log(T) - 5 * T * jnp.log(V), dimension=11)
        >>> try:
        ...     check_consistency(gas).require()
        ... except ConsistencyError as error:
        ...     print("stability, C_V > 0" in str(error))
        True
    """


@dataclass(frozen=True, repr=False)
class Consistency:
    """The errors of all identities at every state.

    Args:
        errors: by identity, the sum of its terms, beyond what may be rounding, over the sum of their sizes, in the
            shape of the states.
        tolerance: the error that is allowed.
        temperature: of the states.
        volume: of the states.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, check_consistency
        >>> found = check_consistency(CaloricallyPerfectGas(11))
        >>> found.passed, found.temperature.shape
        (True, (5, 5))
    """

    errors: Mapping[str, np.ndarray]
    tolerance: float
    temperature: np.ndarray
    volume: np.ndarray

    def __repr__(self) -> str:
        worst, failures = self._worst, self.failures
        name = max(worst, key=lambda name: np.nan_to_num(worst[name], nan=np.inf))
        count = f"{len(failures)} of {len(worst)} identities fail" if failures else f"all {len(worst)} identities hold"
        return (
            f"Consistency: {count} to {self.tolerance:g} at {self.temperature.size} states\n"
            f"  T = {span(self.temperature)} loss, V = {span(self.volume)} weight^2\n"
            f"  largest error {worst[name]:.1e}, of {name!r}"
        )

    @property
    def _worst(self) -> dict[str, float]:
        return {name: float(np.max(error)) for name, error in self.errors.items()}

    @property
    def failures(self) -> dict[str, float]:
        """The identities that do not hold, with their largest error; NaN where an identity has no value."""
        return {name: error for name, error in self._worst.items() if not error <= self.tolerance}

    @property
    def passed(self) -> bool:
        """Whether all of them hold at every state."""
        return not self.failures

    def require(self) -> Consistency:
        """Raises unless all identities hold.

        Returns:
            The object itself.

        Raises:
            ConsistencyError: the identities that do not, by name, with a state where they fail.
        """
        if self.passed:
            return self
        rows = []
        for name, worst in self.failures.items():
            at = np.unravel_index(int(np.argmax(np.nan_to_num(self.errors[name], nan=np.inf))), self.temperature.shape)
            rows.append(f"{name}: off by {worst:.1e} at T = {self.temperature[at]:.4g}, V = {self.volume[at]:.4g}")
        raise ConsistencyError(
            f"gas: {len(rows)} of {len(self.errors)} identities do not hold to {self.tolerance:g}:\n" + "\n".join(rows)
        )


def consistency_names(gas: AbstractHelmholtzEnergy) -> tuple[str, ...]:
    """Everything that `check_consistency` asks of a gas, by name: its identities, changes, stability and searches.

    Args:
        gas: the model.

    Returns:
        The names, as in `Consistency.errors`.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, consistency_names
        >>> consistency_names(CaloricallyPerfectGas(11))[:2]
        ('Maxwell, U', 'Maxwell, H')
    """
    return names_of(gas)


def check_consistency(
    gas: AbstractHelmholtzEnergy,
    temperature: ArrayLike | None = None,
    volume: ArrayLike | None = None,
    *,
    noise_scale: ArrayLike = 1.3,
    tolerance: float | None = None,
    names: Collection[str] | None = None,
) -> Consistency:
    """Checks every thermodynamic identity of a gas, and that the gas is stable.

    These are the identities between derivatives, and three more kinds. `F` must change by the integrals of `−S` and
    `−p` over finite changes of temperature and volume, and `U` by that of `C_V`, so that a wrong derivative is found
    even where everything else follows from it. `C_V` and `κ_T` must be positive. And `State` must find the state again
    from each pair of its properties. Of a scale-invariant gas the relaxation rates and the variance of the volume under
    the protocols are among what is checked.

    All of it is in double precision, whatever the default is; arrays of the gas in single precision are converted. What
    may be the rounding of the numbers that a term is made of is no error, so that an exact gas passes where a property
    vanishes.

    Args:
        gas: the model.
        temperature: of the states, a grid from 10⁻³ to 10 if None.
        volume: of the states, a grid from 10⁻² to 10² if None. If both are vectors, each temperature goes with each
            volume; otherwise the two broadcast.
        noise_scale: `σ`.
        tolerance: allowed error of an identity relative to the size of its terms; if None 1e-9, or 1e-4 of a gas whose
            Helmholtz energy is in single precision all the same.
        names: the identities to check, as `Consistency.errors` names them; all of them if None.

    Returns:
        A `Consistency`; `.require()` raises the names of what does not hold.

    Raises:
        ValueError: an argument out of its range, shapes that do not broadcast, or a name that is not known.

    Example:
        A gas whose entropy is not the derivative of its energy over the temperature:

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, check_consistency
        >>> class Wrong(CaloricallyPerfectGas):
        ...     def direction_energy(self, temperature):
        ...         return 1.01 * self.gas_constant * temperature
        >>> len(check_consistency(CaloricallyPerfectGas(11)).require().errors)
        92
        >>> sorted(check_consistency(Wrong(11)).failures)[0]
        'C_V by F'

    Source: the idea of Cantera's consistency suite, every identity for every model.
    """
    known = consistency_names(gas)
    names = known if names is None else names
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        got = repr(unknown[0]) if unknown else "none"
        raise ValueError(f"names: got {got}, expected some of {', '.join(map(repr, known))}")
    with jax.enable_x64(True):
        gas = jax.tree.map(lambda x: x.astype(np.float64) if eqx.is_inexact_array(x) else x, gas)
        T = as_positive("temperature", np.logspace(-3, 1, 5) if temperature is None else temperature)
        V = as_positive("volume", np.logspace(-2, 2, 5) if volume is None else volume)
        # One number in single precision would take the gas with it.
        T, V, sigma = (x.astype(np.float64) for x in (T, V, as_positive("noise_scale", noise_scale)))
        broadcast_batch({} if T.ndim == V.ndim == 1 else {"temperature": T.shape, "volume": V.shape})
        T, V = jnp.meshgrid(T, V, indexing="ij") if T.ndim == V.ndim == 1 else jnp.broadcast_arrays(T, V)
        state = State(gas, temperature=T, volume=V, noise_scale=sigma)
        errors, precision = errors_of(state, names)
    return Consistency(
        errors,
        _TOLERANCE[precision] if tolerance is None else tolerance,
        np.asarray(state.temperature),
        np.asarray(state.volume),
    )
