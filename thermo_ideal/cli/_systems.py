"""`thermo-ideal simulate` and `thermo-ideal plan`: one system or a few, as options say."""

import math
import sys
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from thermo_ideal.cli._protocols import kind_named, line_to_type, option, require_dimension
from thermo_ideal.cli._types import COUNT, DIMENSION, whole_number

if TYPE_CHECKING:
    from thermo_ideal.dynamics import SGD, AbstractProtocol

Numbers = Annotated[list[float] | None, Parameter(consume_multiple=True, negative="")]
_RATES = ("learning_rate", "effective_learning_rate")
_MOST = 64  # systems
_BURN_IN = 10.0  # relaxation times
_SUFFIXES = (".csv", ".zarr")


def simulate(
    *,
    protocol: str | None = None,
    lr: Numbers = None,
    elr: Numbers = None,
    wd: Numbers = None,
    radius: Numbers = None,
    temperature: Numbers = None,
    concentration: Numbers = None,
    sigma: float = 1.0,
    dim: Annotated[int | None, DIMENSION] = None,
    steps: str = "auto",
    replicas: Annotated[int, DIMENSION] = 8,
    seed: Annotated[int, COUNT] = 0,
    json: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Simulate SGD on 1 - mu.w/|w| beside its exact law and its SDE's.

    Exit status: 0 done; 2 refused; 130 Ctrl-C. Several values make as many systems.
    Example: thermo-ideal simulate --protocol fixed-elr --elr 0.02 0.05 --wd 0.1 --dim 50

    Parameters
    ----------
    protocol
        fixed-lr, fixed-elr or fixed-sphere.
    lr
        Learning rate.
    elr
        Effective learning rate.
    wd
        Weight decay, but on fixed-sphere.
    radius
        Weight norm, on fixed-sphere.
    temperature
        T, instead of --lr or --elr.
    concentration
        1/T, likewise.
    sigma
        Gradient noise per direction.
    dim
        Number of scale-invariant weights.
    steps
        Half of them burn-in.
    replicas
        Independent runs of each system.
    seed
        Of every random number.
    json
        Print one JSON object.
    out
        FILE.csv or FILE.zarr to write.
    overwrite
        Replace that file.
    """
    given = {"learning_rate": lr, "effective_learning_rate": elr, "weight_decay": wd, "radius": radius}
    states = {"temperature": temperature, "concentration": concentration}
    kind, values, state = _systems("simulate", protocol, given, states, {"--sigma": sigma}, dim)
    assert dim is not None
    count = None if steps == "auto" else _steps(steps)
    if seed >= 2**32:
        raise ValueError(f"--seed: got {seed}, expected a whole number below 2^32, as in 0")
    if out is not None:
        _require_file(out, overwrite)

    import warnings

    import jax
    from rich.console import Console

    from thermo_ideal._files import write_whole
    from thermo_ideal.experiments._systems import FEWEST_SAMPLES, simulate_systems
    from thermo_ideal.reports._systems import print_systems, systems_as_dicts, write_systems
    from thermo_ideal.thermodynamics import CannotEquilibrate, plan

    with jax.enable_x64(True):
        sgd = _sgd(kind, values, state, sigma, dim)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CannotEquilibrate)
            made = plan(sgd, dim, relaxation_times=_BURN_IN, num_steps=count)
        burn_in = int(made.burn_in.max()) if count is None else count // 2
        num_steps = burn_in + int((made.num_steps - made.burn_in).max()) if count is None else count
        if num_steps - burn_in < FEWEST_SAMPLES:
            raise ValueError(f"--steps: got {steps}, expected at least {2 * FEWEST_SAMPLES}, as in --steps 1e5")
        found = simulate_systems(
            jax.random.key(seed),
            sgd,
            dim,
            replicas=replicas,
            num_steps=num_steps,
            burn_in=burn_in,
            progress=sys.stderr.isatty(),
        )
    console = Console(stderr=True)
    for warning in caught:
        console.print(f"[bold yellow]warning[/]: {warning.message}", highlight=False)
    if found.diverged:
        console.print(f"[bold yellow]warning[/]: {found.diverged} runs became NaN or infinite", highlight=False)
    if found.unknown:
        console.print(f"[bold yellow]warning[/]: no exact law: {found.unknown}", highlight=False)
    about = {"num_steps": num_steps, "burn_in": burn_in, "replicas": replicas, "seed": seed}
    record = about | {"diverged": found.diverged, "systems": systems_as_dicts(found)}
    if out is not None:
        write_whole(out.parent, [out.name], lambda folder: write_systems(found, folder / out.name, about), overwrite)
    if json:
        print(dumps(record, indent=2, allow_nan=False))
    else:
        shown = Console()
        print_systems(found, shown)
        told = f"{replicas} replicas of {num_steps:,} steps, {burn_in:,} of them burn-in; exact: of discrete SGD"
        shown.print(told, highlight=False)
    return 0


def plan(
    *,
    protocol: str | None = None,
    lr: Numbers = None,
    elr: Numbers = None,
    wd: Numbers = None,
    radius: Numbers = None,
    temperature: Numbers = None,
    concentration: Numbers = None,
    sigma: float = 1.0,
    dim: Annotated[int | None, DIMENSION] = None,
    replicas: Annotated[int, COUNT] = 8,
    loss_error: float | None = None,
    radius_error: float | None = None,
    seconds: float = 1.0,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Plan a run: burn-in, steps and spacing for a standard error, time and memory.

    Exit status: 0 done; 2 refused. Several values make as many systems.
    Example: thermo-ideal plan --protocol fixed-lr --lr 0.1 --wd 0.1 --dim 50 --loss-error 1e-3

    Parameters
    ----------
    protocol
        fixed-lr, fixed-elr or fixed-sphere.
    lr
        Learning rate.
    elr
        Effective learning rate.
    wd
        Weight decay, but on fixed-sphere.
    radius
        Weight norm, on fixed-sphere.
    temperature
        T, instead of --lr or --elr.
    concentration
        1/T, likewise.
    sigma
        Gradient noise per direction.
    dim
        Number of scale-invariant weights.
    replicas
        Independent runs of each system.
    loss_error
        Of the mean loss of all replicas.
    radius_error
        Of their mean weight norm.
    seconds
        To try it for; 0 predicts no time.
    json
        Print one JSON object.
    """
    given = {"learning_rate": lr, "effective_learning_rate": elr, "weight_decay": wd, "radius": radius}
    states = {"temperature": temperature, "concentration": concentration}
    positive = {"--sigma": sigma, "--replicas": float(replicas)}
    errors = {"loss": loss_error, "radius": radius_error}
    positive |= {f"--{name}-error": error for name, error in errors.items() if error is not None}
    kind, values, state = _systems("plan", protocol, given, states, positive, dim)
    if kind.fixes_radius and radius_error is not None:
        raise ValueError("--radius-error: got one with fixed-sphere, expected none; the radius is fixed there")
    if not 0 <= seconds < math.inf:
        raise ValueError(f"--seconds: got {seconds}, expected a number ≥ 0, as in 1")
    assert dim is not None

    import jax

    from thermo_ideal.thermodynamics import plan as plan_of

    with jax.enable_x64(True):
        sgd = _sgd(kind, values, state, sigma, dim)
        per_run = {name: error * math.sqrt(replicas) for name, error in errors.items() if error is not None}
        made = plan_of(sgd, dim, relaxation_times=_BURN_IN, standard_error=per_run)
        systems = [
            {name: float(x[i]) for name, x in sgd.protocol.constants.items()} for i in range(made.num_steps.size)
        ]
    names = ("burn_in", "sampling_interval", "num_steps", "radius_time", "direction_time", "loss_time")
    rows: list[dict[str, Any]] = [
        system | {name: getattr(made, name)[i].item() for name in names} for i, system in enumerate(systems)
    ]
    record: dict[str, Any] = {"protocol": kind.name, "dimension": dim, "noise_scale": sigma, "replicas": replicas}
    record |= {"systems": rows, "bytes": None, "seconds": None}
    if seconds:
        from thermo_ideal.sweeps import Grid, Sweep, predict

        longest = max(rows, key=lambda row: row["num_steps"])
        steps, burn_in = longest["num_steps"], longest["burn_in"]
        size = {"dimension": dim, "noise_scale": sigma, "replicas": replicas, "precision": "float64"}
        sweep = Sweep(
            "stationary",
            [Grid(kind.name, **{name: longest[name] for name in kind.hyperparameters()})],
            integrator="zonal",
            num_steps=steps,
            burn_in=burn_in,
            samples=1,
            **size,
        )
        trial = predict(sweep, seconds=seconds, workers=1)
        assert trial.steps_per_second is not None
        total = sum(row["num_steps"] for row in rows) * replicas
        record |= {"bytes": trial.memory, "seconds": total / trial.steps_per_second}
    if json:
        print(dumps(record, indent=2, allow_nan=False))
        return 0
    for row, system in zip(rows, systems, strict=True):
        print(", ".join(f"{option(name)} {value:.6g}" for name, value in system.items()))
        print(f"  burn-in {row['burn_in']:,} steps, then a sample every {row['sampling_interval']:,}")
        print(f"  {row['num_steps']:,} steps of each run in all")
        print(f"  relaxation: radius {row['radius_time']:.4g}, direction {row['direction_time']:.4g} steps")
    if seconds:
        print(f"about {record['seconds']:.3g} s and {record['bytes'] / 1e9:.1f} GB for {replicas} replicas of each")
    return 0


def _systems(
    command: str,
    protocol: str | None,
    given: dict[str, list[float] | None],
    states: dict[str, list[float] | None],
    positive: dict[str, float],
    dim: int | None,
) -> "tuple[type[AbstractProtocol], dict[str, list[float]], dict[str, list[float]]]":
    """The protocol, its hyperparameters, and a temperature in place of the rate, or ValueError with what to type."""
    kind = kind_named(protocol, command)
    line = line_to_type(kind, command)
    values = {word: x for word, x in given.items() if x}
    state = {word: x for word, x in states.items() if x}
    rate = [word for word in kind.hyperparameters() if word in _RATES]
    others = [word for word in kind.hyperparameters() if word not in _RATES]
    if len(state) > 1 or set(values) != set(others if state else [*rate, *others]):
        came = " and ".join([*map(option, values), *(f"--{word}" for word in state)]) or "nothing"
        expected = f"{option(rate[0])}, or --temperature or --concentration, and {' and '.join(map(option, others))}"
        raise ValueError(f"--protocol {kind.name}: got {came}, expected {expected}; type {line}")
    require_dimension(dim, line)
    numbers = {option(word): x for word, x in values.items()} | {f"--{word}": x for word, x in state.items()}
    for name, each in (numbers | {name: [x] for name, x in positive.items()}).items():
        for x in each:
            if not 0 < x < math.inf:
                raise ValueError(f"{name}: got {x}, expected a number > 0; type {line}")
    if (count := math.prod(map(len, numbers.values()))) > _MOST:
        raise ValueError(f"got {count} systems, expected at most {_MOST}; type thermo-ideal sweep run FILE --out DIR")
    return kind, values, state


def _sgd(
    kind: "type[AbstractProtocol]",
    values: dict[str, list[float]],
    state: dict[str, list[float]],
    sigma: float,
    dim: int,
) -> "SGD":
    """SGD at every combination of the values, `(systems,)`."""
    import numpy as np

    from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
    from thermo_ideal.thermodynamics import State, VonMisesFisherGas

    every = {**values, **state}
    grid: dict[str, Any] = dict(
        zip(every, (x.ravel() for x in np.meshgrid(*every.values(), indexing="ij")), strict=True)
    )
    if "concentration" in grid:
        grid["temperature"] = 1 / grid.pop("concentration")
    if "temperature" in grid:
        made = State(VonMisesFisherGas(dim), **grid, noise_scale=sigma).protocol(kind)
    else:
        made = kind(**{name: np.asarray(x) for name, x in grid.items()})
    return SGD(VonMisesFisherLoss(), IsotropicNoise(sigma), made)


def _steps(text: str) -> int:
    try:
        return whole_number(text, 1)
    except ValueError as error:
        raise ValueError(f'--steps: {error}, or "auto"') from error


def _require_file(out: Path, overwrite: bool) -> None:
    """Raises ValueError or OSError unless there can be such a file."""
    from thermo_ideal._files import require_writable

    if out.suffix not in _SUFFIXES:
        raise ValueError(f"--out: got {out}, expected a name that ends in {' or '.join(_SUFFIXES)}, as in run.csv")
    require_writable(out.parent, [out.name], overwrite)
