"""What was measured on networks under one protocol, beside what is predicted from their noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from scipy import stats

from thermo_ideal.dynamics._protocols import PROTOCOLS
from thermo_ideal.estimators import EntropyChange, Estimate, entropy_change, step_length_entropy
from thermo_ideal.estimators._replica_statistics import jackknife
from thermo_ideal.networks._group_gas import GROUP_QUANTITIES, GroupGas
from thermo_ideal.special import log_sphere_area

_SETTLED = 4.0  # standard errors between the halves of a run
_MOVES = 3.0  # standard errors of a number that moves
_STILL = 0.1  # of what a walk moves by
_FEWEST = 4  # temperatures of an integral
_FRESH = {"noise_trace": "fresh_noise_trace"}  # successive gradients of training have a bias


@dataclass(frozen=True, eq=False, repr=False)
class NetworkComparison:
    """The runs of one protocol as gases; arrays are over the grid, those of groups have the whole network last.

    Args:
        data: one dataset of the experiment "networks".
        assumed_trace: by what the measured `Tr Σ` is multiplied in predictions; only 1 is right.

    Example:
        >>> from thermo_ideal.networks import NetworkComparison
        >>> NetworkComparison.__name__
        'NetworkComparison'
    """

    data: xr.Dataset
    assumed_trace: float = 1.0

    def __repr__(self) -> str:
        return f"NetworkComparison: {self.name}, {self.stationary.sum()} of {self.stationary.size} points stationary"

    @property
    def name(self) -> str:
        """Of the protocol."""
        return str(self.data.attrs["protocol"])

    @property
    def on_sphere(self) -> bool:
        """Whether the radius of the whole is held."""
        return bool(PROTOCOLS[self.name].fixes_radius)

    @property
    def axes(self) -> list[tuple[str, np.ndarray]]:
        """The hyperparameters."""
        names = PROTOCOLS[self.name].hyperparameters()
        return [(name, np.asarray(self.data[name].values, np.float64)) for name in names]

    @property
    def groups(self) -> list[str]:
        """Names of the invariance groups, "whole" the last."""
        return [str(name) for name in self.data.attrs["groups"]]

    @property
    def dimension(self) -> int:
        """`d`."""
        return int(self.data.attrs["dimension"])

    @property
    def spacings(self) -> list[int]:
        """Steps between the samples of the entropies."""
        return [int(spacing) for spacing in self.data["spacing"].values]

    def _values(self, name: str, *last: str) -> np.ndarray:
        """`(*grid, *last, replicas)`."""
        grid = [axis for axis, _ in self.axes]
        return np.asarray(self.data[name].transpose(*grid, *last, "replica").values, np.float64)

    @cached_property
    def gas(self) -> GroupGas:
        """Each group as a gas, with the noise of fresh mini-batches."""
        means = {}
        for name in GROUP_QUANTITIES:
            values = self._values(f"group_{_FRESH.get(name, name)}", "group")
            means[name] = Estimate(self.assumed_trace * values if name in ("noise_trace", "thermal_energy") else values)
        return GroupGas(tuple(self.groups), np.asarray(self.data["rank"].values), means)

    @cached_property
    def energy(self) -> Estimate:
        """`U`, the mean loss of the mini-batches of training."""
        return Estimate(self._values("loss"))

    @cached_property
    def stationary(self) -> np.ndarray:
        """Where the halves of the time after the burn-in agree, in loss, radius and noise."""
        return np.asarray((np.abs(self.drift) < _SETTLED).all(axis=0))

    @cached_property
    def drift(self) -> np.ndarray:
        """Scores of the second half less the first: of the loss, of `log r` and of `Tr Σ`, `(3, *grid)`."""
        scores = []
        for name in ("loss", "log_radius", "noise_trace"):
            halves = self._values(f"{name}_halves", "half")
            apart = halves[..., 1, :] - halves[..., 0, :]
            if self.on_sphere and name == "log_radius":
                apart = np.where(np.isfinite(apart), 0.0, np.nan)  # only rounding moves it
            scores.append(Estimate(apart).z_score(0.0))
        return np.stack(scores)

    @cached_property
    def continuous(self) -> Estimate:
        """`p V_g/(R_g T_g)`: 1 by the SDE, `(*grid, groups + 1)`."""
        return self.gas.compressibility_factor

    @cached_property
    def discrete(self) -> Estimate:
        r"""`p V_g` over that of discrete SGD, from measured `Tr Σ` and `|∇L|²`, `(*grid, groups + 1)`.

        With `x = η_eff² (|∇L|² + Tr Σ)` a step lengthens `r²` by the factor `1 + x`, and what takes it back is
        `ηλ = 1 − √(1 − x)` where the weights decay before the step, `√(1 + x) − 1` where they are rescaled after it.
        """
        signal = Estimate(self._values("group_full_gradient_square", "group"))

        def ratio(mechanical: np.ndarray, rate: np.ndarray, trace: np.ndarray, square: np.ndarray) -> np.ndarray:
            x = rate**2 * (trace + square)
            with np.errstate(invalid="ignore", divide="ignore"):
                decay = np.sqrt(1 + x) - 1 if self.on_sphere else 1 - np.sqrt(1 - x)
                return np.asarray(mechanical * 2 * rate / decay)

        gas = self.gas
        measured = (gas.mechanical_energy, gas.effective_learning_rate, gas.noise_trace, signal)
        return jackknife(ratio, *(estimate.values for estimate in measured))

    @cached_property
    def angle(self) -> Estimate:
        """The angle of a step over `√(2ηλ)`, `(*grid, groups + 1)`."""
        squares, decays = (self.gas.means[name].values for name in ("squared_angle", "decay_per_step"))
        return jackknife(lambda square, decay: np.sqrt(square / (2 * decay)), squares, decays)

    @cached_property
    def participation_ratio(self) -> Estimate:
        """Of the noise of the whole, over its rank: 1 if it is isotropic."""
        return Estimate(self._values("participation_ratio"))

    @cached_property
    def signal_to_noise(self) -> Estimate:
        """`|∇L|²/Tr Σ`."""
        return Estimate(self._values("signal_to_noise"))

    @cached_property
    def neighbours(self) -> Estimate:
        """The paper's entropy of the direction at each spacing, `(*grid, spacings)`, in nats."""
        return Estimate(self._values("direction_entropy_knn", "spacing"))

    @cached_property
    def moves(self) -> Estimate:
        """By how much it changes from one spacing to the next, `(*grid, spacings − 1)`: 0 for an entropy."""
        return Estimate(np.diff(self.neighbours.values, axis=-2))

    @cached_property
    def step_length(self) -> Estimate:
        """What it is where neighbours in space are neighbours in time, `(*grid, spacings)`."""
        rate, trace = (x.values[..., -1, :] for x in (self.gas.effective_learning_rate, self.gas.noise_trace))
        good = np.isfinite(trace) & (trace > 0)
        rate, trace = np.where(good, rate, 1.0), np.where(good, trace, 1.0)
        each = [step_length_entropy(self.dimension, n, rate, trace) for n in self.spacings]
        return Estimate(np.stack([np.where(good, one, np.nan) for one in each], axis=-2))

    @property
    def follows_spacing(self) -> np.ndarray:
        """Where the widest spacing's number differs from the one before by three standard errors, `(*grid,)`."""
        return np.asarray(np.abs(self.moves.z_score(0.0)[..., -1]) > _MOVES)

    @property
    def keeps_still(self) -> np.ndarray:
        """Where it is the one before, with 95 % confidence, to a tenth of what a walk without a loss adds, `(*grid,)`.

        That is `(d − 1)/2` times the logarithm of the spacings' ratio. Where it neither follows nor keeps still, too
        few replicas were run to tell.
        """
        before, last = self.spacings[-2:]
        change, error = self.moves.value[..., -1], self.moves.standard_error[..., -1]
        margin = stats.t.ppf(0.975, self.moves.replicas - 1) * error
        return np.asarray(np.abs(change) + margin < _STILL * (self.dimension - 1) / 2 * np.log(last / before))

    @property
    def is_possible(self) -> np.ndarray:
        """Where it is not above `log|S^{d−1}|`, the largest entropy of any law on the sphere, `(*grid,)`."""
        lowest = self.neighbours.value[..., -1] - _MOVES * self.neighbours.standard_error[..., -1]
        return np.asarray(lowest <= self.largest_entropy)

    @property
    def largest_entropy(self) -> float:
        """`log|S^{d−1}|`, that of the uniform law, in nats."""
        return float(log_sphere_area(self.dimension))

    @property
    def is_entropy(self) -> np.ndarray:
        """Where it keeps still and is possible: only there may it be taken for the entropy of the direction."""
        return self.keeps_still & self.is_possible

    @property
    def law_of_rate(self) -> bool:
        """Whether the law of the direction depends on the first hyperparameter, `η_eff`, alone."""
        return self.axes[0][0] == "effective_learning_rate"

    @cached_property
    def heats(self) -> list[tuple[int, np.ndarray, EntropyChange]]:
        """`∫dU/T` along the first axis: which column, which points of it, and the integral between their ends."""
        found = []
        temperature = self.gas.temperature.value[..., -1]
        for column in range(temperature.shape[1] if self.law_of_rate else 0):
            use = np.flatnonzero(self.stationary[:, column])
            T = temperature[use, column]
            if len(use) >= _FEWEST and (np.diff(T) > 0).all():
                found.append((column, use, entropy_change(T, Estimate(self.energy.values[use, column]))))
        return found

    def change_along(self, entropy: Estimate, column: int, use: np.ndarray) -> Estimate:
        """An entropy of the widest spacing at the last of some points of a column, less that at the first.

        Args:
            entropy: one of these, `(*grid, spacings)`.
            column: of the grid.
            use: its points, in the order of the effective learning rate.
        """
        return Estimate(entropy.values[use[-1], column, -1] - entropy.values[use[0], column, -1])

    @cached_property
    def fit(self) -> EntropyFit | None:
        """`S = S_dir + (d − 1) log r` of the widest spacing as a quadratic function of the hyperparameters' logarithms.

        None where fewer than seven points are stationary.
        """
        return self._fit_of(self.neighbours)

    @cached_property
    def fit_of_step_length(self) -> EntropyFit | None:
        """The same of the length of a step, which no entropy is."""
        return self._fit_of(self.step_length)

    def _fit_of(self, direction: Estimate) -> EntropyFit | None:
        logs = np.meshgrid(*(np.log(values) for _, values in self.axes), indexing="ij")
        radius = np.exp(logs[1])[..., None] if self.on_sphere else self.gas.radius.values[..., -1, :]
        S = direction.values[..., -1, :] + (self.dimension - 1) * np.log(radius)
        use = self.stationary & np.isfinite(S).all(axis=-1)
        if use.sum() <= len(_QUADRATIC):
            return None
        x, y = logs[0][use], logs[1][use]
        design = np.stack([term(x, y) for term in _QUADRATIC], axis=-1)
        fits = np.linalg.lstsq(design, S[use], rcond=None)[0]  # of each replica
        residual = S[use].mean(axis=-1) - design @ fits.mean(axis=-1)
        mean = S[use].mean(axis=-1)
        a = fits.mean(axis=-1)
        by_x = a[1] + 2 * a[3] * x + a[5] * y
        by_y = a[2] + 2 * a[4] * y + a[5] * x
        R = (self.dimension - 1) / 2
        slope, theory = {
            "fixed-elr": (by_y, -R),
            "fixed-lr": (by_x - by_y, R),
            "fixed-sphere": (by_y, 2 * R),
        }[self.name]
        squared = 1 - (residual**2).sum() / ((mean - mean.mean()) ** 2).sum()
        return EntropyFit(float(squared), float(np.mean(slope) / theory), float(np.abs(slope / theory - 1).max()))


@dataclass(frozen=True)
class EntropyFit:
    """A quadratic fit of an entropy, and the Maxwell relation of its protocol.

    Args:
        r_squared: `R²` of the means over replicas.
        slope: the relation's derivative over its theory, mean over the points.
        worst: the largest relative error of it at a point.

    Example:
        >>> from thermo_ideal.networks import EntropyFit
        >>> EntropyFit(r_squared=0.9975, slope=1.01, worst=0.065).worst
        0.065
    """

    r_squared: float
    slope: float
    worst: float


_QUADRATIC: tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...] = (
    lambda x, y: np.ones_like(x),
    lambda x, y: x,
    lambda x, y: y,
    lambda x, y: x**2,
    lambda x, y: y**2,
    lambda x, y: x * y,
)
