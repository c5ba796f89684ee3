"""The chain of volume and overlap that discrete SGD is, for any protocol, in units of the stationary volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thermo_ideal.dynamics import SGD, AbstractZonalLoss
from thermo_ideal.numerics import hermite
from thermo_ideal.verification._step_numbers import (
    along_runs,
    of_run,
    on_host,
    rates_at,
    require_known_constraint,
    stationary_numbers,
)

NODES = 20  # of the volume
# Depths at which two losses are told apart: near the poles, and between them at no round numbers.
_DEPTHS = np.concatenate([2 / (1 + np.exp(np.linspace(36.0, -36.0, 25))), 2 * ((np.arange(488) * 0.6180339887) % 1)])
_SMALLEST = 256  # of the arrays that losses and rates are asked for
_FIXED_WIDTH = 0.1  # of the volumes from which a step is taken back to the sphere


@dataclass(frozen=True)
class Chain:
    """One step of SGD with a zonal loss and isotropic noise, in units of the stationary volume.

    Two chains are equal where their numbers are.

    Args:
        dimension: `d`.
        fixes_radius: whether the volume is 1 after every step.
        noise_scale: `σ`.
        effective_learning_rate: `η_eff` at volume 1.
        decay: `ηλ` at volume 1.
        width: about the standard deviation of `log v`.
        numbers: what else defines it: `η_eff` and `ηλ` at Gauss nodes of the volume, and the loss at some depths.
        rates: `η_eff` and `ηλ` at volumes `v`.
        loss: `L` at depths `u`.
        slope: `dL/du` at depths `u`.
    """

    dimension: int
    fixes_radius: bool
    noise_scale: float
    effective_learning_rate: float
    decay: float
    width: float
    numbers: tuple[float, ...]
    rates: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] = field(compare=False)
    loss: Callable[[np.ndarray], np.ndarray] = field(compare=False)
    slope: Callable[[np.ndarray], np.ndarray] = field(compare=False)


@dataclass(frozen=True)
class Chains:
    """The chains of a batch of runs, in one axis; runs whose numbers differ by rounding alone share one.

    Args:
        chains: those that differ.
        index: which is each run's.
        radius: the unit of each run, `r*`.
        effective_learning_rate: `η_eff` there.
        weight_decay: `λ` there.
    """

    chains: tuple[Chain, ...]
    index: np.ndarray
    radius: np.ndarray
    effective_learning_rate: np.ndarray
    weight_decay: np.ndarray


@eqx.filter_jit
def _loss_at(loss: AbstractZonalLoss, depth: Array) -> Array:
    return loss.at_depth(depth)


@eqx.filter_jit
def _slope_at(loss: AbstractZonalLoss, depth: Array) -> Array:
    return loss.slope(depth)


def _padded(function: Callable[..., Any], component: Any, values: np.ndarray) -> Any:
    """A function on the host, for arrays of few different sizes: each is compiled once."""
    values = np.asarray(values, np.float64)
    size = max(_SMALLEST, 1 << max(values.size - 1, 0).bit_length())
    found = on_host(function, component, np.resize(values, size) if values.size else np.ones(size))
    return jax.tree.map(lambda x: np.broadcast_to(x, (size,))[: values.size].reshape(values.shape), found)


def chains_of(sgd: SGD, dimension: int) -> Chains:
    """The chain of each run of SGD.

    Args:
        sgd: with a zonal loss and isotropic noise, and no schedule.
        dimension: `d`.

    Raises:
        ValueError: a protocol without a stationary radius, or one that neither fixes the radius nor leaves it alone.
    """
    runs = int(np.prod(sgd.batch_shape))
    protocol, noise = along_runs(sgd.protocol, sgd.batch_shape), along_runs(sgd.noise, sgd.batch_shape)
    loss = along_runs(sgd.loss, sgd.batch_shape)
    loss = cast(AbstractZonalLoss, loss)

    def column(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, (runs, 1))

    found = on_host(stationary_numbers, protocol, noise.scale, on_host(noise.trace, dimension))
    radius, variance, (effective, decay) = column(found[0]), column(found[1]), map(column, found[2])
    sigma, width = column(np.asarray(noise.scale)), np.sqrt(variance)
    usable = np.isfinite(radius) & (radius > 0) & np.isfinite(width)
    if not usable.all():
        raise ValueError(
            f"protocol: got a stationary radius of {radius[~usable][0]} whose square has a relative variance of "
            f"{variance[~usable][0]}, expected finite numbers; change the hyperparameters"
        )
    nodes = hermite(0.0, 1.0, NODES).quadrature(NODES)[0]
    near = radius * np.exp(np.where(width > 0, width, _FIXED_WIDTH) * nodes / 2)
    require_known_constraint(protocol, near, radius)
    reached = radius + np.zeros_like(near) if protocol.fixes_radius else near
    losses = [np.broadcast_to(on_host(f, loss, _DEPTHS[None]), (runs, _DEPTHS.size)) for f in (_loss_at, _slope_at)]
    rates = on_host(rates_at, protocol, reached)
    numbers = np.concatenate([sigma, effective, decay, width, *rates, *losses], axis=1)
    first, index = _shared(numbers, _rounding(sgd))

    def chain(run: int) -> Chain:
        own, its_loss = of_run(protocol, run), of_run(loss, run)
        scale, at_unit, decay_at_unit, spread, *others = numbers[run].tolist()
        return Chain(
            dimension=dimension,
            fixes_radius=protocol.fixes_radius,
            noise_scale=scale,
            effective_learning_rate=at_unit,
            decay=decay_at_unit,
            width=spread,
            numbers=tuple(others),
            rates=lambda volume: _padded(rates_at, own, radius[run, 0] * np.sqrt(volume)),
            loss=partial(_padded, _loss_at, its_loss),
            slope=partial(_padded, _slope_at, its_loss),
        )

    return Chains(
        tuple(chain(run) for run in first),
        index,
        radius[:, 0],
        effective[:, 0],
        (decay / (effective * radius**2))[:, 0],
    )


def _rounding(sgd: SGD) -> float:
    """What numbers of chains that are one and the same may differ by."""
    given = [value for part in (sgd.protocol, sgd.noise) for value in part.constants.values()]
    return 16 * float(jnp.finfo(jnp.result_type(float, *given)).eps)


def _shared(numbers: np.ndarray, rounding: float) -> tuple[list[int], np.ndarray]:
    """The first run of each chain, and the chain of each run."""
    first: list[int] = []
    index = np.empty(len(numbers), np.int64)
    for run, row in enumerate(numbers):
        same = np.isclose(numbers[first], row, rtol=rounding, atol=0.0).all(axis=1)
        index[run] = np.argmax(same) if same.any() else len(first)
        if not same.any():
            first.append(run)
    return first, index
