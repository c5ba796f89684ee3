"""Hyperparameters that change from step to step."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from thermo_ideal._arguments import require_finite

Schedule = Callable[[Int[Array, ""]], Any]
"""A JAX function from the step, 0 for the first, to a hyperparameter: a number, or one for each run of a batch."""


class TabulatedSchedule(eqx.Module):
    """A hyperparameter given step by step.

    Args:
        values: `(steps, *batch)`: row `n` is for step `n`, the first being 0.

    Raises:
        ValueError: no rows, or a value that is not finite.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.dynamics import FixedLearningRate, TabulatedSchedule
        >>> protocol = FixedLearningRate(TabulatedSchedule(np.linspace(0.1, 0.01, 100)), weight_decay=0.01)
        >>> float(protocol.at(99).learning_rate).__round__(3)
        0.01
    """

    values: Float[Array, "steps ..."]

    def __init__(self, values: ArrayLike) -> None:
        self.values = jnp.asarray(values, dtype=float)
        if self.values.ndim == 0 or self.values.size == 0:
            raise ValueError(
                f"values: got shape {self.values.shape}, expected (steps, *batch) with a row for each step"
            )
        require_finite("values", self.values)

    def __call__(self, step: Any) -> Float[Array, "..."]:
        """The row of a step; NaN, which no simulation takes, before the first and after the last."""
        beyond = self.values.shape[0]
        return self.values.at[jnp.where(jnp.asarray(step) < 0, beyond, step)].get(mode="fill", fill_value=jnp.nan)
