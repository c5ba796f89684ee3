"""Protocols by the options of the command line."""

from typing import TYPE_CHECKING

from thermo_ideal._dictionary import DICTIONARY

if TYPE_CHECKING:
    from thermo_ideal.dynamics import AbstractProtocol

_LARGEST_DIMENSION = 2**53  # the whole numbers up to here are distinct in double precision
_EXAMPLES = {"learning_rate": "0.05", "weight_decay": "1e-3", "effective_learning_rate": "1e-4", "radius": "10"}


def kind_named(protocol: str | None, command: str) -> "type[AbstractProtocol]":
    """The protocol of a name.

    Args:
        protocol: as typed.
        command: that it was typed for.

    Raises:
        ValueError: there is none, with the line to type.
    """
    from thermo_ideal.dynamics._protocols import PROTOCOLS

    if protocol is not None and protocol in PROTOCOLS:
        return PROTOCOLS[protocol]
    came = "nothing" if protocol is None else repr(protocol)
    line = line_to_type(next(iter(PROTOCOLS.values())), command)
    raise ValueError(f"--protocol: got {came}, expected one of {', '.join(PROTOCOLS)}; type {line}")


def require_dimension(dim: int | None, line: str) -> None:
    """Raises ValueError unless there is a dimension that double precision has.

    Args:
        dim: as typed.
        line: to type instead.
    """
    if dim is None or not 2 <= dim <= _LARGEST_DIMENSION:
        came = "nothing" if dim is None else f"{float(dim):g}"
        raise ValueError(
            f"{option('dimension')}: got {came}, expected a whole number ≥ 2 and at most 2^53; type {line}"
        )


def option(word: str) -> str:
    """The option of a quantity, as "--lr".

    Args:
        word: in the dictionary.
    """
    return f"--{DICTIONARY[word].option}"


def line_to_type(kind: "type[AbstractProtocol]", command: str) -> str:
    """A line that works, for errors.

    Args:
        kind: the protocol that it has.
        command: after `thermo-ideal`.
    """
    options = " ".join(f"{option(word)} {_EXAMPLES[word]}" for word in kind.hyperparameters())
    return (
        f"thermo-ideal {command} --protocol {kind.name} {options} {option('noise_scale')} 1 {option('dimension')} 43692"
    )
