"""A protocol's measurements beside the law of the SDE and the exact law of discrete SGD."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.estimators import Estimate
from thermo_ideal.thermodynamics import State, equilibrium
from thermo_ideal.verification._discrete import stationary_law

AXES = {name: protocol_class(name).hyperparameters() for name in ("fixed-elr", "fixed-lr", "fixed-sphere")}
Z_BOUND = 4.0
# A burn-in of so many relaxation times counts as long enough.
_FOLDS = 5.0


@dataclass(frozen=True)
class Quantity:
    """One measured quantity over a grid.

    Args:
        symbol: how it is written.
        simulated: what was measured.
        exact: the exact stationary law of discrete SGD.
        predicted: the thermodynamic prediction, `η_eff → 0`.
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


@dataclass(frozen=True)
class Comparison:
    """One protocol.

    Args:
        protocol: its name.
        dimension: `d`.
        axes: the two hyperparameters, `(name, values)`.
        state: the SDE's states, in double precision.
        quantities: what was measured, by symbol.
        stationary: where the burn-in was long enough to compare.
        starts_apart: scores of the difference between replicas that started inside and outside, in `U` and in
            `r` (or `p`), along the first axis.
    """

    protocol: str
    dimension: int
    axes: tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]
    state: dict[str, np.ndarray]
    quantities: dict[str, Quantity]
    stationary: np.ndarray
    starts_apart: np.ndarray

    @property
    def effective_learning_rate(self) -> np.ndarray:
        """`η_eff` over the grid."""
        return self.state["effective_learning_rate"]

    @property
    def mechanical(self) -> Quantity:
        """The quantity that obeys the equation of state: the radius, or on the fixed sphere the pressure."""
        return self.quantities["p" if self.protocol == "fixed-sphere" else "r"]


def compare(data: xr.Dataset, noise_scale: float | None = None) -> Comparison:
    """Sets a dataset of `run_isotropic` beside the two laws.

    Args:
        data: one protocol's measurements.
        noise_scale: `σ` for the predictions; the dataset's own if None. Another value is a negative control.

    Raises:
        ValueError: the dataset lacks an attribute or a variable.
    """
    protocol, dimension, sigma = _attributes(data)
    sigma = sigma if noise_scale is None else noise_scale
    names = AXES[protocol]
    axes = (names[0], data[names[0]].to_numpy()), (names[1], data[names[1]].to_numpy())
    grid = np.meshgrid(axes[0][1], axes[1][1], indexing="ij")
    sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(sigma), protocol_class(protocol)(*grid))
    state, law = equilibrium(sgd, dimension), stationary_law(sgd, dimension)

    def measured(name: str) -> np.ndarray:
        return data[name].transpose(*names, "replica").to_numpy()

    direction = measured("direction_entropy")
    entropy = direction + (dimension - 1) * measured("log_radius")
    s_dir = np.asarray(state.direction_entropy, np.float64)
    quantities = {
        "U": Quantity("U", Estimate(measured("loss")), law.mean_loss, _double(state.internal_energy)),
        "S_dir": Quantity("S_dir", Estimate(direction), law.direction_entropy, s_dir),
        "S_kNN": Quantity("S_kNN", Estimate(measured("direction_entropy_knn")), law.direction_entropy, s_dir),
        "S": Quantity("S", Estimate(entropy), law.entropy, _double(state.entropy)),
    }
    if protocol == "fixed-sphere":
        pressure = Estimate(measured("effective_weight_decay"))
        quantities["p"] = Quantity("p", pressure, law.effective_weight_decay, _double(state.pressure))
    else:
        quantities["r"] = Quantity("r", Estimate(measured("radius")), law.mean_radius, _double(state.radius))
    inside = data["started_inside"].to_numpy().astype(bool)
    apart = [
        _starts_apart(quantities[symbol].simulated.values, inside)
        for symbol in ("U", "p" if "p" in quantities else "r")
    ]
    return Comparison(
        protocol,
        dimension,
        axes,
        _state(state, sgd),
        quantities,
        data["burn_in_relaxation_times"].transpose(*names).to_numpy() >= _FOLDS,
        np.stack(apart),
    )


def _attributes(data: xr.Dataset) -> tuple[str, int, float]:
    missing = [name for name in ("protocol", "dimension", "noise_scale") if name not in data.attrs]
    wanted = (
        "wanted a dataset of thermo_ideal.experiments.run_isotropic, as in open_results('toy/results.zarr')['fixed-lr']"
    )
    if missing:
        raise ValueError(f"dataset: the attributes {', '.join(missing)} are missing; {wanted}")
    protocol = data.attrs["protocol"]
    if protocol not in AXES:
        raise ValueError(f"dataset: got the protocol {protocol!r}, expected one of {', '.join(map(repr, AXES))}")
    measured = [
        "loss",
        "log_radius",
        "direction_entropy",
        "direction_entropy_knn",
        "burn_in_relaxation_times",
        "started_inside",
    ]
    mechanical = "effective_weight_decay" if protocol == "fixed-sphere" else "radius"
    missing = [name for name in (*AXES[protocol], *measured, mechanical) if name not in data]
    if missing:
        raise ValueError(f"dataset: the variables {', '.join(missing)} are missing; {wanted}")
    return data.attrs["protocol"], int(data.attrs["dimension"]), float(data.attrs["noise_scale"])


def _double(values: object) -> np.ndarray:
    return np.asarray(values, np.float64)


def _state(state: State, sgd: SGD) -> dict[str, np.ndarray]:
    names = ("temperature", "pressure", "volume", "radius", "internal_energy", "entropy", "direction_entropy")
    values = {name: _double(getattr(state, name)) for name in names}
    values["effective_learning_rate"] = _double(sgd.protocol.effective_learning_rate_at(state.radius))
    return {name: np.broadcast_to(value, values["radius"].shape) for name, value in values.items()}


def _starts_apart(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return Estimate(values[..., inside]).z_score_between(Estimate(values[..., ~inside]))
