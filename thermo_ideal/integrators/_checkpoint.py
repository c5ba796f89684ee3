"""What a simulation needs to go on, and files of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import jax
import numpy as np

from thermo_ideal._files import write_whole
from thermo_ideal.integrators._streaming_moments import Covariance, Level, Moments

_MAY_CHANGE = ("num_steps", "stop", "on_divergence", "checkpoint_interval", "devices", "threads", "progress")


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on after a whole number of chunks.

    Args:
        chunks: how many have been made.
        state: of each block.
        moments: by observable.
        covariances: by pair of observables.
        histograms: counts by key.
        samples: `(samples, runs, p)`, in pieces.
        diverged: by observable, when it became NaN or infinite; see `Divergence`.
        request: what was asked for, by argument; only the same may go on.
    """

    chunks: int
    state: tuple[Any, ...]
    moments: Mapping[str, Moments]
    covariances: Mapping[tuple[str, str], Covariance]
    histograms: Mapping[str, np.ndarray]
    samples: tuple[np.ndarray, ...]
    diverged: Mapping[str, np.ndarray]
    request: Mapping[str, str]

    def require(self, request: Mapping[str, str]) -> None:
        """Raises ValueError where the run was asked for with other arguments."""
        differ = [name for name in request if self.request.get(name) != request[name]]
        if differ:
            there, here = self.request.get(differ[0]), request[differ[0]]
            raise ValueError(
                f"resume: got a run of another {', '.join(differ)} ({differ[0]}: {there} there, {here} here), expected "
                f"the arguments that it began with; only {', '.join(_MAY_CHANGE)} may change. To go on with others, "
                "begin a run of its own where it ends, as in simulate(jax.random.fold_in(key, 1), integrator, "
                "run.position, num_steps)"
            )

    def states(self, structure: Any) -> list[Any]:
        """The states of the blocks in the structure that the integrator gives them, which a file does not keep."""
        return [jax.tree.unflatten(structure, jax.tree.leaves(state)) for state in self.state]

    def save(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        samples = np.concatenate(self.samples) if self.samples else None
        arrays: dict[str, Any] = {"chunks": self.chunks, "samples": samples}
        arrays |= {"blocks": len(self.state), "observables": list(self.moments)}
        for block, state in enumerate(self.state):
            arrays |= {f"state/{block}/{i}": x for i, x in enumerate(jax.tree.leaves(state))}
        arrays |= {"pairs": np.array(list(self.covariances), str).reshape(-1, 2)}
        for i, covariance in enumerate(self.covariances.values()):
            arrays |= {f"covariance/{i}/{field.name}": getattr(covariance, field.name) for field in fields(Covariance)}
        arrays |= {f"histogram/{key}": counts for key, counts in self.histograms.items()}
        arrays |= {f"diverged/{name}": steps for name, steps in self.diverged.items()}
        arrays |= {f"request/{name}": value for name, value in self.request.items()}
        for name, moments in self.moments.items():
            own = {"minimum": moments.minimum, "maximum": moments.maximum, "length": moments.length}
            for i, level in enumerate((moments.observations, *moments.blocks)):
                own |= {f"level/{i}/{f}": getattr(level, f) for f in ("count", "mean", "squares")}
            own |= {f"pending/{i}": x for i, x in enumerate(moments.pending)}
            arrays |= {f"moments/{name}/{key}": x for key, x in own.items()}
        kept = {name: np.asarray(x) for name, x in arrays.items() if x is not None}

        def write(folder: Path) -> None:
            with open(folder / path.name, "wb") as file:
                np.savez(file, allow_pickle=False, **kept)

        write_whole(path.parent, [path.name], write, overwrite=True)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Reads a file of `save`.

        Raises:
            ValueError: the file is something else.
        """
        try:
            with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            return cls._from(arrays)
        except (KeyError, OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile, zlib.error) as error:
            raise ValueError(
                f"checkpoint: got {path}, which is no run that simulate kept ({error}); name another file"
            ) from error

    @classmethod
    def _from(cls, arrays: dict[str, np.ndarray]) -> Checkpoint:
        def under(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): x for name, x in arrays.items() if name.startswith(prefix)}

        moments = {}
        for name in map(str, arrays["observables"]):
            own = under(f"moments/{name}/")
            number = 1 + max(int(key.split("/")[1]) for key in own if key.startswith("level/"))
            levels = [
                Level(int(own[f"level/{i}/count"]), own[f"level/{i}/mean"], own[f"level/{i}/squares"])
                for i in range(number)
            ]
            moments[name] = Moments(
                levels[0],
                own["minimum"],
                own["maximum"],
                int(own["length"]),
                tuple(levels[1:]),
                tuple(own.get(f"pending/{i}") for i in range(number - 1)),
            )
        covariances = {}
        for i, (first, second) in enumerate(arrays["pairs"].tolist()):
            own = under(f"covariance/{i}/")
            covariances[first, second] = Covariance(int(own["count"]), own["first"], own["second"], own["cross"])
        states = [under(f"state/{block}/") for block in range(int(arrays["blocks"]))]
        if not all(states):
            raise ValueError("the states of some runs are missing")
        return cls(
            chunks=int(arrays["chunks"]),
            state=tuple([state[str(i)] for i in range(len(state))] for state in states),
            moments=moments,
            covariances=covariances,
            histograms=under("histogram/"),
            samples=(arrays["samples"],) if "samples" in arrays else (),
            diverged=under("diverged/"),
            request={name: str(x) for name, x in under("request/").items()},
        )
