"""Every derivation of the package under one name each: what the command line derives and the documentation prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from thermo_ideal.symbolic import gas
from thermo_ideal.symbolic.derivations import Derivation, derive, discrete_radius, zonal_chain
from thermo_ideal.symbolic.derivations._protocol import PROTOCOLS

_ALL = tuple(PROTOCOLS)
_MOVING = ("fixed-lr", "fixed-elr")


@dataclass(frozen=True)
class Topic:
    """Something that the package derives.

    Args:
        summary: in a line.
        make: called with a protocol (if there are any) and a dimension or None.
        protocols: those that it can be derived for; none if it does not depend on the protocol.
    """

    summary: str
    make: Callable[..., Derivation]
    protocols: tuple[str, ...] = ()


@cache
def _whole(protocol: str, dimension: int | None) -> Derivation:
    return derive(protocol, dimension=dimension)


def _part(*names: str) -> Callable[[str, int | None], Derivation]:
    """The part of `derive` that ends in those of the named steps that the protocol has."""

    def make(protocol: str, dimension: int | None) -> Derivation:
        whole = _whole(protocol, dimension)
        return whole.towards(*(step.name for step in whole.steps if step.name in names))

    return make


_RADIUS = ("growth", "radius_sde", "radius_solution", "stationary_radius", "relaxation_rate", "pressure")

TOPICS: dict[str, Topic] = {
    "sgd": Topic("everything about SGD in one go", lambda p, d: derive(p, dimension=d), _ALL),
    "radius": Topic("the radius: its SDE, its solution, its fixed point", _part(*_RADIUS), _ALL),
    "direction": Topic("the direction: its SDE on the sphere", _part("direction_sde", "unit_norm"), _ALL),
    "temperature": Topic(
        "the Gibbs density of the direction, and its temperature", _part("temperature", "stationary_density"), _ALL
    ),
    "equation-of-state": Topic("pV = RT from the stationary radius", _part("equation_of_state"), _ALL),
    "general-noise": Topic("SGD with noise of any covariance", lambda p, d: derive(p, "general", d), _ALL),
    "schedule": Topic(
        "hyperparameters that depend on time",
        lambda p, d: derive(p, dimension=d, time_dependent=tuple(PROTOCOLS[p])),
        _ALL,
    ),
    "momentum": Topic("heavy-ball momentum, small steps", lambda p, d: derive(p, dimension=d, momentum=True), _ALL),
    "discrete": Topic("one step's exact second moment of the radius", discrete_radius, _ALL),
    "zonal": Topic("the exact chain of radius and overlap", zonal_chain, _ALL),
    "gas": Topic("the equations of state from the partition function", gas.equations_of_state),
    "potentials": Topic("the potentials by Legendre transforms", gas.potentials),
    "response": Topic("heat capacities, compressibilities, adiabats", gas.response_functions),
    "maxwell": Topic("Maxwell relations, in hyperparameters too", gas.maxwell_relations, _ALL),
    "von-mises-fisher": Topic("von Mises–Fisher statistics and series", gas.statistics),
    "fluctuations": Topic("how much the volume fluctuates", gas.volume_fluctuations, _MOVING),
}


def derivation(topic: str, protocol: str | None = None, dimension: int | None = None) -> Derivation:
    """A derivation of the catalogue.

    Args:
        topic: one of `TOPICS`.
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere", where the topic depends on it.
        dimension: an explicit `d ≥ 2`, or None.

    Raises:
        ValueError: an unknown topic; a protocol that is missing, unknown, or not asked for; `dimension < 2`.

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
            raise ValueError(f"protocol: got {protocol!r}, but {topic!r} does not depend on the protocol; leave it out")
        return chosen.make(dimension)
    if protocol not in chosen.protocols:
        raise ValueError(f"protocol: got {protocol!r}, expected one of {', '.join(chosen.protocols)} for {topic!r}")
    return chosen.make(protocol, dimension)
