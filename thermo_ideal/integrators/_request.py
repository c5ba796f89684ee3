"""What `simulate` is asked for, checked and laid out on the devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, PRNGKeyArray

from thermo_ideal._arguments import require_count
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._batch import Batch
from thermo_ideal.integrators._fingerprint import fingerprint
from thermo_ideal.integrators._layout import Layout
from thermo_ideal.integrators._observables import Observables
from thermo_ideal.integrators._parameters import with_values
from thermo_ideal.integrators._save import Save


class Request:
    """The arguments of `simulate` but for the number of steps.

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
        observe: Mapping[str, Any] | None,
        chunk_size: int | None,
        devices: Sequence[jax.Device] | None,
    ) -> None:
        if not isinstance(integrator, AbstractIntegrator):
            raise ValueError(
                f"integrator: got a {type(integrator).__name__}, expected an integrator, as in EulerMaruyama(sgd)"
            )
        if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0):
            raise ValueError(f"key: got {key!r}, expected one key of JAX, as in jax.random.key(0)")
        self.key, self.burn_in, self.save = key, burn_in, save
        self.batch = Batch(integrator, position)
        _require_strides(stride, burn_in, save, chunk_size)
        self.every = int(save.positions or 0) // int(stride)
        first = with_values(self.batch.integrator, {name: x[0] for name, x in self.batch.first_values().items()})
        self.statistics = save.statistics(Observables.of(first, observe, self.batch.position[0]))
        available = _checked_devices(devices)
        self.layout = Layout.of(
            runs=self.batch.runs,
            numbers=integrator.num_normals(self.batch.position.shape[-1]),
            stride=int(stride),
            chunk_size=None if chunk_size is None else int(chunk_size),
            every=self.every,
            platform=available[0].platform,
        )
        # Neighbours in turn, so that each device has as many blocks as the next, or one more.
        self.devices = [available[block % len(available)] for block in range(self.layout.blocks)]

    def require_steps(self, num_steps: int) -> None:
        """Raises ValueError unless the numbers of steps fit each other."""
        require_count("num_steps", num_steps)
        _require_multiples(self.layout.stride, num_steps=num_steps)
        left = num_steps - self.burn_in
        if not 0 < left <= num_steps:
            raise ValueError(f"burn_in: got {self.burn_in}, expected 0 ≤ burn_in < num_steps = {num_steps}")
        if self.save.positions is not None and self.save.positions > left:
            raise ValueError(f"save: got {self.save.positions}, expected at most the {left} steps after the burn-in")
        size = self.layout.chunk_size
        if self.batch.schedules:
            for begin in range(0, int(num_steps), size):
                self.batch.scheduled(begin, size, min(size, int(num_steps) - begin))
        self.batch.require_steps(int(num_steps))

    def values(self) -> list[dict[str, Array]]:
        """The parameters of each block that do not change, `(width, …)`."""
        return self._blocks(self.batch.values)

    def scheduled(self, begin: int, length: int) -> list[dict[str, Array]]:
        """Those that do, over the chunk from step `begin`, of which `length` steps are to be made.

        Returns:
            For each block, by name, `(chunk_size, width, …)`, or `(chunk_size, 1, …)`.
        """
        found = self.batch.scheduled(begin, self.layout.chunk_size, length)
        shared = {name: x for name, x in found.items() if x.shape[1] == 1}
        own = {name: jnp.moveaxis(x, 1, 0) for name, x in found.items() if name not in shared}
        return [shared | {name: jnp.moveaxis(x, 0, 1) for name, x in block.items()} for block in self._blocks(own)]

    def beginning(self) -> list[Any]:
        """The states of the blocks before the first step."""
        values = self._blocks(self.batch.first_values())
        positions = self.layout.split(self.batch.position)
        return [
            _begin(self.layout, self.batch.integrator, own, position)
            for own, position in zip(values, positions, strict=True)
        ]

    def _blocks(self, values: Mapping[str, Array]) -> list[dict[str, Array]]:
        """Arrays with the runs in front, block by block."""
        split = {name: self.layout.split(x) for name, x in values.items()}
        return [{name: x[block] for name, x in split.items()} for block in range(self.layout.blocks)]

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """What must be the same for a run to go on, by argument."""
        return fingerprint(
            self.key,
            self.batch,
            self.statistics.observables,
            burn_in=self.burn_in,
            stride=self.layout.stride,
            save=self.save,
            chunk_size=self.layout.chunk_size,
        )


@eqx.filter_jit
def _begin(layout: Layout, run: AbstractIntegrator, values: dict[str, Array], position: Array) -> Any:
    return jax.vmap(lambda v, w: with_values(run, v).begin(w), out_axes=layout.axis)(values, position)


def _checked_devices(devices: Sequence[jax.Device] | None) -> list[jax.Device]:
    available = list(jax.devices()) if devices is None else list(devices)
    if not available or not all(isinstance(device, jax.Device) for device in available):
        raise ValueError(f"devices: got {devices!r}, expected at least one device, as in devices=jax.devices()")
    return available


def _require_strides(stride: int, burn_in: int, save: Save, chunk_size: int | None) -> None:
    """Raises ValueError unless numbers of steps are whole strides, and a chunk a power of two of them."""
    require_count("stride", stride)
    _require_multiples(stride, burn_in=burn_in, save=save.positions, chunk_size=chunk_size)
    if chunk_size is not None and (int(chunk_size) // int(stride)).bit_count() != 1:
        power = 1 << ((int(chunk_size) // int(stride)).bit_length() - 1)
        raise ValueError(
            f"chunk_size: got {chunk_size}, expected stride = {stride} times a power of two, as in chunk_size="
            f"{stride * power}"
        )


def _require_multiples(stride: int, **steps: int | None) -> None:
    for name, value in steps.items():
        if value is None:
            continue
        minimum = 0 if name == "burn_in" else stride
        require_count(name, value, minimum=min(minimum, 1))
        if value < minimum or value % stride:
            multiple = max(minimum, round(value / stride) * stride)
            raise ValueError(f"{name}: got {value}, expected a multiple of stride = {stride}, as in {name}={multiple}")
