"""The paper's figures, simulation as points with error bars and theory as lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._files import write_whole
from thermo_ideal.verification import Comparison, MeasuredQuantity, Verdict, measured_potentials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from thermo_ideal.reports._notebook import NotebookFigure

_MARKERS = "os^Dv<>p"  # of protocols, in their order
_CURVES = 5


def toy_figures(verdict: Verdict) -> Mapping[str, Figure]:
    """The figures of the isotropic-noise experiment, by file name; at the end of a notebook's cell they are shown.

    Args:
        verdict: of `thermo_ideal.verification.verify`.

    Returns:
        "equation_of_state", "energy_and_entropy", "entropy" and "potentials".

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.reports import toy_figures
        >>> from thermo_ideal.verification import verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> figures = toy_figures(verify(results, protocols=[dynamics.FixedLearningRate], requirements=[]))
        >>> figures["equation_of_state"].axes[0].get_title()
        'fixed-lr'
    """
    comparisons = verdict.comparisons
    from thermo_ideal.reports._notebook import Figures

    return Figures(
        {
            "equation_of_state": _equation_of_state(comparisons),
            "energy_and_entropy": _energy_and_entropy(comparisons),
            "entropy": _entropy(comparisons),
            "potentials": _potentials(comparisons),
        }
    )


def save_figures(verdict: Verdict, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Writes the figures as PNG.

    Args:
        verdict: of `thermo_ideal.verification.verify`.
        folder: where to; it is replaced as a whole.
        overwrite: replace a folder that is there.

    Returns:
        The files.

    Raises:
        FileExistsError: `folder` exists and `overwrite` is false.

    Example:
        >>> import numpy as np
        >>> import tempfile
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.reports import save_figures
        >>> from thermo_ideal.verification import verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> verdict = verify(results, protocols=[dynamics.FixedLearningRate], requirements=[])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in save_figures(verdict, f"{folder}/figures")][:2]
        ['energy_and_entropy.png', 'entropy.png']
    """
    folder = Path(folder)
    write_whole(folder.parent, [folder.name], lambda fresh: write_figures(verdict, fresh / folder.name), overwrite)
    return sorted(folder.glob("*.png"))


def write_figures(verdict: Verdict, folder: Path) -> None:
    """Makes `folder` and writes the figures into it."""
    folder.mkdir()
    for name, figure in toy_figures(verdict).items():
        figure.savefig(folder / f"{name}.png", dpi=150)


def _symbol(word: str) -> str:
    """As matplotlib sets it; a quantity that is not in the dictionary by its name."""
    return f"${DICTIONARY[word].latex}$" if word in DICTIONARY else word


def _panels(rows: int, columns: int) -> tuple[NotebookFigure, np.ndarray]:
    from thermo_ideal.reports._notebook import NotebookFigure

    figure = NotebookFigure(figsize=(4.6 * columns, 3.8 * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _equation_of_state(comparisons: Mapping[str, Comparison]) -> NotebookFigure:
    figure, axes = _panels(1, len(comparisons))
    for ax, comparison in zip(axes[0], comparisons.values(), strict=True):
        _curves(ax, comparison, comparison.mechanical, along=1)
        ax.set(xscale="log", yscale="log")
    return figure


def _entropy(comparisons: Mapping[str, Comparison]) -> NotebookFigure:
    figure, axes = _panels(2, len(comparisons))
    for column, comparison in zip(axes.T, comparisons.values(), strict=True):
        for ax, along in zip(column, (1, 0), strict=True):
            _curves(ax, comparison, comparison.quantities["S"], along)
            ax.set(xscale="log")
    return figure


def _curves(ax: Axes, comparison: Comparison, quantity: MeasuredQuantity, along: int) -> None:
    """One quantity against one hyperparameter, a curve for some values of the other."""
    from matplotlib import colormaps

    (x_name, x), (other_name, other) = comparison.axes[along], comparison.axes[1 - along]

    def turn(values: np.ndarray) -> np.ndarray:
        return values if along == 1 else values.T

    value, error, theory = map(turn, (quantity.simulated.value, quantity.simulated.standard_error, quantity.predicted))
    chosen = np.unique(np.linspace(0, len(other) - 1, _CURVES).round().astype(int))
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(chosen)))
    for colour, row in zip(colours, chosen, strict=True):
        ax.plot(x, theory[row], color=colour, lw=1)
        label = f"{_symbol(other_name)} = {other[row]:.2g}"
        ax.errorbar(x, value[row], error[row], fmt="o", ms=3.5, color=colour, label=label)
    ax.set(xlabel=_symbol(x_name), ylabel=quantity.symbol, title=comparison.protocol.name)
    # Out of the way of what falls or rises; matplotlib's own search for the best place is slow, and warns of it.
    ax.legend(fontsize="x-small", loc="upper right" if theory[0, -1] < theory[0, 0] else "upper left")


