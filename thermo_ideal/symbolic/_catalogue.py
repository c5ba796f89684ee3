"""The derivations of the package by name, for the command line and the documentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from thermo_ideal.symbolic import gas
from thermo_ideal.symbolic._printing import summary
from thermo_ideal.symbolic.derivations import Derivation, derive, discrete_radius, zonal_chain
from thermo_ideal.symbolic.derivations._protocol import PROTOCOLS, ProtocolLike, protocol_name

_ALL = tuple(PROTOCOLS)
_MOVING = tuple(name for name, hyperparameters in PROTOCOLS.items() if "radius" not in hyperparameters)


@dataclass(frozen=True, repr=False)
class Topic:
    """A subject of which the package has a derivation.

    Args:
        summary: the subject in a line.
        make: makes the derivation from a protocol (if there are any) and a dimension or None.
        protocols: the protocols for which the derivation exists; none if it does not depend on the protocol.
    """

    summary: str
    make: Callable[..., Derivation]
    protocols: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return summary(f"Topic: {self.summary}", [f"protocols: {', '.join(self.protocols)}"] if self.protocols else ())


@cache
def _complete(protocol: str, dimension: int | None) -> Derivation:
    return derive(protocol, dimension=dimension)


def _part(*names: str) -> Callable[[str, int | None], Derivation]:
    """The part of `derive` that ends in the named steps, as far as the protocol has them."""

    def make(protocol: str, dimension: int | None) -> Derivation:
        complete = _complete(protocol, dimension)
        return complete.towards(*(step.name for step in complete.steps if step.name in names))

    return make


_RADIUS = ("growth", "radius_sde", "radius_solution", "stationary_radius", "relaxation_rate", "pressure")

TOPICS: dict[str, Topic] = {
    "sgd": Topic(
        "radius, direction, temperature and equation of state of SGD", lambda p, d: derive(p, dimension=d), _ALL
    ),
    "radius": Topic("the radius: its SDE, the solution, and the fixed point", _part(*_RADIUS), _ALL),
    "direction": Topic("the SDE of the direction on the sphere", _part("direction_sde", "unit_norm"), _ALL),
    "temperature": Topic(
        "the stationary density of the direction and its temperature", _part("temperature", "stationary_density"), _ALL
    ),
    "equation-of-state": Topic("pV = RT from the stationary radius", _part("equation_of_state"), _ALL),
    "general-noise": Topic("SGD with noise of any covariance", lambda p, d: derive(p, "general", d), _ALL),
    "schedule": Topic(
        "hyperparameters that depend on time",
        lambda p, d: derive(p, dimension=d, time_dependent=tuple(PROTOCOLS[p])),
        _ALL,
    ),
    "momentum": Topic(
        "SGD with heavy-ball momentum, in the limit of small steps",
        lambda p, d: derive(p, dimension=d, momentum=True),
        _ALL,
    ),
    "discrete": Topic("the exact second moment of the radius after one step", discrete_radius, _ALL),
    "zonal": Topic("the exact Markov chain of radius and overlap", zonal_chain, _ALL),
    "gas": Topic("the equations of state from the partition function", gas.equations_of_state),
    "potentials": Topic("the thermodynamic potentials by Legendre transforms", gas.potentials),
    "response": Topic("heat capacities, compressibilities and adiabats", gas.response_functions),
    "maxwell": Topic("the Maxwell relations, also in hyperparameters", gas.maxwell_relations, _ALL),
    "von-mises-fisher": Topic("von Mises–Fisher statistics and their series", gas.statistics),
    "fluctuations": Topic("the variance of the volume", gas.volume_fluctuations, _MOVING),
}


def derivation(topic: str, protocol: ProtocolLike | None = None, dimension: int | None = None) -> Derivation:
    """A derivation by name.

    Args:
        topic: one of the names in `TOPICS`.
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere", or a protocol of `thermo_ideal.dynamics`, if the
            topic depends on the protocol.
        dimension: an explicit `d ≥ 2`, or None for symbolic `d`.

    Returns:
        The derivation.

    Raises:
        ValueError: the topic is unknown; the protocol is missing, unknown, or given for a topic that does not depend on
            it; or `dimension < 2`.

    Example:
        >>> from thermo_ideal import symbolic
        >>> symbolic.derivation("radius", "fixed-lr").result["relaxation_rate"]
        4*eta*lambda
    """
    if topic not in TOPICS:
        raise ValueError(f"topic: got {topic!r}, expected one of {', '.join(TOPICS)}")
    chosen = TOPICS[topic]
    if not chosen.protocols:
        if protocol is not None:
            raise ValueError(
                f"protocol: got {protocol!r}, but {topic!r} does not depend on the protocol; leave it out, as in "
                f"derivation({topic!r})"
            )
        return chosen.make(dimension)
    name = None if protocol is None else protocol_name(protocol)
    if name not in chosen.protocols:
        raise ValueError(
            f"protocol: got {protocol!r}, expected one of {', '.join(chosen.protocols)} for {topic!r}, as in "
            f"derivation({topic!r}, {chosen.protocols[0]!r})"
        )
    return chosen.make(name, dimension)
