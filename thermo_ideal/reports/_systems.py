"""A few simulated systems beside their laws, as tables and as rows for files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import with_error
from thermo_ideal.experiments._systems import Systems

_COLUMNS = ("simulated", "standard_error", "exact", "sde", "z")


def systems_as_dicts(found: Systems) -> list[dict[str, Any]]:
    """Each system as plain numbers: hyperparameters, and by symbol what was measured, None where there is no number.

    Args:
        found: of `simulate_systems`.
    """
    protocol = found.protocol
    hyperparameters = {name: np.asarray(x, np.float64) for name, x in protocol.constants.items()}
    numbers: dict[str, dict[str, np.ndarray]] = {}
    for symbol, quantity in found.quantities.items():
        measured = (quantity.simulated.value, quantity.simulated.standard_error, quantity.exact, quantity.predicted)
        numbers[symbol] = dict(zip(_COLUMNS, (*measured, quantity.z_score), strict=True))
    for symbol, value in found.set_by_protocol.items():
        numbers[symbol] = dict(zip(_COLUMNS, (value, 0 * value, value, value, 0 * value), strict=True))
    return [
        {
            "protocol": protocol.name,
            **{name: float(values[i]) for name, values in hyperparameters.items()},
            "dimension": found.dimension,
            "noise_scale": found.noise_scale,
            "quantities": {symbol: {k: _plain(x[i]) for k, x in row.items()} for symbol, row in numbers.items()},
        }
        for i in range(next(iter(hyperparameters.values())).size)
    ]


def systems_as_columns(found: Systems) -> dict[str, list[Any]]:
    """By name, a value for each quantity of each system; None where there is no number.

    Args:
        found: of `simulate_systems`.
    """
    rows = [
        {name: x for name, x in system.items() if name != "quantities"} | {"quantity": symbol, **row}
        for system in systems_as_dicts(found)
        for symbol, row in system["quantities"].items()
    ]
    return {name: [row[name] for row in rows] for name in rows[0]}


def write_systems(found: Systems, path: Path, attributes: dict[str, Any]) -> None:
    """Writes a line for each quantity of each system, as CSV or, where the name ends in .zarr, as a Zarr store.

    Args:
        found: of `simulate_systems`.
        path: of the file, which is not there.
        attributes: of the store.
    """
    columns = systems_as_columns(found)
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return
    import xarray as xr

    from thermo_ideal.sweeps._store import write_results

    data = xr.Dataset(
        {
            name: ("row", np.array(values, object if isinstance(values[0], str) else np.float64))
            for name, values in columns.items()
        },
        attrs=attributes,
    )
    write_results(xr.DataTree.from_dict({f"/{found.protocol.name}": data}), path)


def print_systems(found: Systems, console: Console) -> None:
    """Prints a table for each system: simulated with its error, exact for discrete SGD, the SDE's, and z.

    Args:
        found: of `simulate_systems`.
        console: where to.
    """
    for system in systems_as_dicts(found):
        known = [name for name in system if name in DICTIONARY]
        title = ", ".join(f"{DICTIONARY[name].symbol} = {system[name]:.6g}" for name in known)
        console.print(f"{system['protocol']}: {title}", highlight=False)
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("")
        for heading in ("simulated", "exact", "SDE", "z"):
            table.add_column(heading, justify="right", overflow="fold")  # no digit is left out
        for symbol, row in system["quantities"].items():
            exact, sde, z = (_text(row["exact"]), _text(row["sde"]), _text(row["z"], "+.1f"))
            if symbol in found.set_by_protocol:
                table.add_row(symbol, "set", exact, sde, "")
            elif row["simulated"] is None:
                table.add_row(symbol, "diverged", exact, sde, "")
            else:
                table.add_row(symbol, with_error(row["simulated"], row["standard_error"]), exact, sde, z)
        console.print(table, highlight=False)


def _text(number: float | None, how: str = ".6g") -> str:
    return "" if number is None else f"{number:{how}}"


def _plain(number: Any) -> float | None:
    return float(number) if np.isfinite(number) else None
