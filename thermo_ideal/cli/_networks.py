"""`thermo-ideal reproduce networks`: scale-invariant networks over grids of hyperparameters, judged as gases."""

import math
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from thermo_ideal.cli._cores import expose_cores
from thermo_ideal.cli._types import COUNT

FAILED = 1


def networks(
    *,
    profile: str = "quick",
    out: Path = Path("networks"),
    data: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    seed: Annotated[int, COUNT] = 0,
    assumed_trace: float = 1.0,
) -> int:
    """Train scale-invariant networks under the three protocols over grids, and ask whether they are an ideal gas.

    Writes results.zarr, figures/*.png and report.txt to a folder, and keeps the sweep in it: the same line goes on
    after any interruption. The exit status is 1 if what holds for any scale-invariant loss does not come out.

    Example: thermo-ideal reproduce networks --profile quick --out networks

    Parameters
    ----------
    profile
        "quick": an MLP on scikit-learn's digits, under 5 minutes on two cores; "digits": the same, larger and longer;
        or one of the paper's grids, as convnet8-cifar10. `thermo-ideal sweep plan networks-NAME` says what it takes.
    out
        The folder.
    data
        The folder of CIFAR, MNIST or Fashion-MNIST, for the profiles that ask for it.
    overwrite
        Replace the report that is in the folder; the sweep is gone on with.
    seed
        Of every random number.
    assumed_trace
        By what the measured noise trace is multiplied in the predictions: with 1.3 what is required must fail.
    """
    from thermo_ideal._files import require_writable, write_whole
    from thermo_ideal.experiments import shipped_networks
    from thermo_ideal.networks import judge_networks
    from thermo_ideal.reports import network_figures, print_networks
    from thermo_ideal.sweeps import Sweep, run
    from thermo_ideal.sweeps._store import write_results

    specs = shipped_networks()
    if profile not in specs:
        raise ValueError(f"--profile: got {profile}, expected one of {', '.join(specs)}")
    if not 0 < assumed_trace < math.inf:
        raise ValueError(f"--assumed-trace: got {assumed_trace}, expected a number > 0, as in 1.3")
    spec = Sweep.from_toml(specs[profile].read_text(encoding="utf-8"), specs[profile].name).replace(seed=seed)
    if data is not None:
        spec = spec.replace(options=dict(spec.options) | {"folder": str(data)})
    names = ["results.zarr", "figures", "report.txt"]
    require_writable(out, names, overwrite)

    started = time.monotonic()
    expose_cores()
    results = run(spec, out / "sweep", progress=True).load()
    judgement = judge_networks(results, assumed_trace)

    def write(folder: Path) -> None:
        write_results(judgement.beside(results), folder / "results.zarr")
        (folder / "figures").mkdir()
        for name, figure in network_figures(judgement).items():
            figure.savefig(folder / "figures" / f"{name}.png", dpi=150)
        with (folder / "report.txt").open("w", encoding="utf-8") as file:
            print_networks(judgement, Console(file=file, width=140))

    write_whole(out, names, write, overwrite)
    print_networks(judgement, Console())
    print(f"{', '.join(names)} written to {out} after {time.monotonic() - started:.0f} s")
    return 0 if judgement.passed else FAILED
