"""Everything about the stationary state of one protocol, for the terminal and as JSON."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from rich.console import Console
from rich.table import Table

from thermo_ideal._arguments import in_double_precision
from thermo_ideal._compilation import run_once
from thermo_ideal._dictionary import DICTIONARY, Quantity
from thermo_ideal.dynamics import SGD, AbstractProtocol, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.thermodynamics import (
    PROPERTY_GROUPS,
    PROTOCOL_PROPERTIES,
    CaloricallyPerfectGas,
    State,
    equilibrium,
    plan,
)
from thermo_ideal.verification import second_moment_balance, stationary_law

_HOT = 0.1  # T(d − 1)
_SLOW = 10**4  # steps of a burn-in
_COARSE = 0.01  # relative shift by finite steps
_SMALLEST_STEP = 1e-7  # η_eff below which rounding hides the shift in the exact law
_DISCRETE = "SGD itself"


@dataclass(frozen=True, eq=False, repr=False)
class StateReport:
    """A state of the von Mises–Fisher gas in numbers and words.

    Args:
        protocol: whose stationary state it is.
        rows: by group, properties with their values, in the units of the dictionary.
        warnings: what to know before the numbers are used.

    Example:
        >>> from thermo_ideal.dynamics import FixedSphere
        >>> from thermo_ideal.reports import report_state
        >>> report = report_state(FixedSphere(0.01, radius=2.0), dimension=3)
        >>> list(report.rows)
        ['hyperparameters', 'state', 'potentials', 'response', 'fluctuations', 'relaxation', 'SGD itself']
        >>> report["temperature"], report.warnings
        (0.005, ())
    """

    protocol: AbstractProtocol
    rows: Mapping[str, tuple[tuple[Quantity, float], ...]]
    warnings: tuple[str, ...]

    def __getitem__(self, word: str) -> float:
        """The value of a property.

        Args:
            word: its name in the dictionary.

        Raises:
            KeyError: there is no such property.
        """
        return {quantity.word: value for rows in self.rows.values() for quantity, value in rows}[word]

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and texts."""
        properties = {
            quantity.word: {"value": value, "symbol": quantity.symbol, "meaning": quantity.meaning}
            for rows in self.rows.values()
            for quantity, value in rows
        }
        return {"protocol": self.protocol.name, "properties": properties, "warnings": list(self.warnings)}

    def __repr__(self) -> str:
        lines = [f"StateReport, {self.protocol.name}"]
        for group, rows in self.rows.items():
            lines.append(f"{group}: {', '.join(f'{quantity.symbol} = {value:.4g}' for quantity, value in rows)}")
        return "\n  ".join([*lines, *(f"warning: {text}" for text in self.warnings)])


def report_state(protocol: AbstractProtocol, dimension: int, noise_scale: float = 1.0) -> StateReport:
    """Works out the stationary state of a protocol on the toy loss in double precision, and what SGD adds to it.

    Args:
        protocol: with one value of each hyperparameter; values in single precision are read in their shortest decimal
            form, 0.05 as 0.05.
        dimension: `d`.
        noise_scale: `σ`.

    Returns:
        A `StateReport`.

    Raises:
        ValueError: an argument out of its range, hyperparameters that are schedules or arrays, or a state whose
            properties are beyond double precision.

    Example:
        >>> from thermo_ideal.dynamics import FixedSphere
        >>> from thermo_ideal.reports import report_state
        >>> report = report_state(FixedSphere(0.01, radius=2.0), dimension=3)
        >>> f"λ = {report['weight_decay']:.4f}"
        'λ = 0.0025'
    """
    if not isinstance(protocol, AbstractProtocol):
        raise ValueError(f"protocol: got {protocol!r}, expected a protocol, as in FixedLearningRate(0.05, 1e-3)")
    for name, shape in protocol.batch_shapes.items():
        if shape:
            raise ValueError(f"{name}: got an array of shape {shape}, expected one number, as in {name}=0.01")
    with jax.enable_x64(True):
        values = {name: jnp.asarray(in_double_precision(value)) for name, value in protocol.constants.items()}
        sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(noise_scale), protocol.replace(**values))
        # What has no finite value is refused below.
        with np.errstate(all="ignore"):
            state = equilibrium(sgd, dimension)
            found = _values(state, sgd.protocol)
            rows = {
                group: tuple((DICTIONARY[word], found[word]) for word in words if word in found)
                for group, words in PROPERTY_GROUPS.items()
            }
            for quantity, value in (row for group in rows.values() for row in group):
                if not np.isfinite(value) or (value == 0 and quantity.word.endswith("rate")):
                    raise ValueError(f"{quantity.word}: got {value}, expected hyperparameters less extreme")
            shifts, coarse = _discrete(sgd, state, found)
            warnings = (_hot(state, found), _slow(sgd, dimension), coarse)
    return StateReport(
        protocol, rows | ({_DISCRETE: shifts} if shifts else {}), tuple(text for text in warnings if text)
    )


def _values(state: State, protocol: AbstractProtocol) -> dict[str, float]:
    """Properties of the state, and what the protocol makes of it, by their words."""
    trace = 2 * state.gas_constant * state.noise_scale**2
    variance = protocol.relative_volume_variance(state.noise_scale, trace) * state.volume**2
    by_protocol = {"volume_variance": float(variance)}
    if not protocol.fixes_radius:  # where the radius is fixed it is there after one step
        by_protocol["radius_relaxation_rate"] = float(protocol.radius_relaxation_rate(trace))
    words = tuple(word for group in PROPERTY_GROUPS.values() for word in group if word not in PROTOCOL_PROPERTIES)
    return {word: float(value) for word, value in _properties(state, words).items()} | by_protocol


