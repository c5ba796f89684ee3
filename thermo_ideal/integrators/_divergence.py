"""Runs that become NaN or infinite: which, when, and what is left of their statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from thermo_ideal.integrators._streaming_moments import Level, Moments


@dataclass(frozen=True)
class Divergence:
    """Since when observables are not finite, for each run.

    A run has diverged where an observable of its integrator has. One of the user's own may be NaN in a run that goes
    on.

    Args:
        runs: how many there are.
        own: names of the user's observables.
        steps: by observable, the step after which it was NaN or infinite first, `(runs,)`, and 0 where it never was;
            those that always were finite may be left out.
    """

    runs: int
    own: tuple[str, ...]
    steps: Mapping[str, np.ndarray] = field(default_factory=dict)

    def after(self, first_bad: Mapping[str, np.ndarray], strides: int, begin: int, stride: int) -> Divergence:
        """This and the next chunk.

        Args:
            first_bad: by observable, the first observation of the chunk that is not finite, `(runs,)`; `strides` where
                all are.
            strides: observations in a chunk.
            begin: steps before the chunk.
            stride: steps from one observation to the next.
        """
        steps = dict(self.steps)
        for name, first in first_bad.items():
            bad = first < strides
            if bad.any():
                found = np.where(bad, begin + (first.astype(np.int64) + 1) * stride, 0)
                earlier = steps.get(name, np.zeros(self.runs, np.int64))
                steps[name] = np.where(earlier > 0, earlier, found)
        return replace(self, steps=steps)

    @property
    def at(self) -> np.ndarray:
        """The step after which each run was found NaN or infinite; 0 where it is finite."""
        found = [steps for name, steps in self.steps.items() if name not in self.own]
        first = np.min([np.where(steps > 0, steps, np.iinfo(np.int64).max) for steps in found], axis=0) if found else 0
        return np.where(first == np.iinfo(np.int64).max, 0, first) + np.zeros(self.runs, np.int64)

    def of(self, *names: str) -> np.ndarray:
        """Which runs have no statistics of these observables."""
        lost = self.at > 0
        for name in names:
            lost = lost | (self.steps.get(name, np.zeros(1)) > 0)
        return lost

    def without(self, chunk: Mapping[str, Any], *names: str) -> dict[str, Any]:
        """Results of a chunk with zeros for runs that have no statistics; their sums would only overflow."""
        lost = self.of(*names)
        return {key: np.where(lost, 0, x) for key, x in chunk.items()} if lost.any() else dict(chunk)

    def moments(self, name: str, moments: Moments) -> Moments:
        """Moments of an observable with NaN for runs that have none."""
        lost = self.of(name)
        if not lost.any():
            return moments

        def level(x: Level) -> Level:
            return replace(x, mean=nan_where(lost, x.mean), squares=nan_where(lost, x.squares))

        return replace(
            moments,
            observations=level(moments.observations),
            minimum=nan_where(lost, moments.minimum),
            maximum=nan_where(lost, moments.maximum),
            blocks=tuple(map(level, moments.blocks)),
        )

    def first(self) -> tuple[str, int, int] | None:
        """The observable, run and step of what was NaN or infinite first, if anything was."""
        found = [
            (int(steps[run]), name, int(run)) for name, steps in self.steps.items() for run in np.flatnonzero(steps)
        ]
        if not found:
            return None
        # Where a run and a user's observable of it are bad at once, it is the run.
        step, name, run = min(found, key=lambda each: (each[0], each[1] in self.own))
        return name, run, step


def nan_where(lost: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Numbers, the last axes of which are runs, with NaN for some of those."""
    return np.where(lost, np.nan, x) if lost.any() else x
