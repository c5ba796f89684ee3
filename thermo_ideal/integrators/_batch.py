"""A batch of runs: where each starts, its parameters, and their common precision."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from thermo_ideal._arguments import broadcast_batch, require_finite
from thermo_ideal.dynamics._sgd import display_name
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._parameters import STEP, constants, scheduled_shapes, schedules


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
        self.position = jnp.broadcast_to(position, (*self.shape, size)).reshape(-1, size)
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

    def each(self, value: Any, axes: int) -> Array:
        """A parameter, one value for each run, `(runs, …)`."""
        value = jnp.asarray(value, self.dtype)
        own = value.shape[value.ndim - axes :]
        return jnp.broadcast_to(value, (*self.shape, *own)).reshape(-1, *own)

    def scheduled(self, begin: int, steps: int, length: int) -> dict[str, Array]:
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

    def _over_steps(self, name: str, schedule: Any, axes: int, begin: int, steps: int, length: int) -> Array:
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
        if values.ndim == 1 + axes:
            return values[:, None]
        return jax.vmap(lambda row: self.each(row, axes))(values)

    def first_values(self) -> dict[str, Array]:
        """All parameters at the first step, `(runs, …)`."""
        now = {name: self.each(schedule(jnp.asarray(0)), axes) for name, (schedule, axes) in self.schedules.items()}
        return self.values | now

    def describe(self, run: int) -> str:
        """The numbers among the parameters of one run that do not change, in words."""
        numbers = {name: x[run] for name, x in self.values.items() if x.ndim == 1 and name != STEP}
        return ", ".join(f"{display_name(name)} = {float(x):.4g}" for name, x in numbers.items())


def _in_precision_of(position: Array, integrator: AbstractIntegrator) -> AbstractIntegrator:
    def cast(path: Any, x: Any) -> Any:
        if not eqx.is_inexact_array(x):
            return x
        kept = x.astype(position.dtype)
        if bool(jnp.any((kept == 0) != (x == 0))):
            name = jax.tree_util.keystr(path).lstrip(".")
            raise ValueError(f"{name}: got a number that is 0 in the {position.dtype} of position; use float64")
        return kept

    return jax.tree_util.tree_map_with_path(cast, integrator)


def _checked_position(position: ArrayLike) -> Array:
    position = jnp.asarray(position)
    if not jnp.issubdtype(position.dtype, jnp.floating) or position.dtype.itemsize < 4:
        position = position.astype(float)
    if position.ndim == 0 or position.shape[-1] < 2:
        raise ValueError(f"position: got shape {position.shape}, expected (*batch, d) with d ≥ 2")
    if position.size == 0:
        raise ValueError(f"position: got shape {position.shape}, expected at least one run")
    require_finite("position", position, "start every run at a finite point")
    squares = jnp.sum(position**2, axis=-1)
    if not bool(jnp.all((squares > 0) & jnp.isfinite(squares))):
        raise ValueError(
            "position: got the origin, or a point whose squared norm is lost in this precision; start where |w|² > 0 "
            "and is finite"
        )
    return position
