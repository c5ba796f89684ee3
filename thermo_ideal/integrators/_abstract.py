"""What the time loop asks of an integrator."""

import abc
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from thermo_ideal._arguments import broadcast_batch
from thermo_ideal._display import show
from thermo_ideal.dynamics import SGD
from thermo_ideal.numerics import normals, spread

State = Any
"""What is carried from step to step: a pytree of arrays."""


Innovation = Any
"""What is new in a step, made of its random numbers: a pytree of arrays."""


class AbstractIntegrator(eqx.Module):
    """One step of a process.

    A *position* is what a user starts from and gets back, a vector along the last axis; a *state* is what is carried
    from step to step, which may hold more digits. Methods other than `at` expect parameters without schedules.

    Example:
        The overlap alone, on the circle and without noise:

        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import AbstractIntegrator, simulate
        >>> class GradientFlow(AbstractIntegrator):
        ...     sgd: SGD
        ...     dt: float = 1.0
        ...     def num_normals(self, position_size):
        ...         return 1
        ...     def require_position(self, position):
        ...         if position.shape[-1] != self.sgd.loss.dimension:
        ...             raise ValueError(f"position: got shape {position.shape}, expected (*batch, 2)")
        ...     def begin(self, position):
        ...         return self.sgd.protocol.constrain(position)
        ...     def end(self, state):
        ...         return state
        ...     def advance(self, state, innovation):
        ...         return self.begin(state + self.dt * self.sgd.drift(state))
        ...     def observe(self, before, after, innovation):
        ...         return self.sgd.loss.observables(after)
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(2)[0]), IsotropicNoise(), FixedSphere(0.1, 1.0))
        >>> run = simulate(jax.random.key(0), GradientFlow(sgd), jnp.array([0.0, 1.0]), 100)
        >>> bool(run.minimum("loss") < 1e-8)
        True
    """

    sgd: eqx.AbstractVar[SGD]
    dt: eqx.AbstractVar[Any]
    """The length of a step: one number, or one for each run of a batch."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.sgd!r}, dt={show(self.dt)})"

    @property
    def batch_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of the batch of `dt` and of each constant parameter, by the name of its part and its own."""
        return {**self.sgd.batch_shapes, "dt": np.shape(self.dt)}

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the batch: of all constant parameters, broadcast."""
        return broadcast_batch(self.batch_shapes)

    def __check_init__(self) -> None:
        broadcast_batch(self.batch_shapes)

    @abc.abstractmethod
    def num_normals(self, position_size: int) -> int:
        """How many random numbers a step of one run takes.

        Args:
            position_size: components of a position.
        """

    @abc.abstractmethod
    def require_position(self, position: Float[Array, "*batch p"]) -> None:
        """Raises ValueError unless runs can start at these positions.

        Args:
            position: where they start.
        """

    def require_steps(self, position: Float[Array, "*batch p"], num_steps: int) -> None:
        """Raises ValueError unless so many steps can be made; asked before a run, of the integrator with its schedules.

        Args:
            position: where the runs start.
            num_steps: of the run, from its beginning.
        """

    @abc.abstractmethod
    def begin(self, position: Float[Array, "*batch p"]) -> State:
        """The state at a position; on the fixed sphere, of the point on it along the ray.

        Args:
            position: where a run is.
        """

    @abc.abstractmethod
    def end(self, state: State) -> Float[Array, "*batch p"]:
        """The position of a state.

        Args:
            state: of a run.
        """

    @abc.abstractmethod
    def advance(self, state: State, innovation: Innovation) -> State:
        """The state after one step.

        Args:
            state: where the step begins.
            innovation: of the step.
        """

    @abc.abstractmethod
    def observe(self, before: State, after: State, innovation: Innovation) -> dict[str, Float[Array, "..."]]:
        """What `simulate` measures after a step, by name; whatever is returned is followed.

        Args:
            before: the state in which the step began.
            after: the state after it.
            innovation: of the step.
        """

    def innovation(self, normal: Float[Array, "*batch n"]) -> Innovation:
        """What a step makes of its random numbers whatever the state; done for many steps at once.

        Args:
            normal: `num_normals` random numbers.
        """
        return normal

    def draw(self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
        """Random numbers for `step`: standard normals.

        Args:
            key: a JAX key.
            shape: how many.
            dtype: in which precision.
        """
        return normals(key, shape, dtype)

    def step(self, position: Float[Array, "... p"], normal: Float[Array, "... n"]) -> Float[Array, "... p"]:
        """The position after one step.

        Args:
            position: where the step begins.
            normal: `num_normals` random numbers, standard normal unless the integrator says otherwise.

        Returns:
            Positions, in the batch of the arguments and the parameters.
        """
        position = spread(position, self.batch_shape, normal.shape[:-1])
        normal = spread(normal, position.shape[:-1])
        return self.end(self.advance(self.begin(position), self.innovation(normal)))

    def at(self, step: Any) -> "AbstractIntegrator":
        """The integrator with the parameters of a step, 0 being the first.

        Args:
            step: the number of the step.
        """
        return eqx.tree_at(lambda run: run.sgd, self, self.sgd.at(step)) if self.sgd.schedules else self
