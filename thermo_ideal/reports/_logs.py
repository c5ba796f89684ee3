"""A training log as a gas: its table for the terminal, its figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from thermo_ideal.reports._style import empty_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from thermo_ideal.experiments import LogAnalysis, LogGas


_DOTS = 2000  # of a curve
_SHOWN = 12  # groups


def print_log(analysis: LogAnalysis, console: Console) -> None:
    """Prints what a log says, and what it cannot say.

    Args:
        analysis: of `thermo_ideal.experiments.analyse_log`.
        console: where to.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from thermo_ideal.experiments import LogAnalysis
        >>> from thermo_ideal.reports import print_log
        >>> text = io.StringIO()
        >>> print_log(LogAnalysis("log.csv", {"momentum": "0.9"}, {"step": "_step"}, {}, []), Console(file=text))
        >>> text.getvalue().splitlines()
        ['log.csv: momentum = 0.9', 'columns: step = _step']
    """
    settings = ", ".join(f"{name} = {text}" for name, text in analysis.settings.items())
    _line(console, f"{analysis.source}: {settings}")
    _line(console, f"columns: {', '.join(f'{role} = {column}' for role, column in analysis.columns.items())}")
    for note in analysis.notes:
        _line(console, f"note: {note}")
    for name, gas in analysis.gases.items():
        title = f"{name}: {gas.regime}, since {gas.series.attrs.get('clock', 'step')} {gas.since:g}"
        table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
        for heading in ("", "symbol", "value", "unit", "from"):
            table.add_column(heading, justify="right" if heading == "value" else "left")
        for row in gas.rows():
            table.add_row(*map(escape, row))
        console.print(table)
        _line(console, gas.because)
        for sentence in gas.missing:
            _line(console, f"cannot be said: {sentence}")


def _line(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False)


@styled
def log_figure(analysis: LogAnalysis) -> Figure:
    """Radius against `r*(t)` and the equation of motion, gradient norm and loss, a row of panels for each group.

    Args:
        analysis: of `thermo_ideal.experiments.analyse_log`.

    Returns:
        The figure, with the first twelve groups; at the end of a notebook's cell it is shown.

    Raises:
        ValueError: there is no group.

    Example:
        >>> import xarray as xr
        >>> from thermo_ideal.experiments import LogAnalysis, LogGas
        >>> from thermo_ideal.reports import log_figure
        >>> series = xr.Dataset({"loss": ("step", [1.0, 0.5])}, {"step": [0, 10]})
        >>> gas = LogGas("all", "unknown", "two rows", 0.0, {}, {}, [], series)
        >>> [axes.get_ylabel() for axes in log_figure(LogAnalysis("log.csv", {}, {}, {"all": gas}, [])).axes]
        ['weight norm r', 'gradient norm |g|', 'loss L']
    """
    gases = list(analysis.gases.values())[:_SHOWN]
    if not gases:
        raise ValueError("analysis: got no group to draw, expected that of analyse_log('log.csv')")
    figure = empty_figure(12, 3.2 * len(gases))
    for panels, gas in zip(figure.subplots(len(gases), 3, squeeze=False), gases, strict=True):
        for ax, role, label in zip(
            panels,
            ("weight_norm", "gradient_norm", "loss"),
            ("weight norm r", "gradient norm |g|", "loss L"),
            strict=True,
        ):
            _curve(ax, gas, role)
            ax.set(xlabel=gas.series.attrs.get("clock", "step"), ylabel=label)
            ax.axvline(gas.since, color="grey", lw=0.8, ls=":")
        panels[0].set_title(f"{gas.name}: {gas.regime}", fontsize="small")
        for name, label, style in (("stationary_radius", "r*(t)", "--"), ("predicted_radius", "its equation", "-")):
            if name in gas.series:
                panels[0].plot(gas.series.point, gas.series[name], style, color="black", lw=1, label=label)
        if "stationary_radius" in gas.series:
            panels[0].legend(fontsize="x-small", loc="upper right")
    return figure


def _curve(ax: Axes, gas: LogGas, role: str) -> None:
    if role not in gas.series:
        ax.text(0.5, 0.5, f"no column {role}", ha="center", va="center", transform=ax.transAxes)
        return
    values = gas.series[role].dropna("step")
    values = values.isel(step=slice(None, None, max(1, values.sizes["step"] // _DOTS)))
    ax.plot(values.step, values, ".", ms=2, color="C0")


def write_log(analysis: LogAnalysis, folder: Path) -> None:
    """Writes report.txt, report.json and figure.png into a folder."""
    with (folder / "report.txt").open("w", encoding="utf-8") as file:
        print_log(analysis, Console(file=file, width=140))
    (folder / "report.json").write_text(analysis.to_json(), encoding="ascii")
    log_figure(analysis).savefig(folder / "figure.png", dpi=120)
