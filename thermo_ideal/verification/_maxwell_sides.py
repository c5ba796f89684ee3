"""Maxwell relations of the measurements themselves: the slope of the entropy beside the slope of volume or pressure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermo_ideal._display import with_error
from thermo_ideal.estimators import Estimate
from thermo_ideal.verification._comparison import Comparison
from thermo_ideal.verification._maxwell import powers_of

_SINGULAR = 1e-6  # determinant of the exponents of T and p (or V) in the hyperparameters


@dataclass(frozen=True, eq=False, repr=False)
class MaxwellSides:
    """Both sides of a protocol's Maxwell relation at the inner points of its grid, each from its own measurements.

    Args:
        entropy_name: the side of the entropy.
        mechanical_name: the side of the volume or the pressure.
        entropy_side: measured; NaN where a neighbouring point was left out.
        mechanical_side: measured.
        exact: the same differences of the exact law of discrete SGD, `(2, *points)`.
        theory: what thermodynamics says of both, the gas constant.
        effective_learning_rate: at the points.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate
        >>> from thermo_ideal.verification import MaxwellSides
        >>> entropy = Estimate(np.array([[[1.0, 1.02, 0.98, 1.01]]]))
        >>> volume = Estimate(np.array([[[1.0, 0.99, 1.0, 1.01]]]))
        >>> MaxwellSides("−∂S/∂log p|T", "p ∂V/∂T|p", entropy, volume, np.ones((2, 1, 1)), 1.0, np.array([[0.01]]))
        MaxwellSides, −∂S/∂log p|T = 1.002(9), p ∂V/∂T|p = 1.000(4), theory 1; z = +0.2 between them
    """

    entropy_name: str
    mechanical_name: str
    entropy_side: Estimate
    mechanical_side: Estimate
    exact: np.ndarray
    theory: float
    effective_learning_rate: np.ndarray

    @property
    def means(self) -> tuple[Estimate, Estimate]:
        """Both sides, each a mean over the points."""
        known = self._known
        return Estimate(self.entropy_side.values[known].mean(axis=0)), Estimate(
            self.mechanical_side.values[known].mean(axis=0)
        )

    @property
    def exact_means(self) -> tuple[float, float]:
        """What the exact law of discrete SGD gives for them, at the same points and by the same differences."""
        return float(self.exact[0][self._known].mean()), float(self.exact[1][self._known].mean())

    @property
    def z_score(self) -> float:
        """Of the difference between the means of the sides, beyond that of the exact law."""
        entropy, mechanical = self.means
        first, second = self.exact_means
        known = np.isfinite(first - second)
        return float(Estimate(entropy.values - mechanical.values).z_score(first - second if known else 0.0))

    @property
    def _known(self) -> np.ndarray:
        return np.asarray(np.isfinite(self.entropy_side.value) & np.isfinite(self.mechanical_side.value))

    def __repr__(self) -> str:
        entropy, mechanical = (with_error(float(one.value), float(one.standard_error)) for one in self.means)
        return (
            f"MaxwellSides, {self.entropy_name} = {entropy}, {self.mechanical_name} = {mechanical}, theory "
            f"{self.theory:g}; z = {self.z_score:+.1f} between them"
        )


def maxwell_sides(comparison: Comparison) -> MaxwellSides | None:
    """Both sides of `−∂S/∂p|T = ∂V/∂T|p`, or of `∂S/∂V|T = ∂p/∂T|V` where the radius is fixed, by central differences.

    They are multiplied by `p`, or by `V`, which makes both the gas constant: `−∂S/∂log p|T = p ∂V/∂T|p = R`, and
    `∂S/∂log V|T = V ∂p/∂T|V = R`. One side is made of the measured entropies alone, the other of the measured volumes
    (or pressures) alone. Differences are between neighbours along the logarithms of the two hyperparameters, and are
    turned into those along `T` and `p` (or `V`) by the powers of the hyperparameters that these are.

    Args:
        comparison: a protocol's measurements.

    Returns:
        Both sides; None where `T` and `p` are not products of powers of the hyperparameters, or do not tell them
        apart, where an axis has fewer than three points, and where no inner point has stationary neighbours all around.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import compare, maxwell_sides
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> sides = maxwell_sides(compare(results["fixed-lr"].to_dataset()))
        >>> sides.entropy_name, sides.mechanical_name, sides.theory
        ('−∂S/∂log p|T', 'p ∂V/∂T|p', 1.0)

    Source: arXiv 2511.07308, where both sides are of smooth fits.
    """
    fixed = comparison.protocol.fixes_radius
    mechanical = "p" if fixed else "V"
    if not comparison.axes or not {"S", mechanical} <= comparison.quantities.keys():
        return None
    powers = powers_of(comparison)
    logs = [np.log(values) for _, values in comparison.axes]
    if powers is None or min(map(len, logs)) < 3:
        return None
    of_temperature, of_volume = powers
    coordinates = np.stack([of_temperature, of_volume if fixed else of_temperature - of_volume])
    if abs(np.linalg.det(coordinates)) < _SINGULAR:
        return None
    by_temperature, by_other = np.linalg.inv(coordinates).T
    sign = 1.0 if fixed else -1.0
    # R = pV/T of the SDE at the points, in double precision.
    factor = (comparison.state["pressure"] * comparison.state["volume"] / comparison.state["temperature"])[1:-1, 1:-1]
    entropy, other = comparison.quantities["S"], comparison.quantities[mechanical]
    # A slope of log V by log T is of the measured V, but relative; in units of the SDE's it is that of p ∂V/∂T.
    reference = other.predicted[..., None]

    def sides(entropies: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = sign * _slope(np.where(use, entropies, np.nan), logs, by_other)
        ratio = np.where(use, others / reference, np.nan)
        second = _slope(np.where(use, np.log(others), np.nan), logs, by_temperature) * ratio[1:-1, 1:-1]
        return first, factor[..., None] * second

    use = comparison.stationary[..., None]
    measured = sides(entropy.simulated.values, other.simulated.values)
    exact = sides(entropy.exact[..., None], other.exact[..., None])
    if not np.isfinite(measured[0]).all(axis=-1).any():
        return None
    names = ("∂S/∂log V|T", "V ∂p/∂T|V") if fixed else ("−∂S/∂log p|T", "p ∂V/∂T|p")
    return MaxwellSides(
        *names,
        Estimate(measured[0]),
        Estimate(measured[1]),
        np.concatenate(exact, axis=-1).transpose(2, 0, 1),
        (comparison.dimension - 1) / 2,
        comparison.effective_learning_rate[1:-1, 1:-1],
    )


def _slope(values: np.ndarray, logs: list[np.ndarray], direction: np.ndarray) -> np.ndarray:
    """The derivative along a direction in the logarithms of the hyperparameters, at the inner points."""
    inner = (slice(1, -1), slice(1, -1))
    return np.asarray(sum(direction[i] * np.gradient(values, logs[i], axis=i)[inner] for i in range(2)))