@run_once
def _properties(state: State, words: tuple[str, ...]) -> dict[str, Array]:
    return {word: getattr(state, word) for word in words}


def print_state(report: StateReport, console: Console) -> None:
    """Prints a table for each group of properties, and the warnings.

    Args:
        report: of `report_state`.
        console: where to.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> from thermo_ideal.dynamics import FixedSphere
        >>> from thermo_ideal.reports import print_state, report_state
        >>> text = io.StringIO()
        >>> print_state(report_state(FixedSphere(0.01, radius=2.0), dimension=3), Console(file=text, width=80))
        >>> print(" ".join(text.getvalue().splitlines()[2].split()))
        η_eff 0.01 effective_learning_rate: effective
    """
    for group, rows in report.rows.items():
        table = Table(title=group, box=None, title_justify="left", show_header=False, title_style="bold")
        for width in (13, 23):
            table.add_column(no_wrap=True, min_width=width)
        table.add_column()
        for quantity, value in rows:
            table.add_row(quantity.symbol, f"{value:.15g}", f"{quantity.word}: {quantity.meaning}")
        console.print(table, highlight=False)
    for text in report.warnings:
        console.print(f"[bold yellow]warning[/]: {text}", highlight=False)


def _hot(state: State, found: Mapping[str, float]) -> str | None:
    """What is wrong with formulas for a gas of constant heat capacity."""
    heat = found["temperature"] * (found["dimension"] - 1)
    if heat < _HOT:
        return None
    flat = _properties(
        State(CaloricallyPerfectGas(state.dimension), temperature=state.temperature, volume=state.volume),
        ("entropy", "internal_energy"),
    )
    entropy = (float(flat["entropy"]) - found["entropy"]) / (found["dimension"] - 1)
    energy = float(flat["internal_energy"]) / found["internal_energy"] - 1
    return (
        f"hot gas: T(d − 1) = {heat:.3g}, so C_V/R = {found['heat_capacity_volume'] / found['gas_constant']:.3g} and "
        f"γ = {found['heat_capacity_ratio']:.3g} where a quadratic loss has 1 and 2; its flat formulas are off by "
        f"{entropy:+.2g} nats per degree of freedom in S, and by {_percent(energy)} in U"
    )


def _slow(sgd: SGD, dimension: int) -> str | None:
    """How long to wait."""
    try:
        made = plan(sgd, dimension)
    except ValueError as error:
        return f"slow relaxation: {error}"
    burn_in = int(made.burn_in)
    if burn_in <= _SLOW:
        return None
    radius = "" if sgd.protocol.fixes_radius else f"the radius in {_steps(float(made.radius_time))} and "
    each = f"{radius}the direction in {_steps(float(made.direction_time))} steps"
    return f"slow relaxation: {each}, so a burn-in takes {_steps(burn_in)}"


def _discrete(
    sgd: SGD, state: State, found: Mapping[str, float]
) -> tuple[tuple[tuple[Quantity, float], ...], str | None]:
    """How far from this state SGD settles, whose steps are not infinitesimal, and a warning where it is far."""
    response = sgd.protocol.mechanical_response
    here, symbol = found[response], DICTIONARY[response].symbol
    effective = found["effective_learning_rate"]
    gradient = 2 * found["gas_constant"] * found["temperature"] * (1 - found["internal_energy"])
    held = float(second_moment_balance(sgd.protocol, state, mean_square_gradient=gradient)) / here - 1
    energy = effective / 2
    if not np.isfinite(held):
        return (), (
            f"no stationary state of SGD itself: a step at η_eff = {effective:.3g} turns the weights so far that no "
            "radius is held; lower the learning rate"
        )
    how, size = "to leading order", "size of the "
    if effective > _SMALLEST_STEP:
        with suppress(ArithmeticError):
            law = stationary_law(sgd, int(found["dimension"]))
            held = float(law.mechanical(response)) / here - 1
            energy = float(law.mean_loss / found["internal_energy"] - 1)
            how, size = "exactly", ""
    rows = (
        (_shift("energy", "U", f"{size}shift of the mean loss by finite steps, {how}"), energy),
        (_shift(response, symbol, f"shift of the {response}, {how}"), held),
    )
    if max(abs(energy), abs(held)) < _COARSE:
        return rows, None
    in_energy = f"±{100 * energy:.2g} %" if size else _percent(energy)
    return rows, (
        f"coarse steps: SGD itself departs from this state of its SDE, {how}, by {in_energy} in U and by "
        f"{_percent(held)} in {symbol}"
    )


def _shift(what: str, symbol: str, meaning: str) -> Quantity:
    word, relative = f"discrete_{what}_shift", f"Δ{symbol}/{symbol}"
    return Quantity(word, relative, word, rf"\Delta {symbol}/{symbol}", "1", "", meaning, sign="real")


def _percent(share: float) -> str:
    return f"{100 * share:+.2g} %"


def _steps(number: float) -> str:
    return f"{float(f'{number:.3g}'):,.0f}"
