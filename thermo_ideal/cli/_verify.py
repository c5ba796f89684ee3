"""`thermo-ideal verify`: judges results that are on disk."""

from __future__ import annotations

import math
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

if TYPE_CHECKING:
    import xarray as xr

FAILED = 1


def verify(
    results: Path,
    /,
    *,
    predicted_noise_scale: float | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Judge the results of `thermo-ideal reproduce toy` again, and print the verdict.

    The exit status is 1 unless every requirement could be asked and holds.

    Example: thermo-ideal verify toy

    Parameters
    ----------
    results
        The folder, as toy, or its results.zarr.
    predicted_noise_scale
        The noise scale that the predictions assume, if not that of the simulation: with 1.1 the verdict must fail.
    json
        Print the rows as JSON.
    """
    from thermo_ideal.reports import print_verdict
    from thermo_ideal.verification import verify

    require_noise_scale(predicted_noise_scale)
    verdict = verify(open_finished(results), predicted_noise_scale)
    if json:
        rows = {name: [vars(row) | {"passed": bool(row.passed)} for row in rows] for name, rows in verdict.rows.items()}
        found = {"passed": verdict.passed, "summary": verdict.summary, "false_alarm_rate": verdict.false_alarm_rate}
        print(dumps(found | {"rows": rows}, indent=2))
    else:
        print_verdict(verdict, Console())
    return 0 if verdict.passed else FAILED


def require_noise_scale(predicted_noise_scale: float | None) -> None:
    """Raises ValueError unless it is none or a number that a noise scale can be."""
    if predicted_noise_scale is not None and not 0 < predicted_noise_scale < math.inf:
        raise ValueError(f"--predicted-noise-scale: got {predicted_noise_scale}, expected a number > 0, as in 1.1")


def open_finished(folder: Path) -> xr.DataTree:
    """The results in a folder of `reproduce` or of a sweep, or a store itself.

    Raises:
        ValueError: a sweep that is not finished.
        FileNotFoundError: there are no results.
    """
    from thermo_ideal.sweeps import open_results
    from thermo_ideal.sweeps import status as status_of

    inside = folder / "results.zarr"
    if inside.exists():
        return open_results(inside)
    if (folder / "manifest.json").exists():
        raise ValueError(
            f"{folder}: got a sweep that is not finished ({status_of(folder)}), expected results; go on with "
            f"`thermo-ideal sweep run {folder / 'sweep.toml'} --out {folder}`"
        )
    return open_results(folder)
