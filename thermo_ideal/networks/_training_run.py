"""A finished training: what was logged, and the state from which it can go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from thermo_ideal.estimators import Estimate
from thermo_ideal.networks._group_gas import GROUP_QUANTITIES, GroupGas
from thermo_ideal.networks._training_step import Walker


@dataclass(frozen=True)
class TrainingState:
    """All that a run needs to go on.

    Args:
        step: how many steps have been made.
        walkers: weights, optimiser and sums of all runs, on the device.
        totals: the sums since the last log, of whole chunks, in double precision.
        counts: steps in them, and steps of which there is a noise.
        logs: what has been logged, by name.
    """

    step: int
    walkers: Walker
    totals: dict[str, np.ndarray]
    counts: tuple[int, int]
    logs: tuple[dict[str, Any], ...]


@dataclass(frozen=True, repr=False)
class TrainingRun:
    """A finished training: the model, what was logged, and the state from which it can go on.

    Args:
        model: after the last step; its arrays have the axes of the batch in front.
        logs: by logged step; averages are over the steps since the last log.
        state: to hand to `train(…, resume=run)`.
        replicas: whether the last axis of the batch is of replicas.
        ranks: of each group's noise and of the whole.

    Example:
        >>> import jax
        >>> from thermo_ideal.dynamics import FixedSphere
        >>> from thermo_ideal.networks import ScaleInvariantMLP, digits, train
        >>> model = ScaleInvariantMLP(64, (16,), 10, key=jax.random.key(0))
        >>> run = train(jax.random.key(1), model, digits(), FixedSphere(0.1, 1.0), 200, log_steps=[100, 200])
        >>> run
        TrainingRun: 200 steps, 2 logs, groups layer1
        >>> run.logs["radius"].shape
        (2, 2)
    """

    model: Any
    logs: xr.Dataset
    state: TrainingState
    replicas: bool
    ranks: np.ndarray

    def __repr__(self) -> str:
        names = [str(name) for name in self.logs["group"].values[:-1]]
        shown = ", ".join(names if len(names) <= 12 else [*names[:2], "…", names[-1]])
        return f"TrainingRun: {self.state.step} steps, {self.logs.sizes['step']} logs, groups {shown}"

    def gas(self, since: int = 0, *, noise: str = "fresh", momentum: float = 0.0) -> GroupGas:
        """The groups as gases, averaged over the logs after a step.

        Args:
            since: a step by which the run has become stationary.
            noise: "fresh" for `Tr Σ` from the fresh mini-batches of the logs, which has no bias but misses bursts
                between logs; "training" for that from successive gradients, an average over all steps that is too large
                at large learning rates, see `NoiseMeter`.
            momentum: `β`, where the transformation has one, with the weight decay in its gradient.

        Returns:
            A `GroupGas` with errors over replicas, or over logs where there are none; then the logs after `since` must
            be many steps apart.

        Raises:
            ValueError: fewer than two logs after that step, without replicas, or another name of a noise.
        """
        if noise not in ("fresh", "training"):
            raise ValueError(f'noise: got {noise!r}, expected "fresh" or "training"')
        kept = self.logs.sel(step=self.logs["step"] > since)
        length = kept["interval"].values
        if len(length) < (1 if self.replicas else 2):
            raise ValueError(
                f"since: got {since}, after which there are {len(length)} logs, expected more; log more often, as in "
                f"log_steps=range({max(since, 0) + 100}, {self.state.step + 1}, 100)"
            )
        share = length / length.mean()
        if noise == "fresh":
            energy = kept["effective_learning_rate"] * kept["fresh_noise_trace"] / 4
            kept = kept.assign(noise_trace=kept["fresh_noise_trace"], thermal_energy=energy)
        means = {}
        for name in GROUP_QUANTITIES:
            values = np.moveaxis(kept[name].transpose(..., "step", "group").values, -2, -1)  # (*batch, group, step)
            weighted = values * share
            if self.replicas:  # (*grid, replica, group, step)
                weighted = np.moveaxis(weighted.mean(axis=-1), -2, -1)
            means[name] = Estimate(weighted)
        names = tuple(str(name) for name in self.logs["group"].values)
        return GroupGas(names, self.ranks, means, momentum)
