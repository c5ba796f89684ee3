"""What a simulation measures: the integrator's observables, those of the user, and those that the radius gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._histogram import AbstractBins

Observable = Callable[[Array], Any]
"""A JAX function of one position that returns a number."""


@dataclass(frozen=True)
class Observables:
    """The names of what is measured, found by looking at what the functions return.

    Args:
        own: functions of one position, with their names.
        measured: names of what is measured at every stride.
        derived: names of what is made of it.
        aliases: names of observables that are another one, such as the depth of the loss `1 − m`, by that one's name.
    """

    own: tuple[tuple[str, Observable], ...]
    measured: tuple[str, ...]
    derived: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, integrator: AbstractIntegrator, own: Mapping[str, Any] | None, position: Array) -> Observables:
        """Those of an integrator and of a user.

        Args:
            integrator: of one run.
            own: functions of one position, by name.
            position: of one run.

        Raises:
            ValueError: a function that does not return a number, or a name that is taken.
        """
        functions = _checked(own, position, integrator)
        aliases: dict[str, str] = {}

        def look(position: Array) -> dict[str, Array]:
            normal = jnp.zeros(integrator.num_normals(position.shape[-1]), position.dtype)
            state = integrator.begin(position)
            innovation = integrator.innovation(normal)
            seen = integrator.observe(state, integrator.advance(state, innovation), innovation)
            first: dict[int, str] = {}
            for name, value in seen.items():
                # The same array under two names is measured once.
                if first.setdefault(id(value), name) != name:
                    aliases[name] = first[id(value)]
            return seen

        shapes = jax.eval_shape(look, position)
        wrong = [name for name, x in shapes.items() if x.shape]
        if wrong:
            raise ValueError(
                f"integrator: got the observable {wrong[0]!r} of shape {shapes[wrong[0]].shape} from "
                f"{type(integrator).__name__}.observe, expected a number for one run"
            )
        measured = [name for name in shapes if name not in aliases]
        derived = tuple(_OF_RADIUS) if "radius" in measured else ()
        taken = [name for name in functions if name in (*shapes, *derived)]
        if taken:
            raise ValueError(
                f"observe: got {taken[0]!r}, which {type(integrator).__name__} measures itself, expected another name, "
                f"as in observe={{'my_{taken[0]}': …}}"
            )
        return cls(tuple(functions.items()), (*measured, *functions), derived, tuple(aliases.items()))

    @property
    def streamed(self) -> tuple[str, ...]:
        """The names of all observables whose statistics are kept, without aliases."""
        return self.measured + self.derived

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a user may ask for."""
        return self.streamed + tuple(alias for alias, _ in self.aliases)

    def resolve(self, name: str, argument: str) -> str:
        """The streamed observable of a name.

        Args:
            name: of an observable.
            argument: of `simulate`, to begin the message with.

        Raises:
            ValueError: there is no such observable.
        """
        name = dict(self.aliases).get(name, name)
        if name not in self.streamed:
            raise ValueError(f"{argument}: got {name!r}, expected one of {', '.join(map(repr, self.names))}")
        return name

    def names_of(self, streamed: str) -> tuple[str, ...]:
        """All names of an observable."""
        return (streamed, *(alias for alias, name in self.aliases if name == streamed))

    def observe(self, run: AbstractIntegrator, before: Any, after: Any, innovation: Any) -> dict[str, Array]:
        """What is measured after a step of one run, by name."""
        seen = run.observe(before, after, innovation)
        dtype = jax.tree.leaves(after)[0].dtype
        own = {name: jnp.asarray(function(run.end(after)), dtype) for name, function in self.own}
        return {name: (seen | own)[name] for name in self.measured}

    def rows(self, measured: Array, runs: int) -> Array:
        """Rows of all observables, made of rows of what is measured; each has the runs of one after those of another.

        Args:
            measured: `(n, measurements · runs)`.
            runs: how many.
        """
        if not self.derived:
            return measured
        radius = self.column("radius", measured, runs)
        return jnp.concatenate([measured, *(_OF_RADIUS[name](radius) for name in self.derived)], axis=1)

    def column(self, name: str, measured: Array, runs: int) -> Array:
        """An observable, `(n, runs)`.

        Args:
            name: of the observable.
            measured: as in `rows`.
            runs: how many.
        """
        if name in self.derived:
            return _OF_RADIUS[name](self.column("radius", measured, runs))
        begin = self.measured.index(name) * runs
        return measured[:, begin : begin + runs]


@dataclass(frozen=True)
class Statistics:
    """What is measured, and what is made of it besides moments.

    Args:
        observables: whose moments are kept.
        covariances: pairs of them.
        histograms: a key, an observable and its bins.
    """

    observables: Observables
    covariances: tuple[tuple[str, str], ...]
    histograms: tuple[tuple[str, str, AbstractBins], ...]


_OF_RADIUS: Mapping[str, Callable[[Array], Array]] = {"log_radius": jnp.log, "volume": lambda radius: radius**2 / 2}


def _checked(own: Mapping[str, Any] | None, position: Array, integrator: AbstractIntegrator) -> dict[str, Observable]:
    example = "as in observe={'first': lambda w: w[0]}"
    functions = {} if own is None else own
    if not isinstance(functions, Mapping):
        raise ValueError(f"observe: got a {type(own).__name__}, expected functions of one position by name, {example}")
    for name, function in functions.items():
        if not (isinstance(name, str) and callable(function)):
            raise ValueError(
                f"observe: got {name!r}: {function!r}, expected a function of one position under a name, {example}"
            )
        try:
            returned = jax.eval_shape(lambda w, function=function: jnp.asarray(function(w)), position)
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"observe: got {name!r}, which fails for one position of shape {position.shape}: {error}"
            ) from error
        if returned.shape:
            raise ValueError(
                f"observe: got {name!r}, which returns shape {returned.shape} for one position of shape "
                f"{position.shape}, expected a number, {example}"
            )
    return dict(functions)
