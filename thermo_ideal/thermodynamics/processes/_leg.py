"""A leg of a process: states as a function of the fraction of it that is done."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._state import State

# So many fractions are evaluated in one call: a leg is compiled once, whatever the length of a schedule.
BLOCK = 512
STATE = ("temperature", "volume", "noise_scale")  # what makes a state
_KNOWN = (*STATE, "pressure", "heat_capacity_volume")
RATES = ("learning_rate", "effective_learning_rate", "temperature")  # of which 0 is a step that does nothing
_HYPERPARAMETERS = ("learning_rate", "effective_learning_rate", "weight_decay", "radius")  # the usual ones
# At so many temperatures the relaxation time is worked out, and interpolated between them.
_TEMPERATURES = 17


class Leg(eqx.Module):
    """A part of a process: two properties as functions of the fraction of the leg that is done."""

    kind: str = eqx.field(static=True)
    gas: AbstractHelmholtzEnergy
    noise_scale: Array
    properties: dict[str, Callable[[Array], Array]]

    def state(self, s: Array) -> State:
        """The states at some fractions of the leg."""
        given: dict[str, Any] = {name: jnp.broadcast_to(f(s), s.shape) for name, f in self.properties.items()}
        return State(self.gas, noise_scale=jnp.broadcast_to(self.noise_scale, s.shape), **given)


@eqx.filter_jit
def _block(leg: Leg, s: Array) -> dict[str, Array]:
    """Properties along a leg, and the rates of change of `S`, `V`, `log T` and `log V`."""

    def path(s: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        state = leg.state(s)
        moving = {"S": state.entropy, "V": state.volume}
        moving |= {"log_T": jnp.log(state.temperature), "log_V": jnp.log(state.volume)}
        known = {name: getattr(state, name) for name in (*_KNOWN, *_HYPERPARAMETERS)}
        given: dict[str, Any] = {
            name: jnp.broadcast_to(f(s), s.shape) for name, f in leg.properties.items() if name in known
        }
        known |= given
        rests = jnp.any(
            jnp.stack([jnp.zeros(s.shape, bool), *(given[name] == 0 for name in RATES if name in given)]), 0
        )
        return moving, known | {name: jnp.where(rests, 0.0, known[name]) for name in RATES}

    _, slopes, known = jax.jvp(path, (s,), (jnp.ones_like(s),), has_aux=True)
    return slopes | known


def along(leg: Leg, s: np.ndarray) -> dict[str, Array]:
    """Properties and rates of change at a vector of fractions of the leg, of any length but 0.

    Args:
        leg: the leg.
        s: the fractions, from 0 to 1.
    """
    padded = np.pad(s, (0, -len(s) % BLOCK), mode="edge").reshape(-1, BLOCK)
    blocks = [_block(leg, jnp.asarray(block, leg.noise_scale.dtype)) for block in padded]
    return {name: jnp.concatenate([block[name] for block in blocks])[: len(s)] for name in blocks[0]}


def correlation_time(gas: AbstractHelmholtzEnergy, leg: Mapping[str, np.ndarray]) -> np.ndarray:
    """That of the loss at each node of a leg, in steps.

    Args:
        gas: of the leg, which knows its loss.
        leg: properties at the nodes.
    """
    T = np.log(leg["temperature"])
    nodes = np.linspace(T.min(), T.max(), _TEMPERATURES if T.max() - T.min() > 1e-9 else 1)
    times = [gas.energy_correlation_time(float(np.exp(x))) for x in nodes]
    return np.asarray(np.interp(T, nodes, times) / leg["effective_learning_rate"])
