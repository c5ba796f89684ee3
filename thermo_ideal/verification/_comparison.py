"""A protocol's measurements beside the law of the SDE and the exact law of discrete SGD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import xarray as xr

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import with_error
from thermo_ideal.dynamics import SGD, AbstractProtocol, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind, with_hyperparameters
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.estimators import Estimate
from thermo_ideal.thermodynamics import State, equilibrium
from thermo_ideal.verification._discrete_law import stationary_law

Z_BOUND = 4.0
_BURN_IN = 5.0  # relaxation times that are long enough
_EXPECTED = (
    "expected a dataset of thermo_ideal.experiments.run_isotropic, as in open_results('toy/results.zarr')['fixed-lr']"
)
_VARIABLES = (
    *("loss", "log_radius", "direction_entropy", "direction_entropy_knn"),
    *("burn_in_relaxation_times", "started_inside"),
)
# What a simulation measures of a mechanical response.
_MECHANICAL_VARIABLES = {"radius": "radius", "pressure": "effective_weight_decay"}


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredQuantity:
    """One measured quantity over a grid.

    Args:
        symbol: how it is written.
        simulated: what was measured.
        exact: the exact stationary law of discrete SGD.
        predicted: the thermodynamic prediction, `η_eff → 0`.

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
    """One protocol.

    Args:
        protocol: with its hyperparameters over the grid.
        dimension: `d`.
        noise_scale: `σ` of the predictions.
        axes: the two hyperparameters, `(name, values)`.
        state: the SDE's states, in double precision.
        quantities: what was measured, by symbol.
        stationary: where the burn-in was long enough to compare, and all runs stayed finite.
        starts_apart: scores of the difference between replicas that started inside and outside, in `U` and in
            `r` (or `p`), along the first axis.
        diverged: which runs became NaN or infinite, `(*grid, replica)`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import compare
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> profile = experiments.Profile("tiny", points=3, replicas=4, samples=50)
        >>> comparison = compare(experiments.run_isotropic(profile, [grid])["fixed-lr"].to_dataset())
        >>> comparison.protocol.name, list(comparison.quantities), comparison.mechanical.symbol
        ('fixed-lr', ['U', 'S_dir', 'S_kNN', 'S', 'r'], 'r')
    """

    protocol: AbstractProtocol
    dimension: int
    noise_scale: float
    axes: tuple[tuple[str, np.ndarray], ...]
    state: dict[str, np.ndarray]
    quantities: dict[str, MeasuredQuantity]
    stationary: np.ndarray
    starts_apart: np.ndarray
    diverged: np.ndarray

    @property
    def effective_learning_rate(self) -> np.ndarray:
        """`η_eff` over the grid."""
        return self.state["effective_learning_rate"]

    @property
    def mechanical(self) -> MeasuredQuantity:
        """The quantity that obeys the equation of state: the radius, or where it is fixed, the pressure."""
        return self.quantities[DICTIONARY[self.protocol.mechanical_response].symbol]

    def __repr__(self) -> str:
        use = self.stationary
        axes = " × ".join(f"{len(values)} values of {name}" for name, values in self.axes)
        head = (
            f"Comparison, {self.protocol.name}, d = {self.dimension}, σ = {self.noise_scale:g}: {axes}, {use.sum()} of "
            f"{use.size} points stationary"
        )
        return "\n  ".join([head, *map(repr, self.quantities.values())])


