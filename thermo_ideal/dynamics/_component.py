"""What losses, noises, protocols and update rules have in common: parameters that differ between runs and steps."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import ArrayLike

from thermo_ideal._arguments import Check, broadcast_batch
from thermo_ideal._display import show
from thermo_ideal.dynamics._schedules import Schedule

_Component = TypeVar("_Component", bound="AbstractComponent")


class AbstractComponent(eqx.Module):
    """A part of SGD, some of whose fields are parameters.

    A parameter has one value, or an array of values with one for each run of a batch, whose axes come before those of
    the value; or it is a schedule, a JAX function of the step that returns either. All other fields are shared by the
    batch.
    """

    @classmethod
    @abc.abstractmethod
    def parameters(cls) -> Mapping[str, int]:
        """The fields that are parameters, and how many axes one value has: 0 for a number, 1 for a vector."""

    @classmethod
    def checks(cls) -> Mapping[str, Check]:
        """What a schedule may return, by the name of the parameter: checks of its values; any finite ones, if unnamed.

        They may allow what a constant may not be.
        """
        return {}

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The parameters that change from step to step, by name."""
        return {name: value for name, value in self._given().items() if callable(value)}

    @property
    def constants(self) -> dict[str, Any]:
        """The parameters that do not, by name."""
        return {name: value for name, value in self._given().items() if not callable(value)}

    @property
    def batch_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of the batch of each constant parameter, `()` for one value, by name."""
        axes = self.parameters()
        shapes = {name: jnp.shape(value) for name, value in self.constants.items()}
        return {name: shape[: max(len(shape) - axes[name], 0)] for name, shape in shapes.items()}

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the batch: of all constant parameters, broadcast."""
        return broadcast_batch(self.batch_shapes)

    def __check_init__(self) -> None:
        broadcast_batch(self.batch_shapes)

    def at(self: _Component, step: ArrayLike) -> _Component:
        """The component with constant parameters that acts at a step, 0 being the first; schedules are asked.

        Args:
            step: the number of the step.
        """
        return self.replace(
            **{name: jnp.asarray(schedule(jnp.asarray(step)), float) for name, schedule in self.schedules.items()}
        )

    def replace(self: _Component, **parameters: Any) -> _Component:
        """The component with other values of some parameters; they are not checked.

        Args:
            parameters: by name.

        Raises:
            ValueError: a name that is no parameter.
        """
        names = list(parameters)
        if not names:
            return self
        unknown = [name for name in names if name not in self.parameters()]
        if unknown:
            known = ", ".join(map(repr, self.parameters())) or "no parameters"
            raise ValueError(f"{unknown[0]}: got a name that {type(self).__name__} does not have, expected {known}")
        values = [parameters[name] for name in names]
        return eqx.tree_at(
            lambda part: [getattr(part, name) for name in names], self, values, is_leaf=lambda x: x is None
        )

    def __repr__(self) -> str:
        fields = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        return f"{type(self).__name__}({', '.join(f'{name}={_shown(x)}' for name, x in fields if x is not None)})"

    def _given(self) -> dict[str, Any]:
        found = {name: getattr(self, name) for name in self.parameters()}
        return {name: value for name, value in found.items() if value is not None}


def _shown(value: Any) -> str:
    """A field in a few characters: numbers, a function by its name."""
    return getattr(value, "__name__", None) or show(value)
