"""A recipe as a gas, for the terminal."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from thermo_ideal.thermodynamics import Advice


def print_advice(advice: Advice, console: Console) -> None:
    """Prints what a recipe is as a gas, with formulas, what they rest on, and what other optimisers would need.

    Args:
        advice: of `thermo_ideal.thermodynamics.advise`.
        console: where to.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> from thermo_ideal.reports import print_advice
        >>> from thermo_ideal.thermodynamics import advise
        >>> text = io.StringIO()
        >>> print_advice(advise(FixedLearningRate(0.1, 5e-4), dimension=11e6), Console(file=text, width=120))
        >>> [line.split()[:3] for line in text.getvalue().splitlines() if "sqrt(2*eta*lambda)" in line]
        [['φ', '0.01', 'radian']]
    """
    table = _table("", "value", "unit", "formula", "")
    for quantity, value in advice.rows.values():
        table.add_row(
            *map(escape, (quantity.symbol, f"{value:.5g}", quantity.unit, quantity.formula, quantity.meaning))
        )
    console.print(table, highlight=False)
    for word, text in advice.missing.items():
        _line(console, f"cannot be said: {word.replace('_', ' ')}; {text}")
    for text in advice.warnings:
        console.print(f"[bold yellow]warning[/]: {escape(text)}", highlight=False)
    for what, value in advice.limits.items():
        _line(console, f"must be small: {what} = {value:.3g}")
    for text in advice.assumptions:
        _line(console, f"taken for granted: {text}")
    if advice.decay_exponent is not None:
        eta = float(advice.protocol.constants["learning_rate"])
        settings = ", ".join(f"λ = {advice.decay_with(x * eta):.4g} at η = {x * eta:.4g}" for x in (0.5, 2.0))
        _line(console, f"the same temperature: λ ∝ η^{advice.decay_exponent:.3g}, so {settings}")
    if advice.schedule is not None:
        _line(console, repr(advice.schedule))
    if advice.equivalents:
        table = _table("the same T, φ and r with", "settings", "t_r [step]")
        for name, other in advice.equivalents.items():
            settings = ", ".join(f"{word} = {value:.4g}" for word, value in other.settings.items())
            table.add_row(name, settings, f"{other.radius_relaxation_time:.4g}")
        console.print(table, highlight=False)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading == "value" else "left", overflow="fold")
    return table


def _line(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False)
