"""The file of a training that is interrupted and goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import jax
import jax.numpy as jnp
import numpy as np

from thermo_ideal._files import write_whole
from thermo_ideal.networks._training_run import TrainingState


def fingerprint(*parts: Any) -> str:
    """A text that differs where arrays, or the texts of other things, do.

    Args:
        parts: pytrees; keys are arrays of theirs.
    """
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(parts):
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        if isinstance(leaf, jax.Array | np.ndarray):
            found.update(f"{leaf.shape} {leaf.dtype}".encode() + np.asarray(leaf).tobytes())
        elif not callable(leaf):
            found.update(repr(leaf).encode())
    return found.hexdigest()


def save(path: Path, state: TrainingState, run: str) -> None:
    """Writes a state, whole or not at all.

    Args:
        path: of the file.
        state: of the run.
        run: its fingerprint.
    """
    arrays: dict[str, Any] = {"run": run, "step": state.step, "counts": state.counts, "logs": len(state.logs)}
    arrays |= {f"walkers/{i}": leaf for i, leaf in enumerate(jax.tree.leaves(state.walkers))}
    arrays |= {f"totals/{name}": total for name, total in state.totals.items()}
    if state.logs:
        arrays |= {f"log/{name}": np.stack([row[name] for row in state.logs]) for name in state.logs[0]}
    kept = {name: np.asarray(value) for name, value in arrays.items()}

    def write(folder: Path) -> None:
        with open(folder / path.name, "wb") as file:
            np.savez(file, allow_pickle=False, **kept)

    write_whole(path.parent, [path.name], write, overwrite=True)


def load(path: Path, beginning: TrainingState, run: str) -> TrainingState:
    """Reads a state.

    Args:
        path: of the file.
        beginning: the state before the first step, whose structure it has.
        run: the fingerprint that it must have.

    Raises:
        ValueError: the file is something else, or of another run.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        found = str(arrays["run"])
        leaves, structure = jax.tree.flatten(beginning.walkers)
        walkers = jax.tree.unflatten(structure, [jnp.asarray(arrays[f"walkers/{i}"]) for i in range(len(leaves))])
        totals = {name: arrays[f"totals/{name}"] for name in beginning.totals}
        rows = {name.removeprefix("log/"): values for name, values in arrays.items() if name.startswith("log/")}
        logs = tuple({name: values[i] for name, values in rows.items()} for i in range(int(arrays["logs"])))
        made, noisy = map(int, arrays["counts"])
        step = int(arrays["step"])
    except (KeyError, OSError, ValueError, EOFError, BadZipFile) as error:
        raise ValueError(
            f"checkpoint: got {path}, which is no run that train kept ({error!r}), expected another name"
        ) from error
    if found != run:
        raise ValueError(
            f"checkpoint: got {path} of a run with another key, model, data, protocol or batch size, expected that of "
            "this one; name another file"
        )
    return TrainingState(step, walkers, totals, (made, noisy), logs)
