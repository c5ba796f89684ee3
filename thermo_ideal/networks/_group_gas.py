"""Each invariance group as a gas of its own, from averages over steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from thermo_ideal._display import with_error
from thermo_ideal.estimators import Estimate
from thermo_ideal.estimators._replica_statistics import jackknife


def step_quantities(
    radius: Any, gradient_square: Any, noise_trace: Any, rate: Any, decay: Any, squared_angle: Any
) -> dict[str, Any]:
    """What is averaged over steps, element by element, for arrays of NumPy and of JAX.

    Args:
        radius: `r`.
        gradient_square: `r²|g|²`, whose mean is `|∇L(w̄)|² + Tr Σ_w̄`.
        noise_trace: a number whose mean is `Tr Σ_w̄`.
        rate: `η`.
        decay: `λ`, on the sphere the effective one.
        squared_angle: of the step.
    """
    effective = rate / radius**2
    return {
        "radius": radius,
        "volume": radius**2 / 2,
        "gradient_square": gradient_square,
        "noise_trace": noise_trace,
        "effective_learning_rate": effective,
        "effective_weight_decay": decay,
        "decay_per_step": rate * decay,
        "thermal_energy": effective * noise_trace / 4,
        "mechanical_energy": decay * radius**2 / 2,
        "squared_angle": squared_angle,
    }


GROUP_QUANTITIES = tuple(step_quantities(*[1.0] * 6))
"""Their names."""


@dataclass(frozen=True, repr=False)
class GroupGas:
    """The invariance groups of a network, each a gas of its own, and all weights as one in the last row.

    The ideal gas of each is `p V_g = R_g T_g` with `p` the weight decay, `V_g = r_g²/2`, `R_g = rank_g/2` and
    `T_g = η_g τ_g/(2 rank_g)`, `η_g = η/r_g²`, `τ_g = r_g² Tr Σ_g`. Properties are `Estimate`s of `(…, groups + 1)`,
    but for those of all groups together. A momentum `β` turns `η` into `η/(1 − β)`.

    Args:
        names: of the groups, "whole" the last.
        ranks: the rank of each group's noise, at most its weights less the invariances in it.
        means: averages over steps, by the names of `step_quantities`.
        momentum: `β` of the heavy ball that made the steps, with the weight decay in its gradient.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.networks import GroupMeter
        >>> rng, meter = np.random.default_rng(0), GroupMeter(np.array([0, 0, 0, 1, 1, 1]))
        >>> w = np.ones(6)
        >>> for _ in range(4000):  # no loss, noise along the two spheres
        ...     g = rng.normal(size=6) / np.repeat(np.linalg.norm(w.reshape(2, 3), axis=1), 3) ** 2
        ...     g -= w * np.repeat((w * g).reshape(2, 3).sum(1) / (w * w).reshape(2, 3).sum(1), 3)
        ...     new = w - 0.05 * (g + 0.1 * w)
        ...     meter.update(w, g, new, learning_rate=0.05, weight_decay=0.1)
        ...     w = new
        >>> meter.gas().names
        ('group 0', 'group 1', 'whole')

    Source: arXiv 2511.07308 for one gas.
    """

    names: tuple[str, ...]
    ranks: np.ndarray
    means: Mapping[str, Estimate]
    momentum: float = 0.0

    def __repr__(self) -> str:
        if self.radius.value.ndim > 1:
            return f"GroupGas of {len(self.names) - 1} groups, batch {self.radius.value.shape[:-1]}"
        columns = {
            "r": self.radius,
            "T": self.temperature,
            "pV": self.mechanical_energy,
            "RT": self.thermal_energy,
            "Z": self.compressibility_factor,
        }
        cells = [
            [name, *(with_error(float(x.value[i]), float(x.standard_error[i])) for x in columns.values())]
            for i, name in enumerate(self.names)
        ]
        rows = [["", *columns], *cells]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    @property
    def radius(self) -> Estimate:
        """`r_g`, in units of weights."""
        return self.means["radius"]

    @property
    def volume(self) -> Estimate:
        """`V_g = r_g²/2`."""
        return self.means["volume"]

    @property
    def effective_learning_rate(self) -> Estimate:
        """`η_g = η/r_g²`, in 1/loss; of the whole NaN where groups have learning rates of their own."""
        return self.means["effective_learning_rate"]

    @property
    def effective_weight_decay(self) -> Estimate:
        """`λ`; on a sphere what would hold the radius, `E(|w'| − r)/(η r)`."""
        return self.means["effective_weight_decay"]

    @property
    def noise_trace(self) -> Estimate:
        """`τ_g = r_g² Tr Σ_g`, in loss²."""
        return self.means["noise_trace"]

    @property
    def gradient_square(self) -> Estimate:
        """`r_g² E|g|² = |∇L|² + Tr Σ` at radius 1, which the discrete law of the radius asks for."""
        return self.means["gradient_square"]

    @property
    def thermal_energy(self) -> Estimate:
        """`R_g T_g = η_g τ_g/4`, over `1 − β`: the rank drops out."""
        return Estimate(self.means["thermal_energy"].values / (1 - self.momentum))

    @property
    def mechanical_energy(self) -> Estimate:
        """`p V_g = λ r_g²/2`."""
        return self.means["mechanical_energy"]

    @property
    def temperature(self) -> Estimate:
        """`T_g = η_g τ_g/(2 rank_g)`, over `1 − β`, in loss."""
        return Estimate(self.thermal_energy.values / (np.asarray(self.ranks, np.float64)[:, None] / 2))

    @property
    def compressibility_factor(self) -> Estimate:
        """`p V_g/(R_g T_g)`, 1 for an ideal gas in equilibrium."""
        return jackknife(_ratio, self.mechanical_energy.values, self.thermal_energy.values)

    @property
    def angular_update(self) -> Estimate:
        """The root of the mean squared angle of a step, in radians."""
        return jackknife(np.sqrt, self.means["squared_angle"].values)

    @property
    def equilibrium_angle(self) -> Estimate:
        """`√(2ηλ/(1 + β))`, the angle of a step in equilibrium.

        Source: Kosson et al., arXiv 2305.17212.
        """
        per_step = self.means["decay_per_step"].values
        return jackknife(lambda decay: np.sqrt(2 * decay / (1 + self.momentum)), per_step)

    @property
    def mean_temperature(self) -> Estimate:
        """`Σ R_g T_g/Σ R_g` over the groups, in loss."""
        return Estimate(self.thermal_energy.values[..., :-1, :].sum(axis=-2) / (np.sum(self.ranks[:-1]) / 2))

    @property
    def temperature_spread(self) -> Estimate:
        """`(Σ R_g (T_g − T̄)²/Σ R_g)^{1/2}/T̄` over the groups: 0 for a mixture in thermal balance.

        The jackknife takes most of what the errors of the `T_g` add; a spread within a few errors of 0 is none.
        """
        weights = np.asarray(self.ranks[:-1], np.float64) / np.sum(self.ranks[:-1])

        def spread(temperature: np.ndarray) -> np.ndarray:
            own = temperature[..., :-1]
            mean = (weights * own).sum(axis=-1, keepdims=True)
            return np.asarray(np.sqrt((weights * (own / mean - 1) ** 2).sum(axis=-1)))

        return jackknife(spread, self.temperature.values)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)