def _energy_and_entropy(comparisons: Mapping[str, Comparison]) -> NotebookFigure:
    """`U` and `S_dir` against the effective learning rate, and below what is left after the SDE's prediction."""
    figure, axes = _panels(2, 2)
    for column, symbol in zip(axes.T, ("U", "S_dir"), strict=True):
        for i, comparison in enumerate(comparisons.values()):
            quantity = comparison.quantities[symbol]
            marker, colour = _MARKERS[i % len(_MARKERS)], f"C{i}"
            order = np.argsort(comparison.effective_learning_rate, axis=None)
            eta, value, error, theory, exact = (
                array.ravel()[order]
                for array in (
                    comparison.effective_learning_rate,
                    quantity.simulated.value,
                    quantity.simulated.standard_error,
                    quantity.predicted,
                    quantity.exact,
                )
            )
            relative = _relative(symbol, theory)
            style = {"fmt": marker, "ms": 3, "color": colour, "alpha": 0.6, "lw": 0.7}
            column[0].errorbar(eta, value, error, label=comparison.protocol.name, **style)
            column[0].plot(eta, theory, color="black", lw=0.8)
            column[1].errorbar(eta, relative(value), error / (theory if symbol == "U" else 1), **style)
            column[1].plot(eta, relative(exact), color=colour, lw=1)
        column[0].set(xscale="log", yscale="log" if symbol == "U" else "linear", ylabel=symbol)
        label = "U/U(SDE) − 1" if symbol == "U" else "S_dir − S_dir(SDE)"
        column[1].set(xscale="log", xlabel=_symbol("effective_learning_rate"), ylabel=label)
        column[1].axhline(0, color="black", lw=0.8)
        column[0].legend(fontsize="x-small", loc="upper left")
    figure.suptitle("points: simulation; black: SDE; coloured lines: exact law of discrete SGD", fontsize="small")
    return figure


def _relative(symbol: str, theory: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return (lambda values: values / theory - 1) if symbol == "U" else (lambda values: values - theory)


def _potentials(comparisons: Mapping[str, Comparison]) -> NotebookFigure:
    """The measured potential of every state, at the temperature and pressure of the middle one."""
    figure, axes = _panels(1, len(comparisons))
    for ax, comparison in zip(axes[0], comparisons.values(), strict=True):
        draw = _helmholtz_energies if comparison.protocol.fixes_radius else _gibbs_energies
        mesh, name = draw(ax, comparison)
        ax.set(xscale="log", yscale="log", title=comparison.protocol.name)
        ax.legend(fontsize="x-small", loc="upper left")
        figure.colorbar(mesh, ax=ax, label=f"log₁₀(0.001 + ({name} − min {name})/T)")
    return figure


def _helmholtz_energies(ax: Axes, comparison: Comparison) -> tuple[QuadMesh, str]:
    """`F` of the states of one radius: temperature of the surroundings across, state up."""
    radius, temperature = comparison.state["radius"], comparison.state["temperature"]
    middle = tuple(size // 2 for size in radius.shape)
    same = np.flatnonzero(np.isclose(radius, radius[middle]))
    same = same[np.argsort(temperature.flat[same])]
    surface = measured_potentials(comparison)[np.ix_(same, same)].T
    surface = (surface - surface.min(axis=0)) / temperature.flat[same]
    rates = comparison.effective_learning_rate.flat[same]
    mesh = ax.pcolormesh(rates, rates, np.log10(1e-3 + surface), cmap="viridis")
    ax.plot(rates, rates[surface.argmin(axis=0)], "r.", ms=6, label="least F")
    symbol = _symbol("effective_learning_rate")
    ax.set(xlabel=f"{symbol} that sets T", ylabel=f"{symbol} of the state")
    return mesh, "F"


def _gibbs_energies(ax: Axes, comparison: Comparison) -> tuple[QuadMesh, str]:
    """`G` of all states, in the surroundings of the middle one."""
    shape = comparison.stationary.shape
    (y_name, y), (x_name, x) = comparison.axes
    row, column = shape[0] // 2, shape[1] // 2
    surface = measured_potentials(comparison).reshape(*shape, *shape)[row, column]
    surface = (surface - surface.min()) / comparison.state["temperature"][row, column]
    minimum = np.unravel_index(surface.argmin(), shape)
    mesh = ax.pcolormesh(x, y, np.log10(1e-3 + surface), cmap="viridis")
    ax.plot(x[column], y[row], "o", color="orange", ms=11, mfc="none", label="own state")
    ax.plot(x[minimum[1]], y[minimum[0]], "r.", ms=8, label="least G")
    ax.set(xlabel=_symbol(x_name), ylabel=_symbol(y_name))
    return mesh, "G"
