"""What a log says about its run as a gas, and what it cannot say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from json import dumps
from typing import Any

import numpy as np
import xarray as xr

from thermo_ideal._display import html_table, with_error
from thermo_ideal.estimators import Estimate
from thermo_ideal.experiments._log_stationarity import Stationarity


@dataclass(frozen=True)
class LogQuantity:
    """One number that a log gives.

    Args:
        symbol: as in the documentation.
        unit: of loss, weight and steps.
        value: the number.
        standard_error: from blocks; 0 where the hyperparameters alone give it.
        source: which columns and which assumption it rests on.
        estimate: over blocks, where it is measured.

    Example:
        >>> LogQuantity("p V/(R T)", "1", 1.01, 0.02, "weight_norm, gradient_norm").text
        '1.01(2)'
    """

    symbol: str
    unit: str
    value: float
    standard_error: float
    source: str
    estimate: Estimate | None = None

    @property
    def text(self) -> str:
        """The value with its error."""
        return with_error(self.value, self.standard_error)


@dataclass(frozen=True)
class LogGas:
    """A run, or one group of its weights, as a gas.

    Args:
        name: of the group.
        regime: "stationary", "quasi-static", "transient" or "unknown".
        because: of it, in one sentence.
        since: the step from which on numbers are averages.
        equilibrium: of each column, the cut and its test.
        quantities: by name; every one with its standard error and its assumption.
        missing: what cannot be said, with the column or the option that would allow it.
        series: the rows that were used, with `stationary_radius` and `predicted_radius` where they are known.

    Example:
        >>> from thermo_ideal.experiments import LogGas
        >>> import xarray as xr
        >>> LogGas("all", "unknown", "there are no rows", 0.0, {}, {}, ["T needs lr"], xr.Dataset()).missing
        ['T needs lr']
    """

    name: str
    regime: str
    because: str
    since: float
    equilibrium: Mapping[str, Stationarity]
    quantities: Mapping[str, LogQuantity]
    missing: list[str]
    series: xr.Dataset

    def __getitem__(self, name: str) -> LogQuantity:
        if name not in self.quantities:
            raise KeyError(f"{name}: this log gives {', '.join(self.quantities) or 'none'}; see missing")
        return self.quantities[name]

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Name, symbol, value with error, unit and source of every quantity.

        Returns:
            One tuple of text a quantity.
        """
        return [(name, q.symbol, q.text, q.unit, q.source) for name, q in self.quantities.items()]

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold: no arrays, None for numbers that are not finite.

        Returns:
            The regime, the cuts, the quantities and what is missing.
        """
        return {
            "regime": self.regime,
            "because": self.because,
            "since": _number(self.since),
            "equilibrium": {
                column: {
                    "row": found.start,
                    "stationary": found.stationary,
                    "probability": _number(found.probability),
                    "effective_samples": _number(found.effective_samples),
                    "reason": found.reason,
                }
                for column, found in self.equilibrium.items()
            },
            "quantities": {
                name: {
                    "symbol": q.symbol,
                    "value": _number(q.value),
                    "standard_error": _number(q.standard_error),
                    "blocks": 0 if q.estimate is None else q.estimate.replicas,
                    "unit": q.unit,
                    "source": q.source,
                }
                for name, q in self.quantities.items()
            },
            "missing": list(self.missing),
        }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, repr=False)
class LogAnalysis:
    """A training log as a gas: of the whole vector of weights, or of each group.

    It prints as a report; in a notebook it shows Markdown.

    Args:
        source: the file.
        settings: the hyperparameters that were used, as text by name.
        columns: which column is what.
        gases: by group; "all" for the whole vector.
        notes: what was done to the rows.

    Example:
        >>> from thermo_ideal.experiments import LogAnalysis
        >>> LogAnalysis("log.csv", {"learning_rate": "0.1"}, {}, {}, []).to_dict()["settings"]
        {'learning_rate': '0.1'}
    """

    source: str
    settings: Mapping[str, str]
    columns: Mapping[str, str]
    gases: Mapping[str, LogGas]
    notes: list[str]

    def __getitem__(self, group: str) -> LogGas:
        if group not in self.gases:
            raise KeyError(f"{group}: the groups are {', '.join(self.gases)}")
        return self.gases[group]

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold.

        Returns:
            Source, settings, columns, notes and the gases by group.
        """
        gases = {name: gas.to_dict() for name, gas in self.gases.items()}
        head = {"source": self.source, "settings": dict(self.settings), "columns": dict(self.columns)}
        return {**head, "notes": list(self.notes), "gases": gases}

    def to_json(self) -> str:
        """As JSON, in ASCII.

        Returns:
            One object.
        """
        return dumps(self.to_dict(), indent=2, allow_nan=False)

    def __repr__(self) -> str:
        lines = [f"{self.source}: {', '.join(f'{name} = {text}' for name, text in self.settings.items())}"]
        lines += [f"columns: {', '.join(f'{role} = {column}' for role, column in self.columns.items())}"]
        lines += [f"note: {note}" for note in self.notes]
        for gas in self.gases.values():
            lines += ["", f"{gas.name}: {gas.regime}, since step {gas.since:g}: {gas.because}"]
            width = max((len(name) for name in gas.quantities), default=0)
            lines += [
                f"  {name:{width}}  {symbol} = {text}{'' if unit == '1' else f' {unit}'}  [{source}]"
                for name, symbol, text, unit, source in gas.rows()
            ]
            lines += [f"  cannot be said: {sentence}" for sentence in gas.missing]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        headings = ["quantity", "symbol", "value", "unit", "from"]
        return "".join(
            html_table(f"{gas.name}: {gas.regime}, since step {gas.since:g}", headings, gas.rows())
            for gas in self.gases.values()
        )

    def _repr_markdown_(self) -> str:
        lines = [f"**{self.source}**", ""]
        for gas in self.gases.values():
            lines += [f"**{gas.name}**: {gas.regime}, since step {gas.since:g}: {gas.because}", ""]
            lines += ["| quantity | symbol | value | unit | from |", "|---|---|---|---|---|"]
            cells = ([cell.replace("|", r"\|") for cell in row] for row in gas.rows())
            lines += [f"| {' | '.join(row)} |" for row in cells]
            lines += ["", *(f"* cannot be said: {sentence}" for sentence in gas.missing), ""]
        return "\n".join(lines)


def block_means(columns: list[np.ndarray], blocks: int) -> np.ndarray:
    """Means of consecutive blocks, `(columns, blocks)`; the first rows are left out where blocks do not divide them.

    Args:
        columns: series of equal length.
        blocks: how many.
    """
    length = len(columns[0]) // blocks
    return np.array([c[len(c) - blocks * length :].reshape(blocks, length).mean(axis=1) for c in columns])
