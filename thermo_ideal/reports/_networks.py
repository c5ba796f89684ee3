"""Networks as gases: tables for the terminal, figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from thermo_ideal._display import with_error
from thermo_ideal.reports._style import empty_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from thermo_ideal.estimators import Estimate
    from thermo_ideal.networks import NetworkComparison, NetworkJudgement
    from thermo_ideal.verification import Row

_LEFT = ("", "claim", "measured", "wanted")


def print_networks(judgement: NetworkJudgement, console: Console) -> None:
    """Prints a table for each protocol, what is required, what is asked of a gas, and plain sentences about entropy.

    Args:
        judgement: of `thermo_ideal.networks.judge_networks`.
        console: where to.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from thermo_ideal.networks import NetworkJudgement
        >>> from thermo_ideal.reports import print_networks
        >>> text = io.StringIO()
        >>> print_networks(NetworkJudgement({}, {}, {}), Console(file=text))
        >>> text.getvalue().strip()
        'FAILED: 0 of 0 required hold, 0 of 0 of an ideal gas hold'
    """
    for name, comparison in judgement.comparisons.items():
        console.print(_numbers(comparison))
        console.print(_entropies(comparison))
        console.print(_rows(f"{name}: required of any scale-invariant loss", judgement.required[name]))
        console.print(_rows(f"{name}: is it an ideal gas?", judgement.asked[name]))
    for sentence in judgement.sentences:
        console.print(sentence, highlight=False, markup=False)
    word, rest = judgement.summary.split(":", 1)
    console.print(f"[bold {'green' if judgement.passed else 'red'}]{word}[/]:{rest}")


def _table(title: str, *headings: str) -> Table:
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _rows(title: str, rows: tuple[Row, ...]) -> Table:
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for heading in _LEFT:
        table.add_column(heading, no_wrap=heading == "")
    for row in rows:
        style = "green" if row.passed else "bold red" if row.evaluated else "yellow"
        table.add_row(f"[{style}]{row.mark}[/]", escape(row.claim), escape(row.measured), escape(row.bound))
    return table


def _at(comparison: NetworkComparison) -> tuple[int, str]:
    """The column of the grid that tables show, and how to say so."""
    name, values = comparison.axes[1]
    middle = len(values) // 2
    return middle, f"at {name.replace('_', ' ')} {values[middle]:.3g}"


def _text(estimate: Estimate, *index: int) -> str:
    return with_error(float(estimate.value[index]), float(estimate.standard_error[index]))


def _numbers(comparison: NetworkComparison) -> Table:
    column, where = _at(comparison)
    name, values = comparison.axes[0]
    table = _table(
        f"{comparison.name} {where}, d = {comparison.dimension}: the whole network; * is not stationary",
        *(
            name.replace("_", " "),
            "η_eff",
            "U",
            "T",
            "pV",
            "pV/RT",
            "pV/discrete",
            "angle",
            "spread of T_g",
            "PR",
            "S/N",
        ),
    )
    gas, several = comparison.gas, len(comparison.groups) > 2
    for i, value in enumerate(values):
        at = (i, column)
        table.add_row(
            f"{value:.3g}" + ("" if comparison.stationary[at] else " *"),
            _text(gas.effective_learning_rate, *at, -1),
            _text(comparison.energy, *at),
            _text(gas.temperature, *at, -1),
            _text(gas.mechanical_energy, *at, -1),
            _text(comparison.continuous, *at, -1),
            _text(comparison.discrete, *at, -1),
            _text(comparison.angle, *at, -1),
            _text(gas.temperature_spread, *at) if several else "–",
            _text(comparison.participation_ratio, *at),
            _text(comparison.signal_to_noise, *at),
        )
    return table


def _entropies(comparison: NetworkComparison) -> Table:
    column, where = _at(comparison)
    name, values = comparison.axes[0]
    spacings = comparison.spacings
    heats = {found: (use, heat) for found, use, heat in comparison.heats}
    title = f"{comparison.name} {where}: the nearest-neighbour entropy S_dir in nats by the spacing of its samples"
    if column in heats:
        use, heat = heats[column]
        told = {"ΔS": comparison.neighbours, "step length": comparison.step_length}
        changes = {word: comparison.change_along(entropy, column, use) for word, entropy in told.items()}
        title += f"; from {values[use[0]]:.3g} to {values[use[-1]]:.3g}: "
        title += ", ".join(f"{word} {_text(one)}" for word, one in {**changes, "∫dU/T": heat}.items())
    table = _table(
        title,
        name.replace("_", " "),
        *(f"S at {spacing}" for spacing in spacings),
        *(f"step length at {spacing}" for spacing in spacings[-1:]),
        "an entropy?",
    )
    for i, value in enumerate(values):
        table.add_row(
            f"{value:.3g}" + ("" if comparison.stationary[i, column] else " *"),
            *(_text(comparison.neighbours, i, column, j) for j in range(len(spacings))),
            _text(comparison.step_length, i, column, -1),
            _answer(comparison, i, column),
        )
    return table


def _answer(comparison: NetworkComparison, *at: int) -> str:
    if len(comparison.spacings) < 2:
        return "–"
    if comparison.follows_spacing[at]:
        return "no, it moves"
    if not comparison.keeps_still[at]:
        return "cannot tell"
    return "it may be" if comparison.is_possible[at] else "no, too large"


@styled
def network_figures(judgement: NetworkJudgement) -> Mapping[str, Figure]:
    """Equation of state, entropies and groups, a panel for each protocol, by file name.

    Args:
        judgement: of `thermo_ideal.networks.judge_networks`.

    Returns:
        "equation_of_state", "entropies" and "groups"; at the end of a notebook's cell they are shown.

    Raises:
        ValueError: there is no protocol.

    Example:
        >>> from thermo_ideal.networks import NetworkJudgement
        >>> from thermo_ideal.reports import network_figures
        >>> network_figures(NetworkJudgement({}, {}, {}))
        Traceback (most recent call last):
        ValueError: judgement: got no protocol to draw, expected that of judge_networks(results)
    """
    if not judgement.comparisons:
        raise ValueError("judgement: got no protocol to draw, expected that of judge_networks(results)")
    from thermo_ideal.reports._notebook import Figures

    made = {"equation_of_state": _equation_of_state, "entropies": _entropy_curves, "groups": _group_curves}
    figures = {}
    for name, draw in made.items():
        figure = empty_figure(4.8 * len(judgement.comparisons), 3.8)
        panels = figure.subplots(1, len(judgement.comparisons), squeeze=False)[0]
        for ax, comparison in zip(panels, judgement.comparisons.values(), strict=True):
            draw(ax, comparison)
            ax.set_title(f"{comparison.name}, {comparison.data.attrs['network']}, {comparison.data.attrs['data']}")
        figures[name] = figure
    return Figures(figures)


def _equation_of_state(ax: Axes, comparison: NetworkComparison) -> None:
    """Measured against both predictions: all points of the grid that are stationary."""
    use, gas = comparison.stationary, comparison.gas
    measured = gas.mechanical_energy
    for label, ratio, marker in (("SDE: RT", comparison.continuous, "o"), ("discrete", comparison.discrete, "s")):
        predicted = measured.value[..., -1] / ratio.value[..., -1]
        error = np.abs(predicted * ratio.standard_error[..., -1] / ratio.value[..., -1])
        style: dict[str, Any] = {"fmt": marker, "ms": 4, "lw": 1, "alpha": 0.7}
        ax.errorbar(predicted[use], measured.value[..., -1][use], xerr=error[use], label=label, **style)
    ends = np.array([np.nanmin(measured.value[..., -1]), np.nanmax(measured.value[..., -1])])
    ax.plot(ends, ends, color="black", lw=0.8)
    ax.set(xscale="log", yscale="log", xlabel="predicted", ylabel="measured pV")
    ax.legend()


def _entropy_curves(ax: Axes, comparison: NetworkComparison) -> None:
    column, where = _at(comparison)
    rate = comparison.gas.effective_learning_rate.value[:, column, -1]
    for j, spacing in enumerate(comparison.spacings):
        value, error = (x[:, column, j] for x in (comparison.neighbours.value, comparison.neighbours.standard_error))
        points = ax.errorbar(rate, value, error, fmt="o-", ms=4, lw=1, label=f"spacing {spacing}")
        step = comparison.step_length.value[:, column, j]
        ax.plot(rate, step, "--", color=points[0].get_color(), lw=1)
    ax.plot([], [], "--", color="grey", label="step length")
    ax.set(xscale="log", xlabel=f"η_eff, {where}", ylabel="S_dir [nat]")
    ax.legend(fontsize="small")


def _group_curves(ax: Axes, comparison: NetworkComparison) -> None:
    column, where = _at(comparison)
    values, gas = comparison.axes[0][1], comparison.gas
    for g, name in enumerate(comparison.groups):
        style: dict[str, Any] = {"color": "black", "zorder": 3} if name == "whole" else {}
        value, error = (x[:, column, g] for x in (gas.temperature.value, gas.temperature.standard_error))
        ax.errorbar(values, value, error, fmt="o-", ms=4, lw=1, label=name, **style)
    label = f"{comparison.axes[0][0].replace('_', ' ')}, {where}"
    ax.set(xscale="log", yscale="log", xlabel=label, ylabel="temperature T_g")
    ax.legend(fontsize="small")
