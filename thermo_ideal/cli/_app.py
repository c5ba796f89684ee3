"""`thermo-ideal`: subcommands import what they need when they run, so that `--help` is quick."""

import io
import os
import sys
import time
from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.exceptions import CoercionError
from rich.console import Console
from rich.markup import escape

import thermo_ideal
from thermo_ideal.cli._advise import advise
from thermo_ideal.cli._analyse import analyse
from thermo_ideal.cli._cores import expose_cores
from thermo_ideal.cli._networks import networks
from thermo_ideal.cli._report import report
from thermo_ideal.cli._state import state
from thermo_ideal.cli._sweep import sweep
from thermo_ideal.cli._systems import plan, simulate
from thermo_ideal.cli._types import ASCII, COUNT, DIMENSION
from thermo_ideal.cli._verify import require_noise_scale, verify


def _refusal(error: CycloptsError) -> str:
    """As all other errors read: what came, and what was expected."""
    text = str(error)
    if isinstance(error, CoercionError) and error.token is not None and error.token.keyword:
        expected = _EXPECTED.get(getattr(error.target_type, "__name__", ""))
        if error.msg is not None or expected is not None:
            text = f"{error.token.keyword}: {error.msg or f'got {error.token.value!r}, expected {expected}'}"
    return f"[bold red]error[/]: {escape(text)}"


_EXPECTED = {"float": "a number, as in 0.05", "Path": "a folder, as in toy"}

_app = App(
    name="thermo-ideal",
    help="Thermodynamics of SGD on scale-invariant losses: derived, simulated, compared.",
    version=thermo_ideal.__version__,
    suppress_keyboard_interrupt=False,
    error_formatter=_refusal,
)
_reproduce = App(name="reproduce", help="Repeat an experiment of arXiv 2511.07308 and judge it.")
_app.command(_reproduce)
_reproduce.command(networks)
_app.command(state)
_app.command(advise)
_app.command(simulate)
_app.command(plan)
_app.command(verify)
_app.command(report)
_app.command(sweep)
_app.command(analyse)

_FAILED, _WRONG, _INTERRUPTED = 1, 2, 130


@_reproduce.command
def toy(
    *,
    profile: Literal["quick", "paper"] = "quick",
    out: Path = Path("toy"),
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    seed: Annotated[int, COUNT] = 0,
    predicted_noise_scale: float | None = None,
) -> int:
    """Simulate isotropic-noise SGD under the three protocols on the paper's grid, and compare it with the theory.

    Writes results.zarr, figures/*.png and verdict.txt to a folder. The exit status is 1 if the verdict fails.

    Parameters
    ----------
    profile
        "quick": a 9 x 9 grid, about a minute. "paper": the paper's 17 x 17. Each run is as long as its relaxation
        times ask.
    out
        The folder.
    overwrite
        Replace the results that are in the folder.
    seed
        Of every random number.
    predicted_noise_scale
        The noise scale that the predictions assume, if not that of the simulation: with 1.1 the verdict must fail.
    """
    from thermo_ideal._files import require_writable, write_whole
    from thermo_ideal.experiments import PROFILES, run_isotropic
    from thermo_ideal.reports import print_verdict
    from thermo_ideal.reports._figures import write_figures
    from thermo_ideal.sweeps._store import write_results
    from thermo_ideal.verification import verify as judge

    require_noise_scale(predicted_noise_scale)
    names = ["results.zarr", "figures", "verdict.txt"]
    require_writable(out, names, overwrite)

    started = time.monotonic()
    expose_cores()
    results = run_isotropic(PROFILES[profile], seed=seed, progress=True)
    verdict = judge(results, predicted_noise_scale)

    def write(folder: Path) -> None:
        write_results(verdict.beside(results), folder / "results.zarr")
        write_figures(verdict, folder / "figures")
        with (folder / "verdict.txt").open("w", encoding="utf-8") as file:
            print_verdict(verdict, Console(file=file, width=120))

    write_whole(out, names, write, overwrite)
    print_verdict(verdict, Console())
    print(f"{', '.join(names)} written to {out} after {time.monotonic() - started:.0f} s")
    return 0 if verdict.passed else _FAILED


