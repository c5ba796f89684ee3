"""`thermo-ideal advise`: the temperature of an optimiser."""

import math
from json import dumps
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from thermo_ideal.cli._types import COUNT, whole_number

if TYPE_CHECKING:
    from thermo_ideal.dynamics import AbstractProtocol, AbstractUpdateRule
    from thermo_ideal.thermodynamics.processes._schedules import FractionSchedule

_NUMBERS = Parameter(consume_multiple=True, negative="")
# The options of each optimiser besides those that all have, with what they are if not given.
_OWN: dict[str, dict[str, Any]] = {
    "sgd": {"wd": None, "momentum": 0.0},
    "nesterov": {"wd": None, "momentum": 0.9},
    "adamw": {"wd": None, "beta1": 0.9, "beta2": 0.999, "independent": False},
    "hyperball": {"norm": None, "momentum": 0.0},
}
_LINE = "thermo-ideal advise --params 11e6 --optimizer sgd --momentum 0.9 --lr 0.1 --wd 5e-4 --norm 50"


def advise(
    *,
    params: Annotated[list[str] | None, _NUMBERS] = None,
    optimizer: Literal["sgd", "nesterov", "adamw", "hyperball"] = "sgd",
    lr: float | None = None,
    wd: float | None = None,
    momentum: float | None = None,
    beta1: float | None = None,
    beta2: float | None = None,
    independent: Annotated[bool | None, Parameter(negative="")] = None,
    batch: Annotated[int | None, COUNT] = None,
    norm: Annotated[list[str] | None, _NUMBERS] = None,
    noise_trace: Annotated[list[str] | None, _NUMBERS] = None,
    curvature: float | None = None,
    schedule: Literal["constant", "linear", "cosine", "wsd"] | None = None,
    steps: Annotated[int | None, COUNT] = None,
    warmup: Annotated[int, COUNT] = 0,
    final_lr: float = 0.0,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Print the temperature of an optimiser and what follows from it, with formulas and where they hold.

    Temperature, stationary norm, angle of a step, relaxation times, whether a schedule is quasi-static and where it
    freezes, which weight decay keeps the temperature at another learning rate, and what other optimisers would need.

    Example: thermo-ideal advise --params 11e6 --momentum 0.9 --lr 0.1 --wd 5e-4 --norm 50 --schedule cosine --steps 9e4

    Parameters
    ----------
    params
        Number of scale-invariant weights, or NAME=NUMBER for each group of them, as in conv1=864 conv2=36864.
    optimizer
        "sgd" and "nesterov" take --momentum, "adamw" --beta1, --beta2 and --independent, and all of them --wd;
        "hyperball", steps of the relative length --lr on the sphere of radius --norm, takes --momentum.
    lr
        Learning rate.
    wd
        Weight decay.
    momentum
        Of "sgd" (0 if not given), "nesterov" (0.9) and "hyperball" (0).
    beta1
        First decay of AdamW, 0.9 if not given.
    beta2
        Second decay of AdamW, 0.999 if not given.
    independent
        The decay of AdamW is --wd in each step, not --lr times it as in PyTorch and optax.
    batch
        Examples in a batch; the noise trace is then that of one example.
    norm
        Norm of the weights, or NAME=NUMBER. Without a noise trace they are taken to have settled there.
    noise_trace
        Trace of the covariance of the gradient noise at a weight norm of 1, or NAME=NUMBER.
    curvature
        Of the loss on the unit sphere, for its relaxation time.
    schedule
        Of the learning rate, from --lr to --final-lr; "wsd" falls, linearly, in the last fifth.
    steps
        Of the run, with a schedule.
    warmup
        Steps in which the learning rate rises from 0.
    final_lr
        Where the schedule ends.
    json
        Print one JSON object; with groups, one for each by name.
    """
    groups = _table("params", params, whole=True)
    norms, traces = _table("norm", norm), _table("noise-trace", noise_trace)
    given = {"wd": wd, "momentum": momentum, "beta1": beta1, "beta2": beta2, "independent": independent}
    _require(optimizer, groups, lr, given, norms, traces, (schedule, steps, warmup))
    assert lr is not None

    from rich.console import Console

    from thermo_ideal.reports import print_advice
    from thermo_ideal.thermodynamics import advise as advise_on

    own = {word: value if given.get(word) is None else given[word] for word, value in _OWN[optimizer].items()}
    shape = None if schedule is None or steps is None else _schedule(schedule, lr, final_lr, warmup / steps)
    found = {}
    for name, dimension in groups.items():
        protocol, rule = _optimiser(optimizer, lr, own | {"norm": norms.get(name)})
        found[name] = advise_on(
            protocol,
            rule,
            dimension=dimension,
            noise_trace=traces.get(name),
            norm=norms.get(name),
            batch=batch,
            curvature=curvature,
            schedule=shape,
            num_steps=steps,
        )
    if json:
        records = {name: advice.to_dict() for name, advice in found.items()}
        print(dumps(records.get("", records), indent=2, allow_nan=False))
        return 0
    for name, advice in found.items():
        if name:
            print(name)
        print_advice(advice, Console())
    return 0


def _optimiser(name: str, lr: float, options: dict[str, Any]) -> "tuple[AbstractProtocol, AbstractUpdateRule]":
    """The protocol and the update rule of this name."""
    import jax

    from thermo_ideal.dynamics import AdamW, FixedLearningRate, FixedSphere, HeavyBall, Hyperball, Nesterov

    with jax.enable_x64(True):
        if name == "hyperball":
            return FixedSphere(lr, options["norm"]), Hyperball(options["momentum"])
        protocol = FixedLearningRate(lr, options["wd"])
        if name == "adamw":
            return protocol, AdamW(options["beta1"], options["beta2"], independent=options["independent"])
        return protocol, {"sgd": HeavyBall, "nesterov": Nesterov}[name](options["momentum"])


def _schedule(name: str, lr: float, final: float, warmup: float) -> "FractionSchedule":
    """The learning rate at a fraction of the run."""
    import jax.numpy as jnp

    from thermo_ideal.thermodynamics.processes import cosine, linear

    line = linear(lr, final)
    shape = {
        "constant": lambda s: lr + 0 * s,
        "linear": line,
        "cosine": cosine(lr, final),
        "wsd": lambda s: line(jnp.maximum(0.0, 5 * s - 4)),
    }[name]
    if not warmup:
        return shape
    return lambda s: jnp.where(s < warmup, lr * s / warmup, shape(jnp.maximum(s - warmup, 0.0) / (1 - warmup)))


def _table(option: str, words: list[str] | None, *, whole: bool = False) -> dict[str, float]:
    """The numbers of an option by the names of groups; "" is the name where there are no groups."""
    table: dict[str, float] = {}
    for word in (part for text in words or [] for part in text.split(",")):
        name, equals, number = word.rpartition("=")
        try:
            value = float(whole_number(number, 2) if whole else number)
        except ValueError as error:
            expected = str(error) if whole else f"got {number!r}, expected a number > 0"
            raise ValueError(f"--{option}: {expected}; type {_LINE}") from error
        if not 0 < value < math.inf:
            raise ValueError(f"--{option}: got {number}, expected a number > 0; type {_LINE}")
        if name in table or (equals and not name):
            raise ValueError(f"--{option}: got {word!r}, expected one NAME=NUMBER for each group, or one number")
        table[name] = value
    return table


def _require(
    optimizer: str,
    groups: dict[str, float],
    lr: float | None,
    given: dict[str, Any],
    norms: dict[str, float],
    traces: dict[str, float],
    schedule: tuple[str | None, int | None, int],
) -> None:
    """Raises ValueError with the line to type, unless the options belong together."""
    own = _OWN[optimizer]
    for word, value in given.items():
        if value is not None and word not in own:
            options = " and ".join(f"--{other}" for other in own)
            raise ValueError(f"--{word}: got one for --optimizer {optimizer}, which takes {options}; leave it out")
    if not groups or ("" in groups and len(groups) > 1):
        came = "nothing" if not groups else "a number and groups"
        raise ValueError(f"--params: got {came}, expected one number, or NAME=NUMBER for each group; type {_LINE}")
    needed = {"lr": lr} | ({"wd": given["wd"]} if "wd" in own else {})
    for word, value in needed.items():
        if value is None or not 0 < value < math.inf:
            raise ValueError(
                f"--{word}: got {'nothing' if value is None else value}, expected a number > 0; type {_LINE}"
            )
    for option, table in (("norm", norms), ("noise-trace", traces)):
        if (table or option in own) and set(table) != set(groups):
            came = (
                ", ".join(f"{name}={value:g}" if name else f"{value:g}" for name, value in table.items()) or "nothing"
            )
            expected = " ".join(f"{name}=1.5" if name else "50" for name in groups)
            raise ValueError(f"--{option}: got {came}, expected one for each of --params; type --{option} {expected}")
    name, steps, warmup = schedule
    if (name is None) != (steps is None):
        raise ValueError(
            "--schedule, --steps: got one without the other, expected both; type --schedule cosine --steps 9e4"
        )
    if steps is not None and not warmup < steps:
        raise ValueError(f"--warmup: got {warmup}, expected fewer than the {steps} of --steps")
