"""Everything about the stationary state of one protocol, for the terminal and as JSON."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from thermo_ideal._dictionary import Quantity
from thermo_ideal.dynamics import (
    SGD,
    AbstractProtocol,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    IsotropicNoise,
    VonMisesFisherLoss,
)
from thermo_ideal.dynamics._protocols import protocol_class
from thermo_ideal.thermodynamics import (
    PROPERTY_GROUPS,
    PROTOCOL_PROPERTIES,
    CaloricallyPerfectGas,
    State,
    equilibrium,
    plan,
)
from thermo_ideal.verification import stationary_law

_HOT = 0.1  # T(d − 1)
_SLOW = 10**4  # steps of a burn-in
_COARSE = 0.01  # relative shift by finite steps
_SMALLEST_STEP = 1e-7  # η_eff below which rounding hides the shift in the exact law


@dataclass(frozen=True)
class StateReport:
    """A state of the von Mises–Fisher gas in numbers and words.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".
        rows: by name, the meaning of a property and its value.
        warnings: what to know before the numbers are used.
    """

    protocol: str
    rows: dict[str, tuple[Quantity, float]]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and texts."""
        rows = self.rows.items()
        properties = {name: {"value": v, "symbol": m.symbol, "meaning": m.meaning} for name, (m, v) in rows}
        return {"protocol": self.protocol, "properties": properties, "warnings": list(self.warnings)}


def report_state(
    protocol: str, hyperparameters: dict[str, float], dimension: int, noise_scale: float = 1.0
) -> StateReport:
    """Works out the stationary state of a protocol on the toy loss in double precision, and what SGD adds to it.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".
        hyperparameters: its two, by name.
        dimension: `d`.
        noise_scale: `σ`.

    Raises:
        ValueError: an argument out of its range, or a state whose properties are beyond double precision.

    Example:
        >>> from thermo_ideal.reports import report_state
        >>> report = report_state("fixed-sphere", {"effective_learning_rate": 0.01, "radius": 2.0}, dimension=3)
        >>> meaning, value = report.rows["weight_decay"]
        >>> f"{meaning.symbol} = {value:.4f}"
        'λ = 0.0025'
    """
    with jax.enable_x64(True):
        made = protocol_class(protocol)(**hyperparameters)
        sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(noise_scale), made)
        # What has no finite value is refused below.
        with np.errstate(all="ignore"):
            state = equilibrium(sgd, dimension)
            rows = {}
            for name, quantity in (item for group in PROPERTY_GROUPS.values() for item in group.items()):
                found = getattr(state, name)
                rows[name] = quantity, float(found(made) if name in PROTOCOL_PROPERTIES else found)
            if made.fixes_radius:
                del rows["radius_relaxation_rate"]  # the radius is there after one step
            for name, (_, value) in rows.items():
                if not np.isfinite(value) or (value == 0 and name.endswith("rate")):
                    raise ValueError(f"{name}: got {value}, expected hyperparameters less extreme")
            shifts, coarse = _discrete(sgd, state)
            warnings = (_hot(state), _slow(sgd, dimension), coarse)
    return StateReport(protocol, rows | shifts, tuple(text for text in warnings if text))


def print_state(report: StateReport, console: Console) -> None:
    """Prints a table for each group of properties, and the warnings.

    Args:
        report: of `report_state`.
        console: where to.
    """
    groups = {name: group for group, names in PROPERTY_GROUPS.items() for name in names}
    for group in dict.fromkeys(groups.get(name, "SGD itself") for name in report.rows):
        table = Table(title=group, box=None, title_justify="left", show_header=False, title_style="bold")
        for width in (13, 23):
            table.add_column(no_wrap=True, min_width=width)
        table.add_column()
        for name, (meaning, value) in report.rows.items():
            if groups.get(name, "SGD itself") == group:
                table.add_row(meaning.symbol, f"{value:.15g}", f"{name}: {meaning.meaning}")
        console.print(table, highlight=False)
    for text in report.warnings:
        console.print(f"[bold yellow]warning[/]: {text}", highlight=False)


