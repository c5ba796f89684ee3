"""What must be the same for an interrupted run to go on, as short texts."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from thermo_ideal.integrators._batch import Batch
from thermo_ideal.integrators._observables import Observables
from thermo_ideal.integrators._parameters import with_values


def fingerprint(key: PRNGKeyArray, batch: Batch, observables: Observables, **others: object) -> dict[str, str]:
    """By argument of `simulate`, a text that differs where the argument does.

    Args:
        key: of the random numbers.
        batch: of runs.
        observables: what is measured.
        others: arguments that are told by their text.
    """
    arrays = jax.tree.leaves(eqx.filter(batch.integrator, eqx.is_array))
    return {
        "key": _digest(str(jax.random.key_impl(key)), jax.random.key_data(key)),
        "integrator": _digest(_program(batch, observables), *arrays),
        "hyperparameters": _digest(_schedules(batch), *(batch.values[name] for name in sorted(batch.values))),
        "position": _digest(batch.position),
        **{name: str(value) for name, value in others.items()},
    }


def _program(batch: Batch, observables: Observables) -> str:
    """What a step does and measures, functions of the user's included."""
    run = with_values(batch.integrator, {name: x[0] for name, x in batch.first_values().items()})
    size = batch.position.shape[-1]

    def step(position: Array) -> Any:
        innovation = run.innovation(run.draw(jax.random.key(0), (run.num_normals(size),), batch.dtype))
        state = run.begin(position)
        return observables.observe(run, state, run.advance(state, innovation), innovation)

    program = jax.make_jaxpr(step)(batch.position[0])
    return _without_addresses(f"{type(run).__name__} {program} {_digest(*program.consts)}")


def _schedules(batch: Batch) -> str:
    programs = {name: jax.make_jaxpr(schedule)(jnp.asarray(0)) for name, (schedule, _) in batch.schedules.items()}
    return _without_addresses("".join(f"{name} {x} {_digest(*x.consts)}" for name, x in programs.items()))


def _without_addresses(program: str) -> str:
    return re.sub("0x[0-9a-f]+", "", program)


def _digest(*things: Any) -> str:
    found = hashlib.sha256()
    for thing in things:
        if isinstance(thing, str):
            found.update(thing.encode())
        else:
            x = np.asarray(thing)
            found.update(f"{x.shape} {x.dtype}".encode() + x.tobytes())
    return found.hexdigest()[:12]
