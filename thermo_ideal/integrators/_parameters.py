"""The parameters of a batch of runs, by name, and an integrator with those of one run."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import as_positive
from thermo_ideal.integrators._abstract import AbstractIntegrator

# `dt` belongs to the integrator; all other parameters are called after their part of SGD, as "noise.scale".
STEP = "dt"
# The step of SGD itself is no parameter: it is compiled into the program, where it costs nothing.
WHOLE_STEP = 1.0


def as_step(dt: ArrayLike) -> Any:
    """The length of a step: an array, or `WHOLE_STEP` for 1.

    Raises:
        ValueError: a number that is not positive.
    """
    checked = as_positive("dt", dt)
    traced = isinstance(checked, jax.core.Tracer)
    return WHOLE_STEP if not traced and checked.ndim == 0 and float(checked) == 1 else checked


def constants(integrator: AbstractIntegrator) -> dict[str, tuple[Any, int]]:
    """Parameters that do not change from step to step: by name, the value and how many axes that of one run has."""
    found = {
        f"{part}.{name}": (value, own.parameters()[name])
        for part, own in integrator.sgd.components.items()
        for name, value in own.constants.items()
    }
    return found if _is_whole(integrator.dt) else found | {STEP: (integrator.dt, 0)}


def _is_whole(dt: Any) -> bool:
    return isinstance(dt, float) and dt == WHOLE_STEP


def schedules(integrator: AbstractIntegrator) -> dict[str, tuple[Any, int]]:
    """Parameters that do, in the same form."""
    return {
        f"{part}.{name}": (schedule, own.parameters()[name])
        for part, own in integrator.sgd.components.items()
        for name, schedule in own.schedules.items()
    }


def scheduled_shapes(integrator: AbstractIntegrator) -> dict[str, tuple[int, ...]]:
    """The shape of the batch of each schedule, by name."""
    shapes = {}
    for name, (schedule, axes) in schedules(integrator).items():
        shape = jax.eval_shape(lambda step, own=schedule: jnp.asarray(own(step)), jnp.asarray(0)).shape
        shapes[name] = shape[: len(shape) - axes]
    return shapes


def with_values(integrator: AbstractIntegrator, values: dict[str, Array]) -> AbstractIntegrator:
    """The integrator of one run, with its parameters by name."""
    parts: dict[str, dict[str, Array]] = {}
    for key, value in values.items():
        if key != STEP:
            part, name = key.split(".")
            parts.setdefault(part, {})[name] = value
    if parts:
        integrator = eqx.tree_at(
            lambda run: [getattr(run.sgd, part) for part in parts],
            integrator,
            [getattr(integrator.sgd, part).replace(**own) for part, own in parts.items()],
        )
    return eqx.tree_at(lambda run: run.dt, integrator, values[STEP]) if STEP in values else integrator
