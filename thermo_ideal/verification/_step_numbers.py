"""What a protocol does in a step, in numbers on the host, by its methods alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thermo_ideal._arguments import in_double_precision
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.dynamics._component import AbstractComponent
from thermo_ideal.numerics import like

_Component = TypeVar("_Component", bound=AbstractComponent)

_RAY = np.array([0.6, 0.8])  # what a protocol does along the ray, two components show
_ROUNDING = 1e-6  # of what a protocol computes in single precision


def on_host(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a JAX function gives in double precision, as NumPy arrays.

    Args:
        function: of arrays, or of components.
        arguments: its own; NumPy arrays are handed over in double precision.
    """
    with jax.enable_x64(True):
        return jax.tree.map(
            np.asarray, function(*(jnp.asarray(x) if isinstance(x, np.ndarray) else x for x in arguments))
        )


def along_runs(component: _Component, batch: tuple[int, ...]) -> _Component:
    """The component in double precision, with parameters of shape `(runs, 1)` where those of runs differ.

    Args:
        component: without schedules.
        batch: the shape of the batch that its parameters broadcast to.
    """
    axes = component.parameters()
    values = {}
    with jax.enable_x64(True):
        for name, value in component.constants.items():
            value = in_double_precision(value)
            own = value.shape[max(value.ndim - axes[name], 0) :]
            if value.ndim > axes[name]:
                value = np.broadcast_to(value, (*batch, *own)).reshape(-1, 1, *own)
            values[name] = jnp.asarray(value)
        return component.replace(**values)


def of_run(component: _Component, run: int) -> _Component:
    """One run's component, from that of `along_runs`.

    Args:
        component: with parameters of shape `(runs, 1)`, or one value.
        run: which.
    """
    axes, constants = component.parameters(), component.constants
    with jax.enable_x64(True):
        return component.replace(
            **{name: value[run, 0] for name, value in constants.items() if value.ndim > axes[name]}
        )


@eqx.filter_jit
def stationary_numbers(
    protocol: AbstractProtocol, noise_scale: Array, noise_trace: Array
) -> tuple[Array, Array, tuple[Array, Array]]:
    """`r*`, the relative variance of the volume, and `η_eff` and `ηλ` at `r*`.

    Args:
        protocol: of `along_runs` or `of_run`.
        noise_scale: `σ`.
        noise_trace: `τ`.
    """
    radius = jnp.asarray(protocol.stationary_radius(noise_trace))
    return radius, protocol.relative_volume_variance(noise_scale, noise_trace), rates_at(protocol, radius)


@eqx.filter_jit
def rates_at(protocol: AbstractProtocol, radius: Array) -> tuple[Array, Array]:
    """`η_eff` and `ηλ` of a step from radius `r`, in its shape.

    Args:
        protocol: of `along_runs` or `of_run`.
        radius: `r`, along the last axis.
    """
    decay = protocol.learning_rate_at(radius) * protocol.weight_decay_at(radius)
    return like(protocol.effective_learning_rate_at(radius), radius), like(decay, radius)


@eqx.filter_jit
def _constrained(protocol: AbstractProtocol, radius: Array) -> Array:
    """Weights of these norms along one ray, after the constraint."""
    return protocol.constrain(jnp.stack([part * radius for part in _RAY], axis=-1))


def require_known_constraint(protocol: AbstractProtocol, radius: np.ndarray, stationary: np.ndarray) -> None:
    """Raises ValueError unless the protocol takes weights of any of these radii to the stationary one, or leaves them.

    Args:
        protocol: of `along_runs`.
        radius: `(runs, n)`, those that a step may end at.
        stationary: `(runs, 1)`.
    """
    found = on_host(_constrained, protocol, radius)
    kept = (stationary if protocol.fixes_radius else radius) + np.zeros_like(radius)
    off = ~(np.linalg.norm(found - kept[..., None] * _RAY, axis=-1) <= _ROUNDING * kept)
    if off.any():
        before, after, expected = (x[off][0] for x in (radius, np.linalg.norm(found, axis=-1), kept))
        raise ValueError(
            f"protocol: got {type(protocol).__name__} with fixes_radius = {protocol.fixes_radius}, whose constrain "
            f"takes weights of norm {before:.6g} to {after:.6g}, expected {expected:.6g}; the exact law is known where "
            "the radius is fixed or left alone; simulate, as in simulate(key, EulerMaruyama(sgd), position, num_steps)"
        )
