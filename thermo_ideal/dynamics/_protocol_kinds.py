"""A protocol without its hyperparameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from thermo_ideal.dynamics._protocols import AbstractProtocol

# A class of protocols, or a protocol that is a template: its static fields are kept. `require_kind` checks it, whose
# message says more than that of a type.
ProtocolKind = Any


def require_kind(kind: Any, line: str) -> None:
    """Raises ValueError unless `kind` is a protocol or a class of protocols.

    Args:
        kind: what was given.
        line: to type, with "{}" in the place of the protocol.
    """
    if not (isinstance(kind, AbstractProtocol) or (isinstance(kind, type) and issubclass(kind, AbstractProtocol))):
        known = {getattr(one, "name", None): one.__name__ for one in _subclasses(AbstractProtocol)}
        example = line.format(known.get(str(kind), "FixedLearningRate"))
        raise ValueError(f"protocol: got {kind!r}, expected a protocol or a class of them, as in {example}")


def _subclasses(kind: type) -> Iterator[type]:
    direct: list[type] = kind.__subclasses__()
    for one in direct:
        yield one
        yield from _subclasses(one)


def with_hyperparameters(kind: ProtocolKind, hyperparameters: Mapping[str, Any]) -> AbstractProtocol:
    """The protocol of this kind with other hyperparameters.

    Args:
        kind: a class of protocols, or a protocol whose static fields are kept.
        hyperparameters: all of them, by name.

    Raises:
        ValueError: a class whose constructor asks for more than the hyperparameters.
    """
    if not isinstance(kind, type):
        return kind.replace(**hyperparameters)
    try:
        return kind(**hyperparameters)
    except TypeError as error:
        raise ValueError(
            f"protocol: got the class {kind.__name__}, whose constructor asks for more than its hyperparameters "
            f"({error}), expected a protocol, whose static fields are kept, as in {kind.__name__}(…)"
        ) from error
