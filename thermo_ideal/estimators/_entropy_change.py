"""The entropy between two temperatures, from energies alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # whose parts load when they are used
from jaxtyping import ArrayLike

from thermo_ideal.estimators._estimate import Estimate

_FEWEST = 4


@dataclass(frozen=True, repr=False)
class EntropyChange(Estimate):
    """`ΔS = ∫dU/T` with both of its errors.

    Args:
        values: of each replica.
        interpolation_error: by how much the result changes where every other temperature is left out, an upper bound
            of what the spline is off by; NaN where too few are left to tell.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import EntropyChange
        >>> EntropyChange(np.array([2.0, 2.2]), interpolation_error=1e-3)
        Estimate(2.1(1), replicas=2), ± 0.001 of interpolation
    """

    interpolation_error: float = np.nan

    def __repr__(self) -> str:
        return f"{super().__repr__()}, ± {self.interpolation_error:.2g} of interpolation"


def entropy_change(temperatures: ArrayLike, energy: Estimate) -> EntropyChange:
    """Thermodynamic integration: the entropy at the highest temperature less that at the lowest, by the first law.

    `U/T` is a spline in `log T`, so that `ΔS = Δ(U/T) + ∫(U/T) d log T`, and the integral is of what varies little. No
    sample of a position is needed, and none of a law that is not stationary in between.

    Args:
        temperatures: `T`, ascending, `(n,)` with four or more.
        energy: `U` at each, over independent replicas: values of shape `(n, replicas)`.

    Returns:
        `ΔS` in nats, with the error that follows from the energies' and the one of interpolation.

    Raises:
        ValueError: fewer than four temperatures, not ascending or not positive, or energies of another shape.

    Example:
        A cold gas with `U = RT`, where `ΔS = R log(T₂/T₁)`:

        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate, entropy_change
        >>> T = np.geomspace(1e-3, 1e-2, 6)
        >>> energy = Estimate(50 * T[:, None] * (1 + 0.001 * np.random.default_rng(0).normal(size=(6, 8))))
        >>> change = entropy_change(T, energy)
        >>> bool(abs(change.z_score(50 * np.log(10))) < 5)
        True

    Source: arXiv 2511.07308, the first law at a fixed radius.
    """
    T = np.asarray(temperatures, np.float64)
    if T.ndim != 1 or len(T) < _FEWEST or not (np.isfinite(T).all() and T[0] > 0 and (np.diff(T) > 0).all()):
        raise ValueError(
            f"temperatures: got {T}, expected {_FEWEST} or more, positive and ascending, as in "
            "np.geomspace(1e-3, 1e-2, 8)"
        )
    if energy.values.shape[:-1] != T.shape:
        raise ValueError(f"energy: got a grid of shape {energy.values.shape[:-1]}, expected {T.shape}, one for each T")
    apart = np.nan
    if len(T) >= 2 * _FEWEST - 1:
        kept = np.unique(np.append(np.arange(0, len(T), 2), len(T) - 1))
        apart = float(np.abs((reduced_heat(T, energy.values) - reduced_heat(T[kept], energy.values[kept])).mean()))
    return EntropyChange(reduced_heat(T, energy.values), apart)


def reduced_heat(temperatures: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """`∫dU/T = Δ(U/T) + ∫(U/T) d log T` of each replica, with `U/T` a spline in `log T`.

    Args:
        temperatures: ascending, `(n,)`.
        energies: `U` at each, `(n, replicas)`.
    """
    x, reduced = np.log(temperatures), energies / temperatures[:, None]
    return np.asarray(reduced[-1] - reduced[0] + scipy.interpolate.CubicSpline(x, reduced).integrate(x[0], x[-1]))
