"""A batch of runs: where each starts, its parameters, and their common precision."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import broadcast_batch, require_finite
from thermo_ideal.dynamics._sgd import display_name
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._parameters import STEP, constants, scheduled_shapes, schedules, with_values


class Batch:
    """Runs that are made together.

    Its shape is that of the positions' batch, of every parameter and of every schedule, broadcast. Everything is in the
    precision of the positions.

    Args:
        integrator: the process and its step.
        position: where to start, `(*batch, p)`.

    Raises:
        ValueError: positions where no run can start, or shapes that do not broadcast.
    """

    def __init__(self, integrator: AbstractIntegrator, position: ArrayLike) -> None:
        position = _checked_position(position)
        integrator = _in_precision_of(position, integrator)
        shapes = integrator.batch_shapes | scheduled_shapes(integrator)
        named = {display_name(name): shape for name, shape in shapes.items()}
        *batch, size = position.shape
        self.shape = broadcast_batch({"position": tuple(batch)} | named)
        self.dtype = position.dtype
        self.position = self.each(position, 1)
        self.schedules = schedules(integrator)
        self.integrator = integrator.at(0)
        self.values = {
            name: self.each(value, axes)
            for name, (value, axes) in constants(integrator).items()
            if axes == 0 or shapes[name]
        }
        self.integrator.require_position(position)
        self._asked = integrator, position

    def require_steps(self, num_steps: int) -> None:
        """Raises ValueError unless so many steps can be made.

        Args:
            num_steps: of the run, from its beginning.
        """
        integrator, position = self._asked
        integrator.require_steps(position, num_steps)

    @property
    def runs(self) -> int:
        """How many there are."""
        return len(self.position)

    def each(self, value: Any, axes: int, leading: int = 0) -> np.ndarray:
        """A parameter, one value for each run, `(runs, …)`; behind leading axes, where there are."""
        value = np.asarray(value).astype(self.dtype, copy=False)
        before, own = value.shape[:leading], value.shape[value.ndim - axes :]
        batch = value.shape[leading : value.ndim - axes]
        value = value.reshape(*before, *(1,) * (len(self.shape) - len(batch)), *batch, *own)
        return np.broadcast_to(value, (*before, *self.shape, *own)).reshape(*before, -1, *own)

    def scheduled(self, begin: int, steps: int, length: int) -> dict[str, np.ndarray]:
        """The parameters that change, over steps from `begin`.

        Args:
            begin: the first step.
            steps: how many.
            length: how many of them are made; the values of others are not looked at.

        Returns:
            By name, `(steps, runs, …)`, or `(steps, 1, …)` where all runs share one value.

        Raises:
            ValueError: a value out of its range.
        """
        return {
            name: self._over_steps(name, schedule, axes, begin, steps, length)
            for name, (schedule, axes) in self.schedules.items()
        }

    def _over_steps(self, name: str, schedule: Any, axes: int, begin: int, steps: int, length: int) -> np.ndarray:
        shown = display_name(name)
        if begin + steps >= 2**31:
            raise ValueError(
                f"num_steps: got a schedule of {shown} beyond step {begin}, expected fewer than 2**31 steps; hold it "
                "constant from there on, in a run of its own"
            )
        values = jax.vmap(lambda step: jnp.asarray(schedule(step), self.dtype))(jnp.arange(begin, begin + steps))
        part, _, parameter = name.rpartition(".")
        check = self.integrator.sgd.components[part].checks().get(parameter, require_finite)
        try:
            check(shown, values[:length])
        except ValueError as error:
            raise ValueError(f"{error}; the first index counts from step {begin} of its schedule") from error
        values = np.asarray(values)
        return values[:, None] if values.ndim == 1 + axes else self.each(values, axes, leading=1)

    def first_values(self) -> dict[str, np.ndarray]:
        """All parameters at the first step, `(runs, …)`."""
        now = {name: self.each(schedule(jnp.asarray(0)), axes) for name, (schedule, axes) in self.schedules.items()}
        return self.values | now

    def first_run(self) -> tuple[AbstractIntegrator, Array]:
        """The integrator with the parameters of the first run at its first step, and where that run starts."""
        values = {name: jax.device_put(x[0]) for name, x in self.first_values().items()}
        return with_values(self.integrator, values), jax.device_put(self.position[0])

    def describe(self, run: int) -> str:
        """The numbers among the parameters of one run that do not change, in words."""
        numbers = {name: x[run] for name, x in self.values.items() if x.ndim == 1 and name != STEP}
        return ", ".join(f"{display_name(name)} = {float(x):.4g}" for name, x in numbers.items())


def _in_precision_of(position: Array, integrator: AbstractIntegrator) -> AbstractIntegrator:
    def cast(path: Any, x: Any) -> Any:
        if not eqx.is_inexact_array(x):
            return x
        if x.dtype == position.dtype:
            return x
        kept = np.asarray(x).astype(position.dtype)
        if (_vanishes(kept) != _vanishes(x)).any():
            name = jax.tree_util.keystr(path).lstrip(".")
            raise ValueError(f"{name}: got a number that is 0 in the {position.dtype} of position; use float64")
        return jax.device_put(kept)

    return jax.tree_util.tree_map_with_path(cast, integrator)


def _vanishes(x: ArrayLike) -> np.ndarray:
    """Where numbers are 0 to XLA, which takes for that what is below the smallest normal one."""
    return np.asarray(np.abs(x) < np.finfo(np.asarray(x).dtype).tiny)


def _checked_position(position: ArrayLike) -> Array:
    position = jnp.asarray(position)
    if not jnp.issubdtype(position.dtype, jnp.floating) or position.dtype.itemsize < 4:
        position = position.astype(float)
    if position.ndim == 0 or position.shape[-1] < 2:
        raise ValueError(f"position: got shape {position.shape}, expected (*batch, d) with d ≥ 2")
    if position.size == 0:
        raise ValueError(f"position: got shape {position.shape}, expected at least one run")
    require_finite("position", position, "start every run at a finite point")
    with np.errstate(over="ignore", under="ignore"):
        squares = np.sum(np.asarray(position) ** 2, axis=-1)
    if (_vanishes(squares) | ~np.isfinite(squares)).any():
        raise ValueError(
            "position: got the origin, or a point whose squared norm is lost in this precision; start where |w|² > 0 "
            "and is finite"
        )
    return position
