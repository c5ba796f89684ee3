"""`thermo-ideal state`: the whole state that a protocol settles in."""

import math
from json import dumps
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from thermo_ideal._dictionary import DICTIONARY

if TYPE_CHECKING:
    from thermo_ideal.dynamics import AbstractProtocol

_EXAMPLES = {"learning_rate": "0.05", "weight_decay": "1e-3", "effective_learning_rate": "1e-4", "radius": "10"}


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
    given = {"learning_rate": lr, "effective_learning_rate": elr, "weight_decay": wd, "radius": radius}
    hyperparameters = {word: value for word, value in given.items() if value is not None}
    kind = _kind(protocol)
    _require(kind, hyperparameters, sigma, dim)
    assert dim is not None

    import jax
    from rich.console import Console

    from thermo_ideal.reports import print_state, report_state

    with jax.enable_x64(True):
        made = kind(**hyperparameters)
    report = report_state(made, int(dim), sigma)
    if json:
        print(dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_state(report, Console())
    return 0


def _kind(protocol: str | None) -> "type[AbstractProtocol]":
    """The protocol of this name, or ValueError with the line to type."""
    from thermo_ideal.dynamics._protocols import PROTOCOLS

    if protocol is not None and protocol in PROTOCOLS:
        return PROTOCOLS[protocol]
    came = "nothing" if protocol is None else repr(protocol)
    line = _line(next(iter(PROTOCOLS.values())))
    raise ValueError(f"--protocol: got {came}, expected one of {', '.join(PROTOCOLS)}; type {line}")


def _require(
    kind: "type[AbstractProtocol]", hyperparameters: dict[str, float], sigma: float, dim: float | None
) -> None:
    """Raises ValueError with the line to type, unless the options belong together and are in their ranges."""
    expected, line = kind.hyperparameters(), _line(kind)
    if set(hyperparameters) != set(expected):
        came, both = (" and ".join(map(_option, words)) or "nothing" for words in (hyperparameters, expected))
        raise ValueError(f"--protocol {kind.name}: got {came}, expected {both}; type {line}")
    # As an integer, 2.5 would be rounded in silence.
    if dim is None or not (dim >= 2 and dim.is_integer()):
        came = "nothing" if dim is None else f"{dim:g}"
        raise ValueError(f"{_option('dimension')}: got {came}, expected a whole number ≥ 2; type {line}")
    for word, value in {**hyperparameters, "noise_scale": sigma}.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{_option(word)}: got {value}, expected a number > 0; type {line}")


def _option(word: str) -> str:
    return f"--{DICTIONARY[word].option}"


def _line(kind: "type[AbstractProtocol]") -> str:
    options = " ".join(f"{_option(word)} {_EXAMPLES[word]}" for word in kind.hyperparameters())
    return (
        f"thermo-ideal state --protocol {kind.name} {options} {_option('noise_scale')} 1 {_option('dimension')} 43692"
    )
