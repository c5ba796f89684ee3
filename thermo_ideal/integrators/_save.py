"""What a simulation is asked to keep besides moments."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from thermo_ideal._arguments import require_count
from thermo_ideal.integrators._histogram import AbstractBins, EdgeBins, OddsBins
from thermo_ideal.integrators._observables import Observables, Statistics


@dataclass(frozen=True)
class Save:
    """What `simulate` keeps besides moments.

    Args:
        positions: keep the position after every so many steps after the burn-in; None keeps none.
        histogram: keep a histogram of the depth `1 − m` with so many bins per octave of its odds; None keeps none.
        histograms: keep histograms of observables, by name, between these edges.
        covariances: keep the covariances over time of these pairs of observables.

    Raises:
        ValueError: a number below 1, edges that do not increase, or what is no pair.

    Example:
        >>> from thermo_ideal.integrators import Save
        >>> Save(positions=100, histograms={"radius": [0.5, 1.0, 2.0]})
        Save(positions=100, histograms=(('radius', (0.5, 1.0, 2.0)),))
    """

    positions: int | None = None
    histogram: int | None = None
    histograms: Any = ()
    covariances: Any = (("loss", "volume"),)

    def __post_init__(self) -> None:
        for name in ("positions", "histogram"):
            value = getattr(self, name)
            if value is not None:
                require_count("save" if name == "positions" else name, value)
                object.__setattr__(self, name, int(value))
        object.__setattr__(self, "histograms", tuple((n, _edges(n, x)) for n, x in dict(self.histograms).items()))
        pairs = tuple(tuple(pair) for pair in self.covariances)
        if not all(len(pair) == 2 and all(isinstance(name, str) for name in pair) for pair in pairs):
            raise ValueError(
                f"covariances: got {self.covariances!r}, expected pairs of names, as in "
                "covariances=[('loss', 'volume')]"
            )
        object.__setattr__(self, "covariances", pairs)

    def __repr__(self) -> str:
        default = {field.name: field.default for field in fields(self)}
        given = {name: getattr(self, name) for name in default if getattr(self, name) != default[name]}
        return f"Save({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def statistics(self, observables: Observables) -> Statistics:
        """What is made of these observables.

        Args:
            observables: of a simulation.

        Raises:
            ValueError: a name that is none of them.
        """
        bins: list[tuple[str, str, AbstractBins]] = []
        if self.histogram is not None:
            bins.append((ODDS, observables.resolve("depth", "histogram"), OddsBins(self.histogram)))
        for name, edges in self.histograms:
            bins.append((EDGES + name, observables.resolve(name, "histograms"), EdgeBins(edges)))
        pairs = [pair for pair in self.covariances if pair not in _IF_THERE or set(pair) <= set(observables.streamed)]
        covariances = tuple(
            (observables.resolve(a, "covariances"), observables.resolve(b, "covariances")) for a, b in pairs
        )
        return Statistics(observables, covariances, tuple(bins))


ODDS, EDGES = "odds/depth", "edges/"  # keys of histograms
_IF_THERE = (("loss", "volume"),)  # not every integrator measures both


def _edges(name: str, edges: Any) -> tuple[float, ...]:
    edges = np.asarray(edges, np.float64)
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(
            f"histograms: got edges {edges} for {name!r}, expected at least two increasing numbers, as in "
            f"histograms={{{name!r}: np.linspace(0, 1, 21)}}"
        )
    return tuple(edges.tolist())
