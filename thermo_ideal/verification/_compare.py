"""Measurements set beside the law of the SDE and the exact law of discrete SGD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import SGD, AbstractProtocol, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind, with_hyperparameters
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.estimators import Estimate
from thermo_ideal.thermodynamics import VonMisesFisherGas, equilibrium
from thermo_ideal.verification._comparison import Comparison, MeasuredQuantity
from thermo_ideal.verification._depth_distribution import DepthDistribution
from thermo_ideal.verification._discrete_law import DiscreteLaw, stationary_law
from thermo_ideal.verification._measurements import EXPECTED_DATASET, Measurements, require_variables
from thermo_ideal.verification._neighbour_calibration import neighbour_calibration

if TYPE_CHECKING:
    import xarray as xr

LONG_ENOUGH = 10.0  # relaxation times of a burn-in
_ROUNDING = 1e-5  # of them, in single precision


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
        ValueError: the dataset lacks an attribute or a variable, or is of another protocol; a dimension that is no
            whole number; or a protocol that has not two hyperparameters.

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
    sigma = _noise_scale(data.attrs["noise_scale"]) if noise_scale is None else noise_scale
    names = kind.hyperparameters()
    axes = tuple((name, data[name].to_numpy()) for name in names)
    sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(sigma), _over_grid(kind, [values for _, values in axes]))
    response = sgd.protocol.mechanical_response
    return set_beside(sgd, dimension, axes, Measurements.of_dataset(data, names, response, dimension))


def set_beside(
    sgd: SGD, dimension: int, axes: tuple[tuple[str, np.ndarray], ...], measurements: Measurements
) -> Comparison:
    """Measurements beside the laws of SGD.

    Args:
        sgd: whose hyperparameters have the shape of the grid.
        dimension: `d`.
        axes: of the grid, `(name, values)`, or nothing.
        measurements: over the grid.
    """
    protocol = sgd.protocol
    zonal = sgd.loss.zonal
    law = None if zonal is None else stationary_law(sgd, dimension)
    distributions = None if law is None else _distributions_of_depth(law)
    state = states_of_sde(sgd, dimension)
    shape = state["radius"].shape
    quantities = quantities_beside(measurements, state, law, sgd, dimension)
    finite = np.logical_and.reduce([np.isfinite(quantity.simulated.values) for quantity in quantities.values()])
    times = measurements.burn_in
    long_enough = np.ones(shape, bool) if times is None else lasts(times)
    inside = measurements.started_inside
    symbols = [symbol for symbol in ("U", DICTIONARY[protocol.mechanical_response].symbol) if symbol in quantities]
    apart = [] if inside is None else [_starts_apart(quantities[symbol].simulated, inside) for symbol in symbols]
    return Comparison(
        sgd.loss,
        protocol,
        dimension,
        float(np.asarray(sgd.noise.scale)),
        axes,
        state,
        quantities,
        np.asarray(long_enough & finite.all(axis=-1)),
        np.stack(apart) if apart else np.empty((0, *shape)),
        np.asarray((~finite).sum(axis=-1)),
        measurements,
        law,
        distributions,
    )


def lasts(times: np.ndarray) -> np.ndarray:
    """Where a burn-in of so many relaxation times is long enough."""
    return times >= LONG_ENOUGH * (1 - _ROUNDING)


def _described(data: xr.Dataset, kind: ProtocolKind | None) -> tuple[int, ProtocolKind]:
    """The dimension and the protocol of a dataset that has all that is asked of one."""
    missing = [name for name in ("protocol", "dimension", "noise_scale") if name not in data.attrs]
    if missing:
        raise ValueError(f"dataset: got none of the attributes {', '.join(missing)}, {EXPECTED_DATASET}")
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
    require_variables(data, hyperparameters)
    dimension = data.attrs["dimension"]
    if not (float(dimension).is_integer() and dimension >= 2):
        raise ValueError(f"dataset: got the attribute dimension = {dimension!r}, expected a whole number ≥ 2")
    return int(dimension), kind


def _over_grid(kind: ProtocolKind, axes: Sequence[np.ndarray]) -> AbstractProtocol:
    """The protocol with its hyperparameters over the product of two axes."""
    grid = [jnp.asarray(values, float) for values in np.meshgrid(*axes, indexing="ij")]
    return with_hyperparameters(kind, dict(zip(kind.hyperparameters(), grid, strict=True)))


def _double(values: object) -> np.ndarray:
    return np.asarray(values, np.float64)


def states_of_sde(sgd: SGD, dimension: int) -> dict[str, np.ndarray]:
    """The SDE's states; those of a loss whose gas is not known have neither energy nor entropy, but NaN.

    Args:
        sgd: whose hyperparameters have the shape of the grid.
        dimension: `d`.
    """
    names = ("temperature", "pressure", "volume", "radius")
    of_gas = ("internal_energy", "energy_variance", "entropy", "direction_entropy")
    zonal = sgd.loss.zonal
    state = equilibrium(sgd, dimension, VonMisesFisherGas(dimension) if zonal is None else None)
    values = {name: _double(getattr(state, name)) for name in (*names, *of_gas)}
    if zonal is None:
        values |= {name: np.full_like(values[name], np.nan) for name in of_gas}
    values["effective_learning_rate"] = _double(sgd.protocol.effective_learning_rate_at(state.radius))
    return {name: np.broadcast_to(value, values["radius"].shape) for name, value in values.items()}


def quantities_beside(
    measurements: Measurements,
    state: dict[str, np.ndarray],
    law: DiscreteLaw | None,
    sgd: SGD,
    dimension: int,
) -> dict[str, MeasuredQuantity]:
    """All that was measured, by symbol.

    Args:
        measurements: over the grid.
        state: of the SDE.
        law: of discrete SGD, or None where it is not known.
        sgd: whose hyperparameters have the shape of the grid.
        dimension: `d`.
    """
    runs, response = measurements.runs, sgd.protocol.mechanical_response
    unknown = np.full(state["radius"].shape, np.nan)
    found: dict[str, MeasuredQuantity] = {}

    def add(symbol: str, values: np.ndarray, name: str, predicted: str) -> None:
        exact = unknown if law is None else getattr(law, name)
        found[symbol] = MeasuredQuantity(symbol, Estimate(values), exact, state[predicted])

    if "loss" in runs:
        add("U", runs["loss"], "mean_loss", "internal_energy")
        if "energy_variance" in runs:
            add("Var L", _whole_variance(runs), "loss_variance", "energy_variance")
    for symbol, name in (("S_dir", "direction_entropy"), ("S_kNN", "direction_entropy_knn")):
        if name in runs:
            add(symbol, runs[name], "direction_entropy", "direction_entropy")
    if law is not None and "S_kNN" in found and measurements.by_neighbours:
        found["S_kNN"] = _calibrated(found["S_kNN"], measurements.samples, dimension, state["temperature"])
    if "direction_entropy" in runs and "log_radius" in runs:
        add("S", runs["direction_entropy"] + (dimension - 1) * runs["log_radius"], "entropy", "entropy")
    if response == "radius" and "radius" in runs:
        add("r", runs["radius"], "mean_radius", "radius")
        add("V", runs["volume"], "mean_volume", "volume")
    elif response == "pressure" and "effective_weight_decay" in runs:
        # The weight decay at work, if there is any, and what would have to be added to it to hold the radius.
        at_work = _double(sgd.protocol.weight_decay_at(jnp.asarray(state["radius"])))
        add("p", runs["effective_weight_decay"] + at_work[..., None], "pressure", "pressure")
    return found


def _calibrated(entropy: MeasuredQuantity, samples: int, dimension: int, temperature: np.ndarray) -> MeasuredQuantity:
    """With the bias of the estimator on exact samples in what it is compared with."""
    bias, error = neighbour_calibration(dimension, samples, temperature).at(temperature)
    return replace(entropy, exact=entropy.exact + bias, predicted=entropy.predicted + bias, exact_error=error)


def _whole_variance(runs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Each replica's estimate of the variance of the loss: within its own run, and of its mean among the others'."""
    known = np.isfinite(runs["loss"])
    mean, replicas = np.where(known, runs["loss"], np.nan), known.sum(axis=-1, keepdims=True)
    middle = np.where(known, mean, 0.0).sum(axis=-1, keepdims=True) / np.maximum(replicas, 1)
    among = (mean - middle) ** 2 * replicas / np.maximum(replicas - 1, 1)
    return np.asarray(runs["energy_variance"] + among)


def _distributions_of_depth(law: DiscreteLaw) -> np.ndarray:
    """A `DepthDistribution` for each point, in an array of objects; points of one chain share one."""
    made: dict[int, DepthDistribution] = {}
    distributions = np.empty(law._laws.shape, object)
    for point in np.ndindex(distributions.shape):
        own = law._laws[point]
        if id(own) not in made:
            made[id(own)] = DepthDistribution.of(own.density, law.dimension)
        distributions[point] = made[id(own)]
    return distributions


def _starts_apart(simulated: Estimate, inside: np.ndarray) -> np.ndarray:
    return Estimate(simulated.values[..., inside]).z_score_between(Estimate(simulated.values[..., ~inside]))


def _noise_scale(value: object) -> float:
    """`σ` of a dataset."""
    sigma = float(value)  # type: ignore[arg-type]
    if not 0 < sigma < np.inf:
        raise ValueError(f"dataset: got the attribute noise_scale = {value!r}, expected a number > 0")
    return sigma
