"""What `simulate` is asked for, checked and laid out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, PRNGKeyArray

from thermo_ideal._arguments import as_nonnegative, as_positive, require_count, require_finite
from thermo_ideal.dynamics import AbstractZonalLoss
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._chunk import Layout, with_values
from thermo_ideal.integrators._trajectory import Save


class Request:
    """A batch of runs: where they start, with which hyperparameters, and how it is laid out on the devices.

    Raises:
        ValueError: arguments out of their ranges, or that do not fit each other.
    """

    def __init__(
        self,
        key: PRNGKeyArray,
        integrator: AbstractIntegrator,
        position: ArrayLike,
        burn_in: int,
        stride: int,
        save: Save,
        chunk_size: int | None,
        devices: Sequence[jax.Device] | None,
    ) -> None:
        if not isinstance(integrator, AbstractIntegrator):
            raise ValueError(
                f"integrator: got a {type(integrator).__name__}, expected an integrator, as in EulerMaruyama(sgd)"
            )
        if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0):
            raise ValueError(f"key: got {key!r}, expected one key of JAX, as in jax.random.key(0)")
        position = _checked_position(position)
        integrator = _in_precision_of(position, integrator)
        self.key, self.burn_in, self.save = key, burn_in, save
        *batch, size = position.shape
        self.batch, self.dtype, self.position = tuple(batch), position.dtype, position.reshape(-1, size)
        require_count("stride", stride)
        _require_multiples(stride, burn_in=burn_in, save=save.positions, chunk_size=chunk_size)
        stride, self.every = int(stride), int(save.positions or 0) // int(stride)
        if chunk_size is not None and (int(chunk_size) // stride).bit_count() != 1:
            power = 1 << ((int(chunk_size) // stride).bit_length() - 1)
            raise ValueError(
                f"chunk_size: got {chunk_size}, expected stride = {stride} times a power of two, as in chunk_size="
                f"{stride * power}"
            )
        if save.histogram is not None and not isinstance(integrator.sgd.loss, AbstractZonalLoss):
            raise ValueError(
                f"histogram: got a {type(integrator.sgd.loss).__name__}, expected a zonal loss, which alone has a depth"
            )
        available = list(jax.devices()) if devices is None else list(devices)
        if not available or not all(isinstance(device, jax.Device) for device in available):
            raise ValueError(f"devices: got {devices!r}, expected at least one device, as in devices=jax.devices()")
        self.layout = Layout.of(
            lanes=len(self.position),
            numbers=integrator.num_normals(size),
            stride=stride,
            chunk_size=None if chunk_size is None else int(chunk_size),
            every=self.every,
            bins_per_octave=save.histogram or 0,
            platform=available[0].platform,
        )
        blocks = range(self.layout.blocks)
        # Neighbours in turn, so that each device has as many blocks as the next, or one more.
        self.devices = [available[block % len(available)] for block in blocks]
        self.schedules = integrator.sgd.protocol.schedules
        self.run = integrator.at(0)
        names = [name for name in self.run.sgd.protocol.hyperparameters() if name not in self.schedules]
        own = {name: getattr(self.run.sgd.protocol, name) for name in names} | {"scale": self.run.sgd.noise.scale}
        values = {name: self.layout.split(self._lanes(name, value)) for name, value in own.items()}
        self.values = [{name: x[block] for name, x in values.items()} for block in blocks]
        now = {name: schedule(jnp.asarray(0)) for name, schedule in self.schedules.items()}
        now = {name: self.layout.split(self._lanes(name, value)) for name, value in now.items()}
        self._first_values = [values | {name: x[i] for name, x in now.items()} for i, values in enumerate(self.values)]
        self.run.require_position(position)

    def hyperparameters(self, lane: int) -> dict[str, float]:
        """Those of one run that do not change, by name."""
        block, place = divmod(lane, self.layout.width)
        return {name: float(x[place]) for name, x in self.values[block].items()}

    def require_steps(self, num_steps: int) -> None:
        """Raises ValueError unless the numbers of steps fit each other."""
        require_count("num_steps", num_steps)
        _require_multiples(self.layout.stride, num_steps=num_steps)
        left = num_steps - self.burn_in
        if not 0 < left <= num_steps:
            raise ValueError(f"burn_in: got {self.burn_in}, expected 0 ≤ burn_in < num_steps = {num_steps}")
        if self.save.positions is not None and self.save.positions > left:
            raise ValueError(f"save: got {self.save.positions}, expected at most the {left} steps after the burn-in")

    def scheduled(self, begin: int, length: int) -> list[dict[str, Array]]:
        """The hyperparameters that change, over the chunk from step `begin`, of which `length` steps are to be made.

        Returns:
            For each block, by name, `(chunk_size,)` or `(chunk_size, width)`.
        """
        found = {name: self._schedule(name, schedule, begin, length) for name, schedule in self.schedules.items()}
        return [
            {name: x if x.ndim == 1 else x[:, block] for name, x in found.items()}
            for block in range(self.layout.blocks)
        ]

    def _schedule(self, name: str, schedule: Any, begin: int, length: int) -> Array:
        if begin + self.layout.chunk_size >= 2**31:
            raise ValueError(
                f"num_steps: got a scheduled hyperparameter beyond step {begin}, expected fewer than 2**31 steps; hold "
                "it constant from there on, in a run of its own"
            )
        steps = jnp.arange(begin, begin + self.layout.chunk_size)
        values = jax.vmap(lambda step: jnp.asarray(schedule(step), self.dtype))(steps)
        check = as_nonnegative if name == "weight_decay" else as_positive
        try:
            check(name, values[:length])
        except ValueError as error:
            raise ValueError(f"{error}; the first index counts from step {begin} of its schedule") from error
        if values.ndim == 1:
            return values
        return jax.vmap(lambda row: self.layout.split(self._lanes(name, row)))(values)

    def _lanes(self, name: str, value: Any) -> Array:
        """One number for each run of the batch."""
        value = jnp.asarray(value, self.dtype)
        try:
            return jnp.broadcast_to(value, self.batch).reshape(-1)
        except ValueError as error:
            raise ValueError(
                f"{name}: got shape {value.shape}, expected one that broadcasts against the batch "
                f"{self.batch} of position"
            ) from error

    def beginning(self) -> list[Any]:
        """The states of the blocks before the first step."""
        blocks = zip(self._first_values, self.layout.split(self.position), strict=True)
        return [_begin(self.layout, self.run, values, position) for values, position in blocks]

    def _schedule_programs(self) -> str:
        """What the schedules are, functions included."""
        programs = {name: jax.make_jaxpr(schedule)(jnp.asarray(0)) for name, schedule in self.schedules.items()}
        return _without_addresses("".join(f"{name} {x} {_digest(*x.consts)}" for name, x in programs.items()))

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """What must be the same for a run to go on, by argument."""
        hyperparameters = [x for values in self.values for x in values.values()]
        return {
            "key": _digest(str(jax.random.key_impl(self.key)), jax.random.key_data(self.key)),
            "integrator": _digest(self._program(), *jax.tree.leaves(eqx.filter(self.run, eqx.is_array))),
            "hyperparameters": _digest(self._schedule_programs(), *hyperparameters),
            "position": _digest(self.position),
            "burn_in": str(self.burn_in),
            "stride": str(self.layout.stride),
            "save": str(self.save),
            "chunk_size": str(self.layout.chunk_size),
        }

    def _program(self) -> str:
        """What a step does, losses and noise that are functions included."""
        run = with_values(self.run, {name: x[0] for name, x in self._first_values[0].items()})

        def step(position: Array) -> Any:
            innovation = run.innovation(run.draw(jax.random.key(0), (self.layout.numbers,), self.dtype))
            state = run.begin(position)
            return run.observe(state, run.advance(state, innovation), innovation)

        program = jax.make_jaxpr(step)(self.position[0])
        return _without_addresses(f"{type(run).__name__} {program} {_digest(*program.consts)}")


@eqx.filter_jit
def _begin(layout: Layout, run: AbstractIntegrator, values: dict[str, Array], position: Array) -> Any:
    return jax.vmap(lambda v, w: with_values(run, v).begin(w), out_axes=layout.axis)(values, position)


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


def _require_multiples(stride: int, **steps: int | None) -> None:
    for name, value in steps.items():
        if value is None:
            continue
        least = 0 if name == "burn_in" else stride
        require_count(name, value, least=min(least, 1))
        if value < least or value % stride:
            multiple = max(least, round(value / stride) * stride)
            raise ValueError(f"{name}: got {value}, expected a multiple of stride = {stride}, as in {name}={multiple}")


def _checked_position(position: ArrayLike) -> Array:
    position = jnp.asarray(position)
    if not jnp.issubdtype(position.dtype, jnp.floating) or position.dtype.itemsize < 4:
        position = position.astype(float)
    if position.ndim == 0 or position.shape[-1] < 2:
        raise ValueError(f"position: got shape {position.shape}, expected (*batch, d) with d ≥ 2")
    if position.size == 0:
        raise ValueError(f"position: got shape {position.shape}, expected at least one run")
    require_finite("position", position, "start every run at a finite point")
    if not bool(jnp.all(jnp.sum(position**2, axis=-1) > 0)):
        raise ValueError(
            "position: got the origin, or a point whose squared norm is lost in this precision; start where |w|² > 0"
        )
    return position
