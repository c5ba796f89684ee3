"""The exact stationary law of SGD itself, at learning rates that are not small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import ArrayLike

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import equation, span
from thermo_ideal.dynamics import SGD, AbstractZonalLoss
from thermo_ideal.thermodynamics._equilibrium import require_stationary
from thermo_ideal.verification._chain import chains_of
from thermo_ideal.verification._chain_law import ChainLaw
from thermo_ideal.verification._chain_solution import solve


@dataclass(frozen=True, eq=False, repr=False)
class DiscreteLaw:
    """Expectations under the stationary law of discrete SGD; each an array of the shape of the batch.

    Args:
        mean_loss: `E L`, the internal energy.
        loss_variance: `Var L`.
        direction_entropy: the differential entropy of the direction.
        mean_radius: `E r`.
        mean_log_radius: `E log r`.
        mean_volume: `E r²/2`.
        volume_variance: `Var r²/2`.
        effective_weight_decay: `E(|w'| − r)/(η_eff r³)` before the rescaling; NaN where the radius is free.
        pressure: the same and the weight decay, which together hold the radius; NaN where the radius is free.
        spectral_gap: `1 − |λ₂|` of one step of the chain of radius and overlap, about the inverse relaxation time.
        error: what each of these, and the entropy, is uncertain by, in its unit: what the last refinement of the
            solution has changed.
        dimension: `d`.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.verification import stationary_law
        >>> stationary_law(SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(0.05, radius=1.0)), dimension=3)
        DiscreteLaw, d = 3: U = 0.02554 loss, S_dir = -0.8296 nat, r = 1 weight, p = 0.05111 loss/weight^2
    """

    mean_loss: np.ndarray
    loss_variance: np.ndarray
    direction_entropy: np.ndarray
    mean_radius: np.ndarray
    mean_log_radius: np.ndarray
    mean_volume: np.ndarray
    volume_variance: np.ndarray
    effective_weight_decay: np.ndarray
    pressure: np.ndarray
    spectral_gap: np.ndarray
    error: Mapping[str, np.ndarray]
    dimension: int
    _laws: Any = field(repr=False)

    @property
    def entropy(self) -> np.ndarray:
        """`S = S_dir + (d − 1) E log r`, with the entropy of the direction whatever the radius."""
        return np.asarray(self.direction_entropy + (self.dimension - 1) * self.mean_log_radius)

    def mechanical(self, response: str) -> np.ndarray:
        """`E r`, or the pressure.

        Args:
            response: "radius" or "pressure", a protocol's `mechanical_response`.

        Raises:
            ValueError: another one.
        """
        known = {"radius": self.mean_radius, "pressure": self.pressure}
        if response not in known:
            raise ValueError(f"mechanical_response: got {response!r}, expected one of {', '.join(map(repr, known))}")
        return known[response]

    @property
    def converged_digits(self) -> np.ndarray:
        """Decimal digits of the mean loss (in standard deviations of the loss), entropy and volume that are certain."""
        spread = np.sqrt(np.maximum(self.loss_variance, 0.0))
        relative = [
            self.error["mean_loss"] / np.where(spread > 0, spread, 1.0),
            self.error["direction_entropy"] / np.maximum(np.abs(self.direction_entropy), 1.0),
            self.error["mean_volume"] / self.mean_volume,
        ]
        return np.asarray(-np.log10(np.maximum(np.max(relative, axis=0), 1e-16)))

    def density(self, overlap: ArrayLike) -> np.ndarray:
        """The density of the direction on the sphere, at overlap `m`, for scalar hyperparameters.

        Args:
            overlap: `m`, any shape.

        Returns:
            The density with respect to the surface measure, in the shape of the overlaps.

        Raises:
            ValueError: the law is that of a whole batch.
        """
        depth = 1 - np.asarray(overlap, np.float64)
        return np.asarray(self._one("density").density(np.atleast_1d(depth)).reshape(depth.shape))

    def cumulative(self, overlap: ArrayLike) -> np.ndarray:
        """The probability that the overlap is at most `m`, for scalar hyperparameters.

        Args:
            overlap: `m`, any shape.

        Returns:
            The probability, in the shape of the overlaps.

        Raises:
            ValueError: the law is that of a whole batch.
        """
        depth = 1 - np.asarray(overlap, np.float64)
        return np.asarray(self._one("cumulative").beyond(np.atleast_1d(depth)).reshape(depth.shape))

    def _one(self, name: str) -> ChainLaw:
        if self._laws.ndim:
            shape = self._laws.shape
            raise ValueError(f"{name}: the law is for a grid of shape {shape}, expected one point; ask for one SGD")
        law: ChainLaw = self._laws[()]
        return law

    def __repr__(self) -> str:
        values = {
            "internal_energy": self.mean_loss,
            "direction_entropy": self.direction_entropy,
            "radius": self.mean_radius,
            "pressure": self.pressure,
        }
        known = ((DICTIONARY[word], value) for word, value in values.items() if np.isfinite(value).any())
        shown = (equation(quantity.symbol, span(value), quantity.unit) for quantity, value in known)
        batch = f", {self.mean_loss.shape} runs" if self.mean_loss.ndim else ""
        return f"DiscreteLaw, d = {self.dimension}{batch}: {', '.join(shown)}"


def stationary_law(sgd: SGD, dimension: int | None = None) -> DiscreteLaw:
    """Solves for the stationary law of SGD with a zonal loss and isotropic Gaussian noise, at `dt = 1`.

    `(r, m)` is a Markov chain, and `m` alone where the protocol fixes the radius. Its density is expanded about the
    SDE's; where that does not converge, as for a loss with kinks or several wells, the matrix of transitions is solved.
    Both are refined until nothing changes, and the last change is stated as the `error`. Everything that is asked of
    the protocol is a method of it, so that any protocol is served that fixes the radius or leaves it alone.

    Args:
        sgd: the process, plain SGD; hyperparameters, and other parameters, may be arrays.
        dimension: `d`, where the loss has no mean direction.

    Returns:
        A `DiscreteLaw`. It tends to the SDE's law with an error `O(η_eff)`.

    Raises:
        ValueError: the dimension is missing or contradictory; a loss that is not zonal; noise that is not isotropic; a
            schedule; another update rule; a protocol that changes the radius after the step but does not fix it; or no
            stationary state.
        ArithmeticError: no method finds the law to a hundredth, as where steps are so large that no radius is held.

    Example:
        The SDE would give 0.025 here:

        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.verification import stationary_law
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(0.05, radius=1.0))
        >>> round(float(stationary_law(sgd, dimension=3).mean_loss), 8)
        0.025541

    Source: `thermo_ideal.symbolic.zonal_chain` derives the chain.
    """
    require_stationary(sgd)
    sgd.require_plain_update("the exact law of discrete SGD")
    for name in sgd.schedules:
        raise ValueError(f"{name}: got a schedule, expected numbers, as in stationary_law(sgd.at(0))")
    if not isinstance(sgd.loss, AbstractZonalLoss):
        raise ValueError(
            f"loss: got {type(sgd.loss).__name__}, expected a loss of the overlap alone, as in VonMisesFisherLoss() or "
            "ZonalLoss(lambda m: 1 - m**3)"
        )
    d = sgd.loss.resolve_dimension(dimension)
    chains = chains_of(sgd, d)
    laws = [solve(chain) for chain in chains.chains]

    def of_runs(values: Any) -> np.ndarray:
        return np.asarray(values).reshape(sgd.batch_shape)

    def expectation(name: str) -> np.ndarray:
        return np.array([getattr(law, name) for law in laws])[chains.index]

    def error(name: str) -> np.ndarray:
        return np.array([law.errors[name] for law in laws])[chains.index]

    radius = chains.radius
    per_growth = 1 / (chains.effective_learning_rate * radius**2)
    effective_weight_decay = expectation("growth") * per_growth
    errors = {
        "mean_loss": error("mean_loss"),
        "loss_variance": error("loss_variance"),
        "direction_entropy": error("entropy"),
        "entropy": error("entropy") + (d - 1) * error("log_volume") / 2,
        "mean_radius": radius * error("root_volume"),
        "mean_log_radius": error("log_volume") / 2,
        "mean_volume": radius**2 / 2 * error("volume"),
        "volume_variance": radius**4 / 4 * error("volume_variance"),
        "effective_weight_decay": error("growth") * per_growth,
        "pressure": error("growth") * per_growth,
        "spectral_gap": error("spectral_gap"),
    }
    each = np.empty(len(laws), object)
    each[:] = laws
    return DiscreteLaw(
        mean_loss=of_runs(expectation("mean_loss")),
        loss_variance=of_runs(expectation("loss_variance")),
        direction_entropy=of_runs(expectation("entropy")),
        mean_radius=of_runs(radius * expectation("root_volume")),
        mean_log_radius=of_runs(np.log(radius) + expectation("log_volume") / 2),
        mean_volume=of_runs(radius**2 / 2 * expectation("volume")),
        volume_variance=of_runs(radius**4 / 4 * expectation("volume_variance")),
        effective_weight_decay=of_runs(effective_weight_decay),
        pressure=of_runs(effective_weight_decay + chains.weight_decay),
        spectral_gap=of_runs(expectation("spectral_gap")),
        error={name: of_runs(values) for name, values in errors.items()},
        dimension=d,
        _laws=of_runs(each[chains.index]),
    )
