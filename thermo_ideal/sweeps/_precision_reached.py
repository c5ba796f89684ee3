"""Whether the means of a block are as precise as the spec asks for.

Errors that a run is ended by are widened for that (see `simulate`), and infinite where it is too short to tell, so that
it does not end on an error that is small by chance.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from thermo_ideal.integrators import Trajectory

_LOOKS = 64  # at most, at the errors of a block
_OBSERVATIONS = 2**23  # of all runs from one look to the next, at most

Targets = Iterable[tuple[str, float]]
"""Observables with the standard errors that are asked for."""


def steps_between_looks(num_steps: int, stride: int, runs: int) -> int:
    """How many steps a block makes from one look at its errors to the next: a power of two of strides.

    Args:
        num_steps: of every run, at most.
        stride: steps from one observation to the next.
        runs: of the block.
    """
    strides = max(1, min(num_steps // (_LOOKS * stride), _OBSERVATIONS // runs))
    return stride * 2 ** (strides.bit_length() - 1)


def error_of_point(trajectory: Trajectory, observable: str) -> np.ndarray:
    """The standard error of the mean over time and replicas, `(points,)`.

    It is that of the runs that did not diverge; NaN where none is left.

    Args:
        trajectory: a batch `(points, replicas)`.
        observable: its name.
    """
    error = trajectory.standard_error(observable)
    left = ~np.isnan(error)
    count = np.where(left.any(axis=1), left.sum(axis=1), np.nan)
    return np.asarray(np.sqrt((np.where(left, error, 0.0) ** 2).sum(axis=1)) / count)


def reached(trajectory: Trajectory, targets: Targets) -> np.ndarray:
    """Which points have all errors that are asked for, `(points,)`.

    Args:
        trajectory: a batch `(points, replicas)`.
        targets: of the spec.
    """
    return np.all([error_of_point(trajectory, name) <= target for name, target in targets], axis=0)


def nothing_left(trajectory: Trajectory, targets: Targets) -> bool:
    """Whether every point has reached its errors, or has no run left that could.

    Args:
        trajectory: a batch `(points, replicas)`.
        targets: of the spec.
    """
    lost = (trajectory.diverged_at > 0).all(axis=1)
    return bool((reached(trajectory, targets) | lost).all())
