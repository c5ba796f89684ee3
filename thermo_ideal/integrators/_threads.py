"""How many threads share the blocks of a batch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import jax

from thermo_ideal._arguments import require_count

_CONTAINER = Path("/sys/fs/cgroup/cpu.max")  # Linux: microseconds of all cores together, in so many of a clock


def usable_cores() -> int:
    """The cores that this process may use, by its affinity and by the limit of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # there is no container, or none with a limit, which reads "max"
        limit, period = map(int, _CONTAINER.read_text().split())
        cores = min(cores, max(1, limit // period))
    return cores


def num_threads(threads: int | None, devices: Sequence[jax.Device]) -> int:
    """One for each device, and on CPUs all that were asked for, or as many as there are cores.

    Args:
        threads: as in `simulate`.
        devices: of each block.

    Raises:
        ValueError: `threads` is not a positive number.
    """
    if threads is not None:
        require_count("threads", threads)
    distinct = len(set(devices))
    if devices[0].platform != "cpu":
        return distinct
    wanted = max(distinct, usable_cores()) if threads is None else int(threads)
    return min(wanted, len(devices))
