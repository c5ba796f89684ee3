"""`thermo-ideal state`: the whole state that a protocol settles in."""

import math
from json import dumps
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from thermo_ideal.cli._protocols import kind_named, line_to_type, option, require_dimension
from thermo_ideal.cli._types import DIMENSION

if TYPE_CHECKING:
    from thermo_ideal.dynamics import AbstractProtocol

_COMMAND = "state"


def state(
    *,
    protocol: str | None = None,
    lr: float | None = None,
    elr: float | None = None,
    wd: float | None = None,
    radius: float | None = None,
    sigma: float | None = None,
    noise_trace: float | None = None,
    norm: float | None = None,
    dim: Annotated[int | None, DIMENSION] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Print the stationary state of SGD as that of a gas, every property of it, and what to beware of.

    The gas is the exact one of the loss 1 - mu.w/|w| with isotropic gradient noise, in double precision.

    Parameters
    ----------
    protocol
        One of fixed-lr, fixed-elr and fixed-sphere. "fixed-lr" takes --lr and --wd, "fixed-elr" takes --elr and --wd,
        "fixed-sphere" takes --elr and --radius.
    lr
        Learning rate.
    elr
        Effective learning rate, that of the direction: the learning rate over the squared radius.
    wd
        Weight decay.
    radius
        Norm of the weights.
    sigma
        Noise of the gradient along one direction, at a weight norm of 1; or one of the next two.
    noise_trace
        Trace of the covariance of the gradient noise, at a weight norm of 1.
    norm
        Norm at which the weights have settled, from which pV = RT tells the noise; not on the fixed sphere.
    dim
        Number of scale-invariant weights.
    json
        Print one JSON object.
    """
    given = {"learning_rate": lr, "effective_learning_rate": elr, "weight_decay": wd, "radius": radius}
    hyperparameters = {word: value for word, value in given.items() if value is not None}
    kind = kind_named(protocol, _COMMAND)
    noise = {word: x for word, x in {"sigma": sigma, "noise-trace": noise_trace, "norm": norm}.items() if x is not None}
    _require(kind, hyperparameters, noise, dim)
    assert dim is not None

    import jax
    from rich.console import Console

    from thermo_ideal.reports import print_state, report_state

    with jax.enable_x64(True):
        made = kind(**hyperparameters)
        scale = _noise_scale(made, dim, *next(iter(noise.items())))
    report = report_state(made, dim, scale)
    if json:
        print(dumps(report.to_dict(), indent=2, allow_nan=False))
    else:
        print_state(report, Console())
    return 0


def _noise_scale(protocol: "AbstractProtocol", dim: int, noise: str, value: float) -> float:
    """`σ` from what is known of the noise: itself, `τ = (d − 1)σ²`, or the norm that the weights have settled at."""
    if noise == "sigma":
        return value
    if noise == "noise-trace":
        return math.sqrt(value / (dim - 1))
    from thermo_ideal.dynamics import PlainUpdate
    from thermo_ideal.thermodynamics._noise_from_norm import noise_trace_that_settles_at

    try:
        return math.sqrt(noise_trace_that_settles_at(value, protocol, PlainUpdate(), dim) / (dim - 1))
    except ValueError as error:
        raise ValueError(f"--{error}") from error


def _require(
    kind: "type[AbstractProtocol]", hyperparameters: dict[str, float], noise: dict[str, float], dim: int | None
) -> None:
    """Raises ValueError with the line to type, unless the options belong together and are in their ranges."""
    expected, line = kind.hyperparameters(), line_to_type(kind, _COMMAND)
    if set(hyperparameters) != set(expected):
        came, both = (" and ".join(map(option, words)) or "nothing" for words in (hyperparameters, expected))
        raise ValueError(f"--protocol {kind.name}: got {came}, expected {both}; type {line}")
    require_dimension(dim, line)
    known = ("sigma", "noise-trace") if kind.fixes_radius else ("sigma", "noise-trace", "norm")
    if len(noise) != 1 or not set(noise) <= set(known):
        came = " and ".join(f"--{word}" for word in noise) or "nothing"
        one = " or ".join(f"--{word}" for word in known)
        raise ValueError(f"noise of the gradient: got {came}, expected {one}; type {line}")
    values = {option(word): value for word, value in hyperparameters.items()} | {f"--{w}": x for w, x in noise.items()}
    for typed, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{typed}: got {value}, expected a number > 0; type {line}")
