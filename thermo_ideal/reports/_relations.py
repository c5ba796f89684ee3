"""Maxwell relations, both sides, and the entropy at several spacings of its samples."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from thermo_ideal._display import with_error
from thermo_ideal.estimators import Estimate
from thermo_ideal.reports._drawing import Comparisons, DataTable, plain_symbol, symbol
from thermo_ideal.reports._style import MARKERS, SERIES, ink, panels
from thermo_ideal.verification import Comparison, maxwell_sides, scan_spacing
from thermo_ideal.verification._measurements import SPACING

if TYPE_CHECKING:
    from thermo_ideal.reports._notebook import NotebookFigure

_APART = 1.02  # of two points at one place
_scan = lru_cache(maxsize=4)(scan_spacing)  # a picture, its words and its table are of one


def draw_maxwell(comparisons: Comparisons) -> NotebookFigure:
    """The side of the entropy and that of volume or pressure at every inner point, against `η_eff`."""
    figure, axes = panels(1, len(comparisons))
    for ax, comparison in zip(axes[0], comparisons.values(), strict=True):
        ax.set(xscale="log", xlabel=symbol("effective_learning_rate"), title=comparison.protocol.name)
        sides = maxwell_sides(comparison)
        if sides is None:
            ax.text(0.5, 0.5, "no relation in powers of the hyperparameters", ha="center", transform=ax.transAxes)
            continue
        eta = sides.effective_learning_rate.ravel()
        order = np.argsort(eta)
        ax.axhline(sides.theory, color=ink(), lw=0.8)
        both = ((sides.entropy_name, sides.entropy_side), (sides.mechanical_name, sides.mechanical_side))
        for i, (name, side) in enumerate(both):
            ax.plot(eta[order], sides.exact[i].ravel()[order], color=SERIES[i], lw=1)
            ax.errorbar(
                eta * (_APART if i else 1 / _APART),
                side.value.ravel(),
                side.standard_error.ravel(),
                fmt=MARKERS[i],
                ms=3,
                lw=0.7,
                color=SERIES[i],
                label=_in_words(name),
            )
        whole = comparison.effective_learning_rate  # a decade has a label of its own
        ax.set_xlim(whole.min() / _APART**8, whole.max() * _APART**8)
        ax.tick_params(axis="x", which="minor", labelbottom=False)
        ax.legend(loc="upper left")
    return figure


def describe_maxwell(comparisons: Comparisons) -> str:
    """In words."""
    texts = []
    for name, comparison in comparisons.items():
        sides = maxwell_sides(comparison)
        if sides is None:
            texts.append(f"{name}: no Maxwell relation in powers of the hyperparameters.")
            continue
        texts.append(
            f"{name}: {sides.entropy_name} and {sides.mechanical_name} against η_eff at "
            f"{sides.effective_learning_rate.size} points, around the line of theory at {sides.theory:g}. Their means "
            f"are {' and '.join(map(_text, sides.means))}, and differ by z = {sides.z_score:+.1f} beyond the exact law."
        )
    return " ".join(texts)


def tabulate_maxwell(comparisons: Comparisons) -> list[DataTable]:
    """Both sides at every inner point."""
    tables = []
    for name, comparison in comparisons.items():
        sides = maxwell_sides(comparison)
        if sides is None:
            continue
        names, grid = [plain_symbol(axis) for axis, _ in comparison.axes], [x[1:-1] for _, x in comparison.axes]
        rows = [
            [
                f"{grid[0][i]:.4g}",
                f"{grid[1][j]:.4g}",
                *(_text(Estimate(side.values[i, j])) for side in (sides.entropy_side, sides.mechanical_side)),
                *(f"{sides.exact[side, i, j]:.4g}" for side in (0, 1)),
            ]
            for i, j in np.ndindex(sides.effective_learning_rate.shape)
        ]
        heads = [*names, sides.entropy_name, sides.mechanical_name, "first, discrete", "second, discrete"]
        tables.append(DataTable(f"{name}: both sides, theory {sides.theory:g}", heads, rows, keys=2))
    return tables


def draw_spacing(comparisons: Comparisons) -> NotebookFigure:
    """How much the entropy changes where its samples are farther apart."""
    figure, axes = panels(1, 1)
    ax = axes[0, 0]
    ax.axhline(0, color=ink(), lw=0.8)
    spacings = set()
    for i, (name, comparison) in enumerate(comparisons.items()):
        scan = _scan(comparison)
        style = {"color": SERIES[i % len(SERIES)], "ms": 4, "capsize": 2}
        if scan is not None:
            x, changes = np.array(scan.spacings[1:]) * _APART ** (3 * i), scan.changes
            marker = MARKERS[i % len(MARKERS)]
            spacings |= set(scan.spacings[1:])
            ax.errorbar(
                x, changes.value, changes.standard_error, fmt=marker, label=f"{name}, $S_\\mathrm{{dir}}$", **style
            )
        change = _neighbours(comparison)
        if change is not None:
            x = np.array([SPACING / _APART ** (4 * (i + 1))])
            spacings.add(SPACING)
            label = f"{name}, $S_\\mathrm{{kNN}}$"
            ax.errorbar(x, change.value, change.standard_error, fmt="x", label=label, **style)
    ax.set(xscale="log", xlabel="spacing, in that of the samples", ylabel="change of the entropy [nat]")
    ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    ax.set_xticks(sorted(spacings), [f"{k} ×" for k in sorted(spacings)])
    ax.margins(y=0.45)
    ax.legend(loc="upper left", ncols=2, fontsize=7.5)
    return figure


def describe_spacing(comparisons: Comparisons) -> str:
    """In words."""
    texts = []
    for name, comparison in comparisons.items():
        scan = _scan(comparison)
        if scan is None:
            continue
        changes, last = scan.changes, scan.spacings[-1]
        would = (comparison.dimension - 1) / 2 * np.log(last)
        texts.append(
            f"{name}: at {last} times the spacing the entropy has changed by {_text(Estimate(changes.values[-1]))} "
            f"nat, where the length of the steps of a walk would have grown by {would:.2f}."
        )
    start = "Change of the entropy of the direction, a mean over the grid, against the spacing of its samples."
    return " ".join([start, *texts])


def tabulate_spacing(comparisons: Comparisons) -> list[DataTable]:
    """The changes, and those of the length of the steps of a walk."""
    rows = []
    for name, comparison in comparisons.items():
        degrees = (comparison.dimension - 1) / 2
        found: list[tuple[str, int, Estimate]] = []
        scan = _scan(comparison)
        if scan is not None:
            found += [("S_dir", k, change) for k, change in zip(scan.spacings[1:], scan.changes, strict=True)]
        neighbours = _neighbours(comparison)
        if neighbours is not None:
            found += [("S_kNN", SPACING, Estimate(neighbours.values[0]))]
        rows += [
            [name, of, f"× {k}", _text(change), f"{float(change.z_score(0.0)):+.1f}", f"{degrees * np.log(k):.3f}"]
            for of, k, change in found
        ]
    heads = ["protocol", "entropy", "spacing", "change [nat]", "z", "steps of a walk [nat]"]
    return [DataTable("Changes of the entropy with the spacing of its samples", heads, rows, keys=3)]


def _neighbours(comparison: Comparison) -> Estimate | None:
    """The change at a wider spacing of the entropy by nearest neighbours, a mean over the stationary points."""
    change = comparison.measurements.entropy_changes.get("direction_entropy_knn")
    if change is None or not np.isfinite(change[comparison.stationary]).all() or not comparison.stationary.any():
        return None
    return Estimate(change[comparison.stationary].mean(axis=0, keepdims=True))


def _text(estimate: Estimate) -> str:
    return with_error(float(estimate.value), float(estimate.standard_error))


def _in_words(name: str) -> str:
    """A partial derivative as text that every font has."""
    return name.replace("|", " at ")