def compare(data: xr.Dataset, noise_scale: float | None = None, protocol: ProtocolKind | None = None) -> Comparison:
    """Sets a dataset of `run_isotropic` beside the two laws.

    Args:
        data: one protocol's measurements.
        noise_scale: `σ` for the predictions; the dataset's own if None. Another value is a negative control.
        protocol: the protocol's class, or an instance with the static fields that were simulated; if None, the one that
            the dataset's attribute "protocol" names.

    Returns:
        A `Comparison`.

    Raises:
        ValueError: the dataset lacks an attribute or a variable, or is of another protocol; or a protocol that has not
            two hyperparameters.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import compare
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> comparison = compare(results["fixed-lr"].to_dataset())
        >>> comparison.stationary.all(), comparison.quantities["U"].z_score.shape
        (np.True_, (3, 3))
    """
    dimension, kind = _described(data, protocol)
    sigma = float(data.attrs["noise_scale"]) if noise_scale is None else noise_scale
    names = kind.hyperparameters()
    axes = tuple((name, data[name].to_numpy()) for name in names)
    made = _over_grid(kind, [values for _, values in axes])
    sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(sigma), made)
    state, law = equilibrium(sgd, dimension), stationary_law(sgd, dimension)

    def measured(variable: str) -> np.ndarray:
        return data[variable].transpose(*names, "replica").to_numpy()

    response = made.mechanical_response
    exact = law.mechanical(response)
    _require_variables(data, [_MECHANICAL_VARIABLES[response]])
    mechanical = measured(_MECHANICAL_VARIABLES[response])
    if made.fixes_radius:
        # The weight decay at work, if there is any, and what would have to be added to it to hold the radius.
        mechanical = mechanical + _double(made.weight_decay_at(state.radius))[..., None]
    direction, s_dir = Estimate(measured("direction_entropy")), _double(state.direction_entropy)
    neighbours = Estimate(measured("direction_entropy_knn"))
    entropy = Estimate(direction.values + (dimension - 1) * measured("log_radius"))
    quantities = (
        MeasuredQuantity("U", Estimate(measured("loss")), law.mean_loss, _double(state.internal_energy)),
        MeasuredQuantity("S_dir", direction, law.direction_entropy, s_dir),
        MeasuredQuantity("S_kNN", neighbours, law.direction_entropy, s_dir),
        MeasuredQuantity("S", entropy, law.entropy, _double(state.entropy)),
        MeasuredQuantity(DICTIONARY[response].symbol, Estimate(mechanical), exact, _double(getattr(state, response))),
    )
    inside = data["started_inside"].to_numpy().astype(bool)
    apart = [_starts_apart(quantity.simulated.values, inside) for quantity in (quantities[0], quantities[-1])]
    # Nothing else is a number: what is not known to be good is not judged.
    diverged = ~np.all([np.isfinite(quantity.simulated.values) for quantity in quantities], axis=0)
    burnt_in = data["burn_in_relaxation_times"].transpose(*names).to_numpy() >= _BURN_IN
    return Comparison(
        made,
        dimension,
        sigma,
        axes,
        _state(state, made),
        {quantity.symbol: quantity for quantity in quantities},
        burnt_in & ~diverged.any(axis=-1),
        np.stack(apart),
        diverged,
    )


def _described(data: xr.Dataset, kind: ProtocolKind | None) -> tuple[int, ProtocolKind]:
    """The dimension and the protocol of a dataset that has all that is asked of one."""
    missing = [name for name in ("protocol", "dimension", "noise_scale") if name not in data.attrs]
    if missing:
        raise ValueError(f"dataset: got none of the attributes {', '.join(missing)}, {_EXPECTED}")
    name = data.attrs["protocol"]
    kind = protocol_class(name) if kind is None else kind
    if kind.name != name:
        raise ValueError(f"protocol: got {kind.name!r}, expected {name!r}, which the dataset is of")
    hyperparameters = kind.hyperparameters()
    if len(hyperparameters) != 2:
        raise ValueError(
            f"protocol: got {name!r} with the hyperparameters {', '.join(hyperparameters)}, expected two of them, the "
            "axes of a grid"
        )
    _require_variables(data, (*hyperparameters, *_VARIABLES))
    return int(data.attrs["dimension"]), kind


def _require_variables(data: xr.Dataset, variables: Sequence[str]) -> None:
    missing = [variable for variable in variables if variable not in data]
    if missing:
        raise ValueError(f"dataset: got none of the variables {', '.join(missing)}, {_EXPECTED}")


def _over_grid(kind: ProtocolKind, axes: Sequence[np.ndarray]) -> AbstractProtocol:
    """The protocol with its hyperparameters over the product of two axes."""
    grid = [jnp.asarray(values, float) for values in np.meshgrid(*axes, indexing="ij")]
    return with_hyperparameters(kind, dict(zip(kind.hyperparameters(), grid, strict=True)))


def _double(values: object) -> np.ndarray:
    return np.asarray(values, np.float64)


def _state(state: State, protocol: AbstractProtocol) -> dict[str, np.ndarray]:
    names = ("temperature", "pressure", "volume", "radius", "internal_energy", "entropy", "direction_entropy")
    values = {name: _double(getattr(state, name)) for name in names}
    values["effective_learning_rate"] = _double(protocol.effective_learning_rate_at(state.radius))
    return {name: np.broadcast_to(value, values["radius"].shape) for name, value in values.items()}


def _starts_apart(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return Estimate(values[..., inside]).z_score_between(Estimate(values[..., ~inside]))
