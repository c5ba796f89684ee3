"""What the time loop asks of an integrator."""

import abc
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from thermo_ideal.dynamics import SGD

State = Any
"""What is carried from step to step: an array or a tuple of arrays."""


Innovation = Any
"""What is new in a step, made of its random numbers: an array or a tuple of arrays."""


class AbstractIntegrator(eqx.Module):
    """One step of a process, for one run; batches go through `simulate` or `jax.vmap`.

    A *position* is what a user starts from and gets back; a *state* is what is carried from step to step, which may
    hold more digits. Methods other than `at` want a protocol without schedules.
    """

    sgd: eqx.AbstractVar[SGD]
    dt: eqx.AbstractVar[float]

    @abc.abstractmethod
    def num_normals(self, position_size: int) -> int:
        """How many random numbers a step takes."""

    @abc.abstractmethod
    def require_position(self, position: Float[Array, "*batch p"]) -> None:
        """Raises ValueError unless runs can start at these positions."""

    @abc.abstractmethod
    def begin(self, position: Float[Array, " p"]) -> State:
        """The state at a position; on the fixed sphere, of the point on it along the ray."""

    @abc.abstractmethod
    def end(self, state: State) -> Float[Array, " p"]:
        """The position of a state."""

    @abc.abstractmethod
    def advance(self, state: State, innovation: Innovation) -> State:
        """The state after one step."""

    @abc.abstractmethod
    def observe(self, before: State, after: State, innovation: Innovation) -> dict[str, Float[Array, ""]]:
        """What `simulate` measures, of the state after a step that began at `before`."""

    def innovation(self, normal: Float[Array, " n"]) -> Innovation:
        """What a step makes of its random numbers whatever the state; done for many steps at once."""
        return normal

    def draw(self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
        """Random numbers for `step`: standard normals."""
        return jax.random.normal(key, shape, dtype)

    def step(self, position: Float[Array, " p"], normal: Float[Array, " n"]) -> Float[Array, " p"]:
        """The position after one step.

        Args:
            position: where the step begins.
            normal: `num_normals` random numbers, standard normal unless the integrator says otherwise.
        """
        return self.end(self.advance(self.begin(position), self.innovation(normal)))

    def at(self, step: Any) -> "AbstractIntegrator":
        """The integrator with the hyperparameters of a step, 0 being the first."""
        return eqx.tree_at(lambda run: run.sgd.protocol, self, self.sgd.protocol.at(step))
