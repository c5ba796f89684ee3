"""Sweeps that cost nothing, and failures of what they are written to."""

import builtins
import hashlib
import io
import os
from contextlib import contextmanager

import numpy as np

from thermo_ideal.sweeps import Grid, Sweep, experiment

OPERATIONS = [
    *((os, name) for name in ("open", "replace", "rename", "fsync", "mkdir", "unlink", "rmdir")),
    (io, "open"),
    (builtins, "open"),
]


@experiment
def numbers(block):
    """Random numbers in place of a simulation."""
    own = np.random.default_rng([block.sweep.seed, int(block.points[0]), len(block.grid.name)])
    loss = own.normal(size=(block.points.size, block.sweep.replicas))
    diverged = np.where(block.points[:, None] == 4, 7, 0) * np.array([1] + [0] * (block.sweep.replicas - 1))
    return {"loss": np.where(diverged > 0, np.nan, loss), "diverged_at": diverged, "point": block.points}


def cheap(points=4, **others):
    """Two grids of blocks of three points."""
    grids = [
        Grid("fixed-lr", learning_rate=np.linspace(0.1, 0.2, points), weight_decay=[0.1, 0.2]),
        Grid("fixed-sphere", effective_learning_rate=[0.1, 0.3, 0.2], radius=1.0),
    ]
    given = {"replicas": 2, "num_steps": 10, "samples": 2, "block_points": 3} | others
    return Sweep("numbers", grids, **given)


def content(folder):
    """Every file of a folder, by its name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Killed(Exception):  # noqa: N818 (nothing that runs is to catch it)
    """The process is gone: nothing that it would have done happens any more."""


@contextmanager
def failing(monkeypatch, at, error):
    """The `at`-th file operation fails, and all that follow where `error` is `Killed`; yields how many there were."""
    count = [0]

    def wrapped(real):
        def operation(*arguments, **others):
            count[0] += 1
            if at is not None and (count[0] == at or (count[0] > at and error is Killed)):
                raise error() if error is Killed else error
            return real(*arguments, **others)

        return operation

    with monkeypatch.context() as patch:
        for module, name in OPERATIONS:
            patch.setattr(module, name, wrapped(getattr(module, name)))
        yield count
