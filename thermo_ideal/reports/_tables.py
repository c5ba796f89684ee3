"""A verdict as tables for the terminal, 80 columns wide."""

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from thermo_ideal._display import with_error
from thermo_ideal.verification import Comparison, Row, Slope, Verdict

_NO_SLOPE = "whose T and V are no products of powers of the hyperparameters, or which has too few stationary points"


def print_verdict(verdict: Verdict, console: Console) -> None:
    """Prints a table for each protocol, the Maxwell slopes and every requirement.

    Args:
        verdict: of `thermo_ideal.verification.verify`.
        console: where to.

    Example:
        >>> import numpy as np
        >>> import io
        >>> from rich.console import Console
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.reports import print_verdict
        >>> from thermo_ideal.verification import REQUIREMENTS, verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> text = io.StringIO()
        >>> verdict = verify(results, protocols=[dynamics.FixedLearningRate], requirements=REQUIREMENTS[1:])
        >>> print_verdict(verdict, Console(file=text, width=120))
        >>> print(text.getvalue().splitlines()[0].strip())
        fixed-lr, 9 of 9 grid points, predictions for σ = 1
    """
    for comparison in verdict.comparisons.values():
        if comparison.stationary.any():
            console.print(comparison_table(comparison))
    console.print(slopes_table(verdict))
    for protocol, rows in verdict.rows.items():
        console.print(_requirements(protocol, rows))
    word, rest = verdict.summary.split(":", 1)
    console.print(f"[bold {'green' if verdict.passed else 'red'}]{word}[/]:{rest}")


def _table(title: str, caption: str | None, left: tuple[str, ...], right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left")
    table.padding = (0, 1, 0, 0)
    for heading in left:
        table.add_column(heading, no_wrap=heading == "")
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def comparison_table(comparison: Comparison) -> Table:
    use = comparison.stationary
    middle = tuple(size // 2 for size in use.shape)
    at = ", ".join(f"{name} = {values[i]:.3g}" for (name, values), i in zip(comparison.axes, middle, strict=True))
    table = _table(
        f"{comparison.protocol.name}, {use.sum()} of {use.size} grid points, predictions for σ = "
        f"{comparison.noise_scale:g}",
        f"First three numbers: at {at}. |Δ|: simulated against SDE, median and largest over the grid, relative "
        "(entropies: nats). z: simulated against the exact law of discrete SGD. S_kNN: S_dir by nearest neighbours.",
        ("",),
        ("simulated", "SDE", "discrete", "|Δ|", "max |Δ|", "rms z", "max", "|z|<4"),
    )
    for symbol, quantity in comparison.quantities.items():
        departure, z = np.abs(quantity.departure[use]), quantity.z_score[use]
        table.add_row(
            symbol,
            with_error(float(quantity.simulated.value[middle]), float(quantity.simulated.standard_error[middle])),
            f"{quantity.predicted[middle]:.4g}",
            f"{quantity.exact[middle]:.4g}",
            f"{np.median(departure):.4f}",
            f"{departure.max():.4f}",
            f"{np.sqrt((z**2).mean()):.2f}",
            f"{np.abs(z).max():.1f}",
            f"{quantity.consistent[use].mean():.0%}",
        )
    return table


def slopes_table(verdict: Verdict) -> Table:
    slopes = verdict.slopes
    without = ", ".join(name for name, found in slopes.items() if not found)
    table = _table(
        "Maxwell slopes",
        "In parentheses: standard error of the last digits. discrete: the same fit to the exact law of discrete SGD. "
        "z: measured against theory." + (f" No slope is claimed for {without}, {_NO_SLOPE}." if without else ""),
        ("",),
        ("measured", "paper", "theory", "discrete", "z"),
    )
    for slope in (slope for found in slopes.values() for slope in found):
        table.add_row(slope.name, *_numbers(slope))
    return table


def _numbers(slope: Slope) -> tuple[str, ...]:
    return (
        f"{slope.value:.4f}({slope.standard_error * 1e4:.0f})",
        f"{slope.paper[0]:.4f}({slope.paper[1] * 1e4:.0f})" if slope.paper else "–",
        f"{slope.theory:g}",
        f"{slope.exact:.4f}",
        f"{slope.z_score:+.1f}",
    )


def _requirements(protocol: str, rows: Sequence[Row]) -> Table:
    table = _table(f"Verdict, {protocol}", None, ("", "requirement", "measured", "wanted"))
    for row in rows:
        style = "green" if row.passed else "bold red" if row.evaluated else "yellow"
        table.add_row(f"[{style}]{row.mark}[/]", row.claim, row.measured, row.bound)
    return table
