"""`thermo-ideal sweep`: batches of simulations from a file."""

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from thermo_ideal.cli._cores import expose_cores

if TYPE_CHECKING:
    from thermo_ideal.sweeps import Sweep

_INCOMPLETE = 3

sweep = App(name="sweep", help="Run a batch of simulations that a TOML file describes, whatever interrupts it.")


@sweep.command
def run(
    spec: Path,
    *,
    out: Path,
    shard: str | None = None,
    seed: int | None = None,
    checkpoint_interval: float = 60.0,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run a sweep into a folder, or what is left of it.

    The same line goes on after any interruption. Exit status: 0 complete; 2 refused, or the disk failed; 3 blocks are
    left, of other shards; 75 SIGTERM came, requeue; 130 Ctrl-C.

    Example: thermo-ideal sweep run sweep.toml --out results

    Parameters
    ----------
    spec
        The TOML file, or "quick" or "paper" for those of the isotropic model, or "networks-" and a profile of
        `thermo-ideal reproduce networks`.
    out
        The folder. results.zarr in it is written when all blocks are finished.
    shard
        As in 2/5: the second of five parts, for job arrays; `sweep merge` joins them.
    seed
        Instead of that of the file.
    checkpoint_interval
        Seconds from one time that an unfinished block is kept to the next.
    json
        Print how far it is as one JSON object.
    """
    from thermo_ideal.sweeps import run as run_sweep
    from thermo_ideal.sweeps import status as status_of

    expose_cores()
    given = _read(spec)
    if seed is not None:
        given = given.replace(seed=seed)
    part = None if shard is None else _shard(shard)
    run_sweep(given, out, shard=part, checkpoint_interval=checkpoint_interval, progress=True)
    found = status_of(out)
    print(dumps(found.to_dict(), indent=2) if json else found)
    return 0 if found.complete else _INCOMPLETE


@sweep.command
def plan(
    spec: Path,
    *,
    seconds: float = 5.0,
    workers: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Predict the memory and the time that a sweep takes on this machine.

    Example: thermo-ideal sweep plan sweep.toml

    Parameters
    ----------
    spec
        The TOML file, or a name as for `sweep run`.
    seconds
        How long to try one block; what it makes is thrown away.
    workers
        That simulate a block each at a time; as many as there are cores if not given.
    json
        Print one JSON object.
    """
    from thermo_ideal.sweeps import predict

    expose_cores()
    made = predict(_read(spec), seconds=seconds, workers=workers)
    print(dumps(made.to_dict(), indent=2) if json else made)
    return 0


@sweep.command
def status(out: Path, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Say how far a sweep is. Exit status: 0 complete, 3 blocks are left.

    Example: thermo-ideal sweep status results

    Parameters
    ----------
    out
        Its folder.
    json
        Print one JSON object.
    """
    from thermo_ideal.sweeps import status as status_of

    found = status_of(out)
    print(dumps(found.to_dict(), indent=2) if json else found)
    return 0 if found.complete else _INCOMPLETE


@sweep.command
def merge(spec: Path, *, out: Path, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Join the shards of a sweep. Exit status: 0 complete, 3 blocks are left.

    Example: thermo-ideal sweep merge sweep.toml --out results

    Parameters
    ----------
    spec
        The TOML file.
    out
        The folder that `sweep run --shard` was given.
    json
        Print how far it is as one JSON object.
    """
    from thermo_ideal.sweeps import merge as merge_sweep
    from thermo_ideal.sweeps import status as status_of

    merge_sweep(_read(spec), out)
    found = status_of(out)
    print(dumps(found.to_dict(), indent=2) if json else found)
    return 0 if found.complete else _INCOMPLETE


def _read(spec: Path) -> "Sweep":
    from thermo_ideal.experiments import PROFILES, shipped_networks
    from thermo_ideal.experiments._isotropic import shipped_sweep
    from thermo_ideal.sweeps import Sweep

    if not spec.exists() and str(spec) in PROFILES:
        return shipped_sweep(str(spec))
    if not spec.exists():
        spec = {f"networks-{name}": path for name, path in shipped_networks().items()}.get(str(spec), spec)
    return Sweep.from_toml(spec.read_text(encoding="utf-8"), str(spec))


def _shard(text: str) -> tuple[int, int]:
    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal()):
        raise ValueError(f"--shard: got {text}, expected the number of the part and how many there are, as in 2/5")
    return int(first), int(second)
