"""`thermo-ideal verify`: judges results that are on disk."""

from __future__ import annotations

import math
from json import dumps
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

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
    from thermo_ideal.sweeps import open_results
    from thermo_ideal.verification import verify

    if predicted_noise_scale is not None and not 0 < predicted_noise_scale < math.inf:
        raise ValueError(f"--predicted-noise-scale: got {predicted_noise_scale}, expected a number > 0, as in 1.1")
    inside = results / "results.zarr"
    verdict = verify(open_results(inside if inside.exists() else results), predicted_noise_scale)
    if json:
        rows = {name: [vars(row) | {"passed": bool(row.passed)} for row in rows] for name, rows in verdict.rows.items()}
        found = {"passed": verdict.passed, "summary": verdict.summary, "false_alarm_rate": verdict.false_alarm_rate}
        print(dumps(found | {"rows": rows}, indent=2))
    else:
        print_verdict(verdict, Console())
    return 0 if verdict.passed else FAILED
