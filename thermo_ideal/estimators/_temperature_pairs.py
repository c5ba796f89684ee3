"""Two runs at neighbouring temperatures: how near they must be, and the temperature that their losses imply."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # whose parts load when they are used
from numpy.typing import ArrayLike
from scipy.special import expit

from thermo_ideal._arguments import require_dimension
from thermo_ideal.distributions import Zonal
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._replica_statistics import as_replicas, of_two_runs
from thermo_ideal.estimators._samples import in_units
from thermo_ideal.estimators._work_relations import Crooks, crooks

# Two states whose off-diagonal overlap of Klimovich, Shirts & Mobley (2015), half of that here, is below 0.03.
_LEAST_OVERLAP = 0.06
_SIGNIFICANT = 5.0  # standard errors
_FARTHEST = 3.0  # standard deviations of the loss between the means
_LARGEST_RATIO = 10.0  # of temperatures


@dataclass(frozen=True, repr=False)
class PairPlan:
    r"""A second temperature, so near that the losses of both runs overlap.

    Args:
        dimension: `d`.
        temperature: `T_1`, that of the first run.
        second_temperature: `T_2 > T_1`, at which the pair tells the temperature most precisely.
        largest_temperature: the farthest neighbour, three standard deviations of the loss away, at most `10 T_1`.
        overlap: `∫ 2 p_1 p_2/(p_1 + p_2) dL` of the laws of the loss at `T_1` and `T_2`: 1 if they are one, 0 if they
            are apart.
        error_of_one: the relative standard error of the pair's temperature times the root of the number of independent
            losses of both runs together.

    Example:
        >>> from thermo_ideal.estimators import plan_pair
        >>> plan = plan_pair(24_408, temperature=1e-6)
        >>> plan
        PairPlan: T = 1e-06 and 1.0179e-06 loss (up to 1.0277e-06), overlap 0.47; 4 % from 2347 losses
        >>> plan.losses_for(0.01)
        37541
    """

    dimension: int
    temperature: float
    second_temperature: float
    largest_temperature: float
    overlap: float
    error_of_one: float

    def __repr__(self) -> str:
        return (
            f"PairPlan: T = {self.temperature:.5g} and {self.second_temperature:.5g} loss (up to "
            f"{self.largest_temperature:.5g}), overlap {self.overlap:.2f}; 4 % from {self.losses_for(0.04)} losses"
        )

    @property
    def ratio(self) -> float:
        """`T_2/T_1`."""
        return self.second_temperature / self.temperature

    def losses_for(self, relative_error: float) -> int:
        """How many independent losses, of both runs together, give the temperature this relative standard error.

        Args:
            relative_error: of the temperature.

        Raises:
            ValueError: it is not positive.
        """
        if not relative_error > 0:
            raise ValueError(f"relative_error: got {relative_error}, expected a number > 0, as in losses_for(0.01)")
        return int(np.ceil((self.error_of_one / relative_error) ** 2))


def plan_pair(dimension: int, temperature: float) -> PairPlan:
    r"""The second temperature for `temperature_pair`, from the exact laws of the loss `1 − μ·w̄`.

    The standard deviation of the loss is `T √C_V` and its mean moves by `C_V ΔT`: runs are `√C_V log(T_2/T_1)` standard
    deviations apart, `√((d − 1)/2) log(T_2/T_1)` in a cold gas. The temperature follows from the slope of
    `log p_1(L)/p_2(L)`; if the runs are too near the slope is small, if they are far no losses lie where both laws
    have some. The relative error is least at about 2 standard deviations, where the overlap is 0.46; at 3, that is
    `log(T_2/T_1) = 3 √(2/(d − 1))`, the overlap is 0.20 and the error a fifth larger; at 5, 0.02 and three times as
    large.

    Args:
        dimension: `d`, or one more than the rank of the noise.
        temperature: `T_1`, about that of the first run.

    Returns:
        A `PairPlan`.

    Raises:
        ValueError: a dimension below 2, or a temperature that is not positive.

    Example:
        >>> from thermo_ideal.estimators import plan_pair
        >>> plan = plan_pair(24_408, temperature=1e-6)
        >>> f"{plan.largest_temperature / plan.temperature - 1:.3f}, overlap {plan.overlap:.2f}"
        '0.028, overlap 0.47'

    Source: Shirts, J. Chem. Theory Comput. 9, 909 (2013), the ensemble check and its spacing; Bennett, J. Comput. Phys.
        22, 245 (1976).
    """
    require_dimension("dimension", dimension)
    T = float(temperature)
    if not (np.isfinite(T) and T > 0):
        raise ValueError(f"temperature: got {temperature}, expected a number > 0, as in plan_pair({dimension}, 0.01)")
    law = Zonal.linear(dimension, T)
    mean = law.mean_depth
    # In log T. A hot gas has no neighbour three standard deviations away: its energy is bounded.
    nearest = min(1 / np.sqrt(law.heat_capacity), np.log(_LARGEST_RATIO) / _FARTHEST)

    def error_and_overlap(log_ratio: float) -> tuple[float, float]:
        other = Zonal.linear(dimension, T * np.exp(log_ratio))
        slope = np.expm1(-log_ratio) / T  # β_2 − β_1
        shift = other.log_normalizer - law.log_normalizer

        def moment(order: int) -> float:
            """`∫ p_1 p_2/(p_1 + p_2) (L − E_1 L)^n dL`, as an average over the first law."""
            return law.expectation(lambda u: expit(shift - slope * u) * (u - mean) ** order)

        share, first, square = (moment(order) for order in range(3))
        information = (square - first**2 / share) / 2  # on the slope beside an unknown shift, of one loss of either run
        return float(1 / (abs(slope) * np.sqrt(information))), 2 * share

    found = scipy.optimize.minimize_scalar(
        lambda x: error_and_overlap(x * nearest)[0], bounds=(0.5, _FARTHEST), method="bounded", options={"xatol": 1e-3}
    )
    error, overlap = error_and_overlap(found.x * nearest)
    second, largest = T * np.exp(found.x * nearest), T * np.exp(_FARTHEST * nearest)
    return PairPlan(int(dimension), T, float(second), float(largest), overlap, error)


@dataclass(frozen=True, repr=False)
class TemperaturePair:
    r"""Two runs whose temperatures have a known ratio, by the laws of their losses.

    `p_1(L)/p_2(L) ∝ e^{(β_2 − β_1) L}` for any loss and any density of states. An `Estimate` here has one value for
    each replica, those of the first run first.

    Args:
        first: losses of the first run, `(replicas, draws)`.
        second: of the second.
        temperature_ratio: `T_2/T_1`.
        relation: Bennett's and Crooks's relation between the losses, in the unit `unit`.
        unit: of the losses there, a power of two.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import temperature_pair
        >>> generator = np.random.default_rng(0)
        >>> losses = [T * generator.gamma(50, size=4000) for T in (0.01, 0.013)]  # quadratic, d = 101
        >>> temperature_pair(*losses, temperature_ratio=1.3)
        TemperaturePair: T = 0.0100(2) and 0.0131(3) loss, overlap 0.494(9), Δφ = -13.1(3)
    """

    first: np.ndarray
    second: np.ndarray
    temperature_ratio: float
    relation: Crooks
    unit: float

    def __repr__(self) -> str:
        second = Estimate(self.temperature_ratio * self.temperature.values)
        return (
            f"TemperaturePair: T = {self.temperature} and {second} loss, overlap {self.overlap}, "
            f"Δφ = {self.free_energy_difference}"
        )

    @cached_property
    def precision_difference(self) -> Estimate:
        """`β_2 − β_1`, by logistic regression of the run on the loss, in 1/loss.

        Source: Shirts, J. Chem. Theory Comput. 9, 909 (2013), maximum likelihood.
        """
        found = self._by_replicas(self.relation.slope)
        return Estimate(found.values / self.unit)

    @cached_property
    def temperature(self) -> Estimate:
        """`T_1 = (T_1/T_2 − 1)/(β_2 − β_1)`, in units of the loss; the second run has `temperature_ratio` times it.

        Raises:
            ValueError: a slope of less than 5 standard errors, whose inverse is unknown, or of the wrong sign. A test
                of a temperature that is known is `precision_difference.z_score((1/temperature_ratio − 1)/T_1)`.
        """
        slope = self.precision_difference
        gap = 1 / self.temperature_ratio - 1
        if not slope.value * np.sign(gap) > _SIGNIFICANT * slope.standard_error:
            raise ValueError(
                f"second: got β₂ − β₁ = {slope}, expected one of the sign of {gap:.3g} and at least {_SIGNIFICANT:g} "
                "standard errors; take more draws, exchange the runs if they are, or choose the ratio that "
                "plan_pair(dimension, temperature).ratio says"
            )
        value = gap / float(slope.value)
        return Estimate(value - value / float(slope.value) * (slope.values - slope.value))

    @cached_property
    def free_energy_difference(self) -> Estimate:
        """`Δφ = φ_2 − φ_1`, `φ = −log ∫ e^{−βL}`, by Bennett's acceptance ratio at the slope found.

        Source: Bennett, J. Comput. Phys. 22, 245 (1976).
        """
        difference, slope = self._reduced.difference, self.precision_difference
        # With the slope Δφ moves by the mean loss where either run could have been: dφ/dβ = U.
        losses = np.concatenate([self.first.reshape(-1), self.second.reshape(-1)])
        odds = slope.value * losses - difference.value + np.log(self.first.size / self.second.size)
        centre = np.average(losses, weights=expit(odds) * expit(-odds))
        found = self._by_replicas(difference)
        return Estimate(found.values + (slope.values - slope.value) * centre)

    @property
    def bounds(self) -> tuple[Estimate, Estimate]:
        """`Δβ E_2 L ≤ Δφ ≤ Δβ E_1 L`, between which `Δφ` is: the Gibbs–Bogoliubov inequality, both ways."""
        slope = self.precision_difference
        first, second = (slope.value * run.mean(axis=1) for run in (self.first, self.second))
        below = of_two_runs(float(second.mean()), np.zeros_like(first), second)
        above = of_two_runs(float(first.mean()), first, np.zeros_like(second))
        apart = slope.values - slope.value
        return Estimate(below.values + apart * self.second.mean()), Estimate(above.values + apart * self.first.mean())

    @cached_property
    def overlap(self) -> Estimate:
        """`∫ 2 p_1 p_2/(p_1 + p_2) dL`, from how well each loss tells its run: 1 if not at all, 0 if surely."""
        slope, shift = self.precision_difference, self.free_energy_difference
        odds = [float(slope.value) * run - float(shift.value) for run in (self.first, self.second)]
        # Of each run, the share that the other has in the density at its losses, and what the fit's errors make of it.
        first, second = expit(-odds[0]), expit(odds[1])
        wavering = [share * (1 - share) for share in (first, second)]
        by_slope = (wavering[1] * self.second).mean() - (wavering[0] * self.first).mean()
        by_shift = wavering[0].mean() - wavering[1].mean()
        found = of_two_runs(float(first.mean() + second.mean()), first.mean(axis=1), second.mean(axis=1))
        fit = by_slope * (slope.values - slope.value) + by_shift * (shift.values - shift.value)
        return Estimate(found.values + fit)

    @cached_property
    def _reduced(self) -> Crooks:
        slope = float(self.precision_difference.value)
        return crooks(slope * self.first.reshape(-1), -slope * self.second.reshape(-1))

    def _by_replicas(self, found: Estimate) -> Estimate:
        """An estimate with one value for each draw, as one with a value for each replica."""
        value = float(found.value)
        apart = (found.values - value) / found.values.size  # what each draw adds
        first, second = np.split(apart, [self.first.size])
        parts = [part.reshape(run.shape).sum(axis=1) for part, run in ((first, self.first), (second, self.second))]
        n = sum(part.size for part in parts)
        return Estimate(value + n * np.concatenate(parts))


def temperature_pair(first: ArrayLike, second: ArrayLike, temperature_ratio: float) -> TemperaturePair:
    r"""The temperature of two runs from the overlap of their losses, and the free energy between them.

    Whatever the loss and the noise's size: what is used is that both laws are Gibbs laws, whose temperatures have the
    ratio of the effective learning rates where the noise is the same.

    Args:
        first: losses of the first run, `(replicas, draws)`, or `(replicas,)` independent draws.
        second: of the second run, likewise.
        temperature_ratio: `T_2/T_1`; `plan_pair` chooses it.

    Returns:
        A `TemperaturePair`: `.temperature` is that of the first run, `.overlap` says how much the runs share.

    Raises:
        ValueError: losses that are not finite, a ratio that is not positive or 1, or runs that overlap by less than
            0.06, whose ratio of laws no loss tells.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import temperature_pair
        >>> generator = np.random.default_rng(0)
        >>> losses = [T * generator.gamma(50, size=4000) for T in (0.01, 0.013)]
        >>> pair = temperature_pair(*losses, temperature_ratio=1.3)
        >>> bool(abs(pair.temperature.z_score(0.01)) < 5), bool(abs(pair.temperature.z_score(0.012)) < 5)
        (True, False)

    Source: Shirts, J. Chem. Theory Comput. 9, 909 (2013); Bennett, J. Comput. Phys. 22, 245 (1976); Klimovich, Shirts &
        Mobley, J. Comput. Aided Mol. Des. 29, 397 (2015), the least overlap.
    """
    runs = [as_replicas(name, x) for name, x in (("first", first), ("second", second))]
    ratio = float(temperature_ratio)
    if not (np.isfinite(ratio) and ratio > 0 and ratio != 1):
        raise ValueError(
            f"temperature_ratio: got {temperature_ratio}, expected T_2/T_1, a number > 0 other than 1, as in "
            "plan_pair(dimension, temperature).ratio"
        )
    _, unit = in_units(np.concatenate([x.reshape(-1) for x in runs]))
    scaled = [x / float(unit) for x in runs]
    if not all(x.max() > x.min() for x in scaled):
        raise ValueError("first: got losses that are all the same in one run, expected draws of a law; run with noise")
    apart = _separation(*scaled)
    try:
        relation = crooks(scaled[0].reshape(-1), -scaled[1].reshape(-1))
        pair = TemperaturePair(runs[0], runs[1], ratio, relation, float(unit))
        overlap = float(pair.overlap.value)
    except (ValueError, ArithmeticError):  # no loss of one run is within the other, or all are told apart
        overlap = 0.0
    if not overlap >= _LEAST_OVERLAP:
        nearer = np.exp(np.log(ratio) * min(2 / apart, 0.5))
        raise ValueError(
            f"second: got losses {apart:.3g} standard deviations from those of the first run, which overlap by "
            f"{overlap:.2g}, expected at least {_LEAST_OVERLAP:g}, 4 standard deviations; run the second at a nearer "
            f"temperature, as in temperature_ratio={nearer:.6g}, or as plan_pair(dimension, temperature) says"
        )
    return pair


def _separation(first: np.ndarray, second: np.ndarray) -> float:
    """Of the means, in standard deviations."""
    spread = np.sqrt((first.var() + second.var()) / 2)
    return float(abs(first.mean() - second.mean()) / max(spread, np.finfo(float).tiny))