def _hot(state: State) -> str | None:
    """What is wrong with formulas for a gas of constant heat capacity."""
    heat = float(state.temperature * (state.dimension - 1))
    if heat < _HOT:
        return None
    flat = State(CaloricallyPerfectGas(state.dimension), temperature=state.temperature, volume=state.volume)
    entropy = float((flat.entropy - state.entropy) / (state.dimension - 1))
    energy = float(flat.internal_energy / state.internal_energy - 1)
    return (
        f"hot gas: T(d − 1) = {heat:.3g}, so C_V/R = {float(state.heat_capacity_volume / state.gas_constant):.3g} and "
        f"γ = {float(state.heat_capacity_ratio):.3g} where a quadratic loss has 1 and 2; its flat formulas are off by "
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


def _discrete(sgd: SGD, state: State) -> tuple[dict[str, tuple[Quantity, float]], str | None]:
    """How far from this state SGD settles, whose steps are not infinitesimal, and a warning where it is far."""
    what, symbol = ("pressure", "p") if sgd.protocol.fixes_radius else ("radius", "r")
    effective = float(state.effective_learning_rate)
    held, energy = _held_by_second_moments(sgd.protocol, state), effective / 2
    if not np.isfinite(held):
        return {}, (
            f"no stationary state of SGD itself: a step at η_eff = {effective:.3g} turns the weights so far that no "
            "radius is held; lower the learning rate"
        )
    how, size = "to leading order", "size of the "
    if effective > _SMALLEST_STEP:
        with suppress(ArithmeticError):
            law = stationary_law(sgd, int(state.dimension))
            found, here = (
                (law.effective_weight_decay, state.pressure)
                if sgd.protocol.fixes_radius
                else (law.mean_radius, state.radius)
            )
            held, energy = float(found / here - 1), float(law.mean_loss / state.internal_energy - 1)
            how, size = "exactly", ""
    texts = {"energy": f"{size}shift of the mean loss by finite steps, {how}", what: f"shift of the {what}, {how}"}
    shifts = {"energy": ("U", energy), what: (symbol, held)}
    rows = {}
    for name, (letter, value) in shifts.items():
        word = f"discrete_{name}_shift"
        rows[word] = Quantity(word, f"Δ{letter}/{letter}", "", "", "1", "", texts[name], sign="real"), value
    if max(abs(energy), abs(held)) < _COARSE:
        return rows, None
    in_energy = f"±{100 * energy:.2g} %" if size else _percent(energy)
    return rows, (
        f"coarse steps: SGD itself departs from this state of its SDE, {how}, by {in_energy} in U and by "
        f"{_percent(held)} in {symbol}"
    )


def _held_by_second_moments(protocol: AbstractProtocol, state: State) -> float:
    """The relative shift of `r`, or on the fixed sphere of `p`, by the balance of `E r²`; NaN where there is none.

    A step adds `η²(G² + τ)/r²` to `r²`, with `G² = E|∇L|² = (d − 1)TA`.
    """
    T, sigma, effective = (float(x) for x in (state.temperature, state.noise_scale, state.effective_learning_rate))
    noise = effective**2 * float(state.dimension - 1) * sigma**2
    gradient = T * (1 - float(state.internal_energy)) / sigma**2  # G²/τ
    growth = noise * (1 + gradient)
    if isinstance(protocol, FixedLearningRate):
        slack = 1 - noise / 4  # 1 − ηλ/2
        return ((1 + gradient) / slack) ** 0.25 - 1 if slack > 0 else np.nan
    if isinstance(protocol, FixedEffectiveLearningRate):
        return np.sqrt(2 * (1 + gradient) / (1 + np.sqrt(1 - growth))) - 1 if growth <= 1 else np.nan
    return 2 * (1 + gradient) / (1 + np.sqrt(1 + growth)) - 1


def _percent(share: float) -> str:
    return f"{100 * share:+.2g} %"


def _steps(number: float) -> str:
    return f"{float(f'{number:.3g}'):,.0f}"
