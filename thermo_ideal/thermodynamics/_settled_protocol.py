"""The protocol of a kind that settles in a state."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thermo_ideal._arguments import broadcast_batch
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind, with_hyperparameters
from thermo_ideal.thermodynamics._properties import AbstractState
from thermo_ideal.thermodynamics._property_table import PROPERTIES

# How far, relative, the stationary state of a protocol may be from where it should be: rounding in single precision.
_TOLERANCE = 1e-3


def settled_protocol(
    kind: ProtocolKind, state: AbstractState, known: Mapping[str, Array] | None = None
) -> AbstractProtocol:
    """The protocol of this kind that settles in a state.

    Args:
        kind: a class of protocols, or a protocol whose static fields are kept.
        state: where it settles.
        known: properties of the state that have been worked out, by name.

    Raises:
        ValueError: a hyperparameter that is no property of a state, or a protocol that settles elsewhere.
    """
    names = kind.hyperparameters()
    for name in names:
        if name not in PROPERTIES:
            class_name = kind.__name__ if isinstance(kind, type) else type(kind).__name__
            arguments = ", ".join(f"{other}=…" for other in names)
            raise ValueError(
                f"{name}: got a hyperparameter of {class_name} that is no property of a State, expected a protocol "
                f"made with a value of it, as in equilibrium(SGD(loss, noise, {class_name}({arguments})))"
            )
    known = known or {}
    values = {name: known[name] if name in known else getattr(state, name) for name in names}
    protocol = with_hyperparameters(kind, values)
    _require_settled(protocol, state)
    return protocol


def spread_hyperparameters(protocol: AbstractProtocol, batch: tuple[int, ...]) -> AbstractProtocol:
    """The protocol with hyperparameters of the shape of a batch."""
    return protocol.replace(**{name: jnp.broadcast_to(value, batch) for name, value in protocol.constants.items()})


def protocol_in_state(protocol: AbstractProtocol, state: AbstractState) -> AbstractProtocol:
    """The same protocol, in the batch of its hyperparameters and the state.

    Args:
        protocol: with its own hyperparameters.
        state: where it settles.

    Raises:
        ValueError: schedules, shapes that do not broadcast, or a protocol that settles elsewhere.
    """
    for name in protocol.schedules:
        raise ValueError(f"{name}: got a schedule, expected a number, as in protocol.at(step)")
    batch = broadcast_batch({"state": state.temperature.shape, **protocol.batch_shapes})
    spread = spread_hyperparameters(protocol, batch)
    _require_settled(spread, state)
    return spread


def noise_trace(state: AbstractState, protocol: AbstractProtocol) -> Array:
    """`τ = (d − 1)σ²` of a state, in the batch of the state and a protocol."""
    shape = jnp.broadcast_shapes(state.temperature.shape, protocol.batch_shape)
    return jnp.broadcast_to(2 * state.gas_constant * state.noise_scale**2, shape)


def _require_settled(protocol: AbstractProtocol, state: AbstractState) -> None:
    """Raises ValueError unless the stationary radius and learning rate are those of the state; not under `jit`."""
    stationary = protocol.stationary_radius(noise_trace(state, protocol))
    found = {"radius": stationary, "effective_learning_rate": protocol.effective_learning_rate_at(stationary)}
    for name, value in found.items():
        expected = getattr(state, name)
        if isinstance(value, jax.core.Tracer) or isinstance(expected, jax.core.Tracer):
            return
        here, there = np.broadcast_arrays(np.asarray(value), np.asarray(expected))
        good = np.isclose(here, there, rtol=_TOLERANCE, atol=0.0, equal_nan=True)
        if not good.all():
            raise ValueError(
                f"protocol: got {type(protocol).__name__} with a stationary {name} of {here[~good].flat[0]:.6g}, "
                f"expected {there[~good].flat[0]:.6g}, that of the state; the state of the protocol itself is "
                "equilibrium(SGD(loss, noise, protocol))"
            )
