"""`thermo-ideal report`: results as one HTML page, and its figures as files."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from thermo_ideal.cli._verify import FAILED, open_finished, require_noise_scale


def report(
    results: Path,
    /,
    *,
    out: Path | None = None,
    figures: Literal["png", "svg", "pdf"] | None = None,
    dark: Annotated[bool, Parameter(negative="")] = False,
    predicted_noise_scale: float | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Judge results, and write report.html: all figures, tables and the spec in one file that needs no network.

    Exit status: 0 written, and the verdict passes; 1 written, and it does not; 2 refused; 130 Ctrl-C.

    Example: thermo-ideal report toy --figures pdf

    Parameters
    ----------
    results
        The folder of `thermo-ideal reproduce toy` or of a sweep of the isotropic model, or its results.zarr.
    out
        A folder for the files, if not that of the results.
    figures
        Write each figure as a file too, to figures-png, figures-svg or figures-pdf.
    dark
        These figures are for a dark background. The page follows its reader's system.
    predicted_noise_scale
        The noise scale that the predictions assume, if not that of the simulation: with 1.1 the verdict must fail.
    overwrite
        Replace files that are there.
    """
    from thermo_ideal._files import require_writable, write_whole
    from thermo_ideal.dynamics._protocols import protocol_class
    from thermo_ideal.reports._figures import write_figures
    from thermo_ideal.reports._report import write_page
    from thermo_ideal.verification import verify

    require_noise_scale(predicted_noise_scale)
    folder = out if out is not None else results.parent if results.name == "results.zarr" else results
    names = ["report.html", *([f"figures-{figures}"] if figures else [])]
    found = open_finished(results)
    require_writable(folder, names, overwrite)
    protocols = [protocol_class(name) for name in found.children]
    verdict = verify(found, predicted_noise_scale, protocols)

    def write(fresh: Path) -> None:
        write_page(verdict, found, fresh / names[0])
        if figures:
            write_figures(verdict, fresh / names[1], figures, dark=dark)

    write_whole(folder, names, write, overwrite)
    print(verdict.summary)
    print(f"{', '.join(names)} written to {folder}")
    return 0 if verdict.passed else FAILED