@_app.command
def derive(
    topic: str,
    *,
    protocol: str | None = None,
    dimension: Annotated[int | None, DIMENSION] = None,
    latex: Annotated[bool, Parameter(negative="")] = False,
    markdown: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    verify: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Derive a part of the theory, and print its steps and its result.

    Parameters
    ----------
    topic
        What to derive: sgd, radius, direction, temperature, equation-of-state, general-noise, schedule, momentum,
        discrete, zonal, gas, potentials, response, maxwell, von-mises-fisher, or fluctuations.
    protocol
        "fixed-lr", "fixed-elr" or "fixed-sphere"; needed by all topics from sgd to zonal, maxwell and fluctuations.
    dimension
        An explicit number of weights in place of the symbol d.
    latex
        Print the steps as a LaTeX align* block.
    markdown
        Print the steps as Markdown with LaTeX.
    json
        Print steps and results as JSON.
    verify
        Replay every step in explicit components first; the exit status is 1 if one does not hold.
    """
    from thermo_ideal.symbolic import VerificationError, derivation

    if latex + markdown + json > 1:
        raise ValueError("got more than one of --latex, --markdown and --json, expected one of them or none")
    derived = derivation(topic, protocol, dimension)
    if verify:
        try:
            count = derived.verify()
        except VerificationError as error:
            print(error, file=sys.stderr)
            return _FAILED
        print(f"{count} residuals vanish", file=sys.stderr)
    if latex:
        print(derived.latex())
    elif markdown:
        print(derived.markdown())
    elif json:
        print(dumps(derived.to_dict(), indent=2))
    else:
        print(derived.text())
    return 0


@_app.command(name="install-completion")
def install_completion(
    *,
    shell: Literal["bash", "zsh", "fish"] | None = None,
    startup: Annotated[bool, Parameter(negative="--no-startup")] = True,
) -> int:
    """Install completion of this command line for a shell, once.

    Example: thermo-ideal install-completion --shell bash

    Parameters
    ----------
    shell
        The one that runs if not given.
    startup
        Whether to add a line to the shell's start-up file, where it needs one.
    """
    from cyclopts.completion.detect import ShellDetectionError

    try:
        path = _app.install_completion(shell=shell, add_to_startup=startup)
    except ShellDetectionError as error:
        raise ValueError(
            "--shell: got nothing, and cannot tell which shell runs, expected bash, zsh or fish; type thermo-ideal "
            "install-completion --shell bash"
        ) from error
    print(f"{path} written; it counts from the next shell on")
    return 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its status.

    Args:
        arguments: the words after `thermo-ideal`; those of the process if None.

    Raises:
        SystemExit: always; with 0, or 1 where a verdict or a derivation fails, 2 for what was typed, 3 where blocks of
            a sweep are left, 75 for SIGTERM during a sweep, which is kept, 130 for Ctrl-C.

    Example:
        >>> from thermo_ideal.cli import main
        >>> try:
        ...     main(["state", "--protocol", "fixed-lr"])  # without its hyperparameters
        ... except SystemExit as stop:
        ...     print(stop.code)
        2
    """
    console = Console(stderr=True)
    for stream in (sys.stdout, sys.stderr):
        # The tables are in Greek; a terminal that is not gets the letters' names.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ASCII)
    try:
        status = _app(arguments, result_action="return_value")
    except KeyboardInterrupt:
        console.print("interrupted; nothing was left half-written")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has gone, as in `| head`; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_FAILED)
    except (ValueError, OSError, ArithmeticError) as error:
        console.print(f"[bold red]error[/]: {escape(str(error))}", highlight=False)
        sys.exit(_WRONG)
    sys.exit(status if isinstance(status, int) else 0)
