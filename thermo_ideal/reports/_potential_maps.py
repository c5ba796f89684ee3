"""The measured potential of every state, in the surroundings of one: it is least at the state itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal.reports._drawing import Comparisons, DataTable, plain_symbol, symbol
from thermo_ideal.reports._style import SEQUENTIAL, panels
from thermo_ideal.verification import Comparison, measured_potentials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

    from thermo_ideal.reports._notebook import NotebookFigure


def draw_potentials(comparisons: Comparisons) -> NotebookFigure:
    """The measured potential of every state, at the temperature and pressure of the middle one."""
    figure, axes = panels(1, len(comparisons))
    for ax, comparison in zip(axes[0], comparisons.values(), strict=True):
        draw = _helmholtz_energies if comparison.protocol.fixes_radius else _gibbs_energies
        mesh, name = draw(ax, comparison)
        ax.set(xscale="log", yscale="log", title=comparison.protocol.name)
        ax.legend(loc="upper left")
        figure.colorbar(mesh, ax=ax, label=f"log₁₀(0.001 + ({name} − min {name})/T)")
    return figure


def describe_potentials(comparisons: Comparisons) -> str:
    """In words."""
    texts = []
    for name, comparison in comparisons.items():
        if comparison.protocol.fixes_radius:
            rates, surface = _of_one_radius(comparison)
            matching = int((surface.argmin(axis=0) == np.arange(len(rates))).sum())
            texts.append(
                f"{name}: Helmholtz energy F of the states of one radius, in surroundings of each temperature. "
                f"Of {len(rates)} temperatures, the state with least F is the surroundings' own at {matching}."
            )
        else:
            surface, own, least = _around_middle(comparison)
            where = "that state itself" if own == least else f"the state {_steps(own, least)} of the grid beside it"
            texts.append(
                f"{name}: Gibbs energy G of every state, at the temperature and pressure of the middle one, as a map "
                f"over the two hyperparameters. It is least at {where}."
            )
    return " ".join(texts)


def tabulate_potentials(comparisons: Comparisons) -> list[DataTable]:
    """What the maps show, before the logarithm is taken."""
    tables = []
    for name, comparison in comparisons.items():
        if comparison.protocol.fixes_radius:
            rates, surface = _of_one_radius(comparison)
            elr = plain_symbol("effective_learning_rate")
            tables.append(
                DataTable(
                    f"{name}: (F − min F)/T of the states of one radius, for the temperatures of {elr}",
                    [f"{elr} of the state ↓, of T →", *(f"{rate:.3g}" for rate in rates)],
                    [
                        [f"{rate:.3g}", *(f"{value:.3g}" for value in row)]
                        for rate, row in zip(rates, surface, strict=True)
                    ],
                )
            )
        else:
            surface, _, _ = _around_middle(comparison)
            (y_name, y), (x_name, x) = comparison.axes
            tables.append(
                DataTable(
                    f"{name}: (G − min G)/T of every state, at the temperature and pressure of the middle one",
                    [f"{plain_symbol(y_name)} ↓, {plain_symbol(x_name)} →", *(f"{value:.3g}" for value in x)],
                    [[f"{value:.3g}", *(f"{cell:.3g}" for cell in row)] for value, row in zip(y, surface, strict=True)],
                )
            )
    return tables


def _of_one_radius(comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """Effective learning rates, and `(F − min F)/T` of each state (down) at the temperature of each (across)."""
    radius, temperature = comparison.state["radius"], comparison.state["temperature"]
    middle = tuple(size // 2 for size in radius.shape)
    same = np.flatnonzero(np.isclose(radius, radius[middle]))
    same = same[np.argsort(temperature.flat[same])]
    surface = measured_potentials(comparison)[np.ix_(same, same)].T
    return comparison.effective_learning_rate.flat[same], (surface - surface.min(axis=0)) / temperature.flat[same]


def _around_middle(comparison: Comparison) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
    """`(G − min G)/T` of all states in the surroundings of the middle one, that state, and the one of least `G`."""
    shape = comparison.stationary.shape
    own = shape[0] // 2, shape[1] // 2
    surface = measured_potentials(comparison).reshape(*shape, *shape)[own]
    least = np.unravel_index(surface.argmin(), shape)
    return (surface - surface.min()) / comparison.state["temperature"][own], own, (int(least[0]), int(least[1]))


def _steps(own: tuple[int, int], other: tuple[int, int]) -> str:
    return " and ".join(f"{abs(a - b)} step{'s' if abs(a - b) != 1 else ''}" for a, b in zip(own, other, strict=True))


def _helmholtz_energies(ax: Axes, comparison: Comparison) -> tuple[QuadMesh, str]:
    """`F` of the states of one radius: temperature of the surroundings across, state up."""
    rates, surface = _of_one_radius(comparison)
    mesh = ax.pcolormesh(rates, rates, np.log10(1e-3 + surface), cmap=SEQUENTIAL, rasterized=True)
    ax.plot(rates, rates[surface.argmin(axis=0)], ".", color=_LEAST, ms=6, label="least F")
    of = symbol("effective_learning_rate")
    ax.set(xlabel=f"{of} that sets T", ylabel=f"{of} of the state")
    return mesh, "F"


def _gibbs_energies(ax: Axes, comparison: Comparison) -> tuple[QuadMesh, str]:
    """`G` of all states, in the surroundings of the middle one."""
    (y_name, y), (x_name, x) = comparison.axes
    surface, (row, column), least = _around_middle(comparison)
    mesh = ax.pcolormesh(x, y, np.log10(1e-3 + surface), cmap=SEQUENTIAL, rasterized=True)
    ax.plot(x[column], y[row], "o", color=_OWN, ms=11, mfc="none", label="own state")
    ax.plot(x[least[1]], y[least[0]], ".", color=_LEAST, ms=8, label="least G")
    ax.set(xlabel=symbol(x_name), ylabel=symbol(y_name))
    return mesh, "G"


_OWN, _LEAST = "#e69f00", "#d55e00"  # on the dark end of the map, which is where the least is
