"""`thermo-ideal state`: the whole state that a protocol settles in."""

import math
from json import dumps
from typing import Annotated

from cyclopts import Parameter

# The hyperparameters of each protocol by their options.
_OPTIONS = {
    "fixed-lr": {"lr": "learning_rate", "wd": "weight_decay"},
    "fixed-elr": {"elr": "effective_learning_rate", "wd": "weight_decay"},
    "fixed-sphere": {"elr": "effective_learning_rate", "radius": "radius"},
}
_EXAMPLES = {"lr": "0.05", "wd": "1e-3", "elr": "1e-4", "radius": "10"}


def state(
    *,
    protocol: str | None = None,
    lr: float | None = None,
    elr: float | None = None,
    wd: float | None = None,
    radius: float | None = None,
    sigma: float = 1.0,
    dim: float | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Print the stationary state of SGD as that of a gas, every property of it, and what to beware of.

    The gas is the exact one of the loss 1 - mu.w/|w| with isotropic gradient noise, in double precision.

    Parameters
    ----------
    protocol
        "fixed-lr" takes --lr and --wd, "fixed-elr" takes --elr and --wd, "fixed-sphere" takes --elr and --radius.
    lr
        Learning rate.
    elr
        Effective learning rate, that of the direction: the learning rate over the squared radius.
    wd
        Weight decay.
    radius
        Norm of the weights.
    sigma
        Noise of the gradient along one direction, at a weight norm of 1.
    dim
        Number of scale-invariant weights.
    json
        Print one JSON object.
    """
    given = {"lr": lr, "elr": elr, "wd": wd, "radius": radius}
    options = {name: value for name, value in given.items() if value is not None}
    _require(protocol, options, sigma, dim)
    assert protocol is not None
    assert dim is not None

    from rich.console import Console

    from thermo_ideal.reports import print_state, report_state

    names = _OPTIONS[protocol]
    report = report_state(protocol, {names[option]: value for option, value in options.items()}, int(dim), sigma)
    if json:
        print(dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_state(report, Console())
    return 0


def _require(protocol: str | None, options: dict[str, float], sigma: float, dim: float | None) -> None:
    """Raises ValueError with the line to type, unless the options belong together and are in their ranges."""
    if protocol not in _OPTIONS:
        came = "nothing" if protocol is None else repr(protocol)
        raise ValueError(f"--protocol: got {came}, expected one of {', '.join(_OPTIONS)}; type {_line('fixed-lr')}")
    wanted = _OPTIONS[protocol]
    if options.keys() != wanted.keys():
        came = " and ".join(f"--{name}" for name in options) or "nothing"
        both = " and ".join(f"--{name}" for name in wanted)
        raise ValueError(f"--protocol {protocol}: got {came}, expected {both}; type {_line(protocol)}")
    # As an integer, 2.5 would be rounded in silence.
    if dim is None or not (dim >= 2 and dim.is_integer()):
        came = "nothing" if dim is None else f"{dim:g}"
        raise ValueError(f"--dim: got {came}, expected a whole number ≥ 2; type {_line(protocol)}")
    for name, value in {**options, "sigma": sigma}.items():
        if not 0 < value < math.inf:
            raise ValueError(f"--{name}: got {value}, expected a number > 0; type {_line(protocol)}")


def _line(protocol: str) -> str:
    options = " ".join(f"--{name} {_EXAMPLES[name]}" for name in _OPTIONS[protocol])
    return f"thermo-ideal state --protocol {protocol} {options} --sigma 1 --dim 43692"
