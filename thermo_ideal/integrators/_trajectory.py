"""What is kept of a run, and how it is put by."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import jax
import numpy as np

from thermo_ideal._arguments import require_count
from thermo_ideal._files import write_whole
from thermo_ideal.integrators._histogram import DepthHistogram
from thermo_ideal.integrators._streaming_moments import Covariance, Level, Moments


@dataclass(frozen=True)
class Save:
    """What `simulate` keeps besides moments.

    Args:
        positions: keep the position after every so many steps after the burn-in; None keeps none.
        histogram: keep a histogram of the depth `1 − m` with so many bins per octave of its odds; None keeps none.

    Raises:
        ValueError: a number below 1.

    Example:
        >>> from thermo_ideal.integrators import Save
        >>> Save(positions=100, histogram=16)
        Save(positions=100, histogram=16)
    """

    positions: int | None = None
    histogram: int | None = None

    def __post_init__(self) -> None:
        for name in ("positions", "histogram"):
            value = getattr(self, name)
            if value is not None:
                require_count("save" if name == "positions" else name, value)
                object.__setattr__(self, name, int(value))


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on after a whole number of chunks.

    Args:
        chunks: how many have been made.
        state: of each block.
        moments: by observable.
        covariance: of loss and volume.
        histogram: counts of the depth, or None.
        samples: `(samples, lanes, p)`, in pieces.
        request: what was asked for, by argument; only the same may go on.
    """

    chunks: int
    state: tuple[Any, ...]
    moments: Mapping[str, Moments]
    covariance: Covariance
    histogram: np.ndarray | None
    samples: tuple[np.ndarray, ...]
    request: Mapping[str, str]

    def require(self, request: Mapping[str, str]) -> None:
        """Raises ValueError where the run was asked for with other arguments."""
        differ = [name for name in request if self.request.get(name) != request[name]]
        if differ:
            there, here = self.request.get(differ[0]), request[differ[0]]
            raise ValueError(
                f"resume: got a run of another {', '.join(differ)} ({differ[0]}: {there} there, {here} here), expected "
                "the arguments that it began with; only num_steps, stop, devices and progress may change"
            )

    def states(self, structure: Any) -> list[Any]:
        """The states of the blocks in the structure that the integrator gives them, which a file does not keep."""
        return [jax.tree.unflatten(structure, jax.tree.leaves(state)) for state in self.state]

    def save(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        samples = np.concatenate(self.samples) if self.samples else None
        arrays: dict[str, Any] = {"chunks": self.chunks, "histogram": self.histogram, "samples": samples}
        arrays |= {"blocks": len(self.state), "observables": list(self.moments)}
        for block, state in enumerate(self.state):
            arrays |= {f"state/{block}/{i}": x for i, x in enumerate(jax.tree.leaves(state))}
        arrays |= {
            f"covariance/{name}": getattr(self.covariance, name) for name in ("count", "loss", "volume", "cross")
        }
        arrays |= {f"request/{name}": value for name, value in self.request.items()}
        for name, moments in self.moments.items():
            own = {"least": moments.least, "most": moments.most, "length": moments.length}
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
                own["least"],
                own["most"],
                int(own["length"]),
                tuple(levels[1:]),
                tuple(own.get(f"pending/{i}") for i in range(number - 1)),
            )
        covariance = under("covariance/")
        states = [under(f"state/{block}/") for block in range(int(arrays["blocks"]))]
        if not all(states):
            raise ValueError("the states of some runs are missing")
        return cls(
            chunks=int(arrays["chunks"]),
            state=tuple([state[str(i)] for i in range(len(state))] for state in states),
            moments=moments,
            covariance=Covariance(
                int(covariance["count"]), covariance["loss"], covariance["volume"], covariance["cross"]
            ),
            histogram=arrays.get("histogram"),
            samples=(arrays["samples"],) if "samples" in arrays else (),
            request={name: str(x) for name, x in under("request/").items()},
        )


@dataclass(frozen=True)
class Trajectory:
    """What is left of a batch of runs. `*batch` is the shape of the batch.

    Args:
        position: the last positions, `(*batch, p)`: `w`, or `(μ·w, |w − (μ·w)μ|)` of the zonal chain.
        num_steps: how many steps were made.
        stride: steps from one observation to the next.
        moments: statistics over time, after the burn-in, of "loss" `L`, "radius" `r`, "log_radius" `log r`, "volume"
            `V = r²/2`, the "depth" `1 − m` of a zonal loss, and on the fixed sphere "effective_weight_decay",
            `(|w'| − r)/(η r dt)` with `w'` before the rescaling.
        covariance: of loss and volume over time, `(*batch,)`.
        histogram: of the depth, if it was asked for.
        samples: thinned positions, `(samples, *batch, p)`, if they were asked for.
        checkpoint: what `simulate` needs to go on, as far as whole chunks go.
    """

    position: np.ndarray
    num_steps: int
    stride: int
    moments: Mapping[str, Moments]
    covariance: np.ndarray
    histogram: DepthHistogram | None
    samples: np.ndarray | None
    checkpoint: Checkpoint = field(repr=False)

    def mean(self, observable: str) -> np.ndarray:
        """Mean over time of an observable, for each run."""
        return self._of(observable).mean

    def variance(self, observable: str) -> np.ndarray:
        """Variance over time of an observable, for each run."""
        return self._of(observable).variance

    def minimum(self, observable: str) -> np.ndarray:
        """The smallest observation of each run."""
        return self._of(observable).least

    def maximum(self, observable: str) -> np.ndarray:
        """The largest observation of each run."""
        return self._of(observable).most

    def autocorrelation_time(self, observable: str) -> np.ndarray:
        """`τ = Δ(1 + 2Σ_k ρ_k)` in steps, with `Δ` the stride and `ρ_k` the autocorrelation `k` strides apart.

        In `N` steps there are `N/τ` independent observations. Infinite where the run is too short to tell.
        """
        return self.stride * self._of(observable).inefficiency

    def standard_error(self, observable: str) -> np.ndarray:
        """The standard error of `mean`, autocorrelation allowed for; infinite where the run is too short to tell."""
        return self._of(observable).standard_error

    def _of(self, observable: str) -> Moments:
        if observable not in self.moments:
            wanted = ", ".join(map(repr, self.moments))
            raise ValueError(f"observable: got {observable!r}, expected one of {wanted}")
        return self.moments[observable]
