"""The SGD that a derivation is about: protocol, noise, schedules and momentum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._component_check import ComponentCheck


@dataclass(frozen=True)
class _Protocol:
    """A protocol: the two hyperparameters that it holds fixed, and its words in a derivation.

    Args:
        hyperparameters: a learning rate or an effective learning rate, and a weight decay or a radius.
        phrase: the protocol in a sentence.
        step: what a step does.
    """

    hyperparameters: tuple[str, str]
    phrase: str
    step: str


_PROTOCOLS = {
    "fixed-lr": _Protocol(
        ("learning_rate", "weight_decay"),
        "at a fixed learning rate",
        "SGD with learning rate η and weight decay λ, one step as the unit of time",
    ),
    "fixed-elr": _Protocol(
        ("effective_learning_rate", "weight_decay"),
        "at a fixed effective learning rate",
        "SGD with learning rate η_eff r², where r is the radius before the step, and weight decay λ",
    ),
    "fixed-sphere": _Protocol(
        ("effective_learning_rate", "radius"),
        "on a fixed sphere",
        "SGD with learning rate η_eff r² and no weight decay, before the weights are rescaled",
    ),
}
PROTOCOLS: Mapping[str, Mapping[str, Symbol]] = {
    name: {word: n.NAMES[word] for word in protocol.hyperparameters} for name, protocol in _PROTOCOLS.items()
}


@runtime_checkable
class NamedProtocol(Protocol):
    """A protocol of `dynamics`, or a class of them: it carries the name that stands for it in files."""

    name: str


ProtocolLike: TypeAlias = str | NamedProtocol


def protocol_name(protocol: ProtocolLike) -> str:
    """The name of a protocol that is given by its name or as an object that carries it."""
    return protocol if isinstance(protocol, str) else protocol.name


def schedules(protocol: ProtocolLike) -> tuple[str, ...]:
    """The hyperparameters that a protocol has as functions of the step."""
    words = PROTOCOLS.get(protocol_name(protocol), {})
    return tuple(word for word in words if callable(getattr(protocol, word, None)))


@dataclass(frozen=True)
class SGDModel:
    """SGD under a protocol whose hyperparameters are constants or functions of time, with or without momentum.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere", or an object of that name; the name is kept.
        isotropic: whether the noise is isotropic.
        time_dependent: the names of the hyperparameters that are functions of time.
        momentum: whether SGD has heavy-ball momentum `β`.

    Raises:
        ValueError: there is no such protocol, or a name is not one of its hyperparameters.
    """

    protocol: Any  # what is accepted (a name, or an object that has one) and what is kept (a name) differ
    isotropic: bool = True
    time_dependent: Sequence[str] = ()
    momentum: bool = False

    def __post_init__(self) -> None:
        name = protocol_name(self.protocol)
        if name not in PROTOCOLS:
            called = "" if self.protocol is name else f", whose name is {name!r}"
            raise ValueError(
                f"protocol: got {self.protocol!r}{called}, expected one of {', '.join(map(repr, PROTOCOLS))}, or an "
                f"object of that name, as in FixedLearningRate(0.1, 0.01)"
            )
        object.__setattr__(self, "protocol", name)
        allowed = PROTOCOLS[self.protocol]
        names = [self.time_dependent] if isinstance(self.time_dependent, str) else self.time_dependent
        for name in names:
            if name not in allowed:
                raise ValueError(
                    f"time_dependent: got {name!r}, expected some of {', '.join(map(repr, allowed))} with "
                    f"{self.protocol}, as in time_dependent=({next(iter(allowed))!r},)"
                )
        object.__setattr__(self, "time_dependent", tuple(names))

    def _value(self, name: str) -> Expr:
        symbol = PROTOCOLS[self.protocol][name]
        return n.scheduled(symbol) if name in self.time_dependent else symbol

    @property
    def momentum_factor(self) -> Expr:
        """`1/(1 − β)`, by which momentum multiplies the learning rate."""
        return n.MOMENTUM_FACTOR if self.momentum else sp.S.One

    @property
    def fixes_radius(self) -> bool:
        """Whether every step ends with rescaling the weights to a given radius."""
        return "radius" in PROTOCOLS[self.protocol]

    @property
    def fixes_learning_rate(self) -> bool:
        """Whether the learning rate is given, so that the effective one, η/r², changes with the radius."""
        return "learning_rate" in PROTOCOLS[self.protocol]

    @property
    def learning_rate(self) -> Expr:
        """The learning rate of a step at radius r."""
        if self.fixes_learning_rate:
            return self._value("learning_rate")
        return self._value("effective_learning_rate") * n.RADIUS**2

    @property
    def step_size(self) -> Expr:
        """The coefficient of the gradient in the SDE of the weights: the learning rate, over `1 − β` with momentum."""
        return self.momentum_factor * self.learning_rate

    @property
    def effective_learning_rate(self) -> Expr:
        """`η_eff` in the SDE of the direction: its symbol under a fixed learning rate, where it is `η/r²`."""
        if self.fixes_learning_rate:
            return n.EFFECTIVE_LEARNING_RATE
        return self.momentum_factor * self._value("effective_learning_rate")

    @property
    def weight_decay(self) -> Expr:
        """`λ`; 0 on the sphere."""
        return sp.S.Zero if self.fixes_radius else self._value("weight_decay")

    @property
    def sphere_radius(self) -> Expr:
        """The radius to which the weights are rescaled."""
        return self._value("radius")

    @property
    def frozen(self) -> str:
        """The words that qualify a stationary state where hyperparameters depend on time."""
        return " at frozen hyperparameters" if self.time_dependent else ""

    @property
    def subject(self) -> str:
        """The protocol in words."""
        return f"{'Heavy-ball SGD' if self.momentum else 'SGD'} {_PROTOCOLS[self.protocol].phrase}"

    @property
    def step(self) -> str:
        """A step of the protocol in words."""
        return _PROTOCOLS[self.protocol].step

    @property
    def title(self) -> str:
        """Protocol, noise and schedules in words."""
        words = f"{self.subject} with {'isotropic' if self.isotropic else 'general'} noise"
        if self.time_dependent:
            phrases = " and ".join(DICTIONARY[name].phrase for name in self.time_dependent)
            words += f", where {phrases} may depend on time"
        return words

    def component_check(self, dimension: int, number: int = 0) -> ComponentCheck:
        """The same SGD in explicit components, at the random point of that number."""
        return ComponentCheck(dimension, self.step_size, self.weight_decay, self.isotropic, number)
