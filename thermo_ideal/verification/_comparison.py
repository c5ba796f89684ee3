"""A protocol's measurements beside the law of the SDE and the exact law of discrete SGD."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from thermo_ideal._arguments import in_double_precision
from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import with_error
from thermo_ideal.dynamics import AbstractLoss, AbstractProtocol
from thermo_ideal.estimators import Estimate
from thermo_ideal.verification._discrete_law import DiscreteLaw
from thermo_ideal.verification._measurements import MECHANICAL_VARIABLES, Measurements
from thermo_ideal.verification._score_test import ScoreTest

Z_BOUND = 4.0


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredQuantity:
    """One measured quantity over a grid.

    Args:
        symbol: how it is written.
        simulated: what was measured.
        exact: the exact stationary law of discrete SGD.
        predicted: the thermodynamic prediction, `η_eff → 0`.
        exact_error: the standard error of `exact`, which all points share, where an estimator's bias on exact samples
            was added to it.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate
        >>> from thermo_ideal.verification import MeasuredQuantity
        >>> measured = Estimate(np.array([[0.101, 0.102, 0.103, 0.102]]))
        >>> energy = MeasuredQuantity("U", measured, exact=np.array([0.102]), predicted=np.array([0.1]))
        >>> energy.consistent, energy.departure.round(2)
        (array([ True]), array([0.02]))
    """

    symbol: str
    simulated: Estimate
    exact: np.ndarray
    predicted: np.ndarray
    exact_error: np.ndarray | float = 0.0

    def test(self, where: np.ndarray) -> ScoreTest:
        """Whether simulated and exact agree at points of the grid.

        Points whose replicas are all exactly what is expected, as those of a constant loss, agree without a score.

        Args:
            where: which, a mask of the shape of the grid.
        """
        same = (self.simulated.standard_error == 0) & (self.simulated.value == self.exact)
        if (same & where).any():
            where = where & ~same
            if not where.any():
                return ScoreTest(0, 0.0, 0.0, 0.0, p_value=1.0)
        return ScoreTest.of(self.z_score[where], self.shared_error[where])

    @property
    def shared_error(self) -> np.ndarray:
        """The standard error of `exact` in units of those of the measurements."""
        error = np.broadcast_to(self.exact_error, self.exact.shape)
        return np.divide(error, self.simulated.standard_error, out=np.zeros(error.shape), where=error > 0)

    @property
    def z_score(self) -> np.ndarray:
        """Simulated against exact."""
        return self.simulated.z_score(self.exact)

    @property
    def consistent(self) -> np.ndarray:
        """Where simulated and exact are within four standard errors."""
        return np.abs(self.z_score) < Z_BOUND

    @property
    def departure(self) -> np.ndarray:
        """Simulated against predicted: relative, or in nats for an entropy, whose zero means nothing."""
        difference = self.simulated.value - self.predicted
        return difference if self.symbol.startswith("S") else difference / self.predicted

    def __repr__(self) -> str:
        middle = tuple(size // 2 for size in self.exact.shape)
        value = with_error(float(self.simulated.value[middle]), float(self.simulated.standard_error[middle]))
        return (
            f"{self.symbol} = {value} in the middle of the grid, exact {self.exact[middle]:.5g}, SDE "
            f"{self.predicted[middle]:.5g}; rms z {np.sqrt(np.mean(self.z_score**2)):.2f}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """One protocol's measurements beside what they should be.

    Args:
        loss: that was minimised.
        protocol: with its hyperparameters over the grid.
        dimension: `d`.
        noise_scale: `σ` of the predictions.
        axes: the two hyperparameters, `(name, values)`; empty where the runs are not on the grid of two.
        state: the SDE's states, in double precision.
        quantities: what was measured, by symbol.
        stationary: where the burn-in was long enough and every run finite, so that there is something to compare.
        starts_apart: scores of the difference between replicas that started inside and outside, in `U` and in
            `r` (or `p`), along the first axis; nothing where that is not known.
        lost_runs: how many replicas of each point have a quantity that is NaN or infinite.
        measurements: what the quantities are made of.
        law: the exact stationary law of discrete SGD, or None where the loss is no function of the overlap.
        depth_distributions: those of the law at each point, in an array of objects of the shape of the grid.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import compare
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> profile = experiments.Profile("tiny", points=3, replicas=4, samples=50)
        >>> comparison = compare(experiments.run_isotropic(profile, [grid])["fixed-lr"].to_dataset())
        >>> comparison.protocol.name, list(comparison.quantities), comparison.mechanical.symbol
        ('fixed-lr', ['U', 'Var L', 'S_dir', 'S_kNN', 'S', 'r', 'V'], 'r')
    """

    loss: AbstractLoss
    protocol: AbstractProtocol
    dimension: int
    noise_scale: float
    axes: tuple[tuple[str, np.ndarray], ...]
    state: dict[str, np.ndarray]
    quantities: dict[str, MeasuredQuantity]
    stationary: np.ndarray
    starts_apart: np.ndarray
    lost_runs: np.ndarray
    measurements: Measurements = field(repr=False)
    law: DiscreteLaw | None = field(repr=False)
    depth_distributions: np.ndarray | None = field(repr=False)

    @property
    def hyperparameters(self) -> dict[str, np.ndarray]:
        """Over the grid, by name, in double precision."""
        if self.axes:
            grid = np.meshgrid(*(values for _, values in self.axes), indexing="ij")
            return dict(zip(self.protocol.hyperparameters(), grid, strict=True))
        constants = {name: in_double_precision(value) for name, value in self.protocol.constants.items()}
        return {name: np.broadcast_to(value, self.stationary.shape) for name, value in constants.items()}

    @property
    def effective_learning_rate(self) -> np.ndarray:
        """`η_eff` over the grid."""
        return self.state["effective_learning_rate"]

    @property
    def mechanical(self) -> MeasuredQuantity:
        """The quantity that obeys the equation of state: the radius, or where it is fixed, the pressure."""
        return self.quantities[DICTIONARY[self.protocol.mechanical_response].symbol]

    @property
    def by_variable(self) -> dict[str, MeasuredQuantity]:
        """The quantities by the variables of the dataset, without those that several variables make up."""
        symbols = {
            "loss": "U",
            "energy_variance": "Var L",
            "direction_entropy": "S_dir",
            "direction_entropy_knn": "S_kNN",
            "volume": "V",
            MECHANICAL_VARIABLES[self.protocol.mechanical_response]: self.mechanical.symbol,
        }
        return {name: self.quantities[symbol] for name, symbol in symbols.items() if symbol in self.quantities}

    def __repr__(self) -> str:
        use = self.stationary
        axes = " × ".join(f"{len(values)} values of {name}" for name, values in self.axes) or f"{use.size} points"
        head = (
            f"Comparison, {self.protocol.name}, d = {self.dimension}, σ = {self.noise_scale:g}: {axes}, {use.sum()} of "
            f"{use.size} points stationary"
        )
        return "\n  ".join([head, *map(repr, self.quantities.values())])
